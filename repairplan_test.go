package holdfast_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// sameKeptFiles demands that a repair has made a ledger what another one is.
func sameKeptFiles(t *testing.T, want, dir string) {
	t.Helper()
	require.Equal(t, filesOf(t, want), filesOf(t, dir))
}

// smallLedger makes a closed ledger of six records in segments of their own, with
// a snapshot behind the third.
func smallLedger(t *testing.T) (dir string, s snapshotter.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	o := quiet()
	o.SegmentSize = 1
	l := open(t, dir, o)
	buys(t, l, "A", 2)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Seq)
	buys(t, l, "B", 3)
	require.NoError(t, l.Close())
	return dir, s
}

// A lost ledger.json is taken from a copy that is behind, ahead or level, never
// from one that went on by itself or that has nothing in common.
func TestIdentityFromACopy(t *testing.T) {
	dir, _ := smallLedger(t)
	o := quiet()
	o.SegmentSize = 1
	further := func(account string) string {
		to := copyLedger(t, dir)
		l := open(t, to, o)
		buys(t, l, account, 2)
		require.NoError(t, l.Close())
		return to
	}
	longer, other := further("C"), further("D")
	none := t.TempDir()
	require.NoError(t, open(t, none, quiet()).Close())
	lostOf := func(from string) string {
		to := copyLedger(t, from)
		require.NoError(t, os.Remove(filepath.Join(to, "ledger.json")))
		return to
	}
	for _, c := range []struct{ name, ledger, from string }{
		{"level", dir, dir}, {"ahead", dir, longer}, {"behind", longer, dir},
	} {
		lost := lostOf(c.ledger)
		p, err := holdfast.PlanRepair(t.Context(), lost, holdfast.RepairOptions{From: c.from})
		require.NoError(t, err, c.name)
		require.False(t, p.Sound(), c.name)
		require.True(t, p.Whole(), c.name)
		require.Equal(t, "is missing", p.Identity)
		require.Equal(t, c.from, p.IdentityFrom)
		require.Equal(t, readerOf(t, dir).Identity().ID.String(), p.ID)
		require.Equal(t, "main", p.Name)
		p, err = holdfast.Repair(t.Context(), lost, holdfast.RepairOptions{From: c.from})
		require.NoError(t, err, c.name)
		require.True(t, p.Whole(), c.name)
		sameKeptFiles(t, c.ledger, lost)
		kept, err := filepath.Glob(filepath.Join(lost, "quarantine", "ledger.json-*"))
		require.NoError(t, err)
		require.Empty(t, kept, "there was nothing to keep")
	}
	for _, c := range []struct{ name, ledger, from, reason string }{
		{"went on by itself", longer, other, "the copy is of another history"},
		{"empty", dir, none, "have no record in common"},
	} {
		lost := lostOf(c.ledger)
		p, err := holdfast.PlanRepair(t.Context(), lost, holdfast.RepairOptions{From: c.from})
		require.NoError(t, err, c.name)
		require.False(t, p.Whole(), c.name)
		require.Contains(t, p.Identity, "is missing; ")
		require.Contains(t, p.Identity, c.reason)
		require.Empty(t, p.IdentityFrom)
		_, err = holdfast.Repair(t.Context(), lost, holdfast.RepairOptions{From: c.from})
		require.NoError(t, err, c.name)
		require.NoFileExists(t, filepath.Join(lost, "ledger.json"))
	}
	p, err := holdfast.PlanRepair(t.Context(), lostOf(dir), holdfast.RepairOptions{})
	require.NoError(t, err)
	require.Equal(t, "is missing", p.Identity)
	require.Empty(t, p.Name+p.ID, "nothing is known of it")
	_, err = holdfast.PlanRepair(t.Context(), t.TempDir(), holdfast.RepairOptions{})
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "there is no journal either")
}

// Whose a copy is, its identity says, or where that is lost, the chain.
func TestWhoseCopyHeals(t *testing.T) {
	dir, whole, _ := damagedLedger(t)
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 10) },
	} {
		from, mended := fastCopy(t, whole), fastCopy(t, dir)
		require.NoError(t, spoil(filepath.Join(from, "ledger.json")))
		p, err := holdfast.Repair(t.Context(), mended, holdfast.RepairOptions{From: from})
		require.NoError(t, err, name)
		require.True(t, p.Whole(), name)
		sameKeptFiles(t, whole, mended)
	}
	other, _ := smallLedger(t)
	_, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{From: other})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.ErrorContains(t, err, "is a copy of ledger main")
	newer := holdfast.Identity{Format: 2}
	require.NoError(t, newer.WriteAs(other))
	_, err = holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{From: other})
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "a copy of a later build")
}

// A snapshot is a witness of what was durable, if it is ours and can be read.
func TestSnapshotsTellARepairWhatWasThere(t *testing.T) {
	dir, _ := smallLedger(t)
	longer := copyLedger(t, dir)
	l := open(t, longer, quiet())
	buys(t, l, "C", 2)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	put := func(to string) (path string) {
		b, err := os.ReadFile(filepath.Join(longer, "backups", s.Name))
		require.NoError(t, err)
		path = filepath.Join(to, "backups", s.Name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		return path
	}
	plan := func(dir string) *holdfast.RepairPlan {
		p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
		require.NoError(t, err)
		return p
	}
	require.True(t, plan(dir).Sound())
	short := copyLedger(t, dir)
	put(short)
	p := plan(short)
	require.False(t, p.Sound())
	require.Equal(t, s.Seq, p.Durable)
	require.Contains(t, p.DurableBy, "snapshot")

	foreign := copyLedger(t, dir)
	path := put(foreign)
	rewritten(t, foreign, s.Name, func(m *snapshotter.Meta) { m.Ledger[0] ^= 1 })
	require.NoError(t, os.Remove(path))
	require.True(t, plan(foreign).Sound(), "one of another ledger says nothing")
}

// Of the snapshots those are put away that cannot be read, and of an accepted loss
// those that hold what is given up.
func TestSnapshotsThatARepairPutsAway(t *testing.T) {
	dir, s := smallLedger(t)
	cut := copyLedger(t, dir)
	segs := segmentsOf(t, cut)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	for from, want := range map[uint64][]holdfast.RepairSnapshot{
		s.Seq:     {{Name: s.Name, Seq: s.Seq, Reason: "it stands beyond what is kept"}},
		s.Seq + 1: {},
	} {
		mended := fastCopy(t, cut)
		p, err := holdfast.PlanRepair(t.Context(), mended, holdfast.RepairOptions{AcceptLossFrom: from})
		require.NoError(t, err)
		require.Equal(t, want, p.Snapshots)
		require.NotEmpty(t, p.NewID)
		done, err := holdfast.Repair(t.Context(), mended, holdfast.RepairOptions{AcceptLossFrom: from})
		require.NoError(t, err)
		require.Equal(t, p.NewID, done.NewID)
		require.Equal(t, p.Digest, done.Digest)
		require.NotEmpty(t, done.Report)
		v, err := readerOf(t, dir).AsOf(t.Context(), holdfast.Moment{Seq: from - 1})
		require.NoError(t, err)
		require.Equal(t, digestText(v.Digest()), done.Digest)
		id := readerOf(t, mended).Identity()
		require.Equal(t, from-1, id.Parents[0].Seq)
		require.Equal(t, done.Loss.Chain, id.Parents[0].Chain)
		list, err := readerOf(t, mended).Snapshots()
		require.NoError(t, err)
		require.Len(t, list, 1-len(want))
	}
	p, err := holdfast.PlanRepair(t.Context(), cut, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.NotNil(t, p.Loss)
	require.Empty(t, p.NewID, "nothing was accepted")
	require.Empty(t, p.Snapshots)

	flipBody(t, dir, s.Name)
	p, err = holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.False(t, p.Sound())
	require.Len(t, p.Snapshots, 1)
	require.Equal(t, s.Name, p.Snapshots[0].Name)
	require.Equal(t, s.Seq, p.Snapshots[0].Seq)
	require.Contains(t, p.Snapshots[0].Reason, "damaged")
	bad, err := os.ReadFile(filepath.Join(dir, "backups", s.Name))
	require.NoError(t, err)
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "backups", s.Name))
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"+s.Name+"*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	b, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, bad, b)
	p, err = holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.True(t, p.Sound())
}

// A refusal is in the plan as well, whoever refuses, and nothing was done.
func TestRefusalIsInThePlan(t *testing.T) {
	dir, base := ledgerOnBase(t)
	flipBody(t, dir, base.Name)
	segs := segmentsOf(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	before := filesOf(t, dir)
	o := holdfast.RepairOptions{AcceptLossFrom: p.Loss.Least}
	for _, do := range []func() (*holdfast.RepairPlan, error){
		func() (*holdfast.RepairPlan, error) { return holdfast.PlanRepair(t.Context(), dir, o) },
		func() (*holdfast.RepairPlan, error) { return holdfast.Repair(t.Context(), dir, o) },
	} {
		p, err = do()
		require.ErrorIs(t, err, holdfast.ErrRefused)
		require.ErrorIs(t, err, holdfast.ErrTrimmed)
		require.ErrorIs(t, err, snapshotter.ErrDamaged, "and why there is none")
		require.Contains(t, p.Refused, "no usable snapshot")
		require.False(t, p.Whole())
		require.Equal(t, before, filesOf(t, dir))
	}
}

// A repair holds the ledger and says who it is. An identity that it cannot write
// is told, and the next repair makes good what it left.
func TestRepairHoldsTheLedger(t *testing.T) {
	dir, s := smallLedger(t)
	segs := segmentsOf(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	path := filepath.Join(dir, "ledger.json")
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	since := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	o := holdfast.RepairOptions{AcceptLossFrom: s.Seq + 1, Verb: "mending", Now: func() time.Time { return since }}
	held := 0
	o.Step = func(name string) error {
		_, openErr := holdfast.Open(testContext(), dir, quiet())
		var who *journal.InUseError
		if name == "keep identity" {
			require.ErrorAs(t, openErr, &who)
			require.Equal(t, "mending", who.Holder.Verb)
			require.Equal(t, since, who.Holder.Since)
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
			held++
		}
		return nil
	}
	_, err = holdfast.Repair(t.Context(), dir, o)
	require.Error(t, err)
	require.Equal(t, 1, held)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, good, 0o600))
	o.Step = nil
	p, err := holdfast.Repair(t.Context(), dir, o)
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, s.Seq, open(t, dir, quiet()).View().Seq())
}

// One repair makes good all that is damaged, and keeps all that it replaces.
func TestIdentityAndSnapshotInOneRepair(t *testing.T) {
	dir, s := smallLedger(t)
	whole := copyLedger(t, dir)
	flipBody(t, dir, s.Name)
	path := filepath.Join(dir, "ledger.json")
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	p, err := holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.NoFileExists(t, filepath.Join(dir, "backups", s.Name))
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "ledger.json-*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	b, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, "torn", string(b))
	p, err = holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.True(t, p.Sound())
}

// A loss may begin right behind a snapshot that nothing else stands before, and
// what another ledger's snapshot holds is none of it.
func TestLossRightBehindASnapshot(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, single(2))
	var all []snapshotter.Snapshot
	for _, account := range []string{"A", "B"} {
		buys(t, l, account, 4)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		all = append(all, s)
	}
	buys(t, l, "C", 3)
	require.NoError(t, l.Prune())
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "backups", all[0].Name)))
	foreign := rewritten(t, dir, all[1].Name, func(m *snapshotter.Meta) { m.Ledger[0] ^= 1; m.Seq += 2 })
	segs := segmentsOf(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	p, err := holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: all[1].Seq + 1})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Empty(t, p.Snapshots)
	require.Equal(t, digestText(all[1].Digest), p.Digest)
	require.FileExists(t, filepath.Join(dir, "backups", foreign.Name))
}

// As long as a loss is not accepted, what stands behind it stays.
func TestSnapshotBehindDamageStays(t *testing.T) {
	dir, s := smallLedger(t)
	require.NoError(t, os.Truncate(segmentsOf(t, dir)[1], 40))
	for _, do := range []func(context.Context, string, holdfast.RepairOptions) (*holdfast.RepairPlan, error){
		holdfast.PlanRepair, holdfast.Repair,
	} {
		p, err := do(t.Context(), dir, holdfast.RepairOptions{})
		require.NoError(t, err)
		require.Less(t, p.Loss.Least, s.Seq)
		require.Empty(t, p.Snapshots)
		require.FileExists(t, filepath.Join(dir, "backups", s.Name))
	}
}

// While damage of the journal stays, so does a snapshot that cannot be read: it may
// be the evidence of what is missing.
func TestDamagedSnapshotStaysWithTheDamage(t *testing.T) {
	dir, s := smallLedger(t)
	require.NoError(t, os.Truncate(segmentsOf(t, dir)[1], 40))
	flipBody(t, dir, s.Name)
	before := filesOf(t, dir)
	p, err := holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	require.False(t, p.Whole())
	require.Len(t, p.Snapshots, 1)
	require.Equal(t, before, filesOf(t, dir))
}

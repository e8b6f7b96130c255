package repair_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/repair"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// sameKeptFiles demands that a repair has made a ledger what another one is.
func sameKeptFiles(t *testing.T, want, dir string) {
	t.Helper()
	require.Equal(t, ledgertest.Files(t, want), ledgertest.Files(t, dir))
}

// A lost ledger.json is taken from a copy that is behind, ahead or level, never
// from one that went on by itself or that has nothing in common.
func TestIdentityFromACopy(t *testing.T) {
	dir, _ := ledgertest.Small(t)
	o := ledgertest.Quiet()
	o.SegmentSize = 1
	further := func(account string) string {
		to := ledgertest.Copy(t, dir)
		l := ledgertest.Open(t, to, o)
		ledgertest.Buys(t, l, account, 2)
		require.NoError(t, l.Close())
		return to
	}
	longer, other := further("C"), further("D")
	none := t.TempDir()
	require.NoError(t, ledgertest.Open(t, none, ledgertest.Quiet()).Close())
	lostOf := func(from string) string {
		to := ledgertest.Copy(t, from)
		require.NoError(t, os.Remove(filepath.Join(to, "ledger.json")))
		return to
	}
	for _, c := range []struct{ name, ledger, from string }{
		{"level", dir, dir}, {"ahead", dir, longer}, {"behind", longer, dir},
	} {
		lost := lostOf(c.ledger)
		p, err := repair.Diagnose(t.Context(), lost, repair.Options{From: c.from})
		require.NoError(t, err, c.name)
		require.False(t, p.Sound(), c.name)
		require.True(t, p.Whole(), c.name)
		require.Equal(t, "is missing", p.Identity)
		require.Equal(t, c.from, p.IdentityFrom)
		require.Equal(t, ledgertest.OpenReader(t, dir).Identity().ID.String(), p.ID)
		require.Equal(t, "main", p.Name)
		p, err = repair.Do(t.Context(), lost, repair.Options{From: c.from})
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
		p, err := repair.Diagnose(t.Context(), lost, repair.Options{From: c.from})
		require.NoError(t, err, c.name)
		require.False(t, p.Whole(), c.name)
		require.Contains(t, p.Identity, "is missing; ")
		require.Contains(t, p.Identity, c.reason)
		require.Empty(t, p.IdentityFrom)
		_, err = repair.Do(t.Context(), lost, repair.Options{From: c.from})
		require.NoError(t, err, c.name)
		require.NoFileExists(t, filepath.Join(lost, "ledger.json"))
	}
	p, err := repair.Diagnose(t.Context(), lostOf(dir), repair.Options{})
	require.NoError(t, err)
	require.Equal(t, "is missing", p.Identity)
	require.Empty(t, p.Name+p.ID, "nothing is known of it")
	_, err = repair.Diagnose(t.Context(), t.TempDir(), repair.Options{})
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "there is no journal either")
}

// A copy's identity says whose it is; where that is lost, its chain does.
func TestWhoseCopyHeals(t *testing.T) {
	dir, whole, _ := ledgertest.Damaged(t)
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 10) },
	} {
		from, mended := ledgertest.CopyInMemory(t, whole), ledgertest.CopyInMemory(t, dir)
		require.NoError(t, spoil(filepath.Join(from, "ledger.json")))
		p, err := repair.Do(t.Context(), mended, repair.Options{From: from})
		require.NoError(t, err, name)
		require.True(t, p.Whole(), name)
		sameKeptFiles(t, whole, mended)
	}
	other, _ := ledgertest.Small(t)
	_, err := repair.Diagnose(t.Context(), dir, repair.Options{From: other})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.ErrorContains(t, err, "is a copy of ledger main")
	newer := holdfast.Identity{Format: 3}
	require.NoError(t, archive.WriteIdentity(newer, other))
	_, err = repair.Diagnose(t.Context(), dir, repair.Options{From: other})
	require.ErrorIs(t, err, holdfast.ErrNotLedger, "a copy of a later build")
}

// A snapshot is a witness of what was durable, if it is ours and can be read.
func TestSnapshotsTellARepairWhatWasThere(t *testing.T) {
	dir, _ := ledgertest.Small(t)
	longer := ledgertest.Copy(t, dir)
	l := ledgertest.Open(t, longer, ledgertest.Quiet())
	ledgertest.Buys(t, l, "C", 2)
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
	plan := func(dir string) *repair.Plan {
		p, err := repair.Diagnose(t.Context(), dir, repair.Options{})
		require.NoError(t, err)
		return p
	}
	require.True(t, plan(dir).Sound())
	short := ledgertest.Copy(t, dir)
	put(short)
	p := plan(short)
	require.False(t, p.Sound())
	require.Equal(t, s.Seq, p.Durable)
	require.Contains(t, p.DurableBy, "snapshot")

	foreign := ledgertest.Copy(t, dir)
	path := put(foreign)
	ledgertest.RewriteSnapshot(t, foreign, s.Name, ledgertest.OfAnother)
	require.NoError(t, os.Remove(path))
	require.True(t, plan(foreign).Sound(), "one of another ledger says nothing")
}

// Of the snapshots those are put away that cannot be read, and of an accepted loss
// those that hold what is given up.
func TestSnapshotsThatARepairPutsAway(t *testing.T) {
	dir, s := ledgertest.Small(t)
	cut := ledgertest.Copy(t, dir)
	segs := ledgertest.Segments(t, cut)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	for from, want := range map[uint64][]repair.Snapshot{
		s.Seq:     {{Name: s.Name, Seq: s.Seq, Reason: "it stands beyond what is kept"}},
		s.Seq + 1: {},
	} {
		mended := ledgertest.CopyInMemory(t, cut)
		p, err := repair.Diagnose(t.Context(), mended, repair.Options{AcceptLossFrom: from})
		require.NoError(t, err)
		require.Equal(t, want, p.Snapshots)
		require.NotEmpty(t, p.NewID)
		done, err := repair.Do(t.Context(), mended, repair.Options{AcceptLossFrom: from})
		require.NoError(t, err)
		require.Equal(t, p.NewID, done.NewID)
		require.Equal(t, p.Digest, done.Digest)
		require.NotEmpty(t, done.Report)
		v, err := ledgertest.OpenReader(t, dir).AsOf(t.Context(), holdfast.Moment{Seq: from - 1})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%x", v.Digest()), done.Digest)
		id := ledgertest.OpenReader(t, mended).Identity()
		require.Equal(t, from-1, id.Parents[0].Seq)
		require.Equal(t, done.Loss.Chain, id.Parents[0].Chain)
		list, err := ledgertest.OpenReader(t, mended).Snapshots()
		require.NoError(t, err)
		require.Len(t, list, 1-len(want))
	}
	p, err := repair.Diagnose(t.Context(), cut, repair.Options{})
	require.NoError(t, err)
	require.NotNil(t, p.Loss)
	require.Empty(t, p.NewID, "nothing was accepted")
	require.Empty(t, p.Snapshots)

	ledgertest.FlipSnapshotBody(t, dir, s.Name)
	p, err = repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	require.False(t, p.Sound())
	require.Len(t, p.Snapshots, 1)
	require.Equal(t, s.Name, p.Snapshots[0].Name)
	require.Equal(t, s.Seq, p.Snapshots[0].Seq)
	require.Contains(t, p.Snapshots[0].Reason, "damaged")
	bad, err := os.ReadFile(filepath.Join(dir, "backups", s.Name))
	require.NoError(t, err)
	_, err = repair.Do(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "backups", s.Name))
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*"+s.Name+"*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	b, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, bad, b)
	p, err = repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	require.True(t, p.Sound())
}

// A refusal is in the plan as well, whoever refuses, and nothing was done.
func TestRefusalIsInThePlan(t *testing.T) {
	dir, base := ledgertest.OnBase(t)
	ledgertest.FlipSnapshotBody(t, dir, base.Name)
	segs := ledgertest.Segments(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	p, err := repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	before := ledgertest.Files(t, dir)
	o := repair.Options{AcceptLossFrom: p.Loss.Least}
	for _, do := range []func() (*repair.Plan, error){
		func() (*repair.Plan, error) { return repair.Diagnose(t.Context(), dir, o) },
		func() (*repair.Plan, error) { return repair.Do(t.Context(), dir, o) },
	} {
		p, err = do()
		require.ErrorIs(t, err, holdfast.ErrRefused)
		require.ErrorIs(t, err, holdfast.ErrTrimmed)
		require.ErrorIs(t, err, snapshotter.ErrDamaged, "and why there is none")
		require.Contains(t, p.Refused, "no usable snapshot")
		require.False(t, p.Whole())
		require.Equal(t, before, ledgertest.Files(t, dir))
	}
}

// A repair holds the ledger and says who it is. An identity that it cannot write
// is told, and the next repair makes good what it left.
func TestRepairHoldsTheLedger(t *testing.T) {
	dir, s := ledgertest.Small(t)
	segs := ledgertest.Segments(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	path := filepath.Join(dir, "ledger.json")
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	since := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	o := repair.Options{AcceptLossFrom: s.Seq + 1, Verb: "mending", Now: func() time.Time { return since }}
	held := 0
	o.Step = func(name string) error {
		_, openErr := holdfast.Open(context.WithoutCancel(t.Context()), dir, ledgertest.Quiet())
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
	_, err = repair.Do(t.Context(), dir, o)
	require.Error(t, err)
	require.Equal(t, 1, held)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, good, 0o600))
	o.Step = nil
	p, err := repair.Do(t.Context(), dir, o)
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, s.Seq, ledgertest.Open(t, dir, ledgertest.Quiet()).View().Seq())
}

// One repair makes good all that is damaged, and keeps all that it replaces.
func TestIdentityAndSnapshotInOneRepair(t *testing.T) {
	dir, s := ledgertest.Small(t)
	whole := ledgertest.Copy(t, dir)
	ledgertest.FlipSnapshotBody(t, dir, s.Name)
	path := filepath.Join(dir, "ledger.json")
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	p, err := repair.Do(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.NoFileExists(t, filepath.Join(dir, "backups", s.Name))
	kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "ledger.json-*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	b, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, "torn", string(b))
	p, err = repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	require.True(t, p.Sound())
}

// A loss may begin right behind a snapshot that nothing else stands before, and
// what another ledger's snapshot holds is none of it.
func TestLossRightBehindASnapshot(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.RecordPerSegment(2))
	var all []snapshotter.Snapshot
	for _, account := range []string{"A", "B"} {
		ledgertest.Buys(t, l, account, 4)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		all = append(all, s)
	}
	ledgertest.Buys(t, l, "C", 3)
	require.NoError(t, l.Prune())
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "backups", all[0].Name)))
	foreign := ledgertest.RewriteSnapshot(t, dir, all[1].Name, func(m *snapshotter.Meta) { ledgertest.OfAnother(m); m.Seq += 2 })
	segs := ledgertest.Segments(t, dir)
	require.NoError(t, os.Truncate(segs[len(segs)-1], 40))
	p, err := repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: all[1].Seq + 1})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Empty(t, p.Snapshots)
	require.Equal(t, fmt.Sprintf("%x", all[1].Digest), p.Digest)
	require.FileExists(t, filepath.Join(dir, "backups", foreign.Name))
}

// As long as a loss is not accepted, what stands behind it stays.
func TestSnapshotBehindDamageStays(t *testing.T) {
	dir, s := ledgertest.Small(t)
	require.NoError(t, os.Truncate(ledgertest.Segments(t, dir)[1], 40))
	for _, do := range []func(context.Context, string, repair.Options) (*repair.Plan, error){
		repair.Diagnose, repair.Do,
	} {
		p, err := do(t.Context(), dir, repair.Options{})
		require.NoError(t, err)
		require.Less(t, p.Loss.Least, s.Seq)
		require.Empty(t, p.Snapshots)
		require.FileExists(t, filepath.Join(dir, "backups", s.Name))
	}
}

// While damage of the journal stays, so does a snapshot that cannot be read: it may
// be the evidence of what is missing.
func TestDamagedSnapshotStaysWithTheDamage(t *testing.T) {
	dir, s := ledgertest.Small(t)
	require.NoError(t, os.Truncate(ledgertest.Segments(t, dir)[1], 40))
	ledgertest.FlipSnapshotBody(t, dir, s.Name)
	before := ledgertest.Files(t, dir)
	p, err := repair.Do(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	require.False(t, p.Whole())
	require.Len(t, p.Snapshots, 1)
	require.Equal(t, before, ledgertest.Files(t, dir))
}

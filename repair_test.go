package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

var errCut = errors.New("the process ended here")

// damagedLedger makes a ledger with a snapshot before and one behind the record
// at which its journal is then broken. It returns a copy of what it was, and the
// first seq that cannot be kept.
func damagedLedger(t *testing.T) (dir, whole string, broken uint64) {
	t.Helper()
	return damagedUnder(t, quiet())
}

func damagedUnder(t *testing.T, o holdfast.Options) (dir, whole string, broken uint64) {
	t.Helper()
	dir = t.TempDir()
	o.SegmentSize = 8 << 10
	l := open(t, dir, o)
	ms := randomFills(40, 300)
	applyAll(t, l, ms[:60])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	applyAll(t, l, ms[60:240])
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	applyAll(t, l, ms[240:])
	require.NoError(t, l.Close())
	whole = copyLedger(t, dir)
	segs := segmentsOf(t, dir)
	require.Greater(t, len(segs), 4)
	b, err := os.ReadFile(segs[len(segs)/2])
	require.NoError(t, err)
	for i := range 90 {
		b[len(b)/2+i] = 0
	}
	require.NoError(t, os.WriteFile(segs[len(segs)/2], b, 0o600))
	_, err = holdfast.Open(t.Context(), dir, o)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Contains(t, bad.Plan, "holdfast repair --plan")
	return dir, whole, bad.Seq
}

// fastCopy is copyLedger in memory, where there is one: what is tried by the
// hundred is the order of steps, not the disk.
func fastCopy(t *testing.T, from string) string {
	t.Helper()
	to, err := os.MkdirTemp("/dev/shm", "holdfast-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		to = t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(to)) })
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// filesOf are the files of a ledger but those in quarantine, and LOCK.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || name == "LOCK" || strings.HasPrefix(name, "quarantine") {
			return err
		}
		b, err := os.ReadFile(path)
		out[name] = fmt.Sprintf("%d %08x", len(b), journalSum(b))
		return err
	}))
	return out
}

func journalSum(b []byte) (sum uint32) {
	for _, c := range b {
		sum = sum*16777619 ^ uint32(c)
	}
	return sum
}

func TestRepairHealsFromACopy(t *testing.T) {
	dir, whole, _ := damagedLedger(t)
	want := digest(open(t, copyLedger(t, whole), quiet()))
	p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.False(t, p.Sound())
	require.True(t, p.Whole())
	p, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, filesOf(t, whole), filesOf(t, dir))
	l := open(t, dir, quiet())
	require.Equal(t, want, digest(l))
	rep, err := l.Verify(t.Context(), holdfast.VerifyOptions{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{})
	require.ErrorIs(t, err, holdfast.ErrInUse)
}

// An accepted loss is a new lineage in place; an older snapshot stays usable,
// one of what was given up is put away, and the stream of the parent is left
// alone until it is asked for.
func TestAcceptedLossBeginsALineage(t *testing.T) {
	dir, whole, broken := damagedLedger(t)
	s := startServer(t, scratch.Dir(t))
	o := quiet()
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	l := open(t, copyLedger(t, whole), o)
	caughtUp(t, l)
	old := l.Identity()
	at, err := l.AsOf(t.Context(), holdfast.Moment{Seq: broken - 1})
	require.NoError(t, err)
	require.NoError(t, l.Close())

	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken + 1})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	before := filesOf(t, dir)
	p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.Equal(t, before, filesOf(t, dir))
	require.Equal(t, broken, p.Loss.Least)
	require.Len(t, p.Snapshots, 1, "the one behind the cut")
	done, err := holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.True(t, done.Whole())
	require.Equal(t, p.NewID, done.NewID)
	require.Equal(t, fmt.Sprintf("%x", at.Digest()), done.Digest)

	l = open(t, dir, o)
	require.Equal(t, at.Digest(), digest(l))
	require.Equal(t, done.NewID, l.Identity().ID.String())
	require.Equal(t, old.ID, l.Identity().Parents[0].Ledger)
	require.Equal(t, broken-1, l.Identity().Parents[0].Seq)
	require.Equal(t, old.Name, l.Identity().Name)
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 1)
	rep, err := l.Verify(t.Context(), holdfast.VerifyOptions{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	for _, n := range rep.Notices {
		require.NotContains(t, n.Reason, "another ledger")
	}
	require.Eventually(t, func() bool { return l.Relay().Status().State == bus.StateStopped }, 60*time.Second, 5*time.Millisecond)
	require.Contains(t, l.Relay().Status().Err, "holdfast bus rebuild")
	require.NoError(t, l.Relay().Rebuild(t.Context()))
	_, err = l.Apply(t.Context(), fill("after", "A", "I", position.Buy, "1", "1"))
	require.NoError(t, err)
	caughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	streamEqualsJournal(t, nc, dir)
	require.NoError(t, l.Close())

	// A copy of the parent still heals what is as old as that.
	segs := segmentsOf(t, dir)
	require.NoError(t, os.Remove(segs[0]))
	p, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, at.Seq()+2, open(t, dir, quiet()).View().Seq()) // the epoch's record, and one fill
}

// An encrypted ledger heals without its key; what it begins again with after an
// accepted loss is derived with it.
func TestRepairOfAnEncryptedLedger(t *testing.T) {
	keys := keyring.New(masterKey(t, 1))
	dir, whole, _ := damagedUnder(t, encrypted(keys))
	healed := copyLedger(t, dir)
	p, err := holdfast.Repair(t.Context(), healed, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, digest(open(t, whole, encrypted(keys))), digest(open(t, healed, encrypted(keys))))

	p, err = holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	broken := p.Loss.Least
	before := filesOf(t, dir)
	for _, given := range []*keyring.Ring{nil, keyring.New(masterKey(t, 9))} {
		_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken, Keys: given})
		require.ErrorIs(t, err, holdfast.ErrNoKey)
		require.Equal(t, before, filesOf(t, dir))
	}
	p, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken, Keys: keys})
	require.NoError(t, err)
	require.True(t, p.Whole())
	l := open(t, dir, encrypted(keys))
	require.Equal(t, p.Digest, fmt.Sprintf("%x", digest(l)))
}

// What was repaired is announced by the next opening, and by no later one.
func TestRepairIsAnnounced(t *testing.T) {
	dir, _, broken := damagedLedger(t)
	_, err := holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken})
	require.NoError(t, err)
	s := startServer(t, scratch.Dir(t))
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	sub, err := nc.SubscribeSync("holdfast.ops.v1.main.>")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	o := quiet()
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	repaired := 0
	for range 2 {
		l := open(t, dir, o)
		_, err = l.Verify(t.Context(), holdfast.VerifyOptions{})
		require.NoError(t, err)
		for {
			m, err := sub.NextMsgWithContext(t.Context())
			require.NoError(t, err)
			if strings.HasSuffix(m.Subject, "state.repaired") {
				require.Contains(t, string(m.Data), "loss accepted")
				repaired++
			}
			if strings.HasSuffix(m.Subject, "state.validated") {
				break
			}
		}
		require.NoError(t, l.Close())
	}
	require.Equal(t, 1, repaired)
}

// A crash between any two steps leaves a ledger that Open refuses, or the one
// that comes of it; however often it is interrupted, the end is the same.
func TestAcceptedLossSurvivesItsOwnCrashes(t *testing.T) {
	dir, _, broken := damagedLedger(t)
	names, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	slices.Sort(names)
	for name, c := range map[string]struct {
		from    uint64
		prepare func(dir string)
	}{
		"journal": {from: broken, prepare: func(string) {}},
		"with a damaged snapshot": {from: broken - 20, prepare: func(dir string) {
			path := filepath.Join(dir, "backups", filepath.Base(names[0]))
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[len(b)/2] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(dir string, crashAt int) (steps int, err error) {
				_, err = holdfast.Repair(testContext(), dir, holdfast.RepairOptions{AcceptLossFrom: c.from, Step: func(string) error {
					if steps++; steps == crashAt {
						return errCut
					}
					return nil
				}})
				return steps, err
			}
			origin := fastCopy(t, dir)
			c.prepare(origin)
			done := fastCopy(t, origin)
			steps, err := run(done, 0)
			require.NoError(t, err)
			want := filesOf(t, done)
			require.NoError(t, os.Remove(filepath.Join(done, "LOCK")))
			require.Equal(t, c.from-1, open(t, done, quiet()).View().Seq())
			for first := 1; first <= steps; first++ {
				for second := 0; second <= steps; second += stride(11) {
					dir := fastCopy(t, origin)
					for _, n := range []int{first, second} {
						if _, err := run(dir, n); err != nil {
							require.ErrorIs(t, err, errCut)
						}
						scratch := fastCopy(t, dir)
						l, err := holdfast.Open(t.Context(), scratch, quiet())
						if err == nil {
							require.NoError(t, l.Close())
							require.Equal(t, want, filesOf(t, dir), "opened before it was done: step %d", n)
							continue
						}
						require.ErrorIs(t, err, holdfast.ErrDamaged)
					}
					_, err := run(dir, 0)
					require.NoError(t, err)
					require.Equal(t, want, filesOf(t, dir), "steps %d and %d", first, second)
				}
			}
			t.Logf("%d steps", steps)
		})
	}
}

// Without a state to begin with nothing is given up.
func TestLossNeedsAState(t *testing.T) {
	dir := t.TempDir()
	o := quiet()
	o.SegmentSize, o.Retain, o.SnapshotKeep = 8<<10, -1, 1
	l := open(t, dir, o)
	ms := randomFills(41, 400)
	applyAll(t, l, ms[:200])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	applyAll(t, l, ms[200:])
	first := l.View().Seq()
	require.NoError(t, l.Close())
	segs := segmentsOf(t, dir)
	info, err := os.Stat(segs[len(segs)-1])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(segs[len(segs)-1], info.Size()-3))
	names, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	good, err := os.ReadFile(names[0])
	require.NoError(t, err)
	require.NoError(t, os.Remove(names[0]))
	before := filesOf(t, dir)
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: first})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.ErrorContains(t, err, "no usable snapshot")
	require.Equal(t, before, filesOf(t, dir))
	require.NoError(t, os.WriteFile(names[0], good, 0o600))
	p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{})
	require.NoError(t, err)
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: p.First})
	require.ErrorIs(t, err, holdfast.ErrRefused, "below the base of the snapshot")
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: p.Loss.Least})
	require.NoError(t, err)
	require.Equal(t, p.Loss.Least-1, open(t, dir, quiet()).View().Seq())
}

// ledger.json comes from a copy that has the same records, and from no other.
func TestRepairOfTheIdentity(t *testing.T) {
	dir, whole, broken := damagedLedger(t)
	path := filepath.Join(dir, "ledger.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b[:len(b)-9], 0o600))
	other := t.TempDir()
	l := open(t, other, quiet())
	applyAll(t, l, randomFills(50, 30))
	require.NoError(t, l.Close())

	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken})
	require.ErrorIs(t, err, holdfast.ErrRefused, "of an unknown ledger nothing is given up")
	p, err := holdfast.PlanRepair(t.Context(), dir, holdfast.RepairOptions{From: other})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.Empty(t, p.IdentityFrom)
	p, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, filesOf(t, whole), filesOf(t, dir))

	// After a loss was accepted, the parent's identity is not ours any more.
	dir, whole, broken = damagedLedger(t)
	_, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "ledger.json")))
	p, err = holdfast.Repair(t.Context(), dir, holdfast.RepairOptions{From: whole})
	require.NoError(t, err)
	require.False(t, p.Whole())
	require.NoFileExists(t, filepath.Join(dir, "ledger.json"))
}

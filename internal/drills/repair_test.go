package drills_test

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
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/repair"
)

var errCut = errors.New("the process ended here")

func TestRepairHealsFromACopy(t *testing.T) {
	dir, whole, _ := ledgertest.Damaged(t)
	want := ledgertest.Digest(ledgertest.Open(t, ledgertest.Copy(t, whole), ledgertest.Quiet()))
	p, err := repair.Diagnose(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.False(t, p.Sound())
	require.True(t, p.Whole())
	p, err = repair.Do(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, ledgertest.Files(t, whole), ledgertest.Files(t, dir))
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	require.Equal(t, want, ledgertest.Digest(l))
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	_, err = repair.Do(t.Context(), dir, repair.Options{})
	require.ErrorIs(t, err, holdfast.ErrInUse)
}

// An accepted loss is a new lineage in place; an older snapshot stays usable,
// one of what was given up is put away, and the stream of the parent is left
// alone until it is asked for.
func TestAcceptedLossBeginsALineage(t *testing.T) {
	dir, whole, broken := ledgertest.Damaged(t)
	s := ledgertest.StartServer(t, scratch.Dir(t))
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	l := ledgertest.Open(t, ledgertest.Copy(t, whole), o)
	ledgertest.CaughtUp(t, l)
	old := l.Identity()
	at, err := l.AsOf(t.Context(), holdfast.Moment{Seq: broken - 1})
	require.NoError(t, err)
	require.NoError(t, l.Close())

	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken + 1})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	before := ledgertest.Files(t, dir)
	p, err := repair.Diagnose(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.Equal(t, before, ledgertest.Files(t, dir))
	require.Equal(t, broken, p.Loss.Least)
	require.Len(t, p.Snapshots, 1, "the one behind the cut")
	done, err := repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.True(t, done.Whole())
	require.Equal(t, p.NewID, done.NewID)
	require.Equal(t, fmt.Sprintf("%x", at.Digest()), done.Digest)

	l = ledgertest.Open(t, dir, o)
	require.Equal(t, at.Digest(), ledgertest.Digest(l))
	require.Equal(t, done.NewID, l.Identity().ID.String())
	require.Equal(t, old.ID, l.Identity().Parents[0].Ledger)
	require.Equal(t, broken-1, l.Identity().Parents[0].Seq)
	require.Equal(t, old.Name, l.Identity().Name)
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 1)
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	for _, n := range rep.Notices {
		require.NotContains(t, n.Reason, "another ledger")
	}
	require.Eventually(t, func() bool { return l.Relay().Status().State == bus.StateStopped }, 60*time.Second, 5*time.Millisecond)
	require.Contains(t, l.Relay().Status().Err, "until a rebuild deletes it")
	require.NoError(t, l.Relay().Rebuild(t.Context()))
	_, err = l.Apply(t.Context(), ledgertest.Fill("after", "A", "I", position.Buy, "1", "1"))
	require.NoError(t, err)
	ledgertest.CaughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	ledgertest.StreamEqualsJournal(t, nc, dir)
	require.NoError(t, l.Close())

	// A copy of the parent still heals what is as old as that.
	segs := ledgertest.Segments(t, dir)
	require.NoError(t, os.Remove(segs[0]))
	p, err = repair.Do(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, at.Seq()+2, ledgertest.Open(t, dir, ledgertest.Quiet()).View().Seq()) // the epoch's record, and one fill
}

// An encrypted ledger heals without its key; what it begins again with after an
// accepted loss is derived with it.
func TestRepairOfAnEncryptedLedger(t *testing.T) {
	keys := keyring.New(ledgertest.MasterKey(t, 1))
	dir, whole, _ := ledgertest.DamagedUnder(t, encrypted(keys))
	healed := ledgertest.Copy(t, dir)
	p, err := repair.Do(t.Context(), healed, repair.Options{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, ledgertest.Digest(ledgertest.Open(t, whole, encrypted(keys))), ledgertest.Digest(ledgertest.Open(t, healed, encrypted(keys))))

	p, err = repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	broken := p.Loss.Least
	before := ledgertest.Files(t, dir)
	for _, given := range []*keyring.Ring{nil, keyring.New(ledgertest.MasterKey(t, 9))} {
		_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken, Keys: given})
		require.ErrorIs(t, err, holdfast.ErrNoKey)
		require.Equal(t, before, ledgertest.Files(t, dir))
	}
	p, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken, Keys: keys})
	require.NoError(t, err)
	require.True(t, p.Whole())
	l := ledgertest.Open(t, dir, encrypted(keys))
	require.Equal(t, p.Digest, fmt.Sprintf("%x", ledgertest.Digest(l)))
}

// The opening after a repair announces it, and no later one does.
func TestRepairIsAnnounced(t *testing.T) {
	dir, _, broken := ledgertest.Damaged(t)
	_, err := repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.NoError(t, err)
	s := ledgertest.StartServer(t, scratch.Dir(t))
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	sub, err := nc.SubscribeSync("holdfast.ops.v1.main.>")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	repaired := 0
	for range 2 {
		l := ledgertest.Open(t, dir, o)
		_, err = l.Verify(t.Context(), audit.Options{})
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
	dir, whole, broken := ledgertest.Damaged(t)
	names, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	slices.Sort(names)
	log, err := journal.OpenReader(whole)
	require.NoError(t, err)
	var before uint64 // where a batch ends
	for rec, err := range log.Stored().Records(1) {
		require.NoError(t, err)
		if rec.Seq < broken-20 && rec.Flags&journal.More == 0 {
			before = rec.Seq
		}
	}
	for name, c := range map[string]struct {
		from    uint64
		prepare func(dir string)
	}{
		"journal": {from: broken, prepare: func(string) {}},
		"with a damaged snapshot": {from: before + 1, prepare: func(dir string) {
			path := filepath.Join(dir, "backups", filepath.Base(names[0]))
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[ledgertest.BodyOf(b)+20] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			run := func(dir string, crashAt int) (steps int, err error) {
				_, err = repair.Do(context.WithoutCancel(t.Context()), dir, repair.Options{AcceptLossFrom: c.from, Step: func(string) error {
					if steps++; steps == crashAt {
						return errCut
					}
					return nil
				}})
				return steps, err
			}
			origin := ledgertest.CopyInMemory(t, dir)
			c.prepare(origin)
			done := ledgertest.CopyInMemory(t, origin)
			steps, err := run(done, 0)
			require.NoError(t, err)
			want := ledgertest.Files(t, done)
			require.NoError(t, os.Remove(filepath.Join(done, "LOCK")))
			require.Equal(t, c.from-1, ledgertest.Open(t, done, ledgertest.Quiet()).View().Seq())
			for first := 1; first <= steps; first++ {
				for second := 0; second <= steps; second += ledgertest.Stride(11) {
					dir := ledgertest.CopyInMemory(t, origin)
					for _, n := range []int{first, second} {
						if _, err := run(dir, n); err != nil {
							require.ErrorIs(t, err, errCut)
						}
						scratch := ledgertest.CopyInMemory(t, dir)
						l, err := holdfast.Open(t.Context(), scratch, ledgertest.Quiet())
						if err == nil {
							require.NoError(t, l.Close())
							require.Equal(t, want, ledgertest.Files(t, dir), "opened before it was done: step %d", n)
							continue
						}
						require.ErrorIs(t, err, holdfast.ErrDamaged)
					}
					_, err := run(dir, 0)
					require.NoError(t, err)
					require.Equal(t, want, ledgertest.Files(t, dir), "steps %d and %d", first, second)
				}
			}
			t.Logf("%d steps", steps)
		})
	}
}

// Without a state to begin with nothing is given up.
func TestLossNeedsAState(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize, o.Retain, o.SnapshotKeep = 8<<10, -1, 1
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(41, 400)
	ledgertest.ApplyAll(t, l, ms[:200])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, ms[200:])
	first := l.View().Seq()
	require.NoError(t, l.Close())
	segs := ledgertest.Segments(t, dir)
	info, err := os.Stat(segs[len(segs)-1])
	require.NoError(t, err)
	require.NoError(t, os.Truncate(segs[len(segs)-1], info.Size()-3))
	names, err := filepath.Glob(filepath.Join(dir, "backups", "*.snap"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	good, err := os.ReadFile(names[0])
	require.NoError(t, err)
	require.NoError(t, os.Remove(names[0]))
	before := ledgertest.Files(t, dir)
	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: first})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.ErrorContains(t, err, "no usable snapshot")
	require.Equal(t, before, ledgertest.Files(t, dir))
	require.NoError(t, os.WriteFile(names[0], good, 0o600))
	p, err := repair.Diagnose(t.Context(), dir, repair.Options{})
	require.NoError(t, err)
	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: p.First})
	require.ErrorIs(t, err, holdfast.ErrRefused, "below the base of the snapshot")
	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: p.Loss.Least})
	require.NoError(t, err)
	require.Equal(t, p.Loss.Least-1, ledgertest.Open(t, dir, ledgertest.Quiet()).View().Seq())
}

// ledger.json comes from a copy that has the same records, and from no other.
func TestRepairOfTheIdentity(t *testing.T) {
	dir, whole, broken := ledgertest.Damaged(t)
	path := filepath.Join(dir, "ledger.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b[:len(b)-9], 0o600))
	other := t.TempDir()
	l := ledgertest.Open(t, other, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(50, 30))
	require.NoError(t, l.Close())

	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.ErrorIs(t, err, holdfast.ErrRefused, "of an unknown ledger nothing is given up")
	p, err := repair.Diagnose(t.Context(), dir, repair.Options{From: other})
	require.ErrorIs(t, err, holdfast.ErrRefused)
	require.Empty(t, p.IdentityFrom)
	p, err = repair.Do(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.True(t, p.Whole())
	require.Equal(t, ledgertest.Files(t, whole), ledgertest.Files(t, dir))

	// After a loss was accepted, the parent's identity is not ours any more.
	dir, whole, broken = ledgertest.Damaged(t)
	_, err = repair.Do(t.Context(), dir, repair.Options{AcceptLossFrom: broken})
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(dir, "ledger.json")))
	p, err = repair.Do(t.Context(), dir, repair.Options{From: whole})
	require.NoError(t, err)
	require.False(t, p.Whole())
	require.NoFileExists(t, filepath.Join(dir, "ledger.json"))
}

package snapshots_test

import (
	"context"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func TestTrimStopsBehindTheSnapshot(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.RecordPerSegment(2))
	var seqs []uint64
	for _, account := range []string{"A", "B", "C"} {
		ledgertest.Buys(t, l, account, 6)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		seqs = append(seqs, s.Seq)
	}
	ledgertest.Buys(t, l, "D", 3)
	require.NoError(t, l.Prune())
	require.Equal(t, seqs[1]+1, ledgertest.FirstKept(t, l), "behind the older of the two that are kept")
	for seq := seqs[1]; seq <= l.View().Seq(); seq++ {
		v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: seq})
		require.NoError(t, err)
		require.Equal(t, seq, v.Seq())
	}
}

func TestTrimNeedsASnapshotThatLoads(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.RecordPerSegment(1)
	o.Retain = math.MaxInt64
	l := ledgertest.Open(t, dir, o)
	for _, account := range []string{"A", "B"} {
		ledgertest.Buys(t, l, account, 6)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, ledgertest.FirstKept(t, l))
	want := ledgertest.Digest(l)
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, s := range list {
		ledgertest.FlipSnapshotBody(t, dir, s.Name)
	}
	o = ledgertest.RecordPerSegment(1)
	late := ledgertest.NewClock()
	late.Advance(time.Hour)
	o.Now = late.Now
	l = ledgertest.Open(t, dir, o)
	require.Equal(t, want, ledgertest.Digest(l))
	require.ErrorIs(t, l.Prune(), snapshotter.ErrDamaged)
	require.EqualValues(t, 1, ledgertest.FirstKept(t, l), "nothing is trimmed behind a snapshot that does not load")
	after, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, after, len(list))
	require.NoError(t, l.Close())
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, ledgertest.RecordPerSegment(1))))
}

// A snapshot of the ledger's own id whose chain is not the journal's is of
// another history, such as a copy that went on by itself.
func TestSnapshotOfAnotherHistory(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.RecordPerSegment(1))
	ledgertest.Buys(t, l, "A", 6)
	require.NoError(t, l.Close())
	other := ledgertest.Copy(t, dir)

	l = ledgertest.Open(t, dir, ledgertest.RecordPerSegment(1))
	ledgertest.Buys(t, l, "B", 6)
	own, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	o := ledgertest.RecordPerSegment(1)
	late := ledgertest.NewClock()
	late.Advance(time.Hour)
	o.Now = late.Now // its name is another one
	c := ledgertest.Open(t, other, o)
	ledgertest.Buys(t, c, "C", 6)
	foreign, err := c.Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, own.Seq, foreign.Seq)
	require.True(t, foreign.Created.After(own.Created))
	b, err := os.ReadFile(filepath.Join(other, "backups", foreign.Name))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "backups", foreign.Name), b, 0o600))

	// As long as the record is there, and when the first one kept follows it.
	for range 2 {
		_, err = l.VerifySnapshot(foreign.Name)
		require.ErrorIs(t, err, holdfast.ErrDamaged)
		v, asOfErr := l.AsOf(t.Context(), holdfast.Moment{Seq: own.Seq})
		require.NoError(t, asOfErr)
		require.Equal(t, own.Digest, v.Digest())
		_, err = l.VerifySnapshot(own.Name)
		require.NoError(t, err)
		ledgertest.Buys(t, l, "D"+strconv.FormatUint(ledgertest.FirstKept(t, l), 10), 1)
		if err = l.Prune(); err != nil { // the foreign one is the newest of that seq
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			require.NoError(t, os.Rename(filepath.Join(dir, "backups", foreign.Name), filepath.Join(dir, "aside")))
			require.NoError(t, l.Prune())
			require.NoError(t, os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, "backups", foreign.Name)))
		}
		require.Equal(t, own.Seq+1, ledgertest.FirstKept(t, l))
	}
}

func TestSnapshotOfAnotherState(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 6)
	good, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	want := ledgertest.Digest(l)
	bad := ledgertest.RewriteSnapshot(t, dir, good.Name, func(m *snapshotter.Meta) { m.Digest[0] ^= 1 })
	_, err = l.VerifySnapshot(bad.Name)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "backups", good.Name)))
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, ledgertest.Quiet())), "it is passed over")
}

// A snapshot of this ledger shows that its journal was longer once, however well
// what is left of it fits MARK.
func TestSnapshotIsAWitness(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 3)
	require.NoError(t, l.Close())
	back := ledgertest.Copy(t, dir)
	l = ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "B", 3)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, ledgertest.Open(t, back, ledgertest.Quiet()).Close(), "an old copy cannot be told by itself")
	require.NoError(t, os.CopyFS(filepath.Join(back, "backups"), os.DirFS(filepath.Join(dir, "backups"))))
	_, err = holdfast.Open(t.Context(), back, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrDamaged)

	// One of another ledger says nothing about this one.
	foreign := ledgertest.RewriteSnapshot(t, back, s.Name, ledgertest.OfAnother)
	require.NoError(t, os.Remove(filepath.Join(back, "backups", s.Name)))
	require.FileExists(t, filepath.Join(back, "backups", foreign.Name))
	ledgertest.Open(t, back, ledgertest.Quiet())
}

// spoiler changes a snapshot as soon as it is written, as a disk may.
type spoiler struct {
	slog.Handler
	dir string
}

func (s *spoiler) Handle(_ context.Context, r slog.Record) error {
	var name string
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "file" {
			name = a.Value.String()
		}
		return true
	})
	if r.Message != "snapshot written" {
		return nil
	}
	path := filepath.Join(s.dir, "backups", name)
	b, err := os.ReadFile(path)
	if err == nil {
		b[ledgertest.BodyOf(b)+4] ^= 0xff
		err = os.WriteFile(path, b, 0o600)
	}
	return err
}

func (s *spoiler) Enabled(context.Context, slog.Level) bool { return true }

func TestRestoreReadsBack(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 6)
	to := filepath.Join(t.TempDir(), "restored")
	o := ledgertest.Quiet()
	o.Logger = slog.New(&spoiler{Handler: slog.DiscardHandler, dir: to})
	_, err := l.Restore(t.Context(), holdfast.Moment{}, to, "", o)
	require.ErrorIs(t, err, snapshotter.ErrDamaged)
	exists, err := holdfast.Exists(to)
	require.NoError(t, err)
	require.False(t, exists, "nothing stands on a snapshot that cannot be read")
}

// The window must come out of the snapshot where the records that fed it are
// trimmed.
func TestWindowComesBackFromASnapshot(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.RecordPerSegment(1))
	ledgertest.Buys(t, l, "A", 6)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	ledgertest.Buys(t, l, "B", 1)
	require.NoError(t, l.Prune())
	first := ledgertest.FirstKept(t, l)
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, dir, ledgertest.RecordPerSegment(1))
	for i := range 6 {
		r, applyErr := l.Apply(t.Context(), ledgertest.Fill("A"+strconv.Itoa(i), "A", "I", position.Buy, "1", "1"))
		require.NoError(t, applyErr)
		require.True(t, r.Duplicate)
		require.Less(t, r.First, first, "its record is gone")
	}
}

// Every moment that the journal still holds can be asked for. So the snapshot
// behind which it was trimmed, its base, is not pruned.
func TestBaseIsNotPruned(t *testing.T) {
	c := ledgertest.NewClock()
	o := ledgertest.RecordPerSegment(1)
	o.Now, o.Retain = c.Now, 3*time.Second
	l := ledgertest.Open(t, t.TempDir(), o)
	trims, last := 0, uint64(1)
	for i := range 10 {
		c.Advance(time.Second)
		ledgertest.Buys(t, l, "A"+strconv.Itoa(i), 2)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		first := ledgertest.FirstKept(t, l)
		if first > last {
			trims++
		}
		for last = first; first > 1 && first <= last+1; first++ {
			v, asOfErr := l.AsOf(t.Context(), holdfast.Moment{Seq: first - 1})
			require.NoError(t, asOfErr, "the journal begins at %d", last)
			require.Equal(t, first-1, v.Seq())
		}
	}
	require.Greater(t, trims, 3)
}

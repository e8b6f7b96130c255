package holdfast_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// single are options under which each record has a segment of its own and
// nothing is retained for long, so that a trim stops exactly where it should.
func single(keep int) holdfast.Options {
	o := quiet()
	o.SegmentSize, o.SnapshotKeep, o.Retain = 1, keep, -1
	return o
}

// buys applies n fills of one record each.
func buys(t *testing.T, l *holdfast.Ledger, account string, n int) {
	t.Helper()
	for i := range n {
		_, err := l.Apply(t.Context(), fill(account+strconv.Itoa(i), account, "I", position.Buy, "1", "1"))
		require.NoError(t, err)
	}
}

func firstOf(t *testing.T, l *holdfast.Ledger) uint64 {
	t.Helper()
	st, err := l.Status()
	require.NoError(t, err)
	return st.First
}

func TestTrimStopsBehindTheSnapshot(t *testing.T) {
	l := open(t, t.TempDir(), single(2))
	var seqs []uint64
	for _, account := range []string{"A", "B", "C"} {
		buys(t, l, account, 6)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		seqs = append(seqs, s.Seq)
	}
	buys(t, l, "D", 3)
	require.NoError(t, l.Prune())
	require.Equal(t, seqs[1]+1, firstOf(t, l), "behind the older of the two that are kept")
	for seq := seqs[1]; seq <= l.View().Seq(); seq++ {
		v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: seq})
		require.NoError(t, err)
		require.Equal(t, seq, v.Seq())
	}
}

// flipBody inverts a byte of a snapshot's body, which begins at offset 176.
func flipBody(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, "backups", name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[180] ^= 0xff
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

func TestTrimNeedsASnapshotThatLoads(t *testing.T) {
	dir := t.TempDir()
	o := single(1)
	o.Retain = math.MaxInt64
	l := open(t, dir, o)
	for _, account := range []string{"A", "B"} {
		buys(t, l, account, 6)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, firstOf(t, l))
	want := digest(l)
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, s := range list {
		flipBody(t, dir, s.Name)
	}
	o = single(1)
	late := newClock()
	late.advance(time.Hour)
	o.Now = late.Now
	l = open(t, dir, o)
	require.Equal(t, want, digest(l))
	require.ErrorIs(t, l.Prune(), snapshotter.ErrDamaged)
	require.EqualValues(t, 1, firstOf(t, l), "nothing is trimmed behind a snapshot that does not load")
	after, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, after, len(list))
	require.NoError(t, l.Close())
	require.Equal(t, want, digest(open(t, dir, single(1))))
}

// A snapshot of the ledger's own id whose chain is not the journal's is of
// another history, such as a copy that went on by itself.
func TestSnapshotOfAnotherHistory(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, single(1))
	buys(t, l, "A", 6)
	require.NoError(t, l.Close())
	other := copyLedger(t, dir)

	l = open(t, dir, single(1))
	buys(t, l, "B", 6)
	own, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	o := single(1)
	late := newClock()
	late.advance(time.Hour)
	o.Now = late.Now // its name is another one
	c := open(t, other, o)
	buys(t, c, "C", 6)
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
		buys(t, l, "D"+strconv.FormatUint(firstOf(t, l), 10), 1)
		if err = l.Prune(); err != nil { // the foreign one is the newest of that seq
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			require.NoError(t, os.Rename(filepath.Join(dir, "backups", foreign.Name), filepath.Join(dir, "aside")))
			require.NoError(t, l.Prune())
			require.NoError(t, os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, "backups", foreign.Name)))
		}
		require.Equal(t, own.Seq+1, firstOf(t, l))
	}
}

// rewritten copies a snapshot with another header.
func rewritten(t *testing.T, dir, name string, change func(*snapshotter.Meta)) snapshotter.Snapshot {
	t.Helper()
	late := newClock()
	late.advance(time.Hour)
	s := snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Now: late.Now})
	r, err := s.Open(name)
	require.NoError(t, err)
	body, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	meta := r.Meta
	change(&meta)
	out, err := s.Write(t.Context(), meta, func(w io.Writer) error {
		_, writeErr := bytes.NewReader(body).WriteTo(w)
		return writeErr
	})
	require.NoError(t, err)
	return out
}

func TestSnapshotOfAnotherState(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, quiet())
	buys(t, l, "A", 6)
	good, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	want := digest(l)
	bad := rewritten(t, dir, good.Name, func(m *snapshotter.Meta) { m.Digest[0] ^= 1 })
	_, err = l.VerifySnapshot(bad.Name)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.NoError(t, l.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "backups", good.Name)))
	require.Equal(t, want, digest(open(t, dir, quiet())), "it is passed over")
}

// A snapshot of this ledger shows that its journal was longer once, however well
// what is left of it fits MARK.
func TestSnapshotIsAWitness(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, quiet())
	buys(t, l, "A", 3)
	require.NoError(t, l.Close())
	back := copyLedger(t, dir)
	l = open(t, dir, quiet())
	buys(t, l, "B", 3)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())

	require.NoError(t, open(t, back, quiet()).Close(), "an old copy cannot be told by itself")
	require.NoError(t, os.CopyFS(filepath.Join(back, "backups"), os.DirFS(filepath.Join(dir, "backups"))))
	_, err = holdfast.Open(t.Context(), back, quiet())
	require.ErrorIs(t, err, holdfast.ErrDamaged)

	// One of another ledger says nothing about this one.
	foreign := rewritten(t, back, s.Name, func(m *snapshotter.Meta) { m.Ledger[0] ^= 1 })
	require.NoError(t, os.Remove(filepath.Join(back, "backups", s.Name)))
	require.FileExists(t, filepath.Join(back, "backups", foreign.Name))
	open(t, back, quiet())
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
		b[180] ^= 0xff
		err = os.WriteFile(path, b, 0o600)
	}
	return err
}

func (s *spoiler) Enabled(context.Context, slog.Level) bool { return true }

func TestRestoreReadsBack(t *testing.T) {
	l := open(t, t.TempDir(), quiet())
	buys(t, l, "A", 6)
	to := filepath.Join(t.TempDir(), "restored")
	o := quiet()
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
	l := open(t, dir, single(1))
	buys(t, l, "A", 6)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	buys(t, l, "B", 1)
	require.NoError(t, l.Prune())
	first := firstOf(t, l)
	require.NoError(t, l.Close())
	l = open(t, dir, single(1))
	for i := range 6 {
		r, applyErr := l.Apply(t.Context(), fill("A"+strconv.Itoa(i), "A", "I", position.Buy, "1", "1"))
		require.NoError(t, applyErr)
		require.True(t, r.Duplicate)
		require.Less(t, r.First, first, "its record is gone")
	}
}

// Whatever is kept of the journal can be asked for, from the base on: the
// snapshot that it was trimmed behind is not pruned while it is the base.
func TestBaseIsNotPruned(t *testing.T) {
	c := newClock()
	o := single(1)
	o.Now, o.Retain = c.Now, 3*time.Second
	l := open(t, t.TempDir(), o)
	trims, last := 0, uint64(1)
	for i := range 10 {
		c.advance(time.Second)
		buys(t, l, "A"+strconv.Itoa(i), 2)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		first := firstOf(t, l)
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

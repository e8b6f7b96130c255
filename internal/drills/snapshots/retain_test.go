package snapshots_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

func TestForeignSnapshotsAreLeftAlone(t *testing.T) {
	other := t.TempDir()
	l := ledgertest.Open(t, other, ledgertest.Quiet())
	theirs := ledgertest.RandomFills(20, 1000)
	ledgertest.ApplyAll(t, l, theirs[:60])
	_, err := l.Snapshot(t.Context()) // older than most of ours
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, theirs[60:700])
	for part := range slices.Chunk(theirs[700:], 100) { // all newer than anything of ours
		ledgertest.ApplyAll(t, l, part)
		_, err = l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())

	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.SnapshotKeep, o.Retain = 2, -1
	l = ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(21, 600)
	ledgertest.ApplyAll(t, l, ms[:50])
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "backups"), os.DirFS(filepath.Join(other, "backups"))))
	for part := range slices.Chunk(ms[50:], 110) {
		ledgertest.ApplyAll(t, l, part)
		_, err = l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	list, err := l.Snapshots()
	require.NoError(t, err)
	foreign := 0
	for _, s := range list {
		if s.Ledger != [16]byte(l.Identity().ID) {
			foreign++
		}
	}
	require.Equal(t, 4, foreign, "they are not removed")
	require.Len(t, list, 4+2, "and do not take the places of our own")
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, o)))
}

// Every record behind the oldest kept snapshot can be asked for, however many
// snapshots have come and gone.
func TestTimeTravelSurvivesPruning(t *testing.T) {
	dir := t.TempDir()
	c := ledgertest.NewClock()
	o := ledgertest.Quiet()
	o.Now, o.SegmentSize, o.SnapshotKeep, o.Retain = c.Now, 8<<10, 2, 3*time.Second
	l := ledgertest.Open(t, dir, o)
	trimmed := false
	for part := range slices.Chunk(ledgertest.RandomFills(22, 3000), 60) {
		c.Advance(150 * time.Millisecond)
		ledgertest.ApplyAll(t, l, part)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		st, err := l.Status()
		require.NoError(t, err)
		list, err := l.Snapshots()
		require.NoError(t, err)
		base := uint64(1)
		if st.First > 1 {
			trimmed, base = true, list[len(list)-1].Seq
			require.GreaterOrEqual(t, base+1, st.First)
		}
		for _, seq := range []uint64{base, (base + st.Last) / 2, st.Last} {
			_, err = l.AsOf(t.Context(), holdfast.Moment{Seq: seq})
			require.NoError(t, err, "seq %d, journal from %d, base %d", seq, st.First, base)
		}
		require.LessOrEqual(t, len(list), 2+8+2, "the kept snapshots are few")
	}
	require.True(t, trimmed, "the retention was never reached")
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
}

func TestClockThatJumpsAheadTrimsNothing(t *testing.T) {
	dir := t.TempDir()
	c := ledgertest.NewClock()
	o := ledgertest.Quiet()
	o.Now, o.SegmentSize, o.SnapshotKeep = c.Now, 8<<10, 1
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(23, 300))
	c.Advance(40 * 24 * time.Hour)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	st, err := l.Status()
	require.NoError(t, err)
	require.Equal(t, uint64(1), st.First)
}

func TestClosedLedgerTouchesNothing(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(24, 10))
	require.NoError(t, l.Close())
	_, err := l.Snapshot(t.Context())
	require.ErrorIs(t, err, holdfast.ErrClosed)
	require.ErrorIs(t, l.Prune(), holdfast.ErrClosed)
	_, err = os.Stat(filepath.Join(dir, "backups"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestFarFutureEventTimeDoesNotPoisonTheWindow(t *testing.T) {
	o := ledgertest.Quiet()
	o.Window = 4
	l := ledgertest.Open(t, t.TempDir(), o)
	at, err := position.At(time.Date(2255, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), position.Mark{Meta: position.Meta{Ident: "far", Time: at}, Instrument: "I", Price: position.MustParse("1")})
	require.NoError(t, err)
	for i := range 20 {
		f := ledgertest.Fill("", "A", "I", position.Buy, "1", "1")
		f.Time = 0
		_, err = l.Apply(t.Context(), f)
		require.NoError(t, err, "fill %d", i)
	}
	late := ledgertest.Fill("late", "A", "I", position.Buy, "1", "1")
	_, err = l.Apply(t.Context(), late)
	require.ErrorIs(t, err, holdfast.ErrTooOld)
	_, err = l.ApplyWith(t.Context(), late, holdfast.ApplyOptions{Insist: true})
	require.NoError(t, err)
}

func TestCallerKeepsItsOwnValues(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	var version uint64
	for range 50 {
		f := ledgertest.Fill("", "A", "I", position.Buy, "1", "1")
		f.ExpectVersion = &version
		future, err := l.ApplyAsync(t.Context(), &f)
		require.NoError(t, err)
		version++
		_, err = future.Wait(t.Context())
		require.NoError(t, err)
	}
	var none *position.Fill
	_, err := l.Apply(t.Context(), none)
	require.ErrorIs(t, err, holdfast.ErrInvalid)
}

func TestStrayFileDoesNotLockAnybodyOut(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, ledgertest.Open(t, dir, ledgertest.Quiet()).Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "NOTES.txt"), []byte("mine"), 0o600))
	ledgertest.Open(t, dir, ledgertest.Quiet())
}

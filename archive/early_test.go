package archive_test

import (
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/projector"
)

// openEarly opens the journal of a ledger as the ledger does, and says how far the
// state had come when the verdict was there, and what it was.
func openEarly(t *testing.T, dir string) (head, last uint64, digest [32]byte, base archive.Anchor) {
	t.Helper()
	id, err := archive.ReadIdentity(dir)
	require.NoError(t, err)
	src := archive.NewSource(dir, id, holdfast.Options{}.Reading())
	e := archive.NewEarly(src)
	var book *projector.Book
	j, err := journal.Open(dir, journal.Options{
		Meanwhile: func() (uint64, func(iter.Seq2[journal.Record, error])) {
			return e.From(), func(records iter.Seq2[journal.Record, error]) { e.Replay(t.Context(), records) }
		},
		Before: func(_ uint64, end journal.Head) error {
			log, openErr := src.OpenLog()
			require.NoError(t, openErr)
			book, base, openErr = src.BaseAfter(log, e, end.Seq)
			return openErr
		},
	})
	require.NoError(t, err)
	last = j.Last().Seq
	require.NoError(t, j.Close())
	return book.Head(), last, book.View().Digest(), base
}

// TestEarlyStateIsTheLast: when the verdict is there, the state is, whatever it began
// with and however the journal ends.
func TestEarlyStateIsTheLast(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(1, 400))
	bare := ledgertest.Copy(t, dir) // as a crash leaves it
	digest := ledgertest.Digest(l)
	torn := ledgertest.Copy(t, dir)
	f, err := os.OpenFile(ledgertest.Segments(t, torn)[len(ledgertest.Segments(t, torn))-1], os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{1, 2, 3}, info.Size()-3) // part of a group that was never acknowledged
	require.NoError(t, err)
	require.NoError(t, f.Close())
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	atEnd := ledgertest.Copy(t, dir)
	ledgertest.Buys(t, l, "behind", 100)
	require.NoError(t, l.Close())
	onBase, base := ledgertest.OnBase(t)
	for name, c := range map[string]struct {
		dir   string
		began uint64
	}{"no snapshot": {bare, 0}, "torn": {torn, 0}, "at its end": {atEnd, s.Seq}, "behind it": {dir, s.Seq}, "trimmed": {onBase, base.Seq}} {
		head, last, got, began := openEarly(t, c.dir)
		require.Equal(t, last, head, name)
		require.Equal(t, c.began, began.Seq, name)
		l = ledgertest.Open(t, c.dir, o)
		require.Equal(t, ledgertest.Digest(l), got, name)
		if c.dir == bare || c.dir == torn || c.dir == atEnd {
			require.Equal(t, digest, got, name)
		}
	}
}

// TestSnapshotOfAnotherEnd: a snapshot that the journal contradicts is not begun with,
// although the state that was made early began with it.
func TestSnapshotOfAnotherEnd(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "A", 10)
	require.NoError(t, l.Close())
	other := ledgertest.Copy(t, dir)
	l = ledgertest.Open(t, other, o)
	ledgertest.Buys(t, l, "B", 10)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	l = ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "C", 10)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	b, err := os.ReadFile(filepath.Join(other, "backups", s.Name))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "backups"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "backups", s.Name), b, 0o600))
	head, _, _, base := openEarly(t, dir)
	require.Zero(t, head, "nothing was replayed that may be used")
	require.Zero(t, base.Seq)
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, o)))
}

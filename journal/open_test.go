package journal_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// OpenReader refuses what it can see at once, and opens what a crash leaves
// before the first MARK: nothing yet.
func TestOpenReader(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil  func(dir string) error
		reason string
	}{
		"MARK damaged":      {func(dir string) error { return os.Truncate(filepath.Join(dir, "MARK"), 5) }, "5 bytes instead of 116"},
		"MARK missing":      {func(dir string) error { return os.Remove(filepath.Join(dir, "MARK")) }, "missing beside segments"},
		"segment missing":   {func(dir string) error { return os.Remove(journaltest.Segments(t, dir)[0]) }, "every segment is missing"},
		"directory missing": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "journal")) }, "every segment is missing"},
		"a link in a circle": {func(dir string) error {
			path := filepath.Join(dir, "journal")
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return os.Symlink("journal", path)
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 1)
			require.NoError(t, j.Close())
			require.NoError(t, tc.spoil(dir))
			_, err := journal.OpenReader(dir)
			var bad *journal.DamageError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, tc.reason, bad.Reason)
		})
	}
	dir := t.TempDir()
	_, err := journal.OpenReader(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "journal"), 0o700))
	_, err = journal.OpenReader(dir)
	require.ErrorContains(t, err, "missing, and so is every segment of the journal", "MARK is there before a ledger is")

	dir = t.TempDir()
	require.NoError(t, journaltest.Open(t, dir, journal.Options{}).Close())
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.First())
	head, err := r.Last()
	require.NoError(t, err)
	require.Equal(t, journal.Head{}, head)
	_, err = r.Cursor(0).Next(1)
	require.ErrorIs(t, err, io.EOF)
	require.Empty(t, journaltest.Read(t, dir, 0))
}

// Before is asked when nothing was changed yet, and its word is final.
func TestBefore(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Unclean)
	require.NoError(t, os.Truncate(path, int64(es[len(es)-1].End-5)))
	before := journaltest.Tree(t, l.Unclean)
	var first uint64
	var last journal.Head
	o := journal.Options{Before: func(f uint64, h journal.Head) error { first, last = f, h; return errCrash }}
	_, err := journal.Open(l.Unclean, o)
	require.ErrorIs(t, err, errCrash)
	require.EqualValues(t, 1, first)
	require.Equal(t, before, journaltest.Tree(t, l.Unclean))
	j := journaltest.Open(t, l.Unclean, journal.Options{})
	require.Equal(t, j.Last(), last)
}

// A MARK that would say the same again is not written.
func TestSaveMarkTwice(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	var infos []os.FileInfo
	for _, n := range []int{1, 0, 1} {
		journaltest.Add(t, j, n)
		require.NoError(t, j.SaveMark())
		// A link keeps the number of a file that was replaced from being used again.
		kept := filepath.Join(t.TempDir(), "MARK")
		require.NoError(t, os.Link(filepath.Join(dir, "MARK"), kept))
		info, err := os.Stat(kept)
		require.NoError(t, err)
		infos = append(infos, info)
	}
	require.True(t, os.SameFile(infos[0], infos[1]))
	require.False(t, os.SameFile(infos[1], infos[2]))
}

// Last does not pass over damage to the record before it.
func TestLastBehindDamage(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	journaltest.Edit(t, journaltest.Segments(t, l.Clean)[2], func(b []byte) []byte { journaltest.Zero(b[:40]); return b })
	r, err := journal.OpenReader(l.Clean)
	require.NoError(t, err)
	_, err = r.Last()
	require.ErrorIs(t, err, journal.ErrDamaged)
}

// The first record of a sealed segment is named where it is what is damaged.
func TestRecordsNameTheDamage(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path := journaltest.Segments(t, l.Clean)[1]
	journaltest.Edit(t, path, func(b []byte) []byte { journaltest.Zero(b); return b })
	_, err := journaltest.TryRead(l.Clean, 0)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "journal/"+filepath.Base(path), bad.File)
	require.Contains(t, bad.Reason, "zero bytes where a record should begin, in a segment that was synced")
}

// Where a sealed segment was emptied its own records are missing, not those that
// a trim took before it.
func TestRecordsOfAnEmptiedSegment(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	journaltest.Add(t, j, 40)
	_, err := j.Trim(20, 0)
	require.NoError(t, err)
	first := j.First()
	require.NoError(t, j.Close())
	require.NoError(t, os.Truncate(journaltest.Segments(t, dir)[0], 0))
	_, err = journaltest.TryRead(dir, 0)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, first, bad.Seq)
	require.Contains(t, bad.Reason, fmt.Sprintf("records %d to ", first))
}

// Records begin with the one that was asked for, also inside an atomic batch of
// sealed segments.
func TestRecordsFromInsideABatch(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 500})
	b := j.NewBatch()
	for seq := uint64(1); seq <= 12; seq++ {
		f := journal.More
		if seq == 12 {
			f = 0
		}
		b.Append(journaltest.Payload(seq), f, int64(seq))
	}
	require.NoError(t, j.Commit(b))
	journaltest.Add(t, j, 8)
	for from := uint64(1); from <= 20; from++ {
		require.Len(t, journaltest.Read(t, dir, from), int(21-from))
	}
}

// What Open has verified is still held to its order when it is read again.
func TestOwnRecordsInOrder(t *testing.T) {
	same := func(uint64) []byte { return []byte("of one size") }
	for at := range 2 {
		dir := t.TempDir()
		j := journaltest.Open(t, dir, journal.Options{SegmentSize: 850})
		journaltest.AddSome(t, j, same, 15)
		require.NoError(t, j.Close())
		j = journaltest.Open(t, dir, journal.Options{SegmentSize: 850})
		require.Len(t, journaltest.Segments(t, dir), 2)
		path := journaltest.Segments(t, dir)[at]
		journaltest.Edit(t, path, func(b []byte) []byte {
			size := len(journaltest.WithPrefix(journaltest.EncodeFrame(&journal.Record{Payload: same(0)}, [32]byte{})))
			copy(b[size:], b[:size])
			return b
		})
		var err error
		for _, recErr := range j.Records(0) {
			err = recErr
		}
		require.ErrorIs(t, err, journal.ErrDamaged)
	}
}

// A segment that is gone was trimmed if MARK says so, and what is asked for is
// either trimmed as well or still there; otherwise the segment is missing.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	journaltest.Add(t, j, 30)
	_, err := j.Trim(20, 0)
	require.NoError(t, err)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	first := j.First()
	require.Greater(t, first, uint64(2))
	require.ErrorIs(t, r.Missing(1, first-1, os.ErrNotExist), journal.ErrTrimmed)
	require.ErrorIs(t, r.Missing(first-1, 1, os.ErrNotExist), journal.ErrTrimmed)
	require.NoError(t, r.Missing(1, first, os.ErrNotExist))
	require.NoError(t, r.Missing(first-1, first, os.ErrNotExist))
	require.ErrorIs(t, r.Missing(first, first, os.ErrNotExist), journal.ErrDamaged)
	require.ErrorIs(t, r.Missing(first, 1, os.ErrNotExist), journal.ErrDamaged)
	err = r.Missing(1, 1, errCrash)
	require.ErrorIs(t, err, errCrash)
	require.NotErrorIs(t, err, journal.ErrTrimmed)
	require.NoError(t, os.Truncate(filepath.Join(dir, "MARK"), 5))
	require.ErrorIs(t, r.Missing(1, 1, os.ErrNotExist), journal.ErrDamaged)
}

// What a trim has left behind when it was interrupted is no part of the journal
// for a reader either.
func TestReaderBesideAnInterruptedTrim(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	journaltest.Add(t, j, 30)
	whole := journaltest.CopyLedger(t, dir)
	removed, err := j.Trim(20, 0)
	require.NoError(t, err)
	require.NotEmpty(t, removed)
	mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(whole, "MARK"), mark, 0o600))
	r, err := journal.OpenReader(whole)
	require.NoError(t, err)
	require.Equal(t, j.First(), r.First())
	require.Less(t, r.Size(), size(t, whole))
	require.Equal(t, size(t, dir), r.Size())
	_, err = journaltest.TryRead(whole, 1)
	require.ErrorIs(t, err, journal.ErrTrimmed)
	require.Len(t, journaltest.Read(t, whole, j.First()), int(31-j.First()))
	recs, err := journaltest.TryRead(whole, 0)
	require.NoError(t, err)
	require.Equal(t, j.First(), recs[0].Seq)
}

// size is what the segments take.
func size(tb testing.TB, dir string) (n int64) {
	tb.Helper()
	for _, path := range journaltest.Segments(tb, dir) {
		info, err := os.Stat(path)
		require.NoError(tb, err)
		n += info.Size()
	}
	return n
}

// Segments that are in order by themselves are refused beside the MARK of
// another history, also where MARK names a record of a sealed one.
func TestMarkOfAnotherHistory(t *testing.T) {
	other := t.TempDir()
	j := journaltest.Open(t, other, journal.Options{})
	journaltest.AddSome(t, j, func(uint64) []byte { return []byte("another") }, 3)
	require.NoError(t, j.SaveMark())
	mark, err := os.ReadFile(filepath.Join(other, "MARK"))
	require.NoError(t, err)

	dir := t.TempDir()
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	journaltest.Add(t, j, 30)
	require.NoError(t, j.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600))
	path := journaltest.Segments(t, dir)[0]
	at := journaltest.Entries(t, path, 1)[2].At
	journaltest.RequireRefused(t, dir, journaltest.Refused(path, at, "the history up to here is another one"))
}

// A new lineage continues the chain of the record that it was made behind, and
// takes the place of nothing.
func TestCreate(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	r, err := journal.OpenReader(l.Clean)
	require.NoError(t, err)
	base, err := r.Last()
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "new", "ledger")
	require.NoError(t, journal.Create(dir, base))
	require.DirExists(t, filepath.Join(dir, "quarantine"))
	require.ErrorContains(t, journal.Create(dir, base), "holds a journal already")

	j := journaltest.Open(t, dir, journal.Options{})
	require.True(t, j.Recovery().Clean)
	require.Equal(t, base.Seq+1, j.First())
	require.Equal(t, base.Seq, j.Durable())
	require.Equal(t, base.Chain, j.Last().Chain)
	require.Greater(t, j.Epoch(), base.Epoch)
	journaltest.Add(t, j, 2)
	require.NoError(t, j.Close())
	recs := journaltest.Read(t, dir, base.Seq+1)
	require.Len(t, recs, 2)
	require.True(t, recs[0].Follows(base.Chain))
	require.False(t, recs[0].Follows([32]byte{}))

	mark := filepath.Join(dir, "MARK")
	b, err := os.ReadFile(mark)
	require.NoError(t, err)
	require.NoError(t, os.Remove(mark))
	require.ErrorContains(t, journal.Create(dir, base), "holds a journal already", "segments without MARK")
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "journal")))
	require.NoError(t, os.WriteFile(mark, b, 0o600))
	require.ErrorContains(t, journal.Create(dir, base), "holds a journal already", "MARK without segments")
	require.NoError(t, os.WriteFile(mark, bytes.ToUpper(b), 0o600))
	require.ErrorIs(t, journal.Create(dir, base), journal.ErrDamaged)
}

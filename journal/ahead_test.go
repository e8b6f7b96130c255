package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// The records of the newest segment are followed by zeros while it is open, by
// nothing after Close, and a full one is never followed by any.
func TestSizedInAdvance(t *testing.T) {
	dir := journaltest.FastDir(t)
	const size = 64 << 10
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: size})
	ahead := 0
	for n := range 200 {
		journaltest.Add(t, j, 1+n%11)
		paths := journaltest.Segments(t, dir)
		for _, path := range paths[:len(paths)-1] {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotZero(t, b[len(b)-1], "the payloads of this test do not end with a zero")
		}
		path, es := journaltest.LastSegment(t, dir)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if len(es) > 0 && info.Size() > int64(es[len(es)-1].End) {
			ahead++
		}
	}
	require.Greater(t, ahead, 190, "only what fills a segment is written without zeros behind it")
	last := j.Durable()
	unclean := filepath.Join(journaltest.FastDir(t), "unclean")
	require.NoError(t, os.CopyFS(unclean, os.DirFS(dir)))
	require.NoError(t, j.Close())
	path, es := journaltest.LastSegment(t, dir)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, es[len(es)-1].End, info.Size())

	rep, err := journal.Check(unclean)
	require.NoError(t, err)
	closed, err := journal.Check(dir)
	require.NoError(t, err)
	require.Equal(t, closed.Bytes, rep.Bytes, "zeros do not count")
	j = journaltest.Open(t, unclean, journal.Options{SegmentSize: size})
	require.Equal(t, last, j.Durable())
	require.Zero(t, j.Recovery().CutFrom)
	require.Empty(t, j.Recovery().Quarantine)
	require.Equal(t, closed.Bytes, j.Recovery().Bytes)
}

// Close does not cut what it does not know.
func TestCloseKeepsWhatItDoesNotKnow(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(dir, journal.Options{})
	require.NoError(t, err)
	journaltest.Add(t, j, 5)
	path := journaltest.Segments(t, dir)[0]
	journaltest.Edit(t, path, func(b []byte) []byte {
		b[len(b)-1] = 7
		return b
	})
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Error(t, j.Close())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	j = journaltest.Open(t, dir, journal.Options{})
	require.False(t, j.Recovery().Clean)
	require.EqualValues(t, 5, j.Durable())
	require.NotEmpty(t, j.Recovery().Quarantine)
}

// A segment that cannot be sized in advance grows.
func TestGrowsWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2000})
	j.DenyAhead()
	journaltest.Add(t, j, 10, 10, 30)
	require.Len(t, journaltest.Read(t, dir, 0), 50)
	path, es := journaltest.LastSegment(t, dir)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, es[len(es)-1].End, info.Size())
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 2000})
	require.True(t, j.Recovery().Clean)
}

// A cursor sees what is written into the zeros that it has seen.
func TestCursorBesideZeros(t *testing.T) {
	dir := journaltest.FastDir(t)
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 1, 1, 1, 1, 1, 1)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	c := r.Cursor(0)
	defer func() { require.NoError(t, c.Close()) }()
	seen := uint64(0)
	for range 300 {
		for {
			rec, nextErr := c.Next(math.MaxUint64)
			if nextErr != nil {
				require.ErrorContains(t, nextErr, "EOF")
				break
			}
			seen++
			require.Equal(t, seen, rec.Seq)
		}
		require.Equal(t, j.Durable(), seen)
		journaltest.Add(t, j, 1)
	}
}

// Whatever part of the last group's sectors an interrupted write leaves as the
// zeros that they were, wherever in its sectors the group stands: the journal
// ends before or inside that group and is never refused.
func TestEverySectorOfTheLastGroup(t *testing.T) {
	const sector = 512
	origin := filepath.Join(journaltest.FastDir(t), "ledger")
	j := journaltest.Open(t, origin, journal.Options{})
	journaltest.Add(t, j, 1, 1, 1, 1) // so that MARK of the next Open knows them
	require.NoError(t, j.Close())
	mark := j.Durable()
	journaltest.EachCopy(t, origin, sector, journaltest.Stride(23), func(dir string, shift int) error {
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(origin))); err != nil {
			return err
		}
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			return err
		}
		commit := func(sizes ...int) error {
			b := j.NewBatch()
			for _, n := range sizes {
				b.Append(bytes.Repeat([]byte{0xa5}, n), 0, 0)
			}
			defer j.Ahead()
			return j.Commit(b)
		}
		if err = errors.Join(commit(600), commit(1+shift)); err != nil {
			return err
		}
		acked := j.Durable()
		_, from := j.TailMirror()
		if err = commit(300, 150, 280); err != nil {
			return err
		}
		_, to := j.TailMirror()
		path := filepath.Join(dir, "journal", fmt.Sprintf("%020d", 1))
		whole, err := os.ReadFile(path)
		unclean, markErr := os.ReadFile(filepath.Join(dir, "MARK"))
		if err = errors.Join(err, markErr, j.Close()); err != nil || acked != mark+2 {
			return fmt.Errorf("acked %d: %w", acked, err)
		}
		return tornSectors(dir, path, whole, unclean, from, to, acked)
	})
}

func tornSectors(dir, path string, whole, unclean []byte, from, to int64, acked uint64) error {
	const sector = 512
	first, n := from/sector, int((to-1)/sector-from/sector+1)
	for lost := range 1 << n {
		b := bytes.Clone(whole)
		for i := range n {
			if lost>>i&1 == 1 {
				at := (first + int64(i)) * sector
				journaltest.Zero(b[max(at, from):min(at+sector, int64(len(b)))])
			}
		}
		err := errors.Join(os.RemoveAll(filepath.Join(dir, "quarantine")), os.WriteFile(path, b, 0o600),
			os.WriteFile(filepath.Join(dir, "MARK"), unclean, 0o600))
		if err != nil {
			return err
		}
		j, err := journal.Open(dir, journal.Options{})
		if err != nil {
			return fmt.Errorf("sectors %b of %d were lost, the group is at %d: %w", lost, n, from, err)
		}
		durable := j.Durable()
		if err = j.Close(); err != nil {
			return err
		}
		if durable < acked || lost == 0 && durable != acked+3 || lost == 1<<n-1 && durable != acked {
			return fmt.Errorf("sectors %b of %d were lost: the journal ends with %d, %d was acknowledged", lost, n, durable, acked)
		}
	}
	return nil
}

// Zeros are an end of the newest segment only, for a cursor as for everyone.
func TestCursorRefusesZerosInside(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path := journaltest.Segments(t, l.Unclean)[0]
	size := 0
	journaltest.Edit(t, path, func(b []byte) []byte {
		size = len(b)
		return append(b, make([]byte, journaltest.Behind)...)
	})
	r, err := journal.OpenReader(l.Unclean)
	require.NoError(t, err)
	c := r.Cursor(0)
	defer func() { require.NoError(t, c.Close()) }()
	for err == nil {
		_, err = c.Next(math.MaxUint64)
	}
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "journal/"+filepath.Base(path), bad.File)
	require.EqualValues(t, size, bad.Offset)
}

// What a cursor has seen as zeros may be a record by the time that MARK knows
// of it, and what it has seen as a hole may be whole by the time that a frame
// behind it proves that it was durable.
func TestCursorLooksAgain(t *testing.T) {
	dir := journaltest.FastDir(t)
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 3, 3)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	c := r.Cursor(0)
	defer func() { require.NoError(t, c.Close()) }()
	drain := func() (n int) {
		t.Helper()
		for {
			if _, err = c.Next(math.MaxUint64); err != nil {
				require.ErrorIs(t, err, io.EOF)
				return n
			}
			n++
		}
	}
	require.Equal(t, 6, drain())
	journaltest.Add(t, j, 2)
	require.NoError(t, j.SaveMark())
	require.NoError(t, c.End(), "there is more")
	require.Equal(t, 2, drain())

	path, es := journaltest.LastSegment(t, dir)
	journaltest.Add(t, j, 3)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	whole, at := make([]byte, 60), int64(es[len(es)-1].End)
	_, err = f.ReadAt(whole, at)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, len(whole)), at)
	require.NoError(t, err)
	judged := 0
	r.BeforeVerdict(func() {
		if judged++; judged == 1 {
			_, err = f.WriteAt(whole, at)
			require.NoError(t, err)
			journaltest.Add(t, j, 1)
		}
	})
	require.Equal(t, 4, drain())
	require.Equal(t, 2, judged)
}

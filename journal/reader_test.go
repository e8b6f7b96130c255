package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

func TestCursorFollows(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 700})
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.First())
	head, err := r.Last()
	require.NoError(t, err)
	require.Zero(t, head.Seq)
	c := r.Cursor(0)
	defer func() { require.NoError(t, c.Close()) }()
	_, err = c.Next(math.MaxUint64)
	require.ErrorIs(t, err, io.EOF)
	want := uint64(0)
	for n := range 40 {
		journaltest.Add(t, j, 1+n%5)
		for want < j.Durable() {
			_, err = c.Next(want)
			require.ErrorIs(t, err, io.EOF, "nothing beyond the limit")
			rec, nextErr := c.Next(j.Durable())
			require.NoError(t, nextErr)
			want++
			require.Equal(t, want, rec.Seq)
			require.Equal(t, journaltest.Payload(want), rec.Payload)
		}
		for range 2 {
			_, err = c.Next(math.MaxUint64)
			require.ErrorIs(t, err, io.EOF)
		}
		if n%7 == 0 {
			require.NoError(t, c.Close(), "a closed cursor goes on where it was")
		}
	}
	head, err = r.Last()
	require.NoError(t, err)
	require.Equal(t, j.Last(), head)
	mid := r.Cursor(want / 2)
	rec, err := mid.Next(math.MaxUint64)
	require.NoError(t, err)
	require.Equal(t, want/2, rec.Seq)
	require.NoError(t, mid.Close())
	ahead := r.Cursor(want + 3)
	_, err = ahead.Next(math.MaxUint64)
	require.ErrorIs(t, err, io.EOF)
	journaltest.Add(t, j, 5)
	rec, err = ahead.Next(math.MaxUint64)
	require.NoError(t, err)
	require.Equal(t, want+3, rec.Seq)
	require.NoError(t, ahead.Close())

	// Trimmed behind its back: what it has passed does not matter.
	_, err = c.Next(math.MaxUint64)
	require.NoError(t, err)
	_, err = j.Trim(j.Durable(), 0)
	require.NoError(t, err)
	journaltest.Add(t, j, 9)
	n := 0
	for {
		if _, err = c.Next(math.MaxUint64); err != nil {
			break
		}
		n++
	}
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 13, n)
}

// A cursor reads again into its buffer until it meets the first record that it returns.
func TestCursorKeepsWhatItReturned(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	payload := func(seq uint64) []byte { return bytes.Repeat([]byte{byte(seq), byte(seq >> 8)}, 500) }
	journaltest.AddSome(t, j, payload, 1000, 1000, 1000)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	for _, from := range []uint64{1, 700, 1500} {
		c := r.Cursor(from)
		var recs []journal.Record
		for {
			rec, nextErr := c.Next(math.MaxUint64)
			if nextErr != nil {
				require.ErrorIs(t, nextErr, io.EOF)
				break
			}
			recs = append(recs, rec)
		}
		require.NoError(t, c.Close())
		require.Len(t, recs, int(3000-from+1))
		for i := range recs {
			require.Equal(t, from+uint64(i), recs[i].Seq)
			require.Equal(t, payload(recs[i].Seq), recs[i].Payload)
		}
	}
}

// An atomic batch shows when all of it is there, to a cursor and to Records,
// also across segments.
func TestAtomicBatchesShowWhole(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	spanBatch(t, l.Unclean)
	r, err := journal.OpenReader(l.Unclean)
	require.NoError(t, err)
	head, err := r.Last()
	require.NoError(t, err)
	require.Equal(t, l.Last, head.Seq)
	require.Len(t, journaltest.Read(t, l.Unclean, 0), int(l.Last))
	c := r.Cursor(l.Last)
	defer func() { require.NoError(t, c.Close()) }()
	_, err = c.Next(math.MaxUint64)
	require.NoError(t, err)
	_, err = c.Next(math.MaxUint64)
	require.ErrorIs(t, err, io.EOF)

	// The batch is finished.
	paths := journaltest.Segments(t, l.Unclean)
	recs := journaltest.Entries(t, paths[len(paths)-1], l.Last+3)
	end := recs[0].Rec
	rec := journal.Record{Seq: end.Seq + 1, Synced: end.Synced, Epoch: end.Epoch, Time: end.Time, Payload: journaltest.Payload(end.Seq + 1)}
	journaltest.Edit(t, paths[len(paths)-1], func(b []byte) []byte {
		return append(b, journaltest.WithPrefix(journaltest.EncodeFrame(&rec, end.Chain))...)
	})
	for i := range uint64(4) {
		got, nextErr := c.Next(math.MaxUint64)
		require.NoError(t, nextErr)
		require.Equal(t, l.Last+1+i, got.Seq)
	}
	require.Len(t, journaltest.Read(t, l.Unclean, 0), int(l.Last)+4)
	require.Len(t, journaltest.Read(t, l.Unclean, l.Last+2), 3)
	j := journaltest.Open(t, l.Unclean, journal.Options{})
	require.Equal(t, l.Last+4, j.Durable())
}

// A cursor that has read what a recovery cuts afterwards must say so.
func TestCursorAfterRecovery(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	r, err := journal.OpenReader(l.Unclean)
	require.NoError(t, err)
	before, after := r.Cursor(l.Last-5), r.Cursor(l.Last-5)
	defer func() { require.NoError(t, errors.Join(before.Close(), after.Close())) }()
	_, err = before.Next(math.MaxUint64)
	require.NoError(t, err)
	for range 6 {
		_, err = after.Next(math.MaxUint64)
		require.NoError(t, err)
	}
	require.NoError(t, before.Close(), "so that it has read nothing ahead")
	path, es := journaltest.LastSegment(t, l.Unclean)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Rename(path, path+"x"))
	require.NoError(t, os.WriteFile(path, b[:es[len(es)-3].End+20], 0o600))
	require.NoError(t, os.Remove(path+"x"))
	j := journaltest.Open(t, l.Unclean, journal.Options{})
	require.Equal(t, l.Last-2, j.Durable())
	n := 0
	for ; ; n++ {
		if _, err = before.Next(math.MaxUint64); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 3, n)
	_, err = after.Next(math.MaxUint64)
	require.ErrorIs(t, err, journal.ErrRewound)
	journaltest.Add(t, j, 6)
	_, err = after.Next(math.MaxUint64)
	require.ErrorIs(t, err, journal.ErrRewound, "another record has the seq now")
}

// Readers beside a writer that appends, changes segments, trims and saves MARK
// never see damage, gaps or half batches.
func TestReadersBesideWriter(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 4000})
	journaltest.Add(t, j, 50)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	loop := func(f func()) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f()
				}
			}
		})
	}
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	fail := make(chan error, 16)
	report := func(err error) {
		select {
		case fail <- err:
		default:
		}
	}
	c := r.Cursor(1) // not 0: a trim may come before its first Next
	want := uint64(1)
	loop(func() {
		rec, err := c.Next(math.MaxUint64) //nolint:govet // another goroutine's
		if errors.Is(err, io.EOF) {
			return
		}
		if gone := (*journal.TrimmedError)(nil); errors.As(err, &gone) {
			want = gone.Earliest
			_ = c.Close()
			c = r.Cursor(want)
			return
		}
		if err != nil || rec.Seq != want || string(rec.Payload) != string(journaltest.Payload(want)) {
			report(errors.Join(err, errors.New("cursor")))
		}
		want++
	})
	loop(func() {
		prev, last := uint64(0), journal.Record{}
		for rec, err := range r.Records(0) {
			if errors.Is(err, journal.ErrTrimmed) {
				return
			}
			if err != nil || prev != 0 && rec.Seq != prev+1 {
				report(errors.Join(err, errors.New("records")))
				return
			}
			prev, last = rec.Seq, rec
		}
		if last.Flags&journal.More != 0 {
			report(errors.New("half a batch"))
		}
	})
	loop(func() {
		rep, err := journal.Check(dir) //nolint:govet // another goroutine's
		if err != nil || len(rep.Damages) > 0 {
			report(errors.Join(err, errors.New("check"), errors.Join(asErrors(rep.Damages)...)))
		}
	})
	var writer atomic.Pointer[journal.Journal]
	writer.Store(j)
	loop(func() { _ = writer.Load().SaveMark() })
	seq := j.Durable()
	for n := range 300 {
		b := j.NewBatch()
		for i := range 12 {
			seq++
			f := journal.Flags(0)
			if n%2 == 0 && i < 11 {
				f = journal.More
			}
			b.Append(journaltest.Payload(seq), f, int64(seq))
		}
		require.NoError(t, j.Commit(b))
		if n%40 == 39 {
			_, err = j.Trim(seq-1000, 0)
			require.NoError(t, err)
		}
		if n%100 == 99 {
			require.NoError(t, j.Close())
			j = journaltest.Open(t, dir, journal.Options{SegmentSize: 4000})
			writer.Store(j)
		}
	}
	close(stop)
	wg.Wait()
	require.NoError(t, c.Close())
	select {
	case err = <-fail:
		require.NoError(t, err)
	default:
	}
}

func asErrors(in []*journal.DamageError) []error {
	var out []error
	for _, e := range in {
		out = append(out, e)
	}
	return out
}

// Leaving an iteration early leaves nothing running.
func TestRecordsStopEarly(t *testing.T) {
	l := journaltest.NewLedger(t, 64)
	r, err := journal.OpenReader(l.Clean)
	require.NoError(t, err)
	for range 20 {
		for rec, err := range r.Records(3) {
			require.NoError(t, err)
			if rec.Seq == 5 {
				break
			}
		}
	}
}

func TestCheckReportsEverything(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	paths := journaltest.Segments(t, l.Clean)
	for _, i := range []int{0, 1} {
		journaltest.Edit(t, paths[i], func(b []byte) []byte { b[500] ^= 1; return b })
	}
	rep, err := journal.Check(l.Clean)
	require.NoError(t, err)
	require.Len(t, rep.Damages, 2)
	require.Equal(t, "journal/"+filepath.Base(paths[0]), rep.Damages[0].File)
	require.Equal(t, "journal/"+filepath.Base(paths[1]), rep.Damages[1].File)
	journaltest.Edit(t, filepath.Join(l.Clean, "MARK"), func(b []byte) []byte { b[0] ^= 1; return b })
	rep, err = journal.Check(l.Clean)
	require.NoError(t, err)
	require.Len(t, rep.Damages, 3)
}

// A sealed segment that was emptied is no continuation of itself: whoever reads
// it is told, and does not turn in circles.
func TestReadingAnEmptiedSegmentEnds(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for i, path := range journaltest.Segments(t, l.Clean)[:2] {
		dir := filepath.Join(journaltest.FastDir(t), "ledger")
		require.NoError(t, os.CopyFS(dir, os.DirFS(l.Clean)))
		at := filepath.Join(dir, "journal", filepath.Base(path))
		require.NoError(t, os.Truncate(at, 0))
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
		require.NoError(t, err)
		r, err := journal.OpenReader(dir)
		require.NoError(t, err)
		c := r.Cursor(first)
		_, err = c.Next(math.MaxUint64)
		require.ErrorIs(t, err, journal.ErrDamaged, "segment %d", i)
		require.NoError(t, c.Close())
	}
}

// TestReaderBesideTrims looks for the end of a journal of which every segment is
// trimmed as soon as it has a successor, also between a listing of the directory and
// the look at what was listed.
func TestReaderBesideTrims(t *testing.T) {
	dir := journaltest.FastDir(t)
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1})
	journaltest.Add(t, j, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3000 {
			b := j.NewBatch()
			b.Append([]byte("x"), 0, 1)
			if err := j.Commit(b); err != nil {
				t.Error(err)
				return
			}
			if _, err := j.Trim(j.Durable()+1, 0); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	defer func() { <-done }()
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	for before := uint64(0); ; {
		select {
		case <-done:
			return
		default:
		}
		last, err := r.Last()
		require.NotErrorIs(t, err, journal.ErrDamaged)
		if err == nil {
			require.GreaterOrEqual(t, last.Seq, before)
			before = last.Seq
		}
	}
}

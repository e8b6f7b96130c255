package journal_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

func TestOpenAppendReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "ledger")
	now := time.Unix(1000, 0)
	j := journaltest.Open(t, dir, journal.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	require.True(t, j.Recovery().Created)
	require.Equal(t, time.Second, j.Recovery().Duration)
	require.EqualValues(t, 1, j.Epoch())
	require.EqualValues(t, 1, j.First())
	require.Equal(t, journal.Head{}, j.Last())
	journaltest.Add(t, j, 1, 5, 3)
	require.NoError(t, j.Commit(j.NewBatch()), "an empty batch is nothing")
	last := j.Last()
	require.EqualValues(t, 9, last.Seq)
	require.NoError(t, j.Close())
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.Commit(j.NewBatch()), journal.ErrClosed)
	require.ErrorIs(t, j.SaveMark(), journal.ErrClosed)

	j = journaltest.Open(t, dir, journal.Options{})
	require.True(t, j.Recovery().Clean)
	require.False(t, j.Recovery().Rewritten)
	require.EqualValues(t, 9, j.Recovery().Records)
	require.EqualValues(t, 2, j.Epoch())
	require.Equal(t, last, j.Last())
	journaltest.Add(t, j, 2)
	recs := journaltest.Read(t, dir, 0)
	require.Len(t, recs, 11)
	require.EqualValues(t, 1, recs[8].Epoch)
	require.EqualValues(t, 2, recs[9].Epoch)
	require.Equal(t, []uint64{0, 1, 1, 1, 1, 1, 6, 6, 6, 9, 9}, column(recs, func(r journal.Record) uint64 { return r.Synced }))
	require.Equal(t, j.Last().Chain, recs[10].Chain)
	require.Len(t, journaltest.Read(t, dir, 7), 5)
	var own []journal.Record
	for rec, err := range j.Records(4) {
		require.NoError(t, err)
		own = append(own, rec)
	}
	require.Equal(t, recs[3:], own)
	require.Empty(t, journaltest.Read(t, dir, 12))
}

func column[T any](recs []journal.Record, f func(journal.Record) T) []T {
	var out []T
	for _, r := range recs {
		out = append(out, f(r))
	}
	return out
}

func TestRecordTimeNeverDecreases(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	b := j.NewBatch()
	for _, at := range []int64{-5, 100, 50, 100, 120} {
		b.Append([]byte("x"), journal.Control, at)
	}
	require.NoError(t, j.Commit(b))
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{})
	b = j.NewBatch()
	b.Append([]byte("x"), 0, 7)
	require.NoError(t, j.Commit(b))
	recs, err := journaltest.TryRead(dir, 0)
	require.NoError(t, err)
	require.Equal(t, []int64{-5, 100, 100, 100, 120, 120}, column(recs, func(r journal.Record) int64 { return r.Time }))
	require.Equal(t, journal.Control, recs[0].Flags)
}

func TestRefusedPayloads(t *testing.T) {
	for name, f := range map[string]func(*journal.Batch){
		"empty":        func(b *journal.Batch) { b.Append(nil, 0, 1) },
		"too long":     func(b *journal.Batch) { b.Append(make([]byte, journal.MaxPayload+1), 0, 1) },
		"unknown flag": func(b *journal.Batch) { b.Append([]byte("x"), 8, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 1)
			b := j.NewBatch()
			b.Append([]byte("fine"), 0, 1)
			f(b)
			b.Append([]byte("fine"), 0, 1)
			err := j.Commit(b)
			require.ErrorIs(t, err, journal.ErrPayload)
			require.ErrorIs(t, err, journal.ErrFailed, "the frames before it have taken their seq")
			require.NoError(t, j.Close())
			j = journaltest.Open(t, dir, journal.Options{})
			require.EqualValues(t, 1, j.Durable())
		})
	}
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	b := j.NewBatch()
	b.Append(make([]byte, journal.MaxPayload), 0, 1)
	require.NoError(t, j.Commit(b))
	recs, err := journaltest.TryRead(dir, 1)
	require.NoError(t, err)
	require.Len(t, recs[0].Payload, journal.MaxPayload)
}

func TestBatchesKeepTheirOrder(t *testing.T) {
	for name, f := range map[string]func(*journal.Journal) *journal.Batch{
		"second first": func(j *journal.Journal) *journal.Batch {
			j.NewBatch().Append([]byte("one"), 0, 1)
			b := j.NewBatch()
			b.Append([]byte("two"), 0, 1)
			return b
		},
		"filled in turns": func(j *journal.Journal) *journal.Batch {
			a, b := j.NewBatch(), j.NewBatch()
			a.Append([]byte("one"), 0, 1)
			b.Append([]byte("two"), 0, 1)
			a.Append([]byte("three"), 0, 1)
			return a
		},
		"ends inside an atomic batch": func(j *journal.Journal) *journal.Batch {
			b := j.NewBatch()
			b.Append([]byte("one"), journal.More, 1)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			err := j.Commit(f(j))
			require.ErrorIs(t, err, journal.ErrOrder)
			require.ErrorIs(t, err, journal.ErrFailed)
			require.ErrorIs(t, j.Commit(j.NewBatch()), journal.ErrOrder)
			require.Empty(t, journaltest.Read(t, dir, 0))
		})
	}
}

// The journal's idea of the log's segments must be the log's own.
func TestTailMirror(t *testing.T) {
	for _, limit := range []int{1, 90, 100, 128, 1000, 1 << 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			dir := t.TempDir()
			for _, size := range []int{limit, limit * 3, limit/3 + 1, 1 << 20, 150, 1 << 20, 1, limit} {
				j := journaltest.Open(t, dir, journal.Options{SegmentSize: size})
				for i := range 12 {
					journaltest.Add(t, j, 1+i*i%7)
					segs := journaltest.Segments(t, dir)
					b, err := os.ReadFile(segs[len(segs)-1])
					require.NoError(t, err)
					first, end := j.TailMirror()
					_, scanned, reason, err := journaltest.ScanBytes(b, first)
					require.NoError(t, err)
					require.Empty(t, reason)
					require.Equal(t, fmt.Sprintf("%020d", first), filepath.Base(segs[len(segs)-1]))
					require.Equal(t, scanned, end)
					require.LessOrEqual(t, len(b), max(int(end), size), "a segment is not sized beyond what fills it")
					for i, s := range j.Sealed() {
						require.Equal(t, fmt.Sprintf("%020d", s[0]), filepath.Base(segs[i]))
						require.Equal(t, fmt.Sprintf("%020d", s[1]+1), filepath.Base(segs[i+1]))
					}
				}
				require.NoError(t, j.Close())
			}
			rep, err := journal.Check(dir)
			require.NoError(t, err)
			require.Empty(t, rep.Damages)
			require.Empty(t, rep.Notices)
			journaltest.Read(t, dir, 0)
		})
	}
}

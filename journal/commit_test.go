package journal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

func TestFirstErrorIsFinal(t *testing.T) {
	cause := errors.New("the disk says no")
	for _, tc := range []struct {
		name   string
		fault  func(*journal.FaultyLog)
		synced bool
	}{
		{"write", func(f *journal.FaultyLog) { f.WriteErr = cause }, false},
		{"sync of a full segment", func(f *journal.FaultyLog) { f.WriteErr = &fs.PathError{Op: "sync", Err: cause} }, true},
		{"sync", func(f *journal.FaultyLog) { f.SyncErr = cause }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 3)
			f := j.Interpose()
			tc.fault(f)
			next := func(n int) *journal.Batch {
				b := j.NewBatch()
				for range n {
					b.Append([]byte("x"), 0, 1)
				}
				return b
			}
			first := j.Commit(next(2))
			require.ErrorIs(t, first, journal.ErrFailed)
			require.ErrorIs(t, first, cause)
			var failed *journal.FailedError
			require.ErrorAs(t, first, &failed)
			require.Equal(t, tc.synced, failed.Synced())
			writes, syncs := f.Writes, f.Syncs
			require.LessOrEqual(t, syncs, 1, "an fsync is never tried again")
			f.WriteErr, f.SyncErr = nil, nil
			require.Equal(t, first, j.Commit(next(1)), "the same error for ever")
			require.Equal(t, first, j.Commit(next(0)))
			require.Equal(t, first, j.SaveMark())
			require.Equal(t, writes, f.Writes, "nothing may be written behind an error")
			require.Equal(t, syncs, f.Syncs, "an fsync is never tried again")
			require.EqualValues(t, 3, j.Durable())
			require.NoError(t, j.Close())
			require.Equal(t, syncs, f.Syncs, "nor by closing")

			j = journaltest.Open(t, dir, journal.Options{})
			require.False(t, j.Recovery().Clean, "a failed journal leaves no clean MARK")
			require.True(t, j.Recovery().Rewritten)
			require.GreaterOrEqual(t, j.Durable(), uint64(3))
		})
	}
}

// The next batch is filled while the last is committed.
func TestOverlap(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2000})
	batches := make(chan *journal.Batch, 1)
	const rounds = 200
	go func() {
		defer close(batches)
		seq := uint64(0)
		for n := range rounds {
			b := j.NewBatch()
			for range 1 + n%9 {
				seq++
				b.Append(journaltest.Payload(seq), 0, int64(seq))
			}
			batches <- b
		}
	}()
	seen := uint64(0)
	for b := range batches {
		n := b.Len()
		require.NoError(t, j.Commit(b))
		seen += uint64(n)
		require.Equal(t, seen, j.Durable())
	}
	recs := journaltest.Read(t, dir, 0)
	require.Len(t, recs, int(seen))
	for i, r := range recs {
		if i > 0 && r.Synced != recs[i-1].Synced {
			require.Equal(t, recs[i-1].Seq, r.Synced, "the group before it, although that was not durable yet")
		}
	}
}

func TestTrim(t *testing.T) {
	dir := t.TempDir()
	var phases []string
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1000, Phase: func(name string, begin bool) {
		phases = append(phases, fmt.Sprint(name, begin))
	}})
	journaltest.Add(t, j, 30, 30)
	paths := journaltest.Segments(t, dir)
	require.Greater(t, len(paths), 4)
	firsts := make([]uint64, len(paths))
	for i, p := range paths {
		_, err := fmt.Sscanf(filepath.Base(p), "%d", &firsts[i])
		require.NoError(t, err)
	}

	removed, err := j.Trim(firsts[1]-1, 0)
	require.NoError(t, err)
	require.Empty(t, removed, "its last record is still wanted")
	removed, err = j.Trim(firsts[3], time.Duration(j.Last().Seq-(firsts[2]-1)))
	require.NoError(t, err)
	require.Equal(t, []string{"journal/" + filepath.Base(paths[0])}, removed, "the second is not older than that")
	require.Equal(t, firsts[1], j.First())
	removed, err = j.Trim(firsts[3]+1, 0)
	require.NoError(t, err)
	require.Len(t, removed, 2)
	require.Equal(t, firsts[3], j.First())
	require.Subset(t, phases, []string{
		"recoverytrue", "recoveryfalse", "segmenttrue", "segmentfalse", "marktrue", "markfalse", "trimtrue", "trimfalse",
	})

	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	require.Equal(t, firsts[3], r.First())
	_, err = journaltest.TryRead(dir, firsts[3]-1)
	var gone *journal.TrimmedError
	require.ErrorAs(t, err, &gone)
	require.ErrorIs(t, err, journal.ErrTrimmed)
	require.Equal(t, firsts[3], gone.Earliest)
	_, err = r.Cursor(1).Next(1 << 60)
	require.ErrorIs(t, err, journal.ErrTrimmed)

	removed, err = j.Trim(1<<60, 0)
	require.NoError(t, err)
	require.NotEmpty(t, removed)
	require.LessOrEqual(t, j.First(), j.Durable(), "the newest record always stays")
	journaltest.Add(t, j, 2)
	first, last := j.First(), j.Last()
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	require.Equal(t, first, j.First())
	require.Equal(t, last, j.Last())
	require.Len(t, journaltest.Read(t, dir, first), int(last.Seq-first)+1)
	require.NoError(t, j.Close())

	// What MARK says of the first segment holds for the whole chain.
	es := journaltest.Entries(t, journaltest.Segments(t, dir)[0], first)
	r0 := es[0].Rec
	r0.Payload = []byte("another past")
	journaltest.Edit(t, journaltest.Segments(t, dir)[0], func([]byte) []byte { return journaltest.WithPrefix(journaltest.EncodeFrame(&r0, [32]byte{1})) })
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.NotEmpty(t, rep.Damages)
	require.Contains(t, rep.Damages[0].Reason, "chain")
}

// Not even when the segment behind the newest record is empty.
func TestTrimKeepsTheNewestRecord(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1})
	journaltest.Add(t, j, 5)
	removed, err := j.Trim(1<<60, 0)
	require.NoError(t, err)
	require.Len(t, removed, 4)
	last := j.Last()
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 1})
	require.Equal(t, last, j.Last())
	journaltest.Add(t, j, 2)
	require.Len(t, journaltest.Read(t, dir, 5), 3)
}

// MARK moves on also where all that goes is the first record.
func TestTrimOfOneRecord(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1})
	journaltest.Add(t, j, 3)
	for first := uint64(2); first <= 3; first++ {
		require.True(t, j.Trimmable(first, 0))
		removed, err := j.Trim(first, 0)
		require.NoError(t, err)
		require.Len(t, removed, 1)
		require.False(t, j.Trimmable(first, 0))
		require.Equal(t, first, j.First())
		require.Len(t, journaltest.Read(t, dir, first), int(4-first))
	}
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{})
	require.EqualValues(t, 3, j.First())
}

// A trim whose unlink fails is not the journal's end, and is finished later.
func TestTrimThatFails(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may unlink everywhere: a directory takes the place of the segment")
	}
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 500})
	journaltest.Add(t, j, 30)
	path := journaltest.Segments(t, dir)[1]
	require.NoError(t, os.Rename(path, path+"x"))
	require.NoError(t, os.MkdirAll(filepath.Join(path, "occupied"), 0o700))
	removed, err := j.Trim(25, 0)
	require.Error(t, err)
	require.Len(t, removed, 1)
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, os.Rename(path+"x", path))
	journaltest.Add(t, j, 3)
	first := j.First()
	_, err = j.Trim(first-1, 0)
	require.NoError(t, err)
	require.Equal(t, first, j.First(), "what MARK has given up does not come back")
	again, err := j.Trim(25, 0)
	require.NoError(t, err)
	require.False(t, slices.Contains(again, removed[0]))
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 500})
	journaltest.Read(t, dir, j.First())
}

package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/wal"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// The journal and tidwall/wal take turns at one log: each reads what the other has
// written, and goes on behind it. The library's segments and the journal's are the
// same to the byte.
func TestTakesTurnsWithTheLibrary(t *testing.T) {
	const size = 1000
	dir, twin := journaltest.FastDir(t), journaltest.FastDir(t)
	library := func(path string) *wal.Log {
		log, err := wal.Open(path, &wal.Options{SegmentSize: size, AllowEmpty: true, FilePerms: 0o600})
		require.NoError(t, err)
		return log
	}
	seq, chain := uint64(0), [32]byte{}
	frames := func(epoch uint64, n int) *wal.Batch { // as the journal would encode them
		b := new(wal.Batch)
		for i := range n {
			synced := seq - uint64(i)
			r := journal.Record{Seq: seq + 1, Synced: synced, Epoch: epoch, Time: int64(seq + 1), Payload: journaltest.Payload(seq + 1)}
			b.Write(r.Seq, journaltest.EncodeFrame(&r, chain))
			seq, chain = r.Seq, r.Chain
		}
		return b
	}
	for turn := range 8 {
		j, err := journal.Open(dir, journal.Options{SegmentSize: size, TrustJournal: true})
		require.NoError(t, err, "turn %d", turn)
		require.Equal(t, seq, j.Durable())
		journaltest.Add(t, j, 1+turn, 3, 20)
		seq, chain = j.Last().Seq, j.Last().Chain
		epoch := j.Epoch()
		require.NoError(t, j.Close())

		log := library(filepath.Join(dir, "journal"))
		first, err := log.FirstIndex()
		require.NoError(t, err)
		require.EqualValues(t, 1, first)
		last, err := log.LastIndex()
		require.NoError(t, err)
		require.Equal(t, seq, last)
		for i := first; i <= last; i++ {
			frame, readErr := log.Read(i)
			require.NoError(t, readErr)
			rec, bad := journaltest.DecodeFrame(frame)
			require.Empty(t, bad)
			require.Equal(t, i, rec.Seq)
			require.Equal(t, journaltest.Payload(i), rec.Payload)
		}
		require.NoError(t, log.WriteBatch(frames(epoch, 5+turn)))
		require.NoError(t, log.Close())
		require.NoError(t, os.Remove(filepath.Join(dir, "MARK"))) // it knows nothing of the library's
	}
	require.Greater(t, len(journaltest.Segments(t, dir)), 20)

	// What was written in turns is what the library alone would have written.
	alone := library(twin)
	log := library(filepath.Join(dir, "journal"))
	for i := uint64(1); i <= seq; i++ {
		frame, err := log.Read(i)
		require.NoError(t, err)
		require.NoError(t, alone.Write(i, frame))
	}
	require.NoError(t, errors.Join(log.Close(), alone.Close()))
	for _, path := range journaltest.Segments(t, dir) {
		ours, err := os.ReadFile(path)
		require.NoError(t, err)
		theirs, err := os.ReadFile(filepath.Join(twin, filepath.Base(path)))
		require.NoError(t, err)
		require.Equal(t, theirs, ours, filepath.Base(path))
	}
}

// The next segment is made while the newest one is filled, is given its name with all
// of its size, and is gone when the ledger is closed.
func TestSegmentMadeInAdvance(t *testing.T) {
	dir := journaltest.FastDir(t)
	const size = 8 << 10
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: size})
	spare := filepath.Join(dir, "journal", "next"+durable.TempSuffix)
	ready := func() bool { return j.SpareReady() }
	for range 4 {
		for !ready() {
			journaltest.Add(t, j, 1)
			j.WaitForSpare()
		}
		info, err := os.Stat(spare)
		require.NoError(t, err)
		require.EqualValues(t, size, info.Size())
		segments := len(journaltest.Segments(t, dir))
		for len(journaltest.Segments(t, dir)) == segments {
			journaltest.Add(t, j, 1)
		}
		path, _ := journaltest.LastSegment(t, dir)
		turned, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, os.SameFile(info, turned))
		require.EqualValues(t, size, turned.Size())
	}
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	for _, n := range rep.Notices {
		require.NotContains(t, n.File, "next", "it belongs to an open ledger")
	}
	for !ready() {
		journaltest.Add(t, j, 1)
		j.WaitForSpare()
	}
	left := filepath.Join(journaltest.FastDir(t), "left")
	require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
	last := j.Durable()
	require.NoError(t, j.Close())
	require.NoFileExists(t, spare)

	j = journaltest.Open(t, left, journal.Options{SegmentSize: size})
	require.Equal(t, last, j.Durable())
	require.NoFileExists(t, filepath.Join(left, "journal", "next"+durable.TempSuffix), "what a crash has left")
}

// The next segment grows with the newest one, and is whole before that is full; a
// journal that is closed meanwhile leaves nothing of it.
func TestSegmentGrowsInAdvance(t *testing.T) {
	const size, piece = 6 << 20, 1 << 20
	dir := journaltest.FastDir(t)
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: size})
	payload, most := make([]byte, 1<<16), int64(0)
	for range 105 { // 6.6 MiB, so that a segment is left
		b := j.NewBatch()
		b.Append(payload, 0, 0)
		require.NoError(t, j.Commit(b))
		j.Ahead()
		j.WaitForSpare()
		_, newest := j.TailMirror()
		most = max(most, max(0, newest-size/8)*5/4+1+piece)
		require.LessOrEqual(t, j.SpareSize(), most)
	}
	for n := 0; j.SpareSize() < 2*piece; n++ {
		require.Less(t, n, 80)
		b := j.NewBatch()
		b.Append(payload, 0, 0)
		require.NoError(t, j.Commit(b))
		j.Ahead()
		j.WaitForSpare()
	}
	require.False(t, j.SpareReady())
	require.NoError(t, j.Close(), "it waits for nothing that will not come")
	require.Zero(t, j.SpareSize())
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
}

func TestScarce(t *testing.T) {
	require.False(t, journal.Scarce(t.TempDir(), 1))
	require.True(t, journal.Scarce(t.TempDir(), 1<<55))
}

// A segment that cannot be made in advance, or was taken away, is no failure.
func TestSegmentNotMadeInAdvance(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, spare string){
		"taken away": func(t *testing.T, spare string) { t.Helper(); require.NoError(t, os.Remove(spare)) },
		"occupied":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := journaltest.FastDir(t)
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2000})
			spare := filepath.Join(dir, "journal", "next"+durable.TempSuffix)
			if spoil == nil {
				require.NoError(t, os.Mkdir(spare, 0o700))
			}
			for n := range 100 {
				journaltest.Add(t, j, 1)
				j.WaitForSpare()
				if _, err := os.Stat(spare); err == nil && spoil != nil && n > 10 {
					spoil(t, spare)
				}
			}
			require.Len(t, journaltest.Read(t, dir, 0), 100)
			if spoil == nil {
				require.NoError(t, os.Remove(spare))
			}
			require.NoError(t, j.Close())
			j = journaltest.Open(t, dir, journal.Options{SegmentSize: 2000})
			require.EqualValues(t, 100, j.Durable())
			require.True(t, j.Recovery().Clean)
		})
	}
}

// A payload that stands in its place is not copied, and one that does not is; what is
// written is the same.
func TestRoom(t *testing.T) {
	written := func(room bool) string {
		dir := journaltest.FastDir(t)
		j := journaltest.Open(t, dir, journal.Options{SegmentSize: 20000})
		for _, sizes := range [][]int{{1}, {10, 40, 64, 65, 66, 67, 127}, {500, 3, 16300, 16321, 16322, 16323, 17000, 9}, {19000, 40000, 1}} {
			b := j.NewBatch()
			for i, n := range sizes {
				text := []byte(fmt.Sprint(n, i))
				for len(text) < n {
					text = append(text, text...)
				}
				payload := text[:n]
				if room {
					bound := n
					if i%3 == 1 {
						bound = n / 2 // too little: it is moved, and copied
					}
					payload = append(b.Room(bound), payload...)
				}
				b.Append(payload, 0, int64(n))
			}
			require.NoError(t, j.Commit(b))
		}
		require.NoError(t, j.Close())
		all := ""
		for _, path := range journaltest.Segments(t, dir) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			all += filepath.Base(path) + string(b)
		}
		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.Empty(t, rep.Damages)
		return all
	}
	require.True(t, written(false) == written(true)) //nolint:testifylint // too long to be shown
}

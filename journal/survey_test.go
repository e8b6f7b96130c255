package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// Check counts the records and reports the last one's head as the writer knows
// it, also where there is none.
func TestCheckReportsTheLastHead(t *testing.T) {
	for records := range 3 {
		dir := t.TempDir()
		j := journaltest.Open(t, dir, journal.Options{})
		journaltest.Add(t, j, records)
		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.Equal(t, j.Last(), rep.Last)
		require.EqualValues(t, records, rep.Records)
	}
}

// The refusal names the records that are gone with a segment.
func TestMissingRecordsAreNamed(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path := journaltest.Segments(t, l.Clean)[1]
	var first uint64
	_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	_, err = journal.Open(l.Clean, journal.Options{})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, first, bad.Seq)
	require.Contains(t, bad.Reason, fmt.Sprintf("records %d to %d are missing", first, l.Third-1))
}

// A segment that begins inside the one before it is named, also behind another
// damage, and nothing is called missing that is there.
func TestOverlappingSegments(t *testing.T) {
	for _, rotten := range []bool{false, true} {
		l := journaltest.NewLedger(t, 32)
		path := journaltest.Segments(t, l.Clean)[0]
		es := journaltest.Entries(t, path, 1)
		e, last := es[len(es)-2], es[len(es)-1]
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		stray := fmt.Sprintf("journal/%020d", e.Rec.Seq)
		end := last.End
		if rotten {
			end = e.End
			journaltest.Edit(t, path, func(b []byte) []byte { journaltest.Zero(b[last.At:]); return b })
		}
		require.NoError(t, os.WriteFile(filepath.Join(l.Clean, stray), b[e.At:end], 0o600))
		rep, err := journal.Check(l.Clean)
		require.NoError(t, err)
		var files []string
		for _, bad := range rep.Damages {
			files = append(files, bad.File)
		}
		overlap := rep.Damages[0]
		want := []string{stray}
		if rotten {
			overlap = rep.Damages[1]
			want = []string{"journal/" + filepath.Base(path), stray, fmt.Sprintf("journal/%020d", last.Rec.Seq)}
		}
		require.Equal(t, want, files)
		require.Equal(t, e.Rec.Seq, overlap.Seq)
		require.Contains(t, overlap.Reason, fmt.Sprintf("records %d to", e.Rec.Seq))
		require.Contains(t, overlap.Reason, "stand before this segment already")
		_, err = journal.Open(l.Clean, journal.Options{})
		require.ErrorIs(t, err, journal.ErrDamaged)
		_, err = journaltest.TryRead(l.Clean, 0)
		require.Equal(t, rep.Damages[0], err)
	}
}

// The first record of the newest segment is held against the last one of the
// segment before it, also to tell rot from a torn write when it is the only one.
func TestRotInTheOnlyRecordOfASegment(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 500})
	for first, size := j.TailMirror(); first == 1 || size > 0; first, size = j.TailMirror() {
		journaltest.Add(t, j, 1)
	}
	journaltest.Add(t, j, 1)
	dir = journaltest.CopyLedger(t, dir)
	path, es := journaltest.LastSegment(t, dir)
	require.Len(t, es, 1)
	journaltest.Edit(t, path, func(b []byte) []byte { b[es[0].End-1] ^= 0x10; return b })
	journaltest.RequireRefused(t, dir, journaltest.Refused(path, es[0].End-1, "one byte"))
}

// Without MARK a first segment that begins with seq 1 still has to begin the
// chain, and a ledger without a segment is an empty one.
func TestTrustJournalFromTheBeginning(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 1)
	require.NoError(t, j.Close())
	path, es := journaltest.LastSegment(t, dir)
	rec := es[0].Rec
	require.NoError(t, os.WriteFile(path, journaltest.WithPrefix(journaltest.EncodeFrame(&rec, [32]byte{1})), 0o600))
	journaltest.Edit(t, filepath.Join(dir, "MARK"), func(b []byte) []byte { b[20] ^= 1; return b })
	_, err := journal.Open(dir, journal.Options{TrustJournal: true})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "chain does not continue", bad.Reason)

	require.NoError(t, os.Remove(path))
	_, err = journal.Open(dir, journal.Options{})
	require.ErrorIs(t, err, journal.ErrDamaged)
	j = journaltest.Open(t, dir, journal.Options{TrustJournal: true})
	require.EqualValues(t, 1, j.First())
	require.Zero(t, j.Durable())
}

// Without MARK a segment is still held to the seq of its name.
func TestTrustJournalOfARenamedSegment(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 3)
	require.NoError(t, j.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
	path := journaltest.Segments(t, dir)[0]
	require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(path), fmt.Sprintf("%020d", 777))))
	_, err := journal.Open(dir, journal.Options{TrustJournal: true})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Contains(t, bad.Reason, "seq 1 where seq 777 should be")
}

// What is cut is counted without the zeros that the segment was sized with.
func TestCutBytes(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	path, es := journaltest.LastSegment(t, l.Unclean)
	noise := bytes.Repeat([]byte{0xd7, 0x31, 0xff, 1}, 700)
	journaltest.Edit(t, path, func(b []byte) []byte {
		return append(append(b[:es[len(es)-1].End], noise...), make([]byte, journaltest.Behind)...)
	})
	j := journaltest.Open(t, l.Unclean, journal.Options{})
	require.EqualValues(t, len(noise), j.Recovery().CutBytes)
}

// A record stays as it was read while those behind it are, however long its
// segment is.
func TestRecordsStayValid(t *testing.T) {
	dir := journaltest.FastDir(t)
	long := func(seq uint64) []byte { return bytes.Repeat(journaltest.Payload(seq), 4000) }
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2 << 20})
	journaltest.AddSome(t, j, long, 60)
	require.Len(t, journaltest.Segments(t, dir), 2)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	var all, queued []journal.Record
	for rec, err := range r.Records(0) {
		require.NoError(t, err)
		all = append(all, rec)
	}
	c := r.Cursor(1)
	for rec, err := c.Next(60); err == nil; rec, err = c.Next(60) {
		queued = append(queued, rec)
	}
	require.NoError(t, c.Close())
	for _, recs := range [][]journal.Record{all, queued} {
		require.Len(t, recs, 60)
		for i := range recs {
			require.True(t, bytes.Equal(long(recs[i].Seq), recs[i].Payload), "seq %d", recs[i].Seq)
		}
	}
}

package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// Check counts the records and reports the last one's head as the writer knows
// it, also where there is none.
func TestCheckReportsTheLastHead(t *testing.T) {
	for records := range 3 {
		dir := t.TempDir()
		j := open(t, dir, journal.Options{})
		add(t, j, records)
		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.Equal(t, j.Last(), rep.Last)
		require.EqualValues(t, records, rep.Records)
	}
}

// The refusal names the records that are gone with a segment.
func TestMissingRecordsAreNamed(t *testing.T) {
	l := newLedger(t, 32)
	path := segments(t, l.clean)[1]
	var first uint64
	_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	_, err = journal.Open(l.clean, journal.Options{})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, first, bad.Seq)
	require.Contains(t, bad.Reason, fmt.Sprintf("records %d to %d are missing", first, l.third-1))
}

// A segment that begins inside the one before it is named, also behind another
// damage, and nothing is called missing that is there.
func TestOverlappingSegments(t *testing.T) {
	for _, rotten := range []bool{false, true} {
		l := newLedger(t, 32)
		path := segments(t, l.clean)[0]
		es := entries(t, path, 1)
		e, last := es[len(es)-2], es[len(es)-1]
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		stray := fmt.Sprintf("journal/%020d", e.rec.Seq)
		end := last.end
		if rotten {
			end = e.end
			edit(t, path, func(b []byte) []byte { zero(b[last.at:]); return b })
		}
		require.NoError(t, os.WriteFile(filepath.Join(l.clean, stray), b[e.at:end], 0o600))
		rep, err := journal.Check(l.clean)
		require.NoError(t, err)
		var files []string
		for _, bad := range rep.Damages {
			files = append(files, bad.File)
		}
		overlap := rep.Damages[0]
		want := []string{stray}
		if rotten {
			overlap = rep.Damages[1]
			want = []string{"journal/" + filepath.Base(path), stray, fmt.Sprintf("journal/%020d", last.rec.Seq)}
		}
		require.Equal(t, want, files)
		require.Equal(t, e.rec.Seq, overlap.Seq)
		require.Contains(t, overlap.Reason, fmt.Sprintf("records %d to", e.rec.Seq))
		require.Contains(t, overlap.Reason, "stand before this segment already")
		_, err = journal.Open(l.clean, journal.Options{})
		require.ErrorIs(t, err, journal.ErrDamaged)
		_, err = tryRead(l.clean, 0)
		require.Equal(t, rep.Damages[0], err)
	}
}

// The first record of the newest segment is held against the last one of the
// segment before it, also to tell rot from a torn write when it is the only one.
func TestRotInTheOnlyRecordOfASegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{SegmentSize: 500})
	for first, size := j.TailMirror(); first == 1 || size > 0; first, size = j.TailMirror() {
		add(t, j, 1)
	}
	add(t, j, 1)
	dir = copyLedger(t, dir)
	path, es := lastSegment(t, dir)
	require.Len(t, es, 1)
	edit(t, path, func(b []byte) []byte { b[es[0].end-1] ^= 0x10; return b })
	requireRefused(t, dir, refused(path, es[0].end-1, "one byte"))
}

// Without MARK a first segment that begins with seq 1 still has to begin the
// chain, and a ledger without a segment is an empty one.
func TestTrustJournalFromTheBeginning(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	add(t, j, 1)
	require.NoError(t, j.Close())
	path, es := lastSegment(t, dir)
	rec := es[0].rec
	require.NoError(t, os.WriteFile(path, withPrefix(journal.EncodeFrame(&rec, [32]byte{1})), 0o600))
	edit(t, filepath.Join(dir, "MARK"), func(b []byte) []byte { b[20] ^= 1; return b })
	_, err := journal.Open(dir, journal.Options{TrustJournal: true})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "chain does not continue", bad.Reason)

	require.NoError(t, os.Remove(path))
	_, err = journal.Open(dir, journal.Options{})
	require.ErrorIs(t, err, journal.ErrDamaged)
	j = open(t, dir, journal.Options{TrustJournal: true})
	require.EqualValues(t, 1, j.First())
	require.Zero(t, j.Durable())
}

// Without MARK a segment is still held to the seq of its name.
func TestTrustJournalOfARenamedSegment(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Options{})
	add(t, j, 3)
	require.NoError(t, j.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
	path := segments(t, dir)[0]
	require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(path), fmt.Sprintf("%020d", 777))))
	_, err := journal.Open(dir, journal.Options{TrustJournal: true})
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Contains(t, bad.Reason, "seq 1 where seq 777 should be")
}

var errUnreadable = errors.New("this part cannot be read")

// unreadable is a file of which nothing can be read from an offset on.
type unreadable struct {
	io.ReaderAt
	from int64
}

func (u unreadable) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > u.from {
		return 0, errUnreadable
	}
	return u.ReaderAt.ReadAt(b, off)
}

// Bytes that cannot be read are an error, and never the end of a segment or a
// torn record: what follows from those is a cut.
func TestWhatCannotBeReadIsNoFlaw(t *testing.T) {
	l := newLedger(t, 32)
	_, es := lastSegment(t, l.clean)
	b, err := os.ReadFile(segments(t, l.clean)[2])
	require.NoError(t, err)
	end := int64(es[len(es)-1].end)
	const block = 512 << 10 // what is read at once
	b = append(b[:end], make([]byte, 3*block)...)
	for name, from := range map[string]int64{"the records": 0, "the zeros behind them": 2 * block} {
		_, _, reason, err := journal.ScanReader(unreadable{bytes.NewReader(b), from}, int64(len(b)), l.third)
		require.ErrorIs(t, err, errUnreadable, name)
		require.Empty(t, reason, name)
	}
}

// A file that is shorter than it was when the scan began ends inside a record.
func TestScanOfAFileThatWasCut(t *testing.T) {
	l := newLedger(t, 32)
	_, es := lastSegment(t, l.clean)
	b, err := os.ReadFile(segments(t, l.clean)[2])
	require.NoError(t, err)
	last := es[len(es)-1]
	for size, end := range map[int]int{last.end: last.end, last.end - 1: last.at, last.frame: last.at} {
		_, at, reason, err := journal.ScanReader(bytes.NewReader(b[:size]), int64(len(b)+1), l.third)
		require.NoError(t, err)
		require.Equal(t, "the file ends inside a record", reason)
		require.EqualValues(t, end, at)
	}
}

// What is cut is counted without the zeros that the segment was sized with.
func TestCutBytes(t *testing.T) {
	l := newLedger(t, 32)
	path, es := lastSegment(t, l.unclean)
	noise := bytes.Repeat([]byte{0xd7, 0x31, 0xff, 1}, 700)
	edit(t, path, func(b []byte) []byte {
		return append(append(b[:es[len(es)-1].end], noise...), make([]byte, behind)...)
	})
	j := open(t, l.unclean, journal.Options{})
	require.EqualValues(t, len(noise), j.Recovery().CutBytes)
}

// A record stays as it was read while those behind it are, however long its
// segment is.
func TestRecordsStayValid(t *testing.T) {
	dir := fastDir(t)
	long := func(seq uint64) []byte { return bytes.Repeat(payload(seq), 4000) }
	j := open(t, dir, journal.Options{SegmentSize: 2 << 20})
	addSome(t, j, long, 60)
	require.Len(t, segments(t, dir), 2)
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

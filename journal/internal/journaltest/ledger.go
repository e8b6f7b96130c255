package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// FastDir returns a directory in memory where there is one: what these tests
// try by the thousand is the rule, not the disk.
func FastDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-journal-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

// Ledger makes a ledger of three segments, two of which are crossed by groups,
// in dir/clean, and a copy of it as it was just before it was closed, in
// dir/unclean. MARK of the copy knows what was durable when the third segment
// was begun; the two last groups are in that segment and above MARK.
type Ledger struct {
	Clean, Unclean string
	Last           uint64
	Third          uint64 // first seq of the third segment
	Known          uint64 // by MARK of unclean
}

// LedgerSegment is the size of its segments.
const LedgerSegment = 3640

// NewLedger makes a ledger of three groups of a size and two small ones.
func NewLedger(tb testing.TB, group int) Ledger {
	tb.Helper()
	return MakeLedger(tb, Payload, group, group, group)
}

// MakeLedger makes a ledger of the given groups and two small ones.
func MakeLedger(tb testing.TB, payload func(uint64) []byte, groups ...int) Ledger {
	tb.Helper()
	dir := FastDir(tb)
	l := Ledger{Clean: filepath.Join(dir, "clean"), Unclean: filepath.Join(dir, "unclean")}
	j := Open(tb, l.Clean, journal.Options{SegmentSize: LedgerSegment})
	AddSome(tb, j, payload, groups...)
	l.Known = j.Durable()
	newest := Segments(tb, l.Clean)
	_, err := fmt.Sscanf(filepath.Base(newest[len(newest)-1]), "%d", &l.Third)
	require.NoError(tb, err)
	AddSome(tb, j, payload, 10, 10)
	l.Last = j.Durable()
	require.NoError(tb, os.CopyFS(l.Unclean, os.DirFS(l.Clean)))
	require.NoError(tb, j.Close())
	return l
}

// Entry is a frame's place in a segment.
type Entry struct {
	At, Frame, End int
	Rec            journal.Record
}

// Entries takes a segment apart; it must be good up to the zeros that end it.
func Entries(tb testing.TB, path string, first uint64) []Entry {
	tb.Helper()
	b, err := os.ReadFile(path)
	require.NoError(tb, err)
	recs, end, reason, err := ScanBytes(b, first)
	require.NoError(tb, err)
	require.Empty(tb, reason)
	require.Empty(tb, bytes.Trim(b[end:], "\x00"))
	var out []Entry
	at := 0
	for _, r := range recs {
		_, n := binary.Uvarint(b[at:])
		size := n + HeaderSize + len(r.Payload)
		out = append(out, Entry{At: at, Frame: at + n, End: at + size, Rec: r})
		at += size
	}
	return out
}

// LastSegment returns the newest segment that holds records.
func LastSegment(tb testing.TB, dir string) (path string, es []Entry) {
	tb.Helper()
	paths := Segments(tb, dir)
	path = paths[len(paths)-1]
	var first uint64
	for _, c := range filepath.Base(path) {
		first = first*10 + uint64(c-'0')
	}
	return path, Entries(tb, path, first)
}

// Edit replaces a file by what f makes of it.
func Edit(tb testing.TB, path string, f func([]byte) []byte) {
	tb.Helper()
	b, err := os.ReadFile(path)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(path, f(b), 0o600))
}

// reseal gives a frame the checksum of what it holds.
func reseal(frame []byte) {
	binary.LittleEndian.PutUint32(frame, Checksum(frame[4:]))
}

// WithPrefix returns a frame behind its length, as it stands in a segment.
func WithPrefix(frame []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
}

// Open opens a ledger and closes it when the test ends.
func Open(tb testing.TB, dir string, o journal.Options) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(dir, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = j.Close() })
	return j
}

// Payload is what the tests write at a seq.
func Payload(seq uint64) []byte {
	return fmt.Appendf(nil, "record %d %s", seq, bytes.Repeat([]byte{byte('a' + seq%26)}, int(seq%17)))
}

// Add commits groups of the given sizes; every record's time is its seq.
func Add(tb testing.TB, j *journal.Journal, groups ...int) {
	tb.Helper()
	AddSome(tb, j, Payload, groups...)
}

// AddSome is Add for other payloads.
func AddSome(tb testing.TB, j *journal.Journal, payload func(uint64) []byte, groups ...int) {
	tb.Helper()
	seq := j.Last().Seq
	for _, n := range groups {
		b := j.NewBatch()
		for range n {
			seq++
			got, _ := b.Append(payload(seq), 0, int64(seq))
			require.Equal(tb, seq, got)
		}
		require.NoError(tb, j.Commit(b))
		require.Equal(tb, seq, j.Durable())
		j.Ahead()
	}
}

// Read returns the records from seq on and checks that they are what Add wrote.
func Read(tb testing.TB, dir string, from uint64) []journal.Record {
	tb.Helper()
	recs, err := TryRead(dir, from)
	require.NoError(tb, err)
	for i := range recs {
		require.Equal(tb, max(from, 1)+uint64(i), recs[i].Seq)
		require.Equal(tb, Payload(recs[i].Seq), recs[i].Payload)
	}
	return recs
}

// TryRead returns the records from seq on, up to the first error.
func TryRead(dir string, from uint64) ([]journal.Record, error) {
	r, err := journal.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	var recs []journal.Record
	for rec, err := range r.Records(from) {
		if err != nil {
			return recs, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

// Segments returns the paths of the segments, oldest first, without the one that is
// made in advance.
func Segments(tb testing.TB, dir string) []string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	require.NoError(tb, err)
	return slices.DeleteFunc(names, func(name string) bool { return filepath.Base(name) == segment.SpareName })
}

// CopyLedger copies a ledger into a new directory.
func CopyLedger(tb testing.TB, dir string) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "ledger")
	require.NoError(tb, os.CopyFS(to, os.DirFS(dir)))
	return to
}

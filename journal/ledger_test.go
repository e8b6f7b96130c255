package journal_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// fastDir returns a directory in memory where there is one: what these tests
// try by the thousand is the rule, not the disk.
func fastDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-journal-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

// ledger makes a ledger of three segments, two of which are crossed by groups,
// in dir/clean, and a copy of it as it was just before it was closed, in
// dir/unclean. MARK of the copy knows what was durable when the third segment
// was begun; the two last groups are in that segment and above MARK.
type ledger struct {
	clean, unclean string
	last           uint64
	third          uint64 // first seq of the third segment
	known          uint64 // by MARK of unclean
}

const ledgerSegment = 4096

func newLedger(tb testing.TB, group int) ledger {
	tb.Helper()
	return makeLedger(tb, payload, group, group, group)
}

// makeLedger makes a ledger of the given groups and two small ones.
func makeLedger(tb testing.TB, payload func(uint64) []byte, groups ...int) ledger {
	tb.Helper()
	dir := fastDir(tb)
	l := ledger{clean: filepath.Join(dir, "clean"), unclean: filepath.Join(dir, "unclean")}
	j := open(tb, l.clean, journal.Options{SegmentSize: ledgerSegment})
	addSome(tb, j, payload, groups...)
	l.known = j.Durable()
	l.third, _ = j.TailMirror()
	addSome(tb, j, payload, 10, 10)
	l.last = j.Durable()
	require.NoError(tb, os.CopyFS(l.unclean, os.DirFS(l.clean)))
	require.NoError(tb, j.Close())
	return l
}

// entry is a frame's place in a segment.
type entry struct {
	at, frame, end int
	rec            journal.Record
}

// entries takes a segment apart; it must be good up to the zeros that end it.
func entries(tb testing.TB, path string, first uint64) []entry {
	tb.Helper()
	b, err := os.ReadFile(path)
	require.NoError(tb, err)
	recs, end, reason, err := journal.ScanBytes(b, first)
	require.NoError(tb, err)
	require.Empty(tb, reason)
	require.Empty(tb, bytes.Trim(b[end:], "\x00"))
	var out []entry
	at := 0
	for _, r := range recs {
		_, n := binary.Uvarint(b[at:])
		size := n + journal.HeaderSize + len(r.Payload)
		out = append(out, entry{at: at, frame: at + n, end: at + size, rec: r})
		at += size
	}
	return out
}

// lastSegment returns the newest segment that holds records.
func lastSegment(tb testing.TB, dir string) (path string, es []entry) {
	tb.Helper()
	paths := segments(tb, dir)
	path = paths[len(paths)-1]
	var first uint64
	for _, c := range filepath.Base(path) {
		first = first*10 + uint64(c-'0')
	}
	return path, entries(tb, path, first)
}

func edit(tb testing.TB, path string, f func([]byte) []byte) {
	tb.Helper()
	b, err := os.ReadFile(path)
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(path, f(b), 0o600))
}

func reseal(frame []byte) {
	r, reason := journal.DecodeFrame(frame)
	_ = r
	if reason == "" {
		return
	}
	binary.LittleEndian.PutUint32(frame, journal.Checksum(frame[4:]))
}

func withPrefix(frame []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(frame))), frame...)
}

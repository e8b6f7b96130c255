package segment_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

func goldenSegments(tb testing.TB) map[uint64][]byte {
	tb.Helper()
	out := map[uint64][]byte{}
	for _, path := range journaltest.Segments(tb, filepath.Join("..", "..", "testdata", "v2")) {
		b, err := os.ReadFile(path)
		require.NoError(tb, err)
		var first uint64
		for _, c := range filepath.Base(path) {
			first = first*10 + uint64(c-'0')
		}
		out[first] = b
	}
	require.NotEmpty(tb, out)
	return out
}

// FuzzFrame: whatever a frame decodes to encodes to the same bytes, but for the
// chain value, which needs the record before it.
func FuzzFrame(f *testing.F) {
	for first, b := range goldenSegments(f) {
		recs, _, _, _ := journaltest.ScanBytes(b, first)
		for _, r := range recs {
			f.Add(journaltest.EncodeFrame(&r, [32]byte{}))
			f.Add(journaltest.EncodeFrame(&r, [32]byte{1}))
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := append([]byte(nil), b...)
		if len(sealed) > journaltest.HeaderSize {
			// Past the checksum, where a fuzzer does not get by itself.
			binary.LittleEndian.PutUint32(sealed, journaltest.Checksum(sealed[4:]))
		}
		for _, frame := range [][]byte{b, sealed} {
			r, reason := journaltest.DecodeFrame(frame)
			if reason != "" {
				continue
			}
			again := journaltest.EncodeFrame(&r, [32]byte{})
			before := journaltest.HeaderSize - len(r.Chain) // which depends on the record before
			require.Equal(t, frame[4:before], again[4:before])
			require.Equal(t, frame[journaltest.HeaderSize:], again[journaltest.HeaderSize:])
			require.Less(t, r.Synced, r.Seq)
			require.NotEmpty(t, r.Payload)
		}
	})
}

// FuzzSegment: the records that a scanner accepts make up exactly the bytes in
// front of the place where it stops, in order and chained.
func FuzzSegment(f *testing.F) {
	for first, b := range goldenSegments(f) {
		f.Add(b, first)
		f.Add(append(b[:len(b)/2:len(b)/2], b...), first)
		f.Add(append(slices.Clip(b), 0, 0, 0), first)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, uint64(1))
	f.Add([]byte{0x80, 0x80, 0x40}, uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, first uint64) {
		if first == 0 || first+1 == 0 {
			return
		}
		recs, end, reason, err := journaltest.ScanBytes(b, first)
		require.NoError(t, err)
		require.Equal(t, reason == "", len(bytes.Trim(b[end:], "\x00")) == 0)
		at, prev := int64(0), [32]byte{}
		for i := range recs {
			r := recs[i]
			require.Equal(t, first+uint64(i), r.Seq)
			chain := r.Chain
			frame := journaltest.EncodeFrame(&r, prev)
			if i > 0 {
				require.Equal(t, chain, r.Chain, "the chain goes on")
				entry := journaltest.WithPrefix(frame)
				require.Equal(t, entry, b[at:at+int64(len(entry))])
			}
			at += int64(len(journaltest.WithPrefix(frame)))
			prev = chain
		}
		require.Equal(t, end, at)
		if end < int64(len(b)) {
			// Neither of these may panic or take long.
			head := journal.Head{Seq: first + uint64(len(recs)) - 1, Chain: prev}
			_ = segment.OneByte(b[end:], head)
			_, _, err = journaltest.Prove(b, end, head.Seq+1)
			require.NoError(t, err)
		}
	})
}

// FuzzMark: a MARK that is accepted is the one that its content encodes to.
func FuzzMark(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "v2", "MARK"))
	require.NoError(f, err)
	f.Add(b)
	f.Add(b[:50])
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := append([]byte(nil), b...)
		if len(sealed) == journaltest.MarkSize {
			binary.LittleEndian.PutUint32(sealed[journaltest.MarkSize-4:], journaltest.Checksum(sealed[:journaltest.MarkSize-4]))
		}
		for _, m := range [][]byte{b, sealed} {
			again, reason := segment.RecodeMark(m)
			if reason == "" {
				require.Equal(t, m, again)
			}
		}
	})
}

// FuzzHolder: whatever LOCK holds, it is a holder or nobody, and what an
// InUseError makes of it is one line of bounded length.
func FuzzHolder(f *testing.F) {
	for _, h := range []journal.Holder{{}, {PID: 1, Verb: "serve", Reach: "nats://127.0.0.1:4222", Since: time.Unix(1, 0).UTC()}} {
		b, err := json.Marshal(h)
		require.NoError(f, err)
		f.Add(b)
		f.Add(append(b, "\n{}"...))
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte(`{"pid":7,"verb":"a\nb\u001b[2J"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h := segment.ParseHolder(b)
		again, err := json.Marshal(h)
		require.NoError(t, err)
		require.Equal(t, h, segment.ParseHolder(again))
		text := (&journal.InUseError{Holder: h}).Error()
		require.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
	})
}

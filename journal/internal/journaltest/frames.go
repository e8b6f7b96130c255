package journaltest

import (
	"bytes"
	"errors"
	"io"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// The sizes of what is on disk.
const (
	HeaderSize = segment.HeaderSize
	MarkSize   = segment.MarkSize
)

// EncodeFrame returns the frame of r behind the chain value prev.
func EncodeFrame(r *journal.Record, prev [32]byte) []byte {
	return segment.AppendFrame(nil, r, &prev)
}

// DecodeFrame is the inverse of EncodeFrame, without the chain.
func DecodeFrame(b []byte) (journal.Record, string) {
	var r journal.Record
	if len(b) < segment.MinFrame || len(b) > segment.MaxFrame {
		return r, "length"
	}
	reason, _ := segment.DecodeFrame(b, &r)
	return r, reason
}

// ScanBytes reads the newest segment of an open ledger that lies in memory and
// returns the good records and where and why it stopped.
func ScanBytes(b []byte, first uint64) (recs []journal.Record, end int64, reason string, err error) {
	return ScanReader(bytes.NewReader(b), int64(len(b)), first)
}

// ScanReader is ScanBytes for what is not in memory.
func ScanReader(r io.ReaderAt, size int64, first uint64) (recs []journal.Record, end int64, reason string, err error) {
	s := segment.NewScanner(r, size, first)
	s.Open, s.Fresh = true, true
	for {
		var r journal.Record
		if err := s.Next(&r); err != nil {
			if f, ok := err.(*segment.Flaw); ok { //nolint:errorlint // the scanner does not wrap it
				return recs, f.Off, f.Reason, nil
			}
			if errors.Is(err, io.EOF) {
				return recs, s.Off, "", nil
			}
			return recs, s.Off, "", err
		}
		recs = append(recs, r)
	}
}

// Checksum is the checksum of frames and MARK.
func Checksum(b []byte) uint32 { return segment.Checksum(b) }

// Prove looks in a segment that lies in memory for a frame behind off that was
// written when seq lost was durable.
func Prove(b []byte, off int64, lost uint64) (seq uint64, found bool, err error) {
	p, err := segment.SearchProof(bytes.NewReader(b), int64(len(b)), off, lost)
	return p.Seq, p.Found, err
}

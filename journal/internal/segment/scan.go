package segment

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// BlockSize is how much of a segment is read at once.
const BlockSize = 512 << 10

// freshBlock is how much is read where a segment may have grown.
const freshBlock = 16 << 10

// Flaw is the place where a segment stops being readable. It never reaches a
// caller of the journal: what it means is decided by [Survey.Judge].
type Flaw struct { //nolint:errname // a place in a file; what it means is not its to say
	Off    int64
	Seq    uint64 // of the record that should be there
	Reason string
	// Torn says that an interrupted write may have left it. A frame with a
	// good checksum in a wrong place is never torn.
	Torn bool
}

func (f *Flaw) Error() string { return f.Reason }

// Scanner reads the frames of one segment in order and verifies each: length,
// checksum, form, seq, epoch, time, chain. It is the only reader of segments.
type Scanner struct {
	r    io.ReaderAt
	Size int64 // where the segment ends for this scanner
	Off  int64 // of the next entry
	Prev Head  // the record before it
	// Linked says that all of Prev is known; otherwise only its seq is, and
	// the first record's link to it is for the caller to check.
	Linked bool
	// Trusted is the last seq whose chain value was verified before.
	Trusted uint64
	// Open says that zeros up to the end of the file are its end: the segment
	// may be one that is sized in advance.
	Open bool
	// block is how much is read at once; it grows up to BlockSize. 0: that.
	block int64
	// Fresh says that every block gets a buffer of its own, so that records
	// stay valid.
	Fresh bool

	buf    []byte
	bufOff int64
	Frame  []byte // of the last record
	// Before is the chain value before the last record, if that is known.
	Before      [32]byte
	BeforeKnown bool
}

// NewScanner returns a scanner of a segment of so many bytes that begins with
// first.
func NewScanner(r io.ReaderAt, size int64, first uint64) *Scanner {
	return &Scanner{r: r, Size: size, Prev: Head{Seq: first - 1}}
}

// Next reads the next record. It returns [io.EOF] at the end, a [*Flaw] where
// the bytes cannot be accepted, and other errors when the file cannot be read;
// none of them moves the scanner.
func (s *Scanner) Next(rec *Record) error {
	if s.Off >= s.Size {
		return io.EOF
	}
	want := s.Prev.Seq + 1
	b, err := s.need(int(min(MaxPrefix, s.Size-s.Off)))
	if err == nil && s.Open && b[0] == 0 && s.bufOff < s.Off {
		// It was read together with what stands before it, and may have been written since.
		s.Forget()
		b, err = s.need(int(min(MaxPrefix, s.Size-s.Off)))
	}
	if err != nil {
		return s.unread(err, want)
	}
	n, length, reason := prefixLength(b)
	if reason != "" {
		if s.Open && b[0] == 0 {
			if only, padErr := OnlyZeros(s.r, s.Off, s.Size); padErr != nil || only {
				return cmp.Or(padErr, io.EOF)
			}
		}
		return &Flaw{Off: s.Off, Seq: want, Reason: reason, Torn: true}
	}
	if s.Off+int64(n+length) > s.Size {
		return &Flaw{Off: s.Off, Seq: want, Reason: "the file ends inside a record", Torn: true}
	}
	if b, err = s.need(n + length); err != nil {
		return s.unread(err, want)
	}
	frame := b[n:]
	var got Record
	reason, sound := DecodeFrame(frame, &got)
	if reason == "" {
		switch {
		case s.Linked && want <= s.Trusted:
			reason = ordered(&s.Prev, &got)
		case s.Linked:
			reason = Follows(&s.Prev, &got, frame)
		case got.Seq != want:
			reason = fmt.Sprintf("seq %d where seq %d should be", got.Seq, want)
		}
	}
	if reason != "" {
		return &Flaw{Off: s.Off, Seq: want, Reason: reason, Torn: !sound}
	}
	*rec = got
	s.Frame = frame
	s.Off += int64(n + length)
	s.Before, s.BeforeKnown = s.Prev.Chain, s.Linked
	s.Prev, s.Linked = got.Head(), true
	return nil
}

func (s *Scanner) unread(err error, want uint64) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &Flaw{Off: s.Off, Seq: want, Reason: "the file ends inside a record", Torn: true}
	}
	return err
}

// need returns n bytes from the scanner's offset on. The caller has bounded n
// by MaxFrame and by the size of the file.
func (s *Scanner) need(n int) ([]byte, error) {
	if have := s.Off - s.bufOff; have >= 0 && have+int64(n) <= int64(len(s.buf)) {
		return s.buf[have : have+int64(n)], nil
	}
	if s.block <= 0 {
		s.block = BlockSize
	}
	size := max(n, int(min(s.block, s.Size-s.Off)))
	s.block = min(2*s.block, BlockSize)
	if s.Fresh || cap(s.buf) < size {
		s.buf = make([]byte, size)
	}
	s.buf, s.bufOff = s.buf[:size], s.Off
	got, err := ReadFull(s.r, s.buf, s.Off)
	s.buf = s.buf[:got]
	if err != nil {
		return nil, err
	}
	if got < n {
		return nil, io.ErrUnexpectedEOF
	}
	return s.buf[:n], nil
}

// Forget makes the scanner read anew what it has read ahead, a little at first.
func (s *Scanner) Forget() { s.buf, s.block = nil, freshBlock }

// Scan is what one pass over a segment found.
type Scan struct {
	File
	Records uint64
	Head    Head  // of the last good record; its Seq is First-1 when there is none
	End     int64 // offset behind it
	// Used is where the zeros begin that end the file; Size if it may not end
	// with zeros.
	Used  int64
	Lapse Lapse // up to Head, as if the segment were the first
	// Whole, wholeEnd and WholeLapse are the same for the last record that ends an
	// atomic batch; Whole.Seq is 0 when the segment has none.
	Whole      Head
	wholeEnd   int64
	WholeLapse Lapse
	opening    []byte // the first frame, for its link to the segment before
	Epoch      uint64 // highest epoch seen
	Flaw       *Flaw
	// Marked is the record asked for, if it is here, between two offsets.
	Marked              Head
	seals               seals
	markedAt, markedEnd int64
}

// scanSegment verifies one segment up to its first flaw. asked is a seq whose
// head the caller wants to see; open says that the segment may end with zeros. lane
// gets the records, as long as it takes them; nil: nobody does.
func scanSegment(r io.ReaderAt, f File, asked uint64, open bool, lane *Lane) (Scan, error) {
	out := Scan{File: f, Head: Head{Seq: f.First - 1}}
	s := NewScanner(r, f.Size, f.First)
	s.Open, s.Fresh = open, lane != nil
	var rec Record
	for {
		at := s.Off
		if err := s.Next(&rec); err != nil {
			if lane != nil {
				lane.End(err)
			}
			return out, out.stop(r, open, err)
		}
		if out.Records == 0 {
			out.opening = append([]byte(nil), s.Frame...)
		}
		out.Records++
		out.Lapse.Add(rec.Time)
		out.seals.note(&rec, at, s)
		out.Head, out.End, out.Epoch = s.Prev, s.Off, s.Prev.Epoch
		if rec.Flags&More == 0 {
			out.Whole, out.wholeEnd, out.WholeLapse = s.Prev, s.Off, out.Lapse
		}
		if rec.Seq == asked {
			out.Marked, out.markedAt, out.markedEnd = s.Prev, at, s.Off
		}
		if lane != nil && !lane.Take(&rec, s, at) {
			lane, s.Fresh, s.buf = nil, false, nil // the buffer is not ours alone
		}
	}
}

// scanned is what a scanner has found in a segment by now. It knows asked only if that
// is the last record.
func (s *Scanner) scanned(f *File, asked uint64, bad *Flaw) Scan {
	out := Scan{File: *f, Records: s.Prev.Seq + 1 - f.First, Head: s.Prev, End: s.Off, Flaw: bad}
	out.Size = s.Size
	if asked > 0 && asked == s.Prev.Seq && s.Linked {
		out.Marked, out.markedAt, out.markedEnd = s.Prev, s.Off, s.Off
	}
	return out
}

// stop takes what ended the scan: the end, a flaw, or an error.
func (s *Scan) stop(r io.ReaderAt, open bool, err error) error {
	var bad *Flaw
	s.Used = s.Size
	switch {
	case errors.Is(err, io.EOF):
		s.Used, err = s.End, nil
	case errors.As(err, &bad):
		if s.Flaw, err = bad, nil; open {
			s.Used, err = contentEnd(r, bad.Off, s.Size)
		}
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", s.Name(), err)
	}
	return err
}

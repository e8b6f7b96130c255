package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
)

// blockSize is how much of a segment is read at once.
const blockSize = 512 << 10

// freshBlock is how much is read where a segment may have grown.
const freshBlock = 16 << 10

// flaw is the place where a segment stops being readable. It is an error
// inside the package only: what it means is decided by survey.judge.
type flaw struct {
	off    int64
	seq    uint64 // of the record that should be there
	reason string
	// torn says that an interrupted write may have left it. A frame with a
	// good checksum in a wrong place is never torn.
	torn bool
}

func (f *flaw) Error() string { return f.reason }

// scanner reads the frames of one segment in order and verifies each: length,
// checksum, form, seq, epoch, time, chain. It is the only reader of segments.
type scanner struct {
	r    io.ReaderAt
	size int64 // where the segment ends for this scanner
	off  int64 // of the next entry
	prev Head  // the record before it
	// linked says that all of prev is known; otherwise only its seq is, and
	// the first record's link to it is for the caller to check.
	linked bool
	// trusted is the last seq whose chain value was verified before.
	trusted uint64
	// open says that zeros up to the end of the file are its end: the segment
	// may be one that is sized in advance.
	open bool
	// block is how much is read at once; it grows up to blockSize. 0: that.
	block int64
	// fresh says that every block gets a buffer of its own, so that records
	// stay valid.
	fresh bool

	buf    []byte
	bufOff int64
	chain  chainer
	frame  []byte // of the last record
	// before is the chain value before the last record, if that is known.
	before      [32]byte
	beforeKnown bool
}

func newScanner(r io.ReaderAt, size int64, first uint64) *scanner {
	return &scanner{r: r, size: size, prev: Head{Seq: first - 1}}
}

// next reads the next record. It returns [io.EOF] at the end, a *flaw where
// the bytes cannot be accepted, and other errors when the file cannot be read;
// none of them moves the scanner.
func (s *scanner) next(rec *Record) error {
	if s.off >= s.size {
		return io.EOF
	}
	want := s.prev.Seq + 1
	b, err := s.need(int(min(maxPrefix, s.size-s.off)))
	if err != nil {
		return s.unread(err, want)
	}
	n, length, reason := prefixLength(b)
	if reason != "" {
		if s.open && b[0] == 0 {
			if only, padErr := onlyZeros(s.r, s.off, s.size); padErr != nil || only {
				return cmp.Or(padErr, io.EOF)
			}
		}
		return &flaw{off: s.off, seq: want, reason: reason, torn: true}
	}
	if s.off+int64(n+length) > s.size {
		return &flaw{off: s.off, seq: want, reason: "the file ends inside a record", torn: true}
	}
	if b, err = s.need(n + length); err != nil {
		return s.unread(err, want)
	}
	frame := b[n:]
	var got Record
	reason, sound := decodeFrame(frame, &got)
	if reason == "" {
		switch {
		case s.linked && want <= s.trusted:
			reason = ordered(&s.prev, &got)
		case s.linked:
			reason = s.chain.follows(&s.prev, &got, frame)
		case got.Seq != want:
			reason = fmt.Sprintf("seq %d where seq %d should be", got.Seq, want)
		}
	}
	if reason != "" {
		return &flaw{off: s.off, seq: want, reason: reason, torn: !sound}
	}
	*rec = got
	s.frame = frame
	s.off += int64(n + length)
	s.before, s.beforeKnown = s.prev.Chain, s.linked
	s.prev, s.linked = got.Head(), true
	return nil
}

func (s *scanner) unread(err error, want uint64) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &flaw{off: s.off, seq: want, reason: "the file ends inside a record", torn: true}
	}
	return err
}

// need returns n bytes from the scanner's offset on. The caller has bounded n
// by MaxFrame and by the size of the file.
func (s *scanner) need(n int) ([]byte, error) {
	if have := s.off - s.bufOff; have >= 0 && have+int64(n) <= int64(len(s.buf)) {
		return s.buf[have : have+int64(n)], nil
	}
	if s.block <= 0 {
		s.block = blockSize
	}
	size := max(n, int(min(s.block, s.size-s.off)))
	s.block = min(2*s.block, blockSize)
	if s.fresh || cap(s.buf) < size {
		s.buf = make([]byte, size)
	}
	s.buf, s.bufOff = s.buf[:size], s.off
	got, err := readFull(s.r, s.buf, s.off)
	s.buf = s.buf[:got]
	if err != nil {
		return nil, err
	}
	if got < n {
		return nil, io.ErrUnexpectedEOF
	}
	return s.buf[:n], nil
}

// forget makes the scanner read anew what it has read ahead, a little at first.
func (s *scanner) forget() { s.buf, s.block = nil, freshBlock }

// segmentScan is what one pass over a segment found.
type segmentScan struct {
	segmentFile
	records uint64
	head    Head  // of the last good record; its Seq is first-1 when there is none
	end     int64 // offset behind it
	// used is where the zeros begin that end the file; size if it may not end
	// with zeros.
	used  int64
	lapse lapse // up to head, as if the segment were the first
	// whole, wholeEnd and wholeLapse are the same for the last record that ends an
	// atomic batch; whole.Seq is 0 when the segment has none.
	whole      Head
	wholeEnd   int64
	wholeLapse lapse
	opening    []byte // the first frame, for its link to the segment before
	epoch      uint64 // highest epoch seen
	flaw       *flaw
	// marked is the record asked for, if it is here, between two offsets.
	marked              Head
	seals               seals
	markedAt, markedEnd int64
}

// scanSegment verifies one segment up to its first flaw. asked is a seq whose
// head the caller wants to see; open says that the segment may end with zeros.
func scanSegment(r io.ReaderAt, f segmentFile, asked uint64, open bool) (segmentScan, error) {
	out := segmentScan{segmentFile: f, head: Head{Seq: f.first - 1}}
	s := newScanner(r, f.size, f.first)
	s.open = open
	var rec Record
	for {
		at := s.off
		if err := s.next(&rec); err != nil {
			return out, out.stop(r, open, err)
		}
		if out.records == 0 {
			out.opening = append([]byte(nil), s.frame...)
		}
		out.records++
		out.lapse.add(rec.Time)
		out.seals.note(&rec, at, s)
		out.head, out.end, out.epoch = s.prev, s.off, s.prev.Epoch
		if rec.Flags&More == 0 {
			out.whole, out.wholeEnd, out.wholeLapse = s.prev, s.off, out.lapse
		}
		if rec.Seq == asked {
			out.marked, out.markedAt, out.markedEnd = s.prev, at, s.off
		}
	}
}

// scanned is what a scanner has found in a segment by now. It knows asked only if that
// is the last record.
func (s *scanner) scanned(f *segmentFile, asked uint64, bad *flaw) segmentScan {
	out := segmentScan{segmentFile: *f, records: s.prev.Seq + 1 - f.first, head: s.prev, end: s.off, flaw: bad}
	out.size = s.size
	if asked > 0 && asked == s.prev.Seq && s.linked {
		out.marked, out.markedAt, out.markedEnd = s.prev, s.off, s.off
	}
	return out
}

// stop takes what ended the scan: the end, a flaw, or an error.
func (s *segmentScan) stop(r io.ReaderAt, open bool, err error) error {
	var bad *flaw
	s.used = s.size
	switch {
	case errors.Is(err, io.EOF):
		s.used, err = s.end, nil
	case errors.As(err, &bad):
		if s.flaw, err = bad, nil; open {
			s.used, err = contentEnd(r, bad.off, s.size)
		}
	}
	if err != nil {
		err = fmt.Errorf("journal: read %s: %w", s.name(), err)
	}
	return err
}

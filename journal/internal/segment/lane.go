package segment

import (
	"errors"
	"io"
)

// laneBlocks bounds how many blocks of a segment wait for their turn, so that those
// who read segments side by side hold about laneBlocks·BlockSize bytes each.
const laneBlocks = 16

// Block is a run of records of one segment, or why there are no more.
type Block struct {
	Recs    []Record
	Opening []byte // the segment's first frame, with the first block
	Err     error
}

// Lane hands on the records of one segment, block by block, while a [Scanner]
// verifies them. The blocks of several segments are taken in the order of these; a
// scanner that is ahead waits.
type Lane struct {
	first, from uint64
	opener      Opener
	out         chan Block
	stop        <-chan struct{}
	block       Block
	size        int64
	ended       bool
}

// Tap says, of the segments that are about to be verified and of what MARK says, which
// of their records somebody wants: it returns a lane for each segment, nil for none. A
// nil Tap wants nothing.
type Tap func(segs []File, m *Mark) []*Lane

// NewLane returns a lane of a segment, the records of which are decrypted from one on,
// but for the segment's first, whose predecessor the lane does not know. When stop is
// closed it takes no more.
func NewLane(seg *File, from uint64, o Opener, stop <-chan struct{}) *Lane {
	return &Lane{first: seg.First, from: from, opener: o, out: make(chan Block, laneBlocks), stop: stop}
}

// Blocks is where the blocks come from. It is closed at the end.
func (l *Lane) Blocks() <-chan Block { return l.out }

// Take takes the record that s has read last, from offset at. It reports whether it
// takes more. The buffers of s must be fresh.
func (l *Lane) Take(rec *Record, s *Scanner, at int64) bool {
	if l.ended {
		return false
	}
	if at == 0 {
		l.block.Opening = s.Frame
	} else if rec.Seq >= l.from {
		if err := l.opener.Open(rec, &s.Before, l.first); err != nil {
			l.End(err)
			return false
		}
	}
	l.block.Recs = append(l.block.Recs, *rec)
	if l.size += s.Off - at; l.size < BlockSize {
		return true
	}
	n := len(l.block.Recs)
	l.send()
	l.block, l.size = Block{Recs: make([]Record, 0, n+n/8)}, 0
	return !l.ended
}

func (l *Lane) send() {
	select {
	case l.out <- l.block:
	case <-l.stop:
		l.ended = true
	}
}

// End says why there are no more records: [io.EOF] or nil at the end of the segment.
func (l *Lane) End(err error) {
	if !errors.Is(err, io.EOF) {
		l.block.Err = err
	}
	if !l.ended && (len(l.block.Recs) > 0 || l.block.Err != nil) {
		l.send()
	}
	l.block, l.ended = Block{}, true
}

// Close ends a lane that nobody writes to any more.
func (l *Lane) Close() { close(l.out) }

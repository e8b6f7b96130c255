package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Cursor reads records one after the other, waits for none, and goes on later
// where it stopped. It keeps its segment open between calls; [Cursor.Close]
// lets go of it.
type Cursor struct {
	r        *Reader
	next     uint64       // seq of the next record to be returned
	returned segment.Head // of the last one that was
	trusted  uint64       // last seq whose chain value was verified before
	mark     segment.Mark
	file     *os.File
	seg      segment.File
	scan     *segment.Scanner
	// queue holds records that were read. Those before done were returned,
	// those before ready may be: an atomic batch of them is whole.
	queue       []segment.Record
	done, ready int
	whole       segment.Head // the last record read that ends an atomic batch
	// checked is the end, without a flaw, that was found to be in order last
	// time, so that a cursor that waits there does not have to find it again.
	checked struct{ seq, size uint64 }
	opener  segment.Opener
}

// Cursor returns a cursor whose first record is from; 0 means the first one
// that is kept.
func (r *Reader) Cursor(from uint64) *Cursor {
	return &Cursor{r: r, next: from, opener: r.opener()}
}

// Next returns the next record whose seq is at most limit. At the end, and
// before a record beyond the limit, it returns [io.EOF]; a later call goes on
// from there. The first record that it reads of a segment in the middle of the
// journal is trusted to continue the chain; every other link is verified.
func (c *Cursor) Next(limit uint64) (segment.Record, error) {
	if c.r == nil {
		return segment.Record{}, io.EOF // no Reader made it
	}
	if c.done == c.ready {
		if c.next > limit {
			return segment.Record{}, io.EOF
		}
		if err := c.fill(); err != nil {
			return segment.Record{}, err
		}
	}
	rec := c.queue[c.done]
	if rec.Seq > limit {
		return segment.Record{}, io.EOF
	}
	c.queue[c.done] = segment.Record{}
	c.done++
	c.next, c.returned = rec.Seq+1, rec.Head()
	return rec, nil
}

// Close lets go of the cursor's file. The cursor may be used again.
func (c *Cursor) Close() error {
	f := c.file
	c.file, c.scan = nil, nil
	c.queue, c.done, c.ready = nil, 0, 0
	if f == nil {
		return nil
	}
	return f.Close()
}

// fill reads records until an atomic batch is whole.
func (c *Cursor) fill() error {
	c.queue = c.queue[:copy(c.queue, c.queue[c.done:])]
	c.done, c.ready = 0, 0
	for {
		if c.file == nil {
			if err := c.seek(); err != nil {
				return err
			}
		}
		var rec segment.Record
		at := c.scan.Off
		err := c.scan.Next(&rec)
		if err == nil {
			err = c.take(&rec, at)
		} else {
			err = c.stopped(err)
		}
		if err != nil || c.ready > 0 {
			return err
		}
	}
}

// stopped returns nil when there is more to read than where the scanner
// stopped.
func (c *Cursor) stopped(err error) error {
	var bad *segment.Flaw
	if !errors.Is(err, io.EOF) && !errors.As(err, &bad) {
		return fmt.Errorf("read %s: %w", c.seg.Name(), err)
	}
	return c.advance(bad)
}

// take puts a record, found at an offset, into the queue, unless it stands
// before the next one.
func (c *Cursor) take(rec *segment.Record, at int64) error {
	if rec.Flags&segment.More == 0 {
		c.whole = rec.Head()
	}
	if head := rec.Head(); !c.mark.Agrees(&head) {
		return segment.OtherHistory(&c.mark, &c.seg, at)
	}
	if rec.Seq == c.returned.Seq && rec.Chain != c.returned.Chain {
		return fmt.Errorf("%w: seq %d is another record now", ErrRewound, rec.Seq)
	}
	if rec.Seq >= c.next {
		if err := c.decrypt(rec); err != nil {
			_ = c.Close() // a later call reads the record again
			return err
		}
		c.queue = append(c.queue, *rec)
		c.scan.Fresh = true // what was read up to here is the record's from now on
		if rec.Flags&segment.More == 0 {
			c.ready = len(c.queue)
		}
	}
	return nil
}

// decrypt opens a record that is about to be queued.
func (c *Cursor) decrypt(rec *segment.Record) (err error) {
	if err = c.opener.Follow(rec, c.seg.First); err != nil || rec.Flags&segment.Encrypted == 0 || c.opener.Stored {
		return err
	}
	before := c.scan.Before
	if !c.scan.BeforeKnown {
		if before, err = c.r.chainBefore(rec.Seq); err != nil {
			return err
		}
	}
	return c.opener.Open(rec, &before, c.seg.First)
}

// seek opens the segment that holds the next record.
func (c *Cursor) seek() error {
	segs, m, err := c.r.from(c.next)
	if err != nil {
		return err
	}
	c.mark = m
	c.next = max(c.next, m.First)
	if len(segs) == 0 {
		return io.EOF
	}
	return c.open(segs[0].First)
}

// open begins to read a segment.
func (c *Cursor) open(first uint64) error {
	seg := segment.File{First: first, Path: filepath.Join(c.r.dir, segment.JournalDir, segment.Name(first))}
	f, err := segment.OpenRegular(seg.Path, os.O_RDONLY)
	if err != nil {
		return c.gone(first, err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("open %s: %w", seg.Name(), err)
	}
	seg.Size = info.Size()
	s := segment.NewScanner(f, seg.Size, first)
	s.Open, s.Trusted = true, c.trusted
	if c.scan != nil && c.scan.Prev.Seq == first-1 {
		s.Prev, s.Linked = c.scan.Prev, c.scan.Linked
	} else {
		s.Prev, s.Linked = c.mark.Before(first)
		c.whole = s.Prev
	}
	if c.file != nil {
		_ = c.file.Close()
	}
	c.file, c.seg, c.scan = f, seg, s
	return nil
}

// advance is called where the scanner stopped, at the end of what it knew of
// the segment or at a flaw. It returns nil when there is more to read.
func (c *Cursor) advance(bad *segment.Flaw) error {
	if more, err := c.look(bad); more || err != nil {
		return err
	}
	next := c.scan.Prev.Seq + 1
	if bad == nil && next > c.seg.First {
		_, err := os.Lstat(filepath.Join(c.r.dir, segment.JournalDir, segment.Name(next)))
		if err == nil {
			// Nothing is written to a segment any more once it has a successor.
			if more, lookErr := c.look(nil); more || lookErr != nil {
				return lookErr
			}
			if c.scan.Off < c.scan.Size {
				return segment.Damaged(c.mark.Last, c.seg.Name(), c.scan.Off, next, segment.ZerosHere+segment.InSealed)
			}
			return c.open(next)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("open %s: %w", segment.Path(next), err)
		}
	}
	if c.scan.Prev.Seq < c.returned.Seq {
		return fmt.Errorf("%w: the journal ends with seq %d now", ErrRewound, c.scan.Prev.Seq)
	}
	here := struct{ seq, size uint64 }{next, uint64(c.scan.Size)} //nolint:gosec // a size is not negative
	if bad == nil && c.checked == here {
		return io.EOF
	}
	err := c.end(bad)
	if bad == nil && errors.Is(err, io.EOF) {
		c.checked = here
	}
	return err
}

// gone is called when a segment cannot be opened. If it was trimmed and the
// cursor is past it, the cursor looks for its place anew.
func (c *Cursor) gone(first uint64, err error) error {
	err = c.r.missing(first, c.next, err)
	if err == nil {
		err = c.Close()
	}
	return err
}

// look reports whether there is more of the segment than when the scanner
// stopped, at its end or at a flaw. When a recovery has put a new file in its
// place, the cursor begins that one anew.
func (c *Cursor) look(bad *segment.Flaw) (more bool, err error) {
	now, err := os.Lstat(c.seg.Path)
	if err != nil {
		return true, c.gone(c.seg.First, err)
	}
	held, err := c.file.Stat()
	if err != nil {
		return false, fmt.Errorf("read %s: %w", c.seg.Name(), err)
	}
	if !os.SameFile(now, held) {
		return true, c.Close()
	}
	c.scan.Forget()
	if held.Size() != c.scan.Size {
		c.scan.Size = held.Size()
		return true, nil
	}
	// A segment that was sized in advance is written without growing, and a
	// look at it in the middle of a write sees that write in part.
	switch {
	case bad != nil:
		var rec segment.Record
		s := *c.scan
		more = s.Next(&rec) == nil
	case c.scan.Off < c.scan.Size:
		var b [1]byte
		if _, err = segment.ReadFull(c.file, b[:], c.scan.Off); err != nil {
			return false, fmt.Errorf("read %s: %w", c.seg.Name(), err)
		}
		more = b[0] != 0
	}
	return more, nil
}

// end returns io.EOF if the journal may end where the cursor stands: at the
// end of the newest segment, or at a flaw of it that is being written right now
// or was torn. It returns nil when there is more to read after all.
func (c *Cursor) end(bad *segment.Flaw) error {
	segs, m, err := c.r.list()
	if err != nil {
		return err
	}
	// The statements of MARK were true of the file before this look at it.
	if more, lookErr := c.look(bad); more || lookErr != nil {
		return lookErr
	}
	if bad == nil && m.Clean && c.scan.Off < c.scan.Size {
		bad = &segment.Flaw{Off: c.scan.Off, Seq: c.scan.Prev.Seq + 1, Reason: segment.ZerosHere, Torn: true}
	}
	if n := len(segs); n > 0 && segs[n-1].First > c.seg.First {
		next := c.scan.Prev.Seq + 1
		switch {
		case bad != nil:
			return segment.Damaged(m.Last, c.seg.Name(), bad.Off, bad.Seq, bad.Reason+segment.InSealed)
		case next > c.seg.First && slices.ContainsFunc(segs, func(f segment.File) bool { return f.First == next }):
			return nil // otherwise this segment is empty, and is no continuation of itself
		}
		return segment.Damaged(m.Last, segment.Path(next), 0, next, "the segment is missing, or the one before it was cut short")
	}
	if c.r.verdict != nil {
		c.r.verdict()
	}
	if err = segment.JudgeEnd(&m, &c.seg, c.scan, c.whole, bad); err == nil {
		return io.EOF
	}
	// The proof that the flaw is damage was written after the flawed record. That
	// record is there in full by now if it ever was.
	if more, lookErr := c.look(bad); more || lookErr != nil {
		return lookErr
	}
	return err
}

// drain reads to the end and returns the last record that can be returned; its
// Seq is 0 when there is none.
func (c *Cursor) drain() (segment.Head, error) {
	for {
		_, err := c.Next(math.MaxUint64)
		if errors.Is(err, io.EOF) {
			return c.returned, nil
		}
		if err != nil {
			return segment.Head{}, err
		}
	}
}

package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"runtime"
	"sync"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Records yields the records from seq from on (0: from the first one kept) in
// order, every one verified: checksum, form, seq, epoch, time and chain.
// Segments are read and verified side by side. It ends with what is there; an
// atomic batch that is not whole is not part of it. A record before the first
// one kept gives a [TrimmedError], damage a [DamageError], and both end it. A record
// that was yielded before a DamageError may be another ledger's: that the records
// lead to MARK is known when MARK's record has come.
func (r *Reader) Records(from uint64) iter.Seq2[segment.Record, error] { return r.records(from, 0) }

// Records is [Reader.Records] for the holder of the ledger: what Open has
// verified keeps its chain values without having them computed again, which is
// most of the work. Every checksum is verified anew. Records that are not
// durable yet may be among the last ones.
func (j *Journal) Records(from uint64) iter.Seq2[segment.Record, error] {
	return (&Reader{dir: j.dir, vault: segment.NewVault(j.o.Keys)}).records(from, j.recovery.Last.Seq)
}

func (r *Reader) records(from, trusted uint64) iter.Seq2[segment.Record, error] {
	return func(yield func(segment.Record, error) bool) {
		segs, m, err := r.from(from)
		if err != nil {
			yield(segment.Record{}, err)
			return
		}
		p := &pass{r: r, opener: r.opener(), next: max(from, m.First), trusted: trusted, mark: m, yield: yield}
		// All but the newest segment are complete and are read in parallel.
		// The newest one may be growing, which is a cursor's business.
		n := len(segs)
		if n > 1 && !p.sealed(segs) {
			return
		}
		c := r.Cursor(p.next)
		c.trusted = trusted
		defer func() { _ = c.Close() }()
		if n > 1 {
			c.mark, c.whole = m, p.whole
			c.opener.Sealed = p.opener.Sealed
			c.scan = &segment.Scanner{Prev: p.prev, Linked: true}
			if err = c.open(segs[n-1].First); err != nil {
				yield(segment.Record{}, err)
				return
			}
		}
		p.tail(c)
	}
}

// pass is one iteration of Records.
type pass struct {
	r    *Reader
	next uint64
	mark segment.Mark
	// trusted is the last seq whose chain value was verified before.
	trusted uint64
	prev    segment.Head // the last record seen
	whole   segment.Head // the last one seen that ends an atomic batch
	held    []segment.Record
	yield   func(segment.Record, error) bool
	opener  segment.Opener
	// unjudged says that a flaw of the last segment is its end.
	unjudged bool
}

// take yields a record when its atomic batch is whole.
func (p *pass) take(rec *segment.Record) bool {
	p.prev = rec.Head()
	if rec.Flags&segment.More != 0 {
		if rec.Seq >= p.next {
			p.held = append(p.held, *rec)
		}
		return true
	}
	p.whole = p.prev
	for i := range p.held {
		if !p.yield(p.held[i], nil) {
			return false
		}
	}
	p.held = p.held[:0]
	if rec.Seq < p.next {
		return true
	}
	p.next = rec.Seq + 1
	return p.yield(*rec, nil)
}

// tail yields what a cursor finds. The cursor shows whole batches only, but
// the first of them may have begun in what was read before.
func (p *pass) tail(c *Cursor) {
	for {
		rec, err := c.Next(math.MaxUint64)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			p.yield(segment.Record{}, err)
			return
		case !p.take(&rec):
			return
		}
	}
}

// sealed yields the records of all segments but the newest. It reports whether
// to go on.
func (p *pass) sealed(segs []segment.File) bool {
	var (
		lanes = make([]*segment.Lane, len(segs)-1)
		stop  = make(chan struct{})
		slots = make(chan struct{}, runtime.GOMAXPROCS(0))
		wg    sync.WaitGroup
	)
	for i := range lanes {
		lanes[i] = segment.NewLane(&segs[i], p.next, p.r.opener(), stop)
	}
	// Slots are taken in the order of the segments, so that the segment whose
	// turn it is always has one.
	wg.Go(func() {
		for i := range lanes {
			select {
			case slots <- struct{}{}:
			case <-stop:
				return
			}
			wg.Go(func() {
				defer func() { <-slots }()
				read(&segs[i], p.trusted, lanes[i])
			})
		}
	})
	defer wg.Wait()
	defer close(stop)
	return p.lanes(segs, lanes)
}

// lanes yields the records that lanes hand on, those of segs in their order. It
// reports whether to go on.
func (p *pass) lanes(segs []segment.File, lanes []*segment.Lane) bool {
	for i := range lanes {
		if !p.lane(&segs[i], lanes[i].Blocks(), p.unjudged && i == len(lanes)-1) {
			return false
		}
		// A segment without a record ends before its own first one.
		if last := max(p.prev.Seq, segs[i].First-1); i+1 < len(segs) && segs[i+1].First != last+1 {
			p.yield(segment.Record{}, segment.Apart(p.mark.Last, last, &segs[i+1]))
			return false
		}
	}
	return true
}

// lane takes the blocks of one segment in order and checks the link of its
// first record, which its reader could not. open says that a flaw may be its end.
func (p *pass) lane(seg *segment.File, lane <-chan segment.Block, open bool) bool {
	for b := range lane {
		if b.Opening != nil {
			if err := p.first(seg, &b); err != nil {
				b = segment.Block{Err: err}
			}
		}
		if !p.records(seg, b.Recs) {
			return false
		}
		if _, flaw := errors.AsType[*segment.Flaw](b.Err); flaw && open {
			return true
		} else if b.Err != nil {
			p.yield(segment.Record{}, p.explain(seg, b.Err))
			return false
		}
	}
	return true
}

// records takes some of the records of a segment.
func (p *pass) records(seg *segment.File, recs []segment.Record) bool {
	for i := range recs {
		if err := p.opener.Follow(&recs[i], seg.First); err != nil {
			p.yield(segment.Record{}, err)
			return false
		}
		if head := recs[i].Head(); !p.mark.Agrees(&head) {
			p.yield(segment.Record{}, segment.OtherHistory(&p.mark, seg, 0))
			return false
		}
		if !p.take(&recs[i]) {
			return false
		}
	}
	return true
}

// first checks the link of a segment's first record and decrypts it.
func (p *pass) first(seg *segment.File, b *segment.Block) (err error) {
	rec := &b.Recs[0]
	prev, known := p.prev, p.prev.Seq != 0
	if !known {
		prev, known = p.mark.Before(seg.First)
	}
	if known {
		if bad := segment.Follows(&prev, rec, b.Opening); bad != "" {
			return &segment.Flaw{Seq: seg.First, Reason: bad}
		}
	}
	if rec.Seq < p.next || rec.Flags&segment.Encrypted == 0 || p.opener.Stored {
		return nil
	}
	if !known {
		if prev.Chain, err = p.r.chainBefore(seg.First); err != nil {
			return err
		}
	}
	return p.opener.Open(rec, &prev.Chain, seg.First)
}

// explain says what it means that a sealed segment could not be read.
func (p *pass) explain(seg *segment.File, err error) error {
	if bad, ok := errors.AsType[*segment.Flaw](err); ok {
		return segment.Damaged(p.mark.Last, seg.Name(), bad.Off, bad.Seq, bad.Reason+segment.InSealed)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = p.r.missing(seg.First, seg.First, err); err == nil {
			err = &TrimmedError{Seq: seg.First, Earliest: p.r.First()}
		}
	}
	return err
}

// read verifies one segment for a lane, up to a seq without its chain values.
func read(seg *segment.File, trusted uint64, lane *segment.Lane) {
	defer lane.Close()
	f, err := segment.OpenRegular(seg.Path, os.O_RDONLY)
	if err != nil {
		lane.End(fmt.Errorf("open %s: %w", seg.Name(), err))
		return
	}
	defer func() { _ = f.Close() }()
	s := segment.NewScanner(f, seg.Size, seg.First)
	s.Fresh, s.Trusted = true, trusted
	for {
		var rec segment.Record
		at := s.Off
		if err = s.Next(&rec); err != nil {
			lane.End(err)
			return
		}
		if !lane.Take(&rec, s, at) {
			return
		}
	}
}

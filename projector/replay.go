package projector

import (
	"iter"

	"github.com/moneyprinter/holdfast/position"
)

// Replay brings the book forward by records, the first of which must be the one
// after its head. After-images are assigned, not computed, and what the records
// do to the book is what staging them did: positions, extremes, seqs, window,
// horizon and epoch.
//
// A batch is replayed whole or not at all: if the records end inside one, or
// until lies inside one, it is left out, and [Book.Head] says how far the replay
// came. Readers see nothing of it before it has succeeded. After an error the
// book is of no further use.
//
// The iterator runs on the caller's goroutine and may reuse a payload after its
// step.
func (b *Book) Replay(records iter.Seq2[Record, error], until Until) error {
	r := replayer{book: b, shelf: b.shelf.fork()}
	b.staging.reset(false, b.head.seq)
	p := pipeline{head: b.head.seq, until: until, apply: r.apply}
	if err := p.run(records); err != nil {
		return err
	}
	b.publishAll(r.shelf)
	return nil
}

// replayer assigns decoded changes.
type replayer struct {
	book   *Book
	shelf  *shelf
	staged Staged // used again for each record
	parts  parts
}

func (r *replayer) apply(c *chunk) error {
	b := r.book
	for i := range c.changes {
		change, stamp := &c.changes[i], c.stamps[i]
		if err := r.parts.check(change, stamp.Seq, c.more[i]); err != nil {
			return err
		}
		if change.Kind == position.EpochBegun {
			b.head.era = change.Epoch
		} else {
			if err := r.assign(change, stamp.Seq); err != nil {
				return err
			}
			if change.Part == 0 { // a mutation is remembered once for all its changes
				b.window.Add(position.WindowEntry{
					Fingerprint: c.prints[i], First: stamp.Seq, Time: min(change.Cause.EventTime(), stamp.Time), Count: change.Parts,
				})
			}
		}
		b.head.seq, b.head.time, b.head.epoch = stamp.Seq, stamp.Time, stamp.Epoch
	}
	if c.err != nil {
		return &RecordError{Seq: c.stamps[c.failed].Seq, Reason: "cannot be decoded", Err: c.err}
	}
	return nil
}

// assign does to the book what a change did.
func (r *replayer) assign(c *position.Change, seq uint64) error {
	b, s := r.book, &r.staged
	if err := r.complete(c, seq); err != nil {
		return err
	}
	s.forget()
	if err := b.effects(s, c, seq); err != nil {
		return &RecordError{Seq: seq, Reason: "cannot be applied", Err: err}
	}
	b.commit(s)
	b.staging.committed()
	for _, step := range s.cycles {
		r.shelf.apply(step)
	}
	return nil
}

// complete makes sure that a change follows the image that the book has, and
// gives its image the lots, of which a record has those only that came and went.
func (r *replayer) complete(c *position.Change, seq uint64) error {
	if at := c.Cause.EventTime(); at < 0 {
		return badRecord(seq, "has the event time %d, which is before 1970", at)
	}
	if c.After == nil {
		if c.Prev != 0 {
			return badRecord(seq, "says that record %d came before, and has no position", c.Prev)
		}
		return nil
	}
	var prev uint64
	var lots *position.Lots
	old := r.book.staging.positions.image(c.After.Key)
	if old != nil {
		prev, lots = old.Seq, old.Lots
		if c.After.Cycle > old.Cycle && old.IsOpen() {
			return badRecord(seq, "begins cycle %d of %s while cycle %d is open", c.After.Cycle, old.Key, old.Cycle)
		}
	}
	if c.Prev != prev {
		return badRecord(seq, "follows record %d of %s, but record %d is the last one of it", c.Prev, c.After.Key, prev)
	}
	var err error
	if c.After.Lots, err = LotsAfter(lots, c); err != nil {
		return &RecordError{Seq: seq, Reason: "has lots that do not follow from those before", Err: err}
	}
	return nil
}

// LotsAfter returns the open lots after a change as it was decoded, which names
// only those that came and went, from the lots before it. A split rescales them
// all before it takes any.
func LotsAfter(old *position.Lots, c *position.Change) (*position.Lots, error) {
	want := c.After.Lots
	if split, ok := c.Cause.(position.Split); ok {
		per := split.Per
		if per.IsZero() {
			per = position.FromInt(1)
		}
		var err error
		if old, err = old.Split(split.Ratio, per); err != nil {
			return nil, err
		}
	}
	if want != nil && old != nil && len(c.Consumed)+len(c.Opened) == 0 && sameLots(old, want) {
		return old, nil
	}
	return old.After(c.Consumed, c.Opened, want)
}

func sameLots(a, b *position.Lots) bool {
	return a.Count == b.Count && a.Next == b.Next && a.Sum == b.Sum
}

// parts follows the changes of one mutation from record to record: they are
// numbered, and belong to one batch.
type parts struct{ next, of uint32 }

func (p *parts) check(c *position.Change, seq uint64, more bool) error {
	if (c.Cause == nil) != (c.Kind == position.EpochBegun) || (c.Epoch == nil) != (c.Kind != position.EpochBegun) {
		return badRecord(seq, "is a change of kind %s without what belongs to it", c.Kind)
	}
	if p.next == 0 {
		p.of = c.Parts
	}
	if c.Part != p.next || c.Parts != p.of || c.Part >= c.Parts {
		return badRecord(seq, "is part %d of %d, expected was %d of %d", c.Part, c.Parts, p.next, p.of)
	}
	if p.next++; p.next == p.of {
		p.next = 0
	} else if !more {
		return badRecord(seq, "ends a batch inside the changes of a mutation")
	}
	return nil
}

// committed forgets keys that have a slot in the table by now.
func (st *staging) committed() {
	if len(st.positions.added)+len(st.instruments.added)+len(st.accounts.added) > 0 {
		clear(st.positions.added)
		clear(st.instruments.added)
		clear(st.accounts.added)
	}
}

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
	r := replayer{book: b}
	b.staging.reset(false, b.head.seq)
	p := pipeline{head: b.head.seq, until: until, apply: r.apply}
	if err := p.run(records); err != nil {
		return err
	}
	b.publishAll()
	return nil
}

// replayer assigns decoded changes.
type replayer struct {
	book   *Book
	staged Staged // used again for each record
	parts  parts
}

func (r *replayer) apply(c *chunk) error {
	b, s := r.book, &r.staged
	for i := range c.changes {
		change, stamp := &c.changes[i], c.stamps[i]
		if err := r.parts.check(change, stamp.Seq, c.more[i]); err != nil {
			return err
		}
		if change.Kind == position.EpochBegun {
			b.head.era = change.Epoch
		} else {
			s.positions, s.instruments, s.accounts = s.positions[:0], s.instruments[:0], s.accounts[:0]
			if err := b.effects(s, change, stamp.Seq); err != nil {
				return &RecordError{Seq: stamp.Seq, Reason: "cannot be applied", Err: err}
			}
			b.commit(s)
			b.staging.committed()
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

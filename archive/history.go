package archive

import (
	"context"
	"fmt"
	"iter"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Entry is one change as it stands in the journal.
type Entry struct {
	position.Stamp
	Change position.Change
}

// Filter selects changes; empty members select all. Strategy and leg of a key may
// be empty themselves: NoStrategy and NoLeg select the keys without one. Records
// that belong to no position (marks, instruments, accounts, epochs) are left out
// unless Records is set.
type Filter struct {
	Account, Instrument, Strategy, Leg string
	NoStrategy, NoLeg                  bool
	From, To                           Moment
	Records                            bool
}

// SelectsKey reports whether changes of a key are selected.
func (f Filter) SelectsKey(k position.Key) bool {
	return (f.Account == "" || f.Account == k.Account) &&
		(f.Instrument == "" || f.Instrument == k.Instrument) &&
		(f.Strategy == "" || f.Strategy == k.Strategy) && (!f.NoStrategy || k.Strategy == "") &&
		(f.Leg == "" || f.Leg == k.Leg) && (!f.NoLeg || k.Leg == "")
}

// ofKeys reports whether the filter leaves out changes that belong to no account and no
// key.
func (f Filter) ofKeys() bool {
	return f.Account+f.Strategy+f.Leg != "" || f.NoStrategy || f.NoLeg
}

func (f Filter) selects(e Entry) bool {
	c := &e.Change
	if c.After == nil {
		return f.Records && !f.ofKeys() && (f.Instrument == "" || InstrumentOf(c) == f.Instrument)
	}
	return f.SelectsKey(c.After.Key)
}

// InstrumentOf is the instrument that a change concerns which belongs to no position, ""
// for none.
func InstrumentOf(c *position.Change) string {
	switch m := c.Cause.(type) {
	case position.Mark:
		return m.Instrument
	case position.DefineInstrument:
		return m.Instrument
	case position.Split:
		return m.Instrument
	case position.Settle:
		return m.Instrument
	}
	return ""
}

// started reports whether a record lies at or after the moment.
func (m Moment) started(s position.Stamp) bool {
	return s.Seq >= m.Seq && s.Time >= m.Time
}

// History yields the selected changes in order. It begins at the oldest kept
// record; asking for an older From gives [journal.ErrTrimmed].
func (r *Reader) History(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := r.begin(ctx); err != nil {
			yield(Entry{}, err)
			return
		}
		log, err := r.src.OpenLog()
		if err != nil {
			yield(Entry{}, fmt.Errorf("%w", err))
			return
		}
		end := r.src.NewestShown()
		for e, err := range entries(ctx, log, f.From.Seq) {
			if err != nil {
				yield(Entry{}, fmt.Errorf("%w", err))
				return
			}
			if !f.To.covers(e.Stamp) || e.Seq > end {
				return
			}
			if f.From.started(e.Stamp) && f.selects(e) && !yield(e, nil) {
				return
			}
		}
	}
}

// entries decodes the records from a seq on, 0 for the oldest kept.
func entries(ctx context.Context, log *journal.Reader, from uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var d wire.Decoder
		for rec, err := range log.Records(from) {
			var e Entry
			if err == nil {
				e.Stamp = Projected(rec).Stamp
				e.Change, err = d.Change(rec.Payload)
			}
			if err == nil {
				err = ctx.Err()
			}
			if e.Change.After != nil {
				e.Change.After.Seq = e.Seq // not stored
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Step is a change with the position before it; Before is nil for a key's
// first.
type Step struct {
	Entry
	Before *position.Position
}

// Replay yields the selected changes of positions with the state before and
// after each, their open lots included. Where the journal was trimmed it begins
// behind the oldest state that is kept; asking for an older From gives
// [journal.ErrTrimmed].
func (r *Reader) Replay(ctx context.Context, f Filter) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if err := r.begin(ctx); err != nil {
			yield(Step{}, err)
			return
		}
		f.Records = false
		before, after, err := r.src.stateBefore(ctx, f.From)
		if err != nil {
			yield(Step{}, err)
			return
		}
		f.From.Seq = max(f.From.Seq, after+1)
		w := walk{before: before, seen: make(map[position.Key]*position.Position)}
		for e, err := range r.History(ctx, f) {
			var s Step
			if err == nil {
				s, err = w.step(e)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// walk follows positions from change to change.
type walk struct {
	before func(position.Key) (position.Position, bool) // nil: there was nothing
	seen   map[position.Key]*position.Position
}

// step finds the position before a change, and the lots after it, which a record
// does not list.
func (w *walk) step(e Entry) (Step, error) {
	key := e.Change.After.Key
	prev, ok := w.seen[key]
	if !ok && w.before != nil {
		if p, found := w.before(key); found {
			prev = &p
		}
	}
	var lots *position.Lots
	if prev != nil {
		lots = prev.Lots
	}
	var err error
	if e.Change.After.Lots, err = projector.LotsAfter(lots, &e.Change); err != nil {
		return Step{}, fmt.Errorf("record %d: %w", e.Seq, err)
	}
	w.seen[key] = e.Change.After
	return Step{Entry: e, Before: prev}, nil
}

// stateBefore returns a look-up of the positions just before a moment, nil when
// it is the beginning, and the record that they include as their last where no
// moment was named.
func (r *Source) stateBefore(ctx context.Context, from Moment) (func(position.Key) (position.Position, bool), uint64, error) {
	log, err := r.OpenLog()
	if err != nil {
		return nil, 0, fmt.Errorf("%w", err)
	}
	at := Moment{Time: max(from.Time-1, 0)}
	if from.Seq > 1 {
		at.Seq = from.Seq - 1
	}
	if at == (Moment{}) {
		// Whole segments are trimmed: of the oldest records kept there may be no
		// state before.
		book, base, baseErr := r.earliest(log, Moment{})
		if baseErr != nil || book == nil {
			return nil, 0, baseErr
		}
		return book.View().Position, base.Seq, nil
	}
	v, err := r.AsOf(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	return v.Position, 0, nil
}

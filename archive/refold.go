package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// With returns a source whose books answer what happened to a key since a fill, by
// reading, for as long as the context lasts. known has the states that are found
// out already; the caller may add to it.
func (r *Source) With(ctx context.Context, known map[KeyAt]StateBefore) *Source {
	own := *r
	own.Opts.History = func(key position.Key, fill string, first, head uint64) (*position.History, error) {
		return r.historyOf(ctx, key, fill, first, head, known)
	}
	return &own
}

// historyOf implements [projector.History].
func (r *Source) historyOf(ctx context.Context, key position.Key, fill string, first, head uint64, known map[KeyAt]StateBefore) (*position.History, error) {
	head = min(head, r.NewestShown())
	if first == 0 {
		var err error
		if first, err = r.RecordOf(ctx, key, fill, 0, head); err != nil {
			return nil, err
		}
	}
	p, err := r.readRefold(ctx, key, first, head, known)
	if err != nil {
		return nil, err
	}
	return p.history(), nil
}

// refoldInput is what a refold starts from: the state of one key and its instrument just
// before record start, and what changed them from there on.
//
// It holds no more than the key's own history: of the marks between two other
// mutations only the highest, the lowest and the last are kept, because the
// extremes and the mark are all that marks leave behind.
type refoldInput struct {
	key       position.Key
	first     uint64 // record of the fill in question
	start     uint64 // at most first; see readRefold
	taken     uint64 // first record of the mutation that was taken last
	before    StateBefore
	mutations []position.Mutation
	transfers []position.Change // of the transfers to the key, at both ends
	marks     MarkRun
	decode    wire.Decoder
}

// StateBefore is a key and its instrument at one moment, nil for what was not
// known then.
type StateBefore struct {
	Position   *position.Position
	Instrument *position.Instrument
}

// earlierError is returned by refoldInput.take when a bust or correction concerns a fill
// before start: the refold has to begin with that one.
type earlierError struct{ start uint64 }

func (e *earlierError) Error() string {
	return fmt.Sprintf("the refold has to begin at record %d", e.start)
}

// readRefold reads what a refold of the fill at record first starts from. A bust or
// correction since then may concern a fill before it, and must find that fill
// among the mutations; so the start moves back until none does.
//
// states may know the state already; else it is derived.
func (r *Source) readRefold(ctx context.Context, key position.Key, first, head uint64, states map[KeyAt]StateBefore) (*refoldInput, error) {
	for start := first; ; {
		p := &refoldInput{key: key, first: first, start: start}
		var back *earlierError
		err := r.Concerning(ctx, key.Instrument, start, head, p.take)
		switch {
		case errors.As(err, &back):
			start = back.start
			continue
		case err == nil:
			var known bool
			if p.before, known = states[KeyAt{key, start}]; !known {
				p.before, err = r.StateAt(ctx, key, start)
			}
		}
		if errors.Is(err, journal.ErrTrimmed) {
			return nil, r.TrimmedHistory(start)
		}
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

// TrimmedHistory says that what a refold needs is not kept any more, and what to
// do instead.
func (r *Source) TrimmedHistory(start uint64) error {
	return fmt.Errorf("%w: it needs the state before record %d, and the oldest kept record is %d: adjust or adopt the position instead",
		position.ErrTrimmedHistory, start, r.firstKept())
}

// RecordOf returns the newest record of a fill in a range, for an id that the duplicate
// window has forgotten. It reads every record of the range; from 0 is the oldest kept.
// A record that is trimmed during the search cannot be the newest.
func (r *Source) RecordOf(ctx context.Context, key position.Key, fill string, from, to uint64) (found uint64, err error) {
	for range TrimTries {
		if found, err = r.recordAmong(ctx, key, fill, from, to); !errors.Is(err, journal.ErrTrimmed) {
			return found, err
		}
		from = 0
	}
	return 0, Meanwhile(err)
}

func (r *Source) recordAmong(ctx context.Context, key position.Key, fill string, from, to uint64) (uint64, error) {
	log, err := r.OpenLog()
	if err != nil {
		return 0, fmt.Errorf("%w", err)
	}
	f := FillFinder{Key: key, Fill: fill}
	for rec, err := range log.Records(from) {
		if from > to {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return 0, fmt.Errorf("%w", err)
		}
		if rec.Seq > to {
			break
		}
		if err = f.Look(rec); err != nil {
			return 0, err
		}
	}
	switch {
	case f.Found > 0:
		return f.Found, nil
	case log.First() > 1:
		return 0, fmt.Errorf("%w: no kept record is the fill %q of %s, and the oldest kept record is %d: adjust or adopt the position instead",
			position.ErrTrimmedHistory, fill, key, log.First())
	}
	return 0, NoFill(key, fill)
}

// NoFill is the error where no record is the fill.
func NoFill(key position.Key, fill string) error {
	return fmt.Errorf("%w: no fill of %s has the id %q", position.ErrUnknownFill, key, fill)
}

// FillFinder looks for the newest record of a fill.
type FillFinder struct {
	Key    position.Key
	Fill   string
	Found  uint64 // 0: no record that it looked at is of the fill
	decode wire.Decoder
}

// Look looks at the next record.
func (f *FillFinder) Look(rec journal.Record) error {
	if !bytes.Contains(rec.Payload, []byte(f.Fill)) {
		return nil
	}
	c, err := f.decode.Change(rec.Payload)
	if err != nil {
		return fmt.Errorf("seq %d: %w", rec.Seq, err)
	}
	if v, ok := c.Cause.(position.Fill); ok && v.Ident == f.Fill && v.Key == f.Key {
		f.Found = rec.Seq - uint64(c.Part)
	}
	return nil
}

// take adds the cause of a record that changed the key or its instrument, once
// for all the records of one mutation.
func (p *refoldInput) take(rec journal.Record) error {
	c, err := p.decode.Change(rec.Payload)
	if err != nil {
		return fmt.Errorf("seq %d: %w", rec.Seq, err)
	}
	if t, ok := c.Cause.(position.Transfer); ok && t.To() == p.key {
		p.transfers = append(p.transfers, c)
	}
	if !Concerns(&c, p.key) {
		return nil
	}
	if c.Fill > 0 && c.Fill < p.start {
		return &earlierError{start: c.Fill}
	}
	mutation := rec.Seq - uint64(c.Part)
	if mutation == p.taken {
		return nil // another part of what was taken last
	}
	p.taken = mutation
	if m, ok := c.Cause.(position.Mark); ok {
		p.marks.Add(m)
		return nil
	}
	p.mutations = p.marks.AppendTo(p.mutations)
	p.marks = MarkRun{}
	p.mutations = append(p.mutations, c.Cause)
	return nil
}

// Concerns reports whether a record changed a key or its instrument.
func Concerns(c *position.Change, key position.Key) bool {
	if c.After != nil {
		return c.After.Key == key
	}
	return c.Cause != nil && InstrumentOf(c) == key.Instrument
}

// history returns what was read in the form in which the fold takes it.
func (p *refoldInput) history() *position.History {
	return &position.History{
		Seq: p.first, Position: p.before.Position, Instrument: p.before.Instrument,
		Mutations: p.marks.AppendTo(p.mutations),
		Transfers: p.transfers,
	}
}

// MarkRun is what has to be kept of marks that follow one another.
type MarkRun struct {
	n               int
	high, low, last numberedMark
}

type numberedMark struct {
	position.Mark
	n int
}

// Add takes in the next mark.
func (r *MarkRun) Add(m position.Mark) {
	r.n++
	r.last = numberedMark{m, r.n}
	if r.n == 1 || m.Price.Cmp(r.high.Price) > 0 {
		r.high = r.last
	}
	if r.n == 1 || m.Price.Cmp(r.low.Price) < 0 {
		r.low = r.last
	}
}

// AppendTo appends them in their order.
func (r *MarkRun) AppendTo(ms []position.Mutation) []position.Mutation {
	if r.n == 0 {
		return ms
	}
	kept := []numberedMark{r.high, r.low, r.last}
	slices.SortFunc(kept, func(a, b numberedMark) int { return a.n - b.n })
	for i := range kept {
		if i == 0 || kept[i].n != kept[i-1].n {
			ms = append(ms, kept[i].Mark)
		}
	}
	return ms
}

// KeyAt names the state of a key just before a record.
type KeyAt struct {
	Key   position.Key
	Start uint64
}

// StateAt derives the state of a key and its instrument just before a record,
// from the nearest snapshot and the records after it. It does not round down to
// the end of a batch: the record may lie within one.
func (r *Source) StateAt(ctx context.Context, key position.Key, start uint64) (s StateBefore, err error) {
	if start <= 1 {
		return StateBefore{}, nil
	}
	err = r.untrimmed(ctx, func() error {
		s, err = r.stateOnce(ctx, key, start)
		return err
	})
	return s, err
}

func (r *Source) stateOnce(ctx context.Context, key position.Key, start uint64) (StateBefore, error) {
	log, err := r.OpenLog()
	if err != nil {
		return StateBefore{}, fmt.Errorf("%w", err)
	}
	book, base, err := r.Base(log, Moment{Seq: start - 1})
	if err != nil {
		return StateBefore{}, err
	}
	if err = r.Bring(ctx, log, book, &base, start-1); err != nil {
		return StateBefore{}, err
	}
	return StateOf(book.View(), key), nil
}

// Bring replays a book up to and including a record, which must be the last of a
// mutation.
func (r *Source) Bring(ctx context.Context, log *journal.Reader, book *projector.Book, base *Anchor, upTo uint64) error {
	if base.Seq >= upTo {
		return nil
	}
	if err := book.Replay(Cut(r.Records(ctx, log, *base), upTo), projector.Until{}); err != nil {
		return fmt.Errorf("%w", err)
	}
	if book.Head() != upTo {
		return fmt.Errorf("%w: replay ended at seq %d, not at %d", journal.ErrDamaged, book.Head(), upTo)
	}
	base.Seq = upTo
	return nil
}

// Cut ends records behind one of them, as if its batch ended there.
func Cut(records iter.Seq2[projector.Record, error], upTo uint64) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		for rec, err := range records {
			if err == nil && rec.Seq >= upTo {
				if rec.Seq == upTo {
					rec.More = false
					yield(rec, nil)
				}
				return
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// StateOf is the state of a key and its instrument in a view.
func StateOf(v *projector.View, key position.Key) (s StateBefore) {
	if p, ok := v.Position(key); ok {
		s.Position = &p
	}
	if in, ok := v.Instrument(key.Instrument); ok {
		s.Instrument = &in
	}
	return s
}

// Concerning calls f with the records from one to another in which the name of an
// instrument occurs: nothing else can concern it or its positions.
func (r *Source) Concerning(ctx context.Context, instrument string, from, to uint64, f func(journal.Record) error) error {
	if from > to {
		return nil
	}
	log, err := r.OpenLog()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	name, last := []byte(instrument), from-1
	for rec, err := range log.Records(from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%w", err)
		}
		if rec.Seq > to {
			break
		}
		if last = rec.Seq; bytes.Contains(rec.Payload, name) {
			if err = f(rec); err != nil {
				return err
			}
		}
	}
	if last < to {
		return notYet(to, last)
	}
	return nil
}

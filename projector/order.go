package projector

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// Refused is a mutation that could not be folded in the order of event times.
type Refused struct {
	Seq uint64 // its first record
	ID  string
	Err error
}

// EventOrder returns what was true at an event time, by all that the records
// tell: it folds their mutations in the order of their event times, records of
// the same time in the order of their seqs, up to and including until; zero is no
// limit. A mutation that arrived late is in its place, and so the view may differ from
// every one there has been.
//
// Busts and corrections are applied before, whatever their own time: a fill that
// was cancelled never was. The first definition of an instrument says what it
// has been from the beginning; a later one counts from its time. A mutation that
// is refused in this order is left out and listed, in the order of the seqs.
//
// Base is the state before the first record where that is not the first of all,
// else nil. It belongs to EventOrder afterwards. The mutations that it includes stay,
// whatever their times. An image's Seq is the first record of the mutation that made
// it; the view's own seq is that of the last record read.
func EventOrder(o Options, base *Book, records iter.Seq2[Record, error], until position.Time) (*View, []Refused, error) {
	trimmed := base != nil && base.Head() > 0
	if base == nil {
		base = New(o)
	}
	base.ready()
	t := timeline{book: base, last: position.Stamp{Seq: base.head.seq, Epoch: base.head.epoch, Time: base.head.time}, era: base.head.era}
	p := decoding(base.head.seq, nil, t.collect)
	if err := p.run(records); err != nil {
		return nil, nil, err
	}
	t.amend(trimmed)
	t.sort()
	t.fold(until)
	slices.SortStableFunc(t.refused, func(a, b Refused) int { return cmp.Compare(a.Seq, b.Seq) })
	return base.View(), t.refused, nil
}

// timeline is the mutations of a ledger on their way into the order of their
// event times.
type timeline struct {
	book    *Book
	parts   parts
	last    position.Stamp
	era     *position.Epoch
	items   []dated
	amends  []dated // busts and corrections
	refused []Refused
}

type dated struct {
	cause position.Mutation // nil: a fill that was cancelled
	at    position.Time     // where it belongs, for a first definition the beginning
	seq   uint64
}

// collect takes the causes of a chunk of records.
func (t *timeline) collect(c *chunk) error {
	for i := range c.changes {
		change, seq := &c.changes[i], c.recs[i].Seq
		if err := t.parts.check(change, seq, c.recs[i].More); err != nil {
			return err
		}
		t.last = c.recs[i].Stamp
		if change.Epoch != nil {
			t.era = change.Epoch
		}
		if change.Part != 0 || change.Cause == nil {
			continue
		}
		d := dated{cause: change.Cause, at: change.Cause.EventTime(), seq: seq}
		switch change.Cause.(type) {
		case position.Bust, position.Correct:
			t.amends = append(t.amends, d)
		default:
			t.items = append(t.items, d)
		}
	}
	if c.err != nil {
		return &RecordError{Seq: c.recs[c.failed].Seq, Reason: "cannot be decoded", Err: c.err}
	}
	return nil
}

// amended names a fill that a bust or correction is about.
type amended struct {
	key  position.Key
	fill string
}

// amend cancels and replaces fills. Records come in the order of their seqs, so
// what is amended is the last one of that id before.
func (t *timeline) amend(trimmed bool) {
	fills := make(map[amended]int, len(t.amends)) // index of the item, −1 until it is met
	for _, a := range t.amends {
		key, fill := target(a.cause)
		fills[amended{key, fill}] = -1
	}
	next := 0
	for _, a := range t.amends {
		for ; next < len(t.items) && t.items[next].seq < a.seq; next++ {
			if f, ok := t.items[next].cause.(position.Fill); ok {
				name := amended{f.Key, f.Ident}
				if _, ok = fills[name]; ok {
					fills[name] = next
				}
			}
		}
		t.replace(a, fills, trimmed)
	}
}

// replace puts what a bust or correction leaves in the place of its fill.
func (t *timeline) replace(a dated, fills map[amended]int, trimmed bool) {
	key, fill := target(a.cause)
	i := fills[amended{key, fill}]
	if i < 0 {
		err := position.ErrUnknownFill
		if trimmed {
			err = position.ErrTrimmedHistory
		}
		t.refuse(a, fmt.Errorf("%w: %q is not among the records", err, fill))
		return
	}
	old, ok := t.items[i].cause.(position.Fill)
	if !ok {
		t.refuse(a, fmt.Errorf("%w: %q was cancelled before", position.ErrUnknownFill, fill))
		return
	}
	c, ok := a.cause.(position.Correct)
	if !ok {
		t.items[i].cause = nil
		return
	}
	t.items[i].cause = c.Replacement(old)
}

func target(m position.Mutation) (position.Key, string) {
	switch v := m.(type) {
	case position.Bust:
		return v.Key, v.Fill
	case position.Correct:
		return v.Key, v.Fill
	}
	return position.Key{}, ""
}

func (t *timeline) refuse(d dated, err error) {
	t.refused = append(t.refused, Refused{Seq: d.seq, ID: d.cause.ID(), Err: err})
}

// sort puts the mutations in the order of their times. The first definition of an
// instrument goes to the beginning: a fill that is dated before it would
// otherwise be folded by terms that the instrument never had.
func (t *timeline) sort() {
	first := make(map[string]*dated)
	t.book.staging.reset(false, 0)
	for i := range t.items {
		d, ok := t.items[i].cause.(position.DefineInstrument)
		if !ok {
			continue
		}
		if in := t.book.staging.instruments.image(d.Instrument); in != nil && in.Defined {
			continue
		}
		if f := first[d.Instrument]; f == nil || t.items[i].at < f.at {
			first[d.Instrument] = &t.items[i]
		}
	}
	for _, d := range first {
		d.at = 0
	}
	slices.SortStableFunc(t.items, func(a, b dated) int { return cmp.Compare(a.at, b.at) })
}

// fold applies the mutations up to a time to the book, and shows it.
func (t *timeline) fold(until position.Time) {
	b := t.book
	ended := b.shelf.fork()
	var s Staged
	for _, d := range t.items {
		if until > 0 && d.at > until {
			break
		}
		if d.cause == nil {
			continue
		}
		if err := b.force(&s, d.cause, d.seq); err != nil {
			t.refuse(d, err)
			continue
		}
		for _, step := range s.cycles {
			ended.apply(step)
		}
	}
	b.head.seq, b.head.time, b.head.epoch, b.head.era = t.last.Seq, t.last.Time, t.last.Epoch, t.era
	b.publishAll(ended)
}

// force folds a mutation on the head, whatever the window says, and makes what it
// gives the head. The images get one seq; that of the head stays, so that those
// with a later one are the writer's own.
func (b *Book) force(s *Staged, m position.Mutation, seq uint64) error {
	if err := position.ValidateRecorded(m); err != nil {
		return err
	}
	b.staging.reset(false, b.head.seq)
	changes, err := b.rules.FoldRecorded(&b.staging, m)
	if err != nil {
		return err
	}
	s.forget()
	for i := range changes {
		if err = b.effects(s, &changes[i], seq); err != nil {
			return err
		}
	}
	b.commit(s)
	return nil
}

package position

import (
	"errors"
	"fmt"
	"slices"
)

// Bust cancels an earlier fill: what followed it is folded again without it, and
// the result is the change. It is refused with [ErrTrimmedHistory] where the
// records since the fill are not kept any more, and with [ErrRefold] where what
// followed could not have happened without it, or a transfer would have taken
// something else to another key than it has; adjust the position instead.
type Bust struct {
	Meta
	Key           // of the fill
	Fill   string // its id
	Reason string // at most MaxReason bytes
}

// Type returns "bust".
func (Bust) Type() string { return "bust" }

// Identified returns a copy with id and time filled in where absent.
func (b Bust) Identified(id string, at Time) Mutation {
	b.Meta = b.identified(id, at)
	return b
}

// Validate checks the form.
func (b Bust) Validate() error {
	if err := b.Meta.validate(); err != nil {
		return err
	}
	if err := b.Key.validate(); err != nil {
		return err
	}
	if err := checkName("fill", b.Fill, false); err != nil {
		return err
	}
	return checkReason(b.Reason, true)
}

// Correct amends an earlier fill: what followed it is folded again with these
// values in its place. The fill keeps its id, event time and lot. It is refused
// as [Bust] is.
type Correct struct {
	Meta
	Key                // of the fill
	Fill        string // its id
	Side        Side   // as those of a Fill
	Qty         Decimal
	Price       Decimal
	Fee         Decimal
	FeeCurrency string
	ZeroPrice   bool   // as that of a Fill
	Reason      string // at most MaxReason bytes
}

// Type returns "correct".
func (Correct) Type() string { return "correct" }

// Identified returns a copy with id and time filled in where absent.
func (c Correct) Identified(id string, at Time) Mutation {
	c.Meta = c.identified(id, at)
	return c
}

// Validate checks the form.
func (c Correct) Validate() error {
	if err := c.Replacement(Fill{Meta: c.Meta}).Validate(); err != nil {
		return err
	}
	if err := checkName("fill", c.Fill, false); err != nil {
		return err
	}
	return checkReason(c.Reason, true)
}

// Replacement returns the fill that stands in the place of f.
func (c Correct) Replacement(f Fill) Fill {
	f.Key, f.Side, f.Qty, f.Price, f.Fee, f.FeeCurrency = c.Key, c.Side, c.Qty, c.Price, c.Fee, c.FeeCurrency
	f.ZeroPrice = c.ZeroPrice
	return f
}

// foldBust folds what happened since a fill again, without the fill.
func (r Rules) foldBust(s State, v *Bust, cause Mutation) ([]Change, error) {
	return r.refold(s, &refolding{
		key: v.Key, fill: v.Fill, at: v.Time, expect: v.ExpectVersion, kind: Busted, cause: cause,
	})
}

// foldCorrect folds what happened since a fill again, with the fill as it should
// have been.
func (r Rules) foldCorrect(s State, v *Correct, cause Mutation) ([]Change, error) {
	return r.refold(s, &refolding{
		key: v.Key, fill: v.Fill, at: v.Time, expect: v.ExpectVersion, kind: Corrected, cause: cause, correct: v,
	})
}

// refolding is one bust or correction.
type refolding struct {
	key     Key
	fill    string
	at      Time
	expect  *uint64
	kind    ChangeKind
	cause   Mutation
	correct *Correct // nil for a bust
}

func (r Rules) refold(s State, x *refolding) ([]Change, error) {
	old := s.Position(x.key)
	if err := expect(x.expect, x.key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(x.key.Instrument)
	if err := r.admit(x.key.Instrument, in); err != nil {
		return nil, err
	}
	if old == nil {
		return nil, fmt.Errorf("%w: %s has no position, so %q is no fill of it", ErrUnknownFill, x.key, x.fill)
	}
	h, seq, err := x.history(s)
	if err != nil {
		return nil, err
	}
	var sim *rerun
	if h.Refold != nil {
		sim, err = h.Refold.result(x)
	} else {
		sim, err = r.rerun(s, x, h)
	}
	if err != nil {
		return nil, err
	}
	return x.changes(old, sim.images(s, in), in, seq)
}

// rerun folds a history again.
func (r Rules) rerun(s State, x *refolding, h *History) (*rerun, error) {
	before, err := revised(h.Mutations, nil)
	if err != nil {
		return nil, err
	}
	after, err := revised(h.Mutations, x)
	if err != nil {
		return nil, err
	}
	sim := newRerun(r, s.DefaultTerms(), x.key, h)
	if err = sim.run(after, x); err != nil {
		return nil, err
	}
	if len(sim.left) > 0 {
		// Other keys keep what transfers took there, so a refold must take the
		// same.
		first := newRerun(r, s.DefaultTerms(), x.key, h)
		if err = first.run(before, nil); err != nil {
			return nil, err
		}
		if err = sim.sameDepartures(first); err != nil {
			return nil, err
		}
	}
	return sim, nil
}

// history returns where the refold starts: at the fill, or at an earlier fill that
// was busted or corrected since, whose old values are in the image before the fill.
func (x *refolding) history(s State) (h *History, seq uint64, err error) {
	if h, err = s.History(x.key, x.fill); err != nil {
		return nil, 0, err
	}
	seq = h.Seq
	for {
		earlier := x.earlier(h)
		if earlier == "" {
			return h, seq, nil
		}
		next, err := s.History(x.key, earlier)
		if err != nil {
			return nil, 0, err
		}
		if next.Seq >= h.Seq {
			return nil, 0, fmt.Errorf("%w: %q of %s is busted, and not before %q", ErrUnknownFill, earlier, x.key, x.fill)
		}
		h = next
	}
}

// earlier returns a fill that is revised in a history and not part of it, "" for
// none.
func (x *refolding) earlier(h *History) string {
	fills := make(map[string]bool)
	for _, m := range h.Mutations {
		if f, ok := m.(Fill); ok && f.Key == x.key {
			fills[f.Ident] = true
		}
	}
	for _, m := range h.Mutations {
		if id, _ := revises(m); id != "" && !fills[id] {
			return id
		}
	}
	return ""
}

// revises returns the fill that a mutation is about, and the correction, if it is
// one.
func revises(m Mutation) (fill string, c *Correct) {
	switch v := m.(type) {
	case Bust:
		return v.Fill, nil
	case Correct:
		return v.Fill, &v
	}
	return "", nil
}

// revised returns the mutations of a history without the busted fills and with
// corrected fills in place of the old ones; x is applied last. It refuses a bust of
// a fill that is busted already or that is not there. Where an id was given to two
// fills, because the window had forgotten the first, it means the later one.
func revised(ms []Mutation, x *refolding) ([]Mutation, error) {
	last := make(map[string]int) // index in out of the fill, by id
	out := make([]Mutation, 0, len(ms))
	for _, m := range ms {
		id, c := revises(m)
		if id == "" {
			if f, ok := m.(Fill); ok {
				last[f.Ident] = len(out)
			}
			out = append(out, m)
			continue
		}
		if i, ok := last[id]; ok {
			out[i] = c.instead(out[i])
		}
	}
	if x != nil {
		i, ok := last[x.fill]
		switch {
		case !ok:
			return nil, x.unknown()
		case out[i] == nil:
			return nil, x.twice()
		}
		out[i] = x.correct.instead(out[i])
	}
	return slices.DeleteFunc(out, func(m Mutation) bool { return m == nil }), nil
}

// instead returns what a correction puts in the place of a fill; nil, for a bust,
// nothing.
func (c *Correct) instead(m Mutation) Mutation {
	f, ok := m.(Fill)
	if !ok || c == nil {
		return nil
	}
	return c.Replacement(f)
}

// changes returns one change per image, which become the key's in their order.
func (x *refolding) changes(old *Position, images []Position, in *Instrument, seq uint64) ([]Change, error) {
	out := make([]Change, len(images))
	held := old.Lots
	for i := range images {
		p := images[i].Clone() // a copy: what a refold has made may be somebody's already
		p.Version, p.Seq, p.UpdatedAt = old.Version+uint64(i)+1, 0, x.at
		p.noteMark(in)
		c := Change{Kind: x.kind, Fill: seq, After: p}
		if p.Lots == nil { // back to a cycle under average cost
			c.Consumed, _ = lotsBetween(held.open(), nil)
		} else {
			var sum calc
			lots, number := renumbered(p.Lots, held)
			c.Consumed, c.Opened = lotsBetween(held.open(), lots)
			next := sum.lotsAfter(held, c.Consumed, c.Opened)
			if sum.err != nil {
				return nil, sum.err
			}
			next.Next = number
			p.Lots = next
		}
		held = p.Lots
		out[i] = c
	}
	last := &out[len(out)-1]
	if err := last.difference(old); err != nil {
		return nil, err
	}
	return numbered(out, x.cause), nil
}

// renumbered gives the lots of a refold the numbers that they had before it, by time
// and label, so that the record names only those that have changed; the others get
// new ones. Where that would put lots of one time into another order than the refold
// has them in, its own numbers stay: the order decides which lot leaves next. It
// returns the number that comes next.
func renumbered(l, held *Lots) (lots []Lot, next uint64) {
	type origin struct {
		opened Time
		label  string
	}
	known := make(map[origin][]uint64, len(held.open()))
	for _, lot := range held.open() {
		o := origin{lot.Opened, lot.Label}
		known[o] = append(known[o], lot.ID)
	}
	lots, next = slices.Clone(l.Open), max(held.next(), l.Next)
	for i := range lots {
		o := origin{lots[i].Opened, lots[i].Label}
		if ids := known[o]; len(ids) > 0 {
			lots[i].ID, known[o] = ids[0], ids[1:]
			continue
		}
		lots[i].ID = next
		next++
	}
	if !slices.IsSortedFunc(lots, func(a, b Lot) int { return a.compare(&b) }) {
		return l.Open, max(held.next(), l.Next)
	}
	return lots, next
}

// difference sets what a refold comes to: the quantity, the profit, and the value
// that accounts for both.
func (c *Change) difference(old *Position) error {
	was, ok := old.Lifetime()
	is, fits := c.After.Lifetime()
	if !ok || !fits {
		return overflow("sum over the cycles")
	}
	var sum calc
	c.Qty = sum.sub(c.After.Qty, old.Qty)
	c.Realized = sum.sub(is.Realized, was.Realized)
	earned := c.Realized
	if c.After.Terms.Kind != Inverse {
		earned = earned.Neg()
	}
	c.Value = sum.add(sum.sub(c.After.Cost, old.Cost), earned)
	return sum.err
}

// refused tells which mutation stands in the way of a refold, and why.
func refused(m Mutation, err error) error {
	return fmt.Errorf("%w: %s %q: %w", ErrRefold, m.Type(), m.ID(), err)
}

// unimportant reports whether a mutation that is refused may be left out: notes on
// a position that never was.
func unimportant(m Mutation, err error) bool {
	_, ok := m.(Amend)
	return ok && errors.Is(err, ErrUnknownPosition)
}

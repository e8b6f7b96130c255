package position

import (
	"fmt"
)

// Split rescales an instrument: every open position's quantity by Ratio/Per,
// prices by the reverse, stop and targets as well, cost not at all. Prices of an
// inverse instrument go with the quantity, so that the value at a price stays
// there too. It is one record of the instrument and one change per open position.
// The same split, by event time and ratio, is refused under another id with
// [ErrSplitTwice], and so is one before the last.
type Split struct {
	Meta
	Instrument string
	Ratio      Decimal // new quantity for Per old ones; positive
	Per        Decimal // zero: 1
	// Increment, if not zero, is what new quantities are rounded down to; what is
	// cut off is sold at CashPrice. Under a cost method with lots it leaves by the
	// method, and where that would need a selection first in, first out.
	Increment Decimal
	CashPrice *Decimal // per new unit, for the cut off part; nil: it is lost with its cost
}

// Type returns "split".
func (Split) Type() string { return "split" }

// Identified returns a copy with id and time filled in where absent.
func (s Split) Identified(id string, at Time) Mutation {
	s.Meta = s.identified(id, at)
	return s
}

// Validate checks the form.
func (s Split) Validate() error {
	if err := s.validate(); err != nil {
		return err
	}
	switch {
	case s.ExpectVersion != nil:
		return invalid("expect_version", "has no meaning for a split")
	case s.Ratio.Sign() <= 0:
		return invalid("ratio", "must be positive")
	case s.Per.Sign() < 0:
		return invalid("per", "must be positive")
	case s.Increment.Sign() < 0:
		return invalid("increment", "must be positive")
	case s.CashPrice != nil && s.Increment.IsZero():
		return invalid("cash_price", "has no meaning without an increment")
	}
	return checkName("instrument", s.Instrument, false)
}

// foldSplit rescales an instrument: its mark first, then every open position. All
// of them, or with an error none.
func (r Rules) foldSplit(s State, v *Split, cause Mutation) ([]Change, error) {
	in := s.Instrument(v.Instrument)
	if err := r.admit(v.Instrument, in); err != nil {
		return nil, err
	}
	x := rescaling{Split: v, vintage: r.vintage()}
	if x.per = v.Per; x.per.IsZero() {
		x.per = Decimal{lo: one}
	}
	// One before the last cannot be told from a repeat: only the last is remembered.
	if in != nil && (v.Time < in.SplitTime || v.Time == in.SplitTime && x.repeats(in)) {
		return nil, fmt.Errorf("%w: %s was split %s for %s at %s: what comes late can be put right with adopt",
			ErrSplitTwice, v.Instrument, in.SplitRatio, in.SplitPer, in.SplitTime)
	}
	next := unversioned(s, v.Instrument, in)
	next.Version++
	next.SplitTime, next.SplitRatio, next.SplitPer = v.Time, v.Ratio, x.per
	if next.MarkTime != 0 {
		var err error
		if next.Mark, err = x.price(next.Terms, next.Mark); err != nil {
			return nil, fmt.Errorf("split of the mark of %s: %w", v.Instrument, err)
		}
	}
	x.in = next
	changes := []Change{{Kind: SplitChange, Instrument: next}}
	for p := range s.Open(v.Instrument) {
		c, err := x.position(p)
		if err != nil {
			return nil, fmt.Errorf("split of %s: %w", p.Key, err)
		}
		changes = append(changes, c)
	}
	return numbered(changes, cause), nil
}

// rescaling is one split. Quantities are multiplied by ratio/per in one step, so
// that a ratio which no decimal holds, 1 for 3, costs one rounding.
type rescaling struct {
	*Split
	vintage

	per Decimal
	in  *Instrument // after the split
}

// repeats reports whether the instrument's last split had this ratio, in whatever
// terms.
func (x *rescaling) repeats(in *Instrument) bool {
	a, b := product(in.SplitRatio, x.per), product(x.Ratio, in.SplitPer)
	return a == b
}

// price moves a price so that the value at it stays what it was: against the
// quantity, but with it for inverse instruments, whose value is quantity/price.
func (x *rescaling) price(t *Terms, price Decimal) (Decimal, error) {
	if t.Kind == Inverse {
		return MulQuo(price, x.Ratio, x.per)
	}
	return MulQuo(price, x.per, x.Ratio)
}

// position rescales an open position. Its cost stays; what does not fill an
// increment is sold.
func (x *rescaling) position(old *Position) (Change, error) {
	var c calc
	p := *old
	if old.Lots == nil {
		p.Qty = c.mulQuo(old.Qty, x.Ratio, x.per)
	} else {
		var err error
		if p.Lots, err = old.Lots.Split(x.Ratio, x.per); err != nil {
			return Change{}, err
		}
		p.Qty, _, err = p.Lots.quantity()
		c.keep(Decimal{}, err)
	}
	p.ExitQty = c.mulQuo(old.ExitQty, x.Ratio, x.per)
	p.EntryQty = c.add(p.ExitQty, p.Qty.Abs()) // not rounded apart: the three belong together
	p.PeakQty = c.mulQuo(old.PeakQty, x.Ratio, x.per)
	if abs := p.Qty.Abs(); abs.Cmp(p.PeakQty) > 0 {
		p.PeakQty = abs
	}
	p.High = c.keep(x.price(p.Terms, old.High))
	p.Low = c.keep(x.price(p.Terms, old.Low))
	p.Conditions = x.conditions(&c, p.Terms, old.Conditions)
	if c.err != nil {
		return Change{}, c.err
	}
	change, err := x.cut(&p)
	if err != nil {
		return change, err
	}
	change.Kind = SplitChange
	change.Qty, err = change.After.Qty.Sub(old.Qty)
	if avg, ok := old.AvgEntry(); ok && !change.After.IsOpen() {
		// The average of the old quantity: the rescaled one may be zero.
		change.After.LastEntry, _ = x.price(old.Terms, avg)
	}
	return change, err
}

// conditions moves stop and targets as any price, so that they stay where they were
// beside the market.
func (x *rescaling) conditions(c *calc, t *Terms, old *Conditions) *Conditions {
	if x.first || old == nil || !old.HasStop && len(old.Targets) == 0 {
		return old
	}
	next := *old
	if next.HasStop {
		next.Stop = c.keep(x.price(t, old.Stop))
	}
	next.Targets = nil
	for _, target := range old.Targets {
		next.Targets = append(next.Targets, c.keep(x.price(t, target)))
	}
	return &next
}

// cut returns the change to a rescaled position: what does not fill the increment
// is sold for cash or, without a price for it, lost with its cost.
func (x *rescaling) cut(p *Position) (Change, error) {
	var rest Decimal
	if !x.Increment.IsZero() {
		rest = remainder(p.Qty, x.Increment)
	}
	switch {
	case p.Qty.IsZero():
		return x.vanish(p)
	case rest.IsZero():
		return Change{After: p.next(x.Time, x.in)}, nil
	}
	l := leg{qty: rest.Neg()}
	if x.CashPrice != nil {
		var err error
		if l.value, err = p.Terms.Value(l.qty, *x.CashPrice); err != nil {
			return Change{}, err
		}
	}
	f := x.flow(p)
	out := f.apply(nil, p, l)
	if f.err != nil {
		return Change{}, f.err
	}
	return out[0], nil
}

// flow returns the flow of a cut: cash in lieu is no market price, and lots leave
// without a selection, since a split names none.
func (x *rescaling) flow(p *Position) flow {
	f := flow{calc: calc{vintage: x.vintage}, key: p.Key, terms: p.Terms, in: x.in, at: x.Time, high: p.High, low: p.Low}
	if m := p.Terms.CostMethod; m == SpecificLot || m == SpecificSize {
		f.method = FIFO
	}
	return f
}

// vanish closes a position whose quantity was rounded to nothing, and realizes its cost.
func (x *rescaling) vanish(p *Position) (Change, error) {
	var c calc
	n := p.next(x.Time, x.in)
	realized := p.Terms.realized(&c, Decimal{}, p.Cost)
	n.Totals.Realized = c.add(n.Totals.Realized, realized)
	n.Cost, n.ClosedAt = Decimal{}, x.Time
	n.Exits++
	return Change{Realized: realized, After: n}, c.err
}

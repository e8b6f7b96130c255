package position

import "fmt"

// leg is what a mutation moves into or out of a position, or the part of it that
// closes or opens in a flip.
type leg struct {
	qty   Decimal // signed change of quantity
	value Decimal // notional, signed like qty · price
	fee   Decimal // in the fee currency
}

// flow is the rules by which legs change a position, the same for every mutation
// that moves quantity. Its calc keeps the first error of the chain; nothing that
// was computed after it is used. It points only to what is on the heap anyway, so
// that neither it nor the mutation leaves the stack.
type flow struct {
	calc
	key   Key
	terms *Terms      // of the open position, else those that the next cycle takes
	in    *Instrument // nil: not known
	at    Time

	high, low Decimal // the prices at which it happened, which extend the extremes
	carried   bool    // high and low are those of what arrives, not at which it met what it reduces
	currency  string  // of the fee; empty: the settlement currency

	ref    *LotRef    // selects the lots that a reduction takes; nil: the method does
	method CostMethod // instead of the terms', if not Inherited
	label  string     // of the lot that is opened
	lots   []Lot      // that arrive, in place of one new lot; see incoming

	spares *Spares // into which images are put; nil: none
}

// apply appends the changes that a leg makes to a position: one, or two for a
// flip. Old may be nil or flat. Causes, numbers and parts are the caller's.
func (x *flow) apply(dst []Change, old *Position, l leg) []Change {
	if old == nil || !old.IsOpen() {
		x.acquires()
		return append(dst, x.open(old, l, x.lots))
	}
	if (l.qty.hi < 0) == (old.Qty.hi < 0) {
		x.acquires()
		return append(dst, x.increase(old, l))
	}
	if l.qty.Abs().Cmp(old.Qty.Abs()) <= 0 {
		return append(dst, x.reduce(old, l))
	}
	switch {
	case x.ref != nil && x.terms.CostMethod != Average:
		x.fail(fmt.Errorf("%w: lots of %s are selected, %s holds %s", ErrNoLot, l.qty.Abs(), x.key, old.Qty.Abs()))
		return nil
	case x.terms.OverReduction == RejectOver:
		x.fail(fmt.Errorf("%w: %s holds %s, %s would leave it", ErrOverReduction, x.key, old.Qty, l.qty.Neg()))
		return nil
	}
	return x.flip(dst, old, l)
}

// acquires refuses a selection of lots where there is nothing to select from.
func (x *flow) acquires() {
	if x.ref == nil {
		return
	}
	switch {
	case x.terms.CostMethod == Average:
		x.fail(noLots())
	case x.ref.Price != nil || x.ref.Opened != "":
		x.fail(invalid("lot", "selects by price or opened, but the fill opens a lot; only a label is of use then"))
	}
}

func noLots() error { return invalid("lot", "has no meaning under average cost") }

// open starts a cycle; old is nil or flat. Lots are those that arrive; nil: one
// new lot, where the method keeps any.
func (x *flow) open(old *Position, l leg, lots []Lot) Change {
	b := &imageBlock{Position: Position{
		Key: x.key, Terms: x.terms, Cycle: 1, Version: 1,
		Qty: l.qty, Cost: l.value, Short: l.qty.hi < 0,
		EntryQty: l.qty.Abs(), EntryValue: l.unsigned(), PeakQty: l.qty.Abs(), Entries: 1,
		High: x.high, Low: x.low,
		OpenedAt: x.at, UpdatedAt: x.at,
	}}
	p := &b.Position
	var held *Lots
	if old != nil {
		p.Cycle, p.Version = old.Cycle+1, old.Version+1
		p.Prior = x.prior(old, x.terms.Settlement)
		if old.Terms.Settlement == x.terms.Settlement {
			p.Residue = old.Residue
		}
		held = old.Lots
	}
	p.noteMark(x.in)
	if !l.fee.IsZero() {
		b.fee[0] = Amount{Currency: x.paidIn(), Value: l.fee}
		p.Totals.Fees = b.fee[:]
	}
	c := change(Opened, l, Decimal{}, p)
	if x.terms.CostMethod != Average {
		c.Opened = x.incoming(held, l, lots)
		p.Lots = x.lotsAfter(held, nil, c.Opened)
	}
	return c
}

// prior returns the totals of all cycles up to the last one, nil where they come
// to nothing. An instrument may have been settled in another currency then; that
// profit stays apart, under its currency.
func (x *flow) prior(old *Position, settlement string) *Lifetime {
	var sum Lifetime
	if old.Prior != nil {
		sum = *old.Prior
	}
	if net, ok := old.Net(); ok && old.Cycle != 0 {
		switch net.Sign() {
		case 1:
			sum.Wins++
		case -1:
			sum.Losses++
		}
	}
	var err error
	if sum.Totals, err = sum.plus(&old.Totals); err != nil {
		x.fail(err)
		return nil
	}
	if old.Terms.Settlement != settlement {
		sum.Charges = x.plus(sum.Charges, old.Terms.Settlement, x.add(sum.Realized, sum.Funding))
		sum.Realized, sum.Funding = Decimal{}, Decimal{}
	}
	if !x.first {
		x.carry(&sum.Totals, old.Terms)
	}
	if sum.isZero() {
		return nil
	}
	return sum.block()
}

// carry keeps the net of earlier cycles when the next one has another currency
// whose fees are in the cost. Fees that were in the cost and would now be
// subtracted are added to the charges, and the other way round.
func (x *flow) carry(sum *Totals, before *Terms) {
	was, is := before.inCost(), x.terms.inCost()
	if was == is {
		return
	}
	sum.Charges = x.plus(sum.Charges, was, sum.Fees.Get(was))
	sum.Charges = x.plus(sum.Charges, is, sum.Fees.Get(is).Neg())
}

func (l *Lifetime) isZero() bool {
	return l.Realized.IsZero() && l.Funding.IsZero() && len(l.Fees) == 0 && len(l.Charges) == 0 && l.Wins == 0 && l.Losses == 0
}

func (x *flow) increase(old *Position, l leg) Change {
	p := x.next(old, l, x.high, x.low)
	p.Cost = x.add(p.Cost, l.value)
	p.EntryQty = x.add(p.EntryQty, l.qty.Abs())
	p.EntryValue = x.add(p.EntryValue, l.unsigned())
	p.Entries++
	if abs := p.Qty.Abs(); abs.Cmp(p.PeakQty) > 0 {
		p.PeakQty = abs
	}
	c := change(Increased, l, Decimal{}, p)
	if x.terms.CostMethod != Average {
		c.Opened = x.incoming(old.Lots, l, x.lots)
		p.Lots = x.lotsAfter(old.Lots, nil, c.Opened)
	}
	return c
}

// reduce takes the leg's share of the cost out, all of it when the position goes
// flat, so that no dust stays behind. Profit is exact given the share, unless a
// rounding profile says otherwise: what that takes or gives goes to the residue.
func (x *flow) reduce(old *Position, l leg) Change {
	high, low := x.reached(old, l)
	p := x.next(old, l, high, low)
	kind := Reduced
	if p.Qty.IsZero() {
		kind = Closed
		p.ClosedAt = x.at
		p.LastEntry, _ = old.AvgEntry() // a figure that does not fit is no reason to refuse a fill
	}
	t := x.takeBy(old, l.qty.Neg(), x.ref, x.method)
	p.Cost = x.sub(old.Cost, t.cost)
	realized := p.Terms.realized(&x.calc, l.value, t.cost)
	if old.Terms.Rounding != (Rounding{}) {
		exact := realized
		realized = x.keep(p.Terms.Rounding.Realized.Of(p.Terms.realized(&x.calc, l.value, t.basis)))
		p.Residue = x.add(p.Residue, x.sub(exact, realized))
	}
	p.Totals.Realized = x.add(p.Totals.Realized, realized)
	p.ExitQty = x.add(p.ExitQty, l.qty.Abs())
	p.ExitValue = x.add(p.ExitValue, l.unsigned())
	p.Exits++
	c := change(kind, l, realized, p)
	if old.Terms.CostMethod != Average {
		c.Consumed = t.uses
		p.Lots = x.lotsAfter(old.Lots, t.uses, nil)
	}
	return c
}

// realized is what a reduction by a value earns where its cost was removed; both
// have the signs of the fold, so that they are opposite.
func (t *Terms) realized(c *calc, value, removed Decimal) Decimal {
	d := c.add(value, removed)
	if t.Kind != Inverse {
		d = d.Neg()
	}
	return d
}

// flip closes the position and opens the opposite one. Both legs come from one
// rounded value and one fee, and sum to them exactly. Lots that arrive are shared
// out in their order, with their own costs.
func (x *flow) flip(dst []Change, old *Position, l leg) []Change {
	closing := leg{qty: old.Qty.Neg()}
	rest := x.lots
	if rest == nil {
		closing.value = x.mulQuo(l.value, closing.qty, l.qty)
		if r := x.terms.Rounding; r.Value.Mode != Exact && r.ValuePer.IsZero() {
			closing.value = x.keep(r.Value.Of(closing.value))
		}
	} else {
		closing.value, rest = x.cutLots(rest, closing.qty)
	}
	closing.fee = x.mulQuo(l.fee, closing.qty, l.qty)
	opening := leg{
		qty:   x.sub(l.qty, closing.qty),
		value: x.sub(l.value, closing.value),
		fee:   x.sub(l.fee, closing.fee),
	}
	closed := x.reduce(old, closing)
	return append(dst, closed, x.open(closed.After, opening, rest))
}

// reached returns the prices at which a leg reduces a position. A transfer buys or
// sells at the cost that it brings; the extremes of the key that it comes from do not
// count.
func (x *flow) reached(old *Position, l leg) (high, low Decimal) {
	if !x.carried || x.first {
		return x.high, x.low
	}
	price, ok := x.terms.Average(l.qty, l.value)
	if !ok {
		return old.High, old.Low // dust, at no price that there could be
	}
	return price, price
}

// next returns a copy of the open position with what any further leg of a cycle
// changes.
func (x *flow) next(old *Position, l leg, high, low Decimal) *Position {
	p := x.spares.next(old, x.at, x.in)
	p.Qty = x.add(p.Qty, l.qty)
	p.paid(&x.calc, x.paidIn(), l.fee)
	if high.Cmp(p.High) > 0 {
		p.High = high
	}
	if low.Cmp(p.Low) < 0 {
		p.Low = low
	}
	return p
}

// paidIn is the currency of the fee.
func (x *flow) paidIn() string {
	if x.currency != "" {
		return x.currency
	}
	return x.terms.Settlement
}

func change(kind ChangeKind, l leg, realized Decimal, after *Position) Change {
	return Change{
		Kind: kind, Qty: l.qty, Value: l.value, Realized: realized, Fee: l.fee,
		After: after,
	}
}

// unsigned is the leg's value as if it were bought: its sign is the price's.
func (l leg) unsigned() Decimal {
	if l.qty.hi < 0 {
		return l.value.Neg()
	}
	return l.value
}

// fail keeps an error that no number came with.
func (c *calc) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

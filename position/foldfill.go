package position

// leg is a fill, or the part of one that closes or opens in a flip.
type leg struct {
	qty   Decimal // signed change of quantity
	value Decimal // notional, signed like qty · price
	fee   Decimal // in the fee currency
}

// filling folds one fill. Its calc keeps the first error of the chain; nothing
// that was computed after it is used. It holds pointers only, and none that
// ends in a change, so that neither it nor the fill leaves the stack.
type filling struct {
	*calc
	fill  *Fill
	terms *Terms // of the open position, else of the instrument
	in    *Instrument
}

func (r Rules) foldFill(s State, f *Fill, cause Mutation) ([]Change, error) {
	old := s.Position(f.Key)
	if err := expect(f.ExpectVersion, f.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(f.Instrument)
	if err := r.admit(f.Instrument, in); err != nil {
		return nil, err
	}
	x := filling{calc: new(calc), fill: f, in: in}
	open := old != nil && old.IsOpen()
	var undefined Terms
	switch {
	case open:
		x.terms = &old.Terms
	case in != nil && in.Defined:
		x.terms = &in.Terms
	default:
		undefined = r.DefaultTerms()
		x.terms = &undefined
	}
	l, err := x.whole()
	if err != nil {
		return nil, err
	}
	var changes []Change
	switch {
	case !open:
		changes = []Change{x.open(old, l)}
	case (l.qty.hi < 0) == (old.Qty.hi < 0):
		changes = []Change{x.increase(old, l)}
	case l.qty.Abs().Cmp(old.Qty.Abs()) <= 0:
		changes = []Change{x.reduce(old, l)}
	default:
		changes = x.flip(old, l)
	}
	if x.err != nil {
		return nil, x.err
	}
	for i := range changes {
		changes[i].Cause, changes[i].Part, changes[i].Parts = cause, uint32(i), uint32(len(changes))
	}
	return changes, nil
}

// currency is the one that the fee is paid in.
func (x *filling) currency() string {
	if x.fill.FeeCurrency != "" {
		return x.fill.FeeCurrency
	}
	return x.terms.Settlement
}

// whole returns the fill as one leg. Its value is the only rounding of a fill
// that is not a division of what is already there.
func (x *filling) whole() (leg, error) {
	f := x.fill
	l := leg{qty: f.Qty, fee: f.Fee}
	if f.Side == Sell {
		l.qty = f.Qty.Neg()
	}
	var err error
	if l.value, err = x.terms.value(l.qty, f.Price); err != nil {
		return l, err
	}
	if x.terms.Kind != Spot || x.currency() != x.terms.Base || f.Fee.IsZero() {
		return l, nil
	}
	// The venue took the fee out of what was bought, or on top of what was
	// sold: less or more of the asset changed hands for the same money.
	before := l.qty
	if l.qty, err = before.Sub(f.Fee); err != nil {
		return l, err
	}
	if l.qty.Sign() != before.Sign() {
		return l, invalid("fee", "in the base currency must be smaller than the quantity")
	}
	return l, nil
}

// open starts a cycle; old is nil or flat.
func (x *filling) open(old *Position, l leg) Change {
	f := x.fill
	p := &Position{
		Key: f.Key, Terms: *x.terms, Cycle: 1, Version: 1,
		Qty: l.qty, Cost: l.value,
		EntryQty: l.qty.Abs(), EntryValue: l.unsigned(), PeakQty: l.qty.Abs(),
		High: f.Price, Low: f.Price,
		OpenedAt: f.Time, UpdatedAt: f.Time,
	}
	if old != nil {
		p.Cycle, p.Version = old.Cycle+1, old.Version+1
		p.Prior = x.prior(old, x.terms.Settlement)
	}
	p.noteMark(x.in)
	p.Totals.Fees = x.plus(nil, x.currency(), l.fee)
	return change(Opened, l, Decimal{}, p)
}

// prior returns the totals of all cycles up to the last one. An instrument may
// have been settled in another currency then; that profit stays apart, under
// its currency.
func (x *filling) prior(old *Position, settlement string) Totals {
	sum, err := old.Prior.plus(&old.Totals)
	if err != nil {
		x.keep(Decimal{}, err)
		return sum
	}
	if old.Terms.Settlement != settlement {
		sum.Charges = x.plus(sum.Charges, old.Terms.Settlement, x.add(sum.Realized, sum.Funding))
		sum.Realized, sum.Funding = Decimal{}, Decimal{}
	}
	return sum
}

func (x *filling) increase(old *Position, l leg) Change {
	p := x.next(old, l)
	p.Cost = x.add(p.Cost, l.value)
	p.EntryQty = x.add(p.EntryQty, l.qty.Abs())
	p.EntryValue = x.add(p.EntryValue, l.unsigned())
	if abs := p.Qty.Abs(); abs.Cmp(p.PeakQty) > 0 {
		p.PeakQty = abs
	}
	return change(Increased, l, Decimal{}, p)
}

// reduce takes the leg's share of the cost out, all of it when the position
// goes flat, so that no dust stays behind. What the share is rounded by stays
// with the position; profit is exact given the share.
func (x *filling) reduce(old *Position, l leg) Change {
	p := x.next(old, l)
	kind, removed := Reduced, old.Cost
	if p.Qty.IsZero() {
		kind = Closed
		p.ClosedAt = x.fill.Time
		p.LastEntry, _ = old.AvgEntry() // a figure that does not fit is no reason to refuse a fill
	} else {
		removed = x.mulQuo(old.Cost, l.qty.Neg(), old.Qty)
	}
	p.Cost = x.sub(old.Cost, removed)
	realized := x.add(l.value, removed)
	if p.Terms.Kind != Inverse {
		realized = realized.Neg()
	}
	p.Totals.Realized = x.add(p.Totals.Realized, realized)
	p.ExitQty = x.add(p.ExitQty, l.qty.Abs())
	p.ExitValue = x.add(p.ExitValue, l.unsigned())
	return change(kind, l, realized, p)
}

// flip closes the position and opens the opposite one. Both legs come from one
// rounded value and one fee, and sum to them exactly.
func (x *filling) flip(old *Position, l leg) []Change {
	closing := leg{qty: old.Qty.Neg()}
	closing.value = x.mulQuo(l.value, closing.qty, l.qty)
	closing.fee = x.mulQuo(l.fee, closing.qty, l.qty)
	opening := leg{
		qty:   x.sub(l.qty, closing.qty),
		value: x.sub(l.value, closing.value),
		fee:   x.sub(l.fee, closing.fee),
	}
	closed := x.reduce(old, closing)
	return []Change{closed, x.open(closed.After, opening)}
}

// next returns a copy of the open position with what any further fill of a
// cycle changes.
func (x *filling) next(old *Position, l leg) *Position {
	p := old.next(x.fill.Time, x.in)
	p.Qty = x.add(p.Qty, l.qty)
	p.Totals.Fees = x.plus(p.Totals.Fees, x.currency(), l.fee)
	if price := x.fill.Price; price.Cmp(p.High) > 0 {
		p.High = price
	} else if price.Cmp(p.Low) < 0 {
		p.Low = price
	}
	return p
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

package position

import (
	"cmp"
	"fmt"
	"slices"
)

// Adjust changes a position by hand or by a reconciliation, without a fill. All
// members are differences; nothing is realised but what Realized says. A quantity
// that leaves counts as never entered. The Value of the change is what it does to
// the cost.
type Adjust struct {
	Meta
	Key
	// Qty is the signed difference of quantity. Away from zero it is valued at
	// Price; towards zero its share of the cost leaves with it. It must not
	// cross zero.
	Qty Decimal
	// Price values a quantity that comes; nil: the average entry, so that the
	// average stays.
	Price    *Decimal
	Cost     Decimal // difference of the cost, beside what Qty moves
	Spread   Spread  // how Cost is shared out among lots
	Realized Decimal // difference of the cycle's gross profit
	Funding  Decimal // difference of the cycle's funding
	Reason   string  // required, at most MaxReason bytes
	Ref      string  // of a ticket, statement or case; at most 64 bytes
}

// Spread is how a difference of cost is shared out among the open lots, which
// decides what is realised when they leave. Under average cost it makes no
// difference.
type Spread uint8

// The ways. Either way the last lot takes what rounding leaves.
const (
	// SpreadByQty gives each lot its share of the quantity, so that the price of
	// each moves by as much: a return of capital, a duty per share.
	SpreadByQty Spread = iota
	// SpreadByCost gives each lot its share of the cost, so that the price of
	// each moves by as large a part of it: what a spin-off takes along.
	SpreadByCost
)

// String returns the name used in JSON.
func (s Spread) String() string {
	switch s {
	case SpreadByQty:
		return "qty"
	case SpreadByCost:
		return "cost"
	}
	return "unknown"
}

// Type returns "adjust".
func (Adjust) Type() string { return "adjust" }

// Identified returns a copy with id and time filled in where absent.
func (a Adjust) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Adjust) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	switch {
	case a.Qty.IsZero() && a.Cost.IsZero() && a.Realized.IsZero() && a.Funding.IsZero():
		return invalid("qty", "or cost, realized or funding is required: an adjustment must change something")
	case a.Price != nil && a.Qty.IsZero():
		return invalid("price", "has no meaning without qty")
	case a.Spread > SpreadByCost:
		return invalid("spread", "is unknown")
	case a.Spread != SpreadByQty && a.Cost.IsZero():
		return invalid("spread", "has no meaning without cost")
	}
	if err := checkReason(a.Reason, false); err != nil {
		return err
	}
	return checkName("ref", a.Ref, true)
}

// foldAdjust changes a position by what the mutation says, and nothing else.
func (r Rules) foldAdjust(s State, v *Adjust, cause Mutation) ([]Change, error) {
	old := s.Position(v.Key)
	if err := expect(v.ExpectVersion, v.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(v.Instrument)
	if err := r.admit(v.Instrument, in); err != nil {
		return nil, err
	}
	if old == nil && v.Qty.IsZero() {
		return nil, fmt.Errorf("%w: %s has no position that could be adjusted", ErrUnknownPosition, v.Key)
	}
	x := flow{calc: calc{vintage: r.vintage()}, key: v.Key, terms: termsFor(s, old, in), in: in, at: v.Time, label: v.Ident}
	c, err := x.adjusted(old, v)
	if err != nil {
		return nil, err
	}
	c.Kind, c.Realized = Adjusted, v.Realized
	p := c.After // nobody has seen it yet
	p.Totals.Realized = x.add(p.Totals.Realized, v.Realized)
	p.Totals.Funding = x.add(p.Totals.Funding, v.Funding)
	if !v.Cost.IsZero() {
		if !p.IsOpen() {
			return nil, invalid("cost", "has no meaning for a flat position")
		}
		c.Value = x.add(c.Value, v.Cost)
		x.recost(old, &c, v)
	}
	if x.err != nil {
		return nil, x.err
	}
	return numbered([]Change{c}, cause), nil
}

// adjusted returns the change of quantity, or one of nothing yet.
func (x *flow) adjusted(old *Position, v *Adjust) (Change, error) {
	open := old != nil && old.IsOpen()
	switch {
	case v.Qty.IsZero():
		return Change{After: old.next(v.Time, x.in)}, nil
	case open && v.Qty.Sign() != old.Qty.Sign():
		if v.Price != nil {
			return Change{}, invalid("price", "has no meaning for a quantity that leaves: its share of the cost does")
		}
		if v.Qty.Abs().Cmp(old.Qty.Abs()) > 0 {
			return Change{}, fmt.Errorf("%w: %s holds %s, an adjustment by %s would cross zero", ErrOverReduction, v.Key, old.Qty, v.Qty)
		}
		c, _ := withdrawal(&x.calc, old, v.Qty.Neg(), nil, v.Time, x.in)
		return c, x.err
	case !open && v.Price == nil:
		return Change{}, invalid("price", "is required: %s is flat, so that there is no average to go by", v.Key)
	}
	l := leg{qty: v.Qty}
	if v.Price == nil {
		x.high, x.low = old.High, old.Low
		l.value = x.mulQuo(old.Cost, v.Qty, old.Qty)
	} else {
		x.high, x.low = *v.Price, *v.Price
		l.value = x.keep(x.terms.Value(v.Qty, *v.Price))
	}
	if x.err != nil {
		return Change{}, x.err
	}
	return x.apply(nil, old, l)[0], x.err
}

// recost adds the difference of an adjustment to the cost of an open position and
// shares it out among its lots, those that the change itself opened included. The
// last takes the rest.
func (x *flow) recost(old *Position, c *Change, v *Adjust) {
	p := c.After
	was := p.Cost
	p.Cost = x.add(p.Cost, v.Cost)
	p.EntryValue = x.add(p.EntryValue, leg{qty: p.Qty, value: v.Cost}.unsigned())
	lots := p.Lots.open()
	if len(lots) == 0 {
		x.priced(p.Qty, p.Cost)
		return
	}
	if v.Spread == SpreadByCost && was.IsZero() {
		x.fail(invalid("spread", "by cost has no meaning: the open lots of %s cost nothing together", v.Key))
		return
	}
	next := append([]Lot(nil), lots...)
	left := v.Cost
	for i := range next {
		share := left
		switch {
		case i == len(next)-1:
		case v.Spread == SpreadByCost:
			share = x.mulQuo(v.Cost, next[i].Cost, was)
		default:
			share = x.mulQuo(v.Cost, next[i].Qty, p.Qty)
		}
		next[i].Cost = x.add(next[i].Cost, share)
		left = x.sub(left, share)
		x.priced(next[i].Qty, next[i].Cost)
	}
	// Both sides name whole lots: the numbers stay, the costs do not.
	var held *Lots
	if old != nil {
		held = old.Lots
	}
	c.Consumed, c.Opened = lotsBetween(held.open(), next)
	p.Lots = x.lotsAfter(held, c.Consumed, c.Opened)
}

// priced refuses an adjusted cost that no price of an inverse instrument gives, as
// an adoption at that cost would be.
func (x *flow) priced(qty, cost Decimal) {
	if x.first || x.terms.Kind != Inverse {
		return
	}
	if avg, ok := x.terms.Average(qty, cost); !ok || avg.Sign() <= 0 {
		x.fail(noAverage(cost))
	}
}

func noAverage(cost Decimal) error {
	return invalid("cost", "of %s gives no average price that the instrument could have", cost)
}

// lotsBetween returns the lots that a record names so that the lots of one image
// become those of another. It names whole lots, and none that is the same in both.
func lotsBetween(before, after []Lot) (consumed []LotUse, opened []Lot) {
	kept := make(map[uint64]*Lot, len(after))
	for i := range after {
		kept[after[i].ID] = &after[i]
	}
	for i := range before {
		lot := &before[i]
		if same := kept[lot.ID]; same != nil && *same == *lot {
			delete(kept, lot.ID)
			continue
		}
		consumed = append(consumed, LotUse{ID: lot.ID, Qty: lot.Qty, Cost: lot.Cost})
	}
	for i := range after {
		if kept[after[i].ID] != nil {
			opened = append(opened, after[i])
		}
	}
	slices.SortFunc(opened, func(a, b Lot) int { return cmp.Compare(a.ID, b.ID) })
	return consumed, opened
}

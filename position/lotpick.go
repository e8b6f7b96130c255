package position

import (
	"fmt"
	"slices"
)

// taken is what a reduction takes out of a position.
type taken struct {
	cost  Decimal  // that leaves, signed like the position's
	basis Decimal  // what profit is counted against: cost, or that at a venue's rounded average
	uses  []LotUse // in the order in which they were chosen; nil under average cost
}

// take takes a quantity, signed like the position's and not larger, out of a
// position by its method; ref may be nil.
func (c *calc) take(p *Position, qty Decimal, ref *LotRef) taken {
	return c.takeBy(p, qty, ref, Inherited)
}

// takeBy is take by another method, if that is not Inherited. It is of use where
// lots are kept: Average then means FIFO.
func (c *calc) takeBy(p *Position, qty Decimal, ref *LotRef, method CostMethod) (t taken) {
	if p.Terms.CostMethod == Average {
		if ref != nil {
			c.fail(noLots())
		}
		if t.cost = p.Cost; qty != p.Qty {
			t.cost = c.mulQuo(p.Cost, qty, p.Qty)
		}
		t.basis = c.basis(p.Terms, p.Qty, p.Cost, qty, t.cost)
		return t
	}
	if method == Inherited {
		method = p.Terms.CostMethod
	}
	lots := p.Lots.open()
	from, err := c.choose(p.Terms, lots, qty, ref, method)
	if err != nil {
		c.fail(err)
		return t
	}
	left := qty
	for k := range from.len {
		lot := &lots[from.at(k)]
		u := LotUse{ID: lot.ID, Qty: lot.Qty, Cost: lot.Cost}
		if lot.Qty.Abs().Cmp(left.Abs()) > 0 {
			u.Qty, u.Cost = left, c.mulQuo(lot.Cost, left, lot.Qty)
		}
		left = c.sub(left, u.Qty)
		t.uses = append(t.uses, u)
		t.cost = c.add(t.cost, u.Cost)
		t.basis = c.add(t.basis, c.basis(p.Terms, lot.Qty, lot.Cost, u.Qty, u.Cost))
		if left.IsZero() {
			return t
		}
	}
	c.fail(fmt.Errorf("%w: %s of %s lacks lots", ErrNoLot, left.Abs(), qty.Abs()))
	return t
}

// places are those of the lots that a quantity may be taken from, in order: all
// of them, from the front or from the back, or some.
type places struct {
	len  int
	back bool
	some []int
}

func (p *places) at(k int) int {
	switch {
	case p.some != nil:
		return p.some[k]
	case p.back:
		return p.len - 1 - k
	}
	return k
}

// choose returns the lots to take a quantity from, at least as many as it needs.
func (v vintage) choose(t *Terms, lots []Lot, qty Decimal, ref *LotRef, method CostMethod) (places, error) {
	if ref == nil && method <= LIFO {
		return places{len: len(lots), back: method == LIFO}, nil
	}
	fits, err := t.chosen(lots, qty, ref, method, v.first)
	if err != nil && v.recorded && ref != nil && ref.Price != nil {
		// A fill that was accepted by arithmetic 1 left no choice by its rule.
		if exact, again := t.chosen(lots, qty, ref, method, true); again == nil {
			fits, err = exact, nil
		}
	}
	return places{len: len(fits), some: fits}, err
}

// chosen is choose where not all lots are alike. Exactly is how a price names a lot
// by arithmetic 1.
func (t *Terms) chosen(lots []Lot, qty Decimal, ref *LotRef, method CostMethod, exactly bool) ([]int, error) {
	fits, sum, err := t.matching(lots, ref, exactly)
	if err != nil {
		return nil, err
	}
	if len(fits) == 0 {
		return nil, fmt.Errorf("%w: none of %d open ones matches", ErrNoLot, len(lots))
	}
	if sum.Abs().Cmp(qty.Abs()) < 0 {
		return nil, fmt.Errorf("%w: the matching ones hold %s, less than %s", ErrNoLot, sum.Abs(), qty.Abs())
	}
	switch method {
	case LIFO:
		slices.Reverse(fits)
	case HIFO:
		t.dearestFirst(lots, fits, qty)
	case SpecificLot, SpecificSize:
		if len(fits) == 1 || sum == qty {
			break
		}
		if method == SpecificSize {
			for _, i := range fits {
				if lots[i].Qty == qty {
					return []int{i}, nil
				}
			}
		}
		return nil, fmt.Errorf("%w: %d lots that hold %s match, %s is to be taken", ErrLotChoice, len(fits), sum.Abs(), qty.Abs())
	case Inherited, Average, FIFO: // in the order of their opening
	}
	return fits, nil
}

// matching returns the places of the lots that a reference selects, in their
// order, and the sum of their quantities.
func (t *Terms) matching(lots []Lot, ref *LotRef, exactly bool) (fits []int, sum Decimal, err error) {
	var from, to Time
	if ref != nil {
		if from, to, err = ref.span(); err != nil {
			return nil, sum, err
		}
	}
	var c calc
	for i := range lots {
		lot := &lots[i]
		if ref != nil {
			if ref.Label != "" && ref.Label != lot.Label {
				continue
			}
			if ref.Opened != "" && (lot.Opened < from || lot.Opened > to) {
				continue
			}
			if ref.Price != nil && !t.entered(lot, *ref.Price, exactly) {
				continue
			}
		}
		fits = append(fits, i)
		sum = c.add(sum, lot.Qty)
	}
	return fits, sum, c.err
}

// entryDigits is how precisely two entry prices are compared. Cost is rounded, and
// rounded again in a partial close, so that lots of one price differ far behind the
// point: ten digits are more than a price has, and fewer than that noise reaches.
func entryDigits() Round { return Round{Mode: HalfEven, Digits: 10, Significant: true} }

// entered reports whether a price is a lot's entry price in ten digits. The price
// of the fill itself always is, unless the cost has not got so many digits: then the
// lot is dust, whose price is what its cost says.
func (t *Terms) entered(l *Lot, price Decimal, exactly bool) bool {
	is := t.enteredExactly(l, price)
	if exactly || is && l.Cost.Abs().Cmp(Decimal{lo: 10_000_000_000}) >= 0 {
		return is
	}
	want, err := entryDigits().Of(price)
	have, ok := t.roundedAverage(entryDigits(), l.Qty, l.Cost)
	return err == nil && ok && have == want
}

// enteredExactly is entered as arithmetic 1 had it: forwards or backwards, to the
// last place. After a partial close or a split only one of them may be the same.
func (t *Terms) enteredExactly(l *Lot, price Decimal) bool {
	if v, err := t.Value(l.Qty, price); err == nil && v == l.Cost {
		return true
	}
	avg, ok := t.Average(l.Qty, l.Cost)
	return ok && avg == price
}

// dearestFirst puts the lots with the highest entry price first, for a short
// position those with the lowest; of equal ones the older.
func (t *Terms) dearestFirst(lots []Lot, order []int, qty Decimal) {
	type priced struct {
		price Decimal
		at    int
	}
	all := make([]priced, len(order))
	best := 0
	for k, i := range order {
		all[k] = priced{t.entry(&lots[i]), i}
		if all[k].price.Cmp(all[best].price)*qty.Sign() > 0 {
			best = k
		}
	}
	if lots[order[best]].Qty.Abs().Cmp(qty.Abs()) >= 0 {
		order[0] = order[best] // one is enough: no need to sort them all
		return
	}
	slices.SortFunc(all, func(a, b priced) int {
		if c := b.price.Cmp(a.price) * qty.Sign(); c != 0 {
			return c
		}
		return a.at - b.at
	})
	for k := range all {
		order[k] = all[k].at
	}
}

// entry is a lot's entry price for comparison.
func (t *Terms) entry(l *Lot) Decimal {
	price, ok := t.roundedAverage(entryDigits(), l.Qty, l.Cost)
	if !ok {
		return signed(maxHi, 1<<64-1, t.Kind != Inverse && l.Cost.Sign()*l.Qty.Sign() < 0) // beyond all others
	}
	return price
}

// basis returns what the profit of a reduction is counted against: the cost that
// leaves or, where the venue rounds the average entry, the value at that.
func (c *calc) basis(t *Terms, heldQty, heldCost, qty, cost Decimal) Decimal {
	if t.Rounding.Average.Mode == Exact {
		return cost
	}
	avg, ok := t.roundedAverage(t.Rounding.Average, heldQty, heldCost)
	if !ok {
		return cost // no average, so the venue has none either
	}
	return c.keep(t.Value(qty, avg))
}

package report

import (
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// trade fills in what all trades of the change share.
func (x *tradeStep) trade() Trade {
	c := x.change
	t := Trade{Key: c.After.Key, Cycle: c.After.Cycle, Direction: position.Buy, ExitTime: c.After.UpdatedAt}
	if c.After.Short {
		t.Direction = position.Sell
	}
	if c.Cause != nil {
		t.ExitTime, t.ExitIDs = c.Cause.EventTime(), []string{c.Cause.ID()}
	}
	t.ExitPrice, _ = termsOf(c.After).Average(c.Qty, c.Value)
	switch m := c.Cause.(type) {
	case position.Fill:
		t.ExitPrice = m.Price
	case position.Settle:
		t.ExitPrice = m.Price
	}
	return t
}

// excursions fills in what the extremes offered to a quantity with a cost.
func (x *tradeStep) excursions(t *Trade, qty, cost position.Decimal) {
	p := x.change.After
	best, worst := p.High, p.Low
	if t.Direction == position.Sell {
		best, worst = worst, best
	}
	if v, ok := termsOf(p).Profit(qty, cost, best); ok && v.Sign() > 0 {
		t.MFE = v
	}
	if v, ok := termsOf(p).Profit(qty, cost, worst); ok && v.Sign() < 0 {
		t.MAE = v.Neg()
	}
}

// each makes one trade per lot. The last one takes the rest of the profit and of
// the exit's fee, so that nothing is lost to rounding.
func (x *tradeStep) each(uses []position.LotUse, fee position.Amounts) []Trade {
	c, trades := x.change, make([]Trade, len(uses))
	profit, rest := c.Realized, fee
	for i := range uses {
		use, last := &uses[i], i == len(uses)-1
		t := x.trade()
		lot := x.held(use.ID)
		t.Qty, t.EntryTime = use.Qty.Abs(), lot.Opened
		t.EntryPrice, _ = termsOf(c.After).Average(use.Qty, use.Cost)
		if t.Profit = profit; !last {
			t.Profit = x.profit(use)
			profit = x.sub(profit, t.Profit)
		}
		t.Fees = x.take(use, lot.Qty)
		switch x.options.EntryFee {
		case ProRataEntry:
			part := rest
			if !last {
				part = x.share(fee, use.Qty, c.Qty.Neg())
				rest = x.plusAll(rest, negated(part))
			}
			t.Fees = x.plusAll(t.Fees, part)
		case FirstEntry:
			if i == 0 {
				t.Fees = x.plusAll(t.Fees, fee)
			}
		case CycleEntry:
			if t.Fees = nil; i == 0 {
				t.Fees = x.cycle.waiting
			}
		}
		if l := x.cycle.lots[use.ID]; l != nil {
			t.EntryIDs = slices.Clone(l.ids)
		}
		x.excursions(&t, use.Qty, use.Cost)
		trades[i] = t
	}
	return trades
}

// profit returns a lot's share of what the change realised: its part of the
// value against its own cost.
func (x *tradeStep) profit(use *position.LotUse) position.Decimal {
	c := x.change
	value := x.mulQuo(c.Value, use.Qty, c.Qty) // signed as the lot
	if termsOf(c.After).Kind == position.Inverse {
		return x.sub(use.Cost, value)
	}
	return x.sub(value, use.Cost)
}

// merged makes one trade of all that an exit took. It began with the oldest lot
// that the exit used up or, where it used up none, with the first it took from.
func (x *tradeStep) merged(uses []position.LotUse, fee position.Amounts) Trade {
	t := x.trade()
	t.Fees = fee
	var qty, cost position.Decimal
	used := false
	for i := range uses {
		use := &uses[i]
		lot := x.held(use.ID)
		qty, cost = x.add(qty, use.Qty), x.add(cost, use.Cost)
		full := use.Qty == lot.Qty
		if i == 0 || full && (!used || lot.Opened < t.EntryTime) {
			t.EntryTime = lot.Opened
		}
		used = used || full
		t.Fees = x.plusAll(t.Fees, x.take(use, lot.Qty))
		if l := x.cycle.lots[use.ID]; l != nil {
			t.EntryIDs = append(t.EntryIDs, l.ids...)
		}
	}
	if x.options.EntryFee == CycleEntry {
		t.Fees = x.cycle.waiting
	}
	t.Qty, t.Profit = qty.Abs(), x.change.Realized
	t.EntryPrice, _ = termsOf(x.change.After).Average(qty, cost)
	x.excursions(&t, qty, cost)
	return t
}

// whole makes one trade of a cycle that went flat.
func (x *tradeStep) whole() Trade {
	t, p := x.trade(), x.change.After
	t.EntryTime, t.Qty, t.Profit = p.OpenedAt, p.ExitQty, p.Totals.Realized
	t.EntryPrice, _ = termsOf(p).Average(p.EntryQty, p.EntryValue)
	t.ExitPrice, _ = termsOf(p).Average(p.ExitQty, p.ExitValue)
	t.Fees, t.EntryIDs, t.ExitIDs = x.cycle.fees, x.cycle.entries, x.cycle.exits
	qty, cost := p.EntryQty, p.EntryValue
	if p.Short {
		qty, cost = qty.Neg(), cost.Neg()
	}
	x.excursions(&t, qty, cost)
	return t
}

package position

import "math/bits"

// The figures are derived from the stored amounts when they are asked for; none
// is stored but LastEntry. Each rounds once, half to even, but those that divide
// a value at a price, which was rounded itself. The second result is false where
// a figure has no meaning or does not fit a [Decimal]: nothing was entered or
// left, an inverse price is not positive.

// AvgEntry returns the average price at which the open quantity was entered,
// or, while flat, the average just before the position was closed. For inverse
// instruments it is the harmonic mean.
func (p *Position) AvgEntry() (Decimal, bool) {
	if p.Qty.IsZero() {
		return p.LastEntry, p.Cycle != 0
	}
	return p.terms().Average(p.Qty, p.Cost)
}

// AvgExit returns the average price of all reductions of the cycle.
func (p *Position) AvgExit() (Decimal, bool) { return p.terms().Average(p.ExitQty, p.ExitValue) }

// MarkValue returns what the open quantity is worth at a mark price, in the
// settlement currency and signed like the quantity.
func (p *Position) MarkValue(mark Decimal) (Decimal, bool) {
	if p.unmarked(mark) {
		return Decimal{}, false
	}
	v, err := p.terms().Value(p.Qty, mark)
	return v, err == nil
}

// Unrealized returns the gross profit that closing at a mark price would realise.
// The Mark of a position that has none is no price: there, as for [Position.MarkValue],
// [Position.Exposure] and [Position.ProfitPercent], zero means that nothing is
// known, unless the position is flat.
func (p *Position) Unrealized(mark Decimal) (Decimal, bool) {
	if p.unmarked(mark) {
		return Decimal{}, false
	}
	return p.terms().Profit(p.Qty, p.Cost, mark)
}

// UnrealizedAtMark is [Position.Unrealized] at the position's own mark, false where
// an open position has none.
func (p *Position) UnrealizedAtMark() (Decimal, bool) {
	if p.IsOpen() && !p.HasMark {
		return Decimal{}, false
	}
	return p.Unrealized(p.Mark)
}

// unmarked reports whether a price is the Mark of an open position that has none.
func (p *Position) unmarked(mark Decimal) bool { return !p.HasMark && mark.IsZero() && p.IsOpen() }

// Exposure returns the absolute value of the open quantity at a mark price.
func (p *Position) Exposure(mark Decimal) (Decimal, bool) {
	v, ok := p.MarkValue(mark)
	return v.Abs(), ok
}

// Net returns the cycle's net in the settlement currency; see [Totals.Net].
func (p *Position) Net() (Decimal, bool) {
	n, err := p.Totals.Net(p.terms())
	return n, err == nil
}

// Return returns what the cycle has earned for what was entered in it: net, so far
// and without what is unrealised, over the absolute EntryValue. 0.1 is ten
// percent.
func (p *Position) Return() (Decimal, bool) {
	net, ok := p.Net()
	if !ok || p.EntryValue.IsZero() {
		return Decimal{}, false
	}
	r, err := net.Quo(p.EntryValue.Abs())
	return r, err == nil
}

// BreakEven returns the price at which closing the open quantity brings the
// cycle's net to zero: all fees and charges so far are counted, those of the
// closing itself are not. It may be negative, but for inverse instruments, where
// no price may be enough.
func (p *Position) BreakEven() (Decimal, bool) {
	net, ok := p.Net()
	if !ok || !p.IsOpen() {
		return Decimal{}, false
	}
	if p.terms().Kind != Inverse {
		net = net.Neg()
	}
	value, err := p.Cost.Add(net)
	if err != nil {
		return Decimal{}, false
	}
	price, ok := p.terms().Average(p.Qty, value)
	if !ok || p.terms().Kind == Inverse && price.Sign() <= 0 {
		return Decimal{}, false
	}
	return price, true
}

// HoldingTime returns how long the cycle has been open by event time, in seconds:
// until now or, while flat, until it was closed. Fills whose times run backwards
// hold for no time.
func (p *Position) HoldingTime(now Time) (Decimal, bool) {
	if p.Cycle == 0 {
		return Decimal{}, false
	}
	if !p.IsOpen() {
		now = p.ClosedAt
	}
	hi, lo := bits.Mul64(uint64(max(now-p.OpenedAt, 0)), 1_000_000_000)
	return Decimal{hi: int64(hi), lo: lo}, true
}

// Wins returns how many cycles ended with a positive net, the current one
// included once it has ended.
func (p *Position) Wins() uint64 { return p.ended(1) }

// Losses returns how many cycles ended with a negative net, as Wins does. A cycle
// whose net is zero or cannot be told is neither.
func (p *Position) Losses() uint64 { return p.ended(-1) }

func (p *Position) ended(sign int) uint64 {
	var n uint64
	if p.Prior != nil {
		if n = p.Prior.Wins; sign < 0 {
			n = p.Prior.Losses
		}
	}
	if p.Cycle == 0 || p.IsOpen() {
		return n
	}
	if net, ok := p.Net(); ok && net.Sign() == sign {
		n++
	}
	return n
}

// Lifetime returns the totals of all cycles.
func (p *Position) Lifetime() (Totals, bool) {
	if p.Prior == nil {
		return p.Totals, true
	}
	t, err := p.Prior.plus(&p.Totals)
	return t, err == nil
}

// MFE returns the maximum favourable excursion of the cycle: the largest profit
// that the price offered, from High and Low, on the open quantity against its
// cost, or, while flat, on the whole quantity entered in the cycle against its
// value. It is never negative.
func (p *Position) MFE() (Decimal, bool) { return p.excursion(true) }

// MAE returns the maximum adverse excursion, as MFE but the largest loss. It is
// never negative.
func (p *Position) MAE() (Decimal, bool) { return p.excursion(false) }

// ProfitPercent returns the gross profit in percent of what was entered: of the
// open quantity at a mark price against its cost, or, while flat, what the cycle
// realised against EntryValue.
func (p *Position) ProfitPercent(mark Decimal) (Decimal, bool) {
	if !p.IsOpen() {
		return p.percent(p.Totals.Realized, true)
	}
	return p.percent(p.Unrealized(mark))
}

// UpsidePercent returns [Position.MFE] in percent of the cost it is counted
// against.
func (p *Position) UpsidePercent() (Decimal, bool) { return p.percent(p.MFE()) }

// DrawdownPercent returns [Position.MAE] in percent of the cost it is counted
// against. It is counted from the entry, not from the peak.
func (p *Position) DrawdownPercent() (Decimal, bool) { return p.percent(p.MAE()) }

func (p *Position) percent(profit Decimal, ok bool) (Decimal, bool) {
	_, cost := p.measure()
	if !ok || cost.IsZero() {
		return Decimal{}, false
	}
	v, err := MulQuo(profit, FromInt(100), cost.Abs())
	return v, err == nil
}

// measure returns the quantity and cost that excursions are counted on: what is
// open or, while flat, all that was entered in the cycle, signed.
func (p *Position) measure() (qty, cost Decimal) {
	switch {
	case p.IsOpen():
		return p.Qty, p.Cost
	case p.Short:
		return p.EntryQty.Neg(), p.EntryValue.Neg()
	}
	return p.EntryQty, p.EntryValue
}

func (p *Position) excursion(favourable bool) (Decimal, bool) {
	if p.Cycle == 0 {
		return Decimal{}, false
	}
	qty, cost := p.measure()
	price := p.Low
	if favourable == (qty.Sign() > 0) {
		price = p.High
	}
	v, ok := p.terms().Profit(qty, cost, price)
	if !favourable {
		v = v.Neg()
	}
	if v.Sign() < 0 {
		v = Decimal{}
	}
	return v, ok
}

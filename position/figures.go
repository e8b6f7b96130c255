package position

// The figures are derived from the stored amounts when they are asked for; none
// is stored but LastEntry. Each rounds once, half to even. The second result is
// false where a figure has no meaning or does not fit a [Decimal]: nothing was
// entered or left, an inverse price is not positive.

// AvgEntry returns the average price at which the open quantity was entered,
// or, while flat, the average just before the position was closed. For inverse
// instruments it is the harmonic mean.
func (p *Position) AvgEntry() (Decimal, bool) {
	if p.Qty.IsZero() {
		return p.LastEntry, p.Cycle != 0
	}
	return p.Terms.average(p.Qty, p.Cost)
}

// AvgExit returns the average price of all reductions of the cycle.
func (p *Position) AvgExit() (Decimal, bool) { return p.Terms.average(p.ExitQty, p.ExitValue) }

// MarkValue returns what the open quantity is worth at a mark price, in the
// settlement currency and signed like the quantity.
func (p *Position) MarkValue(mark Decimal) (Decimal, bool) {
	v, err := p.Terms.value(p.Qty, mark)
	return v, err == nil
}

// Unrealized returns the gross profit that closing at a mark price would
// realise.
func (p *Position) Unrealized(mark Decimal) (Decimal, bool) {
	return p.Terms.profit(p.Qty, p.Cost, mark)
}

// Net returns the cycle's gross profit − fees + funding + charges, each in the
// settlement currency; see [Totals.Net].
func (p *Position) Net() (Decimal, bool) {
	n, err := p.Totals.Net(p.Terms.Settlement)
	return n, err == nil
}

// Lifetime returns the totals of all cycles.
func (p *Position) Lifetime() (Totals, bool) {
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

func (p *Position) excursion(favourable bool) (Decimal, bool) {
	qty, cost := p.Qty, p.Cost
	if qty.IsZero() {
		switch p.lastSide() {
		case 1:
			qty, cost = p.EntryQty, p.EntryValue
		case -1:
			qty, cost = p.EntryQty.Neg(), p.EntryValue.Neg()
		default:
			return Decimal{}, false
		}
	}
	price := p.Low
	if favourable == (qty.Sign() > 0) {
		price = p.High
	}
	v, ok := p.Terms.profit(qty, cost, price)
	if !favourable {
		v = v.Neg()
	}
	if v.Sign() < 0 {
		v = Decimal{}
	}
	return v, ok
}

// lastSide tells from the sums of a closed cycle whether it was long (1) or
// short (−1). It is 0 where the sums are equal, so that either could be meant.
func (p *Position) lastSide() int {
	entered, left := p.EntryValue, p.ExitValue
	if p.Terms.Kind == Inverse {
		entered, left = left, entered
	}
	return left.Cmp(entered) * p.Totals.Realized.Sign()
}

// value returns the notional of a quantity at a price, signed like their
// product, in the settlement currency.
func (t *Terms) value(qty, price Decimal) (Decimal, error) {
	if t.Kind != Inverse {
		return Mul3(qty, price, t.Multiplier)
	}
	if price.Sign() <= 0 {
		return Decimal{}, invalid("price", "must be positive for an inverse instrument")
	}
	return MulQuo(qty, t.Multiplier, price)
}

// average is the reverse of value: the price at which qty is worth cost.
func (t *Terms) average(qty, cost Decimal) (Decimal, bool) {
	var avg Decimal
	var err error
	if t.Kind == Inverse {
		avg, err = MulQuo(qty, t.Multiplier, cost)
	} else {
		avg, err = quo3(cost, qty, t.Multiplier)
	}
	return avg, err == nil
}

// profit returns what a quantity with a cost gains when it is closed at a price.
func (t *Terms) profit(qty, cost, price Decimal) (Decimal, bool) {
	v, err := t.value(qty, price)
	if err != nil {
		return Decimal{}, false
	}
	if t.Kind == Inverse {
		v, cost = cost, v
	}
	d, err := v.Sub(cost)
	return d, err == nil
}

func (t *Totals) plus(o *Totals) (Totals, error) {
	var c calc
	sum := Totals{Realized: c.add(t.Realized, o.Realized), Funding: c.add(t.Funding, o.Funding)}
	sum.Fees = c.plusAll(t.Fees, o.Fees)
	sum.Charges = c.plusAll(t.Charges, o.Charges)
	return sum, c.err
}

func (c *calc) plus(a Amounts, currency string, v Decimal) Amounts {
	sum, err := a.Plus(currency, v)
	if err != nil && c.err == nil {
		c.err = err
	}
	return sum
}

func (c *calc) plusAll(a, b Amounts) Amounts {
	sum, err := a.PlusAll(b)
	if err != nil && c.err == nil {
		c.err = err
	}
	return sum
}

package wire

import "github.com/moneyprinter/holdfast/position"

// change writes a change. Its cause is a fill or one of this package's other types.
func (w writer) change(n int, c *position.Change, fill *position.Fill, cause position.Mutation) int {
	n = w.number(n, 1, uint64(c.Kind))
	n = w.number(n, 2, uint64(c.Part))
	if c.Parts != 1 {
		n = w.number(n, 3, uint64(c.Parts))
	}
	n = w.number(n, 4, c.Prev)
	var from origin
	if fill != nil || cause != nil {
		start := w.open(n, 5, 1)
		if fill != nil {
			n = w.fillOf(start, fill, true, &from)
		} else {
			n = w.mutation(start, cause, true, &from)
		}
		n = w.close(start, n, 1)
	}
	n = w.share(n, 6, c.Qty, from.qty)
	n = w.decimal(n, 7, c.Value)
	n = w.decimal(n, 8, c.Realized)
	n = w.share(n, 9, c.Fee, from.fee)
	if c.After != nil {
		start := w.open(n, 10, 2)
		n = w.position(start, c.After, &from, false)
		n = w.close(start, n, 2)
	}
	for i := range c.Consumed {
		u := &c.Consumed[i]
		start := w.open(n, 11, 1)
		n = w.number(start, 1, u.ID)
		n = w.decimal(n, 2, u.Qty)
		n = w.decimal(n, 3, u.Cost)
		n = w.close(start, n, 1)
	}
	n = w.lots(n, 12, c.Opened, &from)
	return w.changeRest(n, c)
}

// share writes what a change has of its cause's: of a fill's unless it is all of it,
// even zero then.
func (w writer) share(n int, field uint, d, all position.Decimal) int {
	if d == all { // zero where the cause is no fill
		return n
	}
	return w.present(n, field, d)
}

// changeRest writes what few changes have.
func (w writer) changeRest(n int, c *position.Change) int {
	if c.Instrument != nil {
		start := w.open(n, 13, 1)
		n = w.instrument(start, c.Instrument)
		n = w.close(start, n, 1)
	}
	if c.Account != nil {
		start := w.open(n, 14, 1)
		n = w.account(start, c.Account)
		n = w.close(start, n, 1)
	}
	if c.Epoch != nil {
		start := w.open(n, 15, 1)
		n = w.epoch(start, c.Epoch)
		n = w.close(start, n, 1)
	}
	return w.number(n, 16, c.Fill)
}

// lots writes open lots. Their time and label are mostly those of the fill that
// opened them, which in a change is the cause.
func (w writer) lots(n int, field uint, lots []position.Lot, from *origin) int {
	for i := range lots {
		l := &lots[i]
		start := w.open(n, field, 1)
		n = w.number(start, 1, l.ID)
		n = w.decimal(n, 2, l.Qty)
		n = w.decimal(n, 3, l.Cost)
		if l.Opened != from.Time {
			n = w.anyTime(n, 4, l.Opened)
		}
		if l.Label != from.Ident {
			n = w.element(n, 5, l.Label)
		}
		n = w.close(start, n, 1)
	}
	return n
}

func (w writer) metaItem(n int, field uint, name, value string) int {
	start := w.open(n, field, 1)
	n = w.text(start, 1, name)
	n = w.text(n, 2, value)
	n = w.close(start, n, 1)
	return n
}

func (w writer) key(n int, field uint, k *position.Key) int {
	if *k == (position.Key{}) {
		return n
	}
	start := w.open(n, field, 1)
	n = w.text(start, 1, k.Account)
	n = w.text(n, 2, k.Instrument)
	n = w.text(n, 3, k.Strategy)
	n = w.text(n, 4, k.Leg)
	n = w.close(start, n, 1)
	return n
}

// terms writes the terms of an image, whose defaults are known, without them.
func (w writer) terms(n int, field uint, t *position.Terms) int {
	if t == nil {
		return n
	}
	multiplier, method, over := t.Multiplier, t.CostMethod, t.OverReduction
	if multiplier == unit() {
		multiplier = position.Decimal{}
	}
	if method == position.Average {
		method = 0
	}
	if over == position.FlipOver {
		over = 0
	}
	return w.termsOf(n, field, t, multiplier, method, over)
}

// someTerms writes the terms of a definition as they were given.
func (w writer) someTerms(n int, field uint, t *position.Terms) int {
	return w.termsOf(n, field, t, t.Multiplier, t.CostMethod, t.OverReduction)
}

func (w writer) termsOf(n int, field uint, t *position.Terms, multiplier position.Decimal, method position.CostMethod, over position.OverReduction) int {
	before, start := n, w.open(n, field, 1)
	n = w.number(start, 1, uint64(t.Kind))
	n = w.decimal(n, 2, multiplier)
	n = w.text(n, 3, t.Base)
	n = w.text(n, 4, t.Quote)
	n = w.text(n, 5, t.Settlement)
	n = w.number(n, 6, uint64(method))
	n = w.number(n, 7, uint64(over))
	if r := &t.Rounding; *r != (position.Rounding{}) {
		inner := w.open(n, 8, 1)
		n = w.round(inner, 1, r.Value)
		n = w.decimal(n, 2, r.ValuePer)
		n = w.round(n, 3, r.Average)
		n = w.round(n, 4, r.Realized)
		n = w.close(inner, n, 1)
	}
	n = w.number(n, 9, uint64(t.BaseFee))
	if n == start {
		return before
	}
	return w.close(start, n, 1)
}

func (w writer) round(n int, field uint, r position.Round) int {
	if r == (position.Round{}) {
		return n
	}
	start := w.open(n, field, 1)
	n = w.number(start, 1, uint64(r.Mode))
	n = w.number(n, 2, uint64(r.Digits))
	n = w.flag(n, 3, r.Significant)
	return w.close(start, n, 1)
}

// position writes an image: with its open lots when it stands by itself, else
// without what it has from the cause.
func (w writer) position(n int, p *position.Position, from *origin, alone bool) int {
	n = w.terms(n, 1, p.Terms)
	n = w.number(n, 2, p.Cycle)
	n = w.number(n, 3, p.Version)
	n = w.decimal(n, 4, p.Qty)
	n = w.decimal(n, 5, p.Cost)
	n = w.decimal(n, 6, p.EntryQty)
	n = w.decimal(n, 7, p.EntryValue)
	n = w.decimal(n, 8, p.ExitQty)
	n = w.decimal(n, 9, p.ExitValue)
	n = w.decimal(n, 10, p.PeakQty)
	n = w.decimal(n, 11, p.High)
	n = w.decimal(n, 12, p.Low)
	n = w.number(n, 13, uint64(p.Entries))
	n = w.time(n, 14, p.OpenedAt)
	n = w.totals(n, 15, &p.Totals)
	if p.Key != from.Key {
		n = w.key(n, 16, &p.Key)
	}
	if p.HasMark {
		n = w.present(n, 17, p.Mark)
	}
	n = w.number(n, 18, uint64(p.Exits))
	n = w.flag(n, 19, p.Short)
	if p.Prior != nil {
		start := w.open(n, 20, 1)
		n = w.totalsFields(start, &p.Prior.Totals)
		n = w.number(n, 5, p.Prior.Wins)
		n = w.number(n, 6, p.Prior.Losses)
		n = w.close(start, n, 1)
	}
	n = w.time(n, 21, p.ClosedAt)
	if p.UpdatedAt != from.Time {
		n = w.anyTime(n, 22, p.UpdatedAt)
	}
	n = w.decimal(n, 23, p.LastEntry)
	n = w.decimal(n, 24, p.Residue)
	if p.Lots != nil {
		n = w.lotsOf(n, 25, p.Lots, alone)
	}
	if p.Conditions != nil {
		start := w.open(n, 26, 1)
		n = w.conditions(start, p.Conditions)
		n = w.close(start, n, 1)
	}
	return n
}

// lotsOf writes the open lots or, in a change, their number.
func (w writer) lotsOf(n int, field uint, l *position.Lots, alone bool) int {
	start := w.open(n, field, 1)
	n = start
	if !alone {
		n = w.number(n, 1, uint64(l.Count))
	}
	n = w.number(n, 2, l.Next)
	n = w.sixteen(n, 3, &l.Sum)
	if alone {
		n = w.lots(n, 4, l.Open, new(origin))
	}
	return w.close(start, n, 1)
}

func (w writer) totals(n int, field uint, t *position.Totals) int {
	if t.Realized.IsZero() && t.Funding.IsZero() && len(t.Fees) == 0 && len(t.Charges) == 0 {
		return n
	}
	start := w.open(n, field, 1)
	return w.close(start, w.totalsFields(start, t), 1)
}

func (w writer) totalsFields(n int, t *position.Totals) int {
	n = w.decimal(n, 1, t.Realized)
	n = w.decimal(n, 2, t.Funding)
	n = w.amounts(n, 3, t.Fees)
	return w.amounts(n, 4, t.Charges)
}

func (w writer) amounts(n int, field uint, a position.Amounts) int {
	for i := range a {
		start := w.open(n, field, 1)
		n = w.text(start, 1, a[i].Currency)
		n = w.decimal(n, 2, a[i].Value)
		n = w.close(start, n, 1)
	}
	return n
}

func (w writer) conditions(n int, c *position.Conditions) int {
	if c.HasStop {
		n = w.present(n, 1, c.Stop)
	}
	for _, d := range c.Targets {
		n = w.present(n, 2, d)
	}
	for _, s := range c.Tags {
		n = w.element(n, 3, s)
	}
	for i := range c.Meta {
		n = w.metaItem(n, 4, c.Meta[i].Name, c.Meta[i].Value)
	}
	return n
}

func (w writer) instrument(n int, i *position.Instrument) int {
	n = w.text(n, 1, i.Name)
	n = w.terms(n, 2, i.Terms)
	n = w.flag(n, 3, i.Defined)
	n = w.decimal(n, 4, i.Mark)
	n = w.time(n, 5, i.MarkTime)
	n = w.number(n, 6, i.Version)
	n = w.decimal(n, 7, i.PriceIncrement)
	n = w.decimal(n, 8, i.SizeIncrement)
	n = w.time(n, 9, i.SplitTime)
	n = w.decimal(n, 10, i.SplitRatio)
	return w.decimal(n, 11, i.SplitPer)
}

func (w writer) account(n int, a *position.Account) int {
	n = w.text(n, 1, a.Name)
	n = w.amounts(n, 2, a.Cash)
	n = w.amounts(n, 3, a.Fees)
	n = w.amounts(n, 4, a.Funding)
	n = w.amounts(n, 5, a.Interest)
	n = w.amounts(n, 6, a.Dividends)
	n = w.amounts(n, 7, a.Realized)
	n = w.amounts(n, 8, a.Other)
	return w.number(n, 9, a.Version)
}

func (w writer) epoch(n int, e *position.Epoch) int {
	n = w.text(n, 1, e.Build)
	n = w.number(n, 2, uint64(e.Arithmetic))
	n = w.sixteen(n, 3, &e.Salt)
	n = w.text(n, 4, e.Identity)
	return w.sixteen(n, 5, (*[16]byte)(&e.Prints))
}

package position

import "encoding/hex"

// AppendPositionJSON appends the JSON form of a position, as [PositionSchema]
// describes it. Figures that are not known are null.
func AppendPositionJSON(dst []byte, p *Position) []byte {
	w := grown(dst, 1500)
	w.position(p, p.Seq, true)
	return w.b
}

// AppendChangeJSON appends the JSON form of a change with the journal's stamp,
// as [ChangeSchema] describes it. The Seq of the images in it is the stamp's. The
// position after it counts its lots without listing them, so that a record has
// one text, whether it was just made or read back from a journal.
func AppendChangeJSON(dst []byte, s Stamp, c *Change) []byte {
	w := grown(dst, 2100)
	w.raw("{")
	w.number("seq", s.Seq)
	w.number("epoch", s.Epoch)
	w.time("time", s.Time)
	if c.Cause != nil {
		w.time("event_time", c.Cause.EventTime())
	}
	w.text("kind", c.Kind.String())
	if c.Cause != nil {
		w.text("mutation_id", c.Cause.ID())
		w.number("part", uint64(c.Part))
		w.number("parts", uint64(c.Parts))
		w.name("cause")
		w.mutation(valueOf(c.Cause))
	}
	if c.After != nil {
		w.effect(c)
		w.name("after")
		w.position(c.After, s.Seq, false)
	}
	if c.Instrument != nil {
		w.name("instrument")
		w.instrument(c.Instrument, s.Seq)
	}
	if c.Account != nil {
		w.name("account")
		w.account(c.Account, s.Seq)
	}
	if c.Epoch != nil {
		w.text("build", c.Epoch.Build)
		w.number("arithmetic", uint64(c.Epoch.Arithmetic))
		w.name("salt")
		w.raw(`"`)
		w.b = hex.AppendEncode(w.b, c.Epoch.Salt[:])
		w.raw(`"`)
	}
	w.raw("}")
	return w.b
}

// AppendInstrumentJSON appends the JSON form of an instrument.
func AppendInstrumentJSON(dst []byte, i *Instrument) []byte {
	w := grown(dst, 500)
	w.instrument(i, i.Seq)
	return w.b
}

// AppendAccountJSON appends the JSON form of an account.
func AppendAccountJSON(dst []byte, a *Account) []byte {
	w := grown(dst, 200)
	w.account(a, a.Seq)
	return w.b
}

// effect writes what a change did to its position.
func (w *jsonWriter) effect(c *Change) {
	w.number("prev", c.Prev)
	if c.Fill != 0 {
		w.number("fill_seq", c.Fill)
	}
	w.decimal("qty", c.Qty)
	w.decimal("value", c.Value)
	w.decimal("realized", c.Realized)
	w.decimal("fee", c.Fee)
	if c.After.Lots == nil && len(c.Consumed)+len(c.Opened) == 0 {
		return
	}
	w.name("consumed")
	w.raw("[")
	for i := range c.Consumed {
		u := &c.Consumed[i]
		w.element(i)
		w.raw("{")
		w.number("lot", u.ID)
		w.decimal("qty", u.Qty)
		w.decimal("cost", u.Cost)
		w.raw("}")
	}
	w.raw("]")
	w.lots("opened", c.Opened, c.After.terms())
}

// lots writes a list of whole lots.
func (w *jsonWriter) lots(name string, lots []Lot, t *Terms) {
	w.name(name)
	w.raw("[")
	for i := range lots {
		l := &lots[i]
		w.element(i)
		w.raw("{")
		w.number("lot", l.ID)
		w.decimal("qty", l.Qty)
		w.decimal("cost", l.Cost)
		price, ok := t.Average(l.Qty, l.Cost)
		w.figure("price", price, ok)
		w.time("opened", l.Opened)
		w.text("label", l.Label)
		w.raw("}")
	}
	w.raw("]")
}

// openLots writes the lots of a position if list says so and they are known, and
// their digest.
func (w *jsonWriter) openLots(p *Position, list bool) {
	l := p.Lots
	if l == nil || !list || len(l.Open) != l.Count {
		w.null("lots")
	} else {
		w.lots("lots", l.Open, p.terms())
	}
	if l == nil {
		w.null("lots_digest")
		return
	}
	w.name("lots_digest")
	w.raw("{")
	w.number("count", uint64(max(l.Count, 0)))
	w.number("next", l.Next)
	w.name("digest")
	w.raw(`"`)
	w.b = hex.AppendEncode(w.b, l.Sum[:])
	w.raw(`"}`)
}

func (w *jsonWriter) position(p *Position, seq uint64, list bool) {
	w.raw("{")
	w.text("account", p.Key.Account)
	w.text("instrument", p.Key.Instrument)
	w.text("strategy", p.Key.Strategy)
	w.text("leg", p.Key.Leg)
	w.text("id", p.Key.CycleID(p.Cycle).String())
	w.number("cycle", p.Cycle)
	w.text("side", p.Side())
	w.decimal("qty", p.Qty)
	avg, ok := p.AvgEntry()
	w.figure("avg_entry", avg, ok)
	avg, ok = p.AvgExit()
	w.figure("avg_exit", avg, ok)
	w.decimal("cost", p.Cost)
	w.text("settlement", p.terms().Settlement)
	w.text("instrument_kind", p.terms().Kind.String())
	w.decimal("multiplier", p.terms().Multiplier)
	w.text("cost_method", p.terms().CostMethod.String())
	w.totals(&p.Totals, p.terms())
	if total, ok := p.Lifetime(); ok {
		w.name("lifetime")
		w.raw("{")
		w.totals(&total, p.terms())
		w.raw("}")
	} else {
		w.null("lifetime")
	}
	w.decimal("entry_qty", p.EntryQty)
	w.decimal("exit_qty", p.ExitQty)
	w.decimal("peak_qty", p.PeakQty)
	w.number("entries", uint64(p.Entries))
	w.number("exits", uint64(p.Exits))
	w.number("wins", p.Wins())
	w.number("losses", p.Losses())
	w.decimal("residue", p.Residue)
	w.prices(p)
	w.time("opened_at", p.OpenedAt)
	w.time("closed_at", p.ClosedAt)
	w.time("updated_at", p.UpdatedAt)
	w.conditions(p.Conditions)
	w.openLots(p, list)
	w.number("version", p.Version)
	w.number("seq", seq)
	w.raw("}")
}

func (w *jsonWriter) totals(t *Totals, terms *Terms) {
	w.decimal("realized", t.Realized)
	w.amounts("fees", t.Fees)
	if in := terms.FeesInCost(t.Fees); in != nil {
		w.amounts(feesInCost, in)
	}
	w.decimal("funding", t.Funding)
	w.amounts("charges", t.Charges)
	net, err := t.Net(terms)
	w.figure("net", net, err == nil)
}

func (w *jsonWriter) prices(p *Position) {
	w.figure("mark", p.Mark, p.HasMark)
	var d Decimal
	ok := p.HasMark
	if ok {
		d, ok = p.Unrealized(p.Mark)
	}
	w.figure("unrealized", d, ok)
	if ok = p.HasMark; ok {
		d, ok = p.Exposure(p.Mark)
	}
	w.figure("exposure", d, ok)
	d, ok = p.Return()
	w.figure("return", d, ok)
	d, ok = p.BreakEven()
	w.figure("break_even", d, ok)
	if ok = p.HasMark || !p.IsOpen(); ok {
		d, ok = p.ProfitPercent(p.Mark)
	}
	w.figure("profit_percent", d, ok)
	d, ok = p.UpsidePercent()
	w.figure("upside_percent", d, ok)
	d, ok = p.DrawdownPercent()
	w.figure("drawdown_percent", d, ok)
	w.decimal("high", p.High)
	w.decimal("low", p.Low)
	d, ok = p.MFE()
	w.figure("mfe", d, ok)
	d, ok = p.MAE()
	w.figure("mae", d, ok)
	d, ok = p.HoldingTime(p.UpdatedAt)
	w.figure("holding", d, ok)
}

func (w *jsonWriter) conditions(c *Conditions) {
	w.name("conditions")
	if c == nil {
		w.raw("null")
		return
	}
	w.raw("{")
	w.figure("stop", c.Stop, c.HasStop)
	w.decimals("targets", c.Targets)
	w.texts("tags", c.Tags)
	w.name("metadata")
	w.raw("{")
	for i := range c.Meta {
		w.item(i == 0, c.Meta[i].Name, c.Meta[i].Value)
	}
	w.raw("}}")
}

func (w *jsonWriter) instrument(i *Instrument, seq uint64) {
	w.raw("{")
	w.text("instrument", i.Name)
	w.text("kind", i.terms().Kind.String())
	w.decimal("multiplier", i.terms().Multiplier)
	w.text("base", i.terms().Base)
	w.text("quote", i.terms().Quote)
	w.text("settlement", i.terms().Settlement)
	w.figure("price_increment", i.PriceIncrement, !i.PriceIncrement.IsZero())
	w.figure("size_increment", i.SizeIncrement, !i.SizeIncrement.IsZero())
	w.text("cost_method", i.terms().CostMethod.String())
	w.text("over_reduction", i.terms().OverReduction.String())
	w.text("base_fee", i.terms().BaseFee.String())
	w.profile(&i.terms().Rounding)
	w.time("split_time", i.SplitTime)
	w.figure("split_ratio", i.SplitRatio, i.SplitTime != 0)
	w.figure("split_per", i.SplitPer, i.SplitTime != 0)
	w.flag("defined", i.Defined)
	w.figure("mark", i.Mark, i.MarkTime != 0)
	w.time("mark_time", i.MarkTime)
	w.number("version", i.Version)
	w.number("seq", seq)
	w.raw("}")
}

// profile writes all members of a rounding profile, as images do.
func (w *jsonWriter) profile(r *Rounding) {
	if *r == (Rounding{}) {
		w.null("rounding")
		return
	}
	w.name("rounding")
	w.raw("{")
	for _, part := range [...]struct {
		name string
		Round
	}{{"value", r.Value}, {"average", r.Average}, {"realized", r.Realized}} {
		if part.Mode == Exact {
			w.null(part.name)
		} else {
			w.text(part.name, part.String())
		}
	}
	w.figure("value_per", r.ValuePer, !r.ValuePer.IsZero())
	w.raw("}")
}

func (w *jsonWriter) account(a *Account, seq uint64) {
	w.raw("{")
	w.text("account", a.Name)
	if sum, err := a.Balances(); err == nil {
		w.amounts("balances", sum)
	} else {
		w.null("balances")
	}
	w.amounts("cash", a.Cash)
	w.amounts("fees", a.Fees)
	w.amounts("funding", a.Funding)
	w.amounts("interest", a.Interest)
	w.amounts("dividends", a.Dividends)
	w.amounts("realized", a.Realized)
	w.amounts("other", a.Other)
	w.number("version", a.Version)
	w.number("seq", seq)
	w.raw("}")
}

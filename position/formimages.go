package position

// AppendPositionJSON appends the JSON form of a position, as [PositionSchema]
// describes it. Figures that are not known are null.
func AppendPositionJSON(dst []byte, p *Position) []byte {
	w := grown(dst, 1500)
	w.position(p, p.Seq, true)
	return w.B
}

// AppendChangeJSON appends the JSON form of a change with the journal's stamp,
// as [ChangeSchema] describes it. The Seq of the images in it is the stamp's. The
// position after it counts its lots without listing them, so that a record has
// one text, whether it was just made or read back from a journal.
func AppendChangeJSON(dst []byte, s Stamp, c *Change) []byte {
	w := grown(dst, 2100)
	w.Raw("{")
	w.Count("seq", s.Seq)
	w.Count("epoch", s.Epoch)
	w.time("time", s.Time)
	if c.Cause != nil {
		w.time("event_time", c.Cause.EventTime())
	}
	w.Text("kind", c.Kind.String())
	if c.Cause != nil {
		w.Text("mutation_id", c.Cause.ID())
		w.Count("part", uint64(c.Part))
		w.Count("parts", uint64(c.Parts))
		w.Name("cause")
		w.mutation(valueOf(c.Cause))
	}
	if c.After != nil {
		w.effect(c)
		w.Name("after")
		w.position(c.After, s.Seq, false)
	}
	if c.Instrument != nil {
		w.Name("instrument")
		w.instrument(c.Instrument, s.Seq)
	}
	if c.Account != nil {
		w.Name("account")
		w.account(c.Account, s.Seq)
	}
	if c.Epoch != nil {
		w.Text("build", c.Epoch.Build)
		w.Count("arithmetic", uint64(c.Epoch.Arithmetic))
		w.Hex("salt", c.Epoch.Salt[:])
	}
	w.Raw("}")
	return w.B
}

// AppendInstrumentJSON appends the JSON form of an instrument.
func AppendInstrumentJSON(dst []byte, i *Instrument) []byte {
	w := grown(dst, 500)
	w.instrument(i, i.Seq)
	return w.B
}

// AppendAccountJSON appends the JSON form of an account.
func AppendAccountJSON(dst []byte, a *Account) []byte {
	w := grown(dst, 200)
	w.account(a, a.Seq)
	return w.B
}

// effect writes what a change did to its position.
func (w *jsonWriter) effect(c *Change) {
	w.Count("prev", c.Prev)
	if c.Fill != 0 {
		w.Count("fill_seq", c.Fill)
	}
	w.decimal("qty", c.Qty)
	w.decimal("value", c.Value)
	w.decimal("realized", c.Realized)
	w.decimal("fee", c.Fee)
	if c.After.Lots == nil && len(c.Consumed)+len(c.Opened) == 0 {
		return
	}
	w.Name("consumed")
	w.Raw("[")
	for i := range c.Consumed {
		u := &c.Consumed[i]
		w.Element(i)
		w.Raw("{")
		w.Count("lot", u.ID)
		w.decimal("qty", u.Qty)
		w.decimal("cost", u.Cost)
		w.Raw("}")
	}
	w.Raw("]")
	w.lots("opened", c.Opened, c.After.terms())
}

// lots writes a list of whole lots.
func (w *jsonWriter) lots(name string, lots []Lot, t *Terms) {
	w.Name(name)
	w.Raw("[")
	for i := range lots {
		l := &lots[i]
		w.Element(i)
		w.Raw("{")
		w.Count("lot", l.ID)
		w.decimal("qty", l.Qty)
		w.decimal("cost", l.Cost)
		price, ok := t.Average(l.Qty, l.Cost)
		w.figure("price", price, ok)
		w.time("opened", l.Opened)
		w.Text("label", l.Label)
		w.Raw("}")
	}
	w.Raw("]")
}

// openLots writes the lots of a position if list says so and they are known, and
// their digest.
func (w *jsonWriter) openLots(p *Position, list bool) {
	l := p.Lots
	if l == nil || !list || len(l.Open) != l.Count {
		w.Null("lots")
	} else {
		w.lots("lots", l.Open, p.terms())
	}
	if l == nil {
		w.Null("lots_digest")
		return
	}
	w.Name("lots_digest")
	w.Raw("{")
	w.Count("count", uint64(max(l.Count, 0)))
	w.Count("next", l.Next)
	w.Hex("digest", l.Sum[:])
	w.Raw("}")
}

func (w *jsonWriter) position(p *Position, seq uint64, list bool) {
	w.Raw("{")
	w.Text("account", p.Key.Account)
	w.Text("instrument", p.Key.Instrument)
	w.Text("strategy", p.Key.Strategy)
	w.Text("leg", p.Key.Leg)
	w.Text("id", p.Key.CycleID(p.Cycle).String())
	w.Count("cycle", p.Cycle)
	w.Text("side", p.Side())
	w.decimal("qty", p.Qty)
	avg, ok := p.AvgEntry()
	w.figure("avg_entry", avg, ok)
	avg, ok = p.AvgExit()
	w.figure("avg_exit", avg, ok)
	w.decimal("cost", p.Cost)
	w.Text("settlement", p.terms().Settlement)
	w.Text("instrument_kind", p.terms().Kind.String())
	w.decimal("multiplier", p.terms().Multiplier)
	w.Text("cost_method", p.terms().CostMethod.String())
	w.totals(&p.Totals, p.terms())
	if total, ok := p.Lifetime(); ok {
		w.Name("lifetime")
		w.Raw("{")
		w.totals(&total, p.terms())
		w.Raw("}")
	} else {
		w.Null("lifetime")
	}
	w.decimal("entry_qty", p.EntryQty)
	w.decimal("exit_qty", p.ExitQty)
	w.decimal("peak_qty", p.PeakQty)
	w.Count("entries", uint64(p.Entries))
	w.Count("exits", uint64(p.Exits))
	w.Count("wins", p.Wins())
	w.Count("losses", p.Losses())
	w.decimal("residue", p.Residue)
	w.prices(p)
	w.time("opened_at", p.OpenedAt)
	w.time("closed_at", p.ClosedAt)
	w.time("updated_at", p.UpdatedAt)
	w.conditions(p.Conditions)
	w.openLots(p, list)
	w.Count("version", p.Version)
	w.Count("seq", seq)
	w.Raw("}")
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
	w.Name("conditions")
	if c == nil {
		w.Raw("null")
		return
	}
	w.Raw("{")
	w.figure("stop", c.Stop, c.HasStop)
	w.decimals("targets", c.Targets)
	w.Texts("tags", c.Tags)
	w.Name("metadata")
	w.Raw("{")
	for i := range c.Meta {
		w.Item(i, c.Meta[i].Name)
		w.Quote(c.Meta[i].Value)
	}
	w.Raw("}}")
}

func (w *jsonWriter) instrument(i *Instrument, seq uint64) {
	w.Raw("{")
	w.Text("instrument", i.Name)
	w.Text("kind", i.terms().Kind.String())
	w.decimal("multiplier", i.terms().Multiplier)
	w.Text("base", i.terms().Base)
	w.Text("quote", i.terms().Quote)
	w.Text("settlement", i.terms().Settlement)
	w.figure("price_increment", i.PriceIncrement, !i.PriceIncrement.IsZero())
	w.figure("size_increment", i.SizeIncrement, !i.SizeIncrement.IsZero())
	w.Text("cost_method", i.terms().CostMethod.String())
	w.Text("over_reduction", i.terms().OverReduction.String())
	w.Text("base_fee", i.terms().BaseFee.String())
	w.profile(&i.terms().Rounding)
	w.time("split_time", i.SplitTime)
	w.figure("split_ratio", i.SplitRatio, i.SplitTime != 0)
	w.figure("split_per", i.SplitPer, i.SplitTime != 0)
	w.Bool("defined", i.Defined)
	w.figure("mark", i.Mark, i.MarkTime != 0)
	w.time("mark_time", i.MarkTime)
	w.Count("version", i.Version)
	w.Count("seq", seq)
	w.Raw("}")
}

// profile writes all members of a rounding profile, as images do.
func (w *jsonWriter) profile(r *Rounding) {
	if *r == (Rounding{}) {
		w.Null("rounding")
		return
	}
	w.Name("rounding")
	w.Raw("{")
	for _, part := range [...]struct {
		name string
		Round
	}{{"value", r.Value}, {"average", r.Average}, {"realized", r.Realized}} {
		if part.Mode == Exact {
			w.Null(part.name)
		} else {
			w.Text(part.name, part.String())
		}
	}
	w.figure("value_per", r.ValuePer, !r.ValuePer.IsZero())
	w.Raw("}")
}

func (w *jsonWriter) account(a *Account, seq uint64) {
	w.Raw("{")
	w.Text("account", a.Name)
	if sum, err := a.Balances(); err == nil {
		w.amounts("balances", sum)
	} else {
		w.Null("balances")
	}
	w.amounts("cash", a.Cash)
	w.amounts("fees", a.Fees)
	w.amounts("funding", a.Funding)
	w.amounts("interest", a.Interest)
	w.amounts("dividends", a.Dividends)
	w.amounts("realized", a.Realized)
	w.amounts("other", a.Other)
	w.Count("version", a.Version)
	w.Count("seq", seq)
	w.Raw("}")
}

package position

import "encoding/hex"

// AppendPositionJSON appends the JSON form of a position, as [PositionSchema]
// describes it. Figures that are not known are null.
func AppendPositionJSON(dst []byte, p *Position) []byte {
	w := grown(dst, 1200)
	w.position(p, p.Seq)
	return w.b
}

// AppendChangeJSON appends the JSON form of a change with the journal's stamp,
// as [ChangeSchema] describes it. The Seq of the images in it is the stamp's.
func AppendChangeJSON(dst []byte, s Stamp, c *Change) []byte {
	w := grown(dst, 1800)
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
		w.decimal("qty", c.Qty)
		w.decimal("value", c.Value)
		w.decimal("realized", c.Realized)
		w.decimal("fee", c.Fee)
		w.name("after")
		w.position(c.After, s.Seq)
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
	w := grown(dst, 300)
	w.instrument(i, i.Seq)
	return w.b
}

// AppendAccountJSON appends the JSON form of an account.
func AppendAccountJSON(dst []byte, a *Account) []byte {
	w := grown(dst, 200)
	w.account(a, a.Seq)
	return w.b
}

func (w *jsonWriter) position(p *Position, seq uint64) {
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
	w.text("settlement", p.Terms.Settlement)
	w.text("instrument_kind", p.Terms.Kind.String())
	w.decimal("multiplier", p.Terms.Multiplier)
	w.totals(&p.Totals, p.Terms.Settlement)
	if total, ok := p.Lifetime(); ok {
		w.name("lifetime")
		w.raw("{")
		w.totals(&total, p.Terms.Settlement)
		w.raw("}")
	} else {
		w.name("lifetime")
		w.raw("null")
	}
	w.decimal("entry_qty", p.EntryQty)
	w.decimal("exit_qty", p.ExitQty)
	w.decimal("peak_qty", p.PeakQty)
	w.prices(p)
	w.time("opened_at", p.OpenedAt)
	w.time("closed_at", p.ClosedAt)
	w.time("updated_at", p.UpdatedAt)
	w.conditions(p.Conditions)
	w.number("version", p.Version)
	w.number("seq", seq)
	w.raw("}")
}

func (w *jsonWriter) totals(t *Totals, settlement string) {
	w.decimal("realized", t.Realized)
	w.amounts("fees", t.Fees)
	w.decimal("funding", t.Funding)
	w.amounts("charges", t.Charges)
	net, err := t.Net(settlement)
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
	w.decimal("high", p.High)
	w.decimal("low", p.Low)
	d, ok = p.MFE()
	w.figure("mfe", d, ok)
	d, ok = p.MAE()
	w.figure("mae", d, ok)
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
	w.text("kind", i.Terms.Kind.String())
	w.decimal("multiplier", i.Terms.Multiplier)
	w.text("base", i.Terms.Base)
	w.text("quote", i.Terms.Quote)
	w.text("settlement", i.Terms.Settlement)
	w.flag("defined", i.Defined)
	w.figure("mark", i.Mark, i.MarkTime != 0)
	w.time("mark_time", i.MarkTime)
	w.number("version", i.Version)
	w.number("seq", seq)
	w.raw("}")
}

func (w *jsonWriter) account(a *Account, seq uint64) {
	w.raw("{")
	w.text("account", a.Name)
	w.amounts("balances", a.Balances)
	w.number("version", a.Version)
	w.number("seq", seq)
	w.raw("}")
}

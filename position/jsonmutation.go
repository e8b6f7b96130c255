package position

// MarshalMutation returns the JSON form, which [UnmarshalMutation] reads back
// to an equal value. A mutation that is not valid is refused.
func MarshalMutation(m Mutation) ([]byte, error) {
	if m == nil {
		return nil, invalid("type", "is missing: there is no mutation")
	}
	m = valueOf(m)
	if err := m.Validate(); err != nil {
		return nil, err
	}
	w := jsonWriter{b: make([]byte, 0, 512)}
	w.mutation(m)
	if _, err := UnmarshalMutation(w.b); err != nil {
		return nil, err // a number or an amount of text beyond the JSON form
	}
	return w.b, nil
}

// mutation writes the members in the order of the forms' table, so that reading
// them back finds each where it looks first.
func (w *jsonWriter) mutation(m Mutation) {
	w.raw("{")
	w.text("type", m.Type())
	w.textUnlessEmpty("id", m.ID())
	switch m := m.(type) {
	case Fill:
		w.key(&m.Key)
		w.execution(m.Side, m.Qty, m.Price, m.Fee, m.FeeCurrency)
		if m.ReduceOnly {
			w.name("reduce_only")
			w.raw("true")
		}
		w.lotRef(m.Lot)
		w.metaRest(m.Meta)
	case Mark:
		w.text("instrument", m.Instrument)
		w.decimal("price", m.Price)
		w.metaRest(m.Meta)
	case Charge:
		w.key(&m.Key)
		w.text("kind", m.Kind.String())
		w.decimal("amount", m.Amount)
		w.text("currency", m.Currency)
		if m.InCost {
			w.name("in_cost")
			w.raw("true")
		}
		w.metaRest(m.Meta)
	case Amend:
		w.key(&m.Key)
		w.amend(&m)
		w.metaRest(m.Meta)
	case DefineInstrument:
		w.define(&m)
		w.metaRest(m.Meta)
	case Split:
		w.split(&m)
		w.metaRest(m.Meta)
	case Settle:
		w.text("instrument", m.Instrument)
		if m.Reason != WriteOff {
			w.decimal("price", m.Price)
		}
		w.text("reason", m.Reason.String())
		w.metaRest(m.Meta)
	default:
		w.move(m)
	}
	w.raw("}")
}

// move writes the mutations that set or move positions without a fill, and
// those that undo one.
func (w *jsonWriter) move(m Mutation) {
	switch m := m.(type) {
	case Transfer:
		w.key(&m.Key)
		w.textUnlessEmpty("to_account", m.ToAccount)
		w.textUnlessEmpty("to_strategy", m.ToStrategy)
		w.textUnlessEmpty("to_leg", m.ToLeg)
		w.decimalUnlessZero("qty", m.Qty)
		w.lotRef(m.Lot)
		w.metaRest(m.Meta)
	case Adjust:
		w.key(&m.Key)
		w.decimalUnlessZero("qty", m.Qty)
		w.decimalUnlessNil("price", m.Price)
		w.decimalUnlessZero("cost", m.Cost)
		if m.Spread != SpreadByQty {
			w.text("spread", m.Spread.String())
		}
		w.decimalUnlessZero("realized", m.Realized)
		w.decimalUnlessZero("funding", m.Funding)
		w.textUnlessEmpty("reason", m.Reason)
		w.textUnlessEmpty("ref", m.Ref)
		w.metaRest(m.Meta)
	case Adopt:
		w.key(&m.Key)
		w.adopt(&m)
		w.metaRest(m.Meta)
	case Bust:
		w.key(&m.Key)
		w.text("fill", m.Fill)
		w.textUnlessEmpty("reason", m.Reason)
		w.metaRest(m.Meta)
	case Correct:
		w.key(&m.Key)
		w.text("fill", m.Fill)
		w.execution(m.Side, m.Qty, m.Price, m.Fee, m.FeeCurrency)
		w.textUnlessEmpty("reason", m.Reason)
		w.metaRest(m.Meta)
	}
}

func (w *jsonWriter) metaRest(m Meta) {
	if m.ExpectVersion != nil {
		w.number("expect_version", *m.ExpectVersion)
	}
	if m.Time != 0 {
		w.time("time", m.Time)
	}
}

func (w *jsonWriter) key(k *Key) {
	w.text("account", k.Account)
	w.textUnlessEmpty("instrument", k.Instrument)
	w.textUnlessEmpty("strategy", k.Strategy)
	w.textUnlessEmpty("leg", k.Leg)
}

func (w *jsonWriter) execution(side Side, qty, price, fee Decimal, currency string) {
	w.text("side", side.String())
	w.decimal("qty", qty)
	w.decimal("price", price)
	w.decimalUnlessZero("fee", fee)
	w.textUnlessEmpty("fee_currency", currency)
}

// lotRef writes the short form where a label is all.
func (w *jsonWriter) lotRef(r *LotRef) {
	switch {
	case r == nil:
	case r.Price == nil && r.Opened == "":
		w.text("lot", r.Label)
	default:
		w.name("lot")
		w.raw("{")
		w.textUnlessEmpty("label", r.Label)
		w.decimalUnlessNil("price", r.Price)
		w.textUnlessEmpty("opened", r.Opened)
		w.raw("}")
	}
}

func (w *jsonWriter) define(d *DefineInstrument) {
	w.text("instrument", d.Instrument)
	w.text("kind", d.Terms.Kind.String())
	w.decimalUnlessZero("multiplier", d.Terms.Multiplier)
	w.textUnlessEmpty("base", d.Terms.Base)
	w.textUnlessEmpty("quote", d.Terms.Quote)
	w.textUnlessEmpty("settlement", d.Terms.Settlement)
	w.decimalUnlessZero("price_increment", d.PriceIncrement)
	w.decimalUnlessZero("size_increment", d.SizeIncrement)
	if d.Terms.CostMethod != Inherited {
		w.text("cost_method", d.Terms.CostMethod.String())
	}
	if d.Terms.BaseFee != FeeInCost {
		w.text("base_fee", d.Terms.BaseFee.String())
	}
	if d.Terms.OverReduction != InheritedOver {
		w.text("over_reduction", d.Terms.OverReduction.String())
	}
	if d.Terms.Rounding != (Rounding{}) {
		w.rounding(&d.Terms.Rounding)
	}
}

func (w *jsonWriter) rounding(r *Rounding) {
	w.name("rounding")
	w.raw("{")
	w.round("value", r.Value)
	w.decimalUnlessZero("value_per", r.ValuePer)
	w.round("average", r.Average)
	w.round("realized", r.Realized)
	w.raw("}")
}

func (w *jsonWriter) round(name string, r Round) {
	if r.Mode != Exact {
		w.text(name, r.String())
	}
}

func (w *jsonWriter) split(s *Split) {
	w.text("instrument", s.Instrument)
	w.decimal("ratio", s.Ratio)
	w.decimalUnlessZero("per", s.Per)
	w.decimalUnlessZero("increment", s.Increment)
	w.decimalUnlessNil("cash_price", s.CashPrice)
}

func (w *jsonWriter) adopt(a *Adopt) {
	w.decimal("qty", a.Qty)
	w.decimalUnlessNil("price", a.Price)
	w.decimalUnlessNil("cost", a.Cost)
	if a.Lots != nil {
		w.name("lots")
		w.raw("[")
		for i := range a.Lots {
			l := &a.Lots[i]
			w.element(i)
			w.raw("{")
			w.decimal("qty", l.Qty)
			w.decimalUnlessNil("price", l.Price)
			w.decimalUnlessNil("cost", l.Cost)
			if l.Opened != 0 {
				w.time("opened", l.Opened)
			}
			w.textUnlessEmpty("label", l.Label)
			w.raw("}")
		}
		w.raw("]")
	}
	w.decimalUnlessNil("realized", a.Realized)
	w.decimalUnlessNil("funding", a.Funding)
	w.decimalUnlessNil("high", a.High)
	w.decimalUnlessNil("low", a.Low)
	if a.Opened != 0 {
		w.time("opened", a.Opened)
	}
	w.textUnlessEmpty("reason", a.Reason)
	w.textUnlessEmpty("ref", a.Ref)
}

func (w *jsonWriter) amend(a *Amend) {
	switch {
	case a.Stop != nil:
		w.decimal("stop", *a.Stop)
	case a.NoStop:
		w.name("stop")
		w.raw("null")
	}
	if a.Targets != nil {
		w.decimals("targets", a.Targets)
	}
	if a.Tags != nil {
		w.texts("tags", a.Tags)
	}
	if a.Metadata != nil {
		w.name("metadata")
		w.raw("{")
		var room [MaxMeta]string
		names := metaNames(room[:0], a.Metadata)
		for i, name := range names {
			w.item(i == 0, name, a.Metadata[name])
		}
		w.raw("}")
	}
}

package position

import (
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/internal/form"
)

// MarshalMutation returns the JSON form, which [UnmarshalMutation] reads back
// to an equal value. A mutation that is not valid is refused.
func MarshalMutation(m Mutation) ([]byte, error) {
	if m == nil {
		return nil, invalid("type", "is missing: there is no mutation")
	}
	m = ValueOf(m)
	if err := m.Validate(); err != nil {
		return nil, err
	}
	w := jsonWriter{Writer: form.Writer{B: make([]byte, 0, 512)}}
	w.mutation(m)
	if _, err := UnmarshalMutation(w.B); err != nil {
		return nil, err // a number or an amount of text beyond the JSON form
	}
	return w.B, nil
}

// mutation writes the members in the order of the forms' table, so that reading
// them back finds each where it looks first.
func (w *jsonWriter) mutation(m Mutation) {
	w.Raw("{")
	w.Text("type", m.Type())
	w.TextUnlessEmpty("id", m.ID())
	switch m := m.(type) {
	case Fill:
		w.key(&m.Key)
		w.execution(m.Side, m.Qty, m.Price, m.Fee, m.FeeCurrency)
		w.TrueUnlessFalse("reduce_only", m.ReduceOnly)
		w.lotRef(m.Lot)
		w.metaRest(m.Meta)
	case Mark:
		w.Text("instrument", m.Instrument)
		w.decimal("price", m.Price)
		w.metaRest(m.Meta)
	case Charge:
		w.key(&m.Key)
		w.Text("kind", m.Kind.String())
		w.decimal("amount", m.Amount)
		w.Text("currency", m.Currency)
		w.TrueUnlessFalse("in_cost", m.InCost)
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
		w.Text("instrument", m.Instrument)
		if m.Reason != WriteOff {
			w.decimal("price", m.Price)
		}
		w.Text("reason", m.Reason.String())
		w.metaRest(m.Meta)
	default:
		w.move(m)
	}
	w.Raw("}")
}

// move writes the mutations that set or move positions without a fill, and
// those that undo one.
func (w *jsonWriter) move(m Mutation) {
	switch m := m.(type) {
	case Transfer:
		w.key(&m.Key)
		w.TextUnlessEmpty("to_account", m.ToAccount)
		w.TextUnlessEmpty("to_strategy", m.ToStrategy)
		w.TextUnlessEmpty("to_leg", m.ToLeg)
		w.decimalUnlessZero("qty", m.Qty)
		w.lotRef(m.Lot)
		w.metaRest(m.Meta)
	case Adjust:
		w.key(&m.Key)
		w.decimalUnlessZero("qty", m.Qty)
		w.decimalUnlessNil("price", m.Price)
		w.decimalUnlessZero("cost", m.Cost)
		if m.Spread != SpreadByQty {
			w.Text("spread", m.Spread.String())
		}
		w.decimalUnlessZero("realized", m.Realized)
		w.decimalUnlessZero("funding", m.Funding)
		w.TextUnlessEmpty("reason", m.Reason)
		w.TextUnlessEmpty("ref", m.Ref)
		w.metaRest(m.Meta)
	case Adopt:
		w.key(&m.Key)
		w.adopt(&m)
		w.metaRest(m.Meta)
	case Bust:
		w.key(&m.Key)
		w.Text("fill", m.Fill)
		w.TextUnlessEmpty("reason", m.Reason)
		w.metaRest(m.Meta)
	case Correct:
		w.key(&m.Key)
		w.Text("fill", m.Fill)
		w.execution(m.Side, m.Qty, m.Price, m.Fee, m.FeeCurrency)
		w.TextUnlessEmpty("reason", m.Reason)
		w.metaRest(m.Meta)
	}
}

func (w *jsonWriter) metaRest(m Meta) {
	if m.ExpectVersion != nil {
		w.Count("expect_version", *m.ExpectVersion)
	}
	if m.Time != 0 {
		w.time("time", m.Time)
	}
}

func (w *jsonWriter) key(k *Key) {
	w.Text("account", k.Account)
	w.TextUnlessEmpty("instrument", k.Instrument)
	w.TextUnlessEmpty("strategy", k.Strategy)
	w.TextUnlessEmpty("leg", k.Leg)
}

func (w *jsonWriter) execution(side Side, qty, price, fee Decimal, currency string) {
	w.Text("side", side.String())
	w.decimal("qty", qty)
	w.decimal("price", price)
	w.decimalUnlessZero("fee", fee)
	w.TextUnlessEmpty("fee_currency", currency)
}

// lotRef writes the short form where a label is all.
func (w *jsonWriter) lotRef(r *LotRef) {
	switch {
	case r == nil:
	case r.Price == nil && r.Opened == "":
		w.Text("lot", r.Label)
	default:
		w.Name("lot")
		w.Raw("{")
		w.TextUnlessEmpty("label", r.Label)
		w.decimalUnlessNil("price", r.Price)
		w.TextUnlessEmpty("opened", r.Opened)
		w.Raw("}")
	}
}

func (w *jsonWriter) define(d *DefineInstrument) {
	w.Text("instrument", d.Instrument)
	w.Text("kind", d.Terms.Kind.String())
	w.decimalUnlessZero("multiplier", d.Terms.Multiplier)
	w.TextUnlessEmpty("base", d.Terms.Base)
	w.TextUnlessEmpty("quote", d.Terms.Quote)
	w.TextUnlessEmpty("settlement", d.Terms.Settlement)
	w.decimalUnlessZero("price_increment", d.PriceIncrement)
	w.decimalUnlessZero("size_increment", d.SizeIncrement)
	if d.Terms.CostMethod != Inherited {
		w.Text("cost_method", d.Terms.CostMethod.String())
	}
	if d.Terms.BaseFee != FeeInCost {
		w.Text("base_fee", d.Terms.BaseFee.String())
	}
	if d.Terms.OverReduction != InheritedOver {
		w.Text("over_reduction", d.Terms.OverReduction.String())
	}
	if d.Terms.Rounding != (Rounding{}) {
		w.rounding(&d.Terms.Rounding)
	}
}

func (w *jsonWriter) rounding(r *Rounding) {
	w.Name("rounding")
	w.Raw("{")
	w.round("value", r.Value)
	w.decimalUnlessZero("value_per", r.ValuePer)
	w.round("average", r.Average)
	w.round("realized", r.Realized)
	w.Raw("}")
}

func (w *jsonWriter) round(name string, r Round) {
	if r.Mode != Exact {
		w.Text(name, r.String())
	}
}

func (w *jsonWriter) split(s *Split) {
	w.Text("instrument", s.Instrument)
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
		w.Name("lots")
		w.Raw("[")
		for i := range a.Lots {
			l := &a.Lots[i]
			w.Element(i)
			w.Raw("{")
			w.decimal("qty", l.Qty)
			w.decimalUnlessNil("price", l.Price)
			w.decimalUnlessNil("cost", l.Cost)
			if l.Opened != 0 {
				w.time("opened", l.Opened)
			}
			w.TextUnlessEmpty("label", l.Label)
			w.Raw("}")
		}
		w.Raw("]")
	}
	w.decimalUnlessNil("realized", a.Realized)
	w.decimalUnlessNil("funding", a.Funding)
	w.decimalUnlessNil("high", a.High)
	w.decimalUnlessNil("low", a.Low)
	if a.Opened != 0 {
		w.time("opened", a.Opened)
	}
	w.TextUnlessEmpty("reason", a.Reason)
	w.TextUnlessEmpty("ref", a.Ref)
}

func (w *jsonWriter) amend(a *Amend) {
	switch {
	case a.Stop != nil:
		w.decimal("stop", *a.Stop)
	case a.NoStop:
		w.Null("stop")
	}
	if a.Targets != nil {
		w.decimals("targets", a.Targets)
	}
	if a.Tags != nil {
		w.Texts("tags", a.Tags)
	}
	if a.Metadata != nil {
		w.Name("metadata")
		w.Raw("{")
		var room [MaxMeta]string
		names := slices.AppendSeq(room[:0], maps.Keys(a.Metadata))
		slices.Sort(names)
		for i, name := range names {
			w.Item(i, name)
			w.Quote(a.Metadata[name])
		}
		w.Raw("}")
	}
}

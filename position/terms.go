package position

// Terms are what the arithmetic of a position depends on. A position carries a
// copy of them from its cycle's first fill, so that each change explains itself.
type Terms struct {
	Kind       InstrumentKind
	Multiplier Decimal // settlement currency per unit and price point; never zero
	Base       string  // currency or asset that is bought and sold; may be empty
	Quote      string  // currency of the price; may be empty
	Settlement string  // currency of cost and profit

	// CostMethod and OverReduction are inherited from the ledger where a
	// definition leaves them zero; in an instrument and in a position they are
	// never zero.
	CostMethod    CostMethod
	OverReduction OverReduction
	BaseFee       BaseFee  // of spot instruments
	Rounding      Rounding // of the venue; zero: exact
}

// inCost returns the currency whose fees are in the cost, "" for none.
func (t *Terms) inCost() string {
	if t.Kind == Spot && t.BaseFee == FeeInCost {
		return t.Base
	}
	return ""
}

// FeesInCost returns those of a position's fees that are in its cost, and so in
// its profit: under [FeeInCost] those in the base currency of a spot instrument.
// They are told, and subtracted nowhere.
func (t *Terms) FeesInCost(fees Amounts) Amounts {
	in := t.inCost()
	if v := fees.Get(in); !v.IsZero() {
		return Amounts{{Currency: in, Value: v}}
	}
	return nil
}

// Value returns the notional of a quantity at a price, signed like their
// product, in the settlement currency.
func (t *Terms) Value(qty, price Decimal) (Decimal, error) {
	if t.Multiplier.IsZero() && !qty.IsZero() {
		return Decimal{}, invalid("multiplier", "is not known")
	}
	if t.Kind == Inverse && price.Sign() <= 0 {
		return Decimal{}, invalid("price", "must be positive for an inverse instrument")
	}
	switch {
	case t.Rounding.Value.Mode != Exact:
		return t.roundedValue(qty, price)
	case t.Kind == Inverse:
		return MulQuo(qty, t.Multiplier, price)
	}
	return mul3(qty, price, t.Multiplier)
}

// Average returns the price at which a quantity is worth what it cost, both signed
// alike; false where there is none. Under inverse terms it is the harmonic mean.
func (t *Terms) Average(qty, cost Decimal) (Decimal, bool) {
	var avg Decimal
	var err error
	if t.Kind == Inverse {
		avg, err = MulQuo(qty, t.Multiplier, cost)
	} else {
		avg, err = quo3(cost, qty, t.Multiplier)
	}
	return avg, err == nil
}

// Profit returns what a quantity with a cost gains when it is closed at a price;
// false where the terms give the price no value.
func (t *Terms) Profit(qty, cost, price Decimal) (Decimal, bool) {
	v, err := t.Value(qty, price)
	if err != nil {
		return Decimal{}, false
	}
	if t.Kind == Inverse {
		v, cost = cost, v
	}
	d, err := v.Sub(cost)
	return d, err == nil
}

// contradiction refuses currencies under which the arithmetic of the kind would
// give amounts of one currency the name of another. What is left out is refused
// where only a guess could take its place.
func (t *Terms) contradiction() error {
	if t.Kind != Option && t.Base != "" && t.Base == t.Quote {
		// The premium of an option may be paid in what it is an option on.
		return invalid("quote", "%q is the base as well: %s", clip(t.Quote), t.Kind.nature())
	}
	switch t.Kind {
	case Linear:
		if t.Settlement != "" && t.Settlement == t.Base {
			return invalid("settlement", "%q is the base: %s; settled in the base it is inverse", clip(t.Settlement), t.Kind.nature())
		}
	case Inverse:
		switch {
		case t.Base == "" && t.Settlement == "":
			return invalid("base", "or settlement is required: %s", t.Kind.nature())
		case t.Settlement != "" && t.Settlement == t.Quote:
			return invalid("settlement", "%q is the quote: %s; settled in the quote it is linear", clip(t.Settlement), t.Kind.nature())
		case t.Base != "" && t.Settlement != "" && t.Settlement != t.Base:
			return invalid("settlement", "%q is not the base, %q: %s", clip(t.Settlement), clip(t.Base), t.Kind.nature())
		}
	case Spot:
		switch {
		case t.Quote == "" && t.Settlement == "":
			return invalid("quote", "or settlement is required: %s", t.Kind.nature())
		case t.Settlement == t.Base:
			return invalid("settlement", "%q is the base: %s", clip(t.Settlement), t.Kind.nature())
		}
	case Quanto:
		switch t.Settlement {
		case "":
			return invalid("settlement", "is required: %s", t.Kind.nature())
		case t.Base:
			return invalid("settlement", "%q is the base: %s", clip(t.Settlement), t.Kind.nature())
		case t.Quote:
			return invalid("settlement", "%q is the quote: %s; settled in the quote it is linear", clip(t.Settlement), t.Kind.nature())
		}
	case Option:
	}
	return nil
}

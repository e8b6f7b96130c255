package position

import "github.com/moneyprinter/holdfast/internal/form"

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
// give amounts of one currency the name of another. A currency that is left out is
// refused where only a guess could take its place.
func (t *Terms) contradiction() error {
	if t.Kind != Option && t.Base != "" && t.Base == t.Quote {
		// The premium of an option may be paid in what it is an option on.
		return invalid("quote", "%q is the base as well: %s", form.Clip(t.Quote), t.Kind.nature())
	}
	switch t.Kind {
	case Linear:
		if t.Settlement != "" && t.Settlement == t.Base {
			return invalid("settlement", "%q is the base: %s; settled in the base it is inverse", form.Clip(t.Settlement), t.Kind.nature())
		}
	case Inverse:
		switch {
		case t.Base == "" && t.Settlement == "":
			return invalid("base", "or settlement is required: %s", t.Kind.nature())
		case t.Settlement != "" && t.Settlement == t.Quote:
			return invalid("settlement", "%q is the quote: %s; settled in the quote it is linear", form.Clip(t.Settlement), t.Kind.nature())
		case t.Base != "" && t.Settlement != "" && t.Settlement != t.Base:
			return invalid("settlement", "%q is not the base, %q: %s", form.Clip(t.Settlement), form.Clip(t.Base), t.Kind.nature())
		}
	case Spot:
		switch {
		case t.Quote == "" && t.Settlement == "":
			return invalid("quote", "or settlement is required: %s", t.Kind.nature())
		case t.Settlement == t.Base:
			return invalid("settlement", "%q is the base: %s", form.Clip(t.Settlement), t.Kind.nature())
		}
	case Quanto:
		switch t.Settlement {
		case "":
			return invalid("settlement", "is required: %s", t.Kind.nature())
		case t.Base:
			return invalid("settlement", "%q is the base: %s", form.Clip(t.Settlement), t.Kind.nature())
		case t.Quote:
			return invalid("settlement", "%q is the quote: %s; settled in the quote it is linear", form.Clip(t.Settlement), t.Kind.nature())
		}
	case Option:
	}
	return nil
}

// CostMethod says which cost leaves a position when it is reduced.
type CostMethod uint8

// The cost methods. All but Average keep lots.
const (
	Inherited    CostMethod = iota // the ledger's; for a ledger itself: Average
	Average                        // one average cost; a reduction takes its share
	FIFO                           // the lot that was opened first
	LIFO                           // the lot that was opened last
	HIFO                           // the dearest lot; for a short position the cheapest
	SpecificLot                    // the lots that the fill selects, which must not leave a choice
	SpecificSize                   // as SpecificLot, but a lot of exactly the fill's quantity is preferred
)

// String returns the name used in JSON and on the command line.
func (m CostMethod) String() string {
	switch m {
	case Inherited:
		return "inherited"
	case Average:
		return "average"
	case FIFO:
		return "fifo"
	case LIFO:
		return "lifo"
	case HIFO:
		return "hifo"
	case SpecificLot:
		return "specific"
	case SpecificSize:
		return "specific-size"
	}
	return "unknown"
}

// ParseCostMethod is the reverse of String, without "inherited".
func ParseCostMethod(s string) (CostMethod, error) {
	for m := Average; m <= SpecificSize; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, invalid("cost_method", "%q is none of average, fifo, lifo, hifo, specific, specific-size", form.Clip(s))
}

// BaseFee says what a fee in the base currency of a spot instrument, which changes
// the quantity, does to the cost.
type BaseFee uint8

// The policies.
const (
	FeeInCost BaseFee = iota // the cost stays whole: the fee is in the average and in the profit
	FeeApart                 // the cost is that of the changed quantity: the fee is only among the fees
)

// String returns the name used in JSON.
func (b BaseFee) String() string {
	switch b {
	case FeeInCost:
		return "cost"
	case FeeApart:
		return "apart"
	}
	return "unknown"
}

// OverReduction says what becomes of a fill that is larger than the opposite
// position.
type OverReduction uint8

// The policies.
const (
	InheritedOver OverReduction = iota // the ledger's; for a ledger itself: FlipOver
	FlipOver                           // close, then open the other way with the rest
	RejectOver                         // refuse the fill with [ErrOverReduction]
)

// String returns the name used in JSON and on the command line.
func (o OverReduction) String() string {
	switch o {
	case InheritedOver:
		return "inherited"
	case FlipOver:
		return "flip"
	case RejectOver:
		return "strict"
	}
	return "unknown"
}

// ParseOverReduction is the reverse of String, without "inherited".
func ParseOverReduction(s string) (OverReduction, error) {
	for o := FlipOver; o <= RejectOver; o++ {
		if o.String() == s {
			return o, nil
		}
	}
	return 0, invalid("over_reduction", "%q is none of flip, strict", form.Clip(s))
}

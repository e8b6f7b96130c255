package position

// DefineInstrument gives an instrument its terms. Repeating the definition that
// is in force changes nothing and leaves no record, so that the id of a repeat is
// not remembered: retry a definition before the next one is given.
type DefineInstrument struct {
	Meta
	Instrument string
	// Terms may leave out what has a default: a zero Multiplier is 1; an empty
	// Settlement is the quote (inverse: the base) and, where a linear instrument
	// or an option has no quote either, the ledger's default currency.
	Terms Terms
	// Increments of price and quantity, zero for none. Fills are held to them
	// where the rules are strict about them.
	PriceIncrement, SizeIncrement Decimal
}

// Type returns "instrument".
func (DefineInstrument) Type() string { return "instrument" }

// Identified returns a copy with id and time filled in where absent.
func (d DefineInstrument) Identified(id string, at Time) Mutation {
	d.Meta = d.identified(id, at)
	return d
}

// Validate checks the form, and that the terms do not contradict their kind.
func (d DefineInstrument) Validate() error {
	if err := d.validateForm(); err != nil {
		return err
	}
	return d.Terms.contradiction()
}

// validateForm is what definitions have always been held to. Ledgers may hold
// some that Validate refuses today.
func (d DefineInstrument) validateForm() error {
	if err := d.validate(); err != nil {
		return err
	}
	if d.ExpectVersion != nil {
		return invalid("expect_version", "has no meaning for an instrument")
	}
	if err := checkName("instrument", d.Instrument, false); err != nil {
		return err
	}
	switch {
	case d.Terms.Kind > Option:
		return invalid("kind", "is unknown")
	case d.Terms.Multiplier.Sign() < 0:
		return invalid("multiplier", "must be positive")
	case d.PriceIncrement.Sign() < 0:
		return invalid("price_increment", "must be positive")
	case d.SizeIncrement.Sign() < 0:
		return invalid("size_increment", "must be positive")
	case d.Terms.CostMethod > SpecificSize:
		return invalid("cost_method", "is unknown")
	case d.Terms.OverReduction > RejectOver:
		return invalid("over_reduction", "is unknown")
	case d.Terms.BaseFee > FeeApart:
		return invalid("base_fee", "is unknown")
	case d.Terms.BaseFee == FeeApart && d.Terms.Kind != Spot:
		return invalid("base_fee", "has a meaning for spot instruments only")
	}
	if err := d.Terms.Rounding.validate(); err != nil {
		return err
	}
	if err := checkName("base", d.Terms.Base, true); err != nil {
		return err
	}
	if err := checkName("quote", d.Terms.Quote, true); err != nil {
		return err
	}
	if d.Terms.Kind == Spot && d.Terms.Base == "" {
		return invalid("base", "is required for a spot instrument")
	}
	return checkName("settlement", d.Terms.Settlement, true)
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

// nature says what the currencies of a kind are to each other.
func (k InstrumentKind) nature() string {
	switch k {
	case Linear:
		return "a linear instrument earns in the currency of its price"
	case Inverse:
		return "an inverse instrument earns in its base, which its price is not in"
	case Spot:
		return "a spot instrument exchanges two currencies"
	case Quanto:
		return "a quanto instrument earns in a third currency, neither its base nor its quote"
	case Option:
		return "an option earns in the currency of its premium"
	}
	return "its kind is unknown"
}

// ValidateRecorded checks a mutation that a journal holds. It is Validate, but
// accepts what an earlier build has let through and this one refuses when it is
// given: definitions whose terms contradict their kind.
func ValidateRecorded(m Mutation) error {
	if m == nil {
		return invalid("type", "is missing: there is no mutation")
	}
	if d, ok := m.(DefineInstrument); ok {
		return d.validateForm()
	}
	return m.Validate()
}

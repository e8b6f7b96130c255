package position

// DefineInstrument gives an instrument its terms. Repeating the definition that
// is in force changes nothing and leaves no record, so that the id of a repeat is
// not remembered: retry a definition before the next one is given.
type DefineInstrument struct {
	Meta
	Instrument string
	Terms      Terms // zero Multiplier: 1; empty Settlement: the quote (inverse: the base), else the ledger's default
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

// Validate checks the form.
func (d DefineInstrument) Validate() error {
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

package position

import (
	"fmt"

	"github.com/moneyprinter/holdfast/internal/form"
)

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

// foldInstrument gives an instrument its terms, which must not change under an
// open position.
func (r Rules) foldInstrument(s State, d *DefineInstrument, cause Mutation) ([]Change, error) {
	terms, err := r.fillTerms(d.Terms)
	if err != nil {
		return nil, err
	}
	old := s.Instrument(d.Instrument)
	have := r.DefaultTerms()
	next := Instrument{
		Name: d.Instrument, Terms: &terms, Defined: true, Version: 1,
		PriceIncrement: d.PriceIncrement, SizeIncrement: d.SizeIncrement,
	}
	if old != nil {
		next.Mark, next.MarkTime, next.Version = old.Mark, old.MarkTime, old.Version+1
		next.SplitTime, next.SplitRatio, next.SplitPer = old.SplitTime, old.SplitRatio, old.SplitPer
		if old.Defined {
			have = *old.Terms
		}
	}
	if terms == have {
		if old != nil && old.Defined && old.PriceIncrement == next.PriceIncrement && old.SizeIncrement == next.SizeIncrement {
			return nil, nil
		}
	} else if s.HasOpen(d.Instrument) {
		return nil, fmt.Errorf("%w: %s has an open position under other terms", ErrInstrumentInUse, d.Instrument)
	}
	return []Change{{Kind: Defined, Parts: 1, Cause: cause, Instrument: &next}}, nil
}

// fillTerms puts the defaults where a definition leaves a member out.
func (r Rules) fillTerms(t Terms) (Terms, error) {
	if t.Multiplier.IsZero() {
		t.Multiplier = Decimal{lo: one}
	}
	if t.CostMethod == Inherited {
		t.CostMethod = r.costMethod()
	}
	if t.OverReduction == InheritedOver {
		t.OverReduction = r.overReduction()
	}
	if t.Settlement == "" {
		switch t.Kind {
		case Linear, Spot, Option:
			t.Settlement = t.Quote
		case Inverse:
			t.Settlement = t.Base
		case Quanto: // settled in a third currency, which cannot be guessed
		}
	}
	if t.Settlement == "" {
		t.Settlement = r.currency()
	}
	if t.Kind == Spot && t.Settlement == t.Base {
		return t, invalid("settlement", "%q is the base currency as well: a spot instrument exchanges two", form.Clip(t.Base))
	}
	return t, nil
}

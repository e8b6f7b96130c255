package position

import "github.com/moneyprinter/holdfast/internal/form"

// ChargeKind says what a charge is for.
type ChargeKind uint8

// The kinds of charge.
const (
	OtherCharge ChargeKind = iota
	FeeCharge
	Funding
	Interest
	Dividend
	Cash           // deposit, withdrawal or transfer; belongs to the account
	RealizedCharge // profit that a venue has booked itself
)

// String returns the name used in JSON.
func (k ChargeKind) String() string {
	switch k {
	case OtherCharge:
		return "other"
	case FeeCharge:
		return "fee"
	case Funding:
		return "funding"
	case Interest:
		return "interest"
	case Dividend:
		return "dividend"
	case Cash:
		return "cash"
	case RealizedCharge:
		return "realized"
	}
	return "unknown"
}

// Charge is money RECEIVED (positive) or paid (negative) beside a fill: a fee is a
// negative amount, where the Fee of a [Fill] is positive for what was paid. With an
// instrument it belongs to that position: to its cycle or, while it is flat, to
// the last one; a key without any fill gets a position that was never open.
// Without an instrument it belongs to the account.
type Charge struct {
	Meta
	Key      // Instrument may be empty
	Kind     ChargeKind
	Amount   Decimal // received is positive, paid negative
	Currency string
	// InCost says of a fee that it is in the cost of the position already: it is
	// told among the fees and not subtracted; see [Terms.FeesInCost]. It is how a
	// position is taken over that has such fees.
	InCost bool
}

// Type returns "charge".
func (Charge) Type() string { return "charge" }

// Identified returns a copy with id and time filled in where absent.
func (c Charge) Identified(id string, at Time) Mutation {
	c.Meta = c.identified(id, at)
	return c
}

// Validate checks the form.
func (c Charge) Validate() error {
	if err := c.Meta.validate(); err != nil {
		return err
	}
	if c.Instrument == "" {
		if c.Strategy != "" || c.Leg != "" {
			return invalid("instrument", "is required with a strategy or leg")
		}
		if c.ExpectVersion != nil {
			return invalid("expect_version", "has no meaning for a charge to an account")
		}
		if err := checkName("account", c.Account, false); err != nil {
			return err
		}
	} else if err := c.Key.validate(); err != nil {
		return err
	}
	if c.Kind > RealizedCharge {
		return invalid("kind", "is unknown")
	}
	if c.InCost && (c.Kind != FeeCharge || c.Instrument == "") {
		return invalid("in_cost", "is for a charge of kind fee with an instrument")
	}
	if c.Kind == Cash && c.Instrument != "" {
		return invalid("kind", "cash belongs to an account, not to an instrument")
	}
	return checkName("currency", c.Currency, false)
}

// foldCharge books money to a position: to its current cycle or, while it is
// flat, to its last one. A key that is new gets a position that was never open,
// so that what a venue charges before the first fill has a place; its first cycle
// finds the sum in Prior.
func (r Rules) foldCharge(s State, c *Charge, cause Mutation) ([]Change, error) {
	old := s.Position(c.Key)
	if err := expect(c.ExpectVersion, c.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(c.Instrument)
	if err := r.admit(c.Instrument, in); err != nil {
		return nil, err
	}
	if old == nil {
		old = unopened(s, c.Key, in)
	}
	p := old.next(c.Time, in)
	var sum calc
	var realized Decimal
	switch t, settled := &p.Totals, c.Currency == p.Terms.Settlement; {
	case c.InCost && c.Currency != p.Terms.inCost():
		return nil, invalid("in_cost", "has no meaning for a fee in %q: %s has none of that currency in its cost", form.Clip(c.Currency), c.Key)
	case c.InCost:
		t.Fees = sum.plus(t.Fees, c.Currency, c.Amount.Neg())
	case c.Kind == FeeCharge && (c.Currency != p.Terms.inCost() || !r.under(2)):
		t.Fees = sum.plus(t.Fees, c.Currency, c.Amount.Neg())
	case c.Kind == Funding && settled:
		t.Funding = sum.add(t.Funding, c.Amount)
	case c.Kind == RealizedCharge && settled:
		realized = c.Amount
		t.Realized = sum.add(t.Realized, realized)
	default:
		t.Charges = sum.plus(t.Charges, c.Currency, c.Amount)
	}
	if sum.err != nil {
		return nil, sum.err
	}
	return []Change{{Kind: Charged, Parts: 1, Cause: cause, Realized: realized, After: p}}, nil
}

// unopened returns the position of a key before anything happened to it.
func unopened(s State, key Key, in *Instrument) *Position {
	return &Position{Key: key, Terms: termsFor(s, nil, in)}
}

// foldCash books money that belongs to no instrument to its place in the
// account.
func foldCash(s State, c *Charge, cause Mutation) ([]Change, error) {
	next := Account{Name: c.Account}
	if old := s.Account(c.Account); old != nil {
		next = *old
		next.Seq = 0
	}
	next.Version++
	part := next.part(c.Kind)
	var err error
	if *part, err = part.Plus(c.Currency, c.Amount); err != nil {
		return nil, err
	}
	return []Change{{Kind: AccountSet, Parts: 1, Cause: cause, Account: &next}}, nil
}

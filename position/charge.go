package position

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

// ParseChargeKind is the reverse of String.
func ParseChargeKind(s string) (ChargeKind, error) {
	for k := OtherCharge; k <= RealizedCharge; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, invalid("kind", "%q is none of other, fee, funding, interest, dividend, cash, realized", clip(s))
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

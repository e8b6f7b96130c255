package position

// Split rescales an instrument: every open position's quantity by Ratio/Per,
// prices by the reverse, stop and targets as well, cost not at all. Prices of an
// inverse instrument go with the quantity, so that the value at a price stays
// there too. It is one record of the instrument and one change per open position.
// The same split, by event time and ratio, is refused under another id with
// [ErrSplitTwice], and so is one before the last.
type Split struct {
	Meta
	Instrument string
	Ratio      Decimal // new quantity for Per old ones; positive
	Per        Decimal // zero: 1
	// Increment, if not zero, is what new quantities are rounded down to; what is
	// cut off is sold at CashPrice. Under a cost method with lots it leaves by the
	// method, and where that would need a selection first in, first out.
	Increment Decimal
	CashPrice *Decimal // per new unit, for the cut off part; nil: it is lost with its cost
}

// Type returns "split".
func (Split) Type() string { return "split" }

// Identified returns a copy with id and time filled in where absent.
func (s Split) Identified(id string, at Time) Mutation {
	s.Meta = s.identified(id, at)
	return s
}

// Validate checks the form.
func (s Split) Validate() error {
	if err := s.validate(); err != nil {
		return err
	}
	switch {
	case s.ExpectVersion != nil:
		return invalid("expect_version", "has no meaning for a split")
	case s.Ratio.Sign() <= 0:
		return invalid("ratio", "must be positive")
	case s.Per.Sign() < 0:
		return invalid("per", "must be positive")
	case s.Increment.Sign() < 0:
		return invalid("increment", "must be positive")
	case s.CashPrice != nil && s.Increment.IsZero():
		return invalid("cash_price", "has no meaning without an increment")
	}
	return checkName("instrument", s.Instrument, false)
}

// SettleReason says why positions are settled.
type SettleReason uint8

// The reasons.
const (
	Expiry   SettleReason = iota // at the settlement price
	Delist                       // at the price that the venue pays
	WriteOff                     // for nothing; has no price
)

// String returns the name used in JSON.
func (r SettleReason) String() string {
	switch r {
	case Expiry:
		return "expiry"
	case Delist:
		return "delist"
	case WriteOff:
		return "write_off"
	}
	return "unknown"
}

// Settle closes every open position of an instrument at one price, which becomes
// its mark. In a write-off the closing value is zero and the mark stays: a long
// position loses its cost, a short one keeps it; of an inverse instrument, whose
// value grows as its price falls, it is refused. It is one record of the instrument
// and one change per open position.
type Settle struct {
	Meta
	Instrument string
	Price      Decimal // none for a write-off; zero: see ZeroPrice
	ZeroPrice  bool    // a Price of zero is meant, that of an option that expires worthless; without it such a price is refused
	Reason     SettleReason
}

// Type returns "settle".
func (Settle) Type() string { return "settle" }

// Identified returns a copy with id and time filled in where absent.
func (s Settle) Identified(id string, at Time) Mutation {
	s.Meta = s.identified(id, at)
	return s
}

// Validate checks the form.
func (s Settle) Validate() error {
	if err := s.validate(); err != nil {
		return err
	}
	switch {
	case s.ExpectVersion != nil:
		return invalid("expect_version", "has no meaning for a settlement")
	case s.Reason > WriteOff:
		return invalid("reason", "is unknown")
	case s.Reason == WriteOff && (!s.Price.IsZero() || s.ZeroPrice):
		return invalid("price", "has no meaning for a write-off")
	}
	if s.Reason != WriteOff {
		if err := checkZero(s.Price, s.ZeroPrice); err != nil {
			return err
		}
	}
	return checkName("instrument", s.Instrument, false)
}

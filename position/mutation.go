package position

// Mutation is one thing that the engine says happened: a [Fill], [Mark],
// [Charge], [Amend], [Split], [Settle], [Transfer], [Adjust], [Adopt], [Bust],
// [Correct] or [DefineInstrument]. Values, not pointers, implement it.
type Mutation interface {
	// Type returns the name used in JSON: "fill", "mark", "charge", …
	Type() string
	// ID returns the idempotency key, "" when none was given.
	ID() string
	// EventTime returns the engine's own time, zero when none was given.
	EventTime() Time
	// Identified returns a copy with an id and a time where they were absent.
	Identified(id string, at Time) Mutation
	// Validate checks the form without looking at any state. Its errors match
	// [ErrInvalid].
	Validate() error

	sealed()
}

// Meta is the part that all mutations share.
type Meta struct {
	// Ident is the idempotency key, 1 to 64 bytes of printable UTF-8. Retrying a
	// mutation with the same id and content changes nothing. The recommended
	// form is UUIDv5(venue, execution id). Empty: one is made when the mutation is
	// applied, and the result and the error of an unknown outcome tell it; the same
	// call repeated without it makes another one and is applied twice. So an engine
	// that retries sets it.
	Ident string
	// Time is when it happened, by the engine's clock. Zero: when it is applied.
	Time Time
	// ExpectVersion, if set, refuses the mutation unless the key's version is
	// this one; 0 means that the key must be new. It is a condition, not
	// content: it is neither stored nor compared for duplicates.
	ExpectVersion *uint64
}

// ID returns the idempotency key.
func (m Meta) ID() string { return m.Ident }

// EventTime returns the engine's time.
func (m Meta) EventTime() Time { return m.Time }

// sealed keeps the set of mutations closed: only what embeds Meta is one.
func (Meta) sealed() {}

func (m Meta) identified(id string, at Time) Meta {
	if m.Ident == "" {
		m.Ident = id
	}
	if m.Time == 0 {
		m.Time = at
	}
	return m
}

// validate accepts an absent id and time, because the ledger supplies them.
func (m Meta) validate() error {
	if m.Time < 0 {
		return invalid("time", "is before 1970")
	}
	return checkName("id", m.Ident, true)
}

// Side is the direction of a fill.
type Side int8

// The directions.
const (
	Buy  Side = 1
	Sell Side = -1
)

// String returns "buy" or "sell".
func (s Side) String() string {
	switch s {
	case Buy:
		return "buy"
	case Sell:
		return "sell"
	}
	return "unknown"
}

// Fill is one execution.
type Fill struct {
	Meta
	Key
	Side        Side
	Qty         Decimal // positive, in units or contracts
	Price       Decimal // in quote currency; may be negative except for inverse; zero: see ZeroPrice
	Fee         Decimal // what was PAID is positive, a rebate negative; of a [Charge] it is the other way round
	FeeCurrency string  // empty: the settlement currency
	// ReduceOnly refuses the fill, with [ErrOverReduction], where it would open,
	// increase or flip the position.
	ReduceOnly bool
	// ZeroPrice says that a Price of zero is meant; without it such a price is
	// refused, since it is what a forgotten one looks like.
	ZeroPrice bool
	// Lot, under a cost method with lots, selects those that a reduction
	// consumes; the part that opens a lot gives it the Label. Nil: the method
	// chooses, and the new lot's label is the fill's id.
	Lot *LotRef
}

// Type returns "fill".
func (Fill) Type() string { return "fill" }

// Identified returns a copy with id and time filled in where absent.
func (f Fill) Identified(id string, at Time) Mutation {
	f.Meta = f.identified(id, at)
	return f
}

// Validate checks the form.
func (f Fill) Validate() error {
	if err := f.Meta.validate(); err != nil {
		return err
	}
	if err := f.Key.validate(); err != nil {
		return err
	}
	if f.Side != Buy && f.Side != Sell {
		return invalid("side", "must be buy or sell")
	}
	if f.Qty.Sign() <= 0 {
		return invalid("qty", "must be positive")
	}
	if err := checkZero(f.Price, f.ZeroPrice); err != nil {
		return err
	}
	if err := f.Lot.validate(); err != nil {
		return err
	}
	return checkName("fee_currency", f.FeeCurrency, true)
}

// Mark is a new mark price of an instrument. It is one record however many
// positions are open.
type Mark struct {
	Meta
	Instrument string
	Price      Decimal
	ZeroPrice  bool // a Price of zero is meant; without it such a price is refused
}

// Type returns "mark".
func (Mark) Type() string { return "mark" }

// Identified returns a copy with id and time filled in where absent.
func (m Mark) Identified(id string, at Time) Mutation {
	m.Meta = m.identified(id, at)
	return m
}

// Validate checks the form.
func (m Mark) Validate() error {
	if err := m.validate(); err != nil {
		return err
	}
	if m.ExpectVersion != nil {
		return invalid("expect_version", "has no meaning for a mark")
	}
	if err := checkZero(m.Price, m.ZeroPrice); err != nil {
		return err
	}
	return checkName("instrument", m.Instrument, false)
}

// Stated returns a mutation that was read from where what is absent is told from
// what is zero, a file or a message: its price of zero is meant.
func Stated(m Mutation) Mutation {
	switch v := m.(type) {
	case Fill:
		if v.ZeroPrice = v.Price.IsZero(); v.ZeroPrice {
			return v
		}
	case Correct:
		if v.ZeroPrice = v.Price.IsZero(); v.ZeroPrice {
			return v
		}
	case Mark:
		if v.ZeroPrice = v.Price.IsZero(); v.ZeroPrice {
			return v
		}
	case Settle:
		if v.ZeroPrice = v.Price.IsZero() && v.Reason != WriteOff; v.ZeroPrice {
			return v
		}
	}
	return m
}

// checkZero refuses a price of zero that may be one that was forgotten.
func checkZero(price Decimal, meant bool) error {
	switch {
	case price.IsZero() && !meant:
		return invalid("price", "is missing: a price of zero is said by ZeroPrice")
	case !price.IsZero() && meant:
		return invalid("price", "is %s, and ZeroPrice says that it is zero", price)
	}
	return nil
}

// valueOf returns one of this package's types for what implements [Mutation] in
// another way: a pointer, or a struct that embeds one of them.
func valueOf(m Mutation) Mutation {
	switch m.(type) {
	case nil, Fill, Mark, Charge, Amend, DefineInstrument, Split, Settle, Transfer, Adjust, Adopt, Bust, Correct:
		return m
	}
	return m.Identified("", 0)
}

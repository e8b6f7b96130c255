package position

// Mutation is one thing that the engine says happened: a [Fill], [Mark],
// [Charge], [Amend] or [DefineInstrument]. Values, not pointers, implement it.
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
	// form is UUIDv5(venue, execution id).
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
	Price       Decimal // in quote currency; may be zero or negative except for inverse
	Fee         Decimal // paid is positive, a rebate negative
	FeeCurrency string  // empty: the settlement currency
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
	return checkName("fee_currency", f.FeeCurrency, true)
}

// Mark is a new mark price of an instrument. It is one record however many
// positions are open.
type Mark struct {
	Meta
	Instrument string
	Price      Decimal
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
	return checkName("instrument", m.Instrument, false)
}

// ChargeKind says what a charge is for.
type ChargeKind uint8

// The kinds of charge.
const (
	OtherCharge ChargeKind = iota
	FeeCharge
	Funding
	Interest
	Dividend
	Cash // deposit, withdrawal or transfer; belongs to the account
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
	}
	return "unknown"
}

// ParseChargeKind is the reverse of String.
func ParseChargeKind(s string) (ChargeKind, error) {
	for k := OtherCharge; k <= Cash; k++ {
		if k.String() == s {
			return k, nil
		}
	}
	return 0, invalid("kind", "%q is none of other, fee, funding, interest, dividend, cash", clip(s))
}

// Charge is money received (positive) or paid (negative) beside a fill. With an
// instrument it belongs to that position, to the last cycle if it is flat;
// without one it belongs to the account.
type Charge struct {
	Meta
	Key      // Instrument may be empty
	Kind     ChargeKind
	Amount   Decimal
	Currency string
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
	if c.Kind > Cash {
		return invalid("kind", "is unknown")
	}
	if c.Kind == Cash && c.Instrument != "" {
		return invalid("kind", "cash belongs to an account, not to an instrument")
	}
	return checkName("currency", c.Currency, false)
}

// Limits of an [Amend].
const (
	MaxTargets = 64
	MaxTags    = 64
	MaxMeta    = 64
	MaxValue   = 1024 // bytes of one metadata value
)

// Amend sets the conditions of a position. A nil member leaves its part as it
// is; an empty one clears it.
type Amend struct {
	Meta
	Key
	Stop     *Decimal
	NoStop   bool // clears the stop
	Targets  []Decimal
	Tags     []string
	Metadata map[string]string // nil: unchanged; merged by name, "" removes a name
}

// Type returns "amend".
func (Amend) Type() string { return "amend" }

// Identified returns a copy with id and time filled in where absent.
func (a Amend) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Amend) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	switch {
	case a.Stop == nil && !a.NoStop && a.Targets == nil && a.Tags == nil && a.Metadata == nil:
		return invalid("stop", "or targets, tags or metadata is required: an amendment must set something")
	case a.Stop != nil && a.NoStop:
		return invalid("stop", "cannot be set and cleared at once")
	case len(a.Targets) > MaxTargets:
		return invalid("targets", "has %d members, at most %d are allowed", len(a.Targets), MaxTargets)
	case len(a.Tags) > MaxTags:
		return invalid("tags", "has %d members, at most %d are allowed", len(a.Tags), MaxTags)
	case len(a.Metadata) > MaxMeta:
		return invalid("metadata", "has %d members, at most %d are allowed", len(a.Metadata), MaxMeta)
	}
	for _, t := range a.Tags {
		if err := checkName("tags", t, false); err != nil {
			return err
		}
	}
	for _, name := range sortedNames(a.Metadata) {
		if err := checkMeta(name, a.Metadata[name]); err != nil {
			return err
		}
	}
	return nil
}

// DefineInstrument gives an instrument its terms. Repeating the definition that
// is in force changes nothing and leaves no record, so that the id of a repeat is
// not remembered: retry a definition before the next one is given.
type DefineInstrument struct {
	Meta
	Instrument string
	Terms      Terms // zero Multiplier: 1; empty Settlement: the quote (inverse: the base), else the ledger's default
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
	if d.Terms.Kind > Option {
		return invalid("kind", "is unknown")
	}
	if d.Terms.Multiplier.Sign() < 0 {
		return invalid("multiplier", "must be positive")
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

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
	if side := m.Time.outside(); side != "" {
		return invalid("time", "%s", side)
	}
	return checkName("id", m.Ident, true)
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

// valueOf returns one of this package's types for what implements [Mutation] in
// another way: a pointer, or a struct that embeds one of them.
func valueOf(m Mutation) Mutation {
	switch m.(type) {
	case nil, Fill, Mark, Charge, Amend, DefineInstrument, Split, Settle, Transfer, Adjust, Adopt, Bust, Correct:
		return m
	}
	return m.Identified("", 0)
}

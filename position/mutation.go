package position

import (
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"
)

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

// checkName refuses what could not be stored, shown or published.
func checkName(field, s string, mayBeEmpty bool) error {
	switch {
	case s == "" && !mayBeEmpty:
		return invalid(field, "is required")
	case len(s) > MaxName:
		return invalid(field, "is %d bytes long, at most %d are allowed", len(s), MaxName)
	case plain(s):
		return nil
	case !utf8.ValidString(s):
		return invalid(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return invalid(field, "contains the unprintable character %U", r)
		}
	}
	return nil
}

// plain reports whether a text is printable ASCII, as most names are: its bytes tell,
// eight at a time. With 0x60 added a byte below 0x80 has its top bit from the space on,
// with 1 added for DEL alone.
func plain(s string) bool {
	const tops, ones = 0x8080808080808080, 0x0101010101010101
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if (w|(w+ones))&tops != 0 || (w+0x60*ones)&tops != tops {
			return false
		}
	}
	for i := range len(s) {
		if s[i]-' ' > '~'-' ' {
			return false
		}
	}
	return true
}

// checkText accepts printable UTF-8 without line breaks.
func checkText(field, s string) error {
	if plain(s) {
		return nil
	}
	if !utf8.ValidString(s) {
		return invalid(field, "is not valid UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return invalid(field, "holds the unprintable character %U", r)
		}
	}
	return nil
}

// MaxReason is the longest text of a reason, in bytes.
const MaxReason = 1024

// checkReason accepts text of one line.
func checkReason(s string, empty bool) error {
	switch {
	case s == "" && !empty:
		return invalid("reason", "is required")
	case len(s) > MaxReason:
		return invalid("reason", "is %d bytes long, at most %d are allowed", len(s), MaxReason)
	}
	return checkText("reason", s)
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

// ValueOf returns one of this package's types for what implements [Mutation] in
// another way: a pointer, or a struct that embeds one of them.
func ValueOf(m Mutation) Mutation {
	switch m.(type) {
	case nil, Fill, Mark, Charge, Amend, DefineInstrument, Split, Settle, Transfer, Adjust, Adopt, Bust, Correct:
		return m
	}
	return m.Identified("", 0)
}

// Own returns the mutation as a value that shares nothing with the caller's, who
// may go on to change what it points to. A nil mutation or pointer gives nil.
func Own(m Mutation) Mutation {
	switch v := m.(type) {
	case Fill:
		if v.ExpectVersion == nil && v.Lot == nil {
			return m
		}
		v.ExpectVersion, v.Lot = copied(v.ExpectVersion), v.Lot.own()
		return v
	case Mark:
		if v.ExpectVersion == nil {
			return m
		}
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Charge:
		if v.ExpectVersion == nil {
			return m
		}
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Amend:
		v.ExpectVersion, v.Stop = copied(v.ExpectVersion), copied(v.Stop)
		v.Targets, v.Tags, v.Metadata = slices.Clone(v.Targets), slices.Clone(v.Tags), maps.Clone(v.Metadata)
		return v
	case DefineInstrument:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Split:
		v.ExpectVersion, v.CashPrice = copied(v.ExpectVersion), copied(v.CashPrice)
		return v
	case Settle:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	}
	return ownMove(m)
}

// ownMove is Own for the mutations of one key that are no fill, and for pointers.
func ownMove(m Mutation) Mutation {
	switch v := m.(type) {
	case Transfer:
		v.ExpectVersion, v.Lot = copied(v.ExpectVersion), v.Lot.own()
		return v
	case Adjust:
		v.ExpectVersion, v.Price = copied(v.ExpectVersion), copied(v.Price)
		return v
	case Adopt:
		v.ExpectVersion, v.Price, v.Cost = copied(v.ExpectVersion), copied(v.Price), copied(v.Cost)
		v.Realized, v.Funding, v.High, v.Low = copied(v.Realized), copied(v.Funding), copied(v.High), copied(v.Low)
		v.Lots = slices.Clone(v.Lots)
		for i := range v.Lots {
			v.Lots[i].Price, v.Lots[i].Cost = copied(v.Lots[i].Price), copied(v.Lots[i].Cost)
		}
		return v
	case Bust:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Correct:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	}
	return ownPointer(m)
}

func ownPointer(m Mutation) Mutation {
	switch p := m.(type) {
	case *Fill:
		return pointedTo(p)
	case *Mark:
		return pointedTo(p)
	case *Charge:
		return pointedTo(p)
	case *Amend:
		return pointedTo(p)
	case *DefineInstrument:
		return pointedTo(p)
	case *Split:
		return pointedTo(p)
	case *Settle:
		return pointedTo(p)
	case *Transfer:
		return pointedTo(p)
	case *Adjust:
		return pointedTo(p)
	case *Adopt:
		return pointedTo(p)
	case *Bust:
		return pointedTo(p)
	case *Correct:
		return pointedTo(p)
	}
	return m
}

func pointedTo[T Mutation](p *T) Mutation {
	if p == nil {
		return nil
	}
	return Own(*p)
}

func (r *LotRef) own() *LotRef {
	r = copied(r)
	if r != nil {
		r.Price = copied(r.Price)
	}
	return r
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

package position

import "fmt"

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

// foldSettle closes every open position of an instrument. Its price is the
// instrument's last mark as well; a write-off leaves the mark alone.
func (r Rules) foldSettle(s State, v *Settle, cause Mutation) ([]Change, error) {
	in := s.Instrument(v.Instrument)
	if err := r.admit(v.Instrument, in); err != nil {
		return nil, err
	}
	next := unversioned(s, v.Instrument, in)
	switch {
	case next.Terms.Kind != Inverse:
	case v.Reason == WriteOff:
		// Its value grows as the price falls: for nothing has no meaning.
		return nil, invalid("reason", "write_off has no meaning for an inverse instrument: settle it at a price, or adjust its positions")
	case v.Price.Sign() <= 0:
		return nil, invalid("price", "must be positive for an inverse instrument")
	}
	next.Version++
	if v.Reason != WriteOff {
		next.Mark, next.MarkTime = v.Price, v.Time
	}
	changes := []Change{{Kind: Settled, Instrument: next}}
	for p := range s.Open(v.Instrument) {
		c, err := settled(p, v, next)
		if err != nil {
			return nil, fmt.Errorf("settlement of %s: %w", p.Key, err)
		}
		changes = append(changes, c)
	}
	return numbered(changes, cause), nil
}

// settled returns the change that closes a position as a trade at the price
// would. In a write-off the closing value is zero.
func settled(p *Position, v *Settle, in *Instrument) (Change, error) {
	x := flow{key: p.Key, terms: p.Terms, in: in, at: v.Time, high: p.High, low: p.Low}
	l := leg{qty: p.Qty.Neg()}
	if v.Reason != WriteOff {
		x.high, x.low = v.Price, v.Price
		var err error
		if l.value, err = p.Terms.Value(l.qty, v.Price); err != nil {
			return Change{}, err
		}
	}
	out := x.apply(nil, p, l)
	if x.err != nil {
		return Change{}, x.err
	}
	out[0].Kind = Settled
	return out[0], nil
}

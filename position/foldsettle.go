package position

import "fmt"

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
			return nil, fmt.Errorf("position: settlement of %s: %w", p.Key, err)
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
		if l.value, err = p.Terms.value(l.qty, v.Price); err != nil {
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

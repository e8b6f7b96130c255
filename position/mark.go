package position

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

// foldMark records a price. The extremes of open positions follow from it by
// comparison, so it makes no image of them.
func (r Rules) foldMark(dst []Change, s State, m *Mark, cause Mutation) ([]Change, error) {
	in := s.Instrument(m.Instrument)
	if err := r.admit(m.Instrument, in); err != nil {
		return nil, err
	}
	if in != nil && in.Defined && in.Terms.Kind == Inverse && m.Price.Sign() <= 0 {
		return nil, invalid("price", "must be positive for an inverse instrument")
	}
	return append(dst, Change{Kind: Marked, Parts: 1, Cause: cause}), nil
}

package position

// Bust cancels an earlier fill: what followed it is folded again without it, and
// the result is the change. It is refused with [ErrTrimmedHistory] where the
// records since the fill are not kept any more, and with [ErrRefold] where what
// followed could not have happened without it, or a transfer would have taken
// something else to another key than it has; adjust the position instead.
type Bust struct {
	Meta
	Key           // of the fill
	Fill   string // its id
	Reason string // at most MaxReason bytes
}

// Type returns "bust".
func (Bust) Type() string { return "bust" }

// Identified returns a copy with id and time filled in where absent.
func (b Bust) Identified(id string, at Time) Mutation {
	b.Meta = b.identified(id, at)
	return b
}

// Validate checks the form.
func (b Bust) Validate() error {
	if err := b.Meta.validate(); err != nil {
		return err
	}
	if err := b.Key.validate(); err != nil {
		return err
	}
	if err := checkName("fill", b.Fill, false); err != nil {
		return err
	}
	return checkReason(b.Reason, true)
}

// Correct amends an earlier fill: what followed it is folded again with these
// values in its place. The fill keeps its id, event time and lot. It is refused
// as [Bust] is.
type Correct struct {
	Meta
	Key                // of the fill
	Fill        string // its id
	Side        Side   // as those of a Fill
	Qty         Decimal
	Price       Decimal
	Fee         Decimal
	FeeCurrency string
	ZeroPrice   bool   // as that of a Fill
	Reason      string // at most MaxReason bytes
}

// Type returns "correct".
func (Correct) Type() string { return "correct" }

// Identified returns a copy with id and time filled in where absent.
func (c Correct) Identified(id string, at Time) Mutation {
	c.Meta = c.identified(id, at)
	return c
}

// Validate checks the form.
func (c Correct) Validate() error {
	if err := c.replacement(Fill{Meta: c.Meta}).Validate(); err != nil {
		return err
	}
	if err := checkName("fill", c.Fill, false); err != nil {
		return err
	}
	return checkReason(c.Reason, true)
}

// replacement returns the fill that stands in the place of f.
func (c Correct) replacement(f Fill) Fill {
	f.Key, f.Side, f.Qty, f.Price, f.Fee, f.FeeCurrency = c.Key, c.Side, c.Qty, c.Price, c.Fee, c.FeeCurrency
	f.ZeroPrice = c.ZeroPrice
	return f
}

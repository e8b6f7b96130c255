package position

// foldCharge books money to a position: to its current cycle or, while it is
// flat, to its last one. A key that is new gets a position that was never open,
// so that what a venue charges before the first fill has a place; its first cycle
// finds the sum in Prior.
func (r Rules) foldCharge(s State, c *Charge, cause Mutation) ([]Change, error) {
	old := s.Position(c.Key)
	if err := expect(c.ExpectVersion, c.Key, old); err != nil {
		return nil, err
	}
	in := s.Instrument(c.Instrument)
	if err := r.admit(c.Instrument, in); err != nil {
		return nil, err
	}
	if old == nil {
		old = unopened(s, c.Key, in)
	}
	p := old.next(c.Time, in)
	var sum calc
	var realized Decimal
	switch t, settled := &p.Totals, c.Currency == p.Terms.Settlement; {
	case c.InCost && c.Currency != p.Terms.inCost():
		return nil, invalid("in_cost", "has no meaning for a fee in %q: %s has none of that currency in its cost", clip(c.Currency), c.Key)
	case c.InCost:
		t.Fees = sum.plus(t.Fees, c.Currency, c.Amount.Neg())
	case c.Kind == FeeCharge && (c.Currency != p.Terms.inCost() || !r.under(2)):
		t.Fees = sum.plus(t.Fees, c.Currency, c.Amount.Neg())
	case c.Kind == Funding && settled:
		t.Funding = sum.add(t.Funding, c.Amount)
	case c.Kind == RealizedCharge && settled:
		realized = c.Amount
		t.Realized = sum.add(t.Realized, realized)
	default:
		t.Charges = sum.plus(t.Charges, c.Currency, c.Amount)
	}
	if sum.err != nil {
		return nil, sum.err
	}
	return []Change{{Kind: Charged, Parts: 1, Cause: cause, Realized: realized, After: p}}, nil
}

// unopened returns the position of a key before anything happened to it.
func unopened(s State, key Key, in *Instrument) *Position {
	return &Position{Key: key, Terms: termsFor(s, nil, in)}
}

// foldCash books money that belongs to no instrument to its place in the
// account.
func foldCash(s State, c *Charge, cause Mutation) ([]Change, error) {
	next := Account{Name: c.Account}
	if old := s.Account(c.Account); old != nil {
		next = *old
		next.Seq = 0
	}
	next.Version++
	part := next.part(c.Kind)
	var err error
	if *part, err = part.Plus(c.Currency, c.Amount); err != nil {
		return nil, err
	}
	return []Change{{Kind: AccountSet, Parts: 1, Cause: cause, Account: &next}}, nil
}

// part returns the sums that a kind of charge belongs to.
func (a *Account) part(kind ChargeKind) *Amounts {
	switch kind {
	case Cash:
		return &a.Cash
	case FeeCharge:
		return &a.Fees
	case Funding:
		return &a.Funding
	case Interest:
		return &a.Interest
	case Dividend:
		return &a.Dividends
	case RealizedCharge:
		return &a.Realized
	case OtherCharge:
	}
	return &a.Other
}

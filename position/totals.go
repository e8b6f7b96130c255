package position

// Totals are amounts that add up over time. Realized, Funding and net are in
// the settlement currency.
type Totals struct {
	Realized Decimal // gross, before fees
	Funding  Decimal // received is positive
	Fees     Amounts // paid is positive, per currency
	Charges  Amounts // other charges, received is positive, per currency
}

// Lifetime is what the earlier cycles of a position came to.
type Lifetime struct {
	Totals

	Wins, Losses uint64 // cycles that ended with a positive or a negative net
}

// lifetimeBlock is to the totals of earlier cycles what imageBlock is to an image.
// Each record of the key encodes them.
type lifetimeBlock struct {
	Lifetime

	fee [1]Amount
}

// block returns totals that will not change any more, with their fees beside them.
func (l *Lifetime) block() *Lifetime {
	b := &lifetimeBlock{Lifetime: *l}
	if len(l.Fees) == 1 {
		b.fee[0] = l.Fees[0]
		b.Fees = b.fee[:]
	}
	return &b.Lifetime
}

// Net returns gross − fees + funding + charges, each in the settlement currency;
// amounts in other currencies are left out because no rate is known. Fees that
// are in the cost are in the gross profit already; see [Terms.FeesInCost].
func (t *Totals) Net(terms *Terms) (Decimal, error) {
	if terms == nil {
		terms = &unknownTerms
	}
	return t.NetIn(terms, terms.Settlement)
}

// NetIn returns what the totals come to in one currency. It is the only place where
// the parts of a net are put together: every other net is a sum of these.
func (t *Totals) NetIn(terms *Terms, currency string) (Decimal, error) {
	if terms == nil {
		terms = &unknownTerms
	}
	var c calc
	var n Decimal
	if currency == terms.Settlement {
		n = t.Realized
	}
	if currency != terms.inCost() {
		n = c.sub(n, t.Fees.Get(currency))
	}
	if currency == terms.Settlement {
		n = c.add(n, t.Funding)
	}
	return c.add(n, t.Charges.Get(currency)), c.err
}

func (t *Totals) plus(o *Totals) (Totals, error) {
	var c calc
	sum := Totals{Realized: c.add(t.Realized, o.Realized), Funding: c.add(t.Funding, o.Funding)}
	sum.Fees = c.plusAll(t.Fees, o.Fees)
	sum.Charges = c.plusAll(t.Charges, o.Charges)
	return sum, c.err
}

func (c *calc) plus(a Amounts, currency string, v Decimal) Amounts {
	sum, err := a.Plus(currency, v)
	if err != nil && c.err == nil {
		c.err = err
	}
	return sum
}

func (c *calc) plusAll(a, b Amounts) Amounts {
	sum, err := a.PlusAll(b)
	if err != nil && c.err == nil {
		c.err = err
	}
	return sum
}

package position

import (
	"slices"

	"github.com/moneyprinter/holdfast/internal/form"
)

// Amount is a sum of money in one currency.
type Amount struct {
	Currency string
	Value    Decimal
}

// Amounts is a set of amounts, one per currency, sorted by currency and without
// zeros. It is immutable; the zero value is empty.
type Amounts []Amount

// MaxCurrencies is how many currencies one position's fees or charges may hold.
const MaxCurrencies = 64

// Get returns the amount in a currency, zero when there is none.
func (a Amounts) Get(currency string) Decimal {
	for i := range a {
		if a[i].Currency == currency {
			return a[i].Value
		}
	}
	return Decimal{}
}

// Plus returns a with v added in a currency. It fails on overflow or on more
// than [MaxCurrencies] currencies.
func (a Amounts) Plus(currency string, v Decimal) (Amounts, error) {
	if v.IsZero() {
		return a, nil
	}
	i := 0
	for i < len(a) && a[i].Currency < currency {
		i++
	}
	if i == len(a) || a[i].Currency != currency {
		if len(a) == MaxCurrencies {
			return a, invalid("currency", "%q would be the position's currency number %d, at most %d are allowed", form.Clip(currency), len(a)+1, MaxCurrencies)
		}
		out := make(Amounts, len(a)+1)
		copy(out, a[:i])
		out[i] = Amount{Currency: currency, Value: v}
		copy(out[i+1:], a[i:])
		return out, nil
	}
	sum, err := a[i].Value.Add(v)
	if err != nil {
		return a, err
	}
	if sum.IsZero() {
		return slices.Concat(a[:i], a[i+1:]), nil
	}
	out := make(Amounts, len(a))
	copy(out, a)
	out[i].Value = sum
	return out, nil
}

// PlusAll returns the sum of two sets.
func (a Amounts) PlusAll(b Amounts) (Amounts, error) {
	if len(a) == 0 {
		return b, nil
	}
	sum := a
	for _, x := range b {
		var err error
		if sum, err = sum.Plus(x.Currency, x.Value); err != nil {
			return a, err
		}
	}
	return sum, nil
}

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

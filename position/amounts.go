package position

import "slices"

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
			return a, invalid("currency", "%q would be the position's currency number %d, at most %d are allowed", clip(currency), len(a)+1, MaxCurrencies)
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

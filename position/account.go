package position

import (
	"maps"
	"slices"
)

// Account is the money side of one account: the charges that belong to no
// instrument, by kind.
type Account struct {
	Name string
	// Per currency, received is positive, a fee paid negative.
	Cash, Fees, Funding, Interest, Dividends, Realized, Other Amounts

	Version uint64 // changes so far
	Seq     uint64 // record of the last change; set by the projector, not stored
}

// Balances returns the sum of all kinds, in any number of currencies.
func (a *Account) Balances() (Amounts, error) {
	var c calc
	sums := make(map[string]Decimal)
	for _, part := range [...]Amounts{a.Cash, a.Fees, a.Funding, a.Interest, a.Dividends, a.Realized, a.Other} {
		for _, x := range part {
			sums[x.Currency] = c.add(sums[x.Currency], x.Value)
		}
	}
	var out Amounts
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		if v := sums[currency]; !v.IsZero() {
			out = append(out, Amount{Currency: currency, Value: v})
		}
	}
	return out, c.err
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

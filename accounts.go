package holdfast

import (
	"fmt"
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// AccountStatus is one account: its cash side by kind, what its positions came to
// over their lives, and the two together, each per currency.
type AccountStatus struct {
	Account   string            `json:"account"`
	Balances  map[string]string `json:"balances"` // sum of the cash side
	Cash      map[string]string `json:"cash"`     // deposits, withdrawals, transfers
	Fees      map[string]string `json:"fees"`     // paid is negative
	Funding   map[string]string `json:"funding"`
	Interest  map[string]string `json:"interest"`
	Dividends map[string]string `json:"dividends"`
	Realized  map[string]string `json:"realized"` // profit that a venue booked to the account
	Other     map[string]string `json:"other"`
	Positions PositionTotals    `json:"positions"`
	// Total is what the account came to: balances and the realised profit, fees,
	// funding and charges of its positions. What is open is not in it.
	Total map[string]string `json:"total"`
}

// PositionTotals are sums over the positions of an account, all cycles, in their
// settlement currencies and those of the fees and charges.
type PositionTotals struct {
	Count    int               `json:"count"`
	Open     int               `json:"open"`
	Realized map[string]string `json:"realized"` // gross
	Fees     map[string]string `json:"fees"`     // paid is positive
	Funding  map[string]string `json:"funding"`
	Charges  map[string]string `json:"charges"`
}

// AccountTotals sums a view by account, sorted by name. An account is listed when
// it has had a charge of its own or a position.
func AccountTotals(v *projector.View) ([]AccountStatus, error) {
	sums := make(map[string]*accountSum)
	of := func(name string) *accountSum {
		s := sums[name]
		if s == nil {
			s = new(accountSum)
			sums[name] = s
		}
		return s
	}
	for a := range v.Accounts() {
		of(a.Name).own = a
	}
	for p := range v.Positions() {
		if err := of(p.Key.Account).add(&p); err != nil {
			return nil, fmt.Errorf("holdfast: totals of account %q: %w", p.Key.Account, err)
		}
	}
	out := make([]AccountStatus, 0, len(sums))
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		s, err := sums[name].status(name)
		if err != nil {
			return nil, fmt.Errorf("holdfast: totals of account %q: %w", name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// accountSum is an account being summed up.
type accountSum struct {
	own                              position.Account
	count, open                      int
	realized, fees, funding, charges amountSum
}

func (s *accountSum) add(p *position.Position) error {
	s.count++
	if p.IsOpen() {
		s.open++
	}
	life := p.Totals
	if p.Prior != nil {
		var ok bool
		if life, ok = p.Lifetime(); !ok {
			return fmt.Errorf("%s: %w", p.Key, position.ErrOverflow)
		}
	}
	settled := p.Terms.Settlement
	for _, part := range [...]struct {
		to *amountSum
		of position.Amounts
	}{
		{&s.realized, position.Amounts{{Currency: settled, Value: life.Realized}}},
		{&s.funding, position.Amounts{{Currency: settled, Value: life.Funding}}},
		{&s.fees, life.Fees},
		{&s.charges, life.Charges},
	} {
		if err := part.to.add(part.of); err != nil {
			return err
		}
	}
	return nil
}

func (s *accountSum) status(name string) (AccountStatus, error) {
	balances, err := s.own.Balances()
	if err != nil {
		return AccountStatus{}, err //nolint:wrapcheck // AccountTotals does
	}
	var total amountSum
	for _, part := range [...]position.Amounts{balances, s.realized.amounts(), s.funding.amounts(), s.charges.amounts()} {
		if err = total.add(part); err != nil {
			return AccountStatus{}, err
		}
	}
	for _, a := range s.fees.amounts() {
		if err = total.add(position.Amounts{{Currency: a.Currency, Value: a.Value.Neg()}}); err != nil {
			return AccountStatus{}, err
		}
	}
	return AccountStatus{
		Account: name, Balances: amountStrings(balances),
		Cash: amountStrings(s.own.Cash), Fees: amountStrings(s.own.Fees), Funding: amountStrings(s.own.Funding),
		Interest: amountStrings(s.own.Interest), Dividends: amountStrings(s.own.Dividends),
		Realized: amountStrings(s.own.Realized), Other: amountStrings(s.own.Other),
		Positions: PositionTotals{
			Count: s.count, Open: s.open,
			Realized: amountStrings(s.realized.amounts()), Fees: amountStrings(s.fees.amounts()),
			Funding: amountStrings(s.funding.amounts()), Charges: amountStrings(s.charges.amounts()),
		},
		Total: amountStrings(total.amounts()),
	}, nil
}

// amountSum sums amounts of any number of currencies; those of one position are
// bounded, those of all positions of an account need not be.
type amountSum map[string]position.Decimal

func (s *amountSum) add(as position.Amounts) error {
	for _, a := range as {
		sum, err := (*s)[a.Currency].Add(a.Value)
		if err != nil {
			return fmt.Errorf("sum of %s: %w", a.Currency, err)
		}
		if *s == nil {
			*s = make(amountSum)
		}
		(*s)[a.Currency] = sum
	}
	return nil
}

// amounts returns the sums that are not zero, by currency.
func (s amountSum) amounts() position.Amounts {
	var out position.Amounts
	for _, c := range slices.Sorted(maps.Keys(s)) {
		if !s[c].IsZero() {
			out = append(out, position.Amount{Currency: c, Value: s[c]})
		}
	}
	return out
}

func amountStrings(a position.Amounts) map[string]string {
	m := make(map[string]string, len(a))
	for _, x := range a {
		m[x.Currency] = x.Value.String()
	}
	return m
}

package report

import (
	"fmt"
	"iter"
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
	// Total is what the account came to: balances and the net of its positions.
	// Unrealized profit is not in it.
	Total map[string]string `json:"total"`
}

// PositionTotals are sums over the positions of an account, all cycles, in their
// settlement currencies and those of the fees and charges.
type PositionTotals struct {
	Count    int               `json:"count"`
	Open     int               `json:"open"`
	Realized map[string]string `json:"realized"` // gross
	Fees     map[string]string `json:"fees"`     // paid is positive
	// FeesInCost are those of the fees that are in the cost, and so in the realised
	// profit; see [position.Terms.FeesInCost].
	FeesInCost map[string]string `json:"fees_in_cost"`
	Funding    map[string]string `json:"funding"`
	Charges    map[string]string `json:"charges"`
	Net        map[string]string `json:"net"` // realised − fees that are not in the cost + funding + charges
}

// AccountTotals sums a view by account, sorted by name. An account is listed when
// it has had a charge of its own or a position.
func AccountTotals(v *projector.View) ([]AccountStatus, error) {
	sums, err := SummarizeAccounts(v.Accounts(), v.Positions())
	if err != nil {
		return nil, err
	}
	out := make([]AccountStatus, len(sums))
	for i := range sums {
		out[i] = accountStatus(&sums[i])
	}
	return out, nil
}

func accountStatus(s *AccountSummary) AccountStatus {
	own, held := &s.Account, &s.Positions.Sums
	return AccountStatus{
		Account: own.Name, Balances: byCurrency(s.Balances),
		Cash: byCurrency(own.Cash), Fees: byCurrency(own.Fees), Funding: byCurrency(own.Funding),
		Interest: byCurrency(own.Interest), Dividends: byCurrency(own.Dividends),
		Realized: byCurrency(own.Realized), Other: byCurrency(own.Other),
		Positions: PositionTotals{
			Count: s.Positions.Positions, Open: s.Positions.Open,
			Realized: byCurrency(held.Realized), Fees: byCurrency(held.Fees), FeesInCost: byCurrency(held.FeesInCost),
			Funding: byCurrency(held.Funding), Charges: byCurrency(held.Charges), Net: byCurrency(held.Net),
		},
		Total: byCurrency(s.Total),
	}
}

// byCurrency returns amounts as texts by currency, an empty map for none.
func byCurrency(a position.Amounts) map[string]string {
	m := make(map[string]string, len(a))
	for _, x := range a {
		m[x.Currency] = x.Value.String()
	}
	return m
}

// AccountSummary is one account: its own side, and what its positions came to.
type AccountSummary struct {
	Account   position.Account // only its name where it had no charge of its own
	Balances  position.Amounts // sum of its own side
	Positions Summary
	Total     position.Amounts // Balances and the net of its positions; what is open is not in it
}

// SummarizeAccounts sums accounts and positions up by account, in the order of
// their names. An account is listed when it has had a charge of its own or a
// position.
func SummarizeAccounts(accounts iter.Seq[position.Account], positions iter.Seq[position.Position]) ([]AccountSummary, error) {
	sums, err := Summarize(positions, ByAccount, "", nil)
	if err != nil {
		return nil, err
	}
	of := make(map[string]*AccountSummary, len(sums))
	for i := range sums {
		name := sums[i].Group
		of[name] = &AccountSummary{Account: position.Account{Name: name}, Positions: sums[i]}
	}
	for a := range accounts {
		if of[a.Name] == nil {
			of[a.Name] = &AccountSummary{Positions: Summary{Group: a.Name}}
		}
		of[a.Name].Account = a
	}
	out := make([]AccountSummary, 0, len(of))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		s := of[name]
		if err = s.total(); err != nil {
			return nil, fmt.Errorf("summary of account %q: %w", name, err)
		}
		out = append(out, *s)
	}
	return out, nil
}

func (s *AccountSummary) total() error {
	var err error
	if s.Balances, err = s.Account.Balances(); err != nil {
		return err
	}
	var g group
	g.bookAll(&g.net, s.Balances)
	g.bookAll(&g.net, s.Positions.Sums.Net)
	s.Total = g.net.amounts()
	return g.err
}

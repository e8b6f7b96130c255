package position

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// AccountSummary is one account: its own side, and what its positions came to.
type AccountSummary struct {
	Account   Account // only its name where it had no charge of its own
	Balances  Amounts // sum of its own side
	Positions Summary
	Total     Amounts // Balances and the net of its positions; what is open is not in it
}

// SummarizeAccounts sums accounts and positions up by account, in the order of
// their names. An account is listed when it has had a charge of its own or a
// position.
func SummarizeAccounts(accounts iter.Seq[Account], positions iter.Seq[Position]) ([]AccountSummary, error) {
	sums, err := Summarize(positions, ByAccount, "", nil)
	if err != nil {
		return nil, err
	}
	of := make(map[string]*AccountSummary, len(sums))
	for i := range sums {
		name := sums[i].Group
		of[name] = &AccountSummary{Account: Account{Name: name}, Positions: sums[i]}
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

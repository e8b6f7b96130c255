package service

import (
	"context"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

// serveAccounts replies with the totals of all accounts, or of one.
func (l *api) serveAccounts(_ context.Context, q *AccountList) (bus.Reply, error) {
	after, err := q.afterTokens(1)
	if err != nil {
		return bus.Reply{}, err
	}
	v := l.View()
	all, err := report.AccountTotals(v)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	out := newPage(&q.Page)
	for i := range all {
		a := &all[i]
		if q.Account != "" && a.Account != q.Account || after != nil && a.Account <= after[0] {
			continue
		}
		if !out.addValue(a, func() string { return cursor(a.Account) }) {
			break
		}
	}
	return out.known(func() *projector.View { return v }, holdfast.Filter{Account: q.Account}, "select by account")
}

package main

import (
	"context"
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/service"
)

// accountRow is one account in one currency: the charges that belong to no
// instrument, by kind, what its positions came to, and both together.
type accountRow struct {
	Account   string      `json:"account"`
	Currency  string      `json:"currency"`
	Balance   render.Text `json:"balance"` // sum of the charges
	Cash      render.Text `json:"cash"`
	Fees      render.Text `json:"fees"`
	Funding   render.Text `json:"funding"`
	Interest  render.Text `json:"interest"`
	Dividends render.Text `json:"dividends"`
	Realized  render.Text `json:"realized"`
	Other     render.Text `json:"other"`

	PositionsRealized render.Text `json:"positions_realized"`
	PositionsFees     render.Text `json:"positions_fees"`
	PositionsInCost   render.Text `json:"positions_fees_in_cost"` // those of them that are in realized already
	PositionsFunding  render.Text `json:"positions_funding"`
	PositionsCharges  render.Text `json:"positions_charges"`
	PositionsNet      render.Text `json:"positions_net"`

	Total render.Text `json:"total"`
}

func accountColumns(table bool) []render.Column[accountRow] {
	num := func(title string, get func(*accountRow) render.Text) render.Column[accountRow] {
		return render.Column[accountRow]{Title: title, Right: true, Sparse: true, Cell: func(r *accountRow) string {
			switch t := get(r); {
			case !table:
				return string(t)
			case t == "0":
				return ""
			default:
				return render.Short(t)
			}
		}}
	}
	plain := func(title string, get func(*accountRow) render.Text) render.Column[accountRow] {
		return render.Column[accountRow]{Title: title, Right: true, Cell: func(r *accountRow) string {
			if table {
				return render.Short(get(r))
			}
			return string(get(r))
		}}
	}
	cols := []render.Column[accountRow]{
		{Title: "account", Cell: func(r *accountRow) string { return r.Account }},
		{Title: "currency", Cell: func(r *accountRow) string { return r.Currency }},
		num("cash", func(r *accountRow) render.Text { return r.Cash }),
		num("fees", func(r *accountRow) render.Text { return r.Fees }),
		num("funding", func(r *accountRow) render.Text { return r.Funding }),
		num("interest", func(r *accountRow) render.Text { return r.Interest }),
		num("dividends", func(r *accountRow) render.Text { return r.Dividends }),
		num("realized", func(r *accountRow) render.Text { return r.Realized }),
		num("other", func(r *accountRow) render.Text { return r.Other }),
		plain("balance", func(r *accountRow) render.Text { return r.Balance }),
		num("positions_realized", func(r *accountRow) render.Text { return r.PositionsRealized }),
		num("positions_fees", func(r *accountRow) render.Text { return r.PositionsFees }),
	}
	inCost := num("positions_fees_in_cost", func(r *accountRow) render.Text { return r.PositionsInCost })
	net := num("positions_net", func(r *accountRow) render.Text { return r.PositionsNet })
	rest := []render.Column[accountRow]{
		num("positions_funding", func(r *accountRow) render.Text { return r.PositionsFunding }),
		num("positions_charges", func(r *accountRow) render.Text { return r.PositionsCharges }),
		plain("total", func(r *accountRow) render.Text { return r.Total }),
	}
	if table {
		cols, rest = append(cols, inCost), slices.Insert(rest, len(rest)-1, net)
		return append(cols, rest...)
	}
	return append(append(cols, rest...), inCost, net) // programs find the others where they were
}

func (a *app) printAccounts(v *projector.View, f *positionsFlags) error {
	list, err := report.AccountTotals(v)
	if err != nil {
		return err
	}
	return a.accountSheet(list, f.account, f.known)
}

func (a *app) remoteAccounts(ctx context.Context, r *remote, f *positionsFlags) error {
	list, err := all[report.AccountStatus](r.list(ctx, "account.list", &service.AccountList{Account: f.account}))
	if err != nil {
		return err
	}
	return a.accountSheet(list, f.account, nil)
}

func (a *app) accountSheet(list []report.AccountStatus, account string, known func() error) error {
	s := sheetOf(a, accountColumns(true), accountColumns(false))
	s.Known = known
	for i := range list {
		if account != "" && list[i].Account != account {
			continue
		}
		for _, row := range accountRows(&list[i]) {
			if err := s.AddValue(row); err != nil {
				return err
			}
		}
	}
	return s.End("no account has a charge or a position")
}

// accountRows are the currencies of an account, sorted.
func accountRows(acc *report.AccountStatus) []accountRow {
	parts := []map[string]string{
		acc.Balances, acc.Cash, acc.Fees, acc.Funding, acc.Interest, acc.Dividends, acc.Realized, acc.Other,
		acc.Positions.Realized, acc.Positions.Fees, acc.Positions.FeesInCost, acc.Positions.Funding, acc.Positions.Charges, acc.Positions.Net, acc.Total,
	}
	currencies := make(map[string]bool)
	for _, part := range parts {
		for ccy := range part {
			currencies[ccy] = true
		}
	}
	var rows []accountRow
	for _, ccy := range slices.Sorted(maps.Keys(currencies)) {
		row := accountRow{Account: acc.Account, Currency: ccy}
		for i, to := range []*render.Text{
			&row.Balance, &row.Cash, &row.Fees, &row.Funding, &row.Interest, &row.Dividends, &row.Realized, &row.Other,
			&row.PositionsRealized, &row.PositionsFees, &row.PositionsInCost, &row.PositionsFunding, &row.PositionsCharges, &row.PositionsNet, &row.Total,
		} {
			if *to = render.Text(parts[i][ccy]); *to == "" {
				*to = "0"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

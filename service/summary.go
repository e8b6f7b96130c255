package service

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

// summaryReply is one group of positions.
type summaryReply struct {
	Group        string    `json:"group"`
	Positions    int       `json:"positions"`
	Open         int       `json:"open"`
	Unmarked     int       `json:"unmarked"` // open ones that are not valued
	Wins         uint64    `json:"wins"`
	Losses       uint64    `json:"losses"`
	Sums         sumsReply `json:"sums"`
	Converted    sumsReply `json:"converted"`
	Currency     string    `json:"currency"` // "": nothing was converted
	MissingRates []string  `json:"missing_rates"`
}

type sumsReply struct {
	Realized   map[string]string `json:"realized"`
	Fees       map[string]string `json:"fees"`
	FeesInCost map[string]string `json:"fees_in_cost"` // those that net does not subtract again
	Funding    map[string]string `json:"funding"`
	Charges    map[string]string `json:"charges"`
	Net        map[string]string `json:"net"`
	Unrealized map[string]string `json:"unrealized"`
	Exposure   map[string]string `json:"exposure"`
	// Unvalued are the currencies whose unrealized and exposure are not known:
	// no open position that settles in them has a mark that fits.
	Unvalued []string `json:"unvalued"`
}

func texts(a position.Amounts) map[string]string {
	m := make(map[string]string, len(a))
	for _, x := range a {
		m[x.Currency] = x.Value.String()
	}
	return m
}

func sumsOf(s *report.Sums) sumsReply {
	return sumsReply{
		Realized: texts(s.Realized), Fees: texts(s.Fees), FeesInCost: texts(s.FeesInCost), Funding: texts(s.Funding),
		Charges: texts(s.Charges), Net: texts(s.Net),
		Unrealized: texts(s.Unrealized), Exposure: texts(s.Exposure),
		Unvalued: append([]string{}, s.Unvalued...),
	}
}

// serveSummary replies with sums by account, instrument or strategy.
func (l *api) serveSummary(_ context.Context, q *Summary) (bus.Reply, error) {
	after, err := q.afterTokens(1)
	if err != nil {
		return bus.Reply{}, err
	}
	v := l.View()
	groups, err := summary(v, q)
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	out := newPage(&q.Page)
	for i := range groups {
		g := &groups[i]
		if after != nil && g.Group <= after[0] {
			continue
		}
		if !out.addValue(g, func() string { return cursor(g.Group) }) {
			break
		}
	}
	return out.known(func() *projector.View { return v }, q.filter(), "select by account, instrument, strategy or leg")
}

func summary(v *projector.View, q *Summary) ([]summaryReply, error) {
	by := report.ByAccount
	var err error
	if q.By != "" {
		if by, err = report.ParseDimension(q.By); err != nil {
			return nil, err //nolint:wrapcheck // it names the member
		}
	}
	rates := make(report.Rates, len(q.Rates))
	for currency, text := range q.Rates {
		if rates[currency], err = position.Parse(text); err != nil {
			return nil, fmt.Errorf("rates: the rate of %.64q: %w", currency, err)
		}
	}
	groups, err := report.Summarize(selected{&q.Selection, true}.positions(v, nil), by, q.In, rates)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	out := make([]summaryReply, len(groups))
	for i := range groups {
		g := &groups[i]
		out[i] = summaryReply{
			Group: g.Group, Positions: g.Positions, Open: g.Open, Unmarked: g.Unmarked, Wins: g.Wins, Losses: g.Losses,
			Sums: sumsOf(&g.Sums), Converted: sumsOf(&g.Converted), Currency: g.Currency, MissingRates: append([]string{}, g.MissingRates...),
		}
	}
	return out, nil
}

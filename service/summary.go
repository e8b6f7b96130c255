package service

import (
	"context"
	"fmt"
	"math"
	"strconv"

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
func (l *api) serveSummary(_ context.Context, q *query) ([]byte, error) {
	after, err := q.afterTokens(1)
	if err != nil {
		return nil, err
	}
	v := l.View()
	groups, err := summary(v, q)
	if err != nil {
		return nil, coded(err)
	}
	out := newPage(q)
	for i := range groups {
		g := &groups[i]
		if after != nil && g.Group <= after[0] {
			continue
		}
		if !out.addValue(g, func() string { return cursor(g.Group) }) {
			break
		}
	}
	return out.known(func() *projector.View { return v }, "select by account, instrument, strategy or leg")
}

func summary(v *projector.View, q *query) ([]summaryReply, error) {
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
	all := *q
	all.All = true
	groups, err := report.Summarize(all.positions(v, nil), by, q.In, rates)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
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

// lotsFew is how many lots of a position are listed wherever it is shown; of more
// the number and a digest are. All of them are asked for by position.lots.
const lotsFew = 100

// fewLots returns a position without its lots where they are many.
func fewLots(p *position.Position) *position.Position {
	if p.Lots == nil || len(p.Lots.Open) <= lotsFew {
		return p
	}
	out, lots := *p, *p.Lots
	lots.Open = nil
	out.Lots = &lots
	return &out
}

// lotsReply is a page of a position's lots.
type lotsReply struct {
	Count int        `json:"count"` // of all lots
	From  int        `json:"from"`  // how many were passed over
	Lots  []lotReply `json:"lots"`
}

type lotReply struct {
	Lot    uint64  `json:"lot"`
	Qty    string  `json:"qty"`
	Cost   string  `json:"cost"`
	Price  *string `json:"price"` // null where it is not known
	Opened string  `json:"opened"`
	Label  string  `json:"label"`
}

// serveLots replies with at most limit lots of a position, those after the first
// few that "lots" says.
func (l *api) serveLots(ctx context.Context, q *query) ([]byte, error) {
	p, err := l.one(ctx, q)
	if err != nil {
		return nil, err
	}
	after, err := q.afterNumber()
	switch {
	case err != nil:
		return nil, err
	case q.After != "" && q.Lots > 0:
		return nil, badRequest("lots and after both say where to begin: give one of them")
	case q.After != "":
		q.Lots = int(min(after, math.MaxInt32)) // a position has fewer
	}
	q.bound()
	out := lotsReply{Lots: []lotReply{}}
	if p.Lots != nil {
		out.Count = len(p.Lots.Open)
		out.From = min(q.Lots, out.Count)
		for _, lot := range p.Lots.Open[out.From:min(out.From+q.Limit, out.Count)] {
			one := lotReply{Lot: lot.ID, Qty: lot.Qty.String(), Cost: lot.Cost.String(), Opened: lot.Opened.String(), Label: lot.Label}
			alone := position.Position{Terms: p.Terms, Qty: lot.Qty, Cost: lot.Cost}
			if price, known := alone.AvgEntry(); known {
				text := price.String()
				one.Price = &text
			}
			out.Lots = append(out.Lots, one)
		}
	}
	end := out.From + len(out.Lots)
	q.tell(end < out.Count, strconv.Itoa(end))
	return reply(out, nil)
}

// bound fills in the limit of a query.
func (q *query) bound() {
	if q.Limit == 0 || q.Limit > historyLimit {
		q.Limit = historyLimit
	}
}

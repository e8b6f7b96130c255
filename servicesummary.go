package holdfast

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// summaryQuery asks for sums of positions; all members are optional.
type summaryQuery struct {
	Account    string            `json:"account"`
	Instrument string            `json:"instrument"`
	Strategy   string            `json:"strategy"`
	By         string            `json:"by"`    // account (default), instrument or strategy
	In         string            `json:"in"`    // currency to convert into
	Rates      map[string]string `json:"rates"` // what one unit of another currency is worth in it
}

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
	Funding    map[string]string `json:"funding"`
	Charges    map[string]string `json:"charges"`
	Net        map[string]string `json:"net"`
	Unrealized map[string]string `json:"unrealized"`
	Exposure   map[string]string `json:"exposure"`
}

func sumsOf(s *position.Sums) sumsReply {
	return sumsReply{
		Realized: amountStrings(s.Realized), Fees: amountStrings(s.Fees), Funding: amountStrings(s.Funding),
		Charges: amountStrings(s.Charges), Net: amountStrings(s.Net),
		Unrealized: amountStrings(s.Unrealized), Exposure: amountStrings(s.Exposure),
	}
}

// serveSummary replies with sums by account, instrument or strategy.
func (l *Ledger) serveSummary(_ context.Context, body []byte) ([]byte, error) {
	var q summaryQuery
	if len(bytes.TrimSpace(body)) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			return nil, coded(fmt.Errorf("%w: request: %w", ErrInvalid, err))
		}
	}
	out, err := l.summary(&q)
	if err != nil {
		return nil, coded(err)
	}
	b, err := reply(out, nil)
	if len(b) > maxReply {
		return nil, tooLong("select by account, instrument or strategy")
	}
	return b, err
}

func (l *Ledger) summary(q *summaryQuery) ([]summaryReply, error) {
	by := position.ByAccount
	var err error
	if q.By != "" {
		if by, err = position.ParseDimension(q.By); err != nil {
			return nil, err //nolint:wrapcheck // it names the member
		}
	}
	rates := make(position.Rates, len(q.Rates))
	for currency, text := range q.Rates {
		if rates[currency], err = position.Parse(text); err != nil {
			return nil, fmt.Errorf("%w: rate of %.64q: %w", ErrInvalid, currency, err)
		}
	}
	all := query{Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, All: true}
	groups, err := position.Summarize(all.positions(l.View()), by, q.In, rates)
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

package main

import (
	"context"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// tradeRow is one closed trade.
type tradeRow struct {
	Account    string          `json:"account"`
	Instrument string          `json:"instrument"`
	Strategy   string          `json:"strategy"`
	Leg        string          `json:"leg"`
	Cycle      uint64          `json:"cycle"`
	Direction  string          `json:"direction"` // long or short
	Qty        text            `json:"qty"`
	EntryTime  string          `json:"entry_time"`
	EntryPrice text            `json:"entry_price"`
	ExitTime   string          `json:"exit_time"`
	ExitPrice  text            `json:"exit_price"`
	Profit     text            `json:"profit"`
	Fees       map[string]text `json:"fees"`
	FeesInCost map[string]text `json:"fees_in_cost"` // those of them that are in profit already
	Net        text            `json:"net"`
	Settlement string          `json:"settlement"`
	MAE        text            `json:"mae"`
	MFE        text            `json:"mfe"`
	EntryIDs   []string        `json:"entry_ids"`
	ExitIDs    []string        `json:"exit_ids"`
}

func tradeColumns(table bool) []column[tradeRow] {
	num := func(title string, get func(*tradeRow) text) column[tradeRow] {
		return column[tradeRow]{title: title, right: true, cell: func(r *tradeRow) string {
			if table {
				return short(get(r))
			}
			return string(get(r))
		}}
	}
	cols := []column[tradeRow]{
		{title: "account", cell: func(r *tradeRow) string { return r.Account }},
		{title: "instrument", cell: func(r *tradeRow) string { return r.Instrument }},
		{title: "strategy", sparse: true, cell: func(r *tradeRow) string { return r.Strategy }},
		{title: "leg", sparse: true, cell: func(r *tradeRow) string { return r.Leg }},
		num("cycle", func(r *tradeRow) text { return text(position.FromInt(int64(r.Cycle)).String()) }),
		{title: "direction", cell: func(r *tradeRow) string { return r.Direction }},
		num("qty", func(r *tradeRow) text { return r.Qty }),
		{title: "entry_time", cell: func(r *tradeRow) string { return r.EntryTime }},
		num("entry_price", func(r *tradeRow) text { return r.EntryPrice }),
		{title: "exit_time", cell: func(r *tradeRow) string { return r.ExitTime }},
		num("exit_price", func(r *tradeRow) text { return r.ExitPrice }),
		num("profit", func(r *tradeRow) text { return r.Profit }),
		amountsColumn("fees", table, func(r *tradeRow) map[string]text { return r.Fees }),
	}
	if table {
		cols = append(cols, sparsely(amountsColumn("fees_in_cost", table, func(r *tradeRow) map[string]text { return r.FeesInCost })),
			num("net", func(r *tradeRow) text { return r.Net }))
	}
	cols = append(cols,
		num("mae", func(r *tradeRow) text { return r.MAE }),
		num("mfe", func(r *tradeRow) text { return r.MFE }),
	)
	if !table {
		cols = append(cols,
			column[tradeRow]{title: "settlement", cell: func(r *tradeRow) string { return r.Settlement }},
			column[tradeRow]{title: "entry_ids", cell: func(r *tradeRow) string { return strings.Join(r.EntryIDs, " ") }},
			column[tradeRow]{title: "exit_ids", cell: func(r *tradeRow) string { return strings.Join(r.ExitIDs, " ") }},
			amountsColumn("fees_in_cost", table, func(r *tradeRow) map[string]text { return r.FeesInCost }),
			num("net", func(r *tradeRow) text { return r.Net }),
		)
	}
	return cols
}

// tradeOptions reads --trades and the policies beside it.
func (f *historyFlags) tradeOptions() (o position.TradeOptions, err error) {
	if o.Grouping, err = choice("trades", f.trades, map[string]position.Grouping{
		"fill_to_fill": position.FillToFill, "flat_to_flat": position.FlatToFlat, "flat_to_reduced": position.FlatToReduced,
	}); err != nil {
		return o, err
	}
	if o.EntryFee, err = choice("entry-fee", f.entryFee, map[string]position.EntryFee{
		"pro-rata": position.ProRataEntry, "first": position.FirstEntry, "cycle": position.CycleEntry,
	}); err != nil {
		return o, err
	}
	o.FlipFee, err = choice("flip-fee", f.flipFee, map[string]position.FlipFee{
		"split": position.SplitFlipFee, "closing": position.ClosingFlipFee,
	})
	return o, err
}

// choice reads a flag that takes one of a few words.
func choice[T any](flag, value string, of map[string]T) (T, error) {
	v, ok := of[value]
	if !ok {
		return v, usagef("--%s %q: choose one of %s", flag, value, strings.Join(sortedNames(of), ", "))
	}
	return v, nil
}

// printTrades prints the trades that the changes of a stretch of history closed.
func (a *app) printTrades(ctx context.Context, f *historyFlags, filter holdfast.Filter) error {
	o, err := f.tradeOptions()
	if err != nil {
		return err
	}
	if f.records {
		return usagef("--records has no meaning with --trades")
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	s := sheetOf(a, tradeColumns(true), tradeColumns(false))
	s.known = knownTo(ctx, r, filter)
	a.noteBeginning(filter)
	report := position.NewTrades(o)
	for step, err := range r.Replay(ctx, filter) {
		if err != nil {
			_ = s.flush() // the error is what matters
			return err
		}
		trades, err := report.Add(step.Before, &step.Change)
		if err != nil {
			return err
		}
		for i := range trades {
			if err = addTrade(s, &trades[i], step.Change.After.Terms.Settlement); err != nil {
				return err
			}
			if s.rows() == f.limit {
				return s.end("")
			}
		}
	}
	return s.end("no closed trades")
}

func addTrade(s *sheet[tradeRow], t *position.Trade, settlement string) error {
	row := tradeRow{
		Account: t.Key.Account, Instrument: t.Key.Instrument, Strategy: t.Key.Strategy, Leg: t.Key.Leg, Cycle: t.Cycle,
		Direction: "long", Qty: text(t.Qty.String()),
		EntryTime: t.EntryTime.String(), EntryPrice: text(t.EntryPrice.String()), ExitTime: t.ExitTime.String(), ExitPrice: text(t.ExitPrice.String()),
		Profit: text(t.Profit.String()), Fees: amountTexts(t.Fees), FeesInCost: amountTexts(t.FeesInCost), Net: text(t.Net.String()), Settlement: settlement,
		MAE: text(t.MAE.String()), MFE: text(t.MFE.String()), EntryIDs: t.EntryIDs, ExitIDs: t.ExitIDs,
	}
	if t.Direction == position.Sell {
		row.Direction = "short"
	}
	return s.addValue(row)
}

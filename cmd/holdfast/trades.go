package main

import (
	"context"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// tradeRow is one closed trade.
type tradeRow struct {
	Account    string                 `json:"account"`
	Instrument string                 `json:"instrument"`
	Strategy   string                 `json:"strategy"`
	Leg        string                 `json:"leg"`
	Cycle      uint64                 `json:"cycle"`
	Direction  string                 `json:"direction"` // long or short
	Qty        render.Text            `json:"qty"`
	EntryTime  string                 `json:"entry_time"`
	EntryPrice render.Text            `json:"entry_price"`
	ExitTime   string                 `json:"exit_time"`
	ExitPrice  render.Text            `json:"exit_price"`
	Profit     render.Text            `json:"profit"`
	Fees       map[string]render.Text `json:"fees"`
	FeesInCost map[string]render.Text `json:"fees_in_cost"` // those of them that are in profit already
	Net        render.Text            `json:"net"`
	Settlement string                 `json:"settlement"`
	MAE        render.Text            `json:"mae"`
	MFE        render.Text            `json:"mfe"`
	EntryIDs   []string               `json:"entry_ids"`
	ExitIDs    []string               `json:"exit_ids"`
}

func tradeColumns(table bool) []render.Column[tradeRow] {
	num := func(title string, get func(*tradeRow) render.Text) render.Column[tradeRow] {
		return render.Column[tradeRow]{Title: title, Right: true, Cell: func(r *tradeRow) string {
			if table {
				return render.Short(get(r))
			}
			return string(get(r))
		}}
	}
	cols := []render.Column[tradeRow]{
		{Title: "account", Cell: func(r *tradeRow) string { return r.Account }},
		{Title: "instrument", Cell: func(r *tradeRow) string { return r.Instrument }},
		{Title: "strategy", Sparse: true, Cell: func(r *tradeRow) string { return r.Strategy }},
		{Title: "leg", Sparse: true, Cell: func(r *tradeRow) string { return r.Leg }},
		num("cycle", func(r *tradeRow) render.Text { return render.Text(position.FromInt(int64(r.Cycle)).String()) }),
		{Title: "direction", Cell: func(r *tradeRow) string { return r.Direction }},
		num("qty", func(r *tradeRow) render.Text { return r.Qty }),
		{Title: "entry_time", Cell: func(r *tradeRow) string { return r.EntryTime }},
		num("entry_price", func(r *tradeRow) render.Text { return r.EntryPrice }),
		{Title: "exit_time", Cell: func(r *tradeRow) string { return r.ExitTime }},
		num("exit_price", func(r *tradeRow) render.Text { return r.ExitPrice }),
		num("profit", func(r *tradeRow) render.Text { return r.Profit }),
		render.AmountsColumn("fees", table, func(r *tradeRow) map[string]render.Text { return r.Fees }),
	}
	if table {
		cols = append(cols, render.Sparsely(render.AmountsColumn("fees_in_cost", table, func(r *tradeRow) map[string]render.Text { return r.FeesInCost })),
			num("net", func(r *tradeRow) render.Text { return r.Net }))
	}
	cols = append(cols,
		num("mae", func(r *tradeRow) render.Text { return r.MAE }),
		num("mfe", func(r *tradeRow) render.Text { return r.MFE }),
	)
	if !table {
		cols = append(cols,
			render.Column[tradeRow]{Title: "settlement", Cell: func(r *tradeRow) string { return r.Settlement }},
			render.Column[tradeRow]{Title: "entry_ids", Cell: func(r *tradeRow) string { return strings.Join(r.EntryIDs, " ") }},
			render.Column[tradeRow]{Title: "exit_ids", Cell: func(r *tradeRow) string { return strings.Join(r.ExitIDs, " ") }},
			render.AmountsColumn("fees_in_cost", table, func(r *tradeRow) map[string]render.Text { return r.FeesInCost }),
			num("net", func(r *tradeRow) render.Text { return r.Net }),
		)
	}
	return cols
}

// tradeOptions reads --trades and the policies beside it.
func (f *historyFlags) tradeOptions() (o report.TradeOptions, err error) {
	if o.Grouping, err = choice("trades", f.trades, map[string]report.Grouping{
		"fill_to_fill": report.FillToFill, "flat_to_flat": report.FlatToFlat, "flat_to_reduced": report.FlatToReduced,
	}); err != nil {
		return o, err
	}
	if o.EntryFee, err = choice("entry-fee", f.entryFee, map[string]report.EntryFee{
		"pro-rata": report.ProRataEntry, "first": report.FirstEntry, "cycle": report.CycleEntry,
	}); err != nil {
		return o, err
	}
	o.FlipFee, err = choice("flip-fee", f.flipFee, map[string]report.FlipFee{
		"split": report.SplitFlipFee, "closing": report.ClosingFlipFee,
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
	s.Known = knownTo(ctx, r, filter)
	a.noteBeginning(filter)
	maker := report.NewTrades(o)
	for step, err := range r.Replay(ctx, filter) {
		if err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		trades, err := maker.Add(step.Before, &step.Change)
		if err != nil {
			return err
		}
		for i := range trades {
			if err = addTrade(s, &trades[i], step.Change.After.Terms.Settlement); err != nil {
				return err
			}
			if s.Rows() == f.limit {
				return s.End("")
			}
		}
	}
	return s.End("no closed trades")
}

func addTrade(s *render.Sheet[tradeRow], t *report.Trade, settlement string) error {
	row := tradeRow{
		Account: t.Key.Account, Instrument: t.Key.Instrument, Strategy: t.Key.Strategy, Leg: t.Key.Leg, Cycle: t.Cycle,
		Direction: "long", Qty: render.Text(t.Qty.String()),
		EntryTime: t.EntryTime.String(), EntryPrice: render.Text(t.EntryPrice.String()), ExitTime: t.ExitTime.String(), ExitPrice: render.Text(t.ExitPrice.String()),
		Profit: render.Text(t.Profit.String()), Fees: render.AmountTexts(t.Fees), FeesInCost: render.AmountTexts(t.FeesInCost), Net: render.Text(t.Net.String()), Settlement: settlement,
		MAE: render.Text(t.MAE.String()), MFE: render.Text(t.MFE.String()), EntryIDs: t.EntryIDs, ExitIDs: t.ExitIDs,
	}
	if t.Direction == position.Sell {
		row.Direction = "short"
	}
	return s.AddValue(row)
}

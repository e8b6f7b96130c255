package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// positionRow is what the columns show of a position's JSON.
type positionRow struct {
	Account    string          `json:"account"`
	Instrument string          `json:"instrument"`
	Strategy   string          `json:"strategy"`
	Leg        string          `json:"leg"`
	Cycle      text            `json:"cycle"`
	Side       string          `json:"side"`
	Qty        text            `json:"qty"`
	AvgEntry   text            `json:"avg_entry"`
	AvgExit    text            `json:"avg_exit"`
	Cost       text            `json:"cost"`
	Realized   text            `json:"realized"`
	Fees       map[string]text `json:"fees"`
	FeesInCost map[string]text `json:"fees_in_cost"`
	Funding    text            `json:"funding"`
	Net        text            `json:"net"`
	EntryQty   text            `json:"entry_qty"`
	ExitQty    text            `json:"exit_qty"`
	PeakQty    text            `json:"peak_qty"`
	Mark       text            `json:"mark"`
	Unrealized text            `json:"unrealized"`
	MFE        text            `json:"mfe"`
	MAE        text            `json:"mae"`
	OpenedAt   text            `json:"opened_at"`
	ClosedAt   text            `json:"closed_at"`
	UpdatedAt  text            `json:"updated_at"`
	Version    text            `json:"version"`
	Seq        text            `json:"seq"`
	Settlement string          `json:"settlement"`
	High       text            `json:"high"`
	Low        text            `json:"low"`
	Charges    map[string]text `json:"charges"`
	Entries    text            `json:"entries"`
	Exits      text            `json:"exits"`
	Return     text            `json:"return"`
	BreakEven  text            `json:"break_even"`
	Exposure   text            `json:"exposure"`
	Holding    text            `json:"holding"`
	Wins       text            `json:"wins"`
	Losses     text            `json:"losses"`
	Residue    text            `json:"residue"`
	CostMethod string          `json:"cost_method"`
}

// amountsText shows sums per currency as "1.5 USD + 0.01 BNB".
func amountsText(m map[string]text) string {
	parts := make([]string, 0, len(m))
	for _, ccy := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, string(m[ccy])+" "+ccy)
	}
	return strings.Join(parts, " + ")
}

func amountTexts(as position.Amounts) map[string]text {
	out := make(map[string]text, len(as))
	for _, a := range as {
		out[a.Currency] = text(a.Value.String())
	}
	return out
}

// amountsColumn shows sums per currency, in a table rounded as numbers are.
func amountsColumn[R any](title string, table bool, get func(*R) map[string]text) column[R] {
	return column[R]{title: title, right: true, cell: func(r *R) string {
		if table {
			return amountsText(shortened(get(r)))
		}
		return amountsText(get(r))
	}}
}

func sparsely[R any](c column[R]) column[R] {
	c.sparse = true
	return c
}

// short rounds a number for a table: to 8 fractional digits from 1 on, to 12
// from 10⁻⁴ on. The other forms of output show all 18.
func short(t text) string {
	d, err := position.Parse(string(t))
	if err != nil {
		return string(t)
	}
	var drop position.Decimal // 10 to the number of digits that are dropped
	switch m := d.Abs(); {
	case m.Cmp(position.FromInt(1)) >= 0:
		drop = position.FromInt(10_000_000_000)
	case m.Cmp(position.MustParse("0.0001")) >= 0:
		drop = position.FromInt(1_000_000)
	default:
		return string(t)
	}
	q, err := d.Quo(drop) // rounds half to even at the last digit that a decimal has
	if err == nil {
		q, err = q.Mul(drop)
	}
	if err != nil {
		return string(t)
	}
	return q.String()
}

type positionColumn = column[positionRow]

func keyColumns() []positionColumn {
	return []positionColumn{
		{title: "account", cell: func(r *positionRow) string { return r.Account }},
		{title: "instrument", cell: func(r *positionRow) string { return r.Instrument }},
		{title: "strategy", sparse: true, cell: func(r *positionRow) string { return r.Strategy }},
		{title: "leg", sparse: true, cell: func(r *positionRow) string { return r.Leg }},
	}
}

func number(title string, get func(*positionRow) text) positionColumn {
	return positionColumn{title: title, right: true, cell: func(r *positionRow) string { return short(get(r)) }}
}

func exact(title string, get func(*positionRow) text) positionColumn {
	return positionColumn{title: title, cell: func(r *positionRow) string { return string(get(r)) }}
}

// positionTable are the columns for people.
func positionTable() []positionColumn {
	cols := append(
		keyColumns(),
		positionColumn{title: "side", cell: func(r *positionRow) string { return r.Side }},
		number("qty", func(r *positionRow) text { return r.Qty }),
		number("avg_entry", func(r *positionRow) text { return r.AvgEntry }),
		number("mark", func(r *positionRow) text { return r.Mark }),
		number("unrealized", func(r *positionRow) text { return r.Unrealized }),
	)
	return append(cols, netColumns()...)
}

// netColumns show what a net consists of: realized - (fees - fees_in_cost) +
// funding + charges, of these what is in the settlement currency.
func netColumns() []positionColumn {
	return []positionColumn{
		number("realized", func(r *positionRow) text { return r.Realized }),
		amountsColumn("fees", true, func(r *positionRow) map[string]text { return r.Fees }),
		sparsely(amountsColumn("fees_in_cost", true, func(r *positionRow) map[string]text { return r.FeesInCost })),
		number("funding", func(r *positionRow) text { return r.Funding }),
		sparsely(amountsColumn("charges", true, func(r *positionRow) map[string]text { return r.Charges })),
		number("net", func(r *positionRow) text { return r.Net }),
	}
}

func shortened(m map[string]text) map[string]text {
	out := make(map[string]text, len(m))
	for k, v := range m {
		out[k] = text(short(v))
	}
	return out
}

// positionFile are the columns of CSV: the members of the JSON form.
func positionFile() []positionColumn {
	return append(
		keyColumns(),
		exact("cycle", func(r *positionRow) text { return r.Cycle }),
		exact("side", func(r *positionRow) text { return text(r.Side) }),
		exact("qty", func(r *positionRow) text { return r.Qty }),
		exact("avg_entry", func(r *positionRow) text { return r.AvgEntry }),
		exact("avg_exit", func(r *positionRow) text { return r.AvgExit }),
		exact("cost", func(r *positionRow) text { return r.Cost }),
		exact("realized", func(r *positionRow) text { return r.Realized }),
		exact("fees", func(r *positionRow) text { return text(amountsText(r.Fees)) }),
		exact("funding", func(r *positionRow) text { return r.Funding }),
		exact("net", func(r *positionRow) text { return r.Net }),
		exact("entry_qty", func(r *positionRow) text { return r.EntryQty }),
		exact("exit_qty", func(r *positionRow) text { return r.ExitQty }),
		exact("peak_qty", func(r *positionRow) text { return r.PeakQty }),
		exact("mark", func(r *positionRow) text { return r.Mark }),
		exact("unrealized", func(r *positionRow) text { return r.Unrealized }),
		exact("mfe", func(r *positionRow) text { return r.MFE }),
		exact("mae", func(r *positionRow) text { return r.MAE }),
		exact("opened_at", func(r *positionRow) text { return r.OpenedAt }),
		exact("closed_at", func(r *positionRow) text { return r.ClosedAt }),
		exact("updated_at", func(r *positionRow) text { return r.UpdatedAt }),
		exact("version", func(r *positionRow) text { return r.Version }),
		exact("seq", func(r *positionRow) text { return r.Seq }),
		exact("settlement", func(r *positionRow) text { return text(r.Settlement) }),
		exact("cost_method", func(r *positionRow) text { return text(r.CostMethod) }),
		exact("charges", func(r *positionRow) text { return text(amountsText(r.Charges)) }),
		exact("high", func(r *positionRow) text { return r.High }),
		exact("low", func(r *positionRow) text { return r.Low }),
		exact("entries", func(r *positionRow) text { return r.Entries }),
		exact("exits", func(r *positionRow) text { return r.Exits }),
		exact("return", func(r *positionRow) text { return r.Return }),
		exact("break_even", func(r *positionRow) text { return r.BreakEven }),
		exact("exposure", func(r *positionRow) text { return r.Exposure }),
		exact("holding", func(r *positionRow) text { return r.Holding }),
		exact("wins", func(r *positionRow) text { return r.Wins }),
		exact("losses", func(r *positionRow) text { return r.Losses }),
		exact("residue", func(r *positionRow) text { return r.Residue }),
		amountsColumn("fees_in_cost", false, func(r *positionRow) map[string]text { return r.FeesInCost }),
	)
}

// cycleTable are the columns for people of closed cycles.
func cycleTable() []positionColumn {
	cols := append(
		keyColumns(),
		number("cycle", func(r *positionRow) text { return r.Cycle }),
		positionColumn{title: "opened_at", cell: func(r *positionRow) string { return string(r.OpenedAt) }},
		positionColumn{title: "closed_at", cell: func(r *positionRow) string { return string(r.ClosedAt) }},
		number("entry_qty", func(r *positionRow) text { return r.EntryQty }),
		number("avg_entry", func(r *positionRow) text { return r.AvgEntry }),
		number("avg_exit", func(r *positionRow) text { return r.AvgExit }),
	)
	cols = append(cols, netColumns()...)
	return append(cols,
		number("mfe", func(r *positionRow) text { return r.MFE }),
		number("mae", func(r *positionRow) text { return r.MAE }),
	)
}

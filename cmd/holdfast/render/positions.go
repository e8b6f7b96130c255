package render

import (
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// positionRow is what the columns show of a position's JSON.
type PositionRow struct {
	Account    string          `json:"account"`
	Instrument string          `json:"instrument"`
	Strategy   string          `json:"strategy"`
	Leg        string          `json:"leg"`
	Cycle      Text            `json:"cycle"`
	Side       string          `json:"side"`
	Qty        Text            `json:"qty"`
	AvgEntry   Text            `json:"avg_entry"`
	AvgExit    Text            `json:"avg_exit"`
	Cost       Text            `json:"cost"`
	Realized   Text            `json:"realized"`
	Fees       map[string]Text `json:"fees"`
	FeesInCost map[string]Text `json:"fees_in_cost"`
	Funding    Text            `json:"funding"`
	Net        Text            `json:"net"`
	EntryQty   Text            `json:"entry_qty"`
	ExitQty    Text            `json:"exit_qty"`
	PeakQty    Text            `json:"peak_qty"`
	Mark       Text            `json:"mark"`
	Unrealized Text            `json:"unrealized"`
	MFE        Text            `json:"mfe"`
	MAE        Text            `json:"mae"`
	OpenedAt   Text            `json:"opened_at"`
	ClosedAt   Text            `json:"closed_at"`
	UpdatedAt  Text            `json:"updated_at"`
	Version    Text            `json:"version"`
	Seq        Text            `json:"seq"`
	Settlement string          `json:"settlement"`
	High       Text            `json:"high"`
	Low        Text            `json:"low"`
	Charges    map[string]Text `json:"charges"`
	Entries    Text            `json:"entries"`
	Exits      Text            `json:"exits"`
	Return     Text            `json:"return"`
	BreakEven  Text            `json:"break_even"`
	Exposure   Text            `json:"exposure"`
	Holding    Text            `json:"holding"`
	Wins       Text            `json:"wins"`
	Losses     Text            `json:"losses"`
	Residue    Text            `json:"residue"`
	CostMethod string          `json:"cost_method"`
}

// amountsText shows sums per currency as "1.5 USD + 0.01 BNB".
func AmountsText(m map[string]Text) string {
	parts := make([]string, 0, len(m))
	for _, ccy := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, string(m[ccy])+" "+ccy)
	}
	return strings.Join(parts, " + ")
}

// AmountTexts gives sums per currency as a row holds them.
func AmountTexts(as position.Amounts) map[string]Text {
	out := make(map[string]Text, len(as))
	for _, a := range as {
		out[a.Currency] = Text(a.Value.String())
	}
	return out
}

// amountsColumn shows sums per currency, in a table rounded as numbers are.
func AmountsColumn[R any](title string, table bool, get func(*R) map[string]Text) Column[R] {
	return Column[R]{Title: title, Right: true, Cell: func(r *R) string {
		if table {
			return AmountsText(shortened(get(r)))
		}
		return AmountsText(get(r))
	}}
}

// Sparsely makes a column one that is left out of a table when it is empty.
func Sparsely[R any](c Column[R]) Column[R] {
	c.Sparse = true
	return c
}

// short rounds a number for a table: to 8 fractional digits from 1 on, to 12
// from 10⁻⁴ on. The other forms of output show all 18.
func Short(t Text) string {
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

// PositionColumn is a column of positions.
type PositionColumn = Column[PositionRow]

func keyColumns() []PositionColumn {
	return []PositionColumn{
		{Title: "account", Cell: func(r *PositionRow) string { return r.Account }},
		{Title: "instrument", Cell: func(r *PositionRow) string { return r.Instrument }},
		{Title: "strategy", Sparse: true, Cell: func(r *PositionRow) string { return r.Strategy }},
		{Title: "leg", Sparse: true, Cell: func(r *PositionRow) string { return r.Leg }},
	}
}

func number(title string, get func(*PositionRow) Text) PositionColumn {
	return PositionColumn{Title: title, Right: true, Cell: func(r *PositionRow) string { return Short(get(r)) }}
}

func exact(title string, get func(*PositionRow) Text) PositionColumn {
	return PositionColumn{Title: title, Cell: func(r *PositionRow) string { return string(get(r)) }}
}

// positionTable are the columns for people.
func PositionTable() []PositionColumn {
	cols := append(
		keyColumns(),
		PositionColumn{Title: "side", Cell: func(r *PositionRow) string { return r.Side }},
		number("qty", func(r *PositionRow) Text { return r.Qty }),
		number("avg_entry", func(r *PositionRow) Text { return r.AvgEntry }),
		number("mark", func(r *PositionRow) Text { return r.Mark }),
		number("unrealized", func(r *PositionRow) Text { return r.Unrealized }),
	)
	return append(cols, netColumns()...)
}

// netColumns show what a net consists of: realized - (fees - fees_in_cost) +
// funding + charges, of these what is in the settlement currency.
func netColumns() []PositionColumn {
	return []PositionColumn{
		number("realized", func(r *PositionRow) Text { return r.Realized }),
		AmountsColumn("fees", true, func(r *PositionRow) map[string]Text { return r.Fees }),
		Sparsely(AmountsColumn("fees_in_cost", true, func(r *PositionRow) map[string]Text { return r.FeesInCost })),
		number("funding", func(r *PositionRow) Text { return r.Funding }),
		Sparsely(AmountsColumn("charges", true, func(r *PositionRow) map[string]Text { return r.Charges })),
		number("net", func(r *PositionRow) Text { return r.Net }),
	}
}

func shortened(m map[string]Text) map[string]Text {
	out := make(map[string]Text, len(m))
	for k, v := range m {
		out[k] = Text(Short(v))
	}
	return out
}

// positionFile are the columns of CSV: the members of the JSON form.
func PositionFile() []PositionColumn {
	return append(
		keyColumns(),
		exact("cycle", func(r *PositionRow) Text { return r.Cycle }),
		exact("side", func(r *PositionRow) Text { return Text(r.Side) }),
		exact("qty", func(r *PositionRow) Text { return r.Qty }),
		exact("avg_entry", func(r *PositionRow) Text { return r.AvgEntry }),
		exact("avg_exit", func(r *PositionRow) Text { return r.AvgExit }),
		exact("cost", func(r *PositionRow) Text { return r.Cost }),
		exact("realized", func(r *PositionRow) Text { return r.Realized }),
		exact("fees", func(r *PositionRow) Text { return Text(AmountsText(r.Fees)) }),
		exact("funding", func(r *PositionRow) Text { return r.Funding }),
		exact("net", func(r *PositionRow) Text { return r.Net }),
		exact("entry_qty", func(r *PositionRow) Text { return r.EntryQty }),
		exact("exit_qty", func(r *PositionRow) Text { return r.ExitQty }),
		exact("peak_qty", func(r *PositionRow) Text { return r.PeakQty }),
		exact("mark", func(r *PositionRow) Text { return r.Mark }),
		exact("unrealized", func(r *PositionRow) Text { return r.Unrealized }),
		exact("mfe", func(r *PositionRow) Text { return r.MFE }),
		exact("mae", func(r *PositionRow) Text { return r.MAE }),
		exact("opened_at", func(r *PositionRow) Text { return r.OpenedAt }),
		exact("closed_at", func(r *PositionRow) Text { return r.ClosedAt }),
		exact("updated_at", func(r *PositionRow) Text { return r.UpdatedAt }),
		exact("version", func(r *PositionRow) Text { return r.Version }),
		exact("seq", func(r *PositionRow) Text { return r.Seq }),
		exact("settlement", func(r *PositionRow) Text { return Text(r.Settlement) }),
		exact("cost_method", func(r *PositionRow) Text { return Text(r.CostMethod) }),
		exact("charges", func(r *PositionRow) Text { return Text(AmountsText(r.Charges)) }),
		exact("high", func(r *PositionRow) Text { return r.High }),
		exact("low", func(r *PositionRow) Text { return r.Low }),
		exact("entries", func(r *PositionRow) Text { return r.Entries }),
		exact("exits", func(r *PositionRow) Text { return r.Exits }),
		exact("return", func(r *PositionRow) Text { return r.Return }),
		exact("break_even", func(r *PositionRow) Text { return r.BreakEven }),
		exact("exposure", func(r *PositionRow) Text { return r.Exposure }),
		exact("holding", func(r *PositionRow) Text { return r.Holding }),
		exact("wins", func(r *PositionRow) Text { return r.Wins }),
		exact("losses", func(r *PositionRow) Text { return r.Losses }),
		exact("residue", func(r *PositionRow) Text { return r.Residue }),
		AmountsColumn("fees_in_cost", false, func(r *PositionRow) map[string]Text { return r.FeesInCost }),
	)
}

// cycleTable are the columns for people of closed cycles.
func CycleTable() []PositionColumn {
	cols := append(
		keyColumns(),
		number("cycle", func(r *PositionRow) Text { return r.Cycle }),
		PositionColumn{Title: "opened_at", Cell: func(r *PositionRow) string { return string(r.OpenedAt) }},
		PositionColumn{Title: "closed_at", Cell: func(r *PositionRow) string { return string(r.ClosedAt) }},
		number("entry_qty", func(r *PositionRow) Text { return r.EntryQty }),
		number("avg_entry", func(r *PositionRow) Text { return r.AvgEntry }),
		number("avg_exit", func(r *PositionRow) Text { return r.AvgExit }),
	)
	cols = append(cols, netColumns()...)
	return append(cols,
		number("mfe", func(r *PositionRow) Text { return r.MFE }),
		number("mae", func(r *PositionRow) Text { return r.MAE }),
	)
}

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
}

// amountsText shows sums per currency as "1.5 USD + 0.01 BNB".
func amountsText(m map[string]text) string {
	parts := make([]string, 0, len(m))
	for _, ccy := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, string(m[ccy])+" "+ccy)
	}
	return strings.Join(parts, " + ")
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
	return append(
		keyColumns(),
		positionColumn{title: "side", cell: func(r *positionRow) string { return r.Side }},
		number("qty", func(r *positionRow) text { return r.Qty }),
		number("avg_entry", func(r *positionRow) text { return r.AvgEntry }),
		number("mark", func(r *positionRow) text { return r.Mark }),
		number("unrealized", func(r *positionRow) text { return r.Unrealized }),
		number("realized", func(r *positionRow) text { return r.Realized }),
		positionColumn{title: "fees", right: true, cell: func(r *positionRow) string { return amountsText(shortened(r.Fees)) }},
		number("funding", func(r *positionRow) text { return r.Funding }),
		number("net", func(r *positionRow) text { return r.Net }),
	)
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
	)
}

// changeRow is what the columns show of a change's JSON.
type changeRow struct {
	Seq        text         `json:"seq"`
	Epoch      text         `json:"epoch"`
	Time       text         `json:"time"`
	EventTime  text         `json:"event_time"`
	Kind       string       `json:"kind"`
	MutationID string       `json:"mutation_id"`
	Cause      causeRow     `json:"cause"`
	Realized   text         `json:"realized"`
	After      *positionRow `json:"after"`
}

// causeRow is the mutation behind a change.
type causeRow struct {
	Type       string `json:"type"`
	Account    string `json:"account"`
	Instrument string `json:"instrument"`
	Side       string `json:"side"`
	Qty        text   `json:"qty"`
	Price      text   `json:"price"`
	Kind       string `json:"kind"`
	Amount     text   `json:"amount"`
	Currency   string `json:"currency"`
}

// String tells the mutation in a few words.
func (c *causeRow) String() string {
	switch c.Type {
	case "fill":
		return c.Side + " " + string(c.Qty) + " @ " + string(c.Price)
	case "mark":
		return "mark " + string(c.Price)
	case "charge":
		return c.Kind + " " + string(c.Amount) + " " + c.Currency
	case "":
		return "-"
	}
	return c.Type
}

func (r *changeRow) after() *positionRow {
	if r.After != nil {
		return r.After
	}
	return &positionRow{Account: r.Cause.Account, Instrument: r.Cause.Instrument}
}

type changeColumn = column[changeRow]

func changeText(title string, get func(*changeRow) string) changeColumn {
	return changeColumn{title: title, cell: get}
}

func changeNumber(title string, get func(*changeRow) text) changeColumn {
	return changeColumn{title: title, right: true, cell: func(r *changeRow) string { return short(get(r)) }}
}

// changeTable are the columns of history and tail for people.
func changeTable() []changeColumn {
	return []changeColumn{
		changeNumber("seq", func(r *changeRow) text { return r.Seq }),
		changeText("event_time", func(r *changeRow) string { return string(r.EventTime) }),
		changeText("kind", func(r *changeRow) string { return r.Kind }),
		changeText("account", func(r *changeRow) string { return r.after().Account }),
		changeText("instrument", func(r *changeRow) string { return r.after().Instrument }),
		{title: "strategy", sparse: true, cell: func(r *changeRow) string { return r.after().Strategy }},
		{title: "leg", sparse: true, cell: func(r *changeRow) string { return r.after().Leg }},
		changeText("cause", func(r *changeRow) string { return r.Cause.String() }),
		changeNumber("realized", func(r *changeRow) text { return r.Realized }),
		changeNumber("qty", func(r *changeRow) text { return r.after().Qty }),
		changeNumber("avg_entry", func(r *changeRow) text { return r.after().AvgEntry }),
	}
}

// changeFile are the columns of history and tail in CSV.
func changeFile() []changeColumn {
	cols := []changeColumn{
		changeText("seq", func(r *changeRow) string { return string(r.Seq) }),
		changeText("epoch", func(r *changeRow) string { return string(r.Epoch) }),
		changeText("time", func(r *changeRow) string { return string(r.Time) }),
		changeText("event_time", func(r *changeRow) string { return string(r.EventTime) }),
		changeText("kind", func(r *changeRow) string { return r.Kind }),
		changeText("mutation_id", func(r *changeRow) string { return r.MutationID }),
		changeText("cause", func(r *changeRow) string { return r.Cause.String() }),
		changeText("change_realized", func(r *changeRow) string { return string(r.Realized) }),
	}
	for _, c := range positionFile() {
		if c.title != "seq" {
			cols = append(cols, changeText(c.title, func(r *changeRow) string { return c.cell(r.after()) }))
		}
	}
	return cols
}

package main

import (
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// lotRow is one open lot.
type lotRow struct {
	Account    string            `json:"account"`
	Instrument string            `json:"instrument"`
	Strategy   string            `json:"strategy"`
	Leg        string            `json:"leg"`
	Lot        uint64            `json:"lot"`
	Qty        position.Decimal  `json:"qty"`
	Price      *position.Decimal `json:"price"` // null where it does not fit a number
	Cost       position.Decimal  `json:"cost"`
	Settlement string            `json:"settlement"`
	Opened     string            `json:"opened"`
	Label      string            `json:"label"`
}

func lotColumns(table bool) []render.Column[lotRow] {
	num := func(d position.Decimal) string {
		if table {
			return render.Short(render.Text(d.String()))
		}
		return d.String()
	}
	return []render.Column[lotRow]{
		{Title: "account", Cell: func(r *lotRow) string { return r.Account }},
		{Title: "instrument", Cell: func(r *lotRow) string { return r.Instrument }},
		{Title: "strategy", Sparse: true, Cell: func(r *lotRow) string { return r.Strategy }},
		{Title: "leg", Sparse: true, Cell: func(r *lotRow) string { return r.Leg }},
		{Title: "lot", Right: true, Cell: func(r *lotRow) string { return position.FromInt(int64(r.Lot)).String() }},
		{Title: "qty", Right: true, Cell: func(r *lotRow) string { return num(r.Qty) }},
		{Title: "price", Right: true, Cell: func(r *lotRow) string {
			if r.Price == nil {
				return ""
			}
			return num(*r.Price)
		}},
		{Title: "cost", Right: true, Cell: func(r *lotRow) string { return num(r.Cost) }},
		{Title: "settlement", Cell: func(r *lotRow) string { return r.Settlement }},
		{Title: "opened", Cell: func(r *lotRow) string { return r.Opened }},
		{Title: "label", Cell: func(r *lotRow) string { return r.Label }},
	}
}

// printLots prints the open lots of the selected positions.
func (a *app) printLots(v *projector.View, f *positionsFlags) error {
	s := sheetOf(a, lotColumns(true), lotColumns(false))
	s.Known = f.known
	for p := range selected(v, f) {
		if p.Lots == nil {
			continue
		}
		for i := range p.Lots.Open {
			if err := s.AddValue(lotOf(p, &p.Lots.Open[i])); err != nil {
				return err
			}
		}
	}
	return s.End("no open lots: a ledger or instrument with a cost method other than average keeps them")
}

func lotOf(p *position.Position, l *position.Lot) lotRow {
	row := lotRow{
		Account: p.Key.Account, Instrument: p.Key.Instrument, Strategy: p.Key.Strategy, Leg: p.Key.Leg,
		Lot: l.ID, Qty: l.Qty, Cost: l.Cost, Settlement: p.Terms.Settlement, Opened: l.Opened.String(), Label: l.Label,
	}
	// The price of a lot is the average of a position that holds nothing else.
	alone := position.Position{Terms: p.Terms, Qty: l.Qty, Cost: l.Cost}
	if price, ok := alone.AvgEntry(); ok {
		row.Price = &price
	}
	return row
}

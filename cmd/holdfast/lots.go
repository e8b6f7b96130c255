package main

import (

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

func lotColumns(table bool) []column[lotRow] {
	num := func(d position.Decimal) string {
		if table {
			return short(text(d.String()))
		}
		return d.String()
	}
	return []column[lotRow]{
		{title: "account", cell: func(r *lotRow) string { return r.Account }},
		{title: "instrument", cell: func(r *lotRow) string { return r.Instrument }},
		{title: "strategy", sparse: true, cell: func(r *lotRow) string { return r.Strategy }},
		{title: "leg", sparse: true, cell: func(r *lotRow) string { return r.Leg }},
		{title: "lot", right: true, cell: func(r *lotRow) string { return position.FromInt(int64(r.Lot)).String() }},
		{title: "qty", right: true, cell: func(r *lotRow) string { return num(r.Qty) }},
		{title: "price", right: true, cell: func(r *lotRow) string {
			if r.Price == nil {
				return ""
			}
			return num(*r.Price)
		}},
		{title: "cost", right: true, cell: func(r *lotRow) string { return num(r.Cost) }},
		{title: "settlement", cell: func(r *lotRow) string { return r.Settlement }},
		{title: "opened", cell: func(r *lotRow) string { return r.Opened }},
		{title: "label", cell: func(r *lotRow) string { return r.Label }},
	}
}

// printLots prints the open lots of the selected positions.
func (a *app) printLots(v *projector.View, f *positionsFlags) error {
	s := sheetOf(a, lotColumns(true), lotColumns(false))
	s.known = f.known
	for p := range selected(v, f) {
		if p.Lots == nil {
			continue
		}
		for i := range p.Lots.Open {
			if err := s.addValue(lotOf(p, &p.Lots.Open[i])); err != nil {
				return err
			}
		}
	}
	return s.end("no open lots: a ledger or instrument with a cost method other than average keeps them")
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

package main

import (
	"fmt"
	"strings"
)

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
	Prev       text         `json:"prev"`
	FillSeq    text         `json:"fill_seq"`
	Consumed   []lotPart    `json:"consumed"`
	Opened     []lotPart    `json:"opened"`
	After      *positionRow `json:"after"`
}

// lotPart is a lot, or what was taken from one.
type lotPart struct {
	Lot text `json:"lot"`
	Qty text `json:"qty"`
}

// lotsText shows what was taken from lots as "out 2 #1", and lots that came as
// "in 5 #3".
func (r *changeRow) lotsText() string {
	var parts []string
	for _, l := range r.Consumed {
		parts = append(parts, "out "+string(l.Qty)+" #"+string(l.Lot))
	}
	for _, l := range r.Opened {
		parts = append(parts, "in "+string(l.Qty)+" #"+string(l.Lot))
	}
	if n := len(parts); n > maxLotsShown {
		parts = append(parts[:maxLotsShown], fmt.Sprintf("and %d more", n-maxLotsShown))
	}
	return strings.Join(parts, ", ")
}

// maxLotsShown bounds a cell; the other forms of output have all.
const maxLotsShown = 8

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
		{title: "lots", sparse: true, cell: (*changeRow).lotsText},
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
		changeText("prev", func(r *changeRow) string { return string(r.Prev) }),
		changeText("fill_seq", func(r *changeRow) string { return string(r.FillSeq) }),
		changeText("lots", (*changeRow).lotsText),
	}
	for _, c := range positionFile() {
		if c.title != "seq" {
			cols = append(cols, changeText(c.title, func(r *changeRow) string { return c.cell(r.after()) }))
		}
	}
	return cols
}

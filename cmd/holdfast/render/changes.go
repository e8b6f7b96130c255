package render

import (
	"fmt"
	"strings"
)

// ChangeRow is what the columns show of a change's JSON.
type ChangeRow struct {
	Seq        Text         `json:"seq"`
	Epoch      Text         `json:"epoch"`
	Time       Text         `json:"time"`
	EventTime  Text         `json:"event_time"`
	Kind       string       `json:"kind"`
	MutationID string       `json:"mutation_id"`
	Cause      causeRow     `json:"cause"`
	Realized   Text         `json:"realized"`
	Prev       Text         `json:"prev"`
	FillSeq    Text         `json:"fill_seq"`
	Consumed   []lotPart    `json:"consumed"`
	Opened     []lotPart    `json:"opened"`
	After      *PositionRow `json:"after"`
}

// lotPart is a lot, or what was taken from one.
type lotPart struct {
	Lot Text `json:"lot"`
	Qty Text `json:"qty"`
}

// lotsText shows what was taken from lots as "out 2 #1", and lots that came as
// "in 5 #3".
func (r *ChangeRow) lotsText() string {
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

// Position is what the change left, with the key alone where it is about none.
func (r *ChangeRow) Position() *PositionRow {
	if r.After != nil {
		return r.After
	}
	return rowOf("account", r.Cause.Account, "instrument", r.Cause.Instrument)
}

// ChangeColumn is a column of history and tail.
type ChangeColumn = Column[ChangeRow]

func changeText(title string, get func(*ChangeRow) string) ChangeColumn {
	return ChangeColumn{Title: title, Cell: get}
}

func changeNumber(title string, get func(*ChangeRow) Text) ChangeColumn {
	return ChangeColumn{Title: title, Right: true, Cell: func(r *ChangeRow) string { return Short(get(r)) }}
}

// ChangeTable are the columns of history and tail for people.
func ChangeTable() []ChangeColumn {
	return []ChangeColumn{
		changeNumber("seq", func(r *ChangeRow) Text { return r.Seq }),
		changeText("event_time", func(r *ChangeRow) string { return string(r.EventTime) }),
		changeText("kind", func(r *ChangeRow) string { return r.Kind }),
		changeText("account", func(r *ChangeRow) string { return string(r.Position().Text("account")) }),
		changeText("instrument", func(r *ChangeRow) string { return string(r.Position().Text("instrument")) }),
		{Title: "strategy", Sparse: true, Cell: func(r *ChangeRow) string { return string(r.Position().Text("strategy")) }},
		{Title: "leg", Sparse: true, Cell: func(r *ChangeRow) string { return string(r.Position().Text("leg")) }},
		changeText("cause", func(r *ChangeRow) string { return r.Cause.String() }),
		changeNumber("realized", func(r *ChangeRow) Text { return r.Realized }),
		changeNumber("qty", func(r *ChangeRow) Text { return r.Position().Text("qty") }),
		changeNumber("avg_entry", func(r *ChangeRow) Text { return r.Position().Text("avg_entry") }),
		{Title: "lots", Sparse: true, Cell: (*ChangeRow).lotsText},
	}
}

// ChangeFile are the columns of history and tail in CSV.
func ChangeFile() []ChangeColumn {
	cols := []ChangeColumn{
		changeText("seq", func(r *ChangeRow) string { return string(r.Seq) }),
		changeText("epoch", func(r *ChangeRow) string { return string(r.Epoch) }),
		changeText("time", func(r *ChangeRow) string { return string(r.Time) }),
		changeText("event_time", func(r *ChangeRow) string { return string(r.EventTime) }),
		changeText("kind", func(r *ChangeRow) string { return r.Kind }),
		changeText("mutation_id", func(r *ChangeRow) string { return r.MutationID }),
		changeText("cause", func(r *ChangeRow) string { return r.Cause.String() }),
		changeText("change_realized", func(r *ChangeRow) string { return string(r.Realized) }),
		changeText("prev", func(r *ChangeRow) string { return string(r.Prev) }),
		changeText("fill_seq", func(r *ChangeRow) string { return string(r.FillSeq) }),
		changeText("lots", (*ChangeRow).lotsText),
	}
	for _, c := range PositionFile() {
		if c.Title != "seq" {
			cols = append(cols, changeText(c.Title, func(r *ChangeRow) string { return c.Cell(r.Position()) }))
		}
	}
	return cols
}

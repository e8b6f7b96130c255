package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

type diffFlags struct {
	selection
	span
	when

	late bool
}

func (a *app) diffCmd() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare two moments, or what was believed with what was true",
		Long: `Prints what differs between two states, one row for each member of a position,
instrument or account that is not the same in both.

--from and --to take a seq or a record time: what happened in between. Without --to
it is now.

--as-of with --as-of-event compares what the ledger held at a moment with what was
true at an event time by all that is known now. What they do not share arrived
late, or was busted or corrected since; the records that arrived late are counted
on standard error, and with --late listed there. Without --as-of it is the same instant by the record clock.

Seqs and versions are not compared: they tell how a state was come to.`,
		Example: `  holdfast diff --from 2026-01-02T00:00:00Z --to 2026-01-03T00:00:00Z
  holdfast diff --from 1200 --account A -o ndjson
  holdfast diff --as-of-event 2026-01-02T16:00:00Z
  holdfast diff --as-of 4711 --as-of-event 2026-01-02T16:00:00Z -o csv`,
		Args: cobra.NoArgs,
	}
	f.selection.flags(cmd)
	p := cmd.Flags()
	p.StringVar(&f.from, "from", "", "the state before: a seq or record time")
	p.StringVar(&f.to, "to", "", "the state after: a seq or record time; now if absent")
	p.StringVar(&f.asOf, "as-of", "", "with --as-of-event: what the ledger held at a seq or record time")
	p.StringVar(&f.asOfEvent, "as-of-event", "", "what was true at an event time by all that is known now")
	p.BoolVar(&f.late, "late", false, "with --as-of-event: list the records that arrived late, not just their number")
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.diff(ctx, &f) })
}

func (f *diffFlags) check() error {
	switch {
	case f.from == "" && f.asOfEvent == "":
		return usagef("diff needs --from, or --as-of-event: which states are to be compared?")
	case f.from+f.to != "" && f.asOf+f.asOfEvent != "":
		return usagef("--from and --to compare record times, --as-of and --as-of-event the two clocks: choose one pair")
	}
	if f.late && f.asOfEvent == "" {
		return usagef("--late lists what arrived after an event time: give --as-of-event as well")
	}
	for _, m := range [][2]string{{"from", f.from}, {"to", f.to}} {
		if _, err := moment(m[0], m[1]); err != nil {
			return err
		}
	}
	return f.when.check()
}

func (a *app) diff(ctx context.Context, f *diffFlags) error {
	if err := a.here("diff"); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	before, after := when{asOf: f.from}, when{asOf: f.to}
	if f.asOfEvent != "" {
		after = when{asOfEvent: f.asOfEvent}
		if before.asOf = f.asOf; before.asOf == "" {
			before.asOf = f.asOfEvent
		}
	}
	old, err := a.viewAt(ctx, r, &before)
	if err != nil {
		return err
	}
	next, err := a.viewAt(ctx, r, &after)
	if err != nil {
		return err
	}
	if f.asOfEvent != "" {
		if err = a.noteLate(ctx, r, f, old.Seq()); err != nil {
			return err
		}
	}
	return a.printDifferences(old, next, f, knownTo(ctx, r, f.where()))
}

// noteLate counts, and with --late names, the mutations that had happened by the event time and were
// recorded only after what was believed.
func (a *app) noteLate(ctx context.Context, r *holdfast.Reader, f *diffFlags, believed uint64) error {
	at, err := eventTime(f.asOfEvent)
	if err != nil {
		return err
	}
	filter := f.where()
	filter.Records, filter.From = true, holdfast.Moment{Seq: believed + 1}
	n := 0
	for e, err := range r.History(ctx, filter) {
		if err != nil {
			return err
		}
		c := &e.Change
		if c.Cause == nil || c.Part != 0 || c.Cause.EventTime() > at {
			continue
		}
		if n++; f.late {
			a.notef("late: seq %d, %s %s of %s", e.Seq, c.Cause.Type(), c.Cause.ID(), c.Cause.EventTime())
		}
	}
	if n > 0 && !f.late {
		a.notef("late: %s (--late lists them)", render.Counted(n, "record"))
	}
	return nil
}

// differenceRow is one member that differs.
type differenceRow struct {
	What       string          `json:"what"` // position, instrument or account
	Account    string          `json:"account"`
	Instrument string          `json:"instrument"`
	Strategy   string          `json:"strategy"`
	Leg        string          `json:"leg"`
	Field      string          `json:"field"`
	Before     json.RawMessage `json:"before"` // null: it was not there
	After      json.RawMessage `json:"after"`
}

// maxShown bounds a cell; the other forms of output have all.
const maxShown = 40

// value shows a member for people and in CSV.
func (r *differenceRow) value(raw json.RawMessage, table bool) string {
	var t render.Text
	if len(raw) == 0 || t.UnmarshalJSON(raw) != nil {
		return ""
	}
	if !table {
		return string(t)
	}
	runes := []rune(render.Short(t))
	if len(runes) > maxShown {
		return string(runes[:maxShown-1]) + "…"
	}
	return string(runes)
}

func differenceColumns(table bool) []render.Column[differenceRow] {
	return []render.Column[differenceRow]{
		{Title: "what", Cell: func(r *differenceRow) string { return r.What }},
		{Title: "account", Sparse: table, Cell: func(r *differenceRow) string { return r.Account }},
		{Title: "instrument", Sparse: table, Cell: func(r *differenceRow) string { return r.Instrument }},
		{Title: "strategy", Sparse: table, Cell: func(r *differenceRow) string { return r.Strategy }},
		{Title: "leg", Sparse: table, Cell: func(r *differenceRow) string { return r.Leg }},
		{Title: "field", Cell: func(r *differenceRow) string { return r.Field }},
		{Title: "before", Right: table, Cell: func(r *differenceRow) string { return r.value(r.Before, table) }},
		{Title: "after", Right: table, Cell: func(r *differenceRow) string { return r.value(r.After, table) }},
	}
}

func (a *app) printDifferences(before, after *projector.View, f *diffFlags, known func() error) error {
	s := sheetOf(a, differenceColumns(true), differenceColumns(false))
	s.Known = known
	for _, d := range report.Diff(before, after) {
		row := differenceRow{What: d.What()}
		switch row.What {
		case "position":
			if !f.selects(d.Key) {
				continue
			}
			row.Account, row.Instrument, row.Strategy, row.Leg = d.Key.Account, d.Key.Instrument, d.Key.Strategy, d.Key.Leg
		case "instrument":
			if f.account != "" || f.part() || f.instrument != "" && f.instrument != d.Name {
				continue
			}
			row.Instrument = d.Name
		default:
			if f.instrument != "" || f.part() || f.account != "" && f.account != d.Name {
				continue
			}
			row.Account = d.Name
		}
		if err := addDifference(s, row, &d); err != nil {
			return err
		}
	}
	return s.End("no difference")
}

// addDifference prints the members of one difference.
func addDifference(s *render.Sheet[differenceRow], row differenceRow, d *report.Difference) error {
	before, after, err := images(d)
	if err != nil {
		return err
	}
	fields := d.Fields
	if fields == nil { // one of them is not there: its main members tell enough
		fields = []string{"defined"}
		switch row.What {
		case "position":
			fields = []string{"side", "qty", "cost", "realized", "fees", "fees_in_cost", "funding", "charges"}
		case "account":
			fields = []string{"balances"}
		}
	}
	for _, name := range fields {
		if s.IsTable() && (name == "id" || name == "lots_digest") { // what they stand for is in other rows
			continue
		}
		for _, leaf := range leaves(name, before[name], after[name]) {
			row.Field, row.Before, row.After = leaf.name, leaf.before, leaf.after
			if err := s.AddValue(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// leaf is a member that holds no object, its name with those that lead to it.
type leaf struct {
	name          string
	before, after json.RawMessage
}

// leaves takes objects apart, and leaves out what is the same on both sides.
func leaves(name string, before, after json.RawMessage) []leaf {
	var a, b map[string]json.RawMessage
	if json.Unmarshal(before, &a) != nil && json.Unmarshal(after, &b) != nil || a == nil && b == nil {
		if bytes.Equal(before, after) {
			return nil
		}
		return []leaf{{name, before, after}}
	}
	_ = json.Unmarshal(after, &b) // it may be null, or not there
	names := sortedNames(a)
	for _, n := range sortedNames(b) {
		if _, both := a[n]; !both {
			names = append(names, n)
		}
	}
	var out []leaf
	for _, n := range names {
		out = append(out, leaves(name+"."+n, a[n], b[n])...)
	}
	return out
}

// images are the members of both sides, nil for what is not there.
func images(d *report.Difference) (before, after map[string]json.RawMessage, err error) {
	var a, b []byte
	switch {
	case d.BeforePosition != nil || d.AfterPosition != nil:
		a, b = formOf(d.BeforePosition, position.AppendPositionJSON), formOf(d.AfterPosition, position.AppendPositionJSON)
	case d.BeforeInstrument != nil || d.AfterInstrument != nil:
		a, b = formOf(d.BeforeInstrument, position.AppendInstrumentJSON), formOf(d.AfterInstrument, position.AppendInstrumentJSON)
	default:
		a, b = formOf(d.BeforeAccount, position.AppendAccountJSON), formOf(d.AfterAccount, position.AppendAccountJSON)
	}
	for _, x := range []struct {
		from []byte
		to   *map[string]json.RawMessage
	}{{a, &before}, {b, &after}} {
		if x.from == nil {
			continue
		}
		if err = json.Unmarshal(x.from, x.to); err != nil {
			return nil, nil, fmt.Errorf("unexpected form of a row: %w", err)
		}
	}
	return before, after, nil
}

func formOf[T any](image *T, form func([]byte, *T) []byte) []byte {
	if image == nil {
		return nil
	}
	return form(nil, image)
}

package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

type replayFlags struct {
	selection
	span
}

func (a *app) replayCmd() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Print each change with the position before and after it",
		Long: `Walks through the history and prints each selected change with the position before
and after it: how a number came to be. With -o ndjson or json each row is an
object {"change":…,"before":…}; before is null for the first change of a key, and
the position after it is in change.

--from and --to take a seq or a record time. The directory is read without a
lock. Of a trimmed ledger it begins behind the oldest kept snapshot.`,
		Example: `  holdfast replay --account A --instrument XBTUSD
  holdfast replay --from 100 --to 120 -o ndjson`,
		Args: cobra.NoArgs,
	}
	f.selection.flags(cmd)
	f.span.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.replay(ctx, &f) })
}

// stepRow is what the columns show of a step.
type stepRow struct {
	Change render.ChangeRow    `json:"change"`
	Before *render.PositionRow `json:"before"`
}

func (s *stepRow) before() *render.PositionRow {
	if s.Before != nil {
		return s.Before
	}
	return render.Flat()
}

func arrow(before, after render.Text) string {
	b := render.Short(before)
	if b == "" {
		b = "-"
	}
	c := render.Short(after)
	if c == "" {
		c = "-"
	}
	return b + " → " + c
}

// stepColumns are those of the change, with the quantity and the average before
// and after.
func stepColumns(of []render.ChangeColumn, file bool) []render.Column[stepRow] {
	var cols []render.Column[stepRow]
	for _, c := range of {
		switch {
		case !file && (c.Title == "qty" || c.Title == "avg_entry"):
			continue
		case file && c.Title == "qty":
			cols = append(cols, render.Column[stepRow]{Title: "qty_before", Cell: func(s *stepRow) string { return string(s.before().Text("qty")) }})
		case file && c.Title == "avg_entry":
			cols = append(cols, render.Column[stepRow]{Title: "avg_entry_before", Cell: func(s *stepRow) string { return string(s.before().Text("avg_entry")) }})
		}
		cols = append(cols, render.Column[stepRow]{Title: c.Title, Right: c.Right, Sparse: c.Sparse, Cell: func(s *stepRow) string { return c.Cell(&s.Change) }})
		if !file && c.Title == "cause" {
			cols = append(
				cols,
				render.Column[stepRow]{Title: "qty before → after", Right: true, Cell: func(s *stepRow) string { return arrow(s.before().Text("qty"), s.Change.Position().Text("qty")) }},
				render.Column[stepRow]{Title: "avg before → after", Right: true, Cell: func(s *stepRow) string {
					return arrow(s.before().Text("avg_entry"), s.Change.Position().Text("avg_entry"))
				}},
			)
		}
	}
	return cols
}

func (a *app) replay(ctx context.Context, f *replayFlags) error {
	if err := a.here("replay"); err != nil {
		return err
	}
	filter, err := f.filter(&f.selection)
	if err != nil {
		return err
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	s := sheetOf(a, stepColumns(render.ChangeTable(), false), stepColumns(render.ChangeFile(), true))
	s.Known = knownTo(ctx, r, filter)
	a.noteBeginning(filter)
	var change, before []byte
	for step, err := range r.Replay(ctx, filter) {
		if err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		change = position.AppendChangeJSON(change[:0], step.Stamp, &step.Change)
		before = append(before[:0], "null"...)
		if step.Before != nil {
			before = position.AppendPositionJSON(before[:0], step.Before)
		}
		row := map[string]json.RawMessage{"change": change, "before": before}
		if err := s.AddValue(row); err != nil {
			return err
		}
	}
	return s.End("no changes")
}

package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

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
	Change changeRow    `json:"change"`
	Before *positionRow `json:"before"`
}

func (s *stepRow) before() *positionRow {
	if s.Before != nil {
		return s.Before
	}
	return &positionRow{Qty: "0"}
}

func arrow(before, after text) string {
	b := short(before)
	if b == "" {
		b = "-"
	}
	c := short(after)
	if c == "" {
		c = "-"
	}
	return b + " → " + c
}

// stepColumns are those of the change, with the quantity and the average before
// and after.
func stepColumns(of []changeColumn, file bool) []column[stepRow] {
	var cols []column[stepRow]
	for _, c := range of {
		switch {
		case !file && (c.title == "qty" || c.title == "avg_entry"):
			continue
		case file && c.title == "qty":
			cols = append(cols, column[stepRow]{title: "qty_before", cell: func(s *stepRow) string { return string(s.before().Qty) }})
		case file && c.title == "avg_entry":
			cols = append(cols, column[stepRow]{title: "avg_entry_before", cell: func(s *stepRow) string { return string(s.before().AvgEntry) }})
		}
		cols = append(cols, column[stepRow]{title: c.title, right: c.right, sparse: c.sparse, cell: func(s *stepRow) string { return c.cell(&s.Change) }})
		if !file && c.title == "cause" {
			cols = append(
				cols,
				column[stepRow]{title: "qty before → after", right: true, cell: func(s *stepRow) string { return arrow(s.before().Qty, s.Change.after().Qty) }},
				column[stepRow]{title: "avg before → after", right: true, cell: func(s *stepRow) string { return arrow(s.before().AvgEntry, s.Change.after().AvgEntry) }},
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
	s := sheetOf(a, stepColumns(changeTable(), false), stepColumns(changeFile(), true))
	s.known = knownTo(ctx, r, filter)
	a.noteBeginning(filter)
	var change, before []byte
	for step, err := range r.Replay(ctx, filter) {
		if err != nil {
			_ = s.flush() // the error is what matters
			return err
		}
		change = position.AppendChangeJSON(change[:0], step.Stamp, &step.Change)
		before = append(before[:0], "null"...)
		if step.Before != nil {
			before = position.AppendPositionJSON(before[:0], step.Before)
		}
		row := map[string]json.RawMessage{"change": change, "before": before}
		if err := s.addValue(row); err != nil {
			return err
		}
	}
	return s.end("no changes")
}

package main

import (
	"context"
	"iter"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

type historyFlags struct {
	selection
	span

	records                   bool
	limit                     int
	trades, entryFee, flipFee string
	fees                      bool // one of the two was given
}

func (a *app) historyCmd() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Print the changes of positions in order",
		Long: `Prints one row per change, oldest first: what was done, why, what it realised and
the whole position after it (all of it with -o json, ndjson or csv).

--from and --to take a seq or a record time. Records that belong to no position
(marks, instruments, accounts, epochs) are left out unless --records is given. Of a
trimmed ledger it begins with the oldest kept record, and --trades with what
followed the oldest kept snapshot.

--trades prints closed trades instead, as analysis tools pair them:
  fill_to_fill     what each exit took from each lot
  flat_to_flat     each cycle as one trade
  flat_to_reduced  each exit as one trade
--entry-fee says which of them bears the fee of an entry: pro-rata, the first that
takes from its lot (first), or the first of the exit for all fees since the last
one (cycle). --flip-fee says whether a flip's fee is split by quantity or borne by
the closing trade.`,
		Example: `  holdfast history --account A --instrument XBTUSD
  holdfast history --from 2026-01-02T00:00:00Z --limit 100 -o ndjson
  holdfast history --records --from 5000 --to 5010
  holdfast history --trades flat_to_flat --account A
  holdfast history --trades fill_to_fill --entry-fee first -o csv`,
		Args: cobra.NoArgs,
	}
	f.selection.flags(cmd)
	f.span.flags(cmd)
	cmd.Flags().BoolVar(&f.records, "records", false, "records that belong to no position too")
	cmd.Flags().IntVar(&f.limit, "limit", 0, "at most so many changes, the oldest; 0 is all")
	cmd.Flags().StringVar(&f.trades, "trades", "", "closed trades instead: fill_to_fill, flat_to_flat or flat_to_reduced")
	cmd.Flags().StringVar(&f.entryFee, "entry-fee", "pro-rata", "with --trades: pro-rata, first or cycle")
	cmd.Flags().StringVar(&f.flipFee, "flip-fee", "split", "with --trades: split or closing")
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		f.fees = cmd.Flags().Changed("entry-fee") || cmd.Flags().Changed("flip-fee")
		return a.history(ctx, &f)
	})
}

func (a *app) history(ctx context.Context, f *historyFlags) error {
	if f.trades == "" && f.fees {
		return usagef("--entry-fee and --flip-fee say how trades are paired: give --trades as well")
	}
	filter, err := f.filter(&f.selection)
	if err != nil {
		return err
	}
	if f.limit < 0 {
		return usagef("--limit %d: give 0 for all or a positive number", f.limit)
	}
	filter.Records = f.records
	if f.trades != "" {
		if err = a.here("history --trades"); err != nil {
			return err
		}
		return a.printTrades(ctx, f, filter)
	}
	if a.server != "" {
		return a.withRemote(ctx, func(r *remote) error {
			return a.printChanges(r.history(ctx, &f.selection, &f.span, f.records), f.limit, nil)
		})
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	a.noteBeginning(filter)
	return a.printChanges(encoded(r.History(ctx, filter)), f.limit, knownTo(ctx, r, filter))
}

// noteBeginning says where a history begins of which nobody said from when, if that
// is not the ledger's first record.
func (a *app) noteBeginning(f holdfast.Filter) {
	if f.From != (holdfast.Moment{}) {
		return
	}
	if first, err := firstKept(a.dir); err == nil && first > 1 { // an error will show where it matters
		a.notef("the records before seq %d were trimmed, or are with the ledger that this one was restored from: they are not shown", first)
	}
}

// encoded turns changes into their JSON, which stays valid until the next step.
func encoded(entries iter.Seq2[holdfast.Entry, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var buf []byte
		for e, err := range entries {
			if err == nil {
				buf = position.AppendChangeJSON(buf[:0], e.Stamp, &e.Change)
			}
			if !yield(buf, err) || err != nil {
				return
			}
		}
	}
}

func (a *app) printChanges(changes iter.Seq2[[]byte, error], limit int, known func() error) error {
	s := sheetOf(a, render.ChangeTable(), render.ChangeFile())
	s.Known = known
	for raw, err := range changes {
		if err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		if err := s.Add(raw); err != nil {
			return err
		}
		if s.Rows() == limit {
			break
		}
	}
	return s.End("no changes")
}

// history asks page by page until nothing more comes.
func (r *remote) history(ctx context.Context, sel *selection, sp *span, records bool) iter.Seq2[[]byte, error] {
	q := &service.History{Selection: sel.query(), From: sp.from, At: sp.to, Records: records}
	return func(yield func([]byte, error) bool) {
		for raw, err := range r.list(ctx, "history", q) {
			if !yield(raw, err) {
				return
			}
		}
	}
}

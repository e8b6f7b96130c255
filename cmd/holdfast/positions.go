package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/service"
)

type positionsFlags struct {
	selection
	when
	totalsFlags

	all, accounts, cycles, lots bool

	known func() error // see sheet
}

func (a *app) positionsCmd() *cobra.Command {
	var f positionsFlags
	cmd := &cobra.Command{
		Use:   "positions",
		Short: "Print positions, now or at a past moment",
		Long: `Prints the open positions; with --all also the last closed cycle of each key that
is flat. Instead of these it prints

  --cycles    the closed cycles of the selected keys, oldest first
  --lots      the open lots, under a cost method that keeps them
  --accounts  per account and currency: charges that belong to no instrument, by
              kind, and what the account's positions came to
  --totals    sums of positions by account, instrument or strategy, per currency;
              with --in and --rate all of it in one currency

Two clocks. --as-of takes a seq or a record time and shows what the ledger held
then: what was believed. --as-of-event takes an event time and folds all that is
known in the order of event times up to then: what was true. Both together: what
was true by what was known at --as-of. A mutation that cannot be folded in that
order is left out and named on standard error.

A name that the ledger has never seen is an error, exit code 1; what is known and
flat is an empty list.

The directory is read without a lock, also while a daemon writes to it. Tables
round to 8 fractional digits; the other forms give every digit.`,
		Example: `  holdfast positions
  holdfast positions --account A --all -o csv
  holdfast positions --as-of 2026-01-02T03:04:05Z
  holdfast positions --as-of-event 2026-01-02T03:04:05Z --instrument XBTUSD
  holdfast positions --lots --instrument SPY
  holdfast positions --cycles --account A -o ndjson
  holdfast positions --totals strategy --in USD --rate XBT=61250.5 --rate EUR=1.08
  holdfast positions --server nats://127.0.0.1:4222 --creds holdfast-data/nats/reader.json`,
		Args: cobra.NoArgs,
	}
	f.selection.flags(cmd)
	p := cmd.Flags()
	p.BoolVar(&f.all, "all", false, "flat positions too, with their last cycle")
	p.BoolVar(&f.cycles, "cycles", false, "closed cycles instead of positions")
	p.BoolVar(&f.lots, "lots", false, "open lots instead of positions")
	p.BoolVar(&f.accounts, "accounts", false, "accounts instead of positions")
	f.totalsFlags.flags(cmd)
	f.when.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.positions(ctx, &f) })
}

// check refuses flags that exclude each other.
func (f *positionsFlags) check() error {
	n := 0
	for _, is := range []bool{f.cycles, f.lots, f.accounts, f.by != ""} {
		if is {
			n++
		}
	}
	switch {
	case n > 1:
		return usagef("--cycles, --lots, --accounts and --totals exclude each other: choose one")
	case f.accounts && (f.part() || f.instrument != ""):
		return usagef("--accounts selects by --account only")
	case f.all && (f.cycles || f.lots || f.accounts):
		return usagef("--all has no meaning with --cycles, --lots or --accounts")
	}
	return f.totalsFlags.check()
}

func (a *app) positions(ctx context.Context, f *positionsFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := f.when.check(); err != nil {
		return err
	}
	if a.server != "" {
		switch {
		case f.cycles || f.lots || f.by != "":
			return usagef("--cycles, --lots and --totals work on the directory: use --dir instead of --server")
		case f.asOfEvent != "":
			return usagef("--as-of-event works on the directory: use --dir instead of --server")
		case f.accounts && f.asOf != "":
			return usagef("--accounts with --as-of works on the directory: use --dir instead of --server")
		}
		return a.withRemote(ctx, func(r *remote) error { return a.remotePositions(ctx, r, f) })
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	v, err := a.viewAt(ctx, r, &f.when)
	if err != nil {
		return err
	}
	f.known = knownTo(ctx, r, f.where())
	switch {
	case f.accounts:
		return a.printAccounts(v, f)
	case f.by != "":
		return a.printTotals(v, f)
	case f.cycles:
		return a.printPositions(closedCycles(v, f), render.CycleTable(), "no closed cycles", f.known)
	case f.lots:
		return a.printLots(v, f)
	}
	return a.printPositions(selected(v, f), render.PositionTable(), "no open positions", f.known)
}

// reached refuses a seq that the journal does not hold yet.
func reached(dir string, at holdfast.Moment) error {
	if at.Seq == 0 {
		return nil
	}
	log, err := archive.OpenJournal(dir)
	if err != nil {
		return err
	}
	last, err := log.Last()
	if err == nil && last.Seq < at.Seq {
		err = fmt.Errorf("seq %d is not there yet, the newest is %d", at.Seq, last.Seq)
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// selected are the positions of a view that the flags choose.
func selected(v *projector.View, f *positionsFlags) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for p := range v.Positions() {
			if (f.all || p.IsOpen()) && f.selects(p.Key) && !yield(&p) {
				return
			}
		}
	}
}

// closedCycles are the cycles that ended, of the selected keys, oldest first.
func closedCycles(v *projector.View, f *positionsFlags) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for p := range v.Positions() {
			if !f.selects(p.Key) {
				continue
			}
			list := v.Cycles(p.Key)
			if !p.IsOpen() && p.Cycle > 0 {
				list = append(list, p)
			}
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// printPositions prints positions, or the images of cycles.
func (a *app) printPositions(list iter.Seq[*position.Position], cols []render.PositionColumn, nothing string, known func() error) error {
	s := sheetOf(a, cols, render.PositionFile())
	s.Known = known
	var buf []byte
	for p := range list {
		buf = position.AppendPositionJSON(buf[:0], p)
		if err := s.Add(buf); err != nil {
			return err
		}
	}
	return s.End(nothing)
}

func (a *app) remotePositions(ctx context.Context, r *remote, f *positionsFlags) error {
	if f.accounts {
		return a.remoteAccounts(ctx, r, f)
	}
	endpoint := "position.list"
	var q service.List = &service.PositionList{Selection: f.query(), All: f.all}
	if f.asOf != "" {
		endpoint, q = "position.at", &service.PositionAt{Selection: f.query(), All: f.all, At: f.asOf}
	}
	s := sheetOf(a, render.PositionTable(), render.PositionFile())
	for raw, err := range r.list(ctx, endpoint, q) {
		if err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		if err := s.Add(raw); err != nil {
			return err
		}
	}
	if r.pages > 0 && f.asOf == "" {
		a.notef("holdfast: the list came in %d pages, each of its own moment; with --as-of all are of one", r.pages+1)
	}
	return s.End("no open positions")
}

// rawRows splits an answer into its members.
func rawRows(b []byte) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("unexpected answer: %w", err)
	}
	return rows, nil
}

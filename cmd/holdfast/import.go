package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/statefile"
	"github.com/moneyprinter/holdfast/cmd/holdfast/ingest"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

type importFlags struct {
	openFlags

	account, strategy, size, remaining, settlement string
	dryRun                                         bool
}

func (a *app) importCmd() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [FILE|-]",
		Short: "Take over a positions.json, creating the ledger if need be",
		Long: `Reads a file in which an engine keeps its positions, and applies it: fills where
the file tells them (the entry, and exits that add up with what remains), else an
adoption of what remains, then marks and notes. FILE is positions.json unless it
is given. Where it is missing or torn, FILE.bak is read instead, with a warning.

Ids follow from what happened, so a second import of the same file changes
nothing, and a later state of it adds what is new. All of the file is understood
before anything is applied; what the ledger refuses stops the import.

Such files are not of one mind. --size says whether size is what was paid (quote)
or the quantity (base); --remaining whether remainingSize is a fraction of it or
absolute; auto tells size by the layout and remainingSize by the file as a whole:
a value above 1, or one that is the size, shows that it is absolute; one above the
size, or 1 without exits, that it is a fraction; exits that add up with it show
either. How the file is read, and what was not as it should be, is printed on
standard error, with --quiet as well. A file that shows both is refused, and so is
one in which an object has a member twice. With --server the result is sent to a
daemon.`,
		Example: `  holdfast import --account bot state/positions.json
  holdfast import --dry-run --size base --remaining absolute
  holdfast import --settlement USDC --strategy grid positions.json`,
		Args: cobra.MaximumNArgs(1),
	}
	p := cmd.Flags()
	p.StringVar(&f.account, "account", "main", "account of the positions; the file knows none")
	p.StringVar(&f.strategy, "strategy", "", "strategy of the positions")
	p.StringVar(&f.size, "size", "auto", "what size is: auto, quote or base")
	p.StringVar(&f.remaining, "remaining", "auto", "what remainingSize is: auto, fraction or absolute")
	p.StringVar(&f.settlement, "settlement", "SOL", "currency of prices and money")
	p.BoolVar(&f.dryRun, "dry-run", false, "read, check and count without writing")
	f.creation(cmd)
	f.running(cmd)
	return a.verb(cmd, func(ctx context.Context, args []string) error {
		file := defaultState
		if len(args) > 0 {
			file = args[0]
		}
		return a.importState(ctx, &f, file)
	})
}

// positions reads the flags that say what the file does not.
func (f *importFlags) positions() (o statefile.Options, err error) {
	o = statefile.Options{Account: f.account, Strategy: f.strategy, Settlement: f.settlement}
	if o.Size, err = choice("size", f.size, map[string]statefile.SizeUnit{"auto": statefile.SizeAuto, "quote": statefile.SizeQuote, "base": statefile.SizeBase}); err != nil {
		return o, err
	}
	o.Remaining, err = choice("remaining", f.remaining, map[string]statefile.RemainingUnit{
		"auto": statefile.RemainingAuto, "fraction": statefile.RemainingFraction, "absolute": statefile.RemainingAbsolute,
	})
	return o, err
}

func (a *app) importState(ctx context.Context, f *importFlags, file string) (err error) {
	po, err := f.positions()
	if err != nil {
		return err
	}
	o, err := a.options(&f.openFlags, "import")
	if err != nil {
		return err
	}
	var from string
	state, err := await(ctx, func() (state *statefile.Imported, err error) {
		from, state, err = a.readState(file, po)
		return state, err
	})
	if err != nil {
		return err
	}
	a.warnOf(from, state)
	run := a.ingestion(&ingest.Input{Listed: state.Entries, ListedName: from})
	end, err := a.aim(ctx, run, &ingestFlags{dryRun: f.dryRun}, o)
	if err != nil {
		return err
	}
	defer closing(end, &err)
	err = a.runIngest(ctx, run)
	a.notef("%s in %s, %s passed over", render.Counted(state.Positions, "position"), from, render.Counted(state.Unknown, "member"))
	if perr := a.printCounts(run.Counts(), false); err == nil {
		err = perr
	}
	return err
}

// warnOf says how a file was read and what was not as it should be. It is no
// progress, and --quiet does not hide it: the numbers rest on it.
func (a *app) warnOf(from string, state *statefile.Imported) {
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(a.stderr, "holdfast: "+format+"\n", args...) // nobody is left to tell
	}
	if state.Reading != "" {
		say("%s: %s", from, state.Reading)
	}
	for i, w := range state.Warnings {
		if i == maxReports {
			say("warning: %d more", len(state.Warnings)-i)
			break
		}
		say("warning: %s: %s", from, w)
	}
}

// readState reads a positions file, or, where it is missing or torn, the copy
// that is kept beside it.
func (a *app) readState(file string, o statefile.Options) (from string, state *statefile.Imported, err error) {
	if file == "-" {
		if state, err = statefile.Read(a.stdin, o); err != nil {
			err = fmt.Errorf("standard input: %w", err)
		}
		return "standard input", state, err
	}
	if state, err = stateIn(file, o); err == nil {
		return file, state, nil
	}
	kept := file + ".bak"
	if _, serr := os.Stat(kept); serr != nil {
		return "", nil, err
	}
	state, kerr := stateIn(kept, o)
	if kerr != nil {
		return "", nil, fmt.Errorf("%w; and %w", err, kerr)
	}
	_, _ = fmt.Fprintf(a.stderr, "holdfast: warning: %s; read %s instead\n", err.Error(), kept) // nobody is left to tell
	return kept, state, nil
}

func stateIn(name string, o statefile.Options) (*statefile.Imported, error) {
	file, _, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // opened for reading
	state, err := statefile.Read(file, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return state, nil
}

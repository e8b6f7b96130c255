package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// creationFlags are what is fixed when a ledger is created.
type creationFlags struct {
	name, costMethod, overReduction, currency string
	strictInstruments, strictIncrements       bool
}

// creation adds the flags to a verb that creates a ledger.
func (f *creationFlags) creation(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.name, "name", "", `name of a new ledger, in subjects and in the stream's name (default "main")`)
	p.StringVar(&f.costMethod, "cost-method", "", `new ledger: which cost leaves with a reduction: average, fifo, lifo, hifo, specific or specific-size (default "average")`)
	p.StringVar(&f.overReduction, "over-reduction", "", `new ledger: a fill larger than the position that it reduces: flip it, or strict to refuse it (default "flip")`)
	p.StringVar(&f.currency, "default-currency", "", `new ledger: settlement of undefined instruments (default "USD")`)
	p.BoolVar(&f.strictInstruments, "strict-instruments", false, "new ledger: refuse instruments that were not defined")
	p.BoolVar(&f.strictIncrements, "strict-increments", false, "new ledger: refuse fills off the increments of their instrument")
}

// rules reads the flags. A rule that was not given stays zero: an existing ledger
// keeps its own.
func (f *creationFlags) rules() (position.Rules, error) {
	r := position.Rules{DefaultCurrency: f.currency, StrictInstruments: f.strictInstruments, StrictIncrements: f.strictIncrements}
	var err error
	if f.costMethod != "" {
		if r.CostMethod, err = position.ParseCostMethod(f.costMethod); err != nil {
			return r, usagef("--cost-method %q: choose average, fifo, lifo, hifo, specific or specific-size", f.costMethod)
		}
	}
	if f.overReduction != "" {
		if r.OverReduction, err = position.ParseOverReduction(f.overReduction); err != nil {
			return r, usagef("--over-reduction %q: choose flip or strict", f.overReduction)
		}
	}
	return r, nil
}

func (a *app) initCmd() *cobra.Command {
	var f creationFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create an empty ledger",
		Long: `Creates a ledger in --dir and fixes its rules: how cost leaves a position, what
becomes of a fill that is larger than the position, what undefined instruments
settle in, and how strict it is. They hold for its life; an instrument's own
definition may say otherwise for that instrument.

ingest, import and serve create a ledger themselves and take the same flags.`,
		Example: `  holdfast init --cost-method fifo --name tax
  holdfast init --dir desk --strict-instruments --over-reduction strict
  holdfast status`,
		Args: cobra.NoArgs,
	}
	f.creation(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.create(ctx, &f) })
}

// create makes the ledger and describes it.
func (a *app) create(ctx context.Context, f *creationFlags) error {
	if err := a.here("init"); err != nil {
		return err
	}
	rules, err := f.rules()
	if err != nil {
		return err
	}
	if err = a.checkFree(); err != nil {
		return err
	}
	if r, rerr := a.reader(); rerr == nil {
		id := r.Identity()
		return fmt.Errorf("%s holds a ledger already: %s, created %s, cost method %s: use it, or name another --dir",
			a.dir, id.Name, id.CreatedAt, id.CostMethod)
	}
	keys, err := a.keys()
	if err != nil {
		return err
	}
	l, err := holdfast.Open(ctx, a.dir, holdfast.Options{Name: f.name, Rules: rules, Keys: keys, Verb: "init", Logger: a.log, SnapshotInterval: -1})
	if err != nil {
		return err
	}
	if err = l.Close(); err != nil {
		return err
	}
	id := l.Identity()
	if a.output != render.AsTable {
		return a.printJSON(id)
	}
	encrypted := "no"
	if id.Encrypted {
		encrypted = "yes, from the first record on; key " + keys.Current().String()
	}
	return render.Describe(a.stdout, append([]render.Pair{
		{"ledger", fmt.Sprintf("%s (%s), created %s", id.Name, id.ID, id.CreatedAt)},
		{"directory", a.dir},
		{"encrypted", encrypted},
	}, rulePairs(id)...))
}

// rulePairs tell what was fixed when the ledger was created.
func rulePairs(id holdfast.Identity) []render.Pair {
	strict := "nothing"
	switch {
	case id.StrictInstruments && id.StrictIncrements:
		strict = "instruments and increments"
	case id.StrictInstruments:
		strict = "instruments"
	case id.StrictIncrements:
		strict = "increments"
	}
	return []render.Pair{
		{"cost method", id.CostMethod},
		{"over-reduction", id.OverReduction},
		{"default currency", id.DefaultCurrency},
		{"strict about", strict},
	}
}

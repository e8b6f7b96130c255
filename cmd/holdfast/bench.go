package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/bench"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

type benchFlags struct {
	callers    []int
	pairs      int
	seconds    string
	seed       uint64
	steps      int
	recover    int
	snapshot   int
	relay      string
	relayCreds string
	requests   bool
	all        bool
}

// benchMillion is how many changes and positions the long measurements take where
// nothing else is said.
const benchMillion = 1_000_000

// benchMost bounds what is measured with: a position takes about a kilobyte of memory
// while a snapshot of all of them is opened.
const benchMost = 10_000_000

func (a *app) benchCmd() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the ledger on this disk and hold it against its targets",
		Long: `Measures the ledger on the machine and the disk that it is to work on and prints
each target of the design with what was measured of it: the median of the runs,
the least and the most, what must be reached, what is hoped for (stretch), and
whether it is; 7/10 says that 7 of 10 runs reach what must be. A target that is
missed on fewer cores than it is for says for how many; a row that was not measured
names the flag that does it. Without flags it takes about a minute, with --all several.

How to read it. Only ratios say something about Holdfast: the two sides take turns
in a drawn order (the seed is printed), the ratio is taken pair by pair, and 1.00 is
as fast as the other side. From 0.85 to 1.15 is a tie on a machine whose disk is not
its own, and a wide min-max says that it is not. Rates and times beside the ratios
are those of this disk. Processor times hardly depend on the disk.

The raw side appends as many bytes as a record has to a plain file that grows and
calls fdatasync once for each group; its callers are gathered as the ledger gathers
its own. Processor time per fill is that of the whole process, callers included;
their own share is said. The parts are a CPU profile's, so small ones are rough.

  --recover N     opens a journal of N changes without a snapshot
  --snapshot[=N]  opens a snapshot of N positions, and appends beside the making of
                  one: p99.9 with / without
  --relay URL     feeds an empty stream beside a publisher that has the same messages
                  ready, there or on a server in this process (embedded)
  --requests      apply, position.get and a bare echo by request, 64 in flight
  --steps N       single steps, domain path and heap, of N changes; 0 leaves them out

The rows about other stores are measured by the module bench of the repository:
make bench-results.

The scratch directory is made inside the parent of --dir, so that the disk is the
ledger's, and removed afterwards. No ledger is touched.`,
		Example: `  holdfast bench
  holdfast bench --all -o json
  holdfast bench --callers 64 --pairs 20 --recover 1000000 --relay nats://127.0.0.1:4222`,
		Args: cobra.NoArgs,
	}
	p := cmd.Flags()
	p.IntSliceVar(&f.callers, "callers", []int{1, 8, 64, 256}, "numbers of callers to measure")
	p.IntVar(&f.pairs, "pairs", 10, "pairs of runs for each comparison")
	p.StringVar(&f.seconds, "seconds", "0.5", "length of one run")
	p.Uint64Var(&f.seed, "seed", 0, "seed of the order of the runs; 0 takes one from the clock")
	p.IntVar(&f.steps, "steps", 100_000, "changes to measure single steps, domain path, heap and relay with; 0 leaves the first three out")
	p.IntVar(&f.recover, "recover", 0, "changes to measure the opening with; 0 leaves it out")
	p.IntVar(&f.snapshot, "snapshot", 0, "positions to measure snapshots with; 0 leaves them out")
	p.Lookup("snapshot").NoOptDefVal = strconv.Itoa(benchMillion)
	p.StringVar(&f.relay, "relay", "", "URL of a NATS server to measure the relay on, or embedded")
	p.StringVar(&f.relayCreds, "relay-creds", "", "with --relay URL: a .creds file or a context file; streams named HOLDFAST_bench-… are made and deleted")
	p.BoolVar(&f.requests, "requests", false, "measure requests through a server in this process")
	p.BoolVar(&f.all, "all", false, "measure everything: --recover and --snapshot with a million, --relay embedded, --requests")
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.bench(ctx, &f) })
}

// check refuses flags that make no measurement, and completes them.
func (f *benchFlags) check() (length time.Duration, err error) {
	length, err = time.ParseDuration(f.seconds + "s")
	if err != nil || length <= 0 || length > time.Hour {
		return 0, usagef("--seconds %q: give a positive number of seconds, such as 0.5", f.seconds)
	}
	if f.pairs < 1 || slices.ContainsFunc(f.callers, func(n int) bool { return n < 1 || n > 4096 }) || min(f.steps, f.recover, f.snapshot) < 0 {
		return 0, usagef("--pairs must be positive, --callers 1 to 4096, --steps, --recover and --snapshot not negative")
	}
	if max(f.steps, f.recover, f.snapshot) > benchMost {
		return 0, usagef("--steps, --recover and --snapshot are at most %d", benchMost)
	}
	if f.all {
		f.requests = true
		if f.recover == 0 {
			f.recover = benchMillion
		}
		if f.snapshot == 0 {
			f.snapshot = benchMillion
		}
		if f.relay == "" {
			f.relay = "embedded"
		}
	}
	if f.relay != "" && f.relay != "embedded" {
		return length, checkURLs("relay", f.relay)
	}
	if f.relayCreds != "" {
		return 0, usagef("--relay-creds needs the URL of a server in --relay")
	}
	return length, nil
}

func (a *app) bench(ctx context.Context, f *benchFlags) (err error) {
	if err = a.here("bench"); err != nil {
		return err
	}
	length, err := f.check()
	if err != nil {
		return err
	}
	o := bench.Options{
		Callers: slices.Compact(slices.Sorted(slices.Values(f.callers))), Pairs: f.pairs, Length: length, Seed: f.seed,
		Steps: f.steps, Recover: f.recover, Snapshot: f.snapshot, Requests: f.requests, RelayHere: f.relay == "embedded",
		Logger: a.log, Note: a.notef,
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano()) //nolint:gosec // any number
	}
	if f.relay != "" && !o.RelayHere {
		b, e := a.existingBus(&natsFlags{url: f.relay, creds: f.relayCreds})
		if e != nil {
			return e
		}
		o.Relay, o.RelayTo = b.Connect, b.Reach
	}
	if o.Dir, err = os.MkdirTemp(filepath.Dir(filepath.Clean(a.dir)), "holdfast-bench-"); err != nil {
		return fmt.Errorf("bench: %w: name a writable place with --dir", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	rep, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	if a.output == render.AsJSON || a.output == render.AsNDJSON {
		return a.printJSON(rep)
	}
	return rep.Print(a.stdout, a.output)
}

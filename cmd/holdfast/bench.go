package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

type benchFlags struct {
	callers []int
	pairs   int
	seconds string
	recover int
	steps   int
}

func (a *app) benchCmd() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the ledger beside a raw append and fdatasync on the same disk",
		Long: `Measures durable fills per second and their latency through the whole ledger, with
several numbers of callers, beside a loop that appends the same number of bytes
to a plain file and calls fdatasync, gathering its callers in the same way. The
two take turns, in alternating order, so that a noisy disk disturbs both; the
ratio is taken pair by pair. 1.00 is as fast as the raw loop.

--steps measures what each step of a change costs on its own; --recover N how
fast a ledger of N changes opens.

The scratch directory is made inside the parent of --dir, so that the disk is the
ledger's, and removed afterwards. No ledger is touched.`,
		Example: `  holdfast bench
  holdfast bench --callers 64 --pairs 20 --recover 1000000 -o json`,
		Args: cobra.NoArgs,
	}
	p := cmd.Flags()
	p.IntSliceVar(&f.callers, "callers", []int{1, 8, 64, 256}, "numbers of callers to measure")
	p.IntVar(&f.pairs, "pairs", 10, "pairs of runs for each number of callers")
	p.StringVar(&f.seconds, "seconds", "0.5", "length of one run")
	p.IntVar(&f.steps, "steps", 100_000, "changes to measure the single steps with; 0 leaves them out")
	p.IntVar(&f.recover, "recover", 0, "changes to measure the opening with; 0 leaves it out")
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.bench(ctx, &f) })
}

// benchReport is the result of bench. All times are in nanoseconds.
type benchReport struct {
	Dir     string         `json:"dir"`
	Seconds string         `json:"seconds"`
	Bytes   int64          `json:"bytes_per_record"`
	Apply   []callersRow   `json:"apply"`
	Steps   []stepCost     `json:"steps,omitempty"`
	Recover *recoverReport `json:"recover,omitempty"`
}

// callersRow compares the two sides for one number of callers.
type callersRow struct {
	Callers int         `json:"callers"`
	Pairs   int         `json:"pairs"`
	Ledger  side        `json:"ledger"`
	Raw     side        `json:"raw"`
	Ratio   json.Number `json:"ratio"` // median of the pairs' ratios
	Low     json.Number `json:"ratio_min"`
	High    json.Number `json:"ratio_max"`
}

// side is one side's runs: the median of each figure, and the extremes of the
// rate.
type side struct {
	Rate int64 `json:"per_second"`
	Min  int64 `json:"per_second_min"`
	Max  int64 `json:"per_second_max"`
	P50  int64 `json:"p50_ns"`
	P99  int64 `json:"p99_ns"`
	P999 int64 `json:"p999_ns"`
}

// thousands is a ratio in thousandths.
type thousands int64

// number is the ratio for JSON.
func (t thousands) number() json.Number { return json.Number(fmt.Sprintf("%d.%03d", t/1000, t%1000)) }

func (a *app) bench(ctx context.Context, f *benchFlags) (err error) {
	if err = a.here("bench"); err != nil {
		return err
	}
	length, err := time.ParseDuration(f.seconds + "s")
	if err != nil || length <= 0 || length > time.Hour {
		return usagef("--seconds %q: give a positive number of seconds, such as 0.5", f.seconds)
	}
	if f.pairs < 1 || slices.ContainsFunc(f.callers, func(n int) bool { return n < 1 || n > 4096 }) || f.steps < 0 || f.recover < 0 {
		return usagef("--pairs must be positive, --callers 1 to 4096, --steps and --recover not negative")
	}
	scratch, err := os.MkdirTemp(filepath.Dir(filepath.Clean(a.dir)), "holdfast-bench-")
	if err != nil {
		return fmt.Errorf("holdfast: bench: %w: name a writable place with --dir", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	b := &bench{app: a, dir: scratch, length: length}
	rep := benchReport{Dir: scratch, Seconds: f.seconds}
	if rep.Apply, err = b.compare(ctx, f.callers, f.pairs); err != nil {
		return err
	}
	rep.Bytes = b.bytes
	if f.steps > 0 {
		if rep.Steps, err = b.steps(ctx, f.steps); err != nil {
			return err
		}
	}
	if f.recover > 0 {
		if rep.Recover, err = b.recovery(ctx, f.recover); err != nil {
			return err
		}
	}
	return a.printBench(&rep)
}

func (a *app) printBench(rep *benchReport) error {
	if a.output == render.AsJSON || a.output == render.AsNDJSON {
		return a.printJSON(rep)
	}
	s := sheetOf(a, benchColumns(), benchColumns())
	for i := range rep.Apply {
		if err := s.AddValue(benchLine(&rep.Apply[i])); err != nil {
			return err
		}
	}
	if err := s.End(""); err != nil || a.output == render.AsCSV {
		return err
	}
	return a.printCosts(rep)
}

// printCosts prints what follows the comparison in a table.
func (a *app) printCosts(rep *benchReport) error {
	lines := []render.Pair{{"record", fmt.Sprintf("%d bytes in the journal", rep.Bytes)}}
	for _, c := range rep.Steps {
		lines = append(lines, render.Pair{c.Step, fmt.Sprintf("%6d ns  %5d bytes per change  (%s)", c.NS, c.Bytes, c.What)})
	}
	if r := rep.Recover; r != nil {
		lines = append(lines, render.Pair{"recover", fmt.Sprintf("%d changes/s: %d changes opened in %d ms", r.Rate, r.Changes, r.NS/1e6)})
	}
	return render.Describe(a.stdout, lines)
}

// benchRow is a callersRow as text.
type benchRow struct {
	Callers, Ledger, LedgerRange, P50, P99, P999, Raw, RawRange, RawP50, RawP99, RawP999, Ratio, RatioRange string
}

func benchLine(r *callersRow) benchRow {
	return benchRow{
		Callers: fmt.Sprint(r.Callers),
		Ledger:  fmt.Sprint(r.Ledger.Rate), LedgerRange: fmt.Sprintf("%d-%d", r.Ledger.Min, r.Ledger.Max),
		P50: micros(r.Ledger.P50), P99: micros(r.Ledger.P99), P999: micros(r.Ledger.P999),
		Raw: fmt.Sprint(r.Raw.Rate), RawRange: fmt.Sprintf("%d-%d", r.Raw.Min, r.Raw.Max),
		RawP50: micros(r.Raw.P50), RawP99: micros(r.Raw.P99), RawP999: micros(r.Raw.P999),
		Ratio: r.Ratio.String(), RatioRange: r.Low.String() + "-" + r.High.String(),
	}
}

func micros(ns int64) string { return fmt.Sprintf("%d.%d", ns/1000, ns%1000/100) }

func benchColumns() []render.Column[benchRow] {
	col := func(title string, get func(*benchRow) string) render.Column[benchRow] {
		return render.Column[benchRow]{Title: title, Right: true, Cell: get}
	}
	return []render.Column[benchRow]{
		col("callers", func(r *benchRow) string { return r.Callers }),
		col("fills/s", func(r *benchRow) string { return r.Ledger }),
		col("min-max", func(r *benchRow) string { return r.LedgerRange }),
		col("p50_us", func(r *benchRow) string { return r.P50 }),
		col("p99_us", func(r *benchRow) string { return r.P99 }),
		col("p99.9_us", func(r *benchRow) string { return r.P999 }),
		col("raw/s", func(r *benchRow) string { return r.Raw }),
		col("raw_min-max", func(r *benchRow) string { return r.RawRange }),
		col("raw_p50_us", func(r *benchRow) string { return r.RawP50 }),
		col("raw_p99_us", func(r *benchRow) string { return r.RawP99 }),
		col("raw_p99.9_us", func(r *benchRow) string { return r.RawP999 }),
		col("ratio", func(r *benchRow) string { return r.Ratio }),
		col("ratio_min-max", func(r *benchRow) string { return r.RatioRange }),
	}
}

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

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/daemon"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
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
		return fmt.Errorf("bench: %w: name a writable place with --dir", err)
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

// bench runs the measurements in a scratch directory.
type bench struct {
	app    *app
	dir    string
	length time.Duration
	bytes  int64 // of one record in the journal, frame included
	fills  yardstick.Fills
}

// scratchOptions are those of a ledger without snapshots of its own.
func (b *bench) scratchOptions() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: b.app.log, SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

// compare measures both sides for each number of callers.
func (b *bench) compare(ctx context.Context, callers []int, pairs int) (rows []callersRow, err error) {
	dir := filepath.Join(b.dir, "ledger")
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return nil, err
	}
	defer closing(l, &err)
	apply := func() error {
		_, aerr := l.Apply(ctx, b.fills.Next())
		return aerr
	}
	// Every position is opened, which is not what is measured, and the size of a
	// record becomes known.
	if err = b.fills.Apply(ctx, l, 3*yardstick.Positions); err != nil {
		return nil, err
	}
	rep, err := journal.Check(dir) // the size of the files is more, see journal.Report
	if err != nil {
		return nil, err
	}
	b.bytes = rep.Bytes / int64(max(rep.Records, 1))
	raw, err := yardstick.OpenRaw(filepath.Join(b.dir, "raw"), int(b.bytes), 0)
	if err != nil {
		return nil, err
	}
	defer closing(raw, &err)
	for _, n := range callers {
		row, err := b.pairs(ctx, n, pairs, apply, raw.Append)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// pairs runs the two sides in turns, in alternating order.
func (b *bench) pairs(ctx context.Context, callers, pairs int, ledger, raw func() error) (callersRow, error) {
	var mine, theirs []yardstick.Figures
	var ratios []int64
	for i := range pairs {
		b.app.notef("bench: %d callers, pair %d of %d", callers, i+1, pairs)
		first, second := ledger, raw
		if i%2 == 1 {
			first, second = raw, ledger
		}
		x, err := yardstick.Drive(callers, b.length, first)
		if err != nil {
			return callersRow{}, err
		}
		y, err := yardstick.Drive(callers, b.length, second)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return callersRow{}, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		mine, theirs = append(mine, x), append(theirs, y)
		ratios = append(ratios, x.Rate*1000/max(y.Rate, 1))
	}
	slices.Sort(ratios)
	return callersRow{
		Callers: callers, Pairs: pairs, Ledger: sideOf(mine), Raw: sideOf(theirs),
		Ratio: thousands(middle(ratios)).number(), Low: thousands(ratios[0]).number(), High: thousands(ratios[len(ratios)-1]).number(),
	}, nil
}

func sideOf(runs []yardstick.Figures) side {
	pick := func(get func(yardstick.Figures) int64) []int64 {
		out := make([]int64, len(runs))
		for i, f := range runs {
			out[i] = get(f)
		}
		slices.Sort(out)
		return out
	}
	rates := pick(func(f yardstick.Figures) int64 { return f.Rate })
	return side{
		Rate: middle(rates), Min: rates[0], Max: rates[len(rates)-1],
		P50:  middle(pick(func(f yardstick.Figures) int64 { return int64(f.P50) })),
		P99:  middle(pick(func(f yardstick.Figures) int64 { return int64(f.P99) })),
		P999: middle(pick(func(f yardstick.Figures) int64 { return int64(f.P999) })),
	}
}

// middle is the median of a sorted list.
func middle(sorted []int64) int64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// stepCost is what one step of a change takes on its own.
type stepCost struct {
	Step  string `json:"step"`
	NS    int64  `json:"ns_per_change"`
	Bytes int64  `json:"bytes_per_change"`
	What  string `json:"what"`
}

// stepGroup is how many changes share a sync when the steps are measured.
const stepGroup = 64

// steps measures each step with direct loops over the packages.
func (b *bench) steps(ctx context.Context, n int) ([]stepCost, error) {
	b.app.notef("bench: steps, %d changes", n)
	changes, stage, err := b.stage(n)
	if err != nil {
		return nil, err
	}
	encoded, encode := b.encode(changes)
	write, sync, err := b.journal(encoded)
	if err != nil {
		return nil, err
	}
	publish, err := b.publish(ctx, min(n, 50_000))
	if err != nil {
		return nil, err
	}
	var event []byte
	for i := range changes {
		event = position.AppendChangeJSON(event[:0], position.Stamp{Seq: uint64(i + 1), Epoch: 1, Time: 1}, &changes[i])
		publish.Bytes += int64(len(event))
	}
	publish.Bytes /= int64(max(len(changes), 1))
	return []stepCost{stage, encode, write, sync, publish}, nil
}

func perChange(began time.Time, n int) int64 { return int64(time.Since(began)) / int64(max(n, 1)) }

// stage folds n fills on a book that has all its positions open already.
func (b *bench) stage(n int) ([]position.Change, stepCost, error) {
	book := projector.New(projector.Options{})
	fills := make([]position.Mutation, n+yardstick.Positions)
	for i := range fills {
		fills[i] = b.fills.Next()
	}
	changes := make([]position.Change, 0, n+n/2)
	var began time.Time
	for i := range fills {
		if i == len(fills)-n {
			changes, began = changes[:0], time.Now()
		}
		s, err := book.Stage(position.Time(i+1), fills[i:i+1], false)
		if err != nil {
			return nil, stepCost{}, err
		}
		book.Accept(s)
		book.Publish(s)
		changes = append(changes, s.Changes...)
	}
	return changes, stepCost{Step: "stage", NS: perChange(began, len(changes)), What: "duplicates, versions, arithmetic, new state"}, nil
}

func (b *bench) encode(changes []position.Change) ([][]byte, stepCost) {
	encoded, total := make([][]byte, len(changes)), 0
	buf := make([]byte, 0, 1<<16)
	began := time.Now()
	for i := range changes {
		buf = wire.AppendChange(buf[:0], &changes[i])
		total += len(buf)
	}
	cost := stepCost{Step: "encode", NS: perChange(began, len(changes)), Bytes: int64(total / max(len(changes), 1)), What: "binary form of the change"}
	for i := range changes {
		encoded[i] = wire.AppendChange(nil, &changes[i])
	}
	return encoded, cost
}

// journal measures the framing of a record and the group's write and sync.
func (b *bench) journal(encoded [][]byte) (write, sync stepCost, err error) {
	dir := filepath.Join(b.dir, "journal")
	j, err := journal.Open(dir, journal.Options{Logger: b.app.log})
	if err != nil {
		return write, sync, err
	}
	defer closing(j, &err)
	var framing, syncing time.Duration
	for i := 0; i < len(encoded); i += stepGroup {
		began := time.Now()
		batch := j.NewBatch()
		for _, p := range encoded[i:min(i+stepGroup, len(encoded))] {
			batch.Append(p, 0, int64(i+1))
		}
		framed := time.Now()
		if err := j.Commit(batch); err != nil {
			return write, sync, err
		}
		framing += framed.Sub(began)
		syncing += time.Since(framed)
	}
	n, size := int64(max(len(encoded), 1)), daemon.JournalBytes(dir)
	write = stepCost{Step: "write", NS: int64(framing) / n, Bytes: size / n, What: "frame, checksum, chain"}
	sync = stepCost{Step: "sync", NS: int64(syncing) / n, Bytes: size / n, What: fmt.Sprintf("write and fsync, a group of %d", stepGroup)}
	return write, sync, nil
}

// publish measures how fast a relay brings a journal to an empty stream of an
// embedded server.
func (b *bench) publish(ctx context.Context, n int) (cost stepCost, err error) {
	dir := filepath.Join(b.dir, "published")
	if err = b.fillLedger(ctx, dir, n); err != nil {
		return cost, err
	}
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(b.dir, "nats"), Listen: embedded.NoListen, Ledger: "main"})
	if err != nil {
		return cost, err
	}
	defer closing(s, &err)
	o := b.scratchOptions()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect}
	l, err := holdfast.Open(ctx, dir, o)
	if err != nil {
		return cost, err
	}
	defer closing(l, &err)
	began := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		st := l.Relay().Status()
		if st.State == bus.StateLive && st.Lag == 0 {
			return stepCost{Step: "publish", NS: perChange(began, n), What: "relay to the embedded server, JSON included"}, nil
		}
		if st.State == bus.StateStopped {
			return cost, errors.New("bench: " + st.Err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return cost, ctx.Err()
		}
	}
}

// fillLedger makes a ledger of n fills.
func (b *bench) fillLedger(ctx context.Context, dir string, n int) (err error) {
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return err
	}
	defer closing(l, &err)
	return b.fills.Apply(ctx, l, n)
}

// recoverReport is how fast a ledger opens from its journal alone.
type recoverReport struct {
	Changes uint64 `json:"changes"`
	NS      int64  `json:"ns"`
	Rate    int64  `json:"per_second"`
}

func (b *bench) recovery(ctx context.Context, n int) (*recoverReport, error) {
	b.app.notef("bench: recovery of %d changes", n)
	dir := filepath.Join(b.dir, "recovered")
	if err := b.fillLedger(ctx, dir, n); err != nil {
		return nil, err
	}
	began := time.Now()
	l, err := holdfast.Open(ctx, dir, b.scratchOptions())
	if err != nil {
		return nil, err
	}
	took := int64(time.Since(began))
	last := l.View().Seq()
	return &recoverReport{Changes: last, NS: took, Rate: int64(last) * int64(time.Second) / max(took, 1)}, l.Close()
}

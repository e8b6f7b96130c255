package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// series are the rounds of a row.
type series []yardstick.Figures

// spread is what several rounds gave.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spreadOf(all []float64) spread {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

// of is the spread of what pick finds in the rounds.
func (s series) of(pick func(*yardstick.Figures) float64) spread {
	all := make([]float64, len(s))
	for i := range s {
		all[i] = pick(&s[i])
	}
	return spreadOf(all)
}

// to divides round by round, so that what disturbed a round disturbs both.
func (s series) to(base series, pick func(*yardstick.Figures) float64) spread {
	all := make([]float64, len(s))
	for i := range s {
		all[i] = pick(&s[i]) / max(pick(&base[i]), 1e-9)
	}
	return spreadOf(all)
}

func rate(f *yardstick.Figures) float64 { return float64(f.Rate) }
func half(f *yardstick.Figures) float64 { return micros(f.P50) }
func tail(f *yardstick.Figures) float64 { return micros(f.P99) }
func last(f *yardstick.Figures) float64 { return micros(f.P999) }
func cpu(f *yardstick.Figures) float64  { return micros(f.Used.CPU) }

func allocated(f *yardstick.Figures) float64 { return float64(f.Used.Allocated) }

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// row is what was measured of a store with a number of callers. Times are in
// microseconds.
type row struct {
	Store     string `json:"store"`
	How       string `json:"how"`
	Rate      spread `json:"per_second"`
	Raw       spread `json:"to_raw"`
	P50       spread `json:"p50_us"`
	P50Raw    spread `json:"p50_to_raw"`
	P99       spread `json:"p99_us"`
	P99Raw    spread `json:"p99_to_raw"`
	P999      spread `json:"p999_us"`
	CPU       spread `json:"cpu_us"`
	Allocated spread `json:"allocated"`

	rounds series
}

func rowOf(p *peer, s, raw series) row {
	return row{
		Store: p.name, How: p.what, Rate: s.of(rate), Raw: s.to(raw, rate), P50: s.of(half), P50Raw: s.to(raw, half),
		P99: s.of(tail), P99Raw: s.to(raw, tail), P999: s.of(last), CPU: s.of(cpu), Allocated: s.of(allocated), rounds: s,
	}
}

// table is what was measured with one number of callers.
type table struct {
	Callers int   `json:"callers"`
	Rows    []row `json:"rows"`
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n### %d callers\n\n", t.Callers)
	fmt.Fprintln(w, "| store | appends/s | min-max | / raw | min-max | p50 µs | / raw | p99 µs | / raw | p99.9 µs | cpu µs | alloc B | how |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|")
	for _, r := range t.Rows {
		fmt.Fprintf(w, "| %s | %.0f | %.0f-%.0f | %.2f | %.2f-%.2f | %.0f | %.2f | %.0f | %.2f | %.0f | %.1f | %.0f | %s |\n", r.Store,
			r.Rate.Median, r.Rate.Min, r.Rate.Max, r.Raw.Median, r.Raw.Min, r.Raw.Max, r.P50.Median, r.P50Raw.Median,
			r.P99.Median, r.P99Raw.Median, r.P999.Median, r.CPU.Median, r.Allocated.Median, r.How)
	}
}

// named is the row of a store, nil if it was not measured.
func (t *table) named(store string) *row {
	for i := range t.Rows {
		if t.Rows[i].Store == store {
			return &t.Rows[i]
		}
	}
	return nil
}

// target is one that two stores of a run decide.
type target struct {
	Callers int     `json:"callers"`
	Over    string  `json:"over"` // the store that the whole ledger is divided by
	Ratio   spread  `json:"ratio"`
	Rounds  int     `json:"rounds"`
	Must    float64 `json:"must"`
	Stretch float64 `json:"stretch"`
	Verdict string  `json:"verdict"`
	// Each is the ratio to the fastest of each round, whichever that is: noise is on
	// the others' side there.
	Each spread `json:"to_fastest_of_each_round"`
}

// goals are the targets of the design: for a raw append, and for bare logs.
func goals(callers int) (raw, logs [2]float64, known bool) {
	switch callers {
	case 1, 8:
		return [2]float64{1.1, 1.25}, [2]float64{1, 1.2}, true
	case 64:
		return [2]float64{0.95, 1.1}, [2]float64{1, 1.2}, true
	case 256:
		return [2]float64{0.7, 0.9}, [2]float64{0.9, 1}, true
	}
	return raw, logs, false
}

// targets hold the whole ledger against the raw file and against the fastest of the bare
// logs, by the medians of their rates.
func (t *table) targets() []target {
	ledger := t.named(ledgerRow)
	raw, logs, known := goals(t.Callers)
	if ledger == nil || !known {
		return nil
	}
	out := []target{against(t.Callers, ledger, t.named(rawRow), raw)}
	var rows []*row
	for _, name := range bare() {
		if r := t.named(name); r != nil {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return out
	}
	best := against(t.Callers, ledger, slices.MaxFunc(rows, func(a, b *row) int { return cmp.Compare(a.Rate.Median, b.Rate.Median) }), logs)
	var all []float64
	for i := range ledger.rounds {
		fastest := int64(1)
		for _, r := range rows {
			fastest = max(fastest, r.rounds[i].Rate)
		}
		all = append(all, rate(&ledger.rounds[i])/float64(fastest))
	}
	best.Each = spreadOf(all)
	return append(out, best)
}

func against(callers int, ledger, other *row, goal [2]float64) target {
	out := target{
		Callers: callers, Over: other.Store, Ratio: ledger.rounds.to(other.rounds, rate), Rounds: len(ledger.rounds),
		Must: goal[0], Stretch: goal[1], Verdict: "not met",
	}
	switch {
	case out.Ratio.Median >= out.Stretch:
		out.Verdict = "met, stretch"
	case out.Ratio.Median >= out.Must:
		out.Verdict = "met"
	}
	out.Each = out.Ratio
	return out
}

func printTargets(w io.Writer, all []target) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n### Whole ledger, held against its targets\n\n")
	fmt.Fprintln(w, "| callers | ledger / | ratio | min-max | must | stretch | verdict | / fastest of each round |")
	fmt.Fprintln(w, "|---:|---|---:|---:|---:|---:|---|---:|")
	for _, t := range all {
		fmt.Fprintf(w, "| %d | %s | %.2f | %.2f-%.2f | ≥ %.2f | ≥ %.2f | %s | %.2f |\n",
			t.Callers, t.Over, t.Ratio.Median, t.Ratio.Min, t.Ratio.Max, t.Must, t.Stretch, t.Verdict, t.Each.Median)
	}
}

package bench

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// Side is one side of a comparison: the median of each figure of its runs, and
// the extremes of the rate. Times are in nanoseconds.
type Side struct {
	Rate      int64 `json:"per_second"`
	Min       int64 `json:"per_second_min"`
	Max       int64 `json:"per_second_max"`
	P50       int64 `json:"p50_ns"`
	P99       int64 `json:"p99_ns"`
	P999      int64 `json:"p999_ns"`
	CPU       int64 `json:"cpu_ns"`    // for each call, of the whole process
	Allocated int64 `json:"allocated"` // bytes for each call, of the whole process
}

// CallersRow compares ledger and raw file for one number of callers.
type CallersRow struct {
	Callers int         `json:"callers"`
	Pairs   int         `json:"pairs"`
	Ledger  Side        `json:"ledger"`
	Raw     Side        `json:"raw"`
	Ratio   json.Number `json:"ratio"`
	Low     json.Number `json:"ratio_min"`
	High    json.Number `json:"ratio_max"`
	P99     json.Number `json:"p99_ratio"`
}

// Harness is what the callers themselves cost for each call: a fill is made, the
// clock is read.
type Harness struct {
	CPU       int64 `json:"cpu_ns"`
	Allocated int64 `json:"allocated"`
}

// Report is what was measured. Every member is always there; what was not measured
// is zero, empty or null.
type Report struct {
	Dir        string `json:"dir"`
	Version    string `json:"version"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Processors int    `json:"processors"` // that this process may use
	Seed       uint64 `json:"seed"`
	Seconds    string `json:"seconds"` // of a run
	Pairs      int    `json:"pairs"`
	Bytes      int64  `json:"bytes_per_record"`
	Raw        string `json:"raw"` // what the raw side does

	Rows     []Row           `json:"rows"`
	Apply    []CallersRow    `json:"apply"`
	Harness  *Harness        `json:"harness"`
	Parts    *Parts          `json:"parts"`
	Steps    []Step          `json:"steps"`
	Recover  *Opening        `json:"recover"`
	Snapshot *SnapshotReport `json:"snapshot"`
	Relay    *RelayReport    `json:"relay"`
	Requests *RequestsReport `json:"requests"`
}

// Opening is how a ledger opens, everything included: the median of several times.
type Opening struct {
	Changes   uint64 `json:"changes"`
	Positions uint64 `json:"positions"`
	Opened    int    `json:"opened"` // how often
	NS        int64  `json:"ns"`
	CPU       int64  `json:"cpu_ns"`
	Rate      int64  `json:"per_second"`
	// Peak is by how much the memory of the process grew at most, 0 where the system
	// does not tell.
	Peak int64 `json:"peak_bytes"`
}

// SnapshotReport is what a snapshot costs who opens it and who appends beside it.
type SnapshotReport struct {
	Positions uint64   `json:"positions"`
	Bytes     int64    `json:"bytes"`
	Open      *Opening `json:"open"` // its newest changes included
	Callers   int      `json:"callers"`
	Pairs     int      `json:"pairs"`
	NS        int64    `json:"ns"` // of making it, beside the appends
	Beside    Side     `json:"beside"`
	Without   Side     `json:"without"`
}

// RelayReport compares a relay that brings a backlog to an empty stream with a
// publisher that has the same messages ready in memory.
type RelayReport struct {
	Server   string `json:"server"`
	Messages int    `json:"messages"`
	Pairs    int    `json:"pairs"`
	Relay    int64  `json:"relay_per_second"`
	Raw      int64  `json:"raw_per_second"`
	Form     string `json:"raw_form"` // the fastest of those that were tried
}

// RequestsReport compares requests to a ledger with each other and with a bare echo
// of as many bytes, all through a server in this process.
type RequestsReport struct {
	InFlight int         `json:"in_flight"`
	Pairs    int         `json:"pairs"`
	Apply    Side        `json:"apply"`
	Get      Side        `json:"get"`
	Echo     Side        `json:"echo"`
	ToEcho   json.Number `json:"apply_to_echo"`
	GetEcho  json.Number `json:"get_to_echo"`
}

// Parts is the processor time of a fill by what it goes into: the shares are those
// of a CPU profile, and the sum is the time that the system counts. A share below
// a hundredth is a handful of samples and means little.
type Parts struct {
	Callers int    `json:"callers"`
	CPU     int64  `json:"cpu_ns"` // of a fill, while the profile ran
	Samples int64  `json:"sampled_ms"`
	Parts   []Part `json:"parts"`
}

// Part is the share of one part.
type Part struct {
	Part string `json:"part"`
	CPU  int64  `json:"cpu_ns"`
	What string `json:"what"`
}

// Step is what one step of a change takes on its own, in a loop of one goroutine:
// NS by the clock, CPU by the processors.
type Step struct {
	Step  string `json:"step"`
	NS    int64  `json:"ns_per_change"`
	CPU   int64  `json:"cpu_ns_per_change"`
	Bytes int64  `json:"bytes_per_change"`
	What  string `json:"what"`
}

// begun is a report of nothing yet.
func begun(dir string, seed uint64, length time.Duration, pairs int) *Report {
	return &Report{
		Dir: dir, Version: holdfast.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Processors: min(runtime.GOMAXPROCS(0), runtime.NumCPU()), Seed: seed, Seconds: fmt.Sprint(length.Seconds()), Pairs: pairs,
		Raw: "append to a file that grows, one fdatasync for each group", Rows: targets(),
		Apply: []CallersRow{}, Steps: []Step{},
	}
}

// measured notes what the runs of a row gave.
func (r *Report) measured(row int, runs []thousandths) { r.Rows[row].measured(runs) }

// sideOf is a side of a comparison.
func sideOf(runs []yardstick.Figures) Side {
	rates := each(runs, func(f *yardstick.Figures) int64 { return f.Rate })
	mid := func(get func(*yardstick.Figures) int64) int64 { return median(each(runs, get)) }
	return Side{
		Rate: median(rates), Min: slices.Min(rates), Max: slices.Max(rates),
		P50:       mid(func(f *yardstick.Figures) int64 { return int64(f.P50) }),
		P99:       mid(func(f *yardstick.Figures) int64 { return int64(f.P99) }),
		P999:      mid(func(f *yardstick.Figures) int64 { return int64(f.P999) }),
		CPU:       mid(func(f *yardstick.Figures) int64 { return int64(f.Used.CPU) }),
		Allocated: mid(func(f *yardstick.Figures) int64 { return f.Used.Allocated }),
	}
}

package bench

import "encoding/json"

// Which figures of a row are better.
const higher, lower = "higher", "lower"

// Verdicts on a row.
const (
	Stretch    = "stretch"    // better than what is hoped for
	Met        = "met"        // as it must be
	Missed     = "not met"    // not as it must be
	Cores      = "cores"      // not as it must be, and the machine has fewer processors than the target is for
	Smaller    = "smaller"    // what was measured is smaller than the target is for
	Unmeasured = "unmeasured" // see Needs
)

// Needs of rows that were not measured.
const (
	NeedsCallers  = "callers"
	NeedsSteps    = "steps"
	NeedsRecover  = "recover"
	NeedsSnapshot = "snapshot"
	NeedsRelay    = "relay"
	NeedsRequests = "requests"
	NeedsPeers    = "peers" // the module bench of the repository, which has the other stores
)

// Row is one target of the design and what was measured of it.
type Row struct {
	Name    string      `json:"name"`
	Unit    string      `json:"unit"`
	Better  string      `json:"better"` // "higher" or "lower"
	Must    json.Number `json:"must"`
	Stretch json.Number `json:"stretch"`
	Cores   int         `json:"cores"` // that the target is for
	Of      int         `json:"of"`    // positions that the target is for, 0 where it is for any number
	Runs    int         `json:"runs"`  // 0: not measured
	Median  json.Number `json:"median"`
	Min     json.Number `json:"min"`
	Max     json.Number `json:"max"`
	Reached int         `json:"reached"` // how many of the runs are as they must be
	Verdict string      `json:"verdict"`
	Needs   string      `json:"needs"` // what would have it measured

	must, stretch thousandths
	got           spread
	size          int // of what was measured, where Of says something
}

// The targets, by place in [Report].Rows.
const (
	rowRaw1 = iota
	rowRaw8
	rowRaw64
	rowRaw256
	rowPeers
	rowPeers256
	rowCPU
	rowP99
	rowSnapshot
	rowDomain
	rowRecover
	rowOpen
	rowHeap
	rowRelay
	rowRequests
)

// targets are the rows before anything is measured.
func targets() []Row {
	row := func(name, unit, better string, must, stretch thousandths, cores int, needs string) Row {
		return Row{
			Name: name, Unit: unit, Better: better, Must: must.number(), Stretch: stretch.number(), Cores: cores,
			Median: "0", Min: "0", Max: "0", Verdict: Unmeasured, Needs: needs, must: must, stretch: stretch,
		}
	}
	rows := []Row{
		rowRaw1:     row("ledger / raw append, 1 caller", "ratio", higher, 1100, 1250, 2, NeedsCallers),
		rowRaw8:     row("ledger / raw append, 8 callers", "ratio", higher, 1100, 1250, 2, NeedsCallers),
		rowRaw64:    row("ledger / raw append, 64 callers", "ratio", higher, 950, 1100, 2, NeedsCallers),
		rowRaw256:   row("ledger / raw append, 256 callers", "ratio", higher, 700, 900, 2, NeedsCallers),
		rowPeers:    row("ledger / best bare log, 1 to 64", "ratio", higher, 1000, 1200, 2, NeedsPeers),
		rowPeers256: row("ledger / best bare log, 256", "ratio", higher, 900, 1000, 2, NeedsPeers),
		rowCPU:      row("cpu per fill, 256 callers", "µs", lower, 5000, 4100, 2, NeedsCallers),
		rowP99:      row("p99 / raw's, 256 callers", "ratio", lower, 1500, 1200, 2, NeedsCallers),
		rowSnapshot: row("p99.9 beside a snapshot / without", "ratio", lower, 2000, 1200, 2, NeedsSnapshot),
		rowDomain:   row("domain path, one core", "k fills/s", higher, 400_000, 500_000, 1, NeedsSteps),
		rowRecover:  row("recovery, cpu per change", "µs", lower, 2000, 1500, 1, NeedsRecover),
		rowOpen:     row("open from a snapshot, cpu", "s", lower, 2000, 1000, 1, NeedsSnapshot),
		rowHeap:     row("live heap per open position", "B", lower, 600_000, 500_000, 1, NeedsSteps),
		rowRelay:    row("relay / raw publisher", "ratio", higher, 850, 1000, 2, NeedsRelay),
		rowRequests: row("apply / position.get by request", "ratio", higher, 800, 1000, 2, NeedsRequests),
	}
	rows[rowSnapshot].Of, rows[rowOpen].Of = million, million
	return rows
}

// million is how many positions the targets of snapshots are for.
const million = 1_000_000

// measured notes what the runs of a row gave.
func (to *Row) measured(runs []thousandths) {
	s := spreadOf(runs)
	to.got, to.Runs, to.Needs, to.Reached = s, s.runs, "", 0
	to.Median, to.Min, to.Max = s.mid.number(), s.low.number(), s.high.number()
	for _, r := range runs {
		if to.as(r, to.must) {
			to.Reached++
		}
	}
}

// as reports whether a figure is as good as a target.
func (to *Row) as(got, target thousandths) bool {
	if to.Better == lower {
		return got <= target
	}
	return got >= target
}

// judge holds what was measured against the target, on a machine of so many
// processors.
func (to *Row) judge(processors int) {
	switch {
	case to.Runs == 0:
		to.Verdict = Unmeasured
	case to.size < to.Of:
		to.Verdict = Smaller
	case to.as(to.got.mid, to.stretch):
		to.Verdict = Stretch
	case to.as(to.got.mid, to.must):
		to.Verdict = Met
	case processors < to.Cores:
		to.Verdict = Cores
	default:
		to.Verdict = Missed
	}
}

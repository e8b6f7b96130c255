package daemon

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/moneyprinter/holdfast"
)

// healthz says ok, or 503 and why nothing can be written.
func (w *web) healthz(rw http.ResponseWriter, r *http.Request, _ url.Values) {
	if text := w.d.degraded(); text != "" {
		refuse(rw, r, http.StatusServiceUnavailable, text)
		return
	}
	_, _ = io.WriteString(rw, "ok\n") // the client may be gone
}

// degraded says why nothing can be written, "" when it can.
func (d *Daemon) degraded() string {
	err := d.Ledger().Err()
	if err == nil {
		return ""
	}
	text := "degraded, read-only: " + err.Error()
	d.reopening.note(func(r *reopening) {
		if r.active && r.tries > 0 && r.last != nil {
			text += "; not opened again yet: " + r.last.Error()
		}
	})
	return text
}

// daemonStatus is the ledger's status and what became of its openings.
type daemonStatus struct {
	holdfast.Status

	Degraded string `json:"degraded,omitempty"` // why nothing can be written
	Reopened uint64 `json:"reopened"`           // times that the ledger was opened again after a failure
	Tries    uint64 `json:"reopen_failures"`    // openings that failed
	Last     string `json:"last_failure,omitempty"`
	At       string `json:"last_failure_time,omitempty"`
}

func (w *web) status(rw http.ResponseWriter, r *http.Request, _ url.Values) {
	st, err := w.d.Ledger().Status()
	out := daemonStatus{Status: st, Degraded: w.d.degraded()}
	w.d.reopening.note(func(r *reopening) {
		out.Reopened, out.Tries = r.reopened, r.tries
		if r.last != nil {
			out.Last, out.At = r.last.Error(), r.at.UTC().Format(time.RFC3339)
		}
	})
	answer(rw, r, out, err)
}

// metric is one line of the text format of Prometheus.
type metric struct {
	name, kind, help string
	value            uint64
}

// metrics writes the text format of Prometheus.
func (w *web) metrics(rw http.ResponseWriter, _ *http.Request, _ url.Values) {
	l := w.d.Ledger()
	rw.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for _, m := range append(w.state(l), w.d.troubles(l)...) {
		// The client may be gone.
		_, _ = fmt.Fprintf(rw, "# HELP %s %s\n# TYPE %s %s\n%s{ledger=%q} %d\n",
			m.name, m.help, m.name, m.kind, m.name, l.Identity().Name, m.value)
	}
	kind := w.d.lastKind(l)
	_, _ = io.WriteString(rw, "# HELP holdfast_last_error 1 for the kind of the newest error of the disk or the system.\n# TYPE holdfast_last_error gauge\n") // the same
	for _, k := range holdfast.FaultKinds() {
		var is int
		if k == kind {
			is = 1
		}
		_, _ = fmt.Fprintf(rw, "holdfast_last_error{ledger=%q,kind=%q} %d\n", l.Identity().Name, k, is) // the same
	}
}

// state is what the ledger holds.
func (w *web) state(l *holdfast.Ledger) []metric {
	seq, n := l.Counts()
	var snapshot, lag, published, dated uint64
	if d := l.DatedAhead(); d != nil {
		dated = d.Mutations
	}
	if list, err := l.Snapshots(); err == nil && len(list) > 0 {
		snapshot = list[0].Seq
	}
	if relay := l.Relay(); relay != nil {
		s := relay.Status()
		lag, published = s.Lag, s.Last
	}
	return []metric{
		{"holdfast_seq", "counter", "Newest durable record.", seq},
		{"holdfast_bus_seq", "counter", "Newest record on the stream.", published},
		{"holdfast_bus_lag", "gauge", "Durable records that are not on the stream yet.", lag},
		{"holdfast_positions_open", "gauge", "Positions that are not flat.", n.Open},
		{"holdfast_positions", "gauge", "Keys that ever had a fill.", n.Positions},
		{"holdfast_snapshot_seq", "counter", "Record that the newest snapshot stands on.", snapshot},
		{"holdfast_clock_ahead_seconds", "gauge", "By how much the newest record is ahead of the clock; 0 is as it should be.", l.ClockAhead()},
		{"holdfast_dated_ahead_total", "counter", "Mutations dated more than a minute ahead of the clock.", dated},
		{"holdfast_journal_bytes", "gauge", "Size of the journal's files.", uint64(max(JournalBytes(w.d.o.Dir), 0))},
	}
}

// troubles are what failed in the life of the daemon.
func (d *Daemon) troubles(l *holdfast.Ledger) []metric {
	var failed uint64
	if l.Err() != nil {
		failed = 1
	}
	f := l.Faults()
	var out []metric
	d.reopening.note(func(r *reopening) {
		out = []metric{
			{"holdfast_failed", "gauge", "1 while nothing can be written.", failed},
			{"holdfast_reopened_total", "counter", "Times that the ledger was opened again after a failure.", r.reopened},
			{"holdfast_reopen_failures_total", "counter", "Openings after a failure that failed.", r.tries},
			{"holdfast_snapshot_failures_total", "counter", "Snapshots that could not be written.", r.past.Snapshots + f.Snapshots},
			{"holdfast_mark_failures_total", "counter", "Times that MARK could not be saved between appends.", r.past.MarkFiles + f.MarkFiles},
			{"holdfast_trim_failures_total", "counter", "Trims of the journal or the snapshots that could not be finished.", r.past.Trims + f.Trims},
		}
	})
	return out
}

// lastKind is the kind of the newest error, "" when there was none.
func (d *Daemon) lastKind(l *holdfast.Ledger) (kind string) {
	f := l.Faults()
	d.reopening.note(func(r *reopening) {
		kind = holdfast.FaultKind(r.last)
		if at, err := time.Parse(time.RFC3339, f.Time); err == nil && at.After(r.at) {
			kind = f.Kind
		}
	})
	return kind
}

// JournalBytes is the size of the journal's files.
func JournalBytes(dir string) int64 {
	entries, err := os.ReadDir(filepath.Join(dir, "journal"))
	if err != nil {
		return 0
	}
	var n int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
	}
	return n
}

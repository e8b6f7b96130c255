package daemon

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

// web answers the daemon's HTTP endpoints. All of them only read.
type web struct {
	d *Daemon
	// verifying is held while a verification runs: one at a time.
	verifying sync.Mutex
	// heavy has a place for each answer that reads the journal. Each of them builds
	// a state of its own, so that their number is what bounds the memory.
	heavy chan struct{}
	// views has a place for each answer that holds a view, which costs a pointer for
	// each position for as long as the client reads.
	views chan struct{}
}

// viewAnswers is how many answers that hold a view are made side by side.
const viewAnswers = 16

// heavyAnswers is how many answers that read the journal are made side by side.
const heavyAnswers = 2

// retryAfter is how many seconds who finds no place is told to wait.
const retryAfter = "5"

func webFor(d *Daemon) *web {
	return &web{d: d, heavy: make(chan struct{}, heavyAnswers), views: make(chan struct{}, viewAnswers)}
}

func newWeb(d *Daemon, addr net.Addr, token *Token) *http.Server {
	w := webFor(d)
	return &http.Server{
		Handler: local(addr, token.guard(w.routes())), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: writePatience, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func (w *web) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+openPath, asked(w.healthz))
	mux.HandleFunc("GET /status", asked(w.viewing(w.status)))
	mux.HandleFunc("GET /positions", asked(w.viewing(w.positions), "account", "instrument", "strategy", "leg", "all", "as_of"))
	mux.HandleFunc("GET /accounts", asked(w.viewing(w.accounts)))
	mux.HandleFunc("GET /verify", asked(w.verify, "deep"))
	mux.HandleFunc("GET /metrics", asked(w.metrics))
	mux.HandleFunc("GET /{$}", asked(func(rw http.ResponseWriter, _ *http.Request, _ url.Values) {
		_, _ = io.WriteString(rw, "holdfast: GET /healthz, /status, /positions, /accounts, /verify, /metrics\n") // the client may be gone
	}))
	mux.HandleFunc("/", nothingHere)
	return mux
}

// writePatience is how long a client may take to read an answer.
const writePatience = 60 * time.Second

// answer writes a value as JSON, or the error.
func answer[T any](rw http.ResponseWriter, r *http.Request, v T, err error) {
	var b []byte
	if err == nil {
		b, err = json.MarshalIndent(v, "", "  ")
	}
	if err != nil {
		failed(rw, r, err)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(append(b, '\n')) // the client may be gone
}

// place takes one of some places, and gives it back with done. Without a free one it
// answers that, and ok is false: who waited would hold a connection for an answer that
// its client may no longer want.
func place(places chan struct{}, rw http.ResponseWriter, r *http.Request) (done func(), ok bool) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, true
	default:
		busy(rw, r, fmt.Sprintf("%d requests of this kind are at work already", cap(places)))
		return nil, false
	}
}

// viewing gives a place to an endpoint that holds a view.
func (w *web) viewing(h func(http.ResponseWriter, *http.Request, url.Values)) func(http.ResponseWriter, *http.Request, url.Values) {
	return func(rw http.ResponseWriter, r *http.Request, q url.Values) {
		if done, ok := place(w.views, rw, r); ok {
			defer done()
			h(rw, r, q)
		}
	}
}

// unhurried lets an answer take as long as it takes to make, by no deadline; the
// client's going away ends it through the request's context. The finished answer is
// written by a deadline again, or a client that reads nothing would keep its place for
// ever.
func (w *web) unhurried(rw http.ResponseWriter, deadline time.Time) {
	if err := http.NewResponseController(rw).SetWriteDeadline(deadline); err != nil {
		w.d.o.Log.Debug("no write deadline", "err", err)
	}
}

func (w *web) positions(rw http.ResponseWriter, r *http.Request, q url.Values) {
	all, ok := truth(rw, r, q, "all")
	if !ok {
		return
	}
	for _, name := range []string{"account", "instrument", "as_of"} {
		if q.Has(name) && q.Get(name) == "" {
			refuse(rw, r, http.StatusBadRequest, name+" is empty: leave it out for all, or for now")
			return
		}
	}
	f := holdfast.Filter{Account: q.Get("account"), Instrument: q.Get("instrument"), Strategy: q.Get("strategy"), Leg: q.Get("leg")}
	if !q.Has("as_of") {
		w.list(rw, r, w.d.Ledger().View(), f, all)
		return
	}
	at, err := holdfast.ParseMoment(q.Get("as_of"))
	if err != nil {
		failed(rw, r, err)
		return
	}
	done, ok := place(w.heavy, rw, r)
	if !ok {
		return
	}
	defer done()
	w.unhurried(rw, time.Time{})
	v, err := w.d.Ledger().AsOf(r.Context(), at)
	w.unhurried(rw, time.Now().Add(writePatience))
	if err != nil {
		failed(rw, r, err)
		return
	}
	w.list(rw, r, v, f, all)
}

// list answers with the whole of what a filter selects, flat positions too if all. A client that gets only a
// part of it sees that the body has no end.
func (w *web) list(rw http.ResponseWriter, r *http.Request, v *projector.View, f holdfast.Filter, all bool) {
	out := bufio.NewWriterSize(rw, 1<<16)
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set(bus.HeaderComplete, "true")
	n, err := writePositions(out, selected(v, f, all))
	if err == nil && n == 0 {
		if unknown := holdfast.Known(w.d.Ledger().View(), f); unknown != nil {
			rw.Header().Del(bus.HeaderComplete)
			failed(rw, r, unknown)
			return
		}
		_, err = out.WriteString("[")
	}
	if err == nil {
		_, _ = out.WriteString("]\n") // its error comes with Flush
		_ = out.Flush()               // the client may be gone
	}
}

func (w *web) accounts(rw http.ResponseWriter, r *http.Request, _ url.Values) {
	list, err := report.AccountTotals(w.d.Ledger().View())
	answer(rw, r, list, err)
}

func selected(v *projector.View, f holdfast.Filter, all bool) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for p := range v.Positions() {
			if (all || p.IsOpen()) && f.SelectsKey(p.Key) && !yield(&p) {
				return
			}
		}
	}
}

// writePositions writes positions as the members of an array that the caller ends,
// and begins as well where there are none.
func writePositions(out io.Writer, list iter.Seq[*position.Position]) (n int, err error) {
	var buf []byte
	lead := "["
	for p := range list {
		buf = position.AppendPositionJSON(append(buf[:0], lead...), p)
		lead = ",\n "
		if _, err := out.Write(buf); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (w *web) verify(rw http.ResponseWriter, r *http.Request, q url.Values) {
	deep, ok := truth(rw, r, q, "deep")
	if !ok {
		return
	}
	if !w.verifying.TryLock() {
		busy(rw, r, "a verification is running already")
		return
	}
	defer w.verifying.Unlock()
	done, ok := place(w.heavy, rw, r)
	if !ok {
		return
	}
	defer done()
	w.unhurried(rw, time.Time{})
	rep, err := w.d.Ledger().Verify(r.Context(), audit.Options{Deep: deep})
	w.unhurried(rw, time.Now().Add(writePatience))
	answer(rw, r, rep, err)
}

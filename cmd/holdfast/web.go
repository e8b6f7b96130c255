package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// web answers the daemon's HTTP endpoints. All of them only read.
type web struct {
	d *daemon
	// verifying is held while a verification runs: one at a time.
	verifying sync.Mutex
}

// local refuses requests that name another host than the loopback listener's: a
// page in a browser must not read positions by having its own name resolve here.
// A listener that is open to others is answered under any name.
func local(addr net.Addr, h http.Handler) http.Handler {
	if tcp, ok := addr.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(rw, "this address answers to localhost only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(rw, r)
	})
}

// queryMembers refuses query members that are not known, and returns the others.
func queryMembers(rw http.ResponseWriter, r *http.Request, known ...string) (url.Values, bool) {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains(known, name) {
			there := "none is known here"
			if len(known) > 0 {
				there = "known are " + strings.Join(known, ", ")
			}
			http.Error(rw, fmt.Sprintf("unknown query member %q: %s", name, there), http.StatusBadRequest)
			return nil, false
		}
	}
	return q, true
}

func newWeb(d *daemon, addr net.Addr) *http.Server {
	w := &web{d: d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", w.healthz)
	mux.HandleFunc("GET /status", w.status)
	mux.HandleFunc("GET /positions", w.positions)
	mux.HandleFunc("GET /accounts", w.accounts)
	mux.HandleFunc("GET /verify", w.verify)
	mux.HandleFunc("GET /metrics", w.metrics)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "holdfast: GET /healthz, /status, /positions, /accounts, /verify, /metrics\n") // the client may be gone
	})
	return &http.Server{
		Handler: local(addr, mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

// answer writes a value as JSON, or the error.
func answer[T any](rw http.ResponseWriter, v T, err error) {
	var b []byte
	if err == nil {
		b, err = json.MarshalIndent(v, "", "  ")
	}
	if err != nil {
		http.Error(rw, plain(err.Error()), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write(append(b, '\n')) // the client may be gone
}

func (w *web) positions(rw http.ResponseWriter, r *http.Request) {
	q, ok := queryMembers(rw, r, "account", "instrument", "strategy", "leg", "all", "as_of")
	if !ok {
		return
	}
	all, ok := truth(rw, q, "all")
	if !ok {
		return
	}
	f := positionsFlags{
		selection: selection{account: q.Get("account"), instrument: q.Get("instrument"), strategy: q.Get("strategy"), leg: q.Get("leg")},
		all:       all,
	}
	v := w.d.ledger().View()
	if q.Get("as_of") != "" {
		at, err := holdfast.ParseMoment(q.Get("as_of"))
		if err == nil {
			v, err = w.d.ledger().AsOf(r.Context(), at)
		}
		if err != nil {
			http.Error(rw, plain(err.Error()), http.StatusBadRequest)
			return
		}
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = writePositions(rw, v, &f) // the client may be gone
}

func (w *web) accounts(rw http.ResponseWriter, r *http.Request) {
	if _, ok := queryMembers(rw, r); !ok {
		return
	}
	list, err := holdfast.AccountTotals(w.d.ledger().View())
	answer(rw, list, err)
}

func writePositions(w io.Writer, v *projector.View, f *positionsFlags) error {
	out := bufio.NewWriterSize(w, 1<<16)
	var buf []byte
	lead := "["
	for p := range selected(v, f) {
		buf = position.AppendPositionJSON(append(buf[:0], lead...), p)
		lead = ",\n "
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	if lead == "[" {
		_, _ = out.WriteString("[") // its error comes with Flush
	}
	_, _ = out.WriteString("]\n") // the same
	return out.Flush()
}

// truth reads a query member that is on or off; absent is off.
func truth(rw http.ResponseWriter, q url.Values, name string) (on, ok bool) {
	switch value := q.Get(name); value {
	case "1", "true":
		return true, true
	case "0", "false", "":
		return false, true
	default:
		http.Error(rw, fmt.Sprintf("%s=%.40q: give 1, true, 0 or false", name, value), http.StatusBadRequest)
		return false, false
	}
}

func (w *web) verify(rw http.ResponseWriter, r *http.Request) {
	q, ok := queryMembers(rw, r, "deep")
	if !ok {
		return
	}
	deep, ok := truth(rw, q, "deep")
	if !ok {
		return
	}
	if !w.verifying.TryLock() {
		http.Error(rw, "a verification is running already", http.StatusTooManyRequests)
		return
	}
	defer w.verifying.Unlock()
	// It takes as long as it takes; the client's going away ends it.
	if err := http.NewResponseController(rw).SetWriteDeadline(time.Time{}); err != nil {
		w.d.app.log.Debug("no write deadline", "err", err)
	}
	rep, err := w.d.ledger().Verify(r.Context(), holdfast.VerifyOptions{Deep: deep})
	answer(rw, rep, err)
}

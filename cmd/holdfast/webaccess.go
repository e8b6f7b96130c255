package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/service"
)

// httpFlags say where HTTP is answered and to whom.
type httpFlags struct {
	addr      string
	tokenFile string
	open      bool
}

func (f *httpFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.addr, "http", "127.0.0.1:8420", "address of the HTTP endpoints, or none")
	p.StringVar(&f.tokenFile, "http-token-file", "", "file of mode 0600 with the token that HTTP clients must send as 'Authorization: Bearer TOKEN'")
	p.BoolVar(&f.open, "http-open", false, "answer HTTP without a token on an address beyond loopback too: whoever reaches it reads every position")
}

func (f *httpFlags) check() error {
	switch {
	case f.open && f.tokenFile != "":
		return usagef("--http-open and --http-token-file exclude each other: choose one")
	case f.addr == nowhere && (f.open || f.tokenFile != ""):
		return usagef("--http-open and --http-token-file are for an address, and --http is %s", nowhere)
	}
	return nil
}

// admits refuses an address that others reach unless the operator said who may ask
// there.
func (f *httpFlags) admits(addr net.Addr, token *bearer) error {
	if token != nil || f.open || loopback(addr) {
		return nil
	}
	return usagef("--http %s: others reach %s too, and would read every position: give --http-token-file FILE, whose token clients send as 'Authorization: Bearer TOKEN', or --http-open to answer whoever asks",
		f.addr, addr)
}

func loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// bearer is the token that requests must carry; nil asks for none. It keeps the
// token's hash only, so that a comparison takes the same time whatever was sent.
type bearer struct{ sum [sha256.Size]byte }

// The length of a token, and what it is made of, so that a header can carry it.
const (
	minToken = 16
	maxToken = 4096
)

// readBearer reads the token of --http-token-file; without a file it is nil. The
// error does not repeat a value of the flag that may be the token itself.
func readBearer(file string) (*bearer, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no token is what was asked for
	}
	text, err := secretText(file)
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return nil, usagef("%s: %v", fileOf("--http-token-file", file), path.Err)
	case err != nil:
		return nil, usagef("--http-token-file: %v", err)
	}
	token := strings.TrimSpace(text)
	unfit := strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f })
	if len(token) < minToken || len(token) > maxToken || unfit {
		return nil, usagef("--http-token-file: the file must hold one line of %d to %d printable ASCII characters without spaces; 'openssl rand -hex 32' makes one",
			minToken, maxToken)
	}
	return &bearer{sum: sha256.Sum256([]byte(token))}, nil
}

// openPath tells whether the daemon is well, and nothing about positions: probes
// that can send no header may ask for it without a token.
const openPath = "/healthz"

// guard refuses requests without the token.
func (b *bearer) guard(h http.Handler) http.Handler {
	if b == nil {
		return h
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == openPath || b.carried(r) {
			h.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		refuse(rw, r, http.StatusUnauthorized, "this address answers to those who send the token, as 'Authorization: Bearer TOKEN'")
	})
}

func (b *bearer) carried(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], b.sum[:]) == 1
}

// local refuses requests that name another host than the loopback listener's: a
// page in a browser must not read positions by having its own name resolve here.
// A listener that is open to others is answered under any name.
func local(addr net.Addr, h http.Handler) http.Handler {
	if !loopback(addr) {
		return h
	}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			refuse(rw, r, http.StatusForbidden, "this address answers to localhost only")
			return
		}
		h.ServeHTTP(rw, r)
	})
}

// asked reads the query before an endpoint does anything: it takes the known
// members, each of them once.
func asked(h func(http.ResponseWriter, *http.Request, url.Values), known ...string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			refuse(rw, r, http.StatusBadRequest, "the query is broken: expected name=value, joined by &, other bytes written as %XX")
			return
		}
		for name, values := range q {
			switch {
			case !slices.Contains(known, name):
				there := "none is known here"
				if len(known) > 0 {
					there = "known are " + strings.Join(known, ", ")
				}
				refuse(rw, r, http.StatusBadRequest, fmt.Sprintf("unknown query member %.64q: %s", name, there))
				return
			case len(values) > 1:
				refuse(rw, r, http.StatusBadRequest, fmt.Sprintf("query member %q is given %d times: give it once", name, len(values)))
				return
			}
		}
		h(rw, r, q)
	}
}

// truth reads a query member that is on or off; absent is off.
func truth(rw http.ResponseWriter, r *http.Request, q url.Values, name string) (on, ok bool) {
	switch value := q.Get(name); value {
	case "1", "true":
		return true, true
	case "0", "false", "":
		return false, true
	default:
		refuse(rw, r, http.StatusBadRequest, fmt.Sprintf("%s=%.40q: give 1, true, 0 or false", name, value))
		return false, false
	}
}

func nothingHere(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		rw.Header().Set("Allow", "GET, HEAD")
		refuse(rw, r, http.StatusMethodNotAllowed, "only GET is answered here")
		return
	}
	refuse(rw, r, http.StatusNotFound, "there is nothing at this path; GET / lists what there is")
}

func busy(rw http.ResponseWriter, r *http.Request, text string) {
	rw.Header().Set("Retry-After", retryAfter)
	refuse(rw, r, http.StatusTooManyRequests, text+": try again in "+retryAfter+" seconds")
}

// failed answers with an error of the ledger, under the code that its request API
// gives it.
func failed(rw http.ResponseWriter, r *http.Request, err error) {
	status, convErr := strconv.Atoi(service.CodeOf(err))
	if convErr != nil {
		status = http.StatusInternalServerError
	}
	refuse(rw, r, status, plain(err.Error()))
}

// refuse answers with an error: as JSON, in the form of the request API, where the
// client asked for JSON, else as a line of text.
func refuse(rw http.ResponseWriter, r *http.Request, status int, text string) {
	if !wantsJSON(r) {
		http.Error(rw, text, status)
		return
	}
	body, err := json.Marshal(map[string]bus.Error{"error": {Code: strconv.Itoa(status), Text: text}})
	if err != nil {
		body = nil // strings always marshal
	}
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(status)
	_, _ = rw.Write(append(body, '\n')) // the client may be gone
}

// wantsJSON reports whether the request names JSON among what it accepts; */* does
// not name it.
func wantsJSON(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for one := range strings.SplitSeq(line, ",") {
			kind, _, _ := strings.Cut(one, ";")
			if kind = strings.ToLower(strings.TrimSpace(kind)); kind == "application/json" || strings.HasSuffix(kind, "+json") {
				return true
			}
		}
	}
	return false
}

package daemon

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/service"
)

// Loopback reports whether only this machine reaches an address.
func Loopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Token is what requests must carry; nil asks for none. It keeps the token's hash
// only, so that a comparison takes the same time whatever was sent.
type Token struct{ sum [sha256.Size]byte }

// The length of a token, and what it is made of, so that a header can carry it.
const (
	MinToken = 16
	MaxToken = 4096
)

// NewToken reads a token: a line of printable ASCII characters without spaces.
func NewToken(text string) (*Token, bool) {
	token := strings.TrimSpace(text)
	unfit := strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f })
	if len(token) < MinToken || len(token) > MaxToken || unfit {
		return nil, false
	}
	return &Token{sum: sha256.Sum256([]byte(token))}, true
}

// openPath tells whether the daemon is well, and nothing about positions: probes
// that can send no header may ask for it without a token.
const openPath = "/healthz"

// guard refuses requests without the token.
func (b *Token) guard(h http.Handler) http.Handler {
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

func (b *Token) carried(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], b.sum[:]) == 1
}

// local refuses requests that name another host than the loopback listener's: a
// page in a browser must not read positions by having its own name resolve here.
// A listener that is open to others is answered under any name.
func local(addr net.Addr, h http.Handler) http.Handler {
	if !Loopback(addr) {
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
	refuse(rw, r, status, err.Error())
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

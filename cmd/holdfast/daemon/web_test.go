package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

func apply(t *testing.T, l *holdfast.Ledger, id string) error {
	t.Helper()
	m, err := position.UnmarshalMutation([]byte(`{"type":"fill","id":"` + id + `","account":"A","instrument":"ETH","side":"buy","qty":"3","price":"100","time":"2026-01-02T03:04:05Z"}`))
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), m)
	return err
}

// of is a daemon around an open ledger, without bus and HTTP.
func of(l *holdfast.Ledger) *Daemon {
	d := &Daemon{o: Options{Log: slog.New(slog.DiscardHandler)}}
	d.current.Store(l)
	return d
}

// webOf answers HTTP from a small ledger in this process.
func webOf(t *testing.T) (*web, http.Handler) {
	t.Helper()
	l, err := holdfast.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), holdfast.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	require.NoError(t, apply(t, l, "1"))
	w := webFor(of(l))
	return w, w.routes()
}

func askWeb(t *testing.T, h http.Handler, url, accept string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	r.Header.Set("Accept", accept)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result()
}

// TestHTTPErrorsInTheFormAskedFor asks what is refused, as people and as programs do.
func TestHTTPErrorsInTheFormAskedFor(t *testing.T) {
	_, h := webOf(t)
	for _, c := range []struct {
		url  string
		code int
		want string
	}{
		{"/status?x=1", 400, `unknown query member "x": none is known here`},
		{"/healthz?x=1", 400, `unknown query member "x": none is known here`},
		{"/metrics?x=1", 400, `unknown query member "x": none is known here`},
		{"/positions?account=A&account=B", 400, `query member "account" is given 2 times: give it once`},
		{"/positions?account=", 400, "account is empty: leave it out for all, or for now"},
		{"/positions?account=%zz", 400, "the query is broken: expected name=value, joined by &, other bytes written as %XX"},
		{"/positions?as_of=99", 400, "seq 99 is not there yet, the newest is 2"},
		{"/positions?as_of=x", 400, `"x" is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z`},
		{"/nowhere", 404, "there is nothing at this path; GET / lists what there is"},
	} {
		for _, accept := range []string{"", "*/*", "text/html"} {
			res := askWeb(t, h, c.url, accept)
			b, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, c.code, res.StatusCode, c.url)
			require.Contains(t, string(b), c.want, c.url)
			require.NotContains(t, string(b), "{", c.url)
		}
		for _, accept := range []string{"application/json", "text/html;q=0.2, Application/JSON; q=1", "application/problem+json"} {
			res := askWeb(t, h, c.url, accept)
			var body map[string]bus.Error
			require.NoError(t, json.NewDecoder(res.Body).Decode(&body), c.url)
			require.Equal(t, fmt.Sprint(c.code), body["error"].Code, c.url)
			require.Contains(t, body["error"].Text, c.want)
			require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		}
	}
}

// TestHTTPHeavyAnswersAreFew takes all places for what reads the journal: whoever
// comes then is told to come again, and what does not read it is answered.
func TestHTTPHeavyAnswersAreFew(t *testing.T) {
	w, h := webOf(t)
	for range heavyAnswers {
		done, ok := place(w.heavy, nil, nil)
		require.True(t, ok)
		defer done()
	}
	for _, url := range []string{"/positions?as_of=1", "/verify", "/verify?deep=1"} {
		res := askWeb(t, h, url, "")
		require.Equal(t, http.StatusTooManyRequests, res.StatusCode, url)
		require.Equal(t, retryAfter, res.Header.Get("Retry-After"), url)
	}
	for _, url := range []string{"/positions", "/accounts", "/status", "/metrics", "/healthz"} {
		require.Equal(t, http.StatusOK, askWeb(t, h, url, "").StatusCode, url)
	}
	<-w.heavy
	gone, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(gone, http.MethodGet, "/positions?as_of=1", nil)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	require.NotEqual(t, http.StatusOK, rec.Code, "nothing is made for a client that is gone")
	require.Equal(t, http.StatusOK, askWeb(t, h, "/positions?as_of=1", "").StatusCode)
	require.Equal(t, http.StatusOK, askWeb(t, h, "/verify", "").StatusCode, "the place was given back")
	w.heavy <- struct{}{}
	for range viewAnswers {
		done, ok := place(w.views, nil, nil)
		require.True(t, ok)
		defer done()
	}
	for url, want := range map[string]int{"/positions": 429, "/accounts": 429, "/status": 429, "/metrics": 200, "/healthz": 200} {
		require.Equal(t, want, askWeb(t, h, url, "").StatusCode, url)
	}
}

// deadlines notes the deadlines that an answer is given.
type deadlines struct {
	*httptest.ResponseRecorder

	set []time.Time
}

// SetWriteDeadline is what [http.ResponseController] looks for.
func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// TestHTTPHeavyAnswersAreWrittenByADeadline: an answer is made without one, and a
// client that does not read it keeps its place no longer than others do.
func TestHTTPHeavyAnswersAreWrittenByADeadline(t *testing.T) {
	_, h := webOf(t)
	for _, url := range []string{"/positions?as_of=1", "/verify", "/verify?deep=1"} {
		rec := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
		require.Equal(t, http.StatusOK, rec.Code, url)
		require.Len(t, rec.set, 2, url)
		require.True(t, rec.set[0].IsZero(), url)
		require.False(t, rec.set[1].IsZero(), url)
	}
}

func TestHTTPAnswersToLocalNamesAndKnownMembers(t *testing.T) {
	ok := asked(func(rw http.ResponseWriter, _ *http.Request, _ url.Values) { rw.WriteHeader(http.StatusOK) }, "all")
	here, everywhere := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4zero}
	for _, c := range []struct {
		addr      net.Addr
		host, url string
		want      int
	}{
		{here, "127.0.0.1:8420", "/positions", 200},
		{here, "localhost", "/positions?all=1", 200},
		{here, "[::1]:8420", "/positions", 200},
		{here, "evil.example", "/positions", 403},
		{here, "", "/positions", 403},
		{everywhere, "desk.example", "/positions", 200},
		{here, "localhost", "/positions?as-of=1", 400},
		{here, "localhost", "/positions?all=1&all=0", 400},
		{here, "localhost", "/positions?all=%zz", 400},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		r.Host = c.host
		rec := httptest.NewRecorder()
		local(c.addr, ok).ServeHTTP(rec, r)
		require.Equal(t, c.want, rec.Code, "%v %q %s", c.addr, c.host, c.url)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

const testToken = "0123456789abcdef-token"

func tokenFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(text), mode))
	require.NoError(t, os.Chmod(file, mode))
	return file
}

// TestHTTPBeyondLoopbackIsAskedFor starts daemons on an address that others reach:
// without a word on who may ask, none begins, and none leaves anything.
func TestHTTPBeyondLoopbackIsAskedFor(t *testing.T) {
	fit := tokenFile(t, testToken+"\n", 0o600)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--http", "0.0.0.0:0"}, exitUsage, "--http-token-file"},
		{[]string{"--http", ":0"}, exitUsage, "--http-open"},
		{[]string{"--http", "[::]:0"}, exitUsage, "would read every position"},
		{[]string{"--http", "0.0.0.0:0", "--http-open", "--http-token-file", fit}, exitUsage, "exclude each other"},
		{[]string{"--http", "none", "--http-token-file", fit}, exitUsage, "are for an address"},
		{[]string{"--http-token-file", tokenFile(t, testToken, 0o640)}, exitUsage, "chmod 600"},
		{[]string{"--http-token-file", tokenFile(t, "short", 0o600)}, exitUsage, "16 to 4096 printable"},
		{[]string{"--http-token-file", tokenFile(t, testToken+"\n"+testToken, 0o600)}, exitUsage, "16 to 4096 printable"},
		{[]string{"--http-token-file", testToken}, exitUsage, "no such file"},
	} {
		dir := filepath.Join(t.TempDir(), "ledger")
		cmd := self(t, append([]string{"serve", "--dir", dir, "--nats-listen", "none"}, c.args...)...)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "cannot assign") || strings.Contains(string(out), "not supported by protocol") {
			continue // a machine without IPv6
		}
		var ended *exec.ExitError
		require.ErrorAs(t, err, &ended, "%v: %s", c.args, out)
		require.Equal(t, c.code, ended.ExitCode(), "%v: %s", c.args, out)
		require.Contains(t, string(out), c.want)
		require.NotContains(t, string(out), testToken)
		require.NoDirExists(t, dir)
	}
}

// TestHTTPToken asks every path with the token, without one and with others.
func TestHTTPToken(t *testing.T) {
	s := startServe(t, "--dir", filepath.Join(t.TempDir(), "ledger"), "--nats-listen", "none", "--http", "0.0.0.0:0",
		"--http-token-file", tokenFile(t, testToken+"\n", 0o600))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.HTTP, "http://"))
	require.NoError(t, err)
	ask := func(path, authorization string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+path, nil)
		require.NoError(t, err)
		r.Host = "desk.example"
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if res.StatusCode == http.StatusUnauthorized {
			require.Contains(t, res.Header.Get("WWW-Authenticate"), "Bearer")
		}
		return res.StatusCode
	}
	for _, path := range []string{"/", "/status", "/positions", "/accounts", "/verify", "/metrics", "/nowhere", "//healthz"} {
		for _, wrong := range []string{"", "Bearer", "Bearer ", "Bearer x", testToken, "Basic " + testToken, "Bearer " + testToken + "x", "Bearer " + testToken[1:]} {
			require.Equal(t, http.StatusUnauthorized, ask(path, wrong), "%s %q", path, wrong)
		}
		require.NotEqual(t, http.StatusUnauthorized, ask(path, "Bearer "+testToken), path)
		require.NotEqual(t, http.StatusUnauthorized, ask(path, "bearer  "+testToken), path)
	}
	require.Equal(t, http.StatusOK, ask("/healthz", ""))
	s.stop(t)
	require.NotContains(t, s.stderr.String(), testToken)
}

// webOf answers HTTP from a small ledger in this process.
func webOf(t *testing.T) (*web, http.Handler) {
	t.Helper()
	l, err := holdfast.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), holdfast.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	m, err := position.UnmarshalMutation([]byte(fillLine("1", "3")))
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), m)
	require.NoError(t, err)
	d := &daemon{app: &app{log: slog.New(slog.DiscardHandler)}}
	d.current.Store(l)
	w := webFor(d)
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

// TestServerShowsAllThatTheDirectoryShows asks a daemon for lists that do not fit into
// one answer.
func TestServerShowsAllThatTheDirectoryShows(t *testing.T) {
	const accounts = 3500
	var lines strings.Builder
	for i := range accounts {
		line := strings.Replace(fillLine(fmt.Sprint(i), "1"), `"A"`, fmt.Sprintf(`"account-%s-%d"`, strings.Repeat("x", 40), i), 1)
		line = strings.Replace(line, `"price"`, `"fee":"1","price"`, 1)
		lines.WriteString(line + "\n")
	}
	file := filepath.Join(t.TempDir(), "fills.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	dir := filepath.Join(t.TempDir(), "ledger")
	require.NoError(t, self(t, "ingest", "--quiet", "--dir", dir, file).Run())
	s := startServe(t, "--dir", dir, "--http", "none")
	for _, verb := range [][]string{{"positions"}, {"positions", "--as-of", "3000"}, {"positions", "--accounts"}, {"history"}, {"backup", "list"}} {
		verb = append(verb, "-o", "ndjson")
		here, err := self(t, append(verb, "--dir", dir)...).Output()
		require.NoError(t, err, verb)
		there, err := self(t, append(verb, "--server", s.Nats, "--creds", s.Credentials["reader"])...).Output()
		require.NoError(t, err, verb)
		require.Equal(t, strings.Count(string(here), "\n"), strings.Count(string(there), "\n"), verb)
		require.True(t, string(here) == string(there), verb) //nolint:testifylint // Equal would print both
	}
	var st holdfast.Status
	out, err := self(t, "status", "-o", "json", "--server", s.Nats, "--creds", s.Credentials["reader"]).Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &st))
	require.Equal(t, accounts, len(st.Accounts)) //nolint:testifylint // Len would print them
	s.stop(t)
}

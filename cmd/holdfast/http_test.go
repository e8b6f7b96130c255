package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
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

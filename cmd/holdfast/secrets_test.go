package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// written makes a file and returns its name.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// endedWith runs a command line to its end.
func endedWith(t *testing.T, env []string, args ...string) (code int, output string) {
	t.Helper()
	cmd := self(t, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "%q ended with 0: %s", args, out)
	return exit.ExitCode(), string(out)
}

func userSeed(t *testing.T) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	text, err := pair.Seed()
	require.NoError(t, err)
	return string(text)
}

// TestLocalFilesEndTheStart: what a flag names and is missing or wrong ends the
// start with 2, the flag and the file named, and nothing made.
func TestLocalFilesEndTheStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	garbage := written(t, "garbage.pem", "no PEM")
	context := func(member, path string) string {
		b, err := json.Marshal(map[string]string{member: path})
		require.NoError(t, err)
		return written(t, "context.json", string(b))
	}
	nats := []string{"--nats", "tls://127.0.0.1:1"}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"CA missing":            {append(nats, "--nats-ca", "nosuch.pem"), []string{"--nats-ca nosuch.pem", "no such file"}},
		"CA wrong":              {append(nats, "--nats-ca", garbage), []string{"--nats-ca " + garbage, "no certificate"}},
		"certificate alone":     {append(nats, "--nats-cert", garbage), []string{"--nats-cert " + garbage, "without --nats-key"}},
		"key alone":             {append(nats, "--nats-key", garbage), []string{"--nats-key " + garbage, "without --nats-cert"}},
		"pair missing":          {append(nats, "--nats-key", garbage, "--nats-cert", "nosuch.pem"), []string{"--nats-cert nosuch.pem", "no such file"}},
		"pair wrong":            {append(nats, "--nats-key", garbage, "--nats-cert", garbage), []string{"--nats-cert " + garbage, "--nats-key " + garbage, "no pair"}},
		"creds missing":         {append(nats, "--nats-creds", "nosuch.creds"), []string{"--nats-creds nosuch.creds", "no such file"}},
		"creds wrong":           {append(nats, "--nats-creds", written(t, "x.creds", "none")), []string{"--nats-creds", "no .creds file"}},
		"context missing":       {append(nats, "--nats-creds", "nosuch.json"), []string{"--nats-creds nosuch.json", "no such file"}},
		"context wrong":         {append(nats, "--nats-creds", garbage), []string{"--nats-creds " + garbage, "expected a context file"}},
		"context, twice":        {append(nats, "--nats-creds", written(t, "c.json", `{"user":"a","User":"b"}`)), []string{"--nats-creds", "User is given twice"}},
		"context's CA":          {append(nats, "--nats-creds", context("ca", "nosuch.pem")), []string{"--nats-creds", "ca nosuch.pem", "no such file"}},
		"context's creds":       {append(nats, "--nats-creds", context("creds", "nosuch.creds")), []string{"--nats-creds", "creds nosuch.creds", "no such file"}},
		"context's nkey":        {append(nats, "--nats-creds", context("nkey", garbage)), []string{"--nats-creds", "nkey " + garbage, "no nkey seed"}},
		"context's certificate": {append(nats, "--nats-creds", context("cert", garbage)), []string{"--nats-creds", "cert " + garbage, "key"}},
		"nkey missing":          {append(nats, "--nats-nkey", "nosuch.nk"), []string{"--nats-nkey nosuch.nk", "no such file"}},
		"nkey wrong":            {append(nats, "--nats-nkey", garbage), []string{"--nats-nkey " + garbage, "no nkey seed"}},
		"signing key missing":   {[]string{"--sign-key", "nosuch.key"}, []string{"--sign-key nosuch.key", "no such file"}},
		"signing key wrong":     {[]string{"--sign-key", garbage}, []string{"--sign-key " + garbage, "signing key"}},
		"key missing":           {[]string{"--key", "nosuch.key"}, []string{"--key nosuch.key", "no such file"}},
		"key wrong":             {[]string{"--key", garbage}, []string{"--key " + garbage, "not a key"}},
		"token missing":         {[]string{"--http", "127.0.0.1:0", "--http-token-file", "nosuch.token"}, []string{"--http-token-file nosuch.token", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"serve", "--dir", dir, "--http", "none", "--nats-listen", "127.0.0.1:0"}, c.args...)
			code, out := endedWith(t, nil, args...)
			require.Equal(t, exitUsage, code, out)
			for _, want := range c.want {
				require.Contains(t, out, want)
			}
			require.NoDirExists(t, dir)
		})
	}
	code, out := endedWith(t, nil, "positions", "--server", "nats://127.0.0.1:1", "--creds", "nosuch.json")
	require.Equal(t, exitUsage, code, out)
	require.Contains(t, out, "--creds nosuch.json")
}

// TestSecretsAreNotShown gives secrets where their files are expected, in every
// way there is: none of them is printed.
func TestSecretsAreNotShown(t *testing.T) {
	secrets := map[string]string{
		"seed":   userSeed(t),
		"token":  "s3cr3tT0kenOfThirtyTwoCharacters",
		"base64": "b4se64/OfThirtyTwoBytes+AsOpensslMakesItXYZ=",
		"ledger": "holdfast-key-1:" + strings.Repeat("A1b2", 10) + "A1b=",
		"sign":   "PRIVATE+KEY+holdfast+12345678+" + strings.Repeat("Ab1/", 11),
		"jwt":    "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJ4In0.c2ln",
	}
	dir := filepath.Join(t.TempDir(), "ledger")
	serve := []string{"serve", "--dir", dir, "--http", "none", "--nats-listen", "127.0.0.1:0"}
	nats := append(serve, "--nats", "nats://127.0.0.1:1", "--bus-evidence", "0")
	for name, secret := range secrets {
		whole, err := json.Marshal(secret)
		require.NoError(t, err)
		inContext := func(member string) string { return written(t, "c.json", `{"`+member+`":`+string(whole)+`}`) }
		for way, args := range map[string][]string{
			"nkey":         append(nats, "--nats-nkey", secret),
			"creds":        append(nats, "--nats-creds", secret),
			"creds, file":  append(nats, "--nats-creds", secret+".creds"),
			"CA":           append(nats, "--nats-ca", secret),
			"cert and key": append(nats, "--nats-cert", secret, "--nats-key", secret),
			"key alone":    append(nats, "--nats-key", secret),
			"context nkey": append(nats, "--nats-creds", inContext("nkey")), "context creds": append(nats, "--nats-creds", inContext("creds")),
			"context ca": append(nats, "--nats-creds", inContext("ca")), "context cert": append(nats, "--nats-creds", inContext("cert")),
			"context, no JSON": append(nats, "--nats-creds", written(t, "c.json", secret)),
			"creds for server": {"status", "--server", "nats://127.0.0.1:1", "--creds", secret},
			"user of server":   {"status", "--server", "nats://" + strings.NewReplacer("/", "%2F", "+", "%2B").Replace(secret) + "@127.0.0.1:1"},
			"ledger's key":     append(serve, "--key", secret), "sign key": append(serve, "--sign-key", secret),
			"http token": append(serve, "--http", "127.0.0.1:0", "--http-token-file", secret),
			"verifier":   {"verify", "--dir", dir, "--against", "x", "--verifier", secret},
		} {
			if name == "sign" && strings.HasPrefix(way, "creds, file") {
				continue // a directory of that name cannot be
			}
			_, out := endedWith(t, nil, args...)
			require.NotContains(t, out, secret, "%s by %s", name, way)
			require.NotContains(t, out, secret[len(secret)-12:], "%s by %s", name, way)
		}
		_, out := endedWith(t, []string{"HOLDFAST_KEY_SOURCE=" + secret}, serve...)
		require.NotContains(t, out, secret[len(secret)-12:])
	}

	// What reaches the log or an error by whatever way passes the same sieve.
	for name, secret := range secrets {
		if name == "token" || name == "base64" {
			continue // nothing tells it from a word; the flags that take one know where it stands
		}
		var log bytes.Buffer
		a := newApp(strings.NewReader(""), &log, &log)
		a.setLog(slog.LevelInfo)
		a.log.Info("x", "text", "open "+secret+": no", "err", errors.New("nats: "+secret))
		a.complain(t.Context(), a.root(), errors.New("open "+secret+": no such file"), exitError)
		require.NotContains(t, log.String(), secret[len(secret)-12:], name)
	}
	require.Equal(t, "dial nats://(a secret)@h:4222, tls://(a secret)@i", redact("dial nats://u:p@h:4222, tls://tok@i"))
	require.Equal(t, "tls://(a secret)@h, nats://(a secret)@i:1/x@y", redact(`tls://u:p@ss@h, nats://u:p"q'r@i:1/x@y`))
	require.Equal(t, "open /etc/SUMMARY_OF_THE_DAY/x.creds: STOP", redact("open /etc/SUMMARY_OF_THE_DAY/x.creds: STOP"))
}

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// otherServer is a NATS server outside the daemon, so that limits of the daemon
// are not the server's.
func otherServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(time.Minute))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

// applied sends one fill and returns its seq, or the code of the refusal.
func applied(t *testing.T, nc *nats.Conn, id string) (seq uint64, code string) {
	t.Helper()
	b, err := bus.Request(t.Context(), nc, "main", "apply", []byte(fillLine(id, "1")))
	if err != nil {
		var refused *bus.Error
		require.ErrorAs(t, err, &refused)
		return 0, refused.Code
	}
	var x ack
	require.NoError(t, json.Unmarshal(b, &x))
	require.Equal(t, id, x.ID)
	return x.Seq, ""
}

// TestServeReopens lets the journal's files hit a size limit and lifts it again:
// the daemon reads on, says what is wrong in every place, and takes up writing in
// the same process with everything that it acknowledged.
func TestServeReopens(t *testing.T) {
	url, dir := otherServer(t), filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir, "--nats", url)
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	ops, err := nc.SubscribeSync(bus.OpsFilter("main"))
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	acked := map[string]uint64{}
	for i := range 30 {
		seq, code := applied(t, nc, "a"+strconv.Itoa(i))
		require.Empty(t, code)
		acked["a"+strconv.Itoa(i)] = seq
	}
	lift := limitFiles(t, s.cmd.Process.Pid, 4000)

	_, code := applied(t, nc, "b")
	require.Equal(t, "504", code, "its outcome is unknown")
	// It can be opened again when the limit is lifted, not before.
	require.Eventually(t, func() bool {
		return strings.Contains(s.get(t, "/healthz", http.StatusServiceUnavailable), "not opened again yet")
	}, time.Minute, time.Millisecond)
	require.Contains(t, s.get(t, "/healthz", http.StatusServiceUnavailable), "degraded, read-only: ")
	require.Eventually(t, func() bool { _, code = applied(t, nc, "c"); return code == "503" }, time.Minute, time.Millisecond, "%s", code)
	b, err := bus.Request(t.Context(), nc, "main", "position.list", nil)
	require.NoError(t, err, "reading goes on")
	require.Contains(t, string(b), `"qty":"30"`)
	b, err = bus.Request(t.Context(), nc, "main", "status", nil)
	require.NoError(t, err)
	require.Contains(t, string(b), `"failure_kind":"file_too_large"`)
	require.Contains(t, s.get(t, "/positions", http.StatusOK), `"qty":"30"`)
	require.Contains(t, s.get(t, "/verify?deep=1", http.StatusOK), `"findings": []`)
	require.Contains(t, s.get(t, "/status", http.StatusOK), `"degraded": "degraded, read-only`)
	metrics := s.get(t, "/metrics", http.StatusOK)
	require.Contains(t, metrics, `holdfast_failed{ledger="main"} 1`)
	require.Contains(t, metrics, `holdfast_last_error{ledger="main",kind="file_too_large"} 1`)
	require.NotContains(t, metrics, `holdfast_reopen_failures_total{ledger="main"} 0`)

	lift()
	require.Eventually(t, func() bool { seq, _ := applied(t, nc, "b"); acked["b"] = seq; return seq > 0 }, time.Minute, 5*time.Millisecond)
	require.Equal(t, "ok\n", s.get(t, "/healthz", http.StatusOK))
	metrics = s.get(t, "/metrics", http.StatusOK)
	require.Contains(t, metrics, `holdfast_failed{ledger="main"} 0`)
	require.Contains(t, metrics, `holdfast_reopened_total{ledger="main"} 1`)
	for id, seq := range acked {
		again, code := applied(t, nc, id)
		require.Empty(t, code)
		require.Equal(t, seq, again, "%s is applied once", id)
	}
	var told bool
	for !told { // the event of the failure
		msg, merr := ops.NextMsg(time.Minute)
		require.NoError(t, merr)
		told = msg.Subject == bus.OpsSubject("main", "error.persistence")
		require.True(t, !told || strings.Contains(string(msg.Data), `"kind":"file_too_large"`), "%s", msg.Data)
	}
	s.stop(t)
	require.Contains(t, s.stderr.String(), "ledger open again")
	out, err := self(t, "verify", "--deep", "--dir", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestServeEndsAfterAFailedSync exits with 1, syncs nothing again, and the next
// process has everything.
func TestServeEndsAfterAFailedSync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	dir, log := filepath.Join(t.TempDir(), "ledger"), filepath.Join(t.TempDir(), "strace")
	segment := filepath.Join(dir, "journal", "00000000000000000001")
	s := startServeUnder(t, []string{
		strace, "-f", "-qq", "-y", "-e", "signal=none", "-o", log, "-P", segment, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=4",
	}, "--dir", dir)
	nc := s.client(t, "writer")
	acked, code := map[string]uint64{}, ""
	for i := 0; code == ""; i++ {
		id := "a" + strconv.Itoa(i)
		if acked[id], code = applied(t, nc, id); code != "" {
			delete(acked, id)
		}
	}
	require.Equal(t, "504", code)
	<-s.rest
	require.Error(t, s.cmd.Wait())
	require.Equal(t, exitError, s.cmd.ProcessState.ExitCode(), "%s", s.stderr)
	require.Contains(t, s.stderr.String(), "fsync failed")
	notes, err := os.ReadFile(log)
	require.NoError(t, err)
	_, after, found := strings.Cut(string(notes), "(INJECTED)")
	require.True(t, found)
	require.NotContains(t, after, "sync(", "synced again: %s", notes)

	s = startServe(t, "--dir", dir)
	nc = s.client(t, "writer")
	for id, seq := range acked {
		again, code := applied(t, nc, id)
		require.Empty(t, code)
		require.Equal(t, seq, again)
	}
	s.stop(t)
}

// startServeUnder starts a daemon under a wrapper.
func startServeUnder(t *testing.T, wrapper []string, args ...string) *served {
	t.Helper()
	inner := self(t, append([]string{"serve", "-o", "json", "--nats-listen", "127.0.0.1:-1", "--http", "127.0.0.1:0"}, args...)...)
	cmd := exec.CommandContext(t.Context(), wrapper[0], append(wrapper[1:], inner.Args...)...)
	cmd.Env = inner.Env
	return started(t, &served{cmd: cmd, stderr: new(bytes.Buffer), rest: make(chan []byte, 1)})
}

// TestServeDoesNotReopenDamage ends with 3 when what it finds after a failure is
// no work of that failure.
func TestServeDoesNotReopenDamage(t *testing.T) {
	url, dir := otherServer(t), filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir, "--nats", url, "--http", "none")
	nc, err := nats.Connect(url)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	for i := range 20 {
		_, code := applied(t, nc, "a"+strconv.Itoa(i))
		require.Empty(t, code)
	}
	f, err := os.OpenFile(filepath.Join(dir, "journal", "00000000000000000001"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xff, 0xff}, 1000)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	limitFiles(t, s.cmd.Process.Pid, 4000)
	_, code := applied(t, nc, "b")
	require.Equal(t, "504", code)
	<-s.rest
	require.Error(t, s.cmd.Wait())
	require.Equal(t, exitDamage, s.cmd.ProcessState.ExitCode(), "%s", s.stderr)
	require.Contains(t, s.stderr.String(), "holdfast verify")
}

// TestServeAsksTheBus refuses a journal that ends before what was published,
// though nothing in its directory says so, unless it is told not to ask.
func TestServeAsksTheBus(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir, "--http", "none")
	mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
	require.NoError(t, err)
	nc := s.client(t, "writer")
	for i := range 20 {
		_, code := applied(t, nc, "a"+strconv.Itoa(i))
		require.Empty(t, code)
	}
	require.Eventually(t, func() bool {
		b, rerr := bus.Request(t.Context(), nc, "main", "status", nil)
		return rerr == nil && strings.Contains(string(b), `"lag":0`)
	}, time.Minute, time.Millisecond)
	nc.Close()
	s.stop(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600))
	segment := filepath.Join(dir, "journal", "00000000000000000001")
	info, err := os.Stat(segment)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(segment, info.Size()-1000))

	args := []string{"serve", "--dir", dir, "--nats-listen", "127.0.0.1:0", "--http", "none"}
	out, err := self(t, args...).CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitDamage, exit.ExitCode(), "%s", out)
	require.Contains(t, string(out), "seq 21 was durable: the bus says so")
	require.Contains(t, string(out), "open without asking it (--bus-evidence 0)")
	s = startServe(t, "--dir", dir, "--http", "none", "--bus-evidence", "0")
	s.stop(t)
	require.Contains(t, s.stderr.String(), "cut_from")
}

// TestServeWhoseDirectoryIsMoved: a daemon that sees its directory moved ends with the
// code at which a supervisor does not start it again, which would make another ledger
// in its place.
func TestServeWhoseDirectoryIsMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir)
	require.NoError(t, os.Rename(dir, dir+"-moved"))
	<-s.rest
	var ended *exec.ExitError
	require.ErrorAs(t, s.cmd.Wait(), &ended, "%s", s.stderr)
	require.Equal(t, exitDamage, ended.ExitCode(), "%s", s.stderr)
	require.Contains(t, s.stderr.String(), "the directory was moved")
	require.NotContains(t, s.stderr.String(), "tried again")
	require.NoDirExists(t, dir)
}

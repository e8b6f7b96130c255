package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/journal"
)

// served is a daemon in a process of its own.
type served struct {
	ready

	cmd    *exec.Cmd
	stderr *bytes.Buffer
	rest   chan []byte // standard output after the line that says ready
}

// self is the command line of this binary as the command.
func self(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	name, err := exec.LookPath("holdfast") // TestMain has put it there
	require.NoError(t, err)
	return exec.Command(name, args...)
}

func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	s := &served{cmd: self(t, append([]string{"serve", "-o", "json", "--nats-listen", "127.0.0.1:-1", "--http", "127.0.0.1:0"}, args...)...)}
	s.stderr, s.rest = new(bytes.Buffer), make(chan []byte, 1)
	return started(t, s)
}

// started starts a daemon and waits until it is ready.
func started(t *testing.T, s *served) *served {
	t.Helper()
	s.cmd.Stderr = s.stderr
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it has ended already unless the test failed
	r := bufio.NewReader(out)
	line, err := r.ReadBytes('\n')
	require.NoError(t, err, "the daemon ended before it was ready: %s", s.stderr)
	require.NoError(t, json.Unmarshal(line, &s.ready))
	go func() {
		b, _ := io.ReadAll(r) // ends with the process
		s.rest <- b
	}()
	return s
}

// stop tells the daemon to end and requires that it does so cleanly.
func (s *served) stop(t *testing.T) (stdout string) {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	out := <-s.rest
	require.NoError(t, s.cmd.Wait(), "%s", s.stderr)
	return string(out)
}

func (s *served) client(t *testing.T, user string) *nats.Conn {
	t.Helper()
	info, err := os.Stat(s.Credentials[user])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	c, err := readContext("--creds", s.Credentials[user])
	require.NoError(t, err)
	options, err := c.options()
	require.NoError(t, err)
	nc, err := nats.Connect(s.Nats, append(options, nats.Timeout(time.Minute))...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func (s *served) get(t *testing.T, path string, wantStatus int) string {
	t.Helper()
	res, err := http.Get(s.HTTP + path)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, wantStatus, res.StatusCode, "%s: %s", path, b)
	return string(b)
}

func fillLine(id, qty string) string {
	return `{"type":"fill","id":"` + id + `","account":"A","instrument":"ETH","side":"buy","qty":"` + qty + `","price":"100","time":"2026-01-02T03:04:05Z"}`
}

// TestSubjectsOfTheExamples subscribes to what the help and the README say with
// the credentials that they name.
func TestSubjectsOfTheExamples(t *testing.T) {
	help, err := self(t, "serve", "--help").Output()
	require.NoError(t, err)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	named := regexp.MustCompile(`reader\.json" sub '([^']+)'`)
	s := startServe(t, "--dir", filepath.Join(t.TempDir(), "ledger"))
	for what, text := range map[string][]byte{"help": help, "README": readme} {
		found := named.FindAllSubmatch(text, -1)
		require.NotEmpty(t, found, what)
		for _, subject := range found {
			nc := s.client(t, "reader")
			_, err = nc.SubscribeSync(string(subject[1]))
			require.NoError(t, err)
			require.NoError(t, nc.Flush())
			require.NoError(t, nc.LastError(), "%s: %s", what, subject[1])
		}
	}
	s.stop(t)
}

// event is what a test looks at of an event.
type event struct {
	Seq        uint64 `json:"seq"`
	Kind       string `json:"kind"`
	MutationID string `json:"mutation_id"`
}

// TestServeEvents applies over NATS and receives every record once and in order,
// as a plain subscriber and as a durable consumer, with the reader's credentials.
func TestServeEvents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir)
	writer, reader := s.client(t, "writer"), s.client(t, "reader")
	live := make(chan *nats.Msg, 64)
	_, err := reader.ChanSubscribe(s.Subjects, live)
	require.NoError(t, err)
	require.NoError(t, reader.Flush())

	const n = 20
	for i := range n {
		b, aerr := bus.Request(t.Context(), writer, "main", "apply", []byte(fillLine(string(rune('a'+i)), "1.5")))
		require.NoError(t, aerr)
		var got struct{ Seq uint64 }
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, uint64(i+2), got.Seq, "seq 1 is the epoch's record")
	}
	check := func(msg *nats.Msg, seq uint64) {
		var e event
		require.NoError(t, json.Unmarshal(msg.Data, &e))
		require.Equal(t, seq, e.Seq)
		require.NotEmpty(t, msg.Header.Get("Holdfast-Chain"))
		if seq > 1 {
			require.Equal(t, string(rune('a'+int(seq)-2)), e.MutationID)
		}
	}
	for seq := uint64(1); seq <= n+1; seq++ {
		select {
		case msg := <-live:
			check(msg, seq)
		case <-time.After(time.Minute):
			require.Fail(t, "no event", "seq %d", seq)
		}
	}
	js, err := jetstream.New(reader, jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), s.Stream, jetstream.ConsumerConfig{Durable: "risk", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	batch, err := consumer.Fetch(n+1, jetstream.FetchMaxWait(time.Minute))
	require.NoError(t, err)
	seq := uint64(0)
	for msg := range batch.Messages() {
		seq++
		meta, merr := msg.Metadata()
		require.NoError(t, merr)
		require.Equal(t, seq, meta.Sequence.Stream, "stream sequence is the journal's")
		check(&nats.Msg{Data: msg.Data(), Header: msg.Headers()}, seq)
		require.NoError(t, msg.Ack())
	}
	require.NoError(t, batch.Error())
	require.Equal(t, uint64(n+1), seq)

	_, err = nats.Connect(s.Nats, nats.Timeout(time.Minute))
	require.ErrorIs(t, err, nats.ErrAuthorization, "nobody comes in without credentials")
	brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // a refusal comes beside the request
	defer cancel()
	require.Error(t, js.DeleteStream(brief, s.Stream), "the reader may not delete")
	_, err = js.Stream(t.Context(), s.Stream)
	require.NoError(t, err)
	require.Empty(t, s.stop(t))
	out, err := self(t, "verify", "--deep", "--dir", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	j, err := journal.Open(dir, journal.Options{})
	require.NoError(t, err)
	require.True(t, j.Recovery().Clean, "the daemon has closed its ledger")
	require.NoError(t, j.Close())
}

// TestServeHTTP asks every endpoint.
func TestServeHTTP(t *testing.T) {
	flat := strings.ReplaceAll(fillLine("3", "1")+"\n"+strings.Replace(fillLine("4", "1"), "buy", "sell", 1)+"\n", "ETH", "BTC")
	file := filepath.Join(t.TempDir(), "fills.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(fillLine("1", "3")+"\n"+fillLine("2", "4")+"\n"+flat), 0o600))
	s := startServe(t, "--dir", filepath.Join(t.TempDir(), "ledger"), "--nats-listen", "none", "--ingest", file)
	require.Empty(t, s.Nats, "there is no bus")
	require.Equal(t, "ok\n", s.get(t, "/healthz", http.StatusOK))
	// The file is applied after the line that says ready; the health of the
	// journal is known before.
	require.Eventually(t, func() bool {
		return strings.Contains(s.get(t, "/metrics", http.StatusOK), `holdfast_seq{ledger="main"} 5`)
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, s.get(t, "/metrics", http.StatusOK), `holdfast_positions_open{ledger="main"} 1`)
	var rows []render.PositionRow
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/positions", http.StatusOK)), &rows))
	require.Len(t, rows, 1)
	require.Equal(t, render.Text("7"), rows[0].Text("qty"))
	var accounts []map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/accounts", http.StatusOK)), &accounts))
	require.NotEmpty(t, accounts)
	require.Contains(t, accounts[0], "total")
	s.get(t, "/accounts?account=A", http.StatusBadRequest)
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/positions?all=1", http.StatusOK)), &rows))
	require.Len(t, rows, 2)
	require.NoError(t, json.Unmarshal([]byte(s.get(t, "/positions?as_of=2&account=A", http.StatusOK)), &rows))
	require.Equal(t, render.Text("3"), rows[0].Text("qty"))
	require.Contains(t, s.get(t, "/positions?all=zz", http.StatusBadRequest), "give 1, true, 0 or false")
	require.Equal(t, "unknown query member \"account\": none is known here\n", s.get(t, "/accounts?account=x", http.StatusBadRequest))
	require.JSONEq(t, "[]", s.get(t, "/positions?instrument=BTC", http.StatusOK), "known, and flat")
	require.JSONEq(t, "[]", s.get(t, "/positions?instrument=BTC&as_of=2", http.StatusOK), "known later")
	require.Equal(t, "account a is not known here; nearest: A\n", s.get(t, "/positions?account=a&all=1", http.StatusNotFound))
	require.Equal(t, "instrument XBT is not known here\n", s.get(t, "/positions?instrument=XBT&as_of=2", http.StatusNotFound))
	s.get(t, "/positions?as_of=yesterday", http.StatusBadRequest)
	require.Contains(t, s.get(t, "/status", http.StatusOK), `"last": 5`)
	require.Contains(t, s.get(t, "/verify?deep=1", http.StatusOK), `"findings": []`)
	s.get(t, "/nowhere", http.StatusNotFound)
	res, err := http.Post(s.HTTP+"/status", "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	out := s.stop(t)
	require.Contains(t, out, `{"read":4,"applied":4,"duplicates":0,"rejected":0,"skipped":0,"last_seq":5}`)
	require.Contains(t, out, `"qty":"7"`)
}

// TestSecondProcess is refused within a second, with the holder named.
func TestSecondProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir, "--http", "none")
	file := filepath.Join(t.TempDir(), "fills.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(fillLine("1", "3")+"\n"), 0o600))
	for _, args := range [][]string{{"ingest", "--dir", dir, file}, {"serve", "--dir", dir, "--nats-listen", "127.0.0.1:0", "--http", "none"}} {
		cmd := self(t, args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		began := time.Now()
		require.Error(t, cmd.Run())
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, exitInUse, cmd.ProcessState.ExitCode())
		require.Contains(t, errs.String(), s.Nats)
		require.Contains(t, errs.String(), "serve")
	}
	s.stop(t)
}

// TestTailFollows prints what a daemon appends while it is followed.
func TestTailFollows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := startServe(t, "--dir", dir, "--http", "none")
	writer := s.client(t, "writer")
	apply := func(id string) {
		_, err := bus.Request(t.Context(), writer, "main", "apply", []byte(fillLine(id, "1")))
		require.NoError(t, err)
	}
	apply("first")
	for _, from := range [][]string{{"--dir", dir}, {"--server", s.Nats, "--creds", s.Credentials["reader"]}} {
		cmd := self(t, append([]string{"tail", "-f", "-n", "1", "-o", "ndjson"}, from...)...)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		r := bufio.NewReader(out)
		next := func() (e event) {
			line, err := r.ReadBytes('\n')
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(line, &e))
			return e
		}
		last := next()
		apply("while-" + from[0])
		e := next()
		require.Equal(t, "while-"+from[0], e.MutationID)
		require.Equal(t, last.Seq+1, e.Seq)
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		require.Error(t, cmd.Wait())
		require.Equal(t, exitError, cmd.ProcessState.ExitCode())
	}
	s.stop(t)
}

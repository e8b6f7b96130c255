package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// child is a process of ours whose output is read as it comes.
type child struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *transcript
}

// transcript is what a stream has said, and wakes who waits for more.
type transcript struct {
	mu    sync.Mutex // guards the fields below
	more  *sync.Cond
	text  bytes.Buffer
	ended bool
}

func newTranscript(r io.Reader) *transcript {
	s := &transcript{}
	s.more = sync.NewCond(&s.mu)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := r.Read(b)
			s.mu.Lock()
			s.text.Write(b[:n])
			s.ended = err != nil
			s.more.Broadcast()
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// await waits until the stream has said text so many times, or until it ends.
func (s *transcript) await(t *testing.T, text string, times int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for strings.Count(s.text.String(), text) < times {
		require.False(t, s.ended, "it ended without %q: %s", text, &s.text)
		s.more.Wait()
	}
}

// lines is what the stream has said until now.
func (s *transcript) lines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// whole is all that the stream has said, once it has ended.
func (s *transcript) whole() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended {
		s.more.Wait()
	}
	return s.text.String()
}

// begin starts a command line of ours, or another command that becomes one.
func begin(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	c := &child{t: t, cmd: cmd}
	for _, stream := range []struct {
		to *io.Writer
		s  **transcript
	}{{&cmd.Stdout, &c.out}, {&cmd.Stderr, &c.err}} {
		if *stream.to != nil {
			continue
		}
		r, w, err := os.Pipe()
		require.NoError(t, err)
		*stream.to, *stream.s = w, newTranscript(r)
		defer func() { require.NoError(t, w.Close()) }()
		t.Cleanup(func() { _ = r.Close() })
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended already unless the test failed
	return c
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(s), "it has ended already")
}

// end waits for the end: the exit code, or minus the signal, and the last line of
// standard error.
func (c *child) end() (code int, last string) {
	c.t.Helper()
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(c.t, err)
	}
	if c.err != nil {
		lines := strings.Split(strings.TrimSpace(c.err.whole()), "\n")
		last = lines[len(lines)-1]
	}
	if st, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return -int(st.Signal()), last
	}
	return c.cmd.ProcessState.ExitCode(), last
}

// slowKeys is a source of keys that says through a pipe when it is asked, and
// does not answer.
func slowKeys(t *testing.T) (source string, asked func()) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "asked")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	r, err := os.OpenFile(pipe, os.O_RDWR, 0) // does not wait for the other end
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return "cmd:echo now > " + pipe + "; exec sleep 1000", func() {
		require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := r.Read(make([]byte, 4))
		require.NoError(t, err, "the keys were not asked for")
	}
}

// mute is a server that takes connections and never says a word.
func mute(t *testing.T) (addr string, taken func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), func() {
		tcp, ok := l.(*net.TCPListener)
		require.True(t, ok)
		require.NoError(t, tcp.SetDeadline(time.Now().Add(time.Minute)))
		nc, err := l.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = nc.Close() })
	}
}

var endings = []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// ledgerOf makes a ledger of three fills and a file of them.
func ledgerOf(t *testing.T) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ledger")
	file = filepath.Join(t.TempDir(), "fills.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(fillLine("1", "3")+"\n"+fillLine("2", "4")+"\n"+fillLine("3", "5")+"\n"), 0o600))
	out, err := self(t, "ingest", "-q", "--dir", dir, file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir, file
}

// TestSignalsEndVerbs sends each signal that asks for an end to each verb while it
// waits for something: it ends with 1, and its last line says what ended it.
func TestSignalsEndVerbs(t *testing.T) {
	dir, file := ledgerOf(t)
	waiting := func(args ...string) func(*testing.T) (*child, func()) { // for the keys
		return func(t *testing.T) (*child, func()) {
			t.Helper()
			source, asked := slowKeys(t)
			return begin(t, self(t, append(args, "--dir", dir, "--key", source)...)), asked
		}
	}
	reading := func(args ...string) func(*testing.T) (*child, func()) { // standard input, which stays open
		return func(t *testing.T) (*child, func()) {
			t.Helper()
			cmd := self(t, append(args, "--dir", filepath.Join(t.TempDir(), "d"))...)
			r, w, err := os.Pipe()
			require.NoError(t, err)
			t.Cleanup(func() { _, _ = r.Close(), w.Close() })
			cmd.Stdin = r
			c := begin(t, cmd)
			return c, func() {
				require.NoError(t, w.SetWriteDeadline(time.Now().Add(time.Minute)))
				for i, n := 0, 0; n < 256<<10; i++ { // more than a pipe holds: so it has begun to read
					m, err := io.WriteString(w, fillLine(fmt.Sprint("r", i), "1")+"\n")
					require.NoError(t, err)
					n += m
				}
			}
		}
	}
	cases := map[string]func(*testing.T) (*child, func()){
		"ingest, reading": reading("ingest", "-"),
		"import, reading": reading("import", "-"),
		"ingest, pipe that nobody writes to": func(t *testing.T) (*child, func()) {
			t.Helper()
			pipe, listing := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "not.ndjson")
			require.NoError(t, unix.Mkfifo(pipe, 0o600))
			require.NoError(t, os.WriteFile(listing, []byte("account,note,instrument,side,qty,price,id,time\n"), 0o600))
			c := begin(t, self(t, "ingest", "--dir", dir, listing, pipe))
			return c, func() { c.err.await(t, "not used", 1) } // of the file before the pipe
		},
		"tail, following": func(t *testing.T) (*child, func()) {
			t.Helper()
			c := begin(t, self(t, "tail", "-f", "-o", "ndjson", "--dir", dir))
			return c, func() { c.out.await(t, "\n", 4) }
		},
		"bench, measuring": func(t *testing.T) (*child, func()) {
			t.Helper()
			c := begin(t, self(t, "bench", "--dir", t.TempDir(), "--pairs", "1000"))
			return c, func() { c.err.await(t, "\n", 1) }
		},
		"status, daemon that does not answer": func(t *testing.T) (*child, func()) {
			t.Helper()
			addr, taken := mute(t)
			return begin(t, self(t, "status", "--server", "nats://"+addr)), taken
		},
		"ingest, keys": waiting("ingest", file), "import, keys": waiting("import", file), "positions, keys": waiting("positions"),
		"history, keys": waiting("history"), "replay, keys": waiting("replay"), "verify, keys": waiting("verify"),
		"export, keys": waiting("export"), "diff, keys": waiting("diff", "--from", "1"), "tail, keys": waiting("tail"),
		"backup create, keys":  waiting("backup", "create"),
		"backup restore, keys": waiting("backup", "restore", "--to", filepath.Join(t.TempDir(), "r")),
		"repair, keys":         waiting("repair", "--plan"), "init, keys": waiting("init"),
	}
	for name, start := range cases {
		for _, sig := range endings {
			t.Run(name+"/"+unix.SignalName(sig), func(t *testing.T) {
				c, ready := start(t)
				ready()
				c.signal(sig)
				code, last := c.end()
				require.Equal(t, exitError, code, "%s", c.err.whole())
				require.Contains(t, last, "holdfast: interrupted by "+unix.SignalName(sig))
			})
		}
	}
}

// TestSignalsLeaveAlone: what is started to outlive its terminal does, and a
// reader of standard output that leaves ends a verb silently.
func TestSignalsLeaveAlone(t *testing.T) {
	dir, _ := ledgerOf(t)
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `trap "" HUP; exec "$@"`, "sh")
	cmd.Args = append(cmd.Args, self(t, "ingest", "-", "--dir", dir, "--ack").Args...)
	cmd.Args[4] = self(t).Path
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	c := begin(t, cmd)
	for i := range 3 {
		_, err = io.WriteString(stdin, fillLine(fmt.Sprint("n", i), "1")+"\n")
		require.NoError(t, err)
		c.out.await(t, "\n", i+1)
		c.signal(syscall.SIGHUP)
	}
	require.NoError(t, stdin.Close())
	code, last := c.end()
	require.Zero(t, code, last)
	require.Contains(t, last, "3 read, 3 applied")

	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd = self(t, "history", "--dir", dir)
	cmd.Stdout = w
	c = begin(t, cmd)
	require.NoError(t, w.Close())
	code, last = c.end()
	require.Equal(t, -int(syscall.SIGPIPE), code)
	require.Empty(t, last)
}

// TestSignalsBeforeReady tells a daemon to stop before it is ready: it was told to
// stop and does, which is 0, unless files were to be applied.
func TestSignalsBeforeReady(t *testing.T) {
	dir, file := ledgerOf(t)
	quiet := []string{"--nats-listen", "none", "--http", "none"}
	states := map[string]func(*testing.T, ...string) *child{
		"keys": func(t *testing.T, more ...string) *child {
			t.Helper()
			source, asked := slowKeys(t)
			c := begin(t, self(t, append(append([]string{"serve", "--dir", dir, "--key", source}, quiet...), more...)...))
			asked()
			return c
		},
		"asking the bus": func(t *testing.T, more ...string) *child {
			t.Helper()
			addr, taken := mute(t)
			c := begin(t, self(t, append([]string{"serve", "--dir", dir, "--nats", addr, "--bus-evidence", "1h", "--http", "none"}, more...)...))
			taken()
			return c
		},
		"bus not reached": func(t *testing.T, more ...string) *child {
			t.Helper()
			addr, taken := mute(t)
			c := begin(t, self(t, append([]string{"serve", "--dir", dir, "--nats", addr, "--bus-evidence", "0", "--http", "none"}, more...)...))
			taken()
			c.err.await(t, "ledger open", 1)
			return c
		},
	}
	for name, start := range states {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
			t.Run(name+"/"+unix.SignalName(sig), func(t *testing.T) {
				c := start(t)
				c.signal(syscall.SIGHUP)
				c.signal(syscall.SIGPIPE)
				c.signal(sig)
				code, last := c.end()
				require.Equal(t, exitOK, code, "%s", c.err.whole())
				require.Contains(t, last, "stopped")
				require.NotContains(t, c.err.whole(), "SIGHUP", "that does not end it")
			})
			t.Run(name+", with a file/"+unix.SignalName(sig), func(t *testing.T) {
				c := start(t, "--ingest", file)
				c.signal(sig)
				code, last := c.end()
				require.Equal(t, exitError, code, "%s", c.err.whole())
				require.Equal(t, "holdfast: interrupted by "+unix.SignalName(sig), last)
				require.Contains(t, c.err.whole(), "msg=stopping", "and before that, that it heard")
			})
		}
	}
}

// TestSignalsWhileServing: nothing but SIGINT and SIGTERM ends a daemon, whoever
// reads its log and its output, and what it says last is how far it came.
func TestSignalsWhileServing(t *testing.T) {
	serve := func(t *testing.T, more ...string) (dir string, cmd *exec.Cmd) {
		t.Helper()
		dir = filepath.Join(t.TempDir(), "ledger")
		return dir, self(t, append([]string{"serve", "-o", "json", "--dir", dir, "--nats-listen", "none", "--http", "127.0.0.1:0"}, more...)...)
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		name := unix.SignalName(sig)
		t.Run("ready/"+name, func(t *testing.T) {
			_, cmd := serve(t)
			c := begin(t, cmd)
			c.out.await(t, "\n", 1)
			for i := range 3 {
				c.signal(syscall.SIGPIPE)
				c.signal(syscall.SIGHUP)
				c.err.await(t, "nothing to read again", i+1)
			}
			c.signal(sig)
			code, last := c.end()
			require.Zero(t, code, last)
			require.Contains(t, last, "msg=stopped seq=0")
		})
		t.Run("ingesting/"+name, func(t *testing.T) {
			dir, cmd := serve(t, "--ingest", "-")
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			c := begin(t, cmd)
			_, err = io.WriteString(stdin, fillLine("1", "1")+"\n"+fillLine("2", "1")+"\n")
			require.NoError(t, err)
			c.out.await(t, "\n", 1)
			c.signal(syscall.SIGHUP)
			c.err.await(t, "nothing to read again", 1)
			require.Eventually(t, func() bool {
				out, serr := self(t, "status", "--dir", dir, "-o", "json").Output()
				return serr == nil && strings.Contains(string(out), `"last": 3`)
			}, time.Minute, 10*time.Millisecond)
			c.signal(sig)
			code, last := c.end()
			require.Equal(t, exitError, code, last)
			require.Equal(t, "holdfast: interrupted by "+name+": ingest: 2 lines, 2 applied, 0 duplicates, 0 rejected", last)
			require.Contains(t, c.out.whole(), `{"read":2,"applied":2,"duplicates":0,"rejected":0,`)
		})
	}
	t.Run("draining", func(t *testing.T) {
		c := draining(t, func(more ...string) *exec.Cmd { _, cmd := serve(t, more...); return cmd })
		c.signal(syscall.SIGHUP)
		c.signal(syscall.SIGPIPE)
		code, last := c.end()
		require.Zero(t, code, last)
		require.Contains(t, last, "msg=stopped")
	})
	t.Run("draining, insisted on", func(t *testing.T) {
		c := draining(t, func(more ...string) *exec.Cmd { _, cmd := serve(t, more...); return cmd })
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for c.cmd.Process.Signal(syscall.SIGTERM) == nil && !strings.Contains(c.err.lines(), "again") {
			<-tick.C
		}
		code, last := c.end()
		require.Equal(t, -int(syscall.SIGTERM), code, last)
		require.Contains(t, last, "holdfast: SIGTERM again")
	})
	t.Run("log without a reader", func(t *testing.T) {
		_, cmd := serve(t)
		r, w, err := os.Pipe()
		require.NoError(t, err)
		cmd.Stderr = w
		c := begin(t, cmd)
		require.NoError(t, w.Close())
		c.out.await(t, "\n", 1)
		require.NoError(t, r.Close())
		var at ready
		require.NoError(t, json.Unmarshal([]byte(c.out.lines()), &at))
		for range 20 {
			c.signal(syscall.SIGHUP)
			res, gerr := http.Get(at.HTTP + "/healthz")
			require.NoError(t, gerr)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusOK, res.StatusCode)
		}
		c.signal(syscall.SIGTERM)
		code, _ := c.end()
		require.Zero(t, code)
	})
	t.Run("output without a reader", func(t *testing.T) {
		dir, file := ledgerOf(t)
		cmd := self(t, "serve", "--dir", dir, "--nats-listen", "none", "--http", "none", "--ingest", file)
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		cmd.Stdout = w
		c := begin(t, cmd)
		require.NoError(t, w.Close())
		c.err.await(t, "output not printed", 3) // ready, the counts, the positions
		c.signal(syscall.SIGTERM)
		code, last := c.end()
		require.Zero(t, code, last)
		require.Contains(t, last, "msg=stopped seq=4")
	})
}

// draining is a daemon that was told to stop and cannot yet: half a request is
// there, whose rest it gives some time.
func draining(t *testing.T, serve func(...string) *exec.Cmd) *child {
	t.Helper()
	c := begin(t, serve())
	c.out.await(t, "\n", 1)
	var at ready
	require.NoError(t, json.Unmarshal([]byte(c.out.lines()), &at))
	nc, err := net.Dial("tcp", strings.TrimPrefix(at.HTTP, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	_, err = io.WriteString(nc, "GET /status HTTP/1.1\r\n")
	require.NoError(t, err)
	res, err := http.Get(at.HTTP + "/healthz") // the connection before was taken
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	c.signal(syscall.SIGTERM)
	c.signal(syscall.SIGINT) // one that follows at once is the same; another one, or the two could be one to the kernel
	c.err.await(t, "msg=stopping", 1)
	return c
}

package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// natsEnv makes the test binary a plain NATS server; its value is where it
// stores.
const natsEnv = "HOLDFAST_TEST_NATS"

// natsChild runs a server until its standard input ends. It prints the address
// at which it listens when it is ready.
func natsChild() int {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: os.Getenv(natsEnv), NoSigs: true, NoLog: true,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		fmt.Println("not ready within a minute")
		return 1
	}
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
	s.Shutdown()
	s.WaitForShutdown()
	return 0
}

// natsProcess is a NATS server in a process of its own, so that it can be
// stopped, paused and killed for real. Each start listens at another port, which
// connections find by Dial: a port of before may be somebody else's by now.
type natsProcess struct {
	tb    testing.TB
	store string
	addr  atomic.Pointer[string]
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func newNATS(tb testing.TB) *natsProcess {
	tb.Helper()
	p := &natsProcess{tb: tb, store: filepath.Join(tb.TempDir(), "store")}
	p.start()
	tb.Cleanup(p.kill)
	return p
}

func (p *natsProcess) start() {
	p.tb.Helper()
	exe, err := os.Executable()
	require.NoError(p.tb, err)
	p.cmd = exec.Command(exe)
	p.cmd.Env = append(os.Environ(), natsEnv+"="+p.store)
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(p.tb, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.tb, err)
	require.NoError(p.tb, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(p.tb, err, line)
	addr := strings.TrimSpace(line)
	_, _, err = net.SplitHostPort(addr)
	require.NoError(p.tb, err, line)
	p.addr.Store(&addr)
}

func (p *natsProcess) kill() {
	_ = p.cmd.Process.Kill() // it may be dead already
	_ = p.cmd.Wait()
}

func (p *natsProcess) signal(s syscall.Signal) { require.NoError(p.tb, p.cmd.Process.Signal(s)) }

// Dial leads to the present server, whatever the address.
func (p *natsProcess) Dial(network, _ string) (net.Conn, error) {
	return net.Dial(network, *p.addr.Load())
}

func (p *natsProcess) connect(context.Context) (*nats.Conn, error) {
	return nats.Connect("", append(bus.ConnectOptions("holdfast", nil), nats.SetCustomDialer(p))...)
}

// busFaults are what may happen to a bus while appends go on; each returns how
// it is undone.
func busFaults(p *natsProcess) map[string]func() (undo func()) {
	return map[string]func() func(){
		"killed": func() func() { p.kill(); return p.start },
		"paused": func() func() {
			p.signal(syscall.SIGSTOP)
			return func() { p.signal(syscall.SIGCONT) }
		},
		"store deleted": func() func() {
			p.kill()
			require.NoError(p.tb, os.RemoveAll(p.store))
			return p.start
		},
	}
}

// appendFor applies fills from many callers for a while and returns how long
// each took.
func appendFor(tb testing.TB, l *holdfast.Ledger, d time.Duration, next *atomic.Int64) []time.Duration {
	tb.Helper()
	const callers = 64
	end := time.Now().Add(d)
	all := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				if _, err := l.Apply(context.Background(), ledgertest.Fill(strconv.FormatInt(next.Add(1), 10), "A", "I", position.Buy, "1", "100")); err != nil {
					tb.Error(err)
					return
				}
				all[c] = append(all[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	return slices.Concat(all...)
}

func percentile(d []time.Duration, p int) time.Duration {
	slices.Sort(d)
	return d[min(len(d)*p/100, len(d)-1)]
}

func TestBusFaultsLoseNothing(t *testing.T) {
	p := newNATS(t)
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.SegmentSize, o.Bus = 1<<20, &holdfast.BusOptions{Connect: p.connect}
	l := ledgertest.Open(t, dir, o)
	var next atomic.Int64
	appendFor(t, l, 50*time.Millisecond, &next)
	for _, name := range []string{"killed", "paused", "store deleted"} {
		undo := busFaults(p)[name]()
		appendFor(t, l, 200*time.Millisecond, &next)
		undo()
		appendFor(t, l, 50*time.Millisecond, &next)
	}
	ledgertest.CaughtUp(t, l)
	nc, err := p.connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	ledgertest.StreamEqualsJournal(t, nc, dir)
}

// BenchmarkBusFault reports the p99 of appends during each fault of the bus over
// that without it, windows interleaved: 1 means that a fault costs nothing.
func BenchmarkBusFault(b *testing.B) {
	for _, name := range []string{"killed", "paused", "store deleted"} {
		b.Run(name, func(b *testing.B) {
			p := newNATS(b)
			l := ledgertest.Open(b, b.TempDir(), holdfast.Options{SnapshotInterval: -1, Bus: &holdfast.BusOptions{Connect: p.connect}})
			var next atomic.Int64
			appendFor(b, l, 200*time.Millisecond, &next) // warm
			var with, without []float64
			for range b.N {
				for range 10 {
					without = append(without, percentile(appendFor(b, l, 300*time.Millisecond, &next), 99).Seconds())
					undo := busFaults(p)[name]()
					with = append(with, percentile(appendFor(b, l, 300*time.Millisecond, &next), 99).Seconds())
					undo()
				}
			}
			slices.Sort(with)
			slices.Sort(without)
			b.ReportMetric(with[len(with)/2]/without[len(without)/2], "p99-ratio")
			b.ReportMetric(without[len(without)/2]*1e6, "p99-without-µs")
		})
	}
}

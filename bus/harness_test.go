package bus_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

func TestMain(m *testing.M) {
	// nats-server 2.15.2 forgets the store of a half staged batch when its stream
	// is deleted, or the server stopped, at that moment; some tests do just that.
	// TestNothingIsLeftRunning and bus/embedded make no exceptions.
	const store = "github.com/nats-io/nats-server/v2/server."
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction(store+"(*msgBlock).flushLoop"),
		goleak.IgnoreAnyFunction(store+"(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

const patience = time.Minute

// house is an embedded server that a test can stop and start again on one
// store, while Connect always leads to the present one.
type house struct {
	t   testing.TB
	dir string
	new func(dir string) (anyServer, error)

	mu     sync.Mutex
	server anyServer // nil while it is down
}

type anyServer interface {
	URL() string
	Connect(ctx context.Context) (*nats.Conn, error)
	Close() error
}

func startEmbedded(dir string) (anyServer, error) {
	return embedded.Start(embedded.Options{Dir: dir, Ledger: testLedger, Listen: "127.0.0.1:0"})
}

func newHouse(tb testing.TB) *house {
	tb.Helper()
	h := &house{t: tb, dir: scratch.Dir(tb), new: startEmbedded}
	h.up()
	tb.Cleanup(h.down)
	return h
}

// newPlainHouse is a house with a plain server.
func newPlainHouse(tb testing.TB) *house {
	tb.Helper()
	h := &house{t: tb, dir: scratch.Dir(tb), new: func(dir string) (anyServer, error) { return startPlain(dir) }}
	h.up()
	tb.Cleanup(h.down)
	return h
}

func (h *house) up() {
	h.t.Helper()
	s, err := h.new(h.dir)
	require.NoError(h.t, err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server = s
}

func (h *house) down() {
	h.mu.Lock()
	s := h.server
	h.server = nil
	h.mu.Unlock()
	if s != nil {
		require.NoError(h.t, s.Close())
	}
}

// loseStore deletes what the server has stored. One that is up may write at that
// moment, which makes a directory not empty again.
func (h *house) loseStore() {
	h.t.Helper()
	dir := filepath.Join(h.dir, "jetstream")
	require.NoError(h.t, scratch.Remove(dir))
}

func (h *house) connect(ctx context.Context) (*nats.Conn, error) {
	h.mu.Lock()
	s := h.server
	h.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("server is down")
	}
	return s.Connect(ctx)
}

// Dial leads to the present server, whatever the address: each start listens at
// another port, since the one of before may be somebody else's by now.
func (h *house) Dial(network, _ string) (net.Conn, error) {
	h.mu.Lock()
	s := h.server
	h.mu.Unlock()
	if s == nil {
		return nil, errors.New("server is down")
	}
	return net.Dial(network, strings.TrimPrefix(s.URL(), "nats://"))
}

// core is a connection of the test's own, with full rights.
func (h *house) core() *nats.Conn {
	h.t.Helper()
	nc, err := h.connect(h.t.Context())
	require.NoError(h.t, err)
	h.t.Cleanup(nc.Close)
	return nc
}

func (h *house) js() jetstream.JetStream {
	h.t.Helper()
	js, err := jetstream.New(h.core(), jetstream.WithDefaultTimeout(patience))
	require.NoError(h.t, err)
	return js
}

func (h *house) stream() jetstream.Stream {
	h.t.Helper()
	s, err := h.js().Stream(h.t.Context(), bus.StreamName(testLedger))
	require.NoError(h.t, err)
	return s
}

// recreate makes a stream that was just deleted. A server under load may still be
// at work on the files of the old one and refuse at first.
func (h *house) recreate(js jetstream.JetStream, config jetstream.StreamConfig) {
	h.t.Helper()
	const codeNotCreated = 10049
	deadline := time.Now().Add(patience)
	for {
		_, err := js.CreateStream(h.t.Context(), config)
		var api *jetstream.APIError
		if errors.As(err, &api) && api.ErrorCode == codeNotCreated && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		require.NoError(h.t, err)
		return
	}
}

// quick are options whose pauses are short enough for tests. What a busy machine is
// slow with does not time out.
func (h *house) quick() bus.Options {
	return bus.Options{
		Ledger: testLedger, Lineage: testLineage, Connect: h.connect,
		Timeout: patience / 4, Check: 50 * time.Millisecond,
		MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	}
}

// hasty is quick for tests in which requests are lost.
func (h *house) hasty() bus.Options {
	o := h.quick()
	o.Timeout = 2 * time.Second
	return o
}

// run starts a relay. stop ends it and waits; it may be called twice.
func run(tb testing.TB, src bus.Source, o bus.Options) (r *bus.Relay, stop func()) {
	tb.Helper()
	r = bus.NewRelay(src, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			require.ErrorIs(tb, <-done, context.Canceled)
			require.Equal(tb, bus.StateIdle, r.Status().State)
		})
	}
	tb.Cleanup(stop)
	return r, stop
}

// until polls the relay's state, which nothing signals.
func until(tb testing.TB, r *bus.Relay, what string, is func(bus.Status) bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !is(r.Status()) {
		if time.Now().After(deadline) {
			require.Fail(tb, "not "+what, "%+v", r.Status())
		}
		time.Sleep(time.Millisecond)
	}
}

func live(tb testing.TB, r *bus.Relay, src *memSource) {
	tb.Helper()
	until(tb, r, "live", func(s bus.Status) bool {
		_, last := src.Bounds()
		return s.State == bus.StateLive && s.Last == last && s.Lag == 0 && s.Err == ""
	})
}

func stopped(tb testing.TB, r *bus.Relay, seq uint64, words ...string) {
	tb.Helper()
	until(tb, r, "stopped", func(s bus.Status) bool { return s.State == bus.StateStopped })
	s := r.Status()
	require.Equal(tb, seq, s.StopSeq, s.Err)
	for _, word := range append(words, fmt.Sprintf("seq %d", seq), "until a rebuild deletes it", bus.StreamName(testLedger)) {
		require.Contains(tb, s.Err, word)
	}
}

// complete checks that the stream is the journal: every kept record once, in
// its place, with its headers and body, and nothing else.
func (h *house) complete(src *memSource) {
	t := h.t
	t.Helper()
	first, last := src.Bounds()
	stream := h.stream()
	in, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, in.State.FirstSeq)
	require.Equal(t, last, in.State.LastSeq)
	require.Equal(t, last-first+1, in.State.Msgs)
	if last < first {
		return
	}
	c, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	messages, err := c.Messages()
	require.NoError(t, err)
	defer messages.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for seq := first; seq <= last; seq++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		require.NoError(t, err)
		meta, err := m.Metadata()
		require.NoError(t, err)
		require.Equal(t, seq, meta.Sequence.Stream)
		want, ok := src.get(seq)
		require.True(t, ok)
		require.Equal(t, want.Subject, m.Subject())
		require.Equal(t, want.Body, m.Data())
		require.Equal(t, fmt.Sprint(seq), m.Headers().Get("Holdfast-Seq"))
		require.Equal(t, fmt.Sprint(want.Epoch), m.Headers().Get("Holdfast-Epoch"))
		require.Equal(t, hex.EncodeToString(want.Chain[:]), m.Headers().Get("Holdfast-Chain"))
		require.Equal(t, fmt.Sprintf("%s:%d", testLineage, seq), m.Headers().Get("Holdfast-Id"))
		require.Equal(t, "application/json", m.Headers().Get("Content-Type"))
		require.Empty(t, m.Headers().Get("Nats-Expected-Last-Msg-Id"))
	}
}

// plain is a NATS server without users: the embedded one lets the relay in from
// within the process only, and a proxy needs a way in over TCP.
type plain struct{ ns *server.Server }

func startPlain(dir string) (plain, error) {
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: filepath.Join(dir, "jetstream"), JetStreamMaxStore: 1 << 30,
	})
	if err != nil {
		return plain{}, err
	}
	ns.Start()
	if !ns.ReadyForConnections(patience) {
		return plain{}, errors.New("not ready")
	}
	return plain{ns}, nil
}

func (p plain) URL() string { return p.ns.ClientURL() }

func (p plain) Connect(context.Context) (*nats.Conn, error) {
	return nats.Connect("", append(bus.ConnectOptions("test", nil), nats.InProcessServer(p.ns), nats.NoReconnect())...)
}

func (p plain) Close() error {
	p.ns.Shutdown()
	p.ns.WaitForShutdown()
	return nil
}

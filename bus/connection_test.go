package bus_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

func TestPausedBus(t *testing.T) {
	t.Parallel()
	h, src := newPlainHouse(t), newSource(1)
	p, o := h.viaProxy()
	src.add(200, 200)
	r, _ := run(t, src, o)
	live(t, r, src)
	for range 3 {
		p.pause()
		src.add(3000, 200)
		r.Announce("state.saved", nil) // neither of the two waits
		until(t, r, "in trouble", func(s bus.Status) bool { return s.State == bus.StateRetrying && s.Err != "" })
		p.resume()
		live(t, r, src)
		h.complete(src)
	}
}

// What a relay sent before its connection got stuck arrives long after it has
// gone on over another one: the late message, and the late batch, must not get
// on the stream.
func TestLateMessages(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 151, 900} {
		h, src := newPlainHouse(t), newSource(1)
		p, o := h.viaProxy()
		o.Timeout = 200 * time.Millisecond
		src.add(200, 100)
		r, _ := run(t, src, o)
		live(t, r, src)
		connections := r.Status().Reconnects
		for range 2 {
			p.hold()
			src.add(n, 100)
			live(t, r, src) // over a new connection
			p.resume()
			src.add(n, 100)
			live(t, r, src)
		}
		require.GreaterOrEqual(t, r.Status().Reconnects, connections+2)
		h.complete(src)
	}
}

// An answer that cannot come any more, because its connection is gone, is not
// waited for.
func TestConnectionLostWhileWaiting(t *testing.T) {
	t.Parallel()
	h, src := newPlainHouse(t), newSource(1)
	p, o := h.viaProxy()
	o.Timeout, o.Check = time.Hour, time.Hour
	src.add(1, 100)
	r, _ := run(t, src, o)
	live(t, r, src)
	for range 3 {
		p.hold()
		src.add(1, 100)
		until(t, r, "at work", func(s bus.Status) bool { return s.State == bus.StateCatchingUp })
		p.cutAll()
		live(t, r, src)
		p.resume()
		h.complete(src)
	}
}

// A connection that is lost before the relay begins to work on it is given up, not
// trusted until a timeout: its client keeps requests for a server that may not come
// back.
func TestConnectionLostBeforeTheRound(t *testing.T) {
	t.Parallel()
	h, src := newPlainHouse(t), newSource(1)
	_, o := h.viaProxy()
	o.Timeout, o.Check = time.Hour, time.Hour
	src.add(1, 100)
	good, tries := o.Connect, 0
	p := newProxy(t, h.server.URL())
	o.Connect = func(ctx context.Context) (*nats.Conn, error) {
		if tries++; tries > 1 {
			return good(ctx)
		}
		lost := make(chan struct{})
		nc, err := nats.Connect("nats://"+p.l.Addr().String(), nats.MaxReconnects(-1), nats.ReconnectWait(time.Hour),
			nats.DisconnectErrHandler(func(*nats.Conn, error) { close(lost) }))
		if err == nil {
			p.cutAll()
			<-lost
		}
		return nc, err
	}
	r, _ := run(t, src, o)
	live(t, r, src)
	h.complete(src)
}

// The connection is cut after every so many bytes, at places that fall into
// headers, bodies, between messages and between batches.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h, src := newPlainHouse(t), newSource(1)
	p, o := h.viaProxy()
	r, _ := run(t, src, o)
	for i := range 40 {
		src.add(1+random.IntN(700), 200)
		p.cutAfter(random.IntN(150_000))
		if i%3 == 0 {
			p.cutAfter(random.IntN(700)) // among the first messages, or while it looks at the stream
		}
		// A cut that was not reached is reached in a later turn.
		live(t, r, src)
	}
	require.Greater(t, p.cutCount(), 10)
	h.complete(src)
}

// A relay has no memory, so a relay that dies is a connection that ends at some
// byte, and a new relay. This dies at places that cover all steps: looking at
// the stream, creating it, single messages, the messages of a batch, its commit.
func TestRelayDiesAnywhere(t *testing.T) {
	t.Parallel()
	const events = 170
	size := measure(t, events)
	t.Logf("a whole run takes %d bytes", size)
	h := newPlainHouse(t)
	js := h.js()
	for cut := 0; cut < size+200; cut += size / 60 {
		src := newSource(1)
		src.add(events, 60)
		p, o := h.viaProxy()
		o.MinBackoff, o.MaxBackoff = time.Hour, time.Hour // the first failure is its end
		p.cutAfter(cut)
		r, stop := run(t, src, o)
		until(t, r, "dead or done", func(s bus.Status) bool {
			return s.State == bus.StateRetrying || s.Last == events
		})
		stop()
		after, done := run(t, src, h.quick())
		live(t, after, src)
		h.complete(src)
		src.add(4, 60)
		live(t, after, src)
		h.complete(src)
		done()
		require.NoError(t, js.DeleteStream(t.Context(), bus.StreamName(testLedger)))
	}
}

// measure returns how many bytes a relay sends from its connection on until
// everything is published.
func measure(t *testing.T, events int) int {
	t.Helper()
	h, src := newPlainHouse(t), newSource(1)
	src.add(events, 60)
	p, o := h.viaProxy()
	p.cutAfter(1 << 30)
	r, stop := run(t, src, o)
	live(t, r, src)
	stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	return 1<<30 - p.budget
}

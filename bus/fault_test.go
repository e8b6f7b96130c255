package bus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// The journal itself fails in the middle of a batch and of single messages.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	var mu sync.Mutex
	failures := 0
	src.fail = func(seq uint64) error {
		mu.Lock()
		defer mu.Unlock()
		if (seq%777 == 0 || seq == 3) && failures < 40 {
			failures++
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	src.add(10, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	src.add(5000, 80)
	live(t, r, src)
	h.complete(src)
	require.EqualValues(t, 5010, r.Status().Published)
}

// gapSource skips a record that it should yield.
type gapSource struct{ *memSource }

func TestSourceWithGap(t *testing.T) {
	t.Parallel()
	for _, n := range []int{20, 500} {
		h, src := newHouse(t), newSource(1)
		src.add(n, 80)
		src.mu.Lock()
		src.events[10] = src.events[11]
		src.mu.Unlock()
		r, _ := run(t, gapSource{src}, h.quick())
		until(t, r, "complaining", func(s bus.Status) bool { return s.State == bus.StateRetrying })
		require.Contains(t, r.Status().Err, "journal at 11: yields 12 instead")
		require.LessOrEqual(t, r.Status().Last, uint64(10))
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(500, 80)
	r, stop := run(t, src, h.quick())
	live(t, r, src)
	durable, err := h.stream().CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "d"})
	require.NoError(t, err)
	starts := func(first uint64) {
		t.Helper()
		until(t, r, "trimmed", func(s bus.Status) bool { return s.First == first })
		live(t, r, src)
		h.complete(src)
	}
	src.trim(101) // noticed though nothing new comes
	starts(101)
	src.trim(201)
	src.add(10, 80)
	starts(201)

	// Trimmed beyond the end of the stream while the relay was away: the stream
	// is moved on, and its consumers live.
	stop()
	src.add(1000, 80)
	src.trim(1101)
	r, stop = run(t, src, h.quick())
	starts(1101)
	m, err := durable.Next(jetstream.FetchMaxWait(patience))
	require.NoError(t, err)
	require.Equal(t, "1101", m.Headers().Get("Holdfast-Seq"))

	// Everything is trimmed, then it goes on.
	_, last := src.Bounds()
	src.trim(last + 1)
	starts(last + 1)
	stop()
	r, stop = run(t, src, h.quick())
	starts(last + 1)
	src.add(300, 80)
	starts(last + 1)
	stop()
	src.trim(last + 301)
	src.add(1, 80)
	r, _ = run(t, src, h.quick())
	starts(last + 301)
}

func TestTrimWhileFeeding(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(2000, 100)
	r, _ := run(t, src, h.quick())
	for range 30 {
		src.add(400, 100)
		first, last := src.Bounds()
		src.trim(min(first+350, last))
		until(t, r, "on", func(s bus.Status) bool { return s.Last >= first })
	}
	live(t, r, src)
	first, _ := src.Bounds()
	until(t, r, "trimmed", func(s bus.Status) bool { return s.First == first })
	h.complete(src)
}

func TestLargeBodies(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(170, 512<<10) // 85 MB: no batch may hold them all
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	require.Greater(t, r.Status().Batches, uint64(15))
	src.add(3, 7<<20) // as single messages, larger than a batch may be
	src.add(160, 10)
	live(t, r, src)
	h.complete(src)
}

// What the server refuses for its size is reported, and goes out once the
// server takes it.
func TestTooLargeBody(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(2, 100)
	src.add(1, 8<<20)
	src.add(2, 100)
	r, _ := run(t, src, h.quick())
	until(t, r, "complaining", func(s bus.Status) bool { return s.State == bus.StateRetrying && s.Last == 2 })
	require.Contains(t, r.Status().Err, "event 3 has 8388608 bytes")
	require.Contains(t, r.Status().Err, "max_payload")
}

func TestRebuildOutsideRun(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	r := bus.NewRelay(src, h.quick())
	require.ErrorIs(t, r.Rebuild(t.Context()), bus.ErrNotRunning)
	require.Equal(t, bus.StateIdle, r.Status().State)
}

// A rebuild that nobody waits for any more must not delete anything later.
func TestRebuildGivenUp(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(10, 80)
	r, _ := run(t, src, h.quick())
	live(t, r, src)
	h.down()
	until(t, r, "retrying", func(s bus.Status) bool { return s.State == bus.StateRetrying })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Rebuild(ctx), context.DeadlineExceeded)
	h.up()
	created := h.stream().CachedInfo().Created
	live(t, r, src)
	require.Equal(t, created, h.stream().CachedInfo().Created)
	require.NoError(t, r.Rebuild(t.Context()))
	require.NotEqual(t, created, h.stream().CachedInfo().Created)
	live(t, r, src)
	h.complete(src)
}

func TestRebuildWhileFeeding(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(20_000, 100)
	r, _ := run(t, src, h.quick())
	for range 5 {
		until(t, r, "at work", func(s bus.Status) bool { return s.Published > 0 && s.Last > 0 })
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- r.Rebuild(t.Context()) }()
		}
		require.NoError(t, errors.Join(<-errs, <-errs))
	}
	live(t, r, src)
	h.complete(src)
}

func TestRunTwice(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	r, stop := run(t, src, h.quick())
	live(t, r, src)
	require.ErrorContains(t, r.Run(t.Context()), "running already")
	stop()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	src.add(1, 10)
	live(t, r, src)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	sub, err := h.core().SubscribeSync(bus.OpsFilter(testLedger))
	require.NoError(t, err)
	require.NoError(t, h.core().Flush())
	o := h.quick()
	o.OpsQueue = 4
	gate := make(chan struct{})
	o.Connect = func(ctx context.Context) (*nats.Conn, error) {
		select {
		case <-gate:
			return h.connect(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r, stop := run(t, src, o)
	for i := range 10 {
		r.Announce("state.saved", fmt.Append(nil, i)) // nobody is there: it must not wait
	}
	require.EqualValues(t, 6, r.Status().OpsDropped)
	close(gate)
	for i := 6; i < 10; i++ {
		m, nextErr := sub.NextMsg(patience)
		require.NoError(t, nextErr)
		require.Equal(t, fmt.Sprint(i), string(m.Data))
		require.Equal(t, bus.OpsSubject(testLedger, "state.saved"), m.Subject)
	}
	r.Announce("backup.created", []byte("x"))
	m, err := sub.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, bus.OpsSubject(testLedger, "backup.created"), m.Subject)
	live(t, r, src)
	r.Announce("state.saved", []byte("last")) // what is said at the end still goes out
	stop()
	m, err = sub.NextMsg(patience)
	require.NoError(t, err)
	require.Equal(t, "last", string(m.Data))
	require.EqualValues(t, 6, r.Status().OpsSent)
}

package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// What somebody else writes between the messages of a fast batch ends the batch:
// nothing of ours comes behind it.
func TestForeignMessageEndsAFastBatch(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	gate := make(chan struct{})
	src.fail = func(seq uint64) error {
		if seq == 200 {
			<-gate
		}
		return nil
	}
	src.add(1000, 80)
	o := h.quick()
	o.Check = time.Minute
	r, _ := run(t, src, o)
	js := h.js()
	began := func() uint64 {
		info, err := h.stream().Info(t.Context())
		require.NoError(t, err)
		return info.State.LastSeq
	}
	until(t, r, "catching up", func(s bus.Status) bool { return s.State == bus.StateCatchingUp })
	last := uint64(0)
	for deadline := time.Now().Add(patience); last < 100 || last != began(); time.Sleep(20 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "the batch did not begin")
		last = began()
	}
	require.Less(t, last, uint64(200))
	ack, err := js.Publish(t.Context(), bus.EventSubject(testLedger, "increased", "foreign", "X"), []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, last+1, ack.Sequence)
	close(gate)
	stopped(t, r, last+1)
	require.Equal(t, last+1, began())
}

// Which batches a server takes the quickest is tried, so a long backlog has both kinds.
func TestBothKindsOfBatchesAreTried(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(3000, 80)
	o := h.quick()
	o.Check = time.Minute // what was learned is forgotten with each look
	r, _ := run(t, src, o)
	live(t, r, src)
	h.complete(src)
	stream := h.stream()
	fast, err := stream.GetMsg(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, "9", fast.Header.Get(jetstream.ExpectedLastSeqHeader))
	require.Empty(t, fast.Header.Get("Nats-Batch-Id"))
	whole, err := stream.GetMsg(t.Context(), 300)
	require.NoError(t, err)
	require.NotEmpty(t, whole.Header.Get("Nats-Batch-Id"))
}

// The goroutine that reads ahead has ended when the range over what it reads has.
func TestWhatIsReadAheadEndsWithItsRange(t *testing.T) {
	t.Parallel()
	src := newSource(1)
	src.linger = 200 * time.Millisecond
	src.add(10_000, 100)
	for _, err := range bus.Ahead(t.Context(), src, 1, 10_000) {
		require.NoError(t, err)
		break
	}
	require.Zero(t, src.reading.Load())
}

// A source is read by one goroutine at a time, also when a stretch is broken off while
// events are rendered ahead.
func TestNothingReadsOnBesideTheNextReading(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.linger = time.Second
	src.add(60_000, 100)
	r, _ := run(t, src, h.quick())
	until(t, r, "at work", func(s bus.Status) bool { return s.Published > 0 })
	require.NoError(t, r.Rebuild(t.Context()))
	live(t, r, src)
	require.False(t, src.overlapped.Load())
}

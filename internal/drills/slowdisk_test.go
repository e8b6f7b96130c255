package drills_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// overfull is more callers than wait anywhere but at the queue's door: in a group
// that is written, in one that is filled, and in the queue.
const overfull = 3*4096 + 700

// stuck are options of a ledger whose disk stands still while it is told to, at
// most until the test ends.
func stuck(t *testing.T) (o holdfast.Options, stop func() (blocked <-chan struct{}, release func())) {
	t.Helper()
	var gate atomic.Pointer[chan struct{}]
	blocked := make(chan struct{}, 1)
	o = ledgertest.Quiet()
	o.SegmentSize = 0
	o.Phase = func(name string, begin bool) {
		g := gate.Load()
		if name != "append" || !begin || g == nil {
			return
		}
		select {
		case blocked <- struct{}{}:
		default:
		}
		<-*g
	}
	return o, func() (<-chan struct{}, func()) {
		g := make(chan struct{})
		gate.Store(&g)
		release := sync.OnceFunc(func() {
			gate.Store(nil)
			close(g)
		})
		t.Cleanup(release) // before the ledger is closed, which waits for the disk
		return blocked, release
	}
}

// With a disk that stands still, thirteen thousand callers wait in bounded memory,
// nobody is told that anything is durable, every caller's deadline is kept, and
// afterwards each mutation is there that may be there, once.
func TestSlowDisk(t *testing.T) {
	const callers = overfull
	o, stop := stuck(t)
	l := ledgertest.Open(t, t.TempDir(), o)
	_, err := l.Apply(t.Context(), ledgertest.Fill("first", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	goroutines := runtime.NumGoroutine()
	before := ledgertest.Heap()

	blocked, release := stop()
	ctx, cancel := context.WithCancel(t.Context())
	errs := make([]error, callers)
	var wg sync.WaitGroup
	var entered atomic.Int64
	for i := range callers {
		wg.Go(func() {
			m := ledgertest.Fill("c"+strconv.Itoa(i), "A", "I", position.Buy, "1", "100")
			entered.Add(1)
			_, errs[i] = l.Apply(ctx, m)
		})
	}
	<-blocked
	for entered.Load() < callers {
		runtime.Gosched()
	}
	grown := int64(ledgertest.Heap()) - int64(before)
	t.Logf("heap grown by %d KiB, %d bytes a caller", grown>>10, grown/callers)
	require.Less(t, grown, int64(64<<20))
	short, end := context.WithTimeout(t.Context(), time.Millisecond)
	defer end()
	_, err = l.Apply(short, ledgertest.Fill("short", "A", "I", position.Buy, "1", "100"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualValues(t, 2, l.View().Seq(), "readers see nothing of it")

	cancel()
	wg.Wait() // although the disk still stands still
	unknown := 0
	for i, err := range errs {
		require.ErrorIs(t, err, context.Canceled, "caller %d was answered", i)
		if errors.Is(err, holdfast.ErrOutcomeUnknown) {
			unknown++
		}
	}
	require.Positive(t, unknown)
	require.Less(t, unknown, callers, "the queue is bounded")
	t.Logf("%d handed over, %d not", unknown, callers-unknown)
	release()
	for i, err := range errs {
		r, aerr := l.Apply(t.Context(), ledgertest.Fill("c"+strconv.Itoa(i), "A", "I", position.Buy, "1", "100"))
		require.NoError(t, aerr)
		require.Equal(t, errors.Is(err, holdfast.ErrOutcomeUnknown), r.Duplicate, "caller %d", i)
	}
	_, err = l.Apply(t.Context(), ledgertest.Fill("short", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.Equal(t, strconv.Itoa(callers+2), p.Qty.String(), "each once")
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+1 }, // and the one that looks
		time.Minute, time.Millisecond)
}

// endsWhileWaiting is a context that has not ended when a call begins and has when
// the call waits.
type endsWhileWaiting struct {
	context.Context

	waits *atomic.Bool
}

func ending(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return endsWhileWaiting{ctx, new(atomic.Bool)}
}

func (e endsWhileWaiting) Done() <-chan struct{} {
	e.waits.Store(true)
	return e.Context.Done()
}

func (e endsWhileWaiting) Err() error {
	if !e.waits.Load() {
		return nil
	}
	return e.Context.Err()
}

// Close waits for a disk that stands still, and for callers that wait for room in
// the queue without a deadline; callers that come meanwhile do not.
func TestCloseOnASlowDiskHoldsNoCaller(t *testing.T) {
	const callers = overfull
	o, stop := stuck(t)
	l := ledgertest.Open(t, t.TempDir(), o)
	blocked, release := stop()
	errs := make([]error, callers)
	var wg sync.WaitGroup
	var entered atomic.Int64
	for i := range callers {
		wg.Go(func() {
			entered.Add(1)
			_, errs[i] = l.Apply(context.Background(), ledgertest.Fill("c"+strconv.Itoa(i), "A", "I", position.Buy, "1", "100"))
		})
	}
	<-blocked
	full := func() bool { // nothing more is taken
		_, err := l.Apply(ending(t), ledgertest.Fill("full", "A", "I", position.Buy, "1", "100"))
		return errors.Is(err, context.Canceled) && !errors.Is(err, holdfast.ErrOutcomeUnknown)
	}
	for entered.Load() < callers || !full() {
		runtime.Gosched()
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	require.Eventually(t, func() bool {
		_, err := l.Apply(ending(t), ledgertest.Fill("late", "A", "I", position.Buy, "1", "100"))
		return errors.Is(err, holdfast.ErrClosed)
	}, time.Minute, time.Millisecond)
	select {
	case err := <-closed:
		require.Fail(t, "closed over a write that is under way", "%v", err)
	default:
	}
	release()
	wg.Wait()
	require.NoError(t, <-closed)
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		require.ErrorIs(t, err, holdfast.ErrClosed, "what was handed over is finished")
	}
	p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.GreaterOrEqual(t, p.Qty.Cmp(*dec(strconv.Itoa(done))), 0)
}

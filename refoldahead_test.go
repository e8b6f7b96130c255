package holdfast_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

// onStaging returns options of a ledger that calls back, once, just before the
// stager stages the first request after arm.
func onStaging(o holdfast.Options) (_ holdfast.Options, arm func(func())) {
	var then atomic.Pointer[func()]
	now := o.Now
	o.Now = func() time.Time {
		if f := then.Load(); f != nil && strings.Contains(string(debug.Stack()), "stageLoop") && then.CompareAndSwap(f, nil) {
			(*f)()
		}
		return now()
	}
	return o, func(f func()) { then.Store(&f) }
}

// spoil turns a byte over in the middle of all segments but the newest, and back
// when it is called again.
func spoil(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	require.NoError(t, err)
	slices.Sort(names)
	require.Greater(t, len(names), 3)
	for _, name := range names[:len(names)-1] {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		require.NoError(t, err)
		info, err := f.Stat()
		require.NoError(t, err)
		var b [1]byte
		_, err = f.ReadAt(b[:], info.Size()/2)
		require.NoError(t, err)
		b[0] ^= 0xff
		_, err = f.WriteAt(b[:], info.Size()/2)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
}

// inOrder gives mutations event times that grow, so that a window that forgets does
// not take the next one for an old one.
func inOrder(ms []position.Mutation) []position.Mutation {
	for i, m := range ms {
		if f, ok := m.(position.Fill); ok {
			f.Time += position.Time(i) * 1000
			ms[i] = f
		}
	}
	return ms
}

// anHourOn gives a bust or correction a time that no window has forgotten.
func anHourOn(m position.Mutation) position.Mutation {
	switch v := m.(type) {
	case position.Bust:
		v.Time += 1_000_000_000
		return v
	case position.Correct:
		v.Time += 1_000_000_000
		return v
	}
	return m
}

// What a caller has found out about a bust, a refusal too, is final for the records
// that it has read: they are unreadable when its turn comes at the stager, and
// nobody notices.
func TestTheStagerReadsNoHistory(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Window = 16
	o, arm := onStaging(o)
	l := ledgertest.Open(t, dir, o)
	forgotten := ledgertest.Fill("old", "A", "I", position.Buy, "1", "100")
	ledgertest.ApplyAll(t, l, []position.Mutation{forgotten})
	ledgertest.ApplyAll(t, l, inOrder(ledgertest.RandomFills(1, 600)))
	recent := ledgertest.Fill("new", "A", "J", position.Buy, "1", "100")
	recent.Time += 1_000_000
	ledgertest.ApplyAll(t, l, []position.Mutation{recent})
	for _, c := range []struct {
		name string
		m    position.Mutation
		want error
	}{
		{"an unknown fill", ledgertest.Bust("b-0", ledgertest.Fill("nosuch", "A", "I", position.Buy, "1", "1")), holdfast.ErrUnknownFill},
		{"an unknown key", ledgertest.Bust("b-1", ledgertest.Fill("old", "A", "I1", position.Buy, "1", "1")), holdfast.ErrUnknownFill},
		{"a forgotten fill", ledgertest.Bust("b-2", forgotten), nil},
		{"one that is busted", ledgertest.Bust("b-3", forgotten), holdfast.ErrUnknownFill},
		{"a fill that is remembered", ledgertest.Correct("b-4", recent, "2", "101"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			arm(func() { spoil(t, dir) })
			_, err := l.Apply(t.Context(), anHourOn(c.m))
			spoil(t, dir)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.want)
			require.NotErrorIs(t, err, holdfast.ErrDamaged)
		})
	}
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.True(t, rep.OK(), "%+v", rep.Findings)
}

// A refold holds what it has come to, not the history that it has folded.
func TestARefoldKeepsNoHistory(t *testing.T) {
	const fills = 60_000
	o := ledgertest.Quiet()
	o.SegmentSize = 0
	o, arm := onStaging(o)
	l := ledgertest.Open(t, t.TempDir(), o)
	first := ledgertest.Fill("first", "A", "I", position.Buy, "1", "100")
	ledgertest.ApplyAll(t, l, []position.Mutation{first})
	for i := 0; i < fills; i += holdfast.MaxBatch {
		batch := make([]position.Mutation, holdfast.MaxBatch)
		for j := range batch {
			batch[j] = ledgertest.Fill("f"+strconv.Itoa(i+j), "A", "I", position.Buy, "1", "100")
		}
		_, err := l.ApplyBatch(t.Context(), batch)
		require.NoError(t, err)
	}
	before := ledgertest.Heap()
	var held int64
	arm(func() { held = int64(ledgertest.Heap()) - int64(before) })
	_, err := l.Apply(t.Context(), ledgertest.Bust("b", first))
	require.NoError(t, err)
	t.Logf("%d KiB held for %d fills when the stager comes to it", held>>10, fills)
	require.Less(t, held, int64(fills*64))
	p, _ := l.Position(first.Key)
	require.Equal(t, strconv.Itoa(fills), p.Qty.String())
}

// stalled is a context that stands still where it is asked, as a search does for
// each record, until it is let go.
type stalled struct {
	context.Context

	armed, reached *atomic.Bool
	gate           chan struct{}
}

func (s stalled) Err() error {
	if s.armed.Load() {
		s.reached.Store(true)
		<-s.gate
	}
	return s.Context.Err()
}

// A search that stands still holds up neither a fill nor the caller whose context
// ends. As many as may read ahead do; the next one waits for its turn, and so does
// one of the same key.
func TestASearchThatStandsStillHoldsUpNobody(t *testing.T) {
	const slots = 2
	o := ledgertest.Quiet()
	o.Window = 16
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, inOrder(ledgertest.RandomFills(1, 100)))
	gate := make(chan struct{})
	release := sync.OnceFunc(func() { close(gate) })
	defer release()
	var wg sync.WaitGroup
	errs := make([]error, slots)
	missing := func(account string) position.Mutation {
		return anHourOn(ledgertest.Bust("of "+account, ledgertest.Fill("nosuch", account, "I1", position.Buy, "1", "1")))
	}
	waits := func(m position.Mutation) {
		ctx, cancel := context.WithCancel(t.Context())
		given := make(chan error, 1)
		go func() {
			_, err := l.Apply(ctx, m)
			given <- err
		}()
		require.Eventually(t, l.WaitsToReadAhead, time.Minute, time.Millisecond)
		cancel()
		err := <-given
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	for i := range slots {
		ctx := stalled{t.Context(), new(atomic.Bool), new(atomic.Bool), gate}
		m := missing("A" + strconv.Itoa(i))
		wg.Go(func() {
			armed := stalledAfterBegin{stalled: ctx, asked: new(atomic.Bool)}
			_, errs[i] = l.Apply(armed, m)
		})
		require.Eventually(t, ctx.reached.Load, time.Minute, time.Millisecond)
		waits(missing("A0")) // the key that is read first
	}
	waits(missing("A2"))
	for range 3 {
		next := ledgertest.Fill("", "A0", "I1", position.Buy, "1", "1")
		next.Time = 0
		_, err := l.Apply(t.Context(), next)
		require.NoError(t, err)
	}
	_, err := l.Apply(t.Context(), anHourOn(ledgertest.Bust("same", ledgertest.Fill("f-99", "none", "I1", position.Buy, "1", "1"))))
	require.ErrorIs(t, err, holdfast.ErrUnknownFill, "no position: refused without reading")
	release()
	wg.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	}
}

// stalledAfterBegin stands still from the second question on: the first is whether
// the call may begin.
type stalledAfterBegin struct {
	stalled

	asked *atomic.Bool
}

func (s stalledAfterBegin) Err() error {
	if s.asked.Swap(true) {
		s.armed.Store(true)
	}
	return s.stalled.Err()
}

// TestLookThatIsLost busts a fill that is staged with it and never gets durable: the
// bust is not to blame, whatever its history looked like.
func TestLookThatIsLost(t *testing.T) {
	o, arm := onStaging(ledgertest.Quiet())
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("before", "A", "I", position.Buy, "1", "100")})
	staging, resume := make(chan struct{}), make(chan struct{})
	arm(func() {
		close(staging)
		<-resume
	})
	_, err := l.ApplyAsync(t.Context(), ledgertest.Fill("first", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	<-staging
	lost, err := l.ApplyAsync(t.Context(), ledgertest.Fill("lost", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	busted := make(chan error, 1)
	go func() {
		_, given := l.Apply(t.Context(), position.Bust{
			Meta: position.Meta{Ident: "bust"}, Key: position.Key{Account: "A", Instrument: "I"}, Fill: "lost",
		})
		busted <- given
	}()
	for l.Queued() < 2 {
		runtime.Gosched()
	}
	arm(func() { l.Break(errors.New("the disk is gone")) })
	last := ledgertest.Fill("last", "A", "I", position.Buy, "1", "100")
	last.Time = position.Time(time.Now().Add(time.Hour).UnixNano()) // so that the clock is read for it
	_, err = l.ApplyAsync(t.Context(), last)
	require.NoError(t, err)
	close(resume)
	_, err = lost.Wait(t.Context())
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	err = <-busted
	require.ErrorIs(t, err, holdfast.ErrFailed)
	require.NotErrorIs(t, err, holdfast.ErrInvalid)
}

// TestWaitingBustsHoldUpNoRequest has more busts wait for their turn than requests to
// apply are handled at once: a fill is applied beside them.
func TestWaitingBustsHoldUpNoRequest(t *testing.T) {
	s := ledgertest.StartServer(t, t.TempDir())
	o := ledgertest.Quiet()
	o.Window = 16
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, inOrder(ledgertest.RandomFills(1, 100)))
	ledgertest.CaughtUp(t, l)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	release := sync.OnceFunc(func() { close(gate) })
	defer release()
	for i := range 2 {
		ctx := stalled{t.Context(), new(atomic.Bool), new(atomic.Bool), gate}
		m := ledgertest.Bust("b"+strconv.Itoa(i), ledgertest.Fill("nosuch", "A"+strconv.Itoa(i), "I1", position.Buy, "1", "1"))
		wg.Go(func() {
			_, err := l.Apply(stalledAfterBegin{stalled: ctx, asked: new(atomic.Bool)}, anHourOn(m))
			if !errors.Is(err, holdfast.ErrUnknownFill) {
				t.Error(err)
			}
		})
		require.Eventually(t, ctx.reached.Load, time.Minute, time.Millisecond)
	}
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	for i := range 300 {
		body, merr := position.MarshalMutation(anHourOn(ledgertest.Bust("w"+strconv.Itoa(i), ledgertest.Fill("nosuch", "A2", "I1", position.Buy, "1", "1"))))
		require.NoError(t, merr)
		require.NoError(t, nc.PublishRequest(bus.RequestSubject("main", "apply"), nc.NewInbox(), body))
	}
	next := ledgertest.Fill("", "A0", "I1", position.Buy, "1", "1")
	next.Time = 0
	body, err := position.MarshalMutation(next)
	require.NoError(t, err)
	m, err := nc.Request(bus.RequestSubject("main", "apply"), body, time.Minute)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), `"duplicate":false`)
}

// overtaken is a context that does something the first time that somebody begins to
// wait with it: for the look, which is queued by then.
type overtaken struct {
	context.Context

	then func()
}

func (o overtaken) Done() <-chan struct{} {
	o.then()
	return o.Context.Done()
}

// TestABustThatItsFillOvertakes applies the fill between the look of its bust, which
// finds nothing to read, and the bust.
func TestABustThatItsFillOvertakes(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("before", "A", "I", position.Buy, "1", "100")})
	overtake := func(id string) (overtaken, position.Bust) {
		f := ledgertest.Fill(id, "A", "I", position.Buy, "1", "100")
		return overtaken{t.Context(), sync.OnceFunc(func() { ledgertest.ApplyAll(t, l, []position.Mutation{f}) })}, ledgertest.Bust("bust of "+id, f)
	}
	ctx, b := overtake("one")
	_, err := l.Apply(ctx, b)
	require.NoError(t, err)
	ctx, b = overtake("two")
	_, err = l.ApplyBatch(ctx, []position.Mutation{b, ledgertest.Fill("with it", "A", "J", position.Buy, "1", "100")})
	require.NoError(t, err)
	ctx, b = overtake("three")
	f, err := l.ApplyAsync(ctx, b)
	require.NoError(t, err)
	_, err = f.Wait(t.Context())
	require.ErrorIs(t, err, holdfast.ErrVersionConflict)
	_, err = l.Apply(t.Context(), b)
	require.NoError(t, err)
	p, _ := l.Position(b.Key)
	require.Equal(t, "1", p.Qty.String())
}

package service_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a hand-driven clock that advances by a millisecond per reading, so
// that record times differ and repeat from run to run.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

// quiet are the options of most tests: no automatic snapshots, small segments.
func quiet() holdfast.Options {
	return holdfast.Options{SnapshotInterval: -1, SegmentSize: 16 << 10, Now: newClock().Now}
}

func open(tb testing.TB, dir string, o holdfast.Options) *holdfast.Ledger {
	tb.Helper()
	l, err := holdfast.Open(tb.Context(), dir, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.Close()) })
	return l
}

func fill(id, account, instrument string, side position.Side, qty, price string) position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: id, Time: 1_700_000_000_000_000_000},
		Key:  position.Key{Account: account, Instrument: instrument},
		Side: side, Qty: position.MustParse(qty), Price: position.MustParse(price),
	}
}

// randomFills makes n fills over a few keys, some of which flip or close.
func randomFills(seed uint64, n int) []position.Mutation {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]position.Mutation, n)
	for i := range out {
		side := position.Buy
		if r.IntN(2) == 0 {
			side = position.Sell
		}
		f := fill("f-"+strconv.Itoa(i), "A"+strconv.Itoa(r.IntN(3)), "I"+strconv.Itoa(r.IntN(5)), side,
			strconv.Itoa(1+r.IntN(5)), fmt.Sprintf("%d.%02d", 90+r.IntN(20), r.IntN(100)))
		f.Fee = position.MustParse("0.01")
		out[i] = f
	}
	return out
}

func applyAll(tb testing.TB, l *holdfast.Ledger, ms []position.Mutation) (last uint64) {
	tb.Helper()
	futures := make([]*holdfast.Future, len(ms))
	for i, m := range ms {
		f, err := l.ApplyAsync(tb.Context(), m)
		require.NoError(tb, err)
		futures[i] = f
	}
	for _, f := range futures {
		r, err := f.Wait(tb.Context())
		require.NoError(tb, err)
		last = max(last, r.Last)
	}
	return last
}

// caughtUp waits until the stream holds every record.
func caughtUp(t *testing.T, l *holdfast.Ledger) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := l.Relay().Status()
		return s.Last == l.View().Seq()
	}, 60*time.Second, 5*time.Millisecond, "%+v", l.Relay().Status())
}

func request(t *testing.T, nc *nats.Conn, endpoint, body string) (reply []byte, code string) {
	t.Helper()
	m, err := nc.RequestWithContext(t.Context(), bus.RequestSubject("main", endpoint), []byte(body))
	require.NoError(t, err)
	return m.Data, m.Header.Get("Nats-Service-Error-Code")
}

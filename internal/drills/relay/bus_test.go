package relay_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

func TestStreamHoldsEveryRecordOnce(t *testing.T) {
	dir := scratch.Dir(t)
	o := ledgertest.Quiet()
	s := ledgertest.StartServer(t, dir)
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(5, 400)
	ledgertest.ApplyAll(t, l, ms[:200])
	ledgertest.CaughtUp(t, l)
	require.NoError(t, l.Close())

	// Records made while there is no bus are caught up later.
	l = ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ms[200:])
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, dir, o)
	ledgertest.CaughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	ledgertest.StreamEqualsJournal(t, nc, dir)

	// The request API answers on the same bus.
	reply, err := nc.RequestWithContext(t.Context(), "holdfast.api.v1.main.apply",
		[]byte(`{"type":"fill","id":"over-the-wire","account":"A","instrument":"W","side":"buy","qty":"1","price":"2"}`))
	require.NoError(t, err)
	require.Empty(t, reply.Header.Get("Nats-Service-Error"))
	p, ok := l.Position(position.Key{Account: "A", Instrument: "W"})
	require.True(t, ok)
	require.Equal(t, "1", p.Qty.String())
	reply, err = nc.RequestWithContext(t.Context(), "holdfast.api.v1.main.apply", []byte(`{"type":"fill","qty":"-1"}`))
	require.NoError(t, err)
	require.Equal(t, "400", reply.Header.Get("Nats-Service-Error-Code"))
}

func TestLostBusStoreIsRebuiltFromTheJournal(t *testing.T) {
	dir := scratch.Dir(t)
	o := ledgertest.Quiet()
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(dir, "nats"), Listen: "none", Ledger: "main"})
	require.NoError(t, err)
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(6, 300)
	ledgertest.ApplyAll(t, l, ms[:100])
	ledgertest.CaughtUp(t, l)
	require.NoError(t, l.Close())
	require.NoError(t, s.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "nats")))

	s = ledgertest.StartServer(t, dir)
	l = ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ms[100:])
	ledgertest.CaughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	ledgertest.StreamEqualsJournal(t, nc, dir)
}

func TestNoBusNeverHoldsUpAnAppend(t *testing.T) {
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) {
		<-ctx.Done() // a bus that never answers
		return nil, ctx.Err()
	}}
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(7, 200))
	require.Zero(t, l.Relay().Status().Last)
}

// Two ledgers of one name on one bus: the second must not answer for the first.
func TestLedgerOfAnotherLineageDoesNotServe(t *testing.T) {
	s := ledgertest.StartServer(t, scratch.Dir(t))
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	first := ledgertest.Open(t, t.TempDir(), o)
	_, err := first.Apply(t.Context(), ledgertest.Fill("a", "A", "I", position.Buy, "1", "1"))
	require.NoError(t, err)
	ledgertest.CaughtUp(t, first)

	o.Now = ledgertest.NewClock().Now
	second := ledgertest.Open(t, t.TempDir(), o)
	require.Eventually(t, func() bool { return second.Relay().Status().State == bus.StateStopped }, 60*time.Second, 5*time.Millisecond)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	refused := 0
	for i := range 40 {
		body := []byte(`{"type":"fill","id":"w-` + strconv.Itoa(i) + `","account":"A","instrument":"W","side":"buy","qty":"1","price":"2"}`)
		reply, err := nc.RequestWithContext(t.Context(), "holdfast.api.v1.main.apply", body)
		require.NoError(t, err)
		if reply.Header.Get("Nats-Service-Error-Code") == "503" {
			refused++
		}
	}
	require.Zero(t, second.View().Seq(), "nothing reached the other ledger")
	p, _ := first.Position(position.Key{Account: "A", Instrument: "W"})
	require.Equal(t, strconv.Itoa(40-refused), p.Qty.String())
}

// The limits of a stream are the options', also when it is made anew.
func TestStreamHasItsLimits(t *testing.T) {
	dir := scratch.Dir(t)
	s := ledgertest.StartServer(t, dir)
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, MaxAge: time.Hour, MaxBytes: 1 << 20}
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(5, 10))
	ledgertest.CaughtUp(t, l)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for range 2 {
		st, streamErr := js.Stream(t.Context(), bus.StreamName("main"))
		require.NoError(t, streamErr)
		require.Equal(t, time.Hour, st.CachedInfo().Config.MaxAge)
		require.EqualValues(t, 1<<20, st.CachedInfo().Config.MaxBytes)
		require.NoError(t, l.Relay().Rebuild(t.Context()))
		ledgertest.CaughtUp(t, l)
	}
}

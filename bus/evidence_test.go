package bus_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

func TestLastPublished(t *testing.T) {
	h := newHouse(t)
	o := h.quick()
	e, err := bus.LastPublished(t.Context(), o)
	require.NoError(t, err, "no stream is no error")
	require.Equal(t, bus.Evidence{Stream: bus.StreamName(testLedger)}, e)

	src := newSource(1)
	r, stop := run(t, src, o)
	until(t, r, "live", func(s bus.Status) bool { return s.State == bus.StateLive })
	e, err = bus.LastPublished(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, e.Seq, "an empty stream says nothing")
	src.add(25, 100)
	live(t, r, src)
	stop()
	e, err = bus.LastPublished(t.Context(), o)
	require.NoError(t, err)
	want, _ := src.get(25)
	require.Equal(t, bus.Evidence{Stream: bus.StreamName(testLedger), Seq: 25, Epoch: 1, Chain: want.Chain}, e)

	foreign := o
	foreign.Lineage = "another"
	e, err = bus.LastPublished(t.Context(), foreign)
	require.ErrorContains(t, err, "belongs to lineage")
	require.Zero(t, e.Seq)

	require.NoError(t, h.stream().Purge(t.Context()))
	e, err = bus.LastPublished(t.Context(), o)
	require.NoError(t, err)
	require.Zero(t, e.Seq, "what was purged is no evidence any more")
}

// The stream says that it is ours, its last message does not.
func TestLastPublishedOfAForeignMessage(t *testing.T) {
	for name, headers := range map[string]nats.Header{
		"none":             nil,
		"another lineage":  {"Holdfast-Id": {"x:1"}, "Holdfast-Seq": {"1"}, "Holdfast-Epoch": {"1"}, "Holdfast-Chain": {chainText()}},
		"another seq":      {"Holdfast-Id": {testLineage + ":1"}, "Holdfast-Seq": {"2"}, "Holdfast-Epoch": {"1"}, "Holdfast-Chain": {chainText()}},
		"no epoch":         {"Holdfast-Id": {testLineage + ":1"}, "Holdfast-Seq": {"1"}, "Holdfast-Chain": {chainText()}},
		"half a chain":     {"Holdfast-Id": {testLineage + ":1"}, "Holdfast-Seq": {"1"}, "Holdfast-Epoch": {"1"}, "Holdfast-Chain": {chainText()[2:]}},
		"more than chain":  {"Holdfast-Id": {testLineage + ":1"}, "Holdfast-Seq": {"1"}, "Holdfast-Epoch": {"1"}, "Holdfast-Chain": {chainText() + "00"}},
		"no hex for chain": {"Holdfast-Id": {testLineage + ":1"}, "Holdfast-Seq": {"1"}, "Holdfast-Epoch": {"1"}, "Holdfast-Chain": {"zz" + chainText()[2:]}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.js().CreateStream(t.Context(), jetstream.StreamConfig{
				Name: bus.StreamName(testLedger), Subjects: []string{bus.EventFilter(testLedger)},
				Metadata: map[string]string{"holdfast-lineage": testLineage},
			})
			require.NoError(t, err)
			_, err = h.js().PublishMsg(t.Context(), &nats.Msg{Subject: bus.EventSubject(testLedger, "x", "", ""), Header: headers})
			require.NoError(t, err)
			e, err := bus.LastPublished(t.Context(), h.quick())
			require.Error(t, err)
			require.Zero(t, e.Seq)
		})
	}
}

func chainText() string { return "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" }

// A bus that is down, that accepts and says nothing, or a Connect that does not
// look at its context, costs the time that the caller gives and no more.
func TestLastPublishedGivesUp(t *testing.T) {
	o := bus.Options{Ledger: testLedger, Lineage: testLineage}
	down := errors.New("down")
	o.Connect = func(context.Context) (*nats.Conn, error) { return nil, down }
	_, err := bus.LastPublished(t.Context(), o)
	require.ErrorIs(t, err, down)

	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	ended := make(chan struct{})
	o.Connect = func(context.Context) (*nats.Conn, error) { // does not look at its context
		defer close(ended)
		return nats.Connect("nats://"+silent.Addr().String(), nats.Timeout(200*time.Millisecond))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = bus.LastPublished(ctx, o)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-ended
}

// A connection that comes when nobody waits any more is closed.
func TestLastPublishedClosesALateConnection(t *testing.T) {
	h := newHouse(t)
	o := h.quick()
	ctx, cancel := context.WithCancel(t.Context())
	late := make(chan *nats.Conn, 1)
	o.Connect = func(context.Context) (*nats.Conn, error) {
		cancel()
		nc, err := h.connect(context.Background())
		late <- nc
		return nc, err
	}
	_, err := bus.LastPublished(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	nc := <-late
	require.Eventually(t, nc.IsClosed, patience, time.Millisecond)
}

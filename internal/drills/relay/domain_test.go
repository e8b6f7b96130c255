package relay_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

// inDomain starts a server that has a JetStream domain of its own.
func inDomain(t *testing.T, domain string, leaf server.LeafNodeOpts) (*server.Server, *server.Options) {
	t.Helper()
	o := &server.Options{
		ServerName: domain, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, JetStreamDomain: domain, StoreDir: scratch.Dir(t), LeafNode: leaf,
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(time.Minute))
	return s, o
}

func dialer(s *server.Server) func(context.Context) (*nats.Conn, error) {
	return func(context.Context) (*nats.Conn, error) {
		return nats.Connect("", append(bus.ConnectOptions("test", nil), nats.InProcessServer(s))...)
	}
}

// An engine dials the server beside it, which is a leaf of another: relay, evidence
// and followers find the stream in the domain that they are told.
func TestBusInAnotherDomain(t *testing.T) {
	hub, o := inDomain(t, "hub", server.LeafNodeOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT})
	remote, err := url.Parse(fmt.Sprintf("nats://127.0.0.1:%d", o.LeafNode.Port))
	require.NoError(t, err)
	edge, _ := inDomain(t, "edge", server.LeafNodeOpts{Remotes: []*server.RemoteLeafOpts{{URLs: []*url.URL{remote}}}})
	require.Eventually(t, func() bool { return hub.NumLeafNodes() == 1 }, time.Minute, time.Millisecond)

	dir := scratch.Dir(t)
	lo := ledgertest.Quiet()
	lo.SegmentSize = 0
	lo.Bus = &holdfast.BusOptions{Connect: dialer(edge), Domain: "hub"}
	l := ledgertest.Open(t, dir, lo)
	mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(7, 50))
	ledgertest.CaughtUp(t, l)
	last := l.View().Seq()
	nc, err := dialer(edge)(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	next := uint64(1)
	for e, err := range bus.FollowIn(t.Context(), nc, "hub", "main", 1) {
		require.NoError(t, err)
		require.Equal(t, next, e.Seq)
		if next++; next > last {
			break
		}
	}
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.Stream(t.Context(), bus.StreamName("main"))
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound, "the leaf's own JetStream has none")
	require.NoError(t, l.Close())

	// Of a ledger whose end was lost without a trace, the stream over there knows it.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600))
	info, err := os.Stat(ledgertest.FirstSegment(dir))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(ledgertest.FirstSegment(dir), info.Size()-1000))
	_, err = holdfast.Open(t.Context(), dir, lo)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.ErrorContains(t, err, "the bus says so")
}

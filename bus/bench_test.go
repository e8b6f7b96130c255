package bus_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// BenchmarkRelay feeds a backlog of bodies as long as a fill's to a server and
// reports messages per second, beside those of the fastest raw publisher of the same
// messages to the same server: the embedded one, and one of its own over TCP that is
// configured as servers are.
func BenchmarkRelay(b *testing.B) {
	b.Run("backlog/embedded", func(b *testing.B) {
		benchmarkBacklog(b, benchmarkServer(b).Connect, bus.EmbeddedBatch)
	})
	b.Run("backlog/tcp", func(b *testing.B) {
		benchmarkBacklog(b, newPlainHouse(b).connect, 0)
	})
	b.Run("live", benchmarkLive)
}

// benchmarkBody is how long the JSON of a fill is.
const benchmarkBody = 1400

func benchmarkServer(b *testing.B) *embedded.Server {
	b.Helper()
	server, err := embedded.Start(embedded.Options{Dir: scratch.Dir(b), Ledger: testLedger, Listen: embedded.NoListen})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Close()) })
	return server
}

// benchmarkBacklog takes turns with the fastest raw publisher.
func benchmarkBacklog(b *testing.B, connect func(context.Context) (*nats.Conn, error), largestBatch int) {
	b.Helper()
	const pairs = 5
	src := newSource(1)
	src.add(b.N, benchmarkBody)
	relayed(b, src, connect)
	if b.N < 1000 {
		return // a first try
	}
	nc, err := connect(b.Context())
	require.NoError(b, err)
	defer nc.Close()
	raw, err := yardstick.ReadStream(b.Context(), nc, bus.StreamName(testLedger))
	require.NoError(b, err)
	form, err := raw.Fastest(b.Context(), yardstick.Forms(largestBatch))
	require.NoError(b, err)
	ratios, rates := make([]float64, pairs), make([]float64, pairs)
	for i := range pairs {
		theirs, err := raw.Publish(b.Context(), form)
		require.NoError(b, err)
		require.NoError(b, raw.Remove(b.Context()))
		ours := relayed(b, src, connect)
		ratios[i], rates[i] = theirs.Seconds()/ours.Seconds(), float64(b.N)/ours.Seconds()
	}
	slices.Sort(ratios)
	slices.Sort(rates)
	b.Logf("%d messages beside %s: ratios %.2f", b.N, form.Name, ratios)
	b.ReportMetric(ratios[pairs/2], "of-raw")
	b.ReportMetric(rates[pairs/2], "msgs/s")
	b.ReportMetric(0, "ns/op")
}

// relayed returns how long a relay takes to bring a source to an empty stream.
func relayed(b *testing.B, src *memSource, connect func(context.Context) (*nats.Conn, error)) time.Duration {
	b.Helper()
	_, last := src.Bounds()
	src.asked = make(chan uint64)
	r := bus.NewRelay(src, bus.Options{Ledger: testLedger, Lineage: testLineage, Connect: connect})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- r.Run(ctx) }()
	for after := range src.asked { // the relay waits for more: it has published all
		if after == last {
			break
		}
	}
	took := time.Since(began)
	cancel()
	require.ErrorIs(b, <-done, context.Canceled)
	return took
}

// benchmarkLive measures the way of one event from the journal to the stream
// when the relay has nothing else to do.
func benchmarkLive(b *testing.B) {
	src := newSource(1)
	src.asked = make(chan uint64)
	r := bus.NewRelay(src, bus.Options{Ledger: testLedger, Lineage: testLineage, Connect: benchmarkServer(b).Connect})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	<-src.asked
	b.ResetTimer()
	for range b.N {
		src.add(1, 600)
		for after := range src.asked {
			if _, last := src.Bounds(); after == last {
				break
			}
		}
	}
	b.StopTimer()
	cancel()
	require.ErrorIs(b, <-done, context.Canceled)
}

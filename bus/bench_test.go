package bus_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

// BenchmarkRelay feeds a backlog of 600-byte bodies to an embedded server and
// reports messages per second, for the batch that every server takes and for
// the one that ours takes.
func BenchmarkRelay(b *testing.B) {
	for _, batch := range []int{1000, bus.EmbeddedBatch} {
		b.Run(fmt.Sprintf("backlog/batch=%d", batch), func(b *testing.B) {
			benchmarkBacklog(b, batch)
		})
	}
	b.Run("live", benchmarkLive)
}

func benchmarkServer(b *testing.B) *embedded.Server {
	b.Helper()
	server, err := embedded.Start(embedded.Options{Dir: scratch.Dir(b), Ledger: testLedger, Listen: embedded.NoListen})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, server.Close()) })
	return server
}

func benchmarkBacklog(b *testing.B, batch int) {
	b.Helper()
	src := newSource(1)
	src.add(b.N, 600)
	src.asked = make(chan uint64)
	r := bus.NewRelay(src, bus.Options{
		Ledger: testLedger, Lineage: testLineage, Connect: benchmarkServer(b).Connect, BatchCount: batch,
	})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	b.SetBytes(600)
	b.ResetTimer()
	start := time.Now()
	go func() { done <- r.Run(ctx) }()
	for after := range src.asked { // the relay waits for more: it has published all
		if after == uint64(b.N) {
			break
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "msgs/s")
	b.StopTimer()
	cancel()
	require.ErrorIs(b, <-done, context.Canceled)
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

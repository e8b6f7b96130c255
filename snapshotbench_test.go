package holdfast_test

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// held is how many open positions the snapshots of the benchmarks hold.
const held = 1_000_000

// plain are options without snapshots that nobody asks for.
func plain() holdfast.Options {
	return holdfast.Options{SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

// BenchmarkOpenSnapshot opens a ledger of a million open positions whose snapshot
// stands at the journal's end, and reports the processor time and the largest heap.
func BenchmarkOpenSnapshot(b *testing.B) {
	dir := b.TempDir()
	l, err := holdfast.Open(b.Context(), dir, plain())
	require.NoError(b, err)
	require.NoError(b, yardstick.Hold(b.Context(), l, held))
	s, err := l.Snapshot(b.Context())
	require.NoError(b, err)
	require.NoError(b, l.Close())
	var used, peak, live float64
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		top := peakHeap()
		b.StartTimer()
		before := yardstick.CPU()
		l, err := holdfast.Open(b.Context(), dir, plain())
		used += (yardstick.CPU() - before).Seconds()
		b.StopTimer()
		peak = max(peak, top())
		require.NoError(b, err)
		runtime.GC()
		live = heapObjects()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
	b.ReportMetric(used/float64(b.N), "cpu-s/op")
	b.ReportMetric(peak/1e6, "peak-MB")
	b.ReportMetric(live/1e6, "live-MB")
	b.ReportMetric(float64(s.Size)/1e6, "file-MB")
}

// BenchmarkBesideSnapshot gives a ledger of a million open positions fills by 64
// callers, in turns without and with a snapshot being made, and reports the ratios.
func BenchmarkBesideSnapshot(b *testing.B) {
	l, err := holdfast.Open(b.Context(), b.TempDir(), plain())
	require.NoError(b, err)
	defer func() { require.NoError(b, l.Close()) }()
	require.NoError(b, yardstick.Hold(b.Context(), l, held))
	rounds, err := yardstick.BesideSnapshot(b.Context(), l, max(b.N, 3), 64)
	require.NoError(b, err)
	for _, r := range rounds {
		b.Log(r)
	}
	m := yardstick.MedianOf(rounds)
	b.ReportMetric(float64(m.P50)/100, "p50-ratio")
	b.ReportMetric(float64(m.P99)/100, "p99-ratio")
	b.ReportMetric(float64(m.P999)/100, "p99.9-ratio")
	b.ReportMetric(m.Took.Seconds(), "snapshot-s")
}

// heapObjects is the heap in bytes, dead objects that were not swept yet included.
func heapObjects() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}

// peakHeap looks at the heap until the function that it returns is called, and that
// gives the most it has seen.
func peakHeap() func() float64 {
	ctx, stop := context.WithCancel(context.Background())
	var top float64
	var wg sync.WaitGroup
	wg.Go(func() {
		for t := time.NewTicker(2 * time.Millisecond); ctx.Err() == nil; <-t.C {
			top = max(top, heapObjects())
		}
	})
	return func() float64 {
		stop()
		wg.Wait()
		return top
	}
}

package holdfast_test

import (
	"fmt"
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

// benchFill is the i-th fill over 10,000 positions.
func benchFill(i int) position.Fill {
	side := position.Buy
	if i%3 == 1 {
		side = position.Sell
	}
	return position.Fill{
		Meta: position.Meta{Ident: "bench-" + strconv.Itoa(i), Time: position.Time(1_700_000_000_000_000_000 + int64(i))},
		Key:  position.Key{Account: "A" + strconv.Itoa(i%100), Instrument: "I" + strconv.Itoa(i/100%100)},
		Side: side, Qty: position.FromInt(int64(1 + i%7)), Price: position.FromInt(int64(100 + i%11)),
		Fee: position.MustParse("0.0125"),
	}
}

// BenchmarkApply is the whole ledger, durable on return, by number of callers.
// `holdfast bench` sets it beside a raw append+fdatasync loop in one run.
func BenchmarkApply(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			l := ledgertest.Open(b, b.TempDir(), holdfast.Options{SnapshotInterval: -1})
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for {
						i := int(next.Add(1))
						if i > b.N {
							return
						}
						if _, err := l.Apply(b.Context(), benchFill(i)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fills/s")
		})
	}
}

// BenchmarkOpen is recovery at open, everything included, from changes over
// 10,000 positions.
func BenchmarkOpen(b *testing.B) {
	const changes = 1_000_000
	dir := b.TempDir()
	l, err := holdfast.Open(b.Context(), dir, holdfast.Options{SnapshotInterval: -1})
	require.NoError(b, err)
	ms := make([]position.Mutation, changes)
	for i := range ms {
		ms[i] = benchFill(i)
	}
	ledgertest.ApplyAll(b, l, ms)
	require.NoError(b, l.Close())
	b.ResetTimer()
	for range b.N {
		l, err := holdfast.Open(b.Context(), dir, holdfast.Options{SnapshotInterval: -1})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(changes)*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkBust busts fills of a long journal while another caller appends one
// fill after the other. It reports the longest that the other had to wait.
func BenchmarkBust(b *testing.B) {
	const records = 200_000
	o := ledgertest.Quiet()
	o.SegmentSize, o.Now = 0, time.Now
	l := ledgertest.Open(b, b.TempDir(), o)
	var all, victims []position.Mutation
	for i := range records {
		f := ledgertest.Fill(fmt.Sprintf("f%d", i), fmt.Sprintf("A%d", i%200), "I", position.Buy, "1", "100")
		all = append(all, f)
		if i%997 == 0 {
			victims = append(victims, ledgertest.Bust("b-"+f.Ident, f))
		}
	}
	ledgertest.ApplyAll(b, l, all)
	var done atomic.Bool
	var longest atomic.Int64
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; !done.Load(); i++ {
			began := time.Now()
			if _, err := l.Apply(b.Context(), ledgertest.Fill(fmt.Sprintf("other%d", i), "other", "J", position.Buy, "1", "100")); err != nil {
				b.Error(err)
				return
			}
			longest.Store(max(longest.Load(), int64(time.Since(began))))
		}
	}()
	i := 0
	for b.Loop() {
		_, err := l.Apply(b.Context(), victims[i%len(victims)])
		require.NoError(b, err)
		i++
	}
	done.Store(true)
	<-stopped
	b.ReportMetric(float64(longest.Load())/1e6, "longest-wait-ms")
}

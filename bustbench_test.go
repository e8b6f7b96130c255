package holdfast_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

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

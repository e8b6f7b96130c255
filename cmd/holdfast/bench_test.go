package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkBesideRaw is the comparison of `holdfast bench` for go test: the whole
// ledger beside a raw append and fdatasync of the same bytes with the same
// gathering, ten interleaved pairs. ratio is the median of the pairs' ratios.
func BenchmarkBesideRaw(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			run := &bench{app: &app{log: slog.New(slog.DiscardHandler), stderr: b.Output(), quiet: true}, dir: b.TempDir(), length: 300 * time.Millisecond}
			var row callersRow
			for range b.N {
				rows, err := run.compare(b.Context(), []int{callers}, 10)
				require.NoError(b, err)
				row = rows[0]
			}
			ratio, err := strconv.ParseFloat(row.Ratio.String(), 64)
			require.NoError(b, err)
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(float64(row.Ledger.Rate), "fills/s")
			b.ReportMetric(float64(row.Ledger.P50)/1e3, "p50-µs")
			b.ReportMetric(float64(row.Ledger.P99)/1e3, "p99-µs")
			b.ReportMetric(float64(row.Ledger.P999)/1e3, "p99.9-µs")
			b.ReportMetric(float64(row.Raw.P50)/1e3, "raw-p50-µs")
			b.ReportMetric(float64(row.Raw.P99)/1e3, "raw-p99-µs")
		})
	}
}

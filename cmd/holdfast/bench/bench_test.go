package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/bench"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

// tiny measures everything there is, of next to nothing.
func tiny(tb testing.TB) bench.Options {
	tb.Helper()
	return bench.Options{
		Dir: tb.TempDir(), Callers: []int{1, 8, 64, 256}, Pairs: 2, Length: 10 * time.Millisecond, Seed: 3,
		Steps: 600, Recover: 500, Snapshot: 700, RelayHere: true, Requests: true,
		Logger: slog.New(slog.DiscardHandler), Note: tb.Logf,
	}
}

func TestEveryRowIsMeasured(t *testing.T) {
	rep, err := bench.Run(t.Context(), tiny(t))
	require.NoError(t, err)
	require.Len(t, rep.Rows, 15)
	for _, r := range rep.Rows {
		if r.Needs == bench.NeedsPeers {
			require.Equal(t, bench.Unmeasured, r.Verdict, r.Name)
			continue
		}
		require.Empty(t, r.Needs, r.Name)
		require.Positive(t, r.Runs, r.Name)
		low, mid, high := thousandths(t, r.Min), thousandths(t, r.Median), thousandths(t, r.Max)
		require.Positive(t, high, r.Name)
		require.LessOrEqual(t, low, mid, r.Name)
		require.LessOrEqual(t, mid, high, r.Name)
		must, stretch := thousandths(t, r.Must), thousandths(t, r.Stretch)
		require.Equal(t, r.Better == "higher", stretch > must, r.Name)
		as := func(target int64) bool {
			return (r.Better == "higher" && mid >= target) || (r.Better == "lower" && mid <= target)
		}
		switch {
		case r.Of > 0:
			require.Equal(t, bench.Smaller, r.Verdict, r.Name)
		case as(stretch):
			require.Equal(t, bench.Stretch, r.Verdict, r.Name)
		case as(must):
			require.Equal(t, bench.Met, r.Verdict, r.Name)
		case rep.Processors < r.Cores:
			require.Equal(t, bench.Cores, r.Verdict, r.Name)
		default:
			require.Equal(t, bench.Missed, r.Verdict, r.Name)
		}
	}
	require.Len(t, rep.Apply, 4)
	require.Greater(t, rep.Bytes, int64(200))
	require.Positive(t, rep.Apply[3].Ledger.CPU)
	require.Positive(t, rep.Apply[3].Ledger.Allocated)
	require.Positive(t, rep.Harness.CPU)
	require.NotEmpty(t, rep.Parts.Parts)
	require.Len(t, rep.Steps, 5)
	require.GreaterOrEqual(t, rep.Recover.Changes, uint64(500))
	require.EqualValues(t, 700, rep.Snapshot.Positions)
	require.Positive(t, rep.Snapshot.Open.CPU)
	require.GreaterOrEqual(t, rep.Relay.Messages, 600)
	require.Positive(t, rep.Requests.Echo.Rate)
	sameMembers(t, rep)

	var table bytes.Buffer
	require.NoError(t, rep.Print(&table, render.AsTable))
	for line := range strings.Lines(table.String()) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 100, line)
	}
}

func thousandths(t *testing.T, n json.Number) int64 {
	t.Helper()
	whole, part, _ := strings.Cut(n.String(), ".")
	v, err := strconv.ParseInt(whole+(part + "000")[:3], 10, 64)
	require.NoError(t, err)
	return v
}

// sameMembers checks that what programs read of a report is there whether or not it
// was measured.
func sameMembers(t *testing.T, measured *bench.Report) {
	t.Helper()
	nothing, err := bench.Run(t.Context(), bench.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	var shapes []string
	for _, rep := range []*bench.Report{measured, nothing} {
		raw, err := json.Marshal(rep)
		require.NoError(t, err)
		var top map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(raw, &top))
		var rows []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(top["rows"], &rows))
		shapes = append(shapes, fmt.Sprint(names(top), len(rows), names(rows[0])))
	}
	require.Equal(t, shapes[0], shapes[1])
}

func names(m map[string]json.RawMessage) map[string]bool {
	out := map[string]bool{}
	for name := range m {
		out[name] = true
	}
	return out
}

// BenchmarkBesideRaw is the comparison of `holdfast bench` for go test: the whole
// ledger beside a raw append and fdatasync of the same bytes with the same gathering,
// ten interleaved pairs. ratio is the median of the pairs' ratios.
func BenchmarkBesideRaw(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var row bench.CallersRow
			for range b.N {
				rep, err := bench.Run(b.Context(), bench.Options{
					Dir: b.TempDir(), Callers: []int{callers}, Pairs: 10, Length: 300 * time.Millisecond, Seed: 1,
					Logger: slog.New(slog.DiscardHandler), Note: b.Logf,
				})
				require.NoError(b, err)
				row = rep.Apply[0]
			}
			ratio, err := strconv.ParseFloat(row.Ratio.String(), 64)
			require.NoError(b, err)
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(float64(row.Ledger.Rate), "fills/s")
			b.ReportMetric(float64(row.Ledger.CPU)/1e3, "cpu-µs/fill")
			b.ReportMetric(float64(row.Ledger.P50)/1e3, "p50-µs")
			b.ReportMetric(float64(row.Ledger.P99)/1e3, "p99-µs")
			b.ReportMetric(float64(row.Ledger.P999)/1e3, "p99.9-µs")
			b.ReportMetric(float64(row.Raw.P50)/1e3, "raw-p50-µs")
			b.ReportMetric(float64(row.Raw.P99)/1e3, "raw-p99-µs")
		})
	}
}

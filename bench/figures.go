package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/internal/yardstick"
)

type series []yardstick.Figures

// median returns the middle of what pick finds in the series.
func median[T cmp.Ordered](s series, pick func(*yardstick.Figures) T) T {
	var all []T
	for i := range s {
		all = append(all, pick(&s[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func rate(f *yardstick.Figures) float64 { return float64(f.Rate) }

func half(f *yardstick.Figures) float64 { return float64(f.P50) }

// ratios divides round by round, so that what disturbed a round disturbs both.
func ratios(s, base series, pick func(*yardstick.Figures) float64) (low, mid, high float64) {
	var all []float64
	for i := range s {
		all = append(all, pick(&s[i])/pick(&base[i]))
	}
	slices.Sort(all)
	return all[0], all[len(all)/2], all[len(all)-1]
}

func table(w io.Writer, callers int, rows []peer, results []series) error {
	fmt.Fprintf(w, "\n### %d callers\n\n", callers)
	fmt.Fprintln(w, "| store | appends/s | min-max | / raw | min-max | p50 µs | / raw | p99 µs | p99.9 µs | how |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
	us := func(s series, pick func(*yardstick.Figures) time.Duration) string {
		return fmt.Sprintf("%.0f", float64(median(s, pick))/1e3)
	}
	for i, p := range rows {
		s := results[i]
		least := slices.MinFunc(s, func(a, b yardstick.Figures) int { return cmp.Compare(a.Rate, b.Rate) })
		most := slices.MaxFunc(s, func(a, b yardstick.Figures) int { return cmp.Compare(a.Rate, b.Rate) })
		low, mid, high := ratios(s, results[0], rate)
		_, typical, _ := ratios(s, results[0], half)
		_, err := fmt.Fprintf(w, "| %s | %.0f | %d-%d | %.2f | %.2f-%.2f | %s | %.2f | %s | %s | %s |\n", p.name, median(s, rate),
			least.Rate, most.Rate, mid, low, high, us(s, func(f *yardstick.Figures) time.Duration { return f.P50 }), typical,
			us(s, func(f *yardstick.Figures) time.Duration { return f.P99 }), us(s, func(f *yardstick.Figures) time.Duration { return f.P999 }), p.what)
		if err != nil {
			return err
		}
	}
	return nil
}

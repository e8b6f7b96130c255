package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// figures are those of one measurement.
type figures struct {
	rate           float64 // per second
	p50, p99, p999 time.Duration
}

type series []figures

// drive lets callers call op for a while, each one after its last returned.
func drive(callers int, length time.Duration, op func() error) (figures, error) {
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	times := make([][]time.Duration, callers)
	began := time.Now()
	for i := range callers {
		wg.Go(func() {
			for last := began; last.Sub(began) < length && failed.Load() == nil; {
				if err := op(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				now := time.Now()
				times[i] = append(times[i], now.Sub(last))
				last = now
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if p := failed.Load(); p != nil {
		return figures{}, *p
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	return figures{
		rate: float64(len(all)) / took.Seconds(),
		p50:  all[len(all)/2], p99: all[len(all)*99/100], p999: all[len(all)*999/1000],
	}, nil
}

// median returns the middle of what pick finds in the series.
func median[T cmp.Ordered](s series, pick func(*figures) T) T {
	var all []T
	for i := range s {
		all = append(all, pick(&s[i]))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func rate(f *figures) float64 { return f.rate }

func half(f *figures) float64 { return float64(f.p50) }

// ratios divides round by round, so that what disturbed a round disturbs both.
func ratios(s, base series, pick func(*figures) float64) (low, mid, high float64) {
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
	us := func(s series, pick func(*figures) time.Duration) string {
		return fmt.Sprintf("%.0f", float64(median(s, pick))/1e3)
	}
	for i, p := range rows {
		s := results[i]
		least := slices.MinFunc(s, func(a, b figures) int { return cmp.Compare(a.rate, b.rate) })
		most := slices.MaxFunc(s, func(a, b figures) int { return cmp.Compare(a.rate, b.rate) })
		low, mid, high := ratios(s, results[0], rate)
		_, typical, _ := ratios(s, results[0], half)
		_, err := fmt.Fprintf(w, "| %s | %.0f | %.0f-%.0f | %.2f | %.2f-%.2f | %s | %.2f | %s | %s | %s |\n", p.name, median(s, rate),
			least.rate, most.rate, mid, low, high, us(s, func(f *figures) time.Duration { return f.p50 }), typical,
			us(s, func(f *figures) time.Duration { return f.p99 }), us(s, func(f *figures) time.Duration { return f.p999 }), p.what)
		if err != nil {
			return err
		}
	}
	return nil
}

package bench

import (
	"encoding/json"
	"fmt"
	"slices"
)

// thousandths is a figure in thousandths of its unit.
type thousandths int64

// number is the figure for JSON.
func (t thousandths) number() json.Number {
	sign := ""
	if t < 0 {
		sign, t = "-", -t
	}
	return json.Number(fmt.Sprintf("%s%d.%03d", sign, t/1000, t%1000))
}

// ratio divides two measured figures.
func ratio(a, b int64) thousandths { return thousandths(a * 1000 / max(b, 1)) }

// spread is what several runs gave.
type spread struct {
	runs           int
	low, mid, high thousandths
}

// spreadOf returns the median of the runs and their extremes. There is one at
// least.
func spreadOf(runs []thousandths) spread {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return spread{runs: n, low: sorted[0], mid: (sorted[(n-1)/2] + sorted[n/2]) / 2, high: sorted[n-1]}
}

// median is the middle of a list that is not empty.
func median(list []int64) int64 {
	sorted := slices.Sorted(slices.Values(list))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// each is what get makes of each of a list.
func each[T, R any](list []T, get func(*T) R) []R {
	out := make([]R, len(list))
	for i := range list {
		out[i] = get(&list[i])
	}
	return out
}

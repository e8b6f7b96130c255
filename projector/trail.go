package projector

import (
	"sort"

	"github.com/moneyprinter/holdfast/position"
)

// trail is the marks of an instrument as far as they can still be the highest or
// the lowest since some record. An image holds the extremes up to its own record,
// so what a replay needs beside the last image of a position is the extremes of
// the marks behind it: no mark has to look at the positions that it moves.
type trail struct {
	highs []tick // prices descending, seqs ascending
	lows  []tick // prices ascending, seqs ascending
}

type tick struct {
	seq   uint64
	price position.Decimal
}

func (t *trail) add(seq uint64, price position.Decimal) {
	for n := len(t.highs); n > 0 && t.highs[n-1].price.Cmp(price) <= 0; n-- {
		t.highs = t.highs[:n-1]
	}
	for n := len(t.lows); n > 0 && t.lows[n-1].price.Cmp(price) >= 0; n-- {
		t.lows = t.lows[:n-1]
	}
	t.highs = append(t.highs, tick{seq, price})
	t.lows = append(t.lows, tick{seq, price})
}

// behind returns the highest and the lowest mark behind a record, if there is one.
func (t *trail) behind(seq uint64) (extremes, bool) {
	high, some := first(t.highs, seq)
	low, _ := first(t.lows, seq)
	return extremes{high: high, low: low}, some
}

// first returns the price of the first tick behind a record.
func first(ticks []tick, seq uint64) (position.Decimal, bool) {
	i := sort.Search(len(ticks), func(i int) bool { return ticks[i].seq > seq })
	if i == len(ticks) {
		return position.Decimal{}, false
	}
	return ticks[i].price, true
}

package position_test

import (
	"iter"
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// What the states of these tests have in common. The one checks every change as it
// is taken, the other is small enough for benchmarks.

// openPositions yields the open positions of an instrument in the order of the keys.
func openPositions(all map[position.Key]*position.Position, instrument string) iter.Seq[*position.Position] {
	keys := slices.SortedFunc(maps.Keys(all), position.Key.Compare)
	return func(yield func(*position.Position) bool) {
		for _, k := range keys {
			if p := all[k]; k.Instrument == instrument && p.IsOpen() && !yield(p) {
				return
			}
		}
	}
}

// takeMark does what a record of a mark stands for: the instrument has the price,
// and the extremes of its open positions move.
func takeMark(all map[position.Key]*position.Position, instruments map[string]*position.Instrument, terms *position.Terms, m position.Mark) {
	in := position.Instrument{Name: m.Instrument, Terms: terms}
	if old := instruments[m.Instrument]; old != nil {
		in = *old
	}
	in.Mark, in.MarkTime = m.Price, m.Time
	instruments[m.Instrument] = &in
	for k, p := range all {
		if k.Instrument != m.Instrument || !p.IsOpen() {
			continue
		}
		n := *p
		if m.Price.Cmp(n.High) > 0 {
			n.High = m.Price
		}
		if m.Price.Cmp(n.Low) < 0 {
			n.Low = m.Price
		}
		all[k] = &n
	}
}

package checkpoint

import "slices"

// Points are spaced by their distance to the newest record: the next older one
// stands farther away by a fixed share, at least by one. A share is one part of
// spacing; the finest that keeps to the limit is taken. With spacing 1 distances
// double, so that 64 points reach over any history.
const finest = 1 << 20

// Spaced returns the seqs from first on and before head at which a checkpoint at
// head has earlier points, ascending: all of them, or MaxEarlier at most, the
// closer, the newer.
func Spaced(first, head uint64) []uint64 {
	if first >= head {
		return nil
	}
	far := head - first
	for spacing := uint64(finest); ; spacing /= 2 {
		var out []uint64
		for d := uint64(1); len(out) <= MaxEarlier; {
			out = append(out, head-d)
			step := farther(d, spacing)
			if far-d < step {
				break
			}
			d += step
		}
		if len(out) <= MaxEarlier {
			slices.Reverse(out)
			return out
		}
	}
}

// farther is how much farther away than d the next point stands at least.
func farther(d, spacing uint64) uint64 { return max(d/spacing, 1) }

// Thin returns which of some ascending places before head to keep so that they
// are at most limit, 64 or more, the closer, the newer. Of two that are too close
// the older one stays: the other way round, places that grow old together would
// all be dropped in turn.
func Thin[P any](places []P, seq func(P) uint64, head uint64, limit int) []P {
	if len(places) <= limit {
		return places
	}
	for spacing := uint64(finest); ; spacing /= 2 {
		out := places[:1:1]
		for _, p := range places[1:] {
			if d := head - seq(p); seq(p)-seq(out[len(out)-1]) >= farther(d, spacing) {
				out = append(out, p)
			}
		}
		if len(out) <= limit || spacing == 1 {
			return out[:min(len(out), limit)]
		}
	}
}

package projector

import (
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// warmed bounds how many mutations Warm looks at.
const warmed = 16

// Warm reads what staging these fills is going to read, for all of them at once,
// so that the processor waits for its memory once: fill after fill, each would
// wait for its own. It changes nothing but the time that staging takes, and looks
// at the first 16. It is the writer's, who knows what it stages next; Stage does it
// for the members of a batch.
func (b *Book) Warm(ms []position.Mutation, prints []wire.Fingerprint) {
	b.ready()
	var tags [warmed]uint32
	var images [warmed]*position.Position
	n := 0
	for _, m := range ms[:min(len(ms), warmed)] {
		if f, ok := m.(position.Fill); ok {
			tags[n] = tagOf(&b.positions.index, f.Key)
			n++
		}
	}
	// Within a loop no reading waits for another one; what the next loop reads is
	// found through it.
	sum := b.window.Warm(prints[:min(len(prints), warmed)])
	for i, tag := range tags[:n] {
		images[i] = b.positions.likely(tag)
	}
	for _, p := range images[:n] {
		if p != nil { // something on each of its cache lines
			sum += len(p.Key.Leg) + int(p.Version) + p.EntryQty.Sign() + p.LastEntry.Sign() +
				len(p.Totals.Fees) + p.High.Sign() + int(p.Entries) + int(p.ClosedAt)
		}
	}
	for _, p := range images[:n] {
		if p != nil && p.Prior != nil {
			sum += len(p.Prior.Fees) + int(p.Prior.Wins)
		}
	}
	touched(sum)
}

// touched takes a sum of what was read. The compiler does not look into it, so it
// cannot find that nothing needs to be read.
//
//go:noinline
func touched(int) {}

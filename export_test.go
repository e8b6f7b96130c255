package holdfast

import (
	"context"
	"iter"
	"time"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Expendable picks the snapshots that need not be kept.
func Expendable(mine []snapshotter.Snapshot, keep int, base uint64, spacing time.Duration) []snapshotter.Snapshot {
	return expendable(mine, keep, base, spacing)
}

// Spacing is the record time between the snapshots that a ledger keeps for time
// travel.
func Spacing(l *Ledger) time.Duration { return l.spacing() }

// WaitDurable is how the relay waits for records; it takes the relay's place.
func (l *Ledger) WaitDurable(ctx context.Context, after uint64) error {
	return (&feed{l: l}).Wait(ctx, after)
}

// Nudged reports whether the relay would be woken.
func (l *Ledger) Nudged() bool { return len(l.durable) > 0 }

// Events are what the relay would publish.
func (l *Ledger) Events(ctx context.Context, from uint64) iter.Seq2[bus.Event, error] {
	f := &feed{l: l}
	return func(yield func(bus.Event, error) bool) {
		defer f.drop()
		f.Events(ctx, from)(yield)
	}
}

// ClockJump returns what finds jumps of the clock, fed with the steps of both
// clocks.
func ClockJump() func(wall, monotonic time.Duration) time.Duration {
	var w clockWatch
	at, passed := time.Unix(1_700_000_000, 0), time.Duration(0)
	return func(wall, monotonic time.Duration) time.Duration {
		at, passed = at.Add(wall), passed+monotonic
		return w.jumped(at, passed)
	}
}

// Break has the ledger fail as a disk would, between two requests of the stager.
func (l *Ledger) Break(err error) { l.commits.Fail(err) }

// SnapshotSteps is how often the work on snapshots could have made way for appends.
func (l *Ledger) SnapshotSteps() int { return l.src.Snaps.Steps() }

// Queued is how many requests wait for the stager.
func (l *Ledger) Queued() int { return l.commits.Queued() }

// WaitsToReadAhead reports whether somebody waits for a turn to read ahead.
func (l *Ledger) WaitsToReadAhead() bool { return l.commits.Waiting() > 0 }

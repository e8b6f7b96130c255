package yardstick

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast"
)

// Beside is one round of [BesideSnapshot]: fills without and with a snapshot.
type Beside struct {
	Without, With Figures
	Took          time.Duration // the snapshot
}

// String shows both sides.
func (b Beside) String() string {
	return fmt.Sprintf("without %d/s p50 %v p99 %v p99.9 %v, with %d/s p50 %v p99 %v p99.9 %v, the snapshot took %v",
		b.Without.Rate, b.Without.P50, b.Without.P99, b.Without.P999, b.With.Rate, b.With.P50, b.With.P99, b.With.P999, b.Took)
}

// BesideSnapshot lets callers give a ledger fills, in turns for as long as a snapshot
// takes and for as long as the one before took without any. The ledger has its
// positions already; see [Hold].
func BesideSnapshot(ctx context.Context, l *holdfast.Ledger, rounds, callers int) ([]Beside, error) {
	var fills Fills
	apply := func() error {
		_, err := l.Apply(ctx, fills.Next())
		return err //nolint:wrapcheck // Drive returns it as it is
	}
	if err := fills.Apply(ctx, l, Positions); err != nil {
		return nil, err
	}
	list := make([]Beside, rounds)
	length := time.Second
	for i := range list {
		r := &list[i]
		var err error
		if r.Without, err = Drive(callers, length, apply); err != nil {
			return nil, err
		}
		began := time.Now() //nolint:forbidigo // it measures
		made := make(chan error, 1)
		go func() {
			_, failed := l.Snapshot(ctx)
			r.Took = time.Since(began)
			made <- failed
		}()
		r.With, err = DriveUntil(callers, made, apply)
		if err != nil {
			return nil, err
		}
		length = min(max(r.Took, time.Second), 10*time.Second)
	}
	return list, nil
}

// Ratios are those of the latencies with a snapshot to those without, in
// hundredths, and how long the snapshot took.
type Ratios struct {
	P50, P99, P999 int64
	Took           time.Duration
}

// MedianOf is the median of each ratio over the rounds.
func MedianOf(rounds []Beside) Ratios {
	median := func(of func(b *Beside) int64) int64 {
		list := make([]int64, len(rounds))
		for i := range rounds {
			list[i] = of(&rounds[i])
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	ratio := func(with, without time.Duration) int64 { return int64(100*with) / max(int64(without), 1) }
	return Ratios{
		P50:  median(func(b *Beside) int64 { return ratio(b.With.P50, b.Without.P50) }),
		P99:  median(func(b *Beside) int64 { return ratio(b.With.P99, b.Without.P99) }),
		P999: median(func(b *Beside) int64 { return ratio(b.With.P999, b.Without.P999) }),
		Took: time.Duration(median(func(b *Beside) int64 { return int64(b.Took) })),
	}
}

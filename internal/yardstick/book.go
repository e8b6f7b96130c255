package yardstick

import (
	"context"
	"errors"
	"strconv"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// holder is the i-th fill of [Hold]: 200 accounts hold 500 instruments under as
// many strategies as it takes.
func holder(i int) position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: "hold-" + strconv.Itoa(i), Time: position.Time(1_700_000_000_000_000_000 + int64(i))},
		Key: position.Key{
			Account:    "account-" + strconv.Itoa(i%200),
			Instrument: "instrument-" + strconv.Itoa(i/200%500),
			Strategy:   "strategy-" + strconv.Itoa(i/100_000),
		},
		Side: position.Buy, Qty: position.FromInt(int64(1 + i%7)), Price: position.FromInt(int64(100 + i%11)),
		Fee: position.MustParse("0.0125"), FeeCurrency: "USDT",
	}
}

// Hold gives a ledger n fills, each of which opens a position of its own, and waits
// until they are durable: what a snapshot of n positions is made of.
func Hold(ctx context.Context, l *holdfast.Ledger, n int) error { return apply(ctx, l, n, holder) }

// window is how many fills are under way at a time.
const window = 1024

// apply gives a ledger the fills 0 to n − 1 and waits until they are durable.
func apply(ctx context.Context, l *holdfast.Ledger, n int, fill func(i int) position.Fill) error {
	futures := make(chan *holdfast.Future, window)
	failed := make(chan error, 1)
	go func() {
		var first error
		for future := range futures {
			if _, err := future.Wait(ctx); err != nil && first == nil {
				first = err
			}
		}
		failed <- first
	}()
	var err error
	for i := 0; i < n && err == nil; i++ {
		var future *holdfast.Future
		if future, err = l.ApplyAsync(ctx, fill(i)); err == nil {
			futures <- future
		}
	}
	close(futures)
	return errors.Join(err, <-failed)
}

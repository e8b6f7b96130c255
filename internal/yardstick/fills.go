package yardstick

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// The book of the measurements: so many accounts hold so many instruments.
const accounts, instruments = 100, 100

// Positions is how many positions the fills of a [Fills] open.
const Positions = accounts * instruments

// Fills makes fills, two increases for each reduction. The zero value is ready
// for use, by many goroutines.
type Fills struct {
	ids  atomic.Int64
	made sync.Once
	// An engine has the names of its accounts and instruments; only an id is new.
	account    [accounts]string
	instrument [instruments]string
	fee        position.Decimal
}

// Next returns the next fill.
func (f *Fills) Next() position.Fill {
	f.made.Do(func() {
		f.fee = position.MustParse("0.0125")
		for i := range f.account {
			f.account[i] = "account-" + strconv.Itoa(i)
		}
		for i := range f.instrument {
			f.instrument[i] = "instrument-" + strconv.Itoa(i)
		}
	})
	i := f.ids.Add(1)
	s := position.Buy
	if i%3 == 1 {
		s = position.Sell
	}
	return position.Fill{
		Meta: position.Meta{Ident: "bench-" + strconv.FormatInt(i, 10), Time: position.Time(1_700_000_000_000_000_000 + i)},
		Key:  position.Key{Account: f.account[i%accounts], Instrument: f.instrument[i/accounts%instruments]},
		Side: s, Qty: position.FromInt(1 + i%7), Price: position.FromInt(100 + i%11), Fee: f.fee,
	}
}

// Apply gives a ledger n fills and waits until they are durable. The first
// [Positions] of them open every position, which is not what is measured.
func (f *Fills) Apply(ctx context.Context, l *holdfast.Ledger, n int) error {
	return apply(ctx, l, n, func(int) position.Fill { return f.Next() })
}

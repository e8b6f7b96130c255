package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// A fill is durable when Apply returns; a retry with the same id changes
// nothing.
func Example() {
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch directory
	ctx := context.Background()

	ledger, err := holdfast.Open(ctx, dir, holdfast.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close() //nolint:errcheck // everything applied is durable already

	at, err := position.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	fill := position.Fill{
		Meta:  position.Meta{Ident: "venue-4711", Time: at},
		Key:   position.Key{Account: "desk", Instrument: "ETH-PERP"},
		Side:  position.Buy,
		Qty:   position.MustParse("2"),
		Price: position.MustParse("2500.5"),
		Fee:   position.MustParse("0.75"),
	}
	first, err := ledger.Apply(ctx, fill)
	if err != nil {
		log.Fatal(err)
	}
	again, err := ledger.Apply(ctx, fill)
	if err != nil {
		log.Fatal(err)
	}
	p, _ := ledger.Position(fill.Key)
	avg, _ := p.AvgEntry()
	fmt.Println(p.Side(), p.Qty, "at", avg, "version", p.Version)
	fmt.Println("seq", first.Last, "again:", again.Last, again.Duplicate)
	// Output:
	// long 2 at 2500.5 version 1
	// seq 2 again: 2 true
}

// A fill that crosses zero closes one cycle and opens the next, in one batch.
func ExampleReader_History() {
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch directory
	ctx := context.Background()
	ledger, err := holdfast.Open(ctx, dir, holdfast.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close() //nolint:errcheck // everything applied is durable already
	for i, f := range []struct{ side, qty, price string }{{"buy", "3", "100"}, {"sell", "5", "104"}} {
		side := position.Buy
		if f.side == "sell" {
			side = position.Sell
		}
		_, err := ledger.Apply(ctx, position.Fill{
			Meta: position.Meta{Ident: fmt.Sprint("e-", i)},
			Key:  position.Key{Account: "desk", Instrument: "XAU"}, Side: side,
			Qty: position.MustParse(f.qty), Price: position.MustParse(f.price),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range ledger.History(ctx, holdfast.Filter{Account: "desk"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Seq, e.Change.Kind, e.Change.After.Qty, "realised", e.Change.Realized)
	}
	// Output:
	// 2 opened 3 realised 0
	// 3 closed 0 realised 12
	// 4 opened -2 realised 0
}

// ExpectVersion refuses a mutation that was decided on an older state.
func ExampleErrVersionConflict() {
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch directory
	ctx := context.Background()
	ledger, err := holdfast.Open(ctx, dir, holdfast.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close() //nolint:errcheck // everything applied is durable already
	isNew := uint64(0)
	for range 2 {
		_, err = ledger.Apply(ctx, position.Fill{
			Meta: position.Meta{ExpectVersion: &isNew},
			Key:  position.Key{Account: "desk", Instrument: "XAU"}, Side: position.Buy,
			Qty: position.MustParse("1"), Price: position.MustParse("100"),
		})
	}
	fmt.Println(errors.Is(err, holdfast.ErrVersionConflict))
	// Output: true
}

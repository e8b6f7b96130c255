package holdfast_test

import (
	"context"
	"errors"
	"time"

	"github.com/moneyprinter/holdfast"
)

// A program that keeps its ledger writable: after a full disk the ledger is
// opened again as soon as that succeeds, after a failed fsync the program ends.
func ExampleLedger_Failed() {
	ctx := context.Background()
	keep := func(dir string, use func(*holdfast.Ledger)) error {
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 30*time.Second) {
			l, err := holdfast.Open(ctx, dir, holdfast.Options{})
			if err == nil {
				use(l) // sends what is unanswered again, under the same ids
				<-l.Failed()
				err = errors.Join(l.Err(), l.Close())
			}
			if errors.Is(err, holdfast.ErrSync) || errors.Is(err, holdfast.ErrDamaged) {
				return err // end the process; an operator is needed for damage
			}
			time.Sleep(pause)
		}
	}
	_ = keep
}

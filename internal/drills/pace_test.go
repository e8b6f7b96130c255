package drills_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// However many processors there are, callers, and requests of each in flight, all of
// it is acknowledged once, in an order that the journal tells and recomputes, and
// comes back: whichever goroutines did the work, and while they change.
func TestEveryPace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	dir := t.TempDir()
	l, err := holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	require.NoError(t, err)
	sent := 0
	for _, procs := range []int{1, 2, 4, 8, 2, 4} {
		runtime.GOMAXPROCS(procs)
		for _, load := range []struct{ callers, flying, each int }{{1, 1, 20}, {300, 1, 6}, {2, 10_000, 10_000}, {100, 3, 9}, {1, 1, 5}} {
			send(t, l, fmt.Sprint(sent), load.callers, load.flying, load.each)
			sent += load.callers * load.each
		}
	}
	seq := l.View().Seq()
	require.EqualValues(t, sent+1, seq)
	require.NoError(t, l.Close())
	l, err = holdfast.Open(t.Context(), dir, ledgertest.Quiet())
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	require.Equal(t, seq, l.View().Seq())
	total := position.Decimal{}
	for p := range l.View().Positions() {
		total, err = total.Add(p.Qty)
		require.NoError(t, err)
	}
	require.Equal(t, fmt.Sprint(sent), total.String())
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.True(t, rep.OK())
}

// send has some callers apply fills of 1 each, so many in flight at once.
func send(t *testing.T, l *holdfast.Ledger, name string, callers, flying, each int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, callers)
	for c := range callers {
		wg.Go(func() {
			var futures []*holdfast.Future
			take := func() error {
				_, err := futures[0].Wait(t.Context())
				futures = futures[1:]
				return err
			}
			for n := range each {
				m := position.Fill{
					Meta: position.Meta{Ident: fmt.Sprintf("%s-%d-%d", name, c, n)},
					Key:  position.Key{Account: fmt.Sprint(c % 7), Instrument: "I"},
					Side: position.Buy, Qty: position.FromInt(1), Price: position.FromInt(10),
				}
				f, err := l.ApplyAsync(t.Context(), m)
				if futures = append(futures, f); err == nil && len(futures) == flying {
					err = take()
				}
				if err != nil {
					errs <- err
					return
				}
			}
			for len(futures) > 0 {
				if err := take(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

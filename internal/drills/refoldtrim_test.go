package drills_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// TestATrimUnderARefold busts fills while the journal is trimmed all the time. Where
// their history goes under the reading that is said as it is of one that went before;
// that a record was trimmed says nothing to who busts a fill.
func TestATrimUnderARefold(t *testing.T) {
	o := ledgertest.Quiet()
	o.SegmentSize, o.Window, o.SnapshotKeep, o.Retain = 1<<10, 16, 1, -1
	l := ledgertest.Open(t, ledgertest.MemoryDir(t), o)
	insist := holdfast.ApplyOptions{Insist: true} // the window is small, and forgets what is under way
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := make(chan struct{})
	defer close(stop)
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			f := ledgertest.Fill("", "A"+strconv.Itoa(i%3), "I", position.Buy, "1", "100")
			f.Time = 0
			if _, err := l.ApplyWith(t.Context(), f, insist); err != nil {
				t.Error(err)
				return
			}
			if i%20 == 19 {
				if _, err := l.Snapshot(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	told := 0
	for i := range 250 {
		f := ledgertest.Fill("f-"+strconv.Itoa(i), "A0", "I", position.Buy, "1", "100")
		f.Time = 0
		_, err := l.ApplyWith(t.Context(), f, insist)
		require.NoError(t, err)
		if i%2 == 1 {
			f.Ident = "nosuch"
		}
		b := ledgertest.Bust("b-"+strconv.Itoa(i), f)
		b.Time = 0
		_, err = l.ApplyWith(t.Context(), b, insist)
		if err != nil && !errors.Is(err, holdfast.ErrUnknownFill) {
			require.NotErrorIs(t, err, holdfast.ErrTrimmed, "bust %d", i)
			require.ErrorIs(t, err, holdfast.ErrTrimmedHistory, "bust %d", i)
			told++
		}
	}
	require.Positive(t, told)
	require.Less(t, told, 250, "some are kept")
}

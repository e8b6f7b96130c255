package projector_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Whatever a book was told will come, and however wrong that was, it does with
// what comes what it would have done.
func TestWarmChangesNothing(t *testing.T) {
	for _, window := range []int{1, 5, 1000} {
		told, untold := projector.New(projector.Options{Window: window}), projector.New(projector.Options{Window: window})
		told.Warm(nil, nil)
		ms := []position.Mutation{mark("m", "X", "30", 1), &position.Fill{}, nil}
		for i := range 60 {
			side := position.Buy
			if i%3 == 0 {
				side = position.Sell
			}
			ms = append(ms, fill(strconv.Itoa(i), key("A"+strconv.Itoa(i%7), "X"), side, "1", "10", position.Time(2+i)))
		}
		prints := make([]wire.Fingerprint, len(ms))
		for i := 3; i < len(ms); i++ {
			prints[i] = wire.FingerprintOf(position.FingerprintKey{}, ms[i])
		}
		for i := 3; i < len(ms); i++ {
			first := max(0, i-i%5-3)
			told.Warm(ms[first:], prints[first:])
			var got [2]*projector.Staged
			for j, b := range []*projector.Book{told, untold} {
				s, err := b.StagePrinted(position.Time(i), ms[i:i+1], prints[i:i+1], true, nil)
				require.NoError(t, err)
				b.Accept(s)
				b.Publish(s)
				got[j] = s
			}
			require.Equal(t, got[1].Changes, got[0].Changes)
			require.Equal(t, got[1].Outcomes, got[0].Outcomes)
		}
		require.Equal(t, untold.View().Digest(), told.View().Digest())
	}
}

package position_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// A refold of more cycles than it may hold is refused with the way out, and stays
// so.
func TestRefoldOfTooManyCycles(t *testing.T) {
	f, err := position.Rules{}.NewRefold(position.Bust{Meta: position.Meta{Ident: "b", Time: 1}, Key: key, Fill: "f-0"}, &position.History{Seq: 1}, nil, 3)
	require.NoError(t, err)
	trade := func(i int, side position.Side) error {
		return f.Fold(uint64(i+1), position.Fill{
			Meta: position.Meta{Ident: "f-" + strconv.Itoa(i), Time: 1}, Key: key, Side: side, Qty: dec("1"), Price: dec("10"),
		}, nil)
	}
	require.NoError(t, trade(0, position.Buy))
	for i := range 3 {
		require.NoError(t, trade(1+2*i, position.Buy))
		require.NoError(t, trade(2+2*i, position.Sell))
	}
	require.Equal(t, 3, f.Cycles())
	err = trade(7, position.Buy)
	require.ErrorIs(t, err, position.ErrTooLarge)
	require.ErrorContains(t, err, "adjust the position instead")
	require.Equal(t, err, trade(8, position.Sell))
	_, err = position.Rules{}.NewRefold(position.Mark{}, &position.History{}, nil, 3)
	require.ErrorIs(t, err, position.ErrInvalid)
}

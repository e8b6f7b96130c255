package projector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// TestRowsAreAList lets rows grow and shrink over the ends of their blocks, beside a
// plain list.
func TestRowsAreAList(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 11))
	draw := func(slot int) reach {
		low := rnd.Int64N(1000)
		return reach{slot: uint32(slot), extremes: extremes{high: position.FromInt(low + rnd.Int64N(50)), low: position.FromInt(low)}}
	}
	var row openRow
	var list []reach
	for step := range 20_000 {
		grow := step/(3*rowBlock)%2 == 0 // then shrinks as far
		switch n := rnd.IntN(8); {
		case n == 0 && len(list) > 0:
			i := rnd.IntN(len(list))
			list[i] = draw(int(list[i].slot))
			row.set(uint32(i), list[i])
		case grow == (n > 1):
			list = append(list, draw(step))
			row.set(row.n, list[len(list)-1])
		case len(list) > 0:
			list = list[:len(list)-1]
			row.drop()
		}
		requireRow(t, list, &row, position.FromInt(rnd.Int64N(1100)), step%50 == 0)
	}
}

func requireRow(t *testing.T, list []reach, row *openRow, price position.Decimal, whole bool) {
	t.Helper()
	require.Len(t, list, int(row.n))
	if !whole {
		return
	}
	var want, got []uint32
	for i := range list {
		require.Equal(t, list[i], *row.at(uint32(i)))
		if list[i].outside(price) {
			want = append(want, list[i].slot)
		}
	}
	row.beyond(price, func(slot uint32) { got = append(got, slot) })
	require.Equal(t, want, got)
}

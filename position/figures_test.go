package position_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// TestAverageRoundsOnce compares averages with math/big: cost / (qty · multiplier)
// is one division, not two.
func TestAverageRoundsOnce(t *testing.T) {
	t.Parallel()
	check := func(cost, qty, multiplier *big.Int) {
		t.Helper()
		p := position.Position{Cycle: 1, Qty: dec(plain(qty)), Cost: dec(plain(cost)), Terms: &position.Terms{Multiplier: dec(plain(multiplier))}}
		got, ok := p.AvgEntry()
		den := new(big.Int).Mul(qty, multiplier)
		want := divide(new(big.Int).Mul(cost, new(big.Int).Mul(bigOne, bigOne)), den)
		if want.CmpAbs(bigMax) > 0 {
			require.False(t, ok)
			return
		}
		require.True(t, ok)
		require.Equal(t, plain(want), got.String(), "%s / (%s · %s)", cost, qty, multiplier)
	}
	unit := func(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), bigOne) }
	for _, n := range []int64{1, 3, 5, -1, -3, -5} { // ties: n/2 of the last digit
		check(big.NewInt(10*n), unit(2), unit(10))
		check(big.NewInt(10_000*n), unit(2000), unit(10))
	}
	r := seeded(t)
	for range 20_000 {
		cost, qty, multiplier := randomCount(r), randomCount(r), randomCount(r)
		if qty.Sign() != 0 && multiplier.Sign() != 0 {
			check(cost, qty, multiplier)
		}
	}
}

func TestFiguresOfNothing(t *testing.T) {
	t.Parallel()
	p := position.Position{Terms: &position.Terms{Multiplier: dec("1")}}
	for name, f := range map[string]func() (position.Decimal, bool){
		"entry": p.AvgEntry, "exit": p.AvgExit, "mfe": p.MFE, "mae": p.MAE,
		"return": p.Return, "break even": p.BreakEven, "upside": p.UpsidePercent, "drawdown": p.DrawdownPercent,
		"holding": func() (position.Decimal, bool) { return p.HoldingTime(5) },
		"profit":  func() (position.Decimal, bool) { return p.ProfitPercent(dec("1")) },
	} {
		v, ok := f()
		require.False(t, ok, name)
		require.True(t, v.IsZero(), name)
	}
	require.Equal(t, "flat", p.Side())
}

func TestFiguresOutOfRange(t *testing.T) {
	t.Parallel()
	const most = "170141183460469231731"
	p := position.Position{
		Cycle: 1, Qty: dec("2"), Cost: dec("-" + most), High: dec(most), Low: dec("-" + most),
		Terms: &position.Terms{Multiplier: dec("1"), Settlement: "USD"},
	}
	_, ok := p.MarkValue(dec(most))
	require.False(t, ok)
	_, ok = p.Unrealized(dec("1"))
	require.False(t, ok, "the value fits, its difference to the cost does not")
	_, ok = p.MFE()
	require.False(t, ok)
	_, ok = p.MAE()
	require.False(t, ok)
	p.Totals = position.Totals{Realized: dec(most), Funding: dec(most)}
	_, ok = p.Net()
	require.False(t, ok)
}

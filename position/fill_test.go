package position_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// Every open position of a ledger is one image in memory, and every change makes
// a new one.
func TestImageIsSmall(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, unsafe.Sizeof(position.Position{}), uintptr(448), "the next size class is 480 bytes")
	require.LessOrEqual(t, unsafe.Sizeof(position.Change{}), uintptr(256))
	require.LessOrEqual(t, unsafe.Sizeof(position.Lot{}), uintptr(64))
}

func TestFoldAllocations(t *testing.T) {
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(buy("1.5", "50123.25")))
	var view position.State = one{state{s}, s.positions[key], nil}
	for name, f := range map[string]position.Fill{"increase": buy("1", "7"), "reduce": sell("1", "7"), "close": sell("1.5", "7")} {
		m := f.Identified("id", 5)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			if _, err := s.rules.Fold(view, m); err != nil {
				panic(err)
			}
		}), 2.0, name)
	}
}

func TestFoldStrictOverReduction(t *testing.T) {
	t.Parallel()
	for _, m := range []position.CostMethod{position.Average, position.FIFO, position.SpecificLot} {
		s := newMemory(position.Rules{CostMethod: m, OverReduction: position.RejectOver})
		require.NoError(t, s.Apply(buy("2", "10")))
		refused(t, s, sell("2.000000000000000001", "10"), position.ErrOverReduction, "A/X holds 2, 2.000000000000000001 would leave it")
		require.NoError(t, s.Apply(sell("2", "10")))
		require.NoError(t, s.Apply(sell("2", "10")), "a flat key may be opened either way")
		refused(t, s, buy("3", "10"), position.ErrOverReduction, "holds -2, -3 would")
		checkLots(t, s.image(key))
	}
	// An instrument may say otherwise than its ledger.
	s := newMemory(position.Rules{OverReduction: position.RejectOver, CostMethod: position.LIFO})
	d := define(position.Linear, "", "", "", "")
	d.Terms.OverReduction, d.Terms.CostMethod = position.FlipOver, position.Average
	require.NoError(t, s.Apply(d))
	require.NoError(t, s.Apply(buy("2", "10")))
	require.NoError(t, s.Apply(sell("3", "10")))
	wants(t, s.image(key), figs{"qty": "-1", "lots": "none"})
	require.Same(t, s.instruments["X"].Terms, s.image(key).Terms, "terms are shared")
}

func TestFoldReduceOnly(t *testing.T) {
	t.Parallel()
	for _, m := range []position.CostMethod{position.Average, position.FIFO} {
		s := newMemory(position.Rules{CostMethod: m})
		only := func(f position.Fill) position.Fill {
			f.ReduceOnly = true
			return f
		}
		refused(t, s, only(sell("1", "10")), position.ErrOverReduction, "reduce_only")
		require.NoError(t, s.Apply(buy("2", "10")))
		refused(t, s, only(buy("1", "10")), position.ErrOverReduction, "does not hold -1 to reduce")
		refused(t, s, only(sell("2.000000000000000001", "10")), position.ErrOverReduction, "reduce_only")
		require.NoError(t, s.Apply(only(sell("0.5", "11"))))
		require.NoError(t, s.Apply(only(sell("1.5", "11"))))
		wants(t, s.image(key), figs{"qty": "0", "realized": "2"})
		refused(t, s, only(sell("1", "11")), position.ErrOverReduction, "reduce_only")
	}
}

// A fee in the base currency changes the quantity; whether it is in the cost too
// is the instrument's policy.
func TestFoldBaseFee(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy         position.BaseFee
		cost, realized string
	}{
		{position.FeeInCost, "1000", "90"},
		{position.FeeApart, "990", "100"},
	} {
		s := newMemory(position.Rules{})
		d := define(position.Spot, "", "B", "Q", "Q")
		d.Terms.BaseFee = c.policy
		require.NoError(t, s.Apply(d))
		require.NoError(t, s.Apply(with(buy("10", "100"), "0.1", "B")))
		wants(t, s.image(key), figs{"qty": "9.9", "cost": c.cost})
		require.NoError(t, s.Apply(sell("9.9", "110.1010101010101010")))
		wants(t, s.image(key), figs{"qty": "0"})
		got := s.image(key).Totals
		require.Equal(t, dec("0.1"), got.Fees.Get("B"))
		gain, err := got.Realized.Sub(dec(c.realized))
		require.NoError(t, err)
		require.Negative(t, gain.Abs().Cmp(dec("0.001")), "realised %s", got.Realized)
	}
}

func TestFoldStrictIncrements(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{StrictIncrements: true})
	require.NoError(t, s.Apply(buy("0.123", "0.456")), "what is not defined has no increments")
	d := define(position.Linear, "", "", "", "")
	d.PriceIncrement, d.SizeIncrement = dec("0.25"), dec("0.001")
	require.NoError(t, s.Apply(d))
	require.NoError(t, s.Apply(buy("0.003", "100.75")))
	require.NoError(t, s.Apply(buy("170141183460469231.731", "-0.25")))
	require.NoError(t, s.Apply(buy("1", "0")))
	refused(t, s, buy("1", "100.2"), position.ErrIncrement, "price 100.2 is no multiple of 0.25, the increment of X")
	refused(t, s, buy("1.0005", "100"), position.ErrIncrement, "qty 1.0005 is no multiple of 0.001, the increment of X")
	refused(t, s, buy("170141183460469231.7305", "-0.25"), position.ErrIncrement, "qty")

	lax := newMemory(position.Rules{})
	require.NoError(t, lax.Apply(d))
	require.NoError(t, lax.Apply(buy("1.0005", "100.2")))
}

func TestFoldCounts(t *testing.T) {
	t.Parallel()
	checkFolds(t, []foldCase{
		{"entries and exits of a cycle", muts(buy("1", "1"), buy("3", "1"), sell("1", "1"), sell("1", "1"), charge(position.Funding, "1", "USD")), figs{
			"entries": "2", "exits": "2", "wins": "0", "losses": "0",
		}, nil},
		{"a flip starts anew", muts(buy("1", "1"), sell("3", "2")), figs{"entries": "1", "exits": "0", "wins": "1", "losses": "0"}, nil},
		{"the cycle that ended counts", muts(buy("1", "1"), sell("1", "2"), buy("1", "2"), sell("1", "1")), figs{"wins": "1", "losses": "1", "cycle": "2", "exits": "1"}, nil},
		{"fees make a loss", muts(buy("1", "1"), with(sell("1", "2"), "3", "")), figs{"wins": "0", "losses": "1"}, nil},
		{"a later charge decides", muts(buy("1", "1"), with(sell("1", "2"), "3", ""), charge(position.FeeCharge, "5", "USD")), figs{"wins": "1", "losses": "0"}, nil},
		{"zero is neither", muts(buy("1", "1"), sell("1", "1"), buy("1", "1")), figs{"wins": "0", "losses": "0"}, nil},
	})
	s := newMemory(position.Rules{})
	for _, f := range []position.Fill{buy("1", "1"), sell("1", "1"), sell("1", "1")} {
		require.NoError(t, s.Apply(f))
	}
	require.Nil(t, s.image(key).Prior, "what comes to nothing is not kept")
	require.True(t, s.image(key).Short)
	require.NoError(t, s.Apply(buy("1", "1")))
	require.True(t, s.image(key).Short, "it was a short one")
}

func TestFoldFigures(t *testing.T) {
	t.Parallel()
	inverse := define(position.Inverse, "", "XBT", "USD", "")
	checkFolds(t, []foldCase{
		{"open long", muts(at(with(buy("4", "100"), "8", ""), 10), with(sell("1", "112"), "1", ""), mark("130"), mark("90"), mark("105")), figs{
			"return": "0.0075", "break_even": "99", "upside_percent": "30", "drawdown_percent": "10", "holding": "0.00000009",
			"avg_entry": "100", "high": "130", "low": "90",
		}, nil},
		{"open short", muts(with(sell("3", "100"), "8", ""), mark("120"), mark("70"), sell("1", "100")), figs{
			"break_even": "98", "return": "-0.02", "upside_percent": "30", "drawdown_percent": "20", "exposure": "280", "mark_value": "-280", "profit_percent": "30",
		}, nil},
		{"closed short", muts(at(sell("4", "100"), 10), mark("120"), mark("50"), at(buy("4", "80"), 40), mark("1")), figs{
			"return": "0.2", "break_even": "?", "upside_percent": "50", "drawdown_percent": "20", "holding": "0.00000003", "profit_percent": "20",
		}, nil},
		{"fees beyond what was paid", muts(with(buy("1", "100"), "-250", "")), figs{"break_even": "-150"}, nil},
		{"times that run backwards", muts(at(buy("1", "1"), 200)), figs{"holding": "0"}, nil},
		{"for nothing", muts(buy("1", "0"), mark("5")), figs{"return": "?", "upside_percent": "?", "break_even": "0"}, nil},
		{"negative prices", muts(buy("1", "-10"), mark("-5"), sell("0.5", "-8")), figs{"return": "0.1", "upside_percent": "50", "drawdown_percent": "0", "break_even": "-12", "profit_percent": "50"}, nil},
		{"inverse", muts(inverse, with(buy("100", "50000"), "0.0004", "XBT"), mark("40000"), with(buy("100", "50000"), "0.0004", "XBT")), figs{
			"break_even": "62500", "drawdown_percent": "25", "unrealized": "-0.001", "profit_percent": "-25", "return": "-0.2", "exposure": "0.005",
		}, nil},
		{"inverse that no price brings back", muts(inverse, with(buy("100", "50000"), "0.003", "XBT")), figs{"break_even": "?"}, nil},
		{"inverse short", muts(inverse, with(sell("100", "50000"), "0.0005", "XBT")), figs{"break_even": "40000"}, nil},
	})
}

// TestFeeInCost: what is in the cost is told and not subtracted, whether a fill or
// a charge says so; what is charged beside it is subtracted.
func TestFeeInCost(t *testing.T) {
	l := newBook(position.Rules{})
	f := purchase("10", "2")
	f.Fee, f.FeeCurrency = exact("0.1"), "ETH"
	paid := func(amount, currency string, in bool) position.Charge {
		return position.Charge{Key: here, Kind: position.FeeCharge, Amount: exact(amount), Currency: currency, InCost: in}
	}
	l.must(t, contract(position.Spot, position.Average), f, paid("-0.5", "ETH", true), paid("-0.25", "ETH", false))
	p := l.Position(here)
	require.Equal(t, position.Amounts{{Currency: "ETH", Value: exact("0.6")}}, p.Totals.Fees)
	require.Equal(t, p.Totals.Fees, p.Terms.FeesInCost(p.Totals.Fees))
	require.Equal(t, position.Amounts{{Currency: "ETH", Value: exact("-0.25")}}, p.Totals.Charges)
	s, err := report.Summarize(func(yield func(position.Position) bool) { yield(*p) }, report.ByAccount, "", nil)
	require.NoError(t, err)
	require.Equal(t, position.Amounts{{Currency: "ETH", Value: exact("-0.25")}}, s[0].Sums.Net)

	refusal(t, l.apply(t, paid("-1", "USD", true)), position.ErrInvalid, "in_cost")
	d := contract(position.Spot, position.Average)
	d.Instrument, d.Terms.BaseFee = "Y", position.FeeApart
	l.must(t, d)
	apart := paid("-1", "ETH", true)
	apart.Instrument = "Y"
	refusal(t, l.apply(t, apart), position.ErrInvalid, "in_cost")
}

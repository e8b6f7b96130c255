package position_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// first are the rules of arithmetic 1, by which older epochs are recomputed.
func first(method position.CostMethod) position.Rules {
	rules, _ := position.Rules{CostMethod: method}.Under(1)
	return rules
}

// TestTransferMeetsAtItsCost: what arrives and reduces an opposite position is
// bought or sold at the cost that it brings. What was seen where it came from was
// not seen here; it comes along only with what stays open.
func TestTransferMeetsAtItsCost(t *testing.T) {
	t.Parallel()
	swung := []position.Mutation{purchase("5", "10"), marked("50"), marked("10")}
	for name, c := range map[string]struct {
		kind      position.InstrumentKind
		here      []position.Mutation // what is there to be moved
		over      position.Fill       // what is open where it goes
		move      string
		want, was string // low..high there, now and by arithmetic 1
		mae, mfe  string
		cycle     uint64
	}{
		"reduced": {position.Linear, swung, sale("2", "10"), "1", "10..10", "10..50", "0", "0", 1},
		"closed": {
			position.Linear,
			[]position.Mutation{purchase("5", "10"), marked("50"), marked("9")},
			sale("2", "9"),
			"2", "9..10", "9..50", "2", "0", 1,
		},
		"at a better price": {
			position.Linear,
			[]position.Mutation{purchase("5", "3"), marked("50")},
			sale("2", "50"),
			"1", "3..50", "3..50", "0", "47", 1,
		},
		"inverse": {
			position.Inverse,
			[]position.Mutation{purchase("500", "100"), marked("800"), marked("125")},
			sale("200", "125"),
			"100", "100..125", "100..800", "0", "0.2", 1,
		},
		"dust, at no price that there could be": {
			position.Inverse,
			[]position.Mutation{purchase("0.000000000000000001", "100"), marked("125")},
			sale("200", "125"),
			"0.000000000000000001", "125..125", "100..125", "0", "0", 1,
		},
		"flipped, and the rest brings its extremes": {position.Linear, swung, sale("2", "10"), "5", "10..50", "10..50", "0", "120", 2},
		"increased, and what comes brings extremes": {position.Linear, swung, purchase("2", "10"), "1", "10..50", "10..50", "0", "120", 1},
	} {
		for _, method := range []position.CostMethod{position.Average, position.FIFO} {
			t.Run(name+" "+method.String(), func(t *testing.T) {
				t.Parallel()
				extremes := func(rules position.Rules) *position.Position {
					b := newBook(rules)
					b.must(t, contract(c.kind, method))
					b.must(t, c.here...)
					b.must(t, on(there, c.over), move(c.move))
					return b.Position(there)
				}
				p := extremes(by(method))
				require.Equal(t, c.want, p.Low.String()+".."+p.High.String())
				require.Equal(t, c.cycle, p.Cycle)
				mfe, ok := p.MFE()
				require.True(t, ok)
				mae, ok := p.MAE()
				require.True(t, ok)
				require.Equal(t, c.mae, mae.String())
				require.Equal(t, c.mfe, mfe.String())
				p = extremes(first(method))
				require.Equal(t, c.was, p.Low.String()+".."+p.High.String())
			})
		}
	}
}

// TestSplitMovesStopAndTargets: they stay where they were beside the market.
func TestSplitMovesStopAndTargets(t *testing.T) {
	t.Parallel()
	notes := position.Amend{
		Key: here, Stop: ptr("90"), Targets: []position.Decimal{exact("120"), exact("150")}, Tags: []string{"swing"}, Metadata: map[string]string{"a": "b"},
	}
	for name, c := range map[string]struct {
		kind    position.InstrumentKind
		rules   position.Rules
		stop    string
		targets []position.Decimal
	}{
		"linear":       {position.Linear, position.Rules{}, "9", []position.Decimal{exact("12"), exact("15")}},
		"inverse":      {position.Inverse, position.Rules{}, "900", []position.Decimal{exact("1200"), exact("1500")}},
		"arithmetic 1": {position.Linear, first(position.Average), "90", notes.Targets},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(c.rules)
			b.must(t, contract(c.kind, position.Average))
			b.must(t, purchase("1", "100"), notes)
			before := b.Position(here).Conditions
			b.must(t, position.Split{Instrument: "X", Ratio: exact("10")})
			p := b.Position(here)
			require.Equal(t, c.stop, p.Conditions.Stop.String())
			require.Equal(t, c.targets, p.Conditions.Targets)
			require.Equal(t, []string{"swing"}, p.Conditions.Tags)
			require.Equal(t, before.Meta, p.Conditions.Meta)
			require.Equal(t, exact("90"), before.Stop, "the image before it is as it was")
			require.Equal(t, notes.Targets, before.Targets)
		})
	}
	b := newBook(position.Rules{})
	b.must(t, purchase("1", "100"), position.Amend{Key: here, Targets: []position.Decimal{exact("100000000000000000000")}})
	err := b.apply(t, position.Split{Instrument: "X", Ratio: exact("1"), Per: exact("10")})
	require.ErrorContains(t, err, "out of range", "as any price that would not fit")
}

// TestLotsByTheirPrice: a lot is named by its entry price in ten digits, however
// its cost was rounded; dust is not named by a price that it was never bought at.
func TestLotsByTheirPrice(t *testing.T) {
	t.Parallel()
	named := func(f position.Fill, price string) position.Fill { return of(f, "", price, "") }
	t.Run("inverse, after every partial close", func(t *testing.T) {
		t.Parallel()
		for price := int64(59_001); price < 59_400; price += 7 {
			entry := position.FromInt(price).String()
			b := newBook(by(position.SpecificLot))
			b.must(t, contract(position.Inverse, position.SpecificLot))
			b.must(t, purchase("292", entry), purchase("292", "60578"))
			for _, qty := range []string{"34", "1", "7", "13", "100"} {
				b.must(t, named(sale(qty, "59583"), entry))
			}
			require.Equal(t, exact("137"), b.Position(here).Lots.Open[0].Qty, entry)
		}
	})
	t.Run("dust has no price but its own", func(t *testing.T) {
		t.Parallel()
		for _, kind := range []position.InstrumentKind{position.Inverse, position.Linear} {
			b := newBook(by(position.SpecificLot))
			b.must(t, contract(kind, position.SpecificLot))
			b.must(t, purchase("0.000000000000000001", "0.3"), purchase("5", "12.5"))
			if kind == position.Inverse {
				b = newBook(by(position.SpecificLot))
				b.must(t, contract(kind, position.SpecificLot))
				b.must(t, purchase("0.000000000000000001", "30"), purchase("5", "12.5"))
			}
			require.Zero(t, b.Position(here).Lots.Open[0].Cost)
			b.must(t, named(sale("1", "13"), "12.5"))
			require.ErrorIs(t, b.apply(t, named(sale("1", "13"), "0.4")), position.ErrNoLot)
		}
	})
	t.Run("what ten digits do not tell apart is a choice", func(t *testing.T) {
		t.Parallel()
		b := newBook(by(position.SpecificLot))
		b.must(t, purchase("1", "10"), purchase("2", "10.00000000004"), purchase("3", "10.00000001"))
		require.ErrorIs(t, b.apply(t, named(sale("1", "11"), "10")), position.ErrLotChoice)
		b.must(t, named(sale("1", "11"), "10.00000001"))
		old := newBook(first(position.SpecificLot))
		old.must(t, purchase("1", "10"), purchase("2", "10.00000000004"))
		old.must(t, named(sale("1", "11"), "10"))
	})
}

// TestRefoldOfLotsNamedByArithmetic1: what a price named to the last place when it
// was given is found again by a bust of the newest arithmetic.
func TestRefoldOfLotsNamedByArithmetic1(t *testing.T) {
	t.Parallel()
	b := newBook(first(position.SpecificLot))
	b.must(t, called("x", purchase("4", "9")), called("a", purchase("1", "10")), called("b", purchase("2", "10.00000000004")))
	b.must(t, of(called("s", sale("1", "11")), "", "10", ""))
	b.rules = by(position.SpecificLot)
	b.must(t, position.Bust{Key: here, Fill: "x"})
	p := b.Position(here)
	require.Equal(t, exact("2"), p.Qty)
	require.Equal(t, "b", p.Lots.Open[0].Label)
}

// TestAdjustSpread: a difference of cost is shared out by quantity, or by cost.
func TestAdjustSpread(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method position.CostMethod
		spread position.Spread
		before []position.Mutation
		cost   string
		want   string
		sold   string // profit of 10 more at 30
	}{
		"by quantity": {
			position.FIFO, position.SpreadByQty,
			[]position.Mutation{called("a", purchase("10", "10")), called("b", purchase("10", "20"))},
			"-30",
			"a:10/85 b:10/185", "215",
		},
		"by cost": {
			position.FIFO, position.SpreadByCost,
			[]position.Mutation{called("a", purchase("10", "10")), called("b", purchase("10", "20"))},
			"-30",
			"a:10/90 b:10/180", "210",
		},
		"by cost, short": {
			position.FIFO, position.SpreadByCost,
			[]position.Mutation{called("a", sale("10", "10")), called("b", sale("30", "20"))},
			"7",
			"a:-10/-99 b:-30/-594", "",
		},
		"by cost, the last takes the rest": {
			position.LIFO, position.SpreadByCost,
			[]position.Mutation{called("a", purchase("1", "1")), called("b", purchase("1", "1")), called("c", purchase("1", "1"))},
			"1",
			"a:1/1.333333333333333333 b:1/1.333333333333333333 c:1/1.333333333333333334", "",
		},
		"by cost, a lot that cost nothing keeps that": {
			position.HIFO, position.SpreadByCost,
			[]position.Mutation{called("a", purchase("10", "10")), called("b", purchase("5", "0")), called("c", purchase("10", "30"))},
			"-40",
			"a:10/90 b:5/0 c:10/270", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBook(by(c.method))
			b.must(t, c.before...)
			b.must(t, position.Adjust{Key: here, Cost: exact(c.cost), Spread: c.spread, Reason: "spin-off"})
			_, lots, _ := strings.Cut(sheet(b.Position(here)), ", lots ")
			require.Equal(t, c.want, lots)
			checkLots(t, b.Position(here))
			if c.sold != "" {
				b.must(t, sale("10", "30"))
				require.Equal(t, c.sold, b.Position(here).Totals.Realized.String())
			}
		})
	}
	b := newBook(by(position.FIFO))
	b.must(t, purchase("10", "0"))
	v := position.Adjust{Key: here, Cost: exact("5"), Spread: position.SpreadByCost, Reason: "r"}
	refusal(t, b.apply(t, v), position.ErrInvalid, "spread")
	v.Cost, v.Realized = position.Decimal{}, exact("1")
	refusal(t, b.apply(t, v), position.ErrInvalid, "spread")
	v.Spread = 2
	refusal(t, b.apply(t, v), position.ErrInvalid, "spread")
	avg := newBook(position.Rules{})
	avg.must(t, purchase("10", "10"), position.Adjust{Key: here, Cost: exact("-10"), Spread: position.SpreadByCost, Reason: "r"})
	require.Equal(t, exact("90"), avg.Position(here).Cost, "under average cost it makes no difference")
}

// TestAdjustOverZero: a cost that no price of an inverse instrument gives is
// refused, whether it is adopted or adjusted to.
func TestAdjustOverZero(t *testing.T) {
	t.Parallel()
	for _, method := range []position.CostMethod{position.Average, position.HIFO} {
		b := newBook(position.Rules{})
		b.must(t, contract(position.Inverse, method))
		b.must(t, purchase("100", "50"), purchase("100", "20")) // 2 and 5
		for _, cost := range []string{"-7", "-8", "-5"} {
			v := position.Adjust{Key: here, Cost: exact(cost), Reason: "r"}
			if method == position.Average && cost == "-5" {
				b.must(t, v)
				continue
			}
			refusal(t, b.apply(t, v), position.ErrInvalid, "cost")
		}
		old := newBook(first(position.Inherited))
		old.must(t, contract(position.Inverse, method))
		old.must(t, purchase("100", "50"), position.Adjust{Key: here, Cost: exact("-3"), Reason: "r"})
	}
	linear := newBook(position.Rules{})
	linear.must(t, purchase("1", "5"), position.Adjust{Key: here, Cost: exact("-7"), Reason: "r"})
	avg, ok := linear.Position(here).AvgEntry()
	require.True(t, ok)
	require.Equal(t, "-2", avg.String(), "a linear price may be negative")
}

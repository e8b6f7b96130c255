package position_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func adopt(qty string, f func(*position.Adopt)) position.Adopt {
	v := position.Adopt{Key: here, Qty: exact(qty)}
	if f != nil {
		f(&v)
	}
	return v
}

func priced(price string) func(*position.Adopt) {
	return func(v *position.Adopt) { v.Price = ptr(price) }
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	lots := []position.AdoptedLot{
		{Qty: exact("-1"), Price: ptr("30"), Opened: 7, Label: "z"},
		{Qty: exact("-2"), Cost: ptr("-50"), Opened: 5},
	}
	traded := []position.Mutation{called("a", purchase("10", "5")), called("b", sale("4", "8"))}
	for _, c := range []struct {
		name   string
		method position.CostMethod
		kind   position.InstrumentKind
		before []position.Mutation
		adopt  position.Adopt
		want   []string // after each change
	}{
		{
			"a new key at a price", position.Average, position.Linear, nil, adopt("-3", priced("7")),
			[]string{"-3 cost -21 avg 7, in 1 3/21, out 0 0/0, peak 3, realized 0, 7..7, cycle 1"},
		},
		{
			"a new key at a cost, with all that is known", position.Average, position.Inverse, nil,
			adopt("100", func(v *position.Adopt) {
				v.Cost, v.Realized, v.Funding, v.High, v.Low, v.Opened = ptr("2"), ptr("3"), ptr("4"), ptr("70"), ptr("40"), 1
			}),
			[]string{"100 cost 2 avg 50, in 1 100/2, out 0 0/0, peak 100, realized 3, 40..70, cycle 1"},
		},
		{
			"a high below the price moves the low of a new cycle", position.Average, position.Linear, nil,
			adopt("1", func(v *position.Adopt) { v.Price, v.High = ptr("7"), ptr("6") }),
			[]string{"1 cost 7 avg 7, in 1 1/7, out 0 0/0, peak 1, realized 0, 6..6, cycle 1"},
		},
		{
			"lots", position.FIFO, position.Linear, nil,
			adopt("-3", func(v *position.Adopt) { v.Ident, v.Lots = "x", lots }),
			[]string{"-3 cost -80 avg 26.666666666666666667, in 1 3/80, out 0 0/0, peak 3, realized 0, 26.666666666666666667..26.666666666666666667, cycle 1, lots x:-2/-50 z:-1/-30"},
		},
		{
			"in place: what has left stays", position.Average, position.Linear, traded, adopt("7", priced("6")),
			[]string{"7 cost 42 avg 6, in 2 11/62, out 1 4/32, peak 10, realized 12, 5..8, cycle 1"},
		},
		{
			"in place, less, as one lot", position.FIFO, position.Linear, traded,
			adopt("5", func(v *position.Adopt) { v.Ident, v.Cost, v.Realized = "x", ptr("20"), ptr("1") }),
			[]string{"5 cost 20 avg 4, in 1 9/40, out 2 4/32, peak 10, realized 1, 5..8, cycle 1, lots x:5/20"},
		},
		{
			"the other side", position.LIFO, position.Linear, traded,
			adopt("-3", func(v *position.Adopt) { v.Ident, v.Price, v.Realized = "x", ptr("7"), ptr("2") }),
			[]string{
				"0 cost 0 avg 5, in 1 4/20, out 2 4/32, peak 10, realized 12, 5..8, cycle 1, lots",
				"-3 cost -21 avg 7, in 1 3/21, out 0 0/0, peak 3, realized 2, 7..7, cycle 2, lots x:-3/-21",
			},
		},
		{
			"flat", position.SpecificLot, position.Linear, append(traded[:1:1], called("c", purchase("1", "5"))),
			adopt("0", func(v *position.Adopt) { v.Realized = ptr("6") }),
			[]string{"0 cost 0 avg 5, in 2 0/0, out 1 0/0, peak 11, realized 6, 5..5, cycle 1, lots"},
		},
		{
			"what is flat already", position.Average, position.Linear, append(traded[:2:2], sale("6", "5")),
			adopt("0", func(v *position.Adopt) { v.Funding = ptr("6") }),
			[]string{"0 cost 0 avg 5, in 1 10/50, out 2 10/62, peak 10, realized 12, 5..8, cycle 1"},
		},
		{
			"a key that never was open", position.Average, position.Linear, nil,
			adopt("0", func(v *position.Adopt) { v.Realized = ptr("6") }),
			[]string{"0 cost 0 avg ?, in 0 0/0, out 0 0/0, peak 0, realized 6, 0..0, cycle 0"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(c.kind, c.method))
			b.must(t, c.before...)
			var realized position.Decimal
			var cycle uint64
			if p := b.Position(here); p != nil {
				realized, cycle = p.Totals.Realized, p.Cycle
			}
			b.must(t, c.adopt)
			var got []string
			for _, ch := range b.last() {
				require.Equal(t, position.Adopted, ch.Kind)
				got = append(got, sheet(ch.After))
			}
			require.Equal(t, c.want, got)
			p := b.Position(here)
			if c.adopt.Opened != 0 {
				require.Equal(t, c.adopt.Opened, p.OpenedAt)
			}
			if c.adopt.Realized != nil {
				last := b.last()[len(b.last())-1]
				require.Equal(t, *c.adopt.Realized, p.Totals.Realized)
				if last.After.Cycle == cycle {
					realized = minus(t, *c.adopt.Realized, realized)
				} else {
					realized = *c.adopt.Realized
				}
				require.Equal(t, realized, last.Realized)
			}
			if c.adopt.Funding != nil {
				require.Equal(t, *c.adopt.Funding, p.Totals.Funding)
			}
		})
	}
}

func TestAdoptedLots(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	b.must(t, purchase("1", "2"), adopt("3", func(v *position.Adopt) {
		v.Ident, v.Time = "x", 9
		v.Lots = []position.AdoptedLot{{Qty: exact("2"), Price: ptr("4")}, {Qty: exact("1"), Price: ptr("5"), Opened: 3, Label: "y"}}
	}))
	require.Equal(t, []position.Lot{
		{ID: 3, Qty: exact("1"), Cost: exact("5"), Opened: 3, Label: "y"},
		{ID: 2, Qty: exact("2"), Cost: exact("8"), Opened: 9, Label: "x"},
	}, b.Position(here).Lots.Open)
	require.Equal(t, []position.LotUse{{ID: 1, Qty: exact("1"), Cost: exact("2")}}, b.last()[0].Consumed)
	b.must(t, adopt("3", func(v *position.Adopt) { v.Ident, v.Price, v.Opened = "z", ptr("4"), 2 }))
	require.Equal(t, []position.Lot{{ID: 4, Qty: exact("3"), Cost: exact("12"), Opened: 2, Label: "z"}}, b.Position(here).Lots.Open)
}

func TestAdoptRefusals(t *testing.T) {
	t.Parallel()
	lots := func(lots ...position.AdoptedLot) func(*position.Adopt) {
		return func(v *position.Adopt) { v.Lots = lots }
	}
	for name, v := range map[string]position.Adopt{
		"price, without": adopt("1", nil),
		"price, both":    adopt("1", func(v *position.Adopt) { v.Price, v.Cost = ptr("1"), ptr("1") }),
		"price, flat":    adopt("0", priced("1")),
		"cost":           adopt("1", func(v *position.Adopt) { v.Cost = ptr("-1") }),
		"high":           adopt("1", func(v *position.Adopt) { v.Price, v.High, v.Low = ptr("2"), ptr("1"), ptr("2") }),
		"opened":         adopt("1", func(v *position.Adopt) { v.Price, v.Opened = ptr("2"), -1 }),
		"opened, after":  adopt("1", func(v *position.Adopt) { v.Price, v.Opened = ptr("2"), 1000 }),
		"reason":         adopt("1", func(v *position.Adopt) { v.Price, v.Reason = ptr("2"), strings.Repeat("r", position.MaxReason+1) }),
		"ref":            adopt("1", func(v *position.Adopt) { v.Price, v.Ref = ptr("2"), "\n" }),
		"lots, average":  adopt("1", lots(position.AdoptedLot{Qty: exact("1"), Price: ptr("1")})),
		"lots, sum":      adopt("1", lots(position.AdoptedLot{Qty: exact("2"), Price: ptr("1")})),
		"lots, side":     adopt("1", lots(position.AdoptedLot{Qty: exact("-1"), Price: ptr("1")})),
		"lots, none":     adopt("1", func(v *position.Adopt) { v.Lots = []position.AdoptedLot{} }),
		"lots, price":    adopt("1", lots(position.AdoptedLot{Qty: exact("1")})),
		"lots, cost":     adopt("1", lots(position.AdoptedLot{Qty: exact("1"), Cost: ptr("-1")})),
		"lots, opened":   adopt("1", lots(position.AdoptedLot{Qty: exact("1"), Price: ptr("1"), Opened: -1})),
		"lots, label":    adopt("1", lots(position.AdoptedLot{Qty: exact("1"), Price: ptr("1"), Label: "\n"})),
		"lots, many":     adopt("1", func(v *position.Adopt) { v.Lots = make([]position.AdoptedLot, position.MaxLots+1) }),
		"qty":            adopt("0", func(v *position.Adopt) { v.High = ptr("1") }),
		"amount": adopt("0.000000000000000001", func(v *position.Adopt) {
			v.Price = ptr("1")
			v.Qty = exact("100000000000")
			v.Price = ptr("100000000000")
		}),
		"cost, no such average": adopt("0.000000000000000001", func(v *position.Adopt) { v.Cost = ptr("1000") }),
	} {
		field, _, _ := strings.Cut(name, ",")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules := position.Rules{CostMethod: position.FIFO}
			if strings.HasSuffix(name, "average") {
				rules.CostMethod = position.Average
			}
			refusal(t, newBook(rules).apply(t, v), position.ErrInvalid, field)
		})
	}
	b := newBook(position.Rules{})
	b.must(t, contract(position.Inverse, position.Average), purchase("1", "5"), marked("3"))
	refusal(t, b.apply(t, adopt("2", priced("0"))), position.ErrInvalid, "price")
	refusal(t, b.apply(t, adopt("2", func(v *position.Adopt) { v.Cost = ptr("0") })), position.ErrInvalid, "cost")
	refusal(t, b.apply(t, adopt("2", func(v *position.Adopt) { v.Price, v.High = ptr("5"), ptr("2") })), position.ErrInvalid, "high")
	stale := adopt("2", priced("1"))
	zero := uint64(0)
	stale.ExpectVersion = &zero
	refusal(t, b.apply(t, stale), position.ErrVersionConflict, "")
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, adopt("1", priced("1"))), position.ErrUnknownInstrument, "")
}

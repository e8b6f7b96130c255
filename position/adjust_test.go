package position_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func adjust(f func(*position.Adjust)) position.Adjust {
	v := position.Adjust{Key: here, Reason: "statement"}
	f(&v)
	return v
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	two := []position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "20"))}
	for _, c := range []struct {
		name   string
		method position.CostMethod
		kind   position.InstrumentKind
		before []position.Mutation
		adjust position.Adjust
		want   string
	}{
		{
			"opens a position", position.Average, position.Linear, nil,
			adjust(func(v *position.Adjust) { v.Qty, v.Price = exact("-3"), ptr("7") }),
			"-3 cost -21 avg 7, in 1 3/21, out 0 0/0, peak 3, realized 0, 7..7, cycle 1",
		},
		{
			"opens one with another cost and profit", position.FIFO, position.Linear, nil,
			adjust(func(v *position.Adjust) {
				v.Ident, v.Qty, v.Price, v.Cost, v.Realized = "x", exact("3"), ptr("7"), exact("0.9"), exact("5")
			}),
			"3 cost 21.9 avg 7.3, in 1 3/21.9, out 0 0/0, peak 3, realized 5, 7..7, cycle 1, lots x:3/21.9",
		},
		{
			"more at the average", position.Average, position.Inverse,
			[]position.Mutation{purchase("100", "50")},
			adjust(func(v *position.Adjust) { v.Qty = exact("10") }),
			"110 cost 2.2 avg 50, in 2 110/2.2, out 0 0/0, peak 110, realized 0, 50..50, cycle 1",
		},
		{
			"more at a price", position.Average, position.Linear,
			[]position.Mutation{sale("1", "50")},
			adjust(func(v *position.Adjust) { v.Qty, v.Price = exact("-1"), ptr("60") }),
			"-2 cost -110 avg 55, in 2 2/110, out 0 0/0, peak 2, realized 0, 50..60, cycle 1",
		},
		{
			"less, by its share of the cost", position.Average, position.Linear, two,
			adjust(func(v *position.Adjust) { v.Qty = exact("-2") }),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
		},
		{
			"less, by the oldest lot", position.FIFO, position.Linear, two,
			adjust(func(v *position.Adjust) { v.Qty = exact("-5") }),
			"3 cost 60 avg 20, in 2 3/60, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots b:3/60",
		},
		{
			"to zero", position.LIFO, position.Linear, two,
			adjust(func(v *position.Adjust) { v.Qty, v.Realized = exact("-8"), exact("-1") }),
			"0 cost 0 avg 15, in 2 0/0, out 1 0/0, peak 8, realized -1, 10..20, cycle 1, lots",
		},
		{
			"cost, over the lots in proportion", position.FIFO, position.Linear,
			[]position.Mutation{called("a", purchase("1", "10")), called("b", purchase("2", "20"))},
			adjust(func(v *position.Adjust) { v.Cost = exact("-1") }),
			"3 cost 49 avg 16.333333333333333333, in 2 3/49, out 0 0/0, peak 3, realized 0, 10..20, cycle 1, lots a:1/9.666666666666666667 b:2/39.333333333333333333",
		},
		{
			"quantity and cost at once", position.FIFO, position.Linear, two,
			adjust(func(v *position.Adjust) { v.Qty, v.Cost = exact("-6"), exact("2") }),
			"2 cost 42 avg 21, in 2 2/42, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots b:2/42",
		},
		{
			"profit and funding of a flat position", position.Average, position.Linear,
			[]position.Mutation{purchase("1", "2"), sale("1", "3")},
			adjust(func(v *position.Adjust) { v.Realized, v.Funding = exact("4"), exact("5") }),
			"0 cost 0 avg 2, in 1 1/2, out 1 1/3, peak 1, realized 5, 2..3, cycle 1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(c.kind, c.method))
			b.must(t, c.before...)
			var funding, cost position.Decimal
			if p := b.Position(here); p != nil {
				funding, cost = p.Totals.Funding, p.Cost
			}
			b.must(t, c.adjust)
			p := b.Position(here)
			require.Equal(t, c.want, sheet(p))
			require.Len(t, b.last(), 1)
			ch := b.last()[0]
			require.Equal(t, position.Adjusted, ch.Kind)
			require.Equal(t, c.adjust.Realized, ch.Realized)
			require.Equal(t, minus(t, p.Cost, cost), ch.Value, "the value of an adjustment is what it does to the cost")
			require.Equal(t, added(t, funding, c.adjust.Funding), p.Totals.Funding)
		})
	}
}

// TestAdjustNamesLotsInTheirOrder: by number, whenever they were opened.
func TestAdjustNamesLotsInTheirOrder(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	late, early := purchase("1", "2"), purchase("1", "3")
	late.Time, early.Time = 9, 5
	b.must(t, late, early, adjust(func(v *position.Adjust) { v.Cost = exact("1") }))
	require.Equal(t, []position.Lot{
		{ID: 1, Qty: exact("1"), Cost: exact("2.5"), Opened: 9, Label: "m1"},
		{ID: 2, Qty: exact("1"), Cost: exact("3.5"), Opened: 5, Label: "m2"},
	}, b.last()[0].Opened)
}

func TestAdjustRefusals(t *testing.T) {
	t.Parallel()
	by := func(qty string) position.Adjust { return adjust(func(v *position.Adjust) { v.Qty = exact(qty) }) }
	b := newBook(position.Rules{})
	for field, v := range map[string]position.Adjust{
		"qty":        adjust(func(*position.Adjust) {}),
		"price":      adjust(func(v *position.Adjust) { v.Cost, v.Price = exact("1"), ptr("1") }),
		"reason":     adjust(func(v *position.Adjust) { v.Qty, v.Reason = exact("1"), "" }),
		"ref":        adjust(func(v *position.Adjust) { v.Qty, v.Ref = exact("1"), strings.Repeat("r", 65) }),
		"instrument": adjust(func(v *position.Adjust) { v.Qty, v.Instrument = exact("1"), "" }),
	} {
		refusal(t, b.apply(t, v), position.ErrInvalid, field)
	}
	long := by("1")
	long.Reason = strings.Repeat("r", position.MaxReason+1)
	refusal(t, b.apply(t, long), position.ErrInvalid, "reason")
	long.Reason = "two\nlines"
	refusal(t, b.apply(t, long), position.ErrInvalid, "reason")

	refusal(t, b.apply(t, adjust(func(v *position.Adjust) { v.Realized = exact("1") })), position.ErrUnknownPosition, "")
	refusal(t, b.apply(t, by("1")), position.ErrInvalid, "price")
	b.must(t, purchase("2", "5"))
	refusal(t, b.apply(t, by("-3")), position.ErrOverReduction, "")
	priced := by("-1")
	priced.Price = ptr("1")
	refusal(t, b.apply(t, priced), position.ErrInvalid, "price")
	closing := by("-2")
	closing.Cost = exact("1")
	refusal(t, b.apply(t, closing), position.ErrInvalid, "cost")
	b.must(t, by("-2"))
	refusal(t, b.apply(t, adjust(func(v *position.Adjust) { v.Cost = exact("1") })), position.ErrInvalid, "cost")
	zero := uint64(0)
	stale := by("1")
	stale.ExpectVersion = &zero
	refusal(t, b.apply(t, stale), position.ErrVersionConflict, "")
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, by("1")), position.ErrUnknownInstrument, "")
}

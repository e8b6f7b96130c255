package position_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// policy is a small world, and what docs/position-model.md says that it comes to.
type policy struct {
	name   string
	kind   position.InstrumentKind
	method position.CostMethod
	round  position.Rounding
	story  []position.Mutation
	want   string // sheet of here
}

func places(mode position.RoundMode, digits uint8) position.Round {
	return position.Round{Mode: mode, Digits: digits}
}

// TestPolicies are the sentences of "In detail" in docs/position-model.md.
func TestPolicies(t *testing.T) {
	t.Parallel()
	two := []position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "20"))}
	then := func(ms ...position.Mutation) []position.Mutation {
		return append(append([]position.Mutation(nil), two...), ms...)
	}
	cent := position.Rounding{Value: places(position.HalfEven, 2)}
	third := exact("0.333333333333333333")
	for _, c := range []policy{
		{
			"what a transfer takes was never entered", position.Linear, position.Average,
			position.Rounding{},
			then(move("2")),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
		},
		{
			"nor was what an adjustment takes", position.Linear, position.Average,
			position.Rounding{},
			then(adjust(func(v *position.Adjust) { v.Qty = exact("-2") })),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
		},
		{
			"a larger adoption is an entry", position.Linear, position.Average,
			position.Rounding{},
			then(position.Adopt{Key: here, Qty: exact("9"), Price: ptr("16")}),
			"9 cost 144 avg 16, in 3 9/144, out 0 0/0, peak 9, realized 0, 10..20, cycle 1",
		},
		{
			"a smaller one an exit", position.Linear, position.Average,
			position.Rounding{},
			then(position.Adopt{Key: here, Qty: exact("7"), Price: ptr("16")}),
			"7 cost 112 avg 16, in 2 7/112, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
		},
		{
			"one of the same quantity neither", position.Linear, position.Average,
			position.Rounding{},
			then(position.Adopt{Key: here, Qty: exact("8"), Price: ptr("16")}),
			"8 cost 128 avg 16, in 2 8/128, out 0 0/0, peak 8, realized 0, 10..20, cycle 1",
		},
		{
			"a cycle that an adoption opens saw its price only", position.Linear, position.Average,
			position.Rounding{},
			[]position.Mutation{marked("50"), position.Adopt{Key: here, Qty: exact("8"), Price: ptr("16")}},
			"8 cost 128 avg 16, in 1 8/128, out 0 0/0, peak 8, realized 0, 16..16, cycle 1",
		},
		{
			"what a split rounds to nothing is lost", position.Linear, position.Average,
			position.Rounding{},
			[]position.Mutation{purchase("0.000000000000000001", "5000000"), position.Split{Instrument: "X", Ratio: exact("1"), Per: exact("10")}},
			"0 cost 0 avg 50000000, in 1 0/0.000000000005, out 1 0/0, peak 0, realized -0.000000000005, 50000000..50000000, cycle 1",
		},
		{
			"and gained where it was short", position.Linear, position.Average,
			position.Rounding{},
			[]position.Mutation{sale("0.000000000000000001", "5000000"), position.Split{Instrument: "X", Ratio: exact("1"), Per: exact("10")}},
			"0 cost 0 avg 50000000, in 1 0/0.000000000005, out 1 0/0, peak 0, realized 0.000000000005, 50000000..50000000, cycle 1",
		},
		{
			"a part that a split cuts off without a price left at nothing", position.Linear, position.Average,
			position.Rounding{},
			[]position.Mutation{purchase("5", "10"), position.Split{Instrument: "X", Ratio: exact("1"), Per: exact("2"), Increment: exact("1")}, sale("2", "30")},
			"0 cost 0 avg 20, in 1 2.5/50, out 2 2.5/60, peak 2.5, realized 10, 20..30, cycle 1",
		},
		{
			"a value profile rounds an adoption", position.Linear, position.Average, cent,
			[]position.Mutation{position.Adopt{Key: here, Qty: third, Price: ptr("10")}},
			"0.333333333333333333 cost 3.33 avg 9.99000000000000001, in 1 0.333333333333333333/3.33, out 0 0/0, peak 0.333333333333333333, realized 0, 10..10, cycle 1",
		},
		{
			"and what an adjustment brings, a settlement pays", position.Linear, position.Average, cent,
			[]position.Mutation{
				adjust(func(v *position.Adjust) { v.Qty, v.Price = third, ptr("10") }), settle("20", position.Expiry),
			},
			"0 cost 0 avg 9.99000000000000001, in 1 0.333333333333333333/3.33, out 1 0.333333333333333333/6.67, peak 0.333333333333333333, realized 3.34, 10..20, cycle 1",
		},
		{
			"cash in lieu", position.Linear, position.Average, cent,
			[]position.Mutation{purchase("5", "10"), position.Split{
				Instrument: "X", Ratio: exact("1"), Per: exact("3"), Increment: exact("1"), CashPrice: ptr("10"),
			}},
			"1 cost 29.999999999999999994 avg 29.999999999999999994, in 1 1.666666666666666667/50, out 1 0.666666666666666667/6.67, peak 1.666666666666666667, realized -13.330000000000000006, 30..30, cycle 1",
		},
		{
			"and what an arriving transfer closes", position.Linear, position.Average, cent,
			[]position.Mutation{on(there, purchase("7", "10.007")), sale("2", "12"), position.Transfer{
				Key: there, ToAccount: here.Account, ToStrategy: here.Strategy, Qty: exact("3"),
			}, on(there, purchase("1", "10"))},
			"1 cost 10.011428571428571429 avg 10.011428571428571429, in 1 1/10.011428571428571429, out 0 0/0, peak 1, realized 0, 10.007..10.007, cycle 2",
		},
		{
			"the second part of a flip is what the rounded first one leaves", position.Linear, position.Average,
			position.Rounding{Value: places(position.Ceiling, 2)},
			[]position.Mutation{purchase("1", "10"), sale("3", "3.335")},
			"-2 cost -6.67 avg 3.335, in 1 2/6.67, out 0 0/0, peak 2, realized 0, 3.335..3.335, cycle 2",
		},
		{
			"an average that the instrument cannot have is none: profit is against the exact cost", position.Inverse, position.Average,
			position.Rounding{Value: places(position.Floor, 10), Average: places(position.Floor, 6)},
			[]position.Mutation{purchase("0.000000000000000001", "100"), sale("0.000000000000000001", "100")},
			"0 cost 0 avg 0, in 1 0.000000000000000001/0, out 1 0.000000000000000001/0.0000000001, peak 0.000000000000000001, realized -0.0000000001, 100..100, cycle 1",
		},
		{
			"dust is adopted by a price, in a lot as well", position.Inverse, position.FIFO,
			position.Rounding{},
			[]position.Mutation{position.Adopt{Key: here, Qty: exact("0.000000000000000001"), Lots: []position.AdoptedLot{
				{Qty: exact("0.000000000000000001"), Price: ptr("50000"), Label: "l"},
			}}},
			"0.000000000000000001 cost 0 avg ?, in 1 0.000000000000000001/0, out 0 0/0, peak 0.000000000000000001, realized 0, 50000..50000, cycle 1, lots l:0.000000000000000001/0",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			d := contract(c.kind, c.method)
			d.Terms.Rounding = c.round
			b.must(t, d)
			b.must(t, c.story...)
			require.Equal(t, c.want, sheet(b.Position(here)))
			require.Zero(t, b.Position(here).Residue)
		})
	}
}

// TestRoundedOutOfRange: the smallest fill is folded under every profile; what a
// profile makes too large for a decimal is refused by name.
func TestRoundedOutOfRange(t *testing.T) {
	t.Parallel()
	const smallest = "0.000000000000000001"
	for mode := position.HalfEven; mode <= position.Ceiling; mode++ {
		for _, kind := range []position.InstrumentKind{position.Linear, position.Inverse} {
			for digits := range uint8(19) {
				b := newBook(position.Rules{})
				d := contract(kind, position.FIFO)
				d.Terms.Rounding = position.Rounding{Value: places(mode, digits), Average: places(mode, digits), Realized: places(mode, digits)}
				b.must(t, d)
				b.must(t, purchase(smallest, "100"), purchase("1", "90"), sale(smallest, "120"), sale("2", "80"), purchase(smallest, "70"))
			}
		}
	}
	b := newBook(position.Rules{})
	d := contract(position.Linear, position.Average)
	d.Terms.Rounding = position.Rounding{Value: places(position.Up, 0), ValuePer: exact(smallest)}
	b.must(t, d)
	b.must(t, purchase(smallest, "10"), purchase("100", "10"))
	require.Equal(t, "100000000000000000001", b.Position(here).Cost.String(), "each of the smallest units costs one")
	require.ErrorIs(t, b.apply(t, purchase("100", "10")), position.ErrOverflow)
}

// TestPoliciesOfMarks: the mark is the last one that was given, whatever its time.
func TestPoliciesOfMarks(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	late, early := marked("10"), marked("20")
	late.Time, early.Time = 9, 5
	b.must(t, late, early, purchase("1", "15"))
	require.Equal(t, "20", b.Position(here).Mark.String())
}

// TestPoliciesOfBusts: what becomes of what was said of a position that a bust
// undoes.
func TestPoliciesOfBusts(t *testing.T) {
	t.Parallel()
	undone := position.Bust{Key: here, Fill: "a"}

	b := newBook(position.Rules{})
	b.must(t, called("a", purchase("1", "10")), position.Amend{Key: here, Stop: ptr("9")}, undone)
	p := b.Position(here)
	require.Nil(t, p.Conditions, "an amendment is dropped")
	require.EqualValues(t, 0, p.Cycle, "a key whose only fill was cancelled was never open")
	require.EqualValues(t, 3, p.Version, "its versions go on")
	b.must(t, purchase("1", "10"))
	require.EqualValues(t, 1, b.Position(here).Cycle, "the number of the cycle is used again")
	require.EqualValues(t, 4, b.Position(here).Version)

	b = newBook(position.Rules{})
	b.must(t, called("a", purchase("1", "10")), adjust(func(v *position.Adjust) { v.Cost = exact("1") }))
	require.ErrorIs(t, b.apply(t, undone), position.ErrRefold, "an adjustment is not")

	// What a transfer took along stays where it went, the extremes as well.
	b = newBook(by(position.FIFO))
	b.must(t, called("x", purchase("1", "10")), called("a", purchase("1", "90")), move("1"), undone)
	require.Equal(t, "10", b.Position(here).LastEntry.String())
	require.Equal(t, "90", b.Position(there).High.String())

	// Lots that come back are new ones.
	b = newBook(by(position.FIFO))
	b.must(t, called("x", purchase("1", "10")), called("a", sale("1", "12")), undone)
	require.EqualValues(t, 2, b.Position(here).Lots.Open[0].ID)
	require.Equal(t, "x", b.Position(here).Lots.Open[0].Label)
}

// TestPartsOfABust: quantity, profit and value of a bust are those of all its
// parts together, and stand in the last.
func TestPartsOfABust(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, called("a", purchase("100", "10")), called("b", purchase("100", "12")), called("s", sale("150", "15")), position.Bust{Key: here, Fill: "b"})
	var got []string
	for _, c := range b.last() {
		got = append(got, fmt.Sprintf("%d/%d qty %s realized %s, then %s", c.Part, c.Parts, c.Qty, c.Realized, c.After.Qty))
	}
	require.Equal(t, []string{"0/2 qty 0 realized 0, then 0", "1/2 qty -100 realized -100, then -50"}, got)
}

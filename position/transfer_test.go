package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

func move(qty string) position.Transfer {
	v := position.Transfer{Key: here, ToAccount: there.Account}
	if qty != "" {
		v.Qty = exact(qty)
	}
	return v
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	two := []position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "20"))}
	for _, c := range []struct {
		name       string
		method     position.CostMethod
		kind       position.InstrumentKind
		before     []position.Mutation
		move       position.Transfer
		left, came string
	}{
		{
			"a part takes its share of the cost", position.Average, position.Linear,
			append([]position.Mutation{marked("9")}, append(two, marked("30"))...), move("2"),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..30, cycle 1",
			"2 cost 30 avg 15, in 1 2/30, out 0 0/0, peak 2, realized 0, 10..30, cycle 1",
		},
		{
			"all of it, after an exit", position.Average, position.Linear,
			append(two, sale("2", "25")), move(""),
			"0 cost 0 avg 15, in 2 2/30, out 2 2/50, peak 8, realized 20, 10..25, cycle 1",
			"6 cost 90 avg 15, in 1 6/90, out 0 0/0, peak 6, realized 0, 10..25, cycle 1",
		},
		{
			"short", position.Average, position.Inverse,
			[]position.Mutation{sale("100", "50")},
			move("25"),
			"-75 cost -1.5 avg 50, in 1 75/1.5, out 1 0/0, peak 100, realized 0, 50..50, cycle 1",
			"-25 cost -0.5 avg 50, in 1 25/0.5, out 0 0/0, peak 25, realized 0, 50..50, cycle 1",
		},
		{
			"to what is open the same way", position.Average, position.Spot,
			append(two, on(there, purchase("2", "60"))), move("2"),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
			"4 cost 150 avg 37.5, in 2 4/150, out 0 0/0, peak 4, realized 0, 10..60, cycle 1",
		},
		{
			"against a larger opposite position", position.Average, position.Linear,
			append(two, on(there, sale("5", "18"))), move("2"),
			"6 cost 90 avg 15, in 2 6/90, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
			"-3 cost -54 avg 18, in 1 5/90, out 1 2/30, peak 5, realized 6, 15..18, cycle 1",
		},
		{
			"through a smaller opposite position", position.Average, position.Linear,
			append(two, on(there, sale("5", "18"))), move(""),
			"0 cost 0 avg 15, in 2 0/0, out 1 0/0, peak 8, realized 0, 10..20, cycle 1",
			"3 cost 45 avg 15, in 1 3/45, out 0 0/0, peak 3, realized 0, 10..20, cycle 2",
		},
		{
			"the oldest lots, which keep their names", position.FIFO, position.Linear, two, move("6"),
			"2 cost 40 avg 20, in 2 2/40, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots b:2/40",
			"6 cost 80 avg 13.333333333333333333, in 1 6/80, out 0 0/0, peak 6, realized 0, 10..20, cycle 1, lots a:4/40 b:2/40",
		},
		{
			"the newest lots", position.LIFO, position.Linear, two, move("6"),
			"2 cost 20 avg 10, in 2 2/20, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots a:2/20",
			"6 cost 100 avg 16.666666666666666667, in 1 6/100, out 0 0/0, peak 6, realized 0, 10..20, cycle 1, lots a:2/20 b:4/80",
		},
		{
			"the lots that are named", position.SpecificLot, position.Linear, two,
			position.Transfer{Key: here, ToStrategy: "t", Qty: exact("3"), Lot: &position.LotRef{Label: "b"}},
			"5 cost 60 avg 12, in 2 5/60, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots a:4/40 b:1/20",
			"3 cost 60 avg 20, in 1 3/60, out 0 0/0, peak 3, realized 0, 10..20, cycle 1, lots b:3/60",
		},
		{
			"lots through a smaller opposite position", position.FIFO, position.Linear,
			append(two, on(there, sale("5", "18"))), move(""),
			"0 cost 0 avg 15, in 2 0/0, out 1 0/0, peak 8, realized 0, 10..20, cycle 1, lots",
			"3 cost 60 avg 20, in 1 3/60, out 0 0/0, peak 3, realized 0, 10..20, cycle 2, lots b:3/60",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(c.kind, c.method))
			b.must(t, c.before...)
			b.must(t, c.move)
			require.Equal(t, c.left, sheet(b.Position(here)))
			require.Equal(t, c.came, sheet(b.Position(c.move.To())))
			for _, ch := range b.last() {
				require.Equal(t, position.Transferred, ch.Kind)
			}
			require.Equal(t, here, b.last()[0].After.Key)
			require.Zero(t, b.last()[0].Realized)
		})
	}
}

func TestTransferRefusals(t *testing.T) {
	t.Parallel()
	with := func(f func(*position.Transfer)) position.Transfer {
		v := move("1")
		f(&v)
		return v
	}
	b := newBook(position.Rules{})
	for field, v := range map[string]position.Transfer{
		"qty":         move("-1"),
		"account":     with(func(v *position.Transfer) { v.Account = "" }),
		"to_account":  with(func(v *position.Transfer) { v.ToAccount, v.ToStrategy = v.Account, v.Strategy }),
		"to_strategy": with(func(v *position.Transfer) { v.ToStrategy = "\n" }),
		"to_leg":      with(func(v *position.Transfer) { v.ToLeg = "\n" }),
		"lot":         with(func(v *position.Transfer) { v.Lot = &position.LotRef{} }),
	} {
		refusal(t, b.apply(t, v), position.ErrInvalid, field)
	}
	refusal(t, b.apply(t, move("")), position.ErrUnknownPosition, "")
	b.must(t, purchase("1", "5"), sale("1", "5"))
	refusal(t, b.apply(t, move("")), position.ErrUnknownPosition, "")
	b.must(t, purchase("3", "5"))
	refusal(t, b.apply(t, move("4")), position.ErrOverReduction, "")
	refusal(t, b.apply(t, with(func(v *position.Transfer) { v.Lot = &position.LotRef{Label: "a"} })), position.ErrInvalid, "lot")
	zero := uint64(0)
	refusal(t, b.apply(t, with(func(v *position.Transfer) { v.ExpectVersion = &zero })), position.ErrVersionConflict, "")
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, move("1")), position.ErrUnknownInstrument, "")

	b = newBook(position.Rules{OverReduction: position.RejectOver})
	b.must(t, purchase("3", "5"), on(there, sale("2", "5")))
	refusal(t, b.apply(t, move("3")), position.ErrOverReduction, "")
	require.Equal(t, exact("3"), b.Position(here).Qty, "all or nothing")

	b = newBook(position.Rules{CostMethod: position.SpecificLot})
	b.must(t, called("a", purchase("3", "5")), called("b", purchase("3", "6")))
	refusal(t, b.apply(t, move("2")), position.ErrLotChoice, "")
	refusal(t, b.apply(t, with(func(v *position.Transfer) { v.Lot = &position.LotRef{Label: "c"} })), position.ErrNoLot, "")
}

// TestTransferBetweenTerms: a cost under one arithmetic means nothing under
// another. Definitions are refused while positions are open, so that only a state
// made by hand holds two.
func TestTransferBetweenTerms(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, purchase("3", "5"), on(there, purchase("2", "5")))
	other, terms := *b.Position(there), *b.Position(there).Terms
	terms.Multiplier = exact("2")
	other.Terms = &terms
	b.positions[there] = &other
	refusal(t, b.apply(t, move("1")), position.ErrInstrumentInUse, "")
}

// TestTransferConserves: quantity and cost only change hands, the sum of what was
// traded is what the keys hold and have earned together, and a close afterwards
// earns what one without a transfer would have.
func TestTransferConserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse}).Draw(t, "kind")
		method := rapid.SampledFrom([]position.CostMethod{position.Average, position.FIFO, position.LIFO, position.HIFO}).Draw(t, "method")
		b := newBook(position.Rules{})
		b.must(t, contract(kind, method))
		sign := exact("-1")
		if kind == position.Inverse {
			sign = exact("1")
		}
		var qty, traded position.Decimal
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			from, to := here, there
			if rapid.Bool().Draw(t, "there") {
				from, to = there, here
			}
			moving := rapid.IntRange(0, 2).Draw(t, "move") == 0
			if moving {
				v := position.Transfer{Key: from, ToAccount: to.Account, ToStrategy: to.Strategy}
				if rapid.Bool().Draw(t, "part") {
					v.Qty = drawNumber(t, "part of it")
				}
				if b.apply(t, v) != nil {
					continue
				}
			} else {
				b.must(t, drawTrade(t, from))
				for _, c := range b.last() {
					qty, traded = added(t, qty, c.Qty), added(t, traded, c.Value)
				}
			}
			var heldQty, held position.Decimal
			for _, p := range b.positions {
				all, ok := p.Lifetime()
				require.True(t, ok)
				earned, err := all.Realized.Mul(sign)
				require.NoError(t, err)
				heldQty, held = added(t, heldQty, p.Qty), added(t, held, added(t, p.Cost, earned))
			}
			require.Equal(t, qty, heldQty)
			require.Equal(t, traded, held)
		}
	})
}

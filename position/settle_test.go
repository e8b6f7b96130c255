package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func settle(price string, reason position.SettleReason) position.Settle {
	return position.Settle{Instrument: "X", Price: exact(price), Reason: reason}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		method position.CostMethod
		kind   position.InstrumentKind
		before []position.Mutation
		settle position.Settle
		want   string
	}{
		{
			"long, at a price beyond what was seen", position.Average, position.Linear,
			[]position.Mutation{purchase("10", "100")},
			settle("130", position.Expiry),
			"0 cost 0 avg 100, in 1 10/1000, out 1 10/1300, peak 10, realized 300, 100..130, cycle 1",
		},
		{
			"short, delisted", position.Average, position.Linear,
			[]position.Mutation{sale("10", "100")},
			settle("130", position.Delist),
			"0 cost 0 avg 100, in 1 10/1000, out 1 10/1300, peak 10, realized -300, 100..130, cycle 1",
		},
		{
			"an option that ends worthless has a price of zero", position.Average, position.Option,
			[]position.Mutation{purchase("2", "3")},
			settle("0", position.Expiry),
			"0 cost 0 avg 3, in 1 2/6, out 1 2/0, peak 2, realized -6, 0..3, cycle 1",
		},
		{
			"written off, the low stays", position.Average, position.Spot,
			[]position.Mutation{purchase("2", "3")},
			settle("0", position.WriteOff),
			"0 cost 0 avg 3, in 1 2/6, out 1 2/0, peak 2, realized -6, 3..3, cycle 1",
		},
		{
			"inverse", position.Average, position.Inverse,
			[]position.Mutation{purchase("100", "50")},
			settle("100", position.Expiry),
			"0 cost 0 avg 50, in 1 100/2, out 1 100/1, peak 100, realized 1, 50..100, cycle 1",
		},
		{
			"all lots go, whatever the method", position.SpecificLot, position.Linear,
			[]position.Mutation{called("a", purchase("1", "3")), called("b", purchase("2", "5"))},
			settle("6", position.Expiry),
			"0 cost 0 avg 4.333333333333333333, in 2 3/13, out 1 3/18, peak 3, realized 5, 3..6, cycle 1, lots",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(c.kind, c.method))
			b.must(t, c.before...)
			b.must(t, c.settle)
			require.Equal(t, c.want, sheet(b.Position(here)))
			changes := b.last()
			require.Len(t, changes, 2)
			require.Equal(t, []position.ChangeKind{position.Settled, position.Settled}, []position.ChangeKind{changes[0].Kind, changes[1].Kind})
			in := changes[0].Instrument
			require.Equal(t, c.settle.Reason != position.WriteOff, in.MarkTime != 0)
			require.Equal(t, c.settle.Price, in.Mark)
			require.Equal(t, changes[1].After.Totals.Realized, changes[1].Realized)
			require.Equal(t, position.Time(len(b.log)), changes[1].After.ClosedAt)
		})
	}
}

func TestSettleOfAnInstrument(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	other := position.Key{Account: "A", Instrument: "Y"}
	b.must(t, on(there, purchase("1", "6")), on(other, purchase("1", "6")), sale("1", "6"), settle("7", position.Expiry))
	changes := b.last()
	require.Len(t, changes, 3)
	require.Equal(t, []position.Key{here, there}, []position.Key{changes[1].After.Key, changes[2].After.Key})
	require.True(t, b.Position(other).IsOpen())
	require.False(t, b.HasOpen("X"))
	b.must(t, settle("8", position.Delist))
	require.Len(t, b.last(), 1, "nothing is open: the instrument alone")
	require.Equal(t, uint64(2), b.Instrument("X").Version)
}

func TestSettleRefusals(t *testing.T) {
	t.Parallel()
	one := uint64(1)
	bad := settle("1", position.Expiry)
	bad.ExpectVersion = &one
	nameless := settle("1", position.Expiry)
	nameless.Instrument = ""
	for field, v := range map[string]position.Settle{
		"price": settle("1", position.WriteOff), "reason": settle("1", position.WriteOff+1),
		"expect_version": bad, "instrument": nameless,
	} {
		refusal(t, newBook(position.Rules{}).apply(t, v), position.ErrInvalid, field)
	}
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, settle("2", position.Expiry)), position.ErrUnknownInstrument, "")
	b := newBook(position.Rules{})
	b.must(t, contract(position.Inverse, position.Average))
	refusal(t, b.apply(t, settle("0", position.Expiry)), position.ErrInvalid, "price")
	refusal(t, b.apply(t, settle("0", position.WriteOff)), position.ErrInvalid, "reason")
	b = newBook(position.Rules{})
	b.must(t, purchase("100000000000", "1"))
	refusal(t, b.apply(t, settle("100000000000", position.Expiry)), position.ErrOverflow, "amount")
}

package position_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func TestFoldVersions(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	expecting := func(v uint64) position.Meta { return position.Meta{ExpectVersion: &v} }
	f := buy("1", "100")
	f.Meta = expecting(1)
	err := s.Apply(f)
	var conflict *position.VersionError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, position.VersionError{Key: key, Expected: 1, Have: 0}, *conflict)
	require.ErrorIs(t, err, position.ErrVersionConflict)
	f.Meta = expecting(0)
	require.NoError(t, s.Apply(f))
	refused(t, s, f, position.ErrVersionConflict, "at version 1, expected 0")
	f.Meta = expecting(1)
	f.Side = position.Sell
	f.Qty = dec("2")
	require.NoError(t, s.Apply(f))
	require.Equal(t, uint64(3), s.image(key).Version, "a flip is two changes")

	c := charge(position.Funding, "1", "USD")
	c.Meta = expecting(2)
	refused(t, s, c, position.ErrVersionConflict, "at version 3, expected 2")
	c.Meta = expecting(3)
	require.NoError(t, s.Apply(c))
	a := position.Amend{Meta: expecting(3), Key: key, NoStop: true}
	refused(t, s, a, position.ErrVersionConflict, "at version 4, expected 3")
	a.Meta = expecting(4)
	require.NoError(t, s.Apply(a))
	// The version is checked before anything else, so that a stale caller
	// learns that it is stale.
	strict := newMemory(position.Rules{StrictInstruments: true})
	f.Meta = expecting(9)
	refused(t, strict, f, position.ErrVersionConflict, "expected 9")
}

func TestFoldStrictInstruments(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{StrictInstruments: true})
	refused(t, s, buy("1", "1"), position.ErrUnknownInstrument, "X is not defined")
	refused(t, s, mark("1"), position.ErrUnknownInstrument, "X")
	refused(t, s, charge(position.Funding, "1", "USD"), position.ErrUnknownInstrument, "X")
	s.instruments["X"] = &position.Instrument{Name: "X", Mark: dec("1"), MarkTime: 1}
	refused(t, s, buy("1", "1"), position.ErrUnknownInstrument, "X")
	require.NoError(t, s.Apply(define(position.Linear, "", "", "EUR", "")))
	require.NoError(t, s.Apply(buy("1", "1")))
	require.NoError(t, s.Apply(mark("1")))
	require.NoError(t, s.Apply(charge(position.Funding, "1", "EUR")))
	wants(t, s.image(key), figs{"settlement": "EUR", "funding": "1"})
}

func TestFoldDefinitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		def                    position.DefineInstrument
		currency               string
		multiplier, settlement string
	}{
		{define(position.Linear, "", "BTC", "USDT", ""), "", "1", "USDT"},
		{define(position.Linear, "2", "BTC", "", ""), "", "2", "USD"},
		{define(position.Linear, "", "", "", ""), "EUR", "1", "EUR"},
		{define(position.Inverse, "", "XBT", "USD", ""), "", "1", "XBT"},
		{define(position.Inverse, "", "", "USD", ""), "EUR", "1", "EUR"},
		{define(position.Quanto, "", "ETH", "USD", "XBT"), "", "1", "XBT"},
		{define(position.Quanto, "", "ETH", "GBP", ""), "", "1", "USD"},
		{define(position.Spot, "", "ETH", "BTC", ""), "", "1", "BTC"},
		{define(position.Option, "100", "", "GBP", ""), "", "100", "GBP"},
	} {
		s := newMemory(position.Rules{DefaultCurrency: c.currency})
		require.NoError(t, s.Apply(c.def))
		in := s.instruments["X"]
		want := c.def.Terms
		want.Multiplier, want.Settlement = dec(c.multiplier), c.settlement
		want.CostMethod, want.OverReduction = position.Average, position.FlipOver
		require.Equal(t, position.Instrument{Name: "X", Terms: &want, Defined: true, Version: 1}, *in)

		require.NoError(t, s.Apply(c.def))
		require.Empty(t, s.last, "the same definition again changes nothing")
		spelled := c.def
		spelled.Terms = want
		require.NoError(t, s.Apply(spelled))
		require.Empty(t, s.last, "nor does one that spells the defaults out")
	}
}

func TestFoldRedefinition(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(buy("1", "100")))
	refused(t, s, define(position.Linear, "2", "", "", ""), position.ErrInstrumentInUse, "X")
	require.NoError(t, s.Apply(define(position.Linear, "", "", "", "")), "what it is by default may be said")
	require.Equal(t, position.Defined, s.last[0].Kind)
	refused(t, s, define(position.Inverse, "", "", "", "USD"), position.ErrInstrumentInUse, "X")
	require.NoError(t, s.Apply(buy("1", "100")))
	require.False(t, s.image(key).HasMark, "an instrument without a mark has none")
	require.NoError(t, s.Apply(sell("1", "100")))
	require.NoError(t, s.Apply(mark("107")))
	require.NoError(t, s.Apply(with(sell("1", "110"), "1", "")))

	require.NoError(t, s.Apply(define(position.Linear, "10", "", "EUR", "")))
	require.Equal(t, uint64(2), s.instruments["X"].Version)
	require.Equal(t, "107", s.instruments["X"].Mark.String())
	wants(t, s.image(key), figs{"settlement": "USD", "realized": "10", "avg_exit": "105"})
	require.NoError(t, s.Apply(charge(position.Funding, "-2", "USD")))

	// The next cycle is settled in another currency: the profit of the earlier
	// ones stays apart.
	require.NoError(t, s.Apply(buy("1", "5")))
	wants(t, s.image(key), figs{
		"settlement": "EUR", "cost": "50", "prior_realized": "0", "prior_funding": "0", "prior_charges": "8 USD", "prior_fees": "1 USD", "life_charges": "8 USD",
	})
}

// An instrument that is known by its mark only was not defined yet.
func TestFoldDefinitionAfterMark(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(mark("5")))
	require.NoError(t, s.Apply(define(position.Linear, "", "", "", "")))
	require.Len(t, s.last, 1)
	require.True(t, s.instruments["X"].Defined)
}

func TestFoldAmend(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	stop := dec("90")
	refused(t, s, position.Amend{Key: key, Stop: &stop}, position.ErrUnknownPosition, "A/X")
	require.NoError(t, s.Apply(buy("1", "100")))
	require.Nil(t, s.image(key).Conditions)

	targets := []position.Decimal{dec("110"), dec("105")}
	tags := []string{"b", "a"}
	require.NoError(t, s.Apply(position.Amend{
		Meta: position.Meta{Time: 44}, Key: key, Stop: &stop, Targets: targets, Tags: tags, Metadata: map[string]string{"z": "1", "a": "2"},
	}))
	targets[0], tags[0] = dec("1"), "changed"
	first := s.image(key).Conditions
	require.Equal(t, &position.Conditions{
		Stop: stop, HasStop: true, Targets: []position.Decimal{dec("110"), dec("105")}, Tags: []string{"b", "a"},
		Meta: []position.MetaItem{{Name: "a", Value: "2"}, {Name: "z", Value: "1"}},
	}, first)
	wants(t, s.image(key), figs{"version": "2", "updated": "44", "qty": "1"})
	require.Equal(t, position.Amended, s.last[0].Kind)

	require.NoError(t, s.Apply(position.Amend{Key: key, NoStop: true, Tags: []string{}, Metadata: map[string]string{"z": "", "m": "3", "none": ""}}))
	require.Equal(t, &position.Conditions{
		Targets: first.Targets, Meta: []position.MetaItem{{Name: "a", Value: "2"}, {Name: "m", Value: "3"}},
	}, s.image(key).Conditions)
	require.True(t, first.HasStop, "an image never changes")
	require.Len(t, first.Tags, 2)

	require.NoError(t, s.Apply(buy("1", "100")))
	require.Len(t, s.image(key).Conditions.Targets, 2, "a fill keeps the conditions")
	require.NoError(t, s.Apply(sell("2", "100")))
	require.NotNil(t, s.image(key).Conditions)
	require.NoError(t, s.Apply(buy("1", "100")))
	require.Nil(t, s.image(key).Conditions, "a new cycle starts without conditions")

	require.NoError(t, s.Apply(position.Amend{Key: key, Stop: &stop}))
	require.NoError(t, s.Apply(position.Amend{Key: key, NoStop: true}))
	require.Nil(t, s.image(key).Conditions, "nothing left is none")

	names := func(prefix string) map[string]string {
		m := map[string]string{}
		for i := range position.MaxMeta {
			m[fmt.Sprint(prefix, i)] = "x"
		}
		return m
	}
	require.NoError(t, s.Apply(position.Amend{Key: key, Metadata: names("a")}))
	refused(t, s, position.Amend{Key: key, Metadata: map[string]string{"b": "x"}}, position.ErrInvalid, "metadata would give the position 65 names")
	require.NoError(t, s.Apply(position.Amend{Key: key, Metadata: map[string]string{"a0": "", "b": "x"}}))
}

func TestFoldOverflow(t *testing.T) {
	t.Parallel()
	const most = "170141183460469231731"
	s := newMemory(position.Rules{})
	refused(t, s, buy("1000000000000", "1000000000000"), position.ErrOverflow, "out of range")
	require.NoError(t, s.Apply(with(buy(most, "1"), most, "")))
	refused(t, s, buy("1", "0"), position.ErrOverflow, "out of range")               // quantity
	refused(t, s, buy("0.5", "2"), position.ErrOverflow, "out of range")             // cost
	refused(t, s, with(sell("1", "1"), "1", "USD"), position.ErrOverflow, "")        // fee
	refused(t, s, charge(position.FeeCharge, "-1", "USD"), position.ErrOverflow, "") // fee
	require.NoError(t, s.Apply(charge(position.Funding, most, "USD")))               //
	refused(t, s, charge(position.Funding, "1", "USD"), position.ErrOverflow, "")    // funding
	require.NoError(t, s.Apply(charge(position.Interest, "-"+most, "USD")))          //
	refused(t, s, charge(position.Dividend, "-1", "USD"), position.ErrOverflow, "")  // charges
	refused(t, s, sell(most, "-1"), position.ErrOverflow, "")                        // profit
	cash := position.Charge{Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: dec(most), Currency: "USD"}
	require.NoError(t, s.Apply(cash))
	refused(t, s, cash, position.ErrOverflow, "")
	wants(t, s.image(key), figs{"qty": most, "cost": most, "version": "3"})

	inverse := newMemory(position.Rules{})
	require.NoError(t, inverse.Apply(define(position.Inverse, "", "XBT", "USD", "")))
	refused(t, inverse, buy("1", "0"), position.ErrInvalid, "price must be positive")
	refused(t, inverse, buy("1", "-1"), position.ErrInvalid, "price must be positive")
	refused(t, inverse, buy("1000", "0.000000000000000001"), position.ErrOverflow, "out of range")
	// A price so high that the cost rounds to nothing is no reason to refuse;
	// the average is unknown then.
	require.NoError(t, inverse.Apply(buy("0.000000001", most)))
	wants(t, inverse.image(key), figs{"cost": "0", "avg_entry": "?"})
	require.NoError(t, inverse.Apply(sell("0.000000001", most)))
	wants(t, inverse.image(key), figs{"last_entry": "0", "side": "flat"})
}

// A lifetime that does not fit refuses the next opening instead of wrapping.
func TestFoldLifetimeOverflow(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	for range 2 {
		require.NoError(t, s.Apply(buy("1", "0")))
		require.NoError(t, s.Apply(sell("1", "100000000000000000000")))
	}
	_, ok := s.image(key).Lifetime()
	require.False(t, ok)
	refused(t, s, buy("1", "1"), position.ErrOverflow, "out of range")
}

func TestFoldTooManyCurrencies(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	for i := range position.MaxCurrencies {
		require.NoError(t, s.Apply(with(buy("1", "1"), "1", fmt.Sprintf("C%02d", i))))
	}
	refused(t, s, with(buy("1", "1"), "1", "D"), position.ErrInvalid, "currency number 65")
	require.NoError(t, s.Apply(with(buy("1", "1"), "1", "C63")))
	require.Equal(t, "2", s.image(key).Totals.Fees.Get("C63").String())
}

type stranger struct{ position.Mutation }

func TestFoldUnknownMutation(t *testing.T) {
	t.Parallel()
	for _, m := range []position.Mutation{nil, stranger{}, &position.Fill{}} {
		changes, err := position.Rules{}.Fold(state{newMemory(position.Rules{})}, m)
		require.ErrorIs(t, err, position.ErrInvalid)
		require.Nil(t, changes)
	}
}

// The change records tell how the parts of a mutation add up.
func TestFoldChangeAmounts(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(buy("0.5", "1")))
	f := with(sell("1", "0.100000000000000001"), "0.000000000000000001", "")
	require.NoError(t, s.Apply(f))
	require.Len(t, s.last, 2)
	closed, opened := s.last[0], s.last[1]
	require.Equal(t, "-0.5", closed.Qty.String())
	require.Equal(t, "-0.5", opened.Qty.String())
	// Halves of an odd count would both round down.
	require.Equal(t, "0", closed.Fee.String())
	require.Equal(t, "0.000000000000000001", opened.Fee.String())
	require.Equal(t, "-0.05", closed.Value.String())
	require.Equal(t, "-0.050000000000000001", opened.Value.String())
	require.Equal(t, "-0.45", closed.Realized.String())
	require.Equal(t, "0", opened.Realized.String())
	require.Equal(t, closed.Cause, opened.Cause)
	cause, ok := opened.Cause.(position.Fill)
	require.True(t, ok)
	require.Equal(t, f.Qty, cause.Qty, "both carry the whole fill")
	require.False(t, closed.After.IsOpen())
	require.Equal(t, closed.After.Version+1, opened.After.Version)
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	var a position.Amounts
	for _, c := range []string{"M", "A", "Z", "M"} {
		var err error
		a, err = a.Plus(c, dec("1"))
		require.NoError(t, err)
	}
	require.Equal(t, "1 A 2 M 1 Z", amounts(a))
	require.Equal(t, "2", a.Get("M").String())
	require.True(t, a.Get("Q").IsZero())
	same, err := a.Plus("Q", position.Decimal{})
	require.NoError(t, err)
	require.Equal(t, a, same)
	less, err := a.Plus("M", dec("-2"))
	require.NoError(t, err)
	require.Equal(t, "1 A 1 Z", amounts(less))
	require.Equal(t, "1 A 2 M 1 Z", amounts(a), "a set never changes")
	b, err := a.PlusAll(position.Amounts{{Currency: "A", Value: dec("-1")}, {Currency: "B", Value: dec("4")}})
	require.NoError(t, err)
	require.Equal(t, "4 B 2 M 1 Z", amounts(b))
	none, err := position.Amounts{{Currency: "A", Value: dec("1")}}.Plus("A", dec("-1"))
	require.NoError(t, err)
	require.Nil(t, none, "an empty set has one form")
	all, err := none.PlusAll(a)
	require.NoError(t, err)
	require.Equal(t, a, all)
	const most = "170141183460469231731"
	full := position.Amounts{{Currency: "A", Value: dec(most)}}
	_, err = full.Plus("A", dec("1"))
	require.ErrorIs(t, err, position.ErrOverflow)
	kept, err := full.PlusAll(full)
	require.ErrorIs(t, err, position.ErrOverflow)
	require.Equal(t, full, kept)
}

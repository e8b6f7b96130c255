package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

func split(ratio, per string) position.Split {
	v := position.Split{Instrument: "X", Ratio: exact(ratio)}
	if per != "" {
		v.Per = exact(per)
	}
	return v
}

func TestSplit(t *testing.T) {
	t.Parallel()
	whole := func(ratio, cash string) position.Split {
		v := split(ratio, "")
		v.Increment = exact("1")
		if cash != "" {
			v.CashPrice = ptr(cash)
		}
		return v
	}
	for _, c := range []struct {
		name   string
		method position.CostMethod
		kind   position.InstrumentKind
		before []position.Mutation
		split  position.Split
		want   string
	}{
		{
			"two for one, after a partial exit", position.Average, position.Linear,
			[]position.Mutation{purchase("10", "100"), marked("120"), marked("80"), sale("4", "110")},
			split("2", ""),
			"12 cost 600 avg 50, in 1 20/1000, out 1 8/440, peak 20, realized 40, 40..60, cycle 1",
		},
		{
			"one for three, of a short position", position.Average, position.Linear,
			[]position.Mutation{sale("10", "9")},
			split("1", "3"),
			"-3.333333333333333333 cost -90 avg 27.000000000000000003, in 1 3.333333333333333333/90, out 0 0/0, peak 3.333333333333333333, realized 0, 27..27, cycle 1",
		},
		{
			"the ratio is one step, never rounded by itself", position.Average, position.Linear,
			[]position.Mutation{purchase("1000", "1")},
			split("1", "0.333"),
			"3003.003003003003003003 cost 1000 avg 0.333, in 1 3003.003003003003003003/1000, out 0 0/0, peak 3003.003003003003003003, realized 0, 0.333..0.333, cycle 1",
		},
		{
			"the value of an inverse position stays", position.Average, position.Inverse,
			[]position.Mutation{purchase("100", "50")},
			split("2", ""),
			"200 cost 2 avg 100, in 1 200/2, out 0 0/0, peak 200, realized 0, 100..100, cycle 1",
		},
		{
			"what does not fill a unit is sold", position.Average, position.Linear,
			[]position.Mutation{purchase("5", "10")},
			whole("0.5", "21"),
			"2 cost 40 avg 20, in 1 2.5/50, out 1 0.5/10.5, peak 2.5, realized 0.5, 20..20, cycle 1",
		},
		{
			"what does not fill a unit is bought back", position.Average, position.Linear,
			[]position.Mutation{sale("5", "10")},
			whole("0.5", "21"),
			"-2 cost -40 avg 20, in 1 2.5/50, out 1 0.5/10.5, peak 2.5, realized -0.5, 20..20, cycle 1",
		},
		{
			"what does not fill a unit is lost without a price", position.Average, position.Linear,
			[]position.Mutation{purchase("5", "10")},
			whole("0.5", ""),
			"2 cost 40 avg 20, in 1 2.5/50, out 1 0.5/0, peak 2.5, realized -10, 20..20, cycle 1",
		},
		{
			"nothing fills a unit", position.Average, position.Linear,
			[]position.Mutation{purchase("5", "10")},
			whole("0.1", "90"),
			"0 cost 0 avg 100, in 1 0.5/50, out 1 0.5/45, peak 0.5, realized -5, 100..100, cycle 1",
		},
		{
			"nothing is left of what was too little", position.Average, position.Linear,
			[]position.Mutation{purchase("0.000000000000000001", "10")},
			split("0.1", ""),
			"0 cost 0 avg 100, in 1 0/0.00000000000000001, out 1 0/0, peak 0, realized -0.00000000000000001, 100..100, cycle 1",
		},
		{
			"each lot is rescaled", position.FIFO, position.Linear,
			[]position.Mutation{called("a", purchase("10", "1")), called("b", purchase("20", "4"))},
			split("1", "3"),
			"10 cost 90 avg 9, in 2 10/90, out 0 0/0, peak 10, realized 0, 3..12, cycle 1, lots a:3.333333333333333333/10 b:6.666666666666666667/80",
		},
		{
			"the method chooses what is cut off", position.LIFO, position.Linear,
			[]position.Mutation{called("a", purchase("10", "1")), called("b", purchase("21", "4"))},
			whole("0.5", "10"),
			"15 cost 90 avg 6, in 2 15.5/94, out 1 0.5/5, peak 15.5, realized 1, 2..8, cycle 1, lots a:5/10 b:10/80",
		},
		{
			"where the method would ask, the oldest is cut", position.SpecificLot, position.Linear,
			[]position.Mutation{called("a", purchase("10", "1")), called("b", purchase("21", "4"))},
			whole("0.5", "10"),
			"15 cost 93 avg 6.2, in 2 15.5/94, out 1 0.5/5, peak 15.5, realized 4, 2..8, cycle 1, lots a:4.5/9 b:10.5/84",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(c.kind, c.method))
			b.must(t, c.before...)
			before := b.Position(here)
			b.must(t, c.split)
			require.Equal(t, c.want, sheet(b.Position(here)))
			require.Len(t, b.last(), 2)
			for _, ch := range b.last() {
				require.Equal(t, position.SplitChange, ch.Kind)
			}
			ch := b.last()[1]
			require.Equal(t, minus(t, ch.After.Totals.Realized, before.Totals.Realized), ch.Realized)
			require.Equal(t, before.LastEntry.IsZero(), ch.After.IsOpen() == ch.After.LastEntry.IsZero())
		})
	}
}

// TestSplitOfAnInstrument: the instrument comes first with its mark, then the open
// positions in the order of their keys; what is flat or of another instrument is
// not touched.
func TestSplitOfAnInstrument(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	other := position.Key{Account: "A", Instrument: "Y"}
	flat := position.Key{Account: "A", Instrument: "X", Strategy: "flat"}
	out := on(flat, sale("1", "1"))
	b.must(t, on(there, purchase("1", "6")), purchase("2", "6"), on(other, purchase("3", "6")), on(flat, purchase("1", "1")), out, marked("12"))
	otherWas, flatWas := b.Position(other), b.Position(flat)
	b.must(t, split("3", "2"))
	changes := b.last()
	require.Len(t, changes, 3)
	in := changes[0].Instrument
	require.Equal(t, []any{"X", false, exact("8"), position.Time(6), uint64(1)}, []any{in.Name, in.Defined, in.Mark, in.MarkTime, in.Version})
	require.Equal(t, []any{position.Time(7), exact("3"), exact("2")}, []any{in.SplitTime, in.SplitRatio, in.SplitPer})
	require.Equal(t, []position.Key{here, there}, []position.Key{changes[1].After.Key, changes[2].After.Key})
	require.Equal(t, []any{exact("3"), exact("8"), true, exact("1")},
		[]any{changes[1].After.Qty, changes[1].After.Mark, changes[1].After.HasMark, changes[1].Qty})
	require.Same(t, otherWas, b.Position(other))
	require.Same(t, flatWas, b.Position(flat))
}

func TestSplitOnce(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	first := split("2", "")
	first.Time = 50
	again := split("4", "2")
	again.Time = 50
	b.must(t, purchase("1", "1"), first)
	refusal(t, b.apply(t, first), position.ErrSplitTwice, "")
	refusal(t, b.apply(t, again), position.ErrSplitTwice, "")
	again.Time = 51
	b.must(t, again)
	other := split("3", "2")
	other.Time = 51
	b.must(t, other)
	require.Equal(t, exact("6"), b.Position(here).Qty)
	refusal(t, b.apply(t, first), position.ErrSplitTwice, "")
	first.Ident = "again"
	refusal(t, b.apply(t, first), position.ErrSplitTwice, "") // only the last is remembered
}

func TestSplitRefusals(t *testing.T) {
	t.Parallel()
	with := func(f func(*position.Split)) position.Split {
		v := split("2", "")
		f(&v)
		return v
	}
	one := uint64(1)
	for field, v := range map[string]position.Split{
		"ratio":          split("0", ""),
		"per":            split("1", "-1"),
		"increment":      with(func(v *position.Split) { v.Increment = exact("-1") }),
		"cash_price":     with(func(v *position.Split) { v.CashPrice = ptr("1") }),
		"expect_version": with(func(v *position.Split) { v.ExpectVersion = &one }),
		"instrument":     with(func(v *position.Split) { v.Instrument = "" }),
		"time":           with(func(v *position.Split) { v.Time = -1 }),
	} {
		refusal(t, newBook(position.Rules{}).apply(t, v), position.ErrInvalid, field)
	}
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, split("2", "")), position.ErrUnknownInstrument, "")
	// One position that does not fit leaves all as they are.
	b := newBook(position.Rules{})
	b.must(t, purchase("1", "1"), on(there, purchase("100000000000000000000", "0.01")))
	refusal(t, b.apply(t, split("2", "")), position.ErrOverflow, "amount")
	require.Equal(t, exact("1"), b.Position(here).Qty)
	// Cash in lieu needs a price that the instrument could have.
	b = newBook(position.Rules{})
	b.must(t, contract(position.Inverse, position.Average), purchase("3", "1"))
	v := split("0.5", "")
	v.Increment, v.CashPrice = exact("1"), ptr("0")
	refusal(t, b.apply(t, v), position.ErrInvalid, "price")
}

// TestSplitKeepsValue: cost and value at the rescaled mark stay, but for the last
// digits that were rounded, and a split back restores the quantity.
func TestSplitKeepsValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse}).Draw(t, "kind")
		b := newBook(position.Rules{})
		b.must(t, contract(kind, rapid.SampledFrom([]position.CostMethod{position.Average, position.FIFO}).Draw(t, "method")))
		for range rapid.IntRange(1, 8).Draw(t, "fills") {
			b.must(t, drawTrade(t, here))
		}
		price := drawNumber(t, "mark")
		b.must(t, position.Mark{Instrument: "X", Price: price})
		old := b.Position(here)
		// Ratios that a decimal holds exactly in both directions.
		ratio := rapid.SampledFrom([]string{"2", "4", "10", "2.5", "0.5", "0.125", "1.6"}).Draw(t, "ratio")
		s := split(ratio, "")
		b.must(t, s)
		p := b.Position(here)
		require.Equal(t, old.Cost, p.Cost)
		require.Equal(t, old.Totals, p.Totals)
		mark := b.Instrument("X").Mark
		was, ok := old.Unrealized(price)
		require.True(t, ok)
		is, ok := p.Unrealized(mark)
		require.True(t, ok)
		require.Equal(t, was, is)
		for _, f := range []func(*position.Position) (position.Decimal, bool){(*position.Position).MFE, (*position.Position).MAE} {
			was, _ = f(old)
			is, _ = f(p)
			require.Equal(t, was, is)
		}
		b.must(t, position.Split{Instrument: "X", Ratio: exact("1"), Per: s.Ratio})
		back := b.Position(here)
		require.Equal(t, []position.Decimal{old.Qty, old.EntryQty, old.ExitQty, old.PeakQty, old.High, old.Low},
			[]position.Decimal{back.Qty, back.EntryQty, back.ExitQty, back.PeakQty, back.High, back.Low})
	})
}

package position_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func bust(fill string) position.Bust { return position.Bust{Key: here, Fill: fill, Reason: "venue"} }

func correct(fill string, f position.Fill) position.Correct {
	return position.Correct{
		Key: here, Fill: fill, Side: f.Side, Qty: f.Qty, Price: f.Price, Fee: f.Fee, FeeCurrency: f.FeeCurrency,
	}
}

// charged is a fill with a fee.
func charged(f position.Fill, fee, currency string) position.Fill {
	f.Fee, f.FeeCurrency = exact(fee), currency
	return f
}

func TestBustAndCorrect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		method position.CostMethod
		before []position.Mutation
		then   position.Mutation
		want   []string // after each change
	}{
		{
			"the last fill", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", sale("1", "30"))},
			bust("b"),
			[]string{"4 cost 40 avg 10, in 1 4/40, out 0 0/0, peak 4, realized 0, 10..10, cycle 1"},
		},
		{
			"the only fill", position.FIFO,
			[]position.Mutation{called("a", purchase("4", "10"))},
			bust("a"),
			[]string{"0 cost 0 avg ?, in 0 0/0, out 0 0/0, peak 0, realized 0, 0..0, cycle 0"},
		},
		{
			"the only fill, with a mark and a note", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), marked("90"), position.Amend{Key: here, Tags: []string{"t"}}},
			bust("a"),
			[]string{"0 cost 0 avg ?, in 0 0/0, out 0 0/0, peak 0, realized 0, 0..0, cycle 0"},
		},
		{
			"a charge stays", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), booked(position.RealizedCharge, "3", "USD")},
			bust("a"),
			[]string{"0 cost 0 avg ?, in 0 0/0, out 0 0/0, peak 0, realized 3, 0..0, cycle 0"},
		},
		{
			"marks and a split in between", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "50")), marked("60"), split("2", ""), marked("2"), sale("4", "10")},
			bust("b"),
			[]string{"4 cost 20 avg 5, in 1 8/40, out 1 4/40, peak 8, realized 20, 2..30, cycle 1"},
		},
		{
			"a flip that never was joins two cycles", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", sale("6", "12")), purchase("2", "9"), purchase("1", "20")},
			bust("b"),
			[]string{"7 cost 78 avg 11.142857142857142857, in 3 7/78, out 0 0/0, peak 7, realized 0, 9..20, cycle 1"},
		},
		{
			"an exit that was larger opens another cycle", position.LIFO,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", sale("3", "12")), called("c", purchase("1", "11"))},
			correct("b", sale("6", "13")),
			[]string{
				"0 cost 0 avg 10, in 1 4/40, out 1 4/52, peak 4, realized 12, 10..13, cycle 1, lots",
				"-1 cost -13 avg 13, in 1 2/26, out 1 1/11, peak 2, realized 2, 11..13, cycle 2, lots b:-1/-13",
			},
		},
		{
			"a lot at another price", position.FIFO,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "20")), sale("5", "30"), purchase("1", "40")},
			correct("a", purchase("3", "12")),
			[]string{"3 cost 80 avg 26.666666666666666667, in 3 8/156, out 1 5/150, peak 7, realized 74, 12..40, cycle 1, lots b:2/40 m5:1/40"},
		},
		{
			"adopted in between: what was before does not matter", position.Average,
			[]position.Mutation{called("a", purchase("4", "10")), adopt("9", priced("11"))},
			bust("a"),
			[]string{"9 cost 99 avg 11, in 1 9/99, out 0 0/0, peak 9, realized 0, 11..11, cycle 1"},
		},
		{
			"settled in between", position.HIFO,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", purchase("1", "8")), settle("15", position.Expiry)},
			bust("b"),
			[]string{"0 cost 0 avg 10, in 1 4/40, out 1 4/60, peak 4, realized 20, 10..15, cycle 1, lots"},
		},
		{
			"a transfer that took other lots", position.FIFO,
			[]position.Mutation{called("a", purchase("4", "10")), called("b", purchase("4", "20")), move("2")},
			bust("b"),
			[]string{"2 cost 20 avg 10, in 1 2/20, out 1 0/0, peak 4, realized 0, 10..10, cycle 1, lots a:2/20"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(position.Rules{})
			b.must(t, contract(position.Linear, c.method))
			b.must(t, c.before...)
			fill := seqOf(b, revisedFill(c.then))
			kind := position.Busted
			if _, ok := c.then.(position.Correct); ok {
				kind = position.Corrected
			}
			old := b.Position(here)
			b.must(t, c.then)
			var got []string
			for i, ch := range b.last() {
				require.Equal(t, kind, ch.Kind)
				require.Equal(t, fill, ch.Fill)
				require.Equal(t, old.Version+1+uint64(i), ch.After.Version)
				got = append(got, sheet(ch.After))
			}
			require.Equal(t, c.want, got)
			last := b.last()[len(b.last())-1]
			require.Equal(t, minus(t, last.After.Qty, old.Qty), last.Qty)
			require.Equal(t, minus(t, minus(t, last.After.Cost, old.Cost), last.Realized), last.Value,
				"cost and profit differ by what was traded")
		})
	}
}

func revisedFill(m position.Mutation) string {
	switch v := m.(type) {
	case position.Bust:
		return v.Fill
	case position.Correct:
		return v.Fill
	}
	return ""
}

func seqOf(b *book, id string) uint64 {
	for _, e := range b.log {
		if e.mutation.ID() == id {
			return e.seq
		}
	}
	return 0
}

// TestCorrectionKeepsTheFill: its id, time and lot stay, and its fee does not.
func TestCorrectionKeepsTheFill(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	f := charged(called("a", purchase("4", "10")), "3", "")
	f.Time, f.Lot = 77, &position.LotRef{Label: "mine"}
	b.must(t, f, correct("a", charged(purchase("2", "11"), "1", "BNB")))
	p := b.Position(here)
	require.Equal(t, position.Amounts{{Currency: "BNB", Value: exact("1")}}, p.Totals.Fees)
	require.Equal(t, []any{position.Time(77), position.Time(2)}, []any{p.OpenedAt, p.UpdatedAt})
	require.Equal(t, []position.Lot{{ID: 1, Qty: exact("2"), Cost: exact("22"), Opened: 77, Label: "mine"}}, p.Lots.Open)
	ch := b.last()[0]
	require.Equal(t, []position.LotUse{{ID: 1, Qty: exact("4"), Cost: exact("40")}}, ch.Consumed)
	require.Equal(t, p.Lots.Open, ch.Opened)
	require.Equal(t, []position.Decimal{exact("-2"), exact("-18"), {}}, []position.Decimal{ch.Qty, ch.Value, ch.Realized})
}

// TestRevisionsOfRevisions: each starts from what the ones before it left, also
// where the earlier one is about an earlier fill.
func TestRevisionsOfRevisions(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, called("a", purchase("4", "10")), called("b", purchase("4", "20")), called("c", sale("2", "30")))
	b.must(t, correct("a", purchase("4", "12")), correct("a", purchase("4", "14")), bust("b"))
	require.Equal(t, "2 cost 28 avg 14, in 1 4/56, out 1 2/60, peak 4, realized 32, 14..30, cycle 1", sheet(b.Position(here)))
	require.Equal(t, seqOf(b, "b"), b.last()[0].Fill)
	b.must(t, bust("c"))
	require.Equal(t, "4 cost 56 avg 14, in 1 4/56, out 0 0/0, peak 4, realized 0, 14..14, cycle 1", sheet(b.Position(here)))
	require.Equal(t, exact("-32"), b.last()[0].Realized)
	b.must(t, bust("a"))
	require.False(t, b.Position(here).IsOpen())
	for _, id := range []string{"a", "b", "c"} {
		refusal(t, b.apply(t, bust(id)), position.ErrUnknownFill, "")
		refusal(t, b.apply(t, correct(id, purchase("1", "1"))), position.ErrUnknownFill, "")
	}
	b.must(t, purchase("1", "3"))
	require.Equal(t, uint64(1), b.Position(here).Cycle)
}

// TestBustWinsAndLosses: earlier cycles count again.
func TestBustWinsAndLosses(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, purchase("1", "10"), called("out", sale("1", "12")), purchase("1", "10"), sale("1", "9"), purchase("1", "10"))
	require.Equal(t, []uint64{1, 1}, []uint64{b.Position(here).Wins(), b.Position(here).Losses()})
	b.must(t, correct("out", sale("1", "8")))
	require.Equal(t, []uint64{0, 2}, []uint64{b.Position(here).Wins(), b.Position(here).Losses()})
	require.Len(t, b.last(), 3, "one image per cycle from the first that changed")
	require.Equal(t, exact("-4"), b.last()[2].Realized)
}

// TestRefoldNamesWhatDiffers: lots that are the same afterwards are not named.
func TestRefoldNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	b.must(t, called("a", purchase("1", "2")), called("b", purchase("3", "4")), bust("b"))
	ch := b.last()[0]
	require.Equal(t, []position.LotUse{{ID: 2, Qty: exact("3"), Cost: exact("12")}}, ch.Consumed)
	require.Empty(t, ch.Opened)
}

// TestRefoldMeetsWhatWasMet: a version that a mutation insisted on was met when it
// was applied.
func TestRefoldMeetsWhatWasMet(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	two, three := uint64(2), uint64(3)
	out, note := sale("2", "12"), position.Amend{Key: here, Tags: []string{"t"}}
	note.ExpectVersion, out.ExpectVersion = &two, &three
	b.must(t, called("a", purchase("2", "10")), called("z", purchase("1", "10")), note, out, bust("z"))
	require.Equal(t, "0 cost 0 avg 10, in 1 2/20, out 1 2/24, peak 2, realized 4, 10..12, cycle 1", sheet(b.Position(here)))
}

// TestRefoldAcrossDefinition: a definition in between counts for what came after
// it.
func TestRefoldAcrossDefinition(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	def := contract(position.Linear, position.Average)
	def.Terms.Multiplier = exact("10")
	b.must(t, called("a", purchase("2", "10")), sale("2", "12"), def, purchase("1", "5"), correct("a", purchase("2", "11")))
	require.Len(t, b.last(), 2)
	require.Equal(t, "1 cost 50 avg 5, in 1 1/50, out 0 0/0, peak 1, realized 0, 5..5, cycle 2", sheet(b.Position(here)))
	require.Equal(t, exact("-2"), b.last()[1].Realized)
}

// TestRefoldNumbersLots: a number that was given in a refold is not given again,
// also where its lot is gone by the end.
func TestRefoldNumbersLots(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	b.must(t, purchase("2", "10"), called("b", sale("1", "12")), sale("1", "13"), settle("14", position.Expiry))
	require.Equal(t, uint64(2), b.Position(here).Lots.Next)
	b.must(t, correct("b", sale("2", "12")))
	p := b.Position(here)
	require.Equal(t, "0 cost 0 avg 13, in 1 1/13, out 1 1/14, peak 1, realized -1, 13..14, cycle 2, lots", sheet(p))
	require.Equal(t, uint64(3), p.Lots.Next)
}

// TestBustAfterLotsMet: the lots that a transfer brought against an opposite
// position are known by quantity and cost alone. A refold that would leave one of
// them open is refused, because its place among the others is not known.
func TestBustAfterLotsMet(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{CostMethod: position.FIFO})
	b.must(t, on(there, called("t1", purchase("2", "7"))), on(there, called("t2", purchase("3", "9"))), called("s", sale("4", "8")))
	v := position.Transfer{Meta: position.Meta{Ident: "tr"}, Key: there, ToAccount: here.Account, ToStrategy: here.Strategy}
	b.must(t, v)
	require.Equal(t, "1 cost 9 avg 9, in 1 1/9, out 0 0/0, peak 1, realized 0, 7..9, cycle 2, lots t2:1/9", sheet(b.Position(here)))
	_, err := b.rules.Fold(b, bust("s"))
	require.ErrorIs(t, err, position.ErrRefold)
	b.must(t, correct("s", sale("3", "8")))
	require.Equal(t, "2 cost 18 avg 9, in 1 2/18, out 0 0/0, peak 2, realized 0, 7..9, cycle 2, lots t2:2/18", sheet(b.Position(here)))
}

// forgetful is a state whose records of the past are gone, in part or in whole.
type forgetful struct {
	*book

	history error
}

func (f forgetful) History(key position.Key, fill string) (*position.History, error) {
	h, err := f.book.History(key, fill)
	if h != nil {
		h.Transfers = nil
	}
	if f.history != nil {
		return nil, f.history
	}
	return h, err
}

func TestBustRefusals(t *testing.T) {
	t.Parallel()
	zero := uint64(0)
	b := newBook(position.Rules{})
	for field, v := range map[string]position.Mutation{
		"fill":    bust(""),
		"reason":  position.Bust{Key: here, Fill: "a", Reason: "\n"},
		"account": position.Bust{Fill: "a"},
		"qty":     correct("a", purchase("0", "1")),
		"side":    position.Correct{Key: here, Fill: "a", Qty: exact("1")},
	} {
		refusal(t, b.apply(t, v), position.ErrInvalid, field)
	}
	refusal(t, b.apply(t, correct("", purchase("1", "1"))), position.ErrInvalid, "fill")
	refusal(t, b.apply(t, bust("a")), position.ErrUnknownFill, "")
	b.must(t, called("a", purchase("1", "1")), on(there, called("b", purchase("1", "1"))))
	refusal(t, b.apply(t, bust("b")), position.ErrUnknownFill, "")
	stale := bust("a")
	stale.ExpectVersion = &zero
	refusal(t, b.apply(t, stale), position.ErrVersionConflict, "")
	_, err := b.rules.Fold(forgetful{b, position.ErrTrimmedHistory}, bust("a").Identified("x", 9))
	require.ErrorIs(t, err, position.ErrTrimmedHistory)
	refusal(t, newBook(position.Rules{StrictInstruments: true}).apply(t, bust("a")), position.ErrUnknownInstrument, "")

	// A correction that is no fill of this instrument is refused as that would be.
	b = newBook(position.Rules{StrictIncrements: true})
	def := contract(position.Inverse, position.Average)
	def.PriceIncrement = exact("0.5")
	b.must(t, def, called("a", purchase("1", "1")))
	refusal(t, b.apply(t, correct("a", purchase("1", "1.2"))), position.ErrIncrement, "")
	refusal(t, b.apply(t, correct("a", purchase("1", "-1"))), position.ErrInvalid, "price")
	require.NotErrorIs(t, b.apply(t, correct("a", purchase("1", "-1"))), position.ErrRefold)
}

// TestRefoldRefusals: what cannot follow any more is named, with the reason.
func TestRefoldRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		rules  position.Rules
		before []position.Mutation
		then   position.Mutation
		reason error
		names  string
	}{
		{
			"more is sold than there would be",
			position.Rules{OverReduction: position.RejectOver},
			[]position.Mutation{called("a", purchase("2", "1")), called("b", purchase("2", "1")), called("c", sale("3", "1"))},
			bust("a"), position.ErrOverReduction, `fill "c"`,
		},
		{
			"the lot would not be there",
			position.Rules{CostMethod: position.SpecificLot},
			[]position.Mutation{
				called("a", purchase("2", "1")), called("b", purchase("2", "1")),
				func() position.Fill {
					f := called("c", sale("2", "1"))
					f.Lot = &position.LotRef{Label: "a"}
					return f
				}(),
			},
			bust("a"), position.ErrNoLot, `fill "c"`,
		},
		{
			"nothing would be there to transfer",
			position.Rules{},
			[]position.Mutation{called("a", purchase("2", "1")), move("")},
			bust("a"), position.ErrUnknownPosition, `transfer "m2"`,
		},
		{
			"a transfer would take another cost",
			position.Rules{},
			[]position.Mutation{called("a", purchase("2", "1")), called("b", purchase("2", "3")), move("1")},
			correct("b", purchase("2", "5")), position.ErrRefold, `transfer "m3" took 1 at a cost of 2`,
		},
		{
			"a transfer would take another lot of the same size",
			position.Rules{CostMethod: position.FIFO},
			[]position.Mutation{called("a", purchase("1", "3")), called("b", purchase("1", "3")), move("1")},
			bust("a"), position.ErrRefold, `transfer "m3"`,
		},
		{
			"an adjustment would cross zero",
			position.Rules{},
			[]position.Mutation{called("a", purchase("2", "1")), purchase("1", "1"), adjust(func(v *position.Adjust) { v.Qty = exact("-2") })},
			bust("a"), position.ErrOverReduction, `adjust "m3"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(c.rules)
			b.must(t, c.before...)
			err := b.apply(t, c.then)
			require.ErrorIs(t, err, position.ErrRefold)
			require.ErrorIs(t, err, c.reason)
			require.ErrorContains(t, err, c.names)
		})
	}
	b := newBook(position.Rules{})
	b.must(t, on(there, purchase("2", "1")), called("a", purchase("2", "1")),
		position.Transfer{Key: there, ToAccount: here.Account, ToStrategy: here.Strategy})
	_, err := b.rules.Fold(forgetful{book: b}, bust("a").Identified("x", 9))
	require.ErrorIs(t, err, position.ErrRefold)
	require.ErrorIs(t, err, position.ErrTrimmedHistory)
	require.ErrorContains(t, err, fmt.Sprintf("%q", "m3"))
}

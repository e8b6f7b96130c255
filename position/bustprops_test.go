package position_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

// drawNumber draws a positive number of up to four digits, so that closes to
// exactly zero and equal prices happen.
func drawNumber(t *rapid.T, name string) position.Decimal {
	n := rapid.Int64Range(1, 40).Draw(t, name)
	if rapid.Bool().Draw(t, name+" is fractional") {
		v, err := position.FromInt(n).Quo(exact("8"))
		require.NoError(t, err)
		return v
	}
	return position.FromInt(n)
}

func drawSigned(t *rapid.T, name string) position.Decimal {
	v := drawNumber(t, name)
	if rapid.Bool().Draw(t, name+" is negative") {
		return v.Neg()
	}
	return v
}

func drawTrade(t *rapid.T, key position.Key) position.Fill {
	f := position.Fill{
		Key: key, Qty: drawNumber(t, "qty"), Price: drawNumber(t, "price"),
		Side: rapid.SampledFrom([]position.Side{position.Buy, position.Sell}).Draw(t, "side"),
	}
	if rapid.Bool().Draw(t, "has fee") {
		f.Fee = drawSigned(t, "fee")
	}
	return f
}

// drawStep draws a mutation that reaches the key here, fills more often than not.
func drawStep(t *rapid.T) position.Mutation {
	switch rapid.IntRange(0, 20).Draw(t, "step") {
	case 0, 1:
		return position.Mark{Instrument: "X", Price: drawNumber(t, "mark")}
	case 2:
		return position.Charge{
			Key: here, Amount: drawSigned(t, "amount"),
			Kind:     rapid.SampledFrom([]position.ChargeKind{position.Funding, position.FeeCharge, position.RealizedCharge}).Draw(t, "kind"),
			Currency: rapid.SampledFrom([]string{"USD", "BNB"}).Draw(t, "currency"),
		}
	case 3:
		s := position.Split{Instrument: "X", Ratio: drawNumber(t, "ratio"), Per: drawNumber(t, "per")}
		if rapid.Bool().Draw(t, "in whole units") {
			s.Increment = exact("1")
			if rapid.Bool().Draw(t, "for cash") {
				s.CashPrice = ptr("3")
			}
		}
		return s
	case 4:
		a := position.Adjust{Key: here, Reason: "r", Realized: drawSigned(t, "realized"), Funding: drawSigned(t, "funding")}
		if rapid.Bool().Draw(t, "of cost") {
			a.Cost = drawNumber(t, "cost")
		}
		return a
	case 5:
		a := position.Adjust{Key: here, Reason: "r", Qty: drawSigned(t, "by")}
		if rapid.Bool().Draw(t, "with price") {
			price := drawNumber(t, "price")
			a.Price = &price
		}
		return a
	case 6:
		price := drawNumber(t, "price")
		return position.Adopt{Key: here, Qty: drawSigned(t, "to"), Price: &price}
	case 7:
		return position.Transfer{Key: here, ToAccount: there.Account, Qty: drawNumber(t, "out")}
	case 8, 9:
		return position.Transfer{Key: there, ToAccount: here.Account, ToStrategy: here.Strategy, Qty: drawNumber(t, "in")}
	case 10:
		return position.Amend{Key: here, Tags: []string{fmt.Sprint(rapid.IntRange(1, 9).Draw(t, "tag"))}}
	case 11:
		if rapid.IntRange(0, 2).Draw(t, "settle") == 0 {
			return position.Settle{Instrument: "X", Price: drawNumber(t, "at")}
		}
		return drawTrade(t, here)
	case 12, 13:
		return drawTrade(t, there)
	}
	return drawTrade(t, here)
}

// economics is what a position is worth knowing for: everything but the counts
// and times of its records and the numbers of its lots.
func economics(p *position.Position) position.Position {
	if p == nil {
		return position.Position{Key: here}
	}
	n := *p
	n.Version, n.Seq, n.UpdatedAt, n.Mark, n.HasMark = 0, 0, 0, position.Decimal{}, false
	if n.Cycle == 0 && n.Totals.Realized.IsZero() && len(n.Totals.Fees)+len(n.Totals.Charges) == 0 && n.Totals.Funding.IsZero() {
		return position.Position{Key: here} // never more than a note
	}
	if n.Lots != nil {
		lots := position.Lots{Open: append([]position.Lot(nil), n.Lots.Open...)}
		for i := range lots.Open {
			lots.Open[i].ID = 0
		}
		n.Lots = &lots
	}
	return n
}

// departures are what transfers took from here: what other keys hold of it now.
func departures(b *book) (out []string) {
	for _, e := range b.log {
		v, ok := e.mutation.(position.Transfer)
		if !ok || v.Key != here {
			continue
		}
		s := fmt.Sprint(v.Ident, e.changes[0].Qty, e.changes[0].Value)
		if l := e.positions[here].Lots; l != nil {
			for _, u := range e.changes[0].Consumed {
				for _, lot := range l.Open {
					if lot.ID == u.ID {
						s += fmt.Sprint(" ", u.Qty, u.Cost, lot.Opened, lot.Label)
					}
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// extremes are those that transfers took from here.
func extremes(b *book) (out []position.Decimal) {
	for _, e := range b.log {
		if v, ok := e.mutation.(position.Transfer); ok && v.Key == here {
			out = append(out, e.changes[0].After.High, e.changes[0].After.Low)
		}
	}
	return out
}

// retold is the same story without or with other fills, from the beginning. It
// returns nil where it could not have happened.
func retold(t *rapid.T, rules position.Rules, def position.DefineInstrument, story []position.Mutation) *book {
	b := newBook(rules)
	b.must(t, def)
	for _, m := range story {
		err := b.apply(t, m)
		if _, note := m.(position.Amend); note && errors.Is(err, position.ErrUnknownPosition) {
			continue
		}
		if err != nil {
			return nil
		}
	}
	return b
}

// TestRefoldIsRetelling: a bust is as if the fill had never been, a correction as
// if it had been the other one from the start, whatever happened in between and
// whatever was busted before.
func TestRefoldIsRetelling(t *testing.T) {
	t.Parallel()
	for method := position.Average; method <= position.HIFO; method++ {
		for _, kind := range []position.InstrumentKind{position.Linear, position.Inverse} {
			t.Run(method.String()+" "+kind.String(), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(t *rapid.T) { checkRetelling(t, contract(kind, method)) })
			})
		}
	}
}

func checkRetelling(t *rapid.T, def position.DefineInstrument) {
	var rules position.Rules
	if rapid.Bool().Draw(t, "strict") {
		rules.OverReduction = position.RejectOver
	}
	def.Ident, def.Time = "def", 1
	b := newBook(rules)
	b.must(t, def)
	var story []position.Mutation // as it should have been
	charged := rapid.Bool().Draw(t, "charged before")
	if charged {
		story = append(story, position.Charge{Key: here, Amount: exact("1"), Currency: "USD"}.Identified("first", 2))
		b.must(t, story...)
	}
	for i := range rapid.IntRange(1, 25).Draw(t, "length") {
		if i > 0 && rapid.IntRange(0, 5).Draw(t, "revise") == 0 {
			story = checkRevision(t, b, rules, def, story)
			continue
		}
		m := drawStep(t).Identified(fmt.Sprintf("s%d", i), position.Time(100+i))
		a, is := m.(position.Adjust)
		if _, note := m.(position.Amend); !charged && (note || is && a.Qty.IsZero()) {
			continue // possible on a position that a bust has left behind, but not without it
		}
		if tr, ok := m.(position.Transfer); ok && tr.To() == here && def.Terms.CostMethod != position.Average && meets(b) {
			continue // see TestBustAfterLotsMet
		}
		if b.apply(t, m) == nil {
			story = append(story, m)
		}
	}
}

// meets reports whether what there is would close what is here.
func meets(b *book) bool {
	x, y := b.Position(here), b.Position(there)
	return x != nil && y != nil && x.Qty.Sign()*y.Qty.Sign() < 0
}

// checkRevision busts or corrects one of the story's fills and compares.
func checkRevision(t *rapid.T, b *book, rules position.Rules, def position.DefineInstrument, story []position.Mutation) []position.Mutation {
	var fills []int
	for i, m := range story {
		if f, ok := m.(position.Fill); ok && f.Key == here {
			fills = append(fills, i)
		}
	}
	if len(fills) == 0 {
		return story
	}
	at := rapid.SampledFrom(fills).Draw(t, "of")
	f, ok := story[at].(position.Fill)
	require.True(t, ok)
	var m position.Mutation = position.Bust{Key: here, Fill: f.Ident}
	next := append([]position.Mutation(nil), story[:at]...)
	if rapid.Bool().Draw(t, "correct") {
		n := drawTrade(t, here)
		m = position.Correct{Key: here, Fill: f.Ident, Side: n.Side, Qty: n.Qty, Price: n.Price, Fee: n.Fee}
		n.Meta = f.Meta
		next = append(next, n)
	}
	next = append(next, story[at+1:]...)
	old := b.Position(here)
	want := retold(t, rules, def, next)
	err := b.apply(t, m)
	possible := want != nil && slices.Equal(departures(b), departures(want))
	if !possible {
		require.Error(t, err, "it could not have happened so")
		return story
	}
	require.NoError(t, err)
	is, should := economics(b.Position(here)), economics(want.Position(here))
	if !slices.Equal(extremes(b), extremes(want)) {
		// The extremes that a transfer has taken along stay where they are, and
		// may have come back with another one.
		is.High, is.Low = should.High, should.Low
	}
	require.Equal(t, should, is)
	checkDifference(t, old, b)
	if _, bust := m.(position.Bust); bust {
		require.ErrorIs(t, b.apply(t, m), position.ErrUnknownFill)
	}
	return next
}

// checkDifference: the changes of a revision sum to the difference of the images.
func checkDifference(t *rapid.T, old *position.Position, b *book) {
	changes := b.last()
	was, ok := old.Lifetime()
	require.True(t, ok)
	last := changes[len(changes)-1]
	is, ok := last.After.Lifetime()
	require.True(t, ok)
	require.Equal(t, minus(t, is.Realized, was.Realized), last.Realized)
	require.Equal(t, minus(t, last.After.Qty, old.Qty), last.Qty)
	for _, c := range changes[:len(changes)-1] {
		require.False(t, c.After.IsOpen(), "only the last cycle can be open")
	}
}

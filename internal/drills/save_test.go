package drills_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

func dec(s string) *position.Decimal {
	d := position.MustParse(s)
	return &d
}

func target(account, instrument, qty, price string) holdfast.Target {
	t := holdfast.Target{Key: position.Key{Account: account, Instrument: instrument}, Qty: position.MustParse(qty)}
	if price != "" {
		t.Price = dec(price)
	}
	return t
}

func TestSaveOfTheSameWritesNothing(t *testing.T) {
	for _, method := range methods() {
		t.Run(method.String(), func(t *testing.T) {
			o := ledgertest.Quiet()
			o.Rules.CostMethod = method
			l := ledgertest.Open(t, t.TempDir(), o)
			// An inverse instrument: its average is not the price it was given.
			_, err := l.Apply(t.Context(), position.DefineInstrument{Instrument: "INV", Terms: position.Terms{Kind: position.Inverse, Base: "BTC"}})
			require.NoError(t, err)
			full := target("A", "INV", "-300", "7001.3")
			full.Stop, full.Targets, full.Tags = dec("8000"), []position.Decimal{*dec("6000"), *dec("5000")}, []string{"swing"}
			full.Metadata = map[string]string{"desk": "3", "empty": ""}
			full.High, full.Low, full.Mark, full.Opened = dec("7100"), dec("6900"), dec("7200"), 1_600_000_000_000_000_000
			targets := []holdfast.Target{
				target("B", "I", "1.5", "100"), full, target("A", "J", "0", ""), target("A", "I", "3", "33.333333333333333333"),
			}
			so := holdfast.SaveOptions{Time: 1_700_000_000_000_000_000, Reason: "import"}
			r, err := l.Save(t.Context(), targets, so)
			require.NoError(t, err)
			require.Equal(t, holdfast.SaveResult{Adopted: 3, Amended: 1, Marked: 1, Unchanged: 1, Seq: l.View().Seq()}, r)
			p, ok := l.Position(full.Key)
			require.True(t, ok)
			require.Equal(t, []string{"-300", "7200", "6900", "8000"}, []string{p.Qty.String(), p.High.String(), p.Low.String(), p.Conditions.Stop.String()})
			require.Equal(t, full.Opened, p.OpenedAt)
			require.Len(t, p.Conditions.Meta, 1)

			want := ledgertest.Digest(l)
			so.Time++
			again, err := l.Save(t.Context(), targets, so)
			require.NoError(t, err)
			require.Equal(t, holdfast.SaveResult{Unchanged: 4, Seq: r.Seq}, again)
			require.Equal(t, want, ledgertest.Digest(l))

			full.High, full.Metadata, full.NoStop, full.Stop = dec("7300"), map[string]string{"desk": "4"}, true, nil
			r, err = l.Save(t.Context(), []holdfast.Target{full}, so)
			require.NoError(t, err)
			require.Equal(t, 1, r.Adopted)
			require.Equal(t, 1, r.Amended)
			after, _ := l.Position(full.Key)
			require.Equal(t, p.Cost, after.Cost)
			require.Equal(t, "7300", after.High.String())
			require.False(t, after.Conditions.HasStop)
			require.Equal(t, []position.MetaItem{{Name: "desk", Value: "4"}}, after.Conditions.Meta)
			deep(t, l)
		})
	}
}

// The caller's reason and reference stand with the adoption, at the time that it gives.
func TestSaveNotesWhy(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	_, err := l.Save(t.Context(), []holdfast.Target{target("A", "I", "3", "100")}, holdfast.SaveOptions{Time: 1_700_000_000_000_000_000, Reason: "import", Ref: "sheet 7"})
	require.NoError(t, err)
	for e, err := range l.History(t.Context(), holdfast.Filter{}) {
		require.NoError(t, err)
		m, ok := e.Change.Cause.(position.Adopt)
		require.True(t, ok)
		require.Equal(t, []string{"import", "sheet 7"}, []string{m.Reason, m.Ref})
		require.Equal(t, position.Time(1_700_000_000_000_000_000), m.Time)
	}
}

func TestSaveKeepsLotsThatFit(t *testing.T) {
	o := ledgertest.Quiet()
	o.Rules.CostMethod = position.FIFO
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("a", "A", "I", position.Buy, "1", "10"), ledgertest.Fill("b", "A", "I", position.Buy, "1", "20")})
	same := target("A", "I", "2", "15")
	r, err := l.Save(t.Context(), []holdfast.Target{same}, holdfast.SaveOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, r.Unchanged)
	same.High = dec("99")
	r, err = l.Save(t.Context(), []holdfast.Target{same}, holdfast.SaveOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, r.Adopted)
	p, _ := l.Position(same.Key)
	require.Len(t, p.Lots.Open, 2)
	require.Equal(t, "a", p.Lots.Open[0].Label)
	require.Equal(t, "99", p.High.String())
}

func TestSaveOfTheWhole(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, []position.Mutation{
		ledgertest.Fill("a", "A", "I", position.Buy, "1", "10"), ledgertest.Fill("b", "A", "J", position.Sell, "2", "10"), ledgertest.Fill("c", "B", "I", position.Buy, "1", "10"),
	})
	r, err := l.Save(t.Context(), []holdfast.Target{target("A", "J", "-2", "")}, holdfast.SaveOptions{Whole: true, Account: "A"})
	require.NoError(t, err)
	require.Equal(t, holdfast.SaveResult{Closed: 1, Unchanged: 1, Seq: r.Seq}, r)
	p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.False(t, p.IsOpen())
	require.True(t, p.Totals.Realized.IsZero(), "nothing is realised by a save")
	p, _ = l.Position(position.Key{Account: "B", Instrument: "I"})
	require.True(t, p.IsOpen())

	r, err = l.Save(t.Context(), nil, holdfast.SaveOptions{Whole: true})
	require.NoError(t, err)
	require.Equal(t, 2, r.Closed)
	require.Zero(t, l.View().Counts().Open)
}

func TestSaveRefusals(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	both := target("A", "I", "1", "1")
	both.Cost = dec("1")
	one, two := target("A", "I", "1", "1"), target("A", "I", "1", "1")
	two.Key.Leg, one.Mark, two.Mark = "long", dec("1"), dec("2")
	for name, targets := range map[string][]holdfast.Target{
		"no price":       {target("A", "I", "1", "")},
		"price and cost": {both},
		"twice":          {one, one},
		"two marks":      {one, two},
		"no account":     {target("", "I", "1", "1")},
		"one of many":    {target("A", "I", "1", "1"), target("A", "J", "1", "")},
	} {
		_, err := l.Save(t.Context(), targets, holdfast.SaveOptions{})
		require.ErrorIs(t, err, holdfast.ErrInvalid, name)
	}
	require.Zero(t, l.View().Seq())
}

func TestSaveOfManyIsCutIntoBatches(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	targets := make([]holdfast.Target, 1500)
	long := make([]byte, position.MaxValue)
	for i := range long {
		long[i] = 'x'
	}
	for i := range targets {
		targets[i] = target("A", fmt.Sprintf("I%04d", i), "1", "100")
		targets[i].Mark = dec("101")
		targets[i].Metadata = make(map[string]string)
		for j := range 12 {
			targets[i].Metadata[fmt.Sprintf("m%d", j)] = string(long)
		}
	}
	r, err := l.Save(t.Context(), targets, holdfast.SaveOptions{})
	require.NoError(t, err)
	require.Equal(t, holdfast.SaveResult{Adopted: 1500, Amended: 1500, Marked: 1500, Seq: l.View().Seq()}, r)
	r, err = l.Save(t.Context(), targets, holdfast.SaveOptions{Whole: true})
	require.NoError(t, err)
	require.Equal(t, 1500, r.Unchanged)
}

func TestSaveToAndFro(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	for i := range 6 {
		to := target("A", "I", strconv.Itoa(1+i%2), "10")
		to.Stop, to.Mark = dec(strconv.Itoa(5+i%2)), dec(strconv.Itoa(20+i%2))
		r, err := l.Save(t.Context(), []holdfast.Target{to}, holdfast.SaveOptions{Time: position.Time(1_700_000_000_000_000_000 + i)})
		require.NoError(t, err)
		require.Equal(t, []int{1, 1, 1}, []int{r.Adopted, r.Amended, r.Marked})
		p, _ := l.Position(to.Key)
		require.Equal(t, []string{to.Qty.String(), to.Stop.String(), to.Mark.String()}, []string{p.Qty.String(), p.Conditions.Stop.String(), p.Mark.String()})
	}
}

// A mark and a position may go back to what they were, at the same event time. A
// save of that is no repeat of an earlier one.
func TestSaveOfWhatWasBefore(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	so := holdfast.SaveOptions{Time: 1_700_000_000_000_000_000}
	for i, to := range []struct{ qty, mark string }{
		{"1", "5"}, {"1", "6"}, {"1", "5"}, {"1", "6"}, {"-1", "7"}, {"1", "7"}, {"-1", "7"}, {"1", "7"},
	} {
		want := target("A", "X", to.qty, "5")
		want.Mark = dec(to.mark)
		_, err := l.Save(t.Context(), []holdfast.Target{want}, so)
		require.NoError(t, err, i)
		p, ok := l.Position(want.Key)
		require.True(t, ok)
		require.Equal(t, []string{to.qty, to.mark}, []string{p.Qty.String(), p.Mark.String()}, i)
		require.GreaterOrEqual(t, p.High.Cmp(*want.Mark), 0, i)
	}
}

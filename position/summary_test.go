package position_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// total writes amounts as text.
func total(a position.Amounts) (s string) {
	for _, x := range a {
		s += x.Value.String() + " " + x.Currency + ";"
	}
	return s
}

// totals writes sums as text, in the order of their members.
func totals(s report.Sums) []string {
	return []string{
		total(s.Realized), total(s.Fees), total(s.Funding), total(s.Charges), total(s.Net), total(s.Unrealized), total(s.Exposure),
	}
}

// traded are positions of two accounts, two instruments and three currencies.
func traded(t *testing.T) []position.Position {
	t.Helper()
	b := newBook(position.Rules{})
	coin := position.Key{Account: "A", Instrument: "P", Strategy: "s"}
	b.must(t,
		position.DefineInstrument{Instrument: "P", Terms: position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD"}},
		// 2 earned and lost again, fees of 1 USD and 1 BNB, then 3 at 10.
		purchase("1", "10"), charged(sale("1", "12"), "1", "USD"), purchase("1", "10"), charged(sale("1", "8"), "1", "BNB"), purchase("3", "10"),
		booked(position.Funding, "-0.5", "USD"), booked(position.Dividend, "4", "EUR"),
		on(there, sale("2", "10")),
		on(coin, purchase("100", "50")),
		position.Mark{Instrument: "P", Price: exact("100")},
	)
	var out []position.Position
	for _, k := range []position.Key{there, here, coin} {
		p := *b.Position(k)
		if k != there {
			p.Mark, p.HasMark = exact("100"), true
		}
		out = append(out, p)
	}
	return out
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	all := traded(t)
	got, err := report.Summarize(slices.Values(all), report.ByAccount, "USD", report.Rates{"XBT": exact("100"), "BNB": exact("7")})
	require.NoError(t, err)
	require.Len(t, got, 2)
	a, b := got[0], got[1]
	require.Equal(t, []any{"A", 2, 2, 0, uint64(1), uint64(1), "USD"}, []any{a.Group, a.Positions, a.Open, a.Unmarked, a.Wins, a.Losses, a.Currency})
	require.Equal(t, []string{"", "1 BNB;1 USD;", "-0.5 USD;", "4 EUR;", "-1 BNB;4 EUR;-1.5 USD;", "270 USD;1 XBT;", "300 USD;1 XBT;"}, totals(a.Sums))
	require.Equal(t, []string{"", "8 USD;", "-0.5 USD;", "4 EUR;", "4 EUR;-8.5 USD;", "370 USD;", "400 USD;"}, totals(a.Converted))
	require.Equal(t, []string{"EUR"}, a.MissingRates)
	require.Equal(t, []any{"B", 1, 1, 1, uint64(0), uint64(0)}, []any{b.Group, b.Positions, b.Open, b.Unmarked, b.Wins, b.Losses})
	require.Equal(t, make([]string, 7), totals(b.Sums))
	require.Empty(t, b.MissingRates)

	for by, want := range map[report.Dimension][]string{
		report.ByInstrument: {"P", "X"}, report.ByStrategy: {"", "s"},
	} {
		forth, forthErr := report.Summarize(slices.Values(all), by, "", nil)
		require.NoError(t, forthErr)
		reversed := slices.Clone(all)
		slices.Reverse(reversed)
		back, backErr := report.Summarize(slices.Values(reversed), by, "", nil)
		require.NoError(t, backErr)
		require.Equal(t, forth, back)
		require.Equal(t, want, []string{forth[0].Group, forth[1].Group})
		require.Equal(t, report.Sums{}, forth[0].Converted)
		require.Empty(t, forth[0].MissingRates)
	}
	none, err := report.Summarize(slices.Values(all[:0]), report.ByAccount, "USD", nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestSummarizeCyclesThatEnded(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, purchase("1", "10"), sale("1", "12"), purchase("1", "10"), sale("1", "13"), purchase("1", "10"), sale("1", "9"))
	got, err := report.Summarize(slices.Values([]position.Position{*b.Position(here)}), report.ByStrategy, "", nil)
	require.NoError(t, err)
	require.Equal(t, []any{"s", 1, 0, uint64(2), uint64(1)}, []any{got[0].Group, got[0].Positions, got[0].Open, got[0].Wins, got[0].Losses})
	require.Equal(t, "4 USD;", total(got[0].Sums.Realized))
	require.Equal(t, "4 USD;", total(got[0].Sums.Net))
}

func TestSummarizeRefusals(t *testing.T) {
	t.Parallel()
	all := traded(t)
	_, err := report.Summarize(slices.Values(all), report.ByStrategy+1, "USD", nil)
	refusal(t, err, position.ErrInvalid, "by")
	_, err = report.Summarize(slices.Values(all), report.ByAccount, "USD", report.Rates{"XBT": exact("100000000000000000000"), "BNB": exact("100000000000000000000"), "EUR": exact("100000000000000000000")})
	refusal(t, err, position.ErrOverflow, "amount")
	require.ErrorContains(t, err, `account "A"`)
	huge := all[0]
	huge.Totals.Realized = exact("100000000000000000000")
	_, err = report.Summarize(slices.Values([]position.Position{huge, huge}), report.ByAccount, "", nil)
	refusal(t, err, position.ErrOverflow, "amount")
	// Sums may be in more currencies than one position's.
	var many []position.Position
	for i := range position.MaxCurrencies + 1 {
		p := all[0]
		p.Totals.Charges = position.Amounts{{Currency: string(rune('a'+i%26)) + string(rune('a'+i/26)), Value: exact("1")}}
		many = append(many, p)
	}
	got, err := report.Summarize(slices.Values(many), report.ByAccount, "", nil)
	require.NoError(t, err)
	require.Len(t, got[0].Sums.Charges, position.MaxCurrencies+1)
}

func TestDimensions(t *testing.T) {
	t.Parallel()
	for by := report.ByAccount; by <= report.ByStrategy; by++ {
		back, err := report.ParseDimension(by.String())
		require.NoError(t, err)
		require.Equal(t, by, back)
	}
	_, err := report.ParseDimension("leg")
	refusal(t, err, position.ErrInvalid, "by")
	require.Equal(t, "unknown", (report.ByStrategy + 1).String())
}

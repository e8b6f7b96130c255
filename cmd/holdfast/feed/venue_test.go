package feed_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

const (
	bitmexHeader = "timestamp,transactTime,transactType,transactStatus,currency,network,amount,fee,walletBalance,orderID,transactID,address,marginBalance"
	gdaxHeader   = "trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit"
	gdaxBuy      = "7,BTC-USD,BUY,2017-06-13T22:31:07.887Z,0.5,BTC,2000.02,0.25,-1000.26,USD"
	gdaxSell     = "8,BTC-USD,SELL,2017-06-13T22:53:45.108Z,0.1,BTC,2000,-0.5,200.5,USD"
)

// bitmexRow is a row of the wallet history: type, status, currency, amount, fee,
// order, id, address.
func bitmexRow(f ...string) string {
	return "2024-09-05T12:00:01.000Z,2024-09-05T12:00:00.000Z," + f[0] + "," + f[1] + "," + f[2] + ",," + f[3] + "," + f[4] + ",1," + f[5] + "," + f[6] + "," + f[7] + ","
}

func TestBitMEXRows(t *testing.T) {
	const done = "Completed"
	text := strings.Join([]string{
		bitmexHeader,
		bitmexRow("Deposit", done, "XBt", "132031900", "", "", "d-1", ""),
		bitmexRow("Withdrawal", "Canceled", "XBt", "-10020000", "20000", "", "w-1", "Redacted"),
		bitmexRow("Withdrawal", done, "XBt", "-10020000", "20000", "", "w-2", "Redacted"),
		bitmexRow("SpotTrade", done, "BMEx", "-1", "0", "", "s-1", "BMEX_USDT"),
		bitmexRow("Conversion", done, "USDt", "74983620000", "", "", "k-1", "XBTUSDT"),
		bitmexRow("Funding", done, "XBt", "-37", "37", "", "f-1", "XBTUSD"),
		bitmexRow("RealisedPNL", done, "XBt", "1000", "", "", "r-1", "XBTUSD"),
		bitmexRow("RealisedPNL", done, "XBt", "-250", "250", "", "r-2", "XBTUSD"),
		bitmexRow("RealisedPNL", done, "XBt", "750", "250", "o-1", "r-3", "ETHUSD"),
		bitmexRow("RealisedPNL", done, "XBt", "750", "0", "o-1", "r-4", "ETHUSD"),
		bitmexRow("UnrealisedPNL", "Pending", "XBt", "-5", "0", "", "", "XBTUSD"),
		bitmexRow("Rebate", done, "USDt", "5", "0", "", "x-1", "XBTUSD"),
	}, "\n") + "\n"
	f, err := feed.Open("wallet.csv", strings.NewReader(text), feed.Auto, mapping.Mapping{})
	require.NoError(t, err)
	require.Equal(t, feed.BitMEX, f.Format())
	out := all(t, f)
	require.Equal(t, 2, f.Skipped(), "neither completed")
	type row struct {
		line                                   int
		id, kind, instrument, amount, currency string
	}
	var have []row
	for _, g := range out {
		require.NoError(t, g.err)
		c, ok := g.Mutation.(position.Charge)
		require.True(t, ok)
		require.Equal(t, "bitmex", c.Account)
		require.Equal(t, at(t, "2024-09-05T12:00:00Z"), c.Time, "when it happened, not when it was posted")
		have = append(have, row{g.Line, c.Ident, c.Kind.String(), c.Instrument, c.Amount.String(), c.Currency})
	}
	require.Equal(t, []row{
		{2, "d-1", "cash", "", "1.320319", "XBT"},
		{4, "w-2", "cash", "", "-0.1002", "XBT"},
		{5, "s-1", "cash", "", "-0.000001", "BMEX"},
		{6, "k-1", "cash", "", "74983.62", "USDT"},
		{7, "f-1", "funding", "XBTUSD", "-0.00000037", "XBT"},
		{8, "r-1", "realized", "XBTUSD", "0.00001", "XBT"},
		{9, "r-2", "realized", "XBTUSD", "-0.0000025", "XBT"},
		{10, "r-3", "realized", "ETHUSD", "0.00001", "XBT"},
		{10, "r-3:fee", "fee", "ETHUSD", "-0.0000025", "XBT"},
		{11, "r-4", "realized", "ETHUSD", "0.0000075", "XBT"},
		{13, "x-1", "other", "", "0.000005", "USDT"},
	}, have)
}

func TestBitMEXBadRows(t *testing.T) {
	good := []string{"RealisedPNL", "Completed", "XBt", "1000", "1", "o-1", "r-1", "XBTUSD"}
	for i, c := range []struct {
		column       int
		value        string
		field, named string
	}{
		{2, "EURt", "currency", `currency "EURt" is none of XBt, USDt, BMEx`},
		{3, "1.5", "amount", `amount "1.5" is not a whole number`},
		{3, "", "amount", `amount "" is not`},
		{4, "x", "fee", `fee "x" is not a whole number`},
		{6, "", "id", `id (column "transactID") is empty`},
		{7, "", "instrument", `instrument (column "address") is empty`},
	} {
		row := append([]string(nil), good...)
		row[c.column] = c.value
		out := read(t, "x.csv", bitmexHeader+"\n"+bitmexRow(row...)+"\n"+bitmexRow(good...)+"\n", feed.BitMEX, "")
		require.Len(t, out, 3, "case %d", i)
		var bad *feed.LineError
		require.ErrorAs(t, out[0].err, &bad)
		require.Equal(t, c.field, bad.Field)
		require.ErrorContains(t, bad, "x.csv:2: "+c.named)
	}
}

func TestVenueLabels(t *testing.T) {
	out := read(t, "x.csv", gdaxHeader+"\n"+gdaxBuy+"\n", feed.Auto, "account:=me,strategy:=s")
	require.Len(t, out, 2)
	fill, ok := out[1].Mutation.(position.Fill)
	require.True(t, ok)
	require.Equal(t, position.Key{Account: "me", Instrument: "BTC-USD", Strategy: "s"}, fill.Key)
	require.NotEqual(t, read(t, "x.csv", gdaxHeader+"\n"+gdaxBuy+"\n", feed.Auto, "")[1].Mutation.ID(), fill.Ident, "another account's fill is another fill")
	out = read(t, "x.csv", bitmexHeader+"\n"+bitmexRow("Deposit", "Completed", "XBt", "1", "", "", "d", "")+"\n", feed.Auto, "account:=me")
	c, ok := out[0].Mutation.(position.Charge)
	require.True(t, ok)
	require.Equal(t, "me", c.Account)

	err := openError(t, "x.csv", gdaxHeader+"\n", feed.GDAX, "qty=size")
	require.ErrorIs(t, err, feed.ErrMapping)
	require.ErrorContains(t, err, "account:=NAME and strategy:=NAME only")
	require.ErrorIs(t, openError(t, "x.csv", gdaxHeader+"\n", feed.BitMEX, ""), feed.ErrColumn)
	f, err := feed.Open("x.csv", strings.NewReader(gdaxHeader+"\n"), feed.Auto, mustMap(t, "account:=gdax,fee_currency=price/fee/total unit"))
	require.NoError(t, err)
	require.Equal(t, feed.CSV, f.Format(), "a fuller mapping decides for csv")
}

func mustMap(tb testing.TB, text string) mapping.Mapping {
	tb.Helper()
	m, err := mapping.Parse(text)
	require.NoError(tb, err)
	return m
}

func TestGDAXRows(t *testing.T) {
	out := read(t, "fills.csv", gdaxHeader+"\n"+gdaxBuy+"\n"+gdaxSell+"\n", feed.Auto, "")
	require.Len(t, out, 3)
	d, ok := out[0].Mutation.(position.DefineInstrument)
	require.True(t, ok)
	require.True(t, out[0].Implied)
	require.Equal(t, position.Terms{Kind: position.Spot, Multiplier: position.FromInt(1), Base: "BTC", Quote: "USD", Settlement: "USD"}, d.Terms)
	buy, ok := out[1].Mutation.(position.Fill)
	require.True(t, ok)
	require.NoError(t, uuid.Validate(buy.Ident))
	buy.Ident = ""
	require.Equal(t, position.Fill{
		Meta: position.Meta{Time: at(t, "2017-06-13T22:31:07.887Z")}, Key: position.Key{Account: "gdax", Instrument: "BTC-USD"}, Side: position.Buy,
		Qty: position.MustParse("0.5"), Price: position.MustParse("2000.02"), Fee: position.MustParse("0.25"), FeeCurrency: "USD",
	}, buy)
	require.NotEqual(t, out[1].Mutation.ID(), out[2].Mutation.ID())
	wash := strings.NewReplacer("BUY", "SELL", "-1000.26", "999.76").Replace(gdaxBuy)
	both := read(t, "fills.csv", gdaxHeader+"\n"+gdaxBuy+"\n"+wash+"\n", feed.Auto, "")
	require.NotEqual(t, both[1].Mutation.ID(), both[2].Mutation.ID(), "both sides of one trade")

	for _, c := range []struct{ old, replacement, field, text string }{
		{"-1000.26", "-1000.25", "total", "-1000.25 is not what size, price and fee come to, -1000.26"},
		{"BTC-USD", "ETH-USD", "instrument", `instrument (column "product") "ETH-USD" is not "BTC-USD"`},
		{"BUY", "HOLD", "side", "neither buy nor sell"},
		{"0.5", "half", "qty", `qty (column "size") "half" is not a plain decimal`},
		{"22:31", "22h31", "time", `time (column "created at")`},
		{"7,", ",", "id", `id (column "trade id") is empty`},
		{"0.5,BTC,2000.02,0.25,-1000.26", "0,BTC,2000.02,0.25,-0.25", "qty", `qty (column "size") must be positive`},
	} {
		row := strings.Replace(gdaxBuy, c.old, c.replacement, 1)
		out = read(t, "x.csv", gdaxHeader+"\n"+row+"\n", feed.GDAX, "")
		require.Len(t, out, 1, "%+v", c)
		var bad *feed.LineError
		require.ErrorAs(t, out[0].err, &bad, "%+v", c)
		require.Equal(t, c.field, bad.Field, "%v", bad)
		require.ErrorContains(t, bad, c.text)
	}
	out = read(t, "x.csv", gdaxHeader+"\n"+gdaxBuy[:len(gdaxBuy)-1], feed.GDAX, "")
	require.Error(t, out[0].err, "a cut line")
}

func sharedData(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", name)
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Skipf("the venue's file is not here: %v", err)
	}
	return string(b)
}

func sum(tb testing.TB, totals map[string]position.Decimal, name string, v position.Decimal) {
	tb.Helper()
	var err error
	totals[name], err = totals[name].Add(v)
	require.NoError(tb, err)
}

// The completed rows of six years come to the venue's own balances, exactly.
func TestBitMEXWallet(t *testing.T) {
	text := sharedData(t, "bitmex_walletHistory.csv")
	f, err := feed.Open("wallet.csv", strings.NewReader(text), feed.Auto, mapping.Mapping{})
	require.NoError(t, err)
	require.Equal(t, feed.BitMEX, f.Format())
	s := newState()
	lines, kinds, ids := map[int]bool{}, map[string]int{}, map[string]bool{}
	totals := map[string]position.Decimal{}
	for _, g := range all(t, f) {
		require.NoError(t, g.err)
		c, ok := g.Mutation.(position.Charge)
		require.True(t, ok)
		require.False(t, ids[c.Ident])
		ids[c.Ident] = true
		lines[g.Line] = true
		kinds[c.Kind.String()]++
		sum(t, totals, c.Currency, c.Amount)
		s.apply(t, c)
	}
	require.Equal(t, 2, f.Skipped())
	require.Len(t, lines, 17_175)
	want := map[string]string{"XBT": "30.34754369", "USDT": "888.237518", "BMEX": "11000.12"}
	texts := func(m map[string]position.Decimal) map[string]string {
		out := map[string]string{}
		for name, v := range m {
			out[name] = v.String()
		}
		return out
	}
	require.Equal(t, want, texts(totals))
	require.Equal(t, 402, kinds["cash"])
	require.Equal(t, 1825, kinds["funding"])
	require.Equal(t, 14_948, kinds["realized"])
	require.Zero(t, kinds["other"])

	booked := map[string]position.Decimal{}
	for _, a := range s.accounts {
		balances, err := a.Balances()
		require.NoError(t, err)
		for _, x := range balances {
			sum(t, booked, x.Currency, x.Value)
		}
	}
	for _, p := range s.positions {
		life, ok := p.Lifetime()
		require.True(t, ok)
		sum(t, booked, p.Terms.Settlement, life.Realized)
		sum(t, booked, p.Terms.Settlement, life.Funding)
		for _, x := range life.Charges {
			sum(t, booked, x.Currency, x.Value)
		}
		for _, x := range life.Fees {
			sum(t, booked, x.Currency, x.Value.Neg())
		}
	}
	require.True(t, booked["USD"].IsZero(), "the settlement of instruments that nobody defined")
	delete(booked, "USD")
	require.Equal(t, want, texts(booked))
}

// Every row of the report is a fill, and its total is what the account received.
func TestGDAXReport(t *testing.T) {
	out := read(t, "fills.csv", sharedData(t, "gdax_fills_474.csv"), feed.Auto, "")
	require.Len(t, out, 475)
	ids := map[string]bool{}
	s := newState()
	for i, g := range out {
		require.NoError(t, g.err)
		require.Equal(t, i == 0, g.Implied)
		require.False(t, ids[g.Mutation.ID()])
		ids[g.Mutation.ID()] = true
		s.apply(t, g.Mutation)
	}
	require.Len(t, s.positions, 1)
	var bought position.Decimal
	for _, g := range out[1:] {
		fill, ok := g.Mutation.(position.Fill)
		require.True(t, ok)
		d := fill.Qty
		if fill.Side == position.Sell {
			d = d.Neg()
		}
		var err error
		bought, err = bought.Add(d)
		require.NoError(t, err)
	}
	for _, p := range s.positions {
		require.Equal(t, bought, p.Qty)
	}
}

package feed_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

func at(tb testing.TB, s string) position.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(tb, err)
	p, err := position.At(t)
	require.NoError(tb, err)
	return p
}

// one reads a CSV with one good row.
func one(tb testing.TB, text, said string) position.Fill {
	tb.Helper()
	out := read(tb, "x.csv", text, feed.CSV, said)
	require.Len(tb, out, 1)
	require.NoError(tb, out[0].err)
	fill, ok := out[0].Mutation.(position.Fill)
	require.True(tb, ok)
	return fill
}

func TestCSVUsualNames(t *testing.T) {
	text := "\ufeffTrade ID,Account,SYMBOL,Strategy,leg,Side,Quantity,Fill-Price,Commission,Commission Asset,Created At,Ignored\r\n" +
		"t-1, main ,\"BTC-USD\",,long,SELL,0.5,\"-3.25\",0.01,EUR,2026-01-02T03:04:05.5+01:00,\"a \"\"b\"\", c\"\r\n"
	text = strings.Replace(text, `c"`, `c`, 1)
	text = strings.Replace(text, "c\r", "c\"\r", 1)
	require.Equal(t, position.Fill{
		Meta: position.Meta{Ident: "t-1", Time: at(t, "2026-01-02T02:04:05.5Z")},
		Key:  position.Key{Account: "main", Instrument: "BTC-USD", Leg: "long"},
		Side: position.Sell, Qty: position.MustParse("0.5"), Price: position.MustParse("-3.25"), Fee: position.MustParse("0.01"), FeeCurrency: "EUR",
	}, one(t, text, "terms:=defined"))
}

func TestCSVGdaxByMapping(t *testing.T) {
	text := "trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit\n" +
		"16722982,BTC-USD,BUY,2017-06-13T22:31:07.887Z,0.39678916,BTC,2725.16,0.5,-1081.3139472656,USD\n"
	require.ErrorContains(t, openError(t, "x.csv", text, feed.CSV, ""), "account:=VALUE")
	require.Equal(t, position.Fill{
		Meta: position.Meta{Ident: "16722982", Time: at(t, "2017-06-13T22:31:07.887Z")}, Key: position.Key{Account: "gdax", Instrument: "BTC-USD"},
		Side: position.Buy, Qty: position.MustParse("0.39678916"), Price: position.MustParse("2725.16"), Fee: position.MustParse("0.5"), FeeCurrency: "USD",
	}, one(t, text, "account:=gdax,fee_currency=price/fee/total unit,terms:=defined,ignore=size unit"))
}

func TestCSVOwnNameWins(t *testing.T) {
	fill := one(t, "trade id,id,account,wallet,instrument,side,qty,price\n1,2,A,W,X,b,1,1\n", "")
	require.Equal(t, "2", fill.Ident)
	require.Equal(t, "A", fill.Account)
	err := openError(t, "x.csv", "Trade ID,Fill ID,account,instrument,side,qty,price\n", feed.Auto, "")
	require.ErrorIs(t, err, feed.ErrColumn)
	require.ErrorContains(t, err, "several columns could give id")
	err = openError(t, "x.csv", "id,id,account,instrument,side,qty,price\n", feed.Auto, "id=id")
	require.ErrorContains(t, err, "several columns")
}

func TestCSVTimes(t *testing.T) {
	cases := []struct{ layout, text, want string }{
		{"rfc3339", "2026-01-02T03:04:05.000000006Z", "2026-01-02T03:04:05.000000006Z"},
		{"unix", "1767323045", "2026-01-02T03:04:05Z"},
		{"unix", "1767323045.000000006", "2026-01-02T03:04:05.000000006Z"},
		{"unix_ms", "1767323045678", "2026-01-02T03:04:05.678Z"},
		{"unix_us", "1767323045678901", "2026-01-02T03:04:05.678901Z"},
		{"unix_ns", "1767323045678901234", "2026-01-02T03:04:05.678901234Z"},
		{"2006-01-02 15:04:05", "2026-01-02 03:04:05.25", "2026-01-02T03:04:05.25Z"},
		{"02.01.06 15h04 -0700", "02.01.26 03h04 +0100", "2026-01-02T02:04:00Z"},
		{"rfc3339", "10000-01-01T00:00:00Z", ""},
		{"rfc3339", "2026-02-30T00:00:00Z", ""},
		{"rfc3339", "1969-12-31T23:59:59Z", ""},
		{"rfc3339", "1970-01-01T00:00:00Z", ""},
		{"rfc3339", "", ""},
		{"unix", "0", ""},
		{"unix", "-1", ""},
		{"unix", "9223372036854775807", ""},
		{"unix", "1.0000000001", ""},
		{"unix_ns", "9223372036854775808", ""},
		{"unix_ns", "1.5", ""},
		{"unix_ms", "1767323045", ""},
		{"unix_us", "1767323045678", ""},
		{"unix", "1e9", ""},
	}
	for _, c := range cases {
		text := "id,account,instrument,side,qty,price,time\n1,A,X,buy,1,1," + c.text + "\n"
		out := read(t, "x.csv", text, feed.CSV, "time_format="+c.layout)
		require.Len(t, out, 1)
		if c.want == "" {
			var bad *feed.LineError
			require.ErrorAs(t, out[0].err, &bad, "%+v", c)
			require.Equal(t, "time", bad.Field)
			require.NotContains(t, bad.Error(), "Z07:00", "a form that only Go knows")
			continue
		}
		require.NoError(t, out[0].err)
		require.Equal(t, at(t, c.want), out[0].Mutation.EventTime(), "%+v", c)
	}
}

func TestCSVIDs(t *testing.T) {
	const header = "order,part,account,instrument,side,qty,price\n"
	ids := func(rows, said string) []string {
		var out []string
		for _, g := range read(t, "x.csv", header+rows, feed.CSV, said) {
			require.NoError(t, g.err)
			require.NoError(t, uuid.Validate(g.Mutation.ID()))
			out = append(out, g.Mutation.ID())
		}
		return out
	}
	const twice = "1,a,A,X,buy,1,1\n1,b,A,X,buy,1,1\n"
	two := ids(twice, "id=order+part")
	require.NotEqual(t, two[0], two[1])
	require.Equal(t, two, ids(twice, "id=order + part"))
	split := ids("1a,b,A,X,buy,1,1\n1,ab,A,X,buy,1,1\n", "id=order+part")
	require.NotEqual(t, split[0], split[1], "the border between columns counts")

	same := ids("1,a,A,X,buy,1,1\n1,a,A,X,buy,1,1\n", "id:=line")
	require.NotEqual(t, same[0], same[1], "two equal lines are two fills")
	require.Equal(t, same, ids("1,a,A,X,buy,1,1\n1,a,A,X,buy,1,1\n", "id:=line"))

	require.ErrorContains(t, openError(t, "x", header, feed.CSV, ""), "id:=line")
	out := read(t, "x.csv", header+",a,A,X,buy,1,1\n", feed.CSV, "id=order")
	require.ErrorContains(t, out[0].err, `x.csv:2: id (column "order") is empty`)
	plus := read(t, "x.csv", "a+b,account,instrument,side,qty,price\n7,A,X,buy,1,1\n", feed.CSV, "id=a+b")
	require.Equal(t, "7", plus[0].Mutation.ID(), "a column of that very name comes first")
}

func TestCSVBadRows(t *testing.T) {
	const header = "id,account,instrument,side,qty,price,fee\n"
	cases := []struct{ row, field, text string }{
		{"1,A,X,buy,1,1", "", "6 fields, the header has 7"},
		{"1,A,X,buy,1,1,0,0", "", "8 fields"},
		{"1,A,X,hold,1,1,0", "side", `"hold" is neither buy nor sell`},
		{"1,A,X,buy,1e3,1,0", "qty", "plain decimal"},
		{"1,A,X,buy,-1,1,0", "qty", "positive"},
		{"1,A,X,buy,1,,0", "price", "plain decimal"},
		{"1,A,X,buy,1,NaN,0", "price", "plain decimal"},
		{"1,A,X,buy,1,\"1,000\",0", "price", "plain decimal"},
		{"1,A,X,buy,1,1,free", "fee", "plain decimal"},
		{"1,,X,buy,1,1,0", "account", "required"},
		{"1,A,\x00,buy,1,1,0", "instrument", "unprintable"},
		{"1,A,\xff,buy,1,1,0", "instrument", "UTF-8"},
		{"1,A,\"X,buy,1,1,0", "", "quoted field"},
		{"1,A,X\"Y,buy,1,1,0", "", "quote"},
		{"1,A,\"X\"Y,buy,1,1,0", "", "quote"},
	}
	for _, c := range cases {
		out := read(t, "x.csv", header+c.row+"\n2,A,X,buy,1,1,\n", feed.CSV, "")
		require.Len(t, out, 2, c.row)
		var bad *feed.LineError
		require.ErrorAs(t, out[0].err, &bad, c.row)
		require.Equal(t, c.field, bad.Field, c.row)
		require.Equal(t, 2, bad.Line)
		require.ErrorContains(t, bad, c.text)
		require.NoError(t, out[1].err)
		require.Equal(t, 3, out[1].Line)
	}
}

func TestMappingErrors(t *testing.T) {
	for _, text := range []string{
		"qty", "qty=", "=Size", "size=Size", "qty=A,qty=B", "id:=1", "time_format=", "time_format=unix_h", "time_format=soon", `"qty=A`, ",", "qty=A,",
	} {
		_, err := mapping.Parse(text)
		require.ErrorIs(t, err, feed.ErrMapping, text)
	}
	m, err := mapping.Parse("  ")
	require.NoError(t, err)
	require.True(t, m.IsZero())
	m, err = mapping.Parse("time_format=unix")
	require.NoError(t, err)
	require.False(t, m.IsZero())

	err = openError(t, "x.csv", "a,b\n", feed.Auto, "qty=Size")
	require.ErrorIs(t, err, feed.ErrColumn)
	require.ErrorContains(t, err, `"a", "b"`)
	fill := one(t, "id,account,instrument,side,\"Size, total\",price\n1,A,X,S,7,1\n", `"qty=Size, total",strategy:=s,leg:=`)
	require.Equal(t, position.FromInt(7), fill.Qty)
	require.Equal(t, "s", fill.Strategy)
	require.Equal(t, position.Sell, fill.Side)
}

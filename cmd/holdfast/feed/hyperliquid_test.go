package feed_test

import (
	"encoding/csv"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
)

const (
	hyperliquidHeader = "Account,Coin,Execution Price,Size Tokens,Size USD,Side,Timestamp IST,Start Position,Direction,Closed PnL,Transaction Hash,Order ID,Crossed,Fee,Trade ID,Timestamp"
	hyperliquidRow    = "0xa1,@7,12.5,1.00E-05,0,BUY,09-12-2025 9:04,-3.5,Buy,0,0xbeef,123,TRUE,2.00E-07,7.35E+14,1.73E+12"
)

func TestHyperliquidRows(t *testing.T) {
	rows := []string{
		hyperliquidRow,
		strings.NewReplacer("BUY", "SELL", "9:04", "09:05").Replace(hyperliquidRow),
		strings.Replace(hyperliquidRow, "@7", "BTC", 1),
		strings.Replace(hyperliquidRow, "@7", "PURR/USDH", 1),
	}
	out := read(t, "x.csv", hyperliquidHeader+"\r\n"+strings.Join(rows, "\r\n")+"\r\n", feed.Auto, "")
	require.Len(t, out, 7)
	one := position.FromInt(1)
	define := func(i int) position.DefineInstrument {
		require.True(t, out[i].Implied)
		d, ok := out[i].Mutation.(position.DefineInstrument)
		require.True(t, ok)
		require.NoError(t, uuid.Validate(d.Ident))
		require.Equal(t, out[i+1].Line, out[i].Line)
		require.Equal(t, out[i+1].Mutation.EventTime(), d.Time)
		return d
	}
	fill := func(i int) position.Fill {
		require.False(t, out[i].Implied)
		f, ok := out[i].Mutation.(position.Fill)
		require.True(t, ok)
		require.NoError(t, uuid.Validate(f.Ident))
		return f
	}
	require.Equal(t, position.Terms{Kind: position.Spot, Multiplier: one, Base: "@7", Quote: "USDC", Settlement: "USDC"}, define(0).Terms)
	require.Equal(t, position.Terms{Kind: position.Linear, Multiplier: one, Quote: "USDC", Settlement: "USDC"}, define(3).Terms)
	require.Equal(t, position.Terms{Kind: position.Spot, Multiplier: one, Base: "PURR", Quote: "USDH", Settlement: "USDH"}, define(5).Terms)
	require.NotEqual(t, define(0).Ident, define(3).Ident)

	first := fill(1)
	require.NotEqual(t, first.Ident, fill(4).Ident, "the coin is part of the id")
	first.Ident = ""
	require.Equal(t, position.Fill{
		Meta: position.Meta{Time: at(t, "2025-12-09T03:34:00Z")}, Key: position.Key{Account: "0xa1", Instrument: "@7"}, Side: position.Buy,
		Qty: position.MustParse("0.00001"), Price: position.MustParse("12.5"), Fee: position.MustParse("0.0000002"), FeeCurrency: "@7",
	}, first)
	require.Equal(t, at(t, "2025-12-09T03:35:00Z"), fill(2).Time)
	require.Equal(t, []string{"USDC", "USDC", "PURR"}, []string{fill(2).FeeCurrency, fill(4).FeeCurrency, fill(6).FeeCurrency})

	again := read(t, "y", hyperliquidHeader+"\n"+strings.Replace(hyperliquidRow, "1.00E-05", "0.000010", 1)+"\n", feed.Hyperliquid, "")
	require.Equal(t, out[1].Mutation, again[1].Mutation, "another spelling of a number is the same fill")
	require.Equal(t, out[0].Mutation, again[0].Mutation)
}

func TestHyperliquidBadRows(t *testing.T) {
	cases := []struct{ old, replacement, field string }{
		{"12.5", "12.5.1", "price"},
		{"1.00E-05", "1.00E-99", "qty"},
		{"1.00E-05", "E-05", "qty"},
		{"1.00E-05", "1.00E+30", "qty"},
		{"1.00E-05", "1.00E", "qty"},
		{"1.00E-05", "0.00E+05", "qty"},
		{"2.00E-07", "", "fee"},
		{"-3.5", "x", "start_position"},
		{"9:04", "9.04", "time"},
		{"0xbeef", "", "id"},
		{"123", "", "id"},
		{"BUY", "Open Long", "side"},
		{"@7", "", "instrument"},
		{"@7", "/USDC", "base"},
		{"TRUE", "TRUE,TRUE", ""},
	}
	for _, c := range cases {
		row := strings.Replace(hyperliquidRow, c.old, c.replacement, 1)
		out := read(t, "x.csv", hyperliquidHeader+"\n"+row+"\n"+hyperliquidRow+"\n", feed.Hyperliquid, "")
		require.Len(t, out, 3, "%+v", c)
		var bad *feed.LineError
		require.ErrorAs(t, out[0].err, &bad, "%+v", c)
		require.Equal(t, c.field, bad.Field, "%+v: %v", c, bad)
		require.True(t, out[1].Implied, "the definition comes with the first good row")
	}
}

// realFills is the public export that the format was learnt from. It is not part
// of the repository.
func realFills(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "hyperliquid_fills.csv")
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the venue's export is not here: %v", err)
	}
	return path
}

// TestHyperliquidExport reads 13,666 real fills and checks what the file itself
// says about them.
func TestHyperliquidExport(t *testing.T) {
	path := realFills(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
	require.NoError(t, err)
	rows = rows[1:]
	column := map[string]int{}
	for i, name := range strings.Split(hyperliquidHeader, ",") {
		column[name] = i
	}

	out := read(t, path, string(raw), feed.Auto, "")
	ids := map[string]bool{}
	defined := map[string]position.Terms{}
	seen := map[position.Key]*chain{}
	read := 0
	var spot spotBreaks
	perpBreaks := map[string]int{}
	for _, g := range out {
		require.NoError(t, g.err)
		require.False(t, ids[g.Mutation.ID()], "line %d: the id is taken", g.Line)
		ids[g.Mutation.ID()] = true
		if d, ok := g.Mutation.(position.DefineInstrument); ok {
			require.True(t, g.Implied)
			require.NotContains(t, defined, d.Instrument)
			defined[d.Instrument] = d.Terms
			continue
		}
		fill, ok := g.Mutation.(position.Fill)
		require.True(t, ok)
		require.Contains(t, defined, fill.Instrument, "defined before its first fill")
		row := rows[read]
		read++
		require.Equal(t, read+1, g.Line)
		start := rat(t, row[column["Start Position"]])
		if c := seen[fill.Key]; c != nil && defined[fill.Instrument].Kind == position.Spot {
			spot.add(c, start)
		} else if c != nil && c.next.Cmp(start) != 0 {
			perpBreaks[fill.Account+"|"+fill.Instrument]++
		}
		seen[fill.Key] = follow(t, &fill, start, row[column["Start Position"]])
	}
	require.Equal(t, 13666, read)
	require.Len(t, rows, read)
	require.Len(t, defined, 27)

	// A spot buy's fee is taken in the base token: what the buyer holds next is
	// the start plus size minus fee, to the digits that the export kept.
	require.Equal(t, spotBreaks{buys: 529, buysFitWithFee: 528, buysFitWithoutFee: spot.buysFitWithoutFee, sells: 465, sellsFit: 465}, spot)
	require.Less(t, spot.buysFitWithoutFee, 5, "without the fee they do not fit")

	require.Equal(t, expectedBreaks(t, filepath.Dir(path)), perpBreaks)
}

// spotBreaks counts how rows of spot instruments follow from the row before.
type spotBreaks struct{ buys, buysFitWithFee, buysFitWithoutFee, sells, sellsFit int }

func (s *spotBreaks) add(c *chain, start *big.Rat) {
	fits := func(want *big.Rat) bool {
		off := new(big.Rat).Sub(want, start)
		return off.Abs(off).Cmp(new(big.Rat).Add(c.tolerance, tolerance(start))) <= 0
	}
	if !c.buy {
		s.sells++
		if fits(c.next) {
			s.sellsFit++
		}
		return
	}
	s.buys++
	if fits(c.next) {
		s.buysFitWithFee++
	}
	if fits(c.plain) {
		s.buysFitWithoutFee++
	}
}

// chain is what a row says about the next one of its key.
type chain struct {
	buy         bool
	next, plain *big.Rat // with and without a base fee
	tolerance   *big.Rat
}

func follow(tb testing.TB, f *position.Fill, start *big.Rat, text string) *chain {
	tb.Helper()
	signed := rat(tb, f.Qty.String())
	if f.Side == position.Sell {
		signed.Neg(signed)
	}
	c := &chain{buy: f.Side == position.Buy, tolerance: tolerance(rat(tb, text))}
	c.plain = new(big.Rat).Add(start, signed)
	c.next = new(big.Rat).Set(c.plain)
	if f.FeeCurrency == f.Instrument {
		c.next.Sub(c.next, rat(tb, f.Fee.String()))
	}
	return c
}

// tolerance is half a unit of the tenth digit, which is how many the export
// keeps of a start position.
func tolerance(x *big.Rat) *big.Rat {
	unit := big.NewRat(1, 2e10)
	ten := big.NewRat(10, 1)
	for limit := big.NewRat(1, 1); new(big.Rat).Abs(x).Cmp(limit) >= 0; limit.Mul(limit, ten) {
		unit.Mul(unit, ten)
	}
	return unit.Add(unit, big.NewRat(1, 2e8)) // the venue keeps eight decimals of fees
}

func rat(tb testing.TB, s string) *big.Rat {
	tb.Helper()
	r, ok := new(big.Rat).SetString(s)
	require.True(tb, ok, s)
	return r
}

// expectedBreaks counts the breaks of perpetuals that are known to be in the
// file: rows that are really missing.
func expectedBreaks(tb testing.TB, dir string) map[string]int {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "hyperliquid_expected.json"))
	require.NoError(tb, err)
	var expected map[string]struct {
		Breaks []json.RawMessage `json:"chain_breaks"`
	}
	require.NoError(tb, json.Unmarshal(b, &expected))
	counts := map[string]int{}
	for key, e := range expected {
		if _, coin, _ := strings.Cut(key, "|"); !strings.HasPrefix(coin, "@") && len(e.Breaks) > 0 {
			counts[key] = len(e.Breaks)
		}
	}
	return counts
}

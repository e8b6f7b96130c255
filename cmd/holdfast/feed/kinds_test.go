package feed_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

// told reads a CSV and tells in one line each what it gives, or returns what it is
// refused for: the file, or its first bad row.
func told(tb testing.TB, text, said string) ([]string, error) {
	tb.Helper()
	return toldBy(tb, strings.NewReader(text), said)
}

func toldBy(tb testing.TB, r io.Reader, said string) ([]string, error) {
	tb.Helper()
	out, bad, err := toldAll(tb, r, said)
	if err = cmp.Or(append(bad, err)...); err != nil {
		return nil, err
	}
	return out, nil
}

// toldAll goes on after bad rows.
func toldAll(tb testing.TB, r io.Reader, said string) (out []string, bad []error, err error) {
	tb.Helper()
	m, err := mapping.Parse(said)
	if err != nil {
		return nil, nil, err
	}
	f, err := feed.Open("x.csv", r, feed.Auto, m)
	if err != nil {
		return nil, nil, err
	}
	settled := map[string]string{}
	for {
		e, err := f.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, bad, nil
		case errors.Is(err, feed.ErrLine):
			bad = append(bad, err)
			continue
		case err != nil:
			return out, bad, err
		}
		switch x := e.Mutation.(type) {
		case position.Fill:
			line := fmt.Sprintf("%s %s %s %s @ %s", x.Account, x.Side, x.Qty, x.Instrument, x.Price)
			if !x.Fee.IsZero() {
				line += fmt.Sprintf(" fee %s %s", x.Fee, cmp.Or(x.FeeCurrency, settled[x.Instrument]))
			}
			out = append(out, strings.TrimSpace(line))
		case position.Charge:
			out = append(out, fmt.Sprintf("%s %s %s %s", x.Kind, x.Amount, x.Currency, x.Instrument))
		case position.Split:
			out = append(out, fmt.Sprintf("%s %s for %s", x.Instrument, x.Ratio, x.Per))
		case position.DefineInstrument:
			settled[x.Instrument] = x.Terms.Settlement
			out = append(out, fmt.Sprintf("%s is %s x %s in %s", x.Instrument, x.Terms.Kind, x.Terms.Multiplier, x.Terms.Settlement))
		}
	}
}

// Each kind of file goes in right by a rule of the mapping, or is refused with
// words that name the rule.
func TestCSVKinds(t *testing.T) {
	const own = "account,instrument,side,qty,price,id,time\n"
	cases := map[string]struct {
		text, mapping string
		want          []string
		refused       string
	}{
		"newest first": {
			text: own + "me,X,buy,1,103,c,2026-08-05T21:00:00Z\nme,X,sell,1,102,b,2026-07-05T21:00:00Z\nme,X,buy,1,90,a,2026-06-05T21:00:00Z\n",
			want: []string{"me buy 1 X @ 90", "me sell 1 X @ 102", "me buy 1 X @ 103"},
		},
		"newest first, rows of one time": {
			text: own + "me,X,sell,1,103,c,2026-08-05T21:00:00Z\nme,X,buy,1,102,b,2026-08-05T21:00:00Z\nme,X,buy,1,90,a,2026-06-05T21:00:00Z\n",
			want: []string{"me buy 1 X @ 90", "me buy 1 X @ 102", "me sell 1 X @ 103"},
		},
		"mixed order": {
			text: own + "me,X,buy,1,1,a,2026-01-01T00:00:00Z\nme,X,buy,1,3,b,2026-01-03T00:00:00Z\nme,X,buy,1,4,c,2026-01-03T00:00:00Z\nme,X,buy,1,2,d,2026-01-02T00:00:00Z\n",
			want: []string{"me buy 1 X @ 1", "me buy 1 X @ 2", "me buy 1 X @ 3", "me buy 1 X @ 4"},
		},
		"the order of the file": {
			text: own + "me,X,buy,1,2,b,2026-01-02T00:00:00Z\nme,X,buy,1,1,a,2026-01-01T00:00:00Z\n", mapping: "order=file",
			want: []string{"me buy 1 X @ 2", "me buy 1 X @ 1"},
		},
		"one day newest first": {
			text: own + "me,X,sell,1,2,b,2026-01-02T00:00:00Z\nme,X,buy,1,1,a,2026-01-02T00:00:00Z\n", mapping: "order=newest-first",
			want: []string{"me buy 1 X @ 1", "me sell 1 X @ 2"},
		},
		"a header and nothing else": {text: own},
		"newest first, and not": {
			text: own + "me,X,buy,1,1,a,2026-01-02T00:00:00Z\nme,X,sell,1,2,b,2026-01-02T00:00:00Z\nme,X,buy,1,3,c,2026-01-03T00:00:00Z\n", mapping: "order=newest-first",
			refused: "order=newest-first is stated, and the times of its rows only run forward",
		},
		"no time mapped": {
			text: "account,instrument,side,qty,price,id,Trade Date\nme,X,buy,1,1,a,2026-01-02\n", refused: `looks like a time, and rows have none without it: map time=Trade Date`,
		},
		"all fees negative": {
			text: "account,instrument,side,qty,price,id,fee\nme,X,buy,1,1,a,-5\nme,X,sell,1,1,b,-5\n", refused: "2 of 2 fees are negative: say fee=-COLUMN where negative means paid, or fee=+COLUMN",
		},
		"negative fees are paid": {
			text: "account,instrument,side,qty,price,id,Fee A,Fee B\nme,X,buy,1,1,a,-5,-0.5\nme,X,sell,1,1,b,-5,\n", mapping: "fee=-Fee A-Fee B",
			want: []string{"me buy 1 X @ 1 fee 5.5", "me sell 1 X @ 1 fee 5"},
		},
		"one fee of a sum has the wrong sign": {
			text: "account,instrument,side,qty,price,id,Fee A,Fee B\nme,X,buy,1,1,a,5,0.5\n", mapping: "fee=Fee A-Fee B", refused: "makes 1 of 1 fees rebates",
		},
		"negative fees are rebates": {
			text: "account,instrument,side,qty,price,id,fee\nme,X,buy,1,1,a,-5\n", mapping: "fee=+fee", want: []string{"me buy 1 X @ 1 fee -5"},
		},
		"paid fees made rebates": {
			text: "account,instrument,side,qty,price,id,fee\nme,X,buy,1,1,a,5\n", mapping: "fee=-fee", refused: "makes 1 of 1 fees rebates",
		},
		"the first column is paid": {
			text: "F,account,instrument,side,qty,price,id\n-5,me,X,buy,1,1,a\n", mapping: "fee=-F", want: []string{"me buy 1 X @ 1 fee 5"},
		},
		"a currency of a fee that nobody reads": {
			text: "account,instrument,side,qty,price,id,Paid,Paid in\nme,X,buy,1,1,a,5,EUR\n", mapping: "settlement:=EUR,fee_currency=Paid in", refused: "fee_currency is mapped and fee is not: a fee would be left out",
		},
		"a large fee in small money": {
			text: "account,instrument,side,qty,price,id,F\nme,X,buy,1,1,a,5000\n", mapping: "fee=F,fee_currency:=JPY,settlement:=USD", want: []string{"X is linear x 1 in USD", "me buy 1 X @ 1 fee 5000 JPY"},
		},
		"a fee left out": {
			text: "account,instrument,side,qty,price,id,Stamp Duty,fee\nme,X,buy,1,1,a,5,1\n", refused: `"Stamp Duty" looks like a fee and nothing uses it`,
		},
		"fees in another unit": {
			text: "account,instrument,side,qty,price,id,Satoshi\nme,X,buy,1,50000,a,1500\n", mapping: "fee=Satoshi*0.00000001,fee_currency:=XBT,settlement:=XBT,kind:=inverse,quote:=USD",
			want: []string{"X is inverse x 1 in XBT", "me buy 1 X @ 50000 fee 0.000015 XBT"},
		},
		"fees in another unit, not said": {
			text: "account,instrument,side,qty,price,id,Satoshi\nme,X,buy,1,50000,a,1500\n", mapping: "fee=Satoshi,fee_currency:=XBT,settlement:=XBT,kind:=inverse,quote:=USD",
			refused: "in which unit fees are",
		},
		"a currency that nothing uses": {
			text: "account,instrument,side,qty,price,id,CurrencyPrimary\nme,X,buy,1,1,a,CHF\n", refused: `"CurrencyPrimary" says "CHF" and nothing uses it`,
		},
		"the currency of the file": {
			text: "account,instrument,side,qty,price,id,CurrencyPrimary\nme,X,buy,1,1,a,CHF\nme,X,buy,1,1,b,CHF\nme,Y,buy,1,1,c,EUR\n", mapping: "settlement=CurrencyPrimary",
			want: []string{"X is linear x 1 in CHF", "me buy 1 X @ 1", "me buy 1 X @ 1", "Y is linear x 1 in EUR", "me buy 1 Y @ 1"},
		},
		"two currencies of one instrument": {
			text: "account,instrument,side,qty,price,id,Cur\nme,X,buy,1,1,a,CHF\nme,X,buy,1,1,b,EUR\n", mapping: "settlement=Cur", refused: `not those of an earlier row`,
		},
		"fees in a currency, prices in none": {
			text: "account,instrument,side,qty,price,id,Fee,Fee Coin\nme,X,buy,1,1,a,1,GBP\n", refused: "nothing says which currency the price is in",
		},
		"a currency sign": {
			text: "account,instrument,side,qty,price,id\nme,X,buy,1,€5,a\n", mapping: "number=us", refused: `the prices are in "€"`,
		},
		"another currency sign": {
			text: "account,instrument,side,qty,price,id\nme,X,buy,1,€5,a\n", mapping: "number=us,settlement:=USD", refused: `is in "€", the mapping says "USD"`,
		},
		"contracts": {
			text: "account,instrument,side,qty,price,id,Trading Unit\nme,X,buy,1,5,a,cont\n", refused: "nothing says what one of them is: map multiplier",
		},
		"a multiplier that nothing uses": {
			text: "account,instrument,side,qty,price,id,Multiplier\nme,X,buy,1,5,a,100\n", refused: "map it with multiplier=Multiplier",
		},
		"a pair of no kind": {
			text: "account,instrument,side,qty,price,id\nme,XBTUSD,buy,1,5,a\n", mapping: "settlement:=XBT", refused: "is a pair: say what it is",
		},
		"rows that are no trades": {
			text:    "account,instrument,Type,qty,price,id\nme,X,sell,-2,5,a\nme,X,buy,2,5,b\nme,,deposit,25,,c\n",
			mapping: "side=Type,only=Type:buy|sell", want: []string{"me sell 2 X @ 5", "me buy 2 X @ 5"},
		},
		"a trade that only would pass over": {
			text:    "account,instrument,Type,qty,price,id\nme,X,buy,2,5,b\nme,X,reinvest,2,5,c\n",
			mapping: "side=Type,only=Type:buy|sell", refused: `only=Type has no "reinvest", but the row has an instrument and a quantity`,
		},
		"an unknown side": {
			text: "account,instrument,Type,qty,price,id\nme,X,Bought,2,5,b\nme,X,Swapped,2,5,c\n", mapping: "side=Type:buy=Bought,sell=Sold", refused: `"Swapped" is none of the words`,
		},
		"kinds of rows that nothing uses": {
			text: "account,instrument,side,qty,price,id,Row Kind\nme,X,buy,2,5,b,Trade\nme,X,buy,2,5,c,Order\n", refused: `says "Trade" and "Order" and nothing uses it`,
		},
		"the size of a transaction is no kind": {
			text: "account,instrument,side,qty,price,id,Transaction volume,Transaction ID\nme,X,buy,2,5,b,10,u\nme,X,buy,2,6,c,12,v\n", want: []string{"me buy 2 X @ 5", "me buy 2 X @ 6"},
		},
		"a trade that was taken back": {
			text: "account,instrument,side,qty,price,id,Makuleringsdatum\nme,X,buy,2,5,b,\nme,X,buy,2,6,c,2024-02-07\n", refused: `says "2024-02-07", as of what was taken back or came to nothing`,
		},
		"orders that came to nothing": {
			text: "account,instrument,side,qty,price,id,Order Status\nme,X,buy,2,5,b,CANCELED\n", refused: `says "CANCELED", as of what was taken back or came to nothing, and nothing uses it: leave such rows out with skip=Order Status:CANCELED`,
		},
		"orders of several states": {
			text: "account,instrument,side,qty,price,id,State\nme,X,buy,2,5,b,FILLED\nme,X,buy,2,5,c,NEW\n", refused: `says "FILLED" and "NEW" and nothing uses it`,
		},
		"closed positions": {
			text: "account,instrument,side,qty,Open price,Close price,id\nme,X,buy,2,5,6,b\n", mapping: "price=Open price",
			refused: `"Close price" stands beside the column "Open price": a row is a position that was opened and closed`,
		},
		"trades beside the price of the day": {
			text: "account,instrument,side,qty,Trade price,Close price,id\nme,X,buy,2,5,6,b\n", mapping: "price=Trade price", want: []string{"me buy 2 X @ 5"},
		},
		"no side": {
			text: "account,instrument,qty,price,id\nme,X,-2,5,b\n", refused: "side:=sign where the sign of the quantity says it",
		},
		"a group of no instrument": {
			text: "account,id,coin,change,trade\nme,a,BTC,1,7\nme,b,EUR,-5,7\n", mapping: "group=trade,asset=coin,amount=change,quotes=EUR", refused: "instrument={base}/{quote} of the coins of a trade",
		},
		"a heading with an offset": {
			text: "account,instrument,side,qty,price,id,Filled Time(UTC+02:00)\nme,X,buy,2,5,b,2024-02-07 10:00:00\n", mapping: "time=Filled Time(UTC+02:00),time_format=2006-01-02 15:04:05",
			refused: "names the offset of its times: say time_zone=+02:00",
		},
		"a heading with an offset and the zone": {
			text: "account,instrument,side,qty,price,id,Time(GMT+8)\nme,X,buy,2,5,b,2024-02-07 10:00:00\n", mapping: "time=Time(GMT+8),time_format=2006-01-02 15:04:05,time_zone=+8",
			want: []string{"me buy 2 X @ 5"},
		},
		"a heading of UTC": {
			text: "account,instrument,side,qty,price,id,Time(UTC+0)\nme,X,buy,2,5,b,2024-02-07 10:00:00\n", mapping: "time=Time(UTC+0),time_format=2006-01-02 15:04:05",
			want: []string{"me buy 2 X @ 5"},
		},
		"the sign as side": {
			text: "account,instrument,qty,price,id\nme,X,2,5,b\nme,X,-2,6,c\n", mapping: "side:=sign", want: []string{"me buy 2 X @ 5", "me sell 2 X @ 6"},
		},
		"a negative purchase": {
			text: "account,instrument,side,qty,price,id\nme,X,buy,-2,5,b\n", refused: "must be positive: it is negative, but the side says buy",
		},
		"expiry closes what is held": {
			text:    "account,instrument,Type,qty,price,id\nme,X,sell,2,5,a\nme,X,expired,2,0,b\n",
			mapping: "when=Type:expired,side:=close,when=Type:*,side=Type", want: []string{"me sell 2 X @ 5", "me buy 2 X @ 0"},
		},
		"expiry of what was not opened": {
			text:    "account,instrument,Type,qty,price,id\nme,X,sell,1,5,a\nme,X,expired,2,0,b\n",
			mapping: "when=Type:expired,side:=close,when=Type:*,side=Type", refused: "of which the rows before it hold -1",
		},
		"a split by what it adds": {
			text:    "account,instrument,Type,qty,price,id,time\nme,X,buy,2.5,6,a,2026-01-01T00:00:00Z\nme,X,SPLIT,5,,s,2026-01-02T00:00:00Z\nme,X,SPLIT,-5,,r,2026-01-03T00:00:00Z\n",
			mapping: "when=Type:SPLIT,type:=split,added=qty,when=Type:*,side=Type", want: []string{"me buy 2.5 X @ 6", "X 3 for 1", "X 1 for 3"},
		},
		"a split of what is not held": {
			text:    "account,instrument,Type,qty,price,id,time\nme,X,buy,2.5,6,a,2026-01-01T00:00:00Z\nme,X,SPLIT,0.7,,s,2026-01-02T00:00:00Z\n",
			mapping: "when=Type:SPLIT,type:=split,added=qty,when=Type:*,side=Type", refused: "is no split that is known",
		},
		"a split that two accounts are told of": {
			text:    "account,instrument,Type,qty,price,id,time\nme,X,buy,2,6,a,2026-01-01T00:00:00Z\nyou,X,buy,3,6,b,2026-01-01T00:00:00Z\nme,X,SPLIT,2,,s,2026-01-02T00:00:00Z\nyou,X,SPLIT,3,,r,2026-01-02T00:00:00Z\nme,X,SPLIT,4,,t,2026-01-03T00:00:00Z\nyou,X,SPLIT,6,,u,2026-01-03T00:00:00Z\n",
			mapping: "when=Type:SPLIT,type:=split,added=qty,when=Type:*,side=Type", want: []string{"me buy 2 X @ 6", "you buy 3 X @ 6", "X 2 for 1", "X 2 for 1"},
		},
		"a split that two accounts are told of, not of one mind": {
			text:    "account,instrument,Type,qty,price,id,time\nme,X,buy,2,6,a,2026-01-01T00:00:00Z\nyou,X,buy,3,6,b,2026-01-01T00:00:00Z\nme,X,SPLIT,2,,s,2026-01-02T00:00:00Z\nyou,X,SPLIT,6,,r,2026-01-02T00:00:00Z\n",
			mapping: "when=Type:SPLIT,type:=split,added=qty,when=Type:*,side=Type", refused: "is not what the split of 2 for 1, of an earlier row, added to it",
		},
		"what a split by its ratio leaves is closed": {
			text:    "account,instrument,Type,qty,price,id,time\nme,X,buy,2,6,a,2026-01-01T00:00:00Z\nme,X,SPLIT,3,,s,2026-01-02T00:00:00Z\nme,X,expired,6,0,r,2026-01-03T00:00:00Z\n",
			mapping: "when=Type:SPLIT,type:=split,ratio=qty,per:=1,account:=,when=Type:expired,side:=close,when=Type:*,side=Type", want: []string{"me buy 2 X @ 6", "X 3 for 1", "me sell 6 X @ 0"},
		},
		"a column type that is the side": {
			text:    "txid,pair,type,price,cost,fee,vol\nT1,X,buy,54054.0,100.00,0.18,0.00185\n",
			mapping: "account:=me,instrument=pair,side=type,qty=vol,id=txid", want: []string{"me buy 0.00185 X @ 54054 fee 0.18"},
		},
		"a constant type looks for its own members": {
			text:    "txid,pair,type,price,cost,fee,vol,Amount\nT1,X,buy,54054.0,100.00,0.18,0.00185,7\n",
			mapping: "account:=me,instrument=pair,side=type,type:=fill,qty=vol,id=txid", want: []string{"me buy 0.00185 X @ 54054 fee 0.18"},
		},
		"an id of columns that repeats": {
			text: "account,instrument,side,qty,price,no\nme,X,buy,1,5,1\nme,X,buy,1,5,1\n", mapping: "id=no+qty", refused: "does not tell their trades apart",
		},
		"an id of two different rows": {
			text: "account,instrument,side,qty,price,id\nme,X,buy,1,5,1\nme,X,buy,2,5,1\n", refused: "is the same on lines 2 and 3",
		},
		"semicolons, a preamble, an end": {
			text:    "\ufeffStatement of me\n\n\ufeffacc;instrument;side;qty;price;id;cur;cur\n\ufeffme;X;buy;1;5;a;;;\nTotal;;;1;;;;\nme;X;buy;9;9;z;;\n",
			mapping: "account=acc,end=Total*", want: []string{"me buy 1 X @ 5"},
		},
		"tabs": {text: "account\tinstrument\tside\tqty\tprice\tid\r\nme\tX\tbuy\t1\t5\ta\r\n", want: []string{"me buy 1 X @ 5"}},
		"a line break in quotes": {
			text: "account,instrument,side,qty,price,id,note\nme,X,buy,1,5,a,\"two\nlines, \"\"quoted\"\"\"\nme,X,buy,1,6,b,\n", want: []string{"me buy 1 X @ 5", "me buy 1 X @ 6"},
		},
		"a section": {
			text:    "S,Header,account,instrument,side,qty,price,id\nS,Data,me,X,buy,1,5,a\nS,Total,,,,1,,\nT,Data,me,X,buy,1,5,z\nS,Header,account,instrument,qty,side,price,id\nS,Data,me,X,2,sell,5,b\n",
			mapping: "section=S", want: []string{"me buy 1 X @ 5", "me sell 2 X @ 5"},
		},
		"a section whose fees are negative under one of its headers": {
			text:    "S,Header,account,instrument,side,qty,price,id,fee\nS,Data,me,X,buy,1,5,a,-1\nS,Data,me,X,buy,1,5,b,-1\nS,Header,account,instrument,side,qty,price,id,fee\nS,Data,me,Y,buy,1,5,c,0\n",
			mapping: "section=S", refused: "2 of 2 fees are negative",
		},
		"a value in place of a price": {
			text:    "account,instrument,side,qty,cash,fee,tax,id\nme,X,buy,2,-11,1,0,a\nme,X,sell,2,-12,1,2,b\n",
			mapping: "net=cash,tax=tax", want: []string{"me buy 2 X @ 5 fee 1", "me sell 2 X @ 7.5 fee 1"},
		},
		"a price with the sign of the cash": {
			text: "account,instrument,side,qty,Average Price,id\nme,X,buy,2,-11,a\n", mapping: "price=Average Price", refused: "say price=+COLUMN where prices may be",
		},
		"a trade in three rows": {
			text:    "when,Op,Coin,Change\n2026-01-05,Buy,BTC,0.02\n2026-01-05,Spend,USDT,-1620\n2026-01-05,Fee,BTC,-0.001\n",
			mapping: "account:=me,time=when,time_format=2006-01-02,group=when,asset=Coin,amount=Change,quote_rows=Op:Spend,fee_rows=Op:Fee,instrument={base}{quote},id:=row",
			want:    []string{"BTCUSDT is spot x 1 in USDT", "me buy 0.02 BTCUSDT @ 81000 fee 0.001 BTC"},
		},
		"a trade of two coins that is said to be inverse": {
			text: "when,Coin,Change\n2026-01-05,BTC,0.02\n2026-01-05,USDT,-1620\n", mapping: "account:=me,time=when,time_format=2006-01-02,group=when,asset=Coin,amount=Change,quotes=USDT,instrument={base}{quote},id:=row,kind:=inverse",
			refused: `kind is "inverse", and a trade of two coins is spot`,
		},
		"a trade of two coins with a multiplier": {
			text: "when,Coin,Change\n2026-01-05,BTC,0.02\n2026-01-05,USDT,-1620\n", mapping: "account:=me,time=when,time_format=2006-01-02,group=when,asset=Coin,amount=Change,quotes=USDT,instrument={base}{quote},id:=row,multiplier:=10",
			refused: `multiplier is 10, and of a trade of two coins it is 1`,
		},
		"half a trade": {
			text: "when,Coin,Change\n2026-01-05,BTC,0.02\n", mapping: "account:=me,time=when,time_format=2006-01-02,group=when,asset=Coin,amount=Change,quotes=USDT,instrument={base}{quote},id:=row",
			refused: "the rows of one trade are of two coins",
		},
		"a trade in two rows of one sign, and sides": {
			text:    "when,id,Side,Coin,Change\n2026-01-05,1,sell,BTC,1\n2026-01-05,1,buy,EUR,100\n",
			mapping: "account:=me,time=when,time_format=2006-01-02,group=id,asset=Coin,amount=Change,side=Side,quotes=EUR,instrument={base}{quote},id=id",
			want:    []string{"BTCEUR is spot x 1 in EUR", "me sell 1 BTCEUR @ 100"},
		},
		"two trades of one id": {
			text:    "when,id,Coin,Change\n2026-01-05,1,BTC,1\n2026-01-05,1,EUR,-100\n2026-01-06,1,BTC,-1\n2026-01-06,1,EUR,150\n",
			mapping: "account:=me,time=when,time_format=2006-01-02,group=id+when,asset=Coin,amount=Change,quotes=EUR,instrument={base}{quote},id=id", refused: "is the same on lines 2 and 4",
		},
		"fills and funding": {
			text:    "account,instrument,Kind,side,qty,price,id,Funding\nme,X,TRADE,buy,1,5,a,0\nme,X,FUND,,,,b,-0.5\n",
			mapping: "when=Kind:TRADE,ignore=Funding,when=Kind:FUND,type:=charge,kind:=funding,amount=Funding,currency:=USD", want: []string{"me buy 1 X @ 5", "funding -0.5 USD X"},
		},
		"a row of no rule": {
			text: "account,instrument,Kind,side,qty,price,id\nme,X,TRADE,buy,1,5,a\nme,X,OTHER,buy,1,5,b\n", mapping: "when=Kind:TRADE", refused: `no when= counts for this row, which says "OTHER"`,
		},
		"all that is missing": {
			text: "Number,Symbol,Direction,Volume\n1,X,buy,2\n", refused: "no column is known to give account, side, qty, price, id",
		},
		"what may be meant": {
			text: "Number,Symbol,Direction,Volume\n1,X,buy,2\n", refused: "--map 'account:=main,side=Direction,qty=Volume,price=?,id:=row'",
		},
		"only, with one more condition": {
			text: "account,instrument,side,qty,price,id,T,U\nme,,,,,a,x,1\nme,X,buy,1,5,b,y,1\nme,,,,,c,y,2\n", mapping: "skip=T:x,only=T:y,and=U:1", want: []string{"me buy 1 X @ 5"},
		},
		"only, a trade that one more condition would pass over": {
			text: "account,instrument,side,qty,price,id,T,U\nme,X,buy,1,5,b,y,2\n", mapping: "skip=T:x,only=T:y,and=U:1", refused: `only=U has no "2"`,
		},
		"a fee in two currencies": {
			text: "account,instrument,side,qty,price,id,F,G\nme,X,buy,1,5,a,€1,$1\n", mapping: "settlement:=USD,fee=F+G,fee_currency:=USD,number=us", refused: `adds up "€" and "$"`,
		},
		"a further fee in another currency than is said": {
			text: "account,instrument,side,qty,price,id,F\nme,X,buy,1,5,a,£1\n", mapping: "settlement:=USD,fee_2=F,fee_2_currency:=USD,number=us", refused: `is in "£", fee_2_currency says "USD"`,
		},
		"a quantity in the other coin": {
			text: "account,instrument,side,qty,price,id\nme,BTCUSD,buy,100USD,50000,a\n", mapping: "settlement:=USD,base:=BTC,kind:=spot,number=us", refused: `is in "USD", and what is bought is "BTC"`,
		},
		"cash after a fee in another currency": {
			text: "account,instrument,side,qty,cash,id,F\nme,X,buy,1,100,a,10\n", mapping: "settlement:=USD,net=cash,fee=F,fee_currency:=EUR", refused: "the cash after the fee",
		},
		"a column that no row needs, and that is not there": {
			text: "account,instrument,Kind,id,Funding\nme,X,FUND,b,-0.5\n", mapping: "price=Price,when=Kind:FUND,type:=charge,kind:=funding,amount=Funding,currency:=USD", refused: `there is no column "Price" for price`,
		},
		"a section that is not there": {
			text: "S,Header,account,instrument,side,qty,price,id\nS,Data,me,X,buy,1,5,a\n", mapping: "section=T", refused: `no line begins with the cells "T" and "Header"`,
		},
		"carriage returns alone": {
			text: "account,instrument,side,qty,price,id,note\rme,X,buy,1,5,a,b\r", refused: "ends its lines with carriage returns alone",
		},
		"sides beside quantities without a sign": {
			text: "account,instrument,qty,price,id,B/S\nme,X,5,10,a,B\nme,X,5,11,b,S\n", mapping: "side:=sign", refused: `the column "B/S" says "S", the reverse of its row, and nothing uses it: map it with side=B/S`,
		},
		"sides under another name": {
			text: "account,instrument,qty,price,id,What\nme,X,5,10,a,Long\nme,X,5,11,b,Short\n", mapping: "side:=sign", refused: `says "Short", and all rows are booked as buy, and nothing uses it: map it with side=What`,
		},
		"sides in words that are not known": {
			text: "account,instrument,qty,price,id,Direction\nme,X,5,10,a,1\nme,X,5,11,b,2\n", mapping: "side:=sign", refused: `the column "Direction" says "1", and all rows are booked as buy`,
		},
		"sides beside a constant": {
			text: "account,instrument,qty,price,id,Side\nme,X,5,10,a,sold\n", mapping: "side:=buy", refused: `map it with side=Side`,
		},
		"sides beside the signs that say the same": {
			text: "account,instrument,qty,price,id,Side,Direction,Note\nme,X,5,10,a,BUY,in,Sold to me\nme,X,-5,11,b,SELL,out,-\n", mapping: "side:=sign", want: []string{"me buy 5 X @ 10", "me sell 5 X @ 11"},
		},
		"sides that need not be used": {
			text: "account,instrument,qty,price,id,Side\nme,X,5,10,a,SELL\n", mapping: "side:=sign,ignore=Side", want: []string{"me buy 5 X @ 10"},
		},
		"a currency in small letters": {
			text: "account,instrument,side,qty,price,id,Paid in\nme,X,buy,1,1,a,chf\n", refused: `"Paid in" says "chf" and nothing uses it, while the price would be booked in the ledger's default currency: map it, such as settlement=Paid in`,
		},
		"a sign in a column of currencies": {
			text: "account,instrument,side,qty,price,id,C\nme,X,buy,1,1,a,€\n", refused: `"C" says "€" and nothing uses it`,
		},
		"a currency by its name": {
			text: "account,instrument,side,qty,price,id,Currency\nme,X,buy,1,1,a,Swiss Franc\n", refused: `"Currency" says "Swiss Franc" and nothing uses it`,
		},
		"a currency in small letters that is the price's": {
			text: "account,instrument,side,qty,price,id,Currency,Currency rate\nme,X,buy,1,1,a,chf,1.1\n", mapping: "settlement:=CHF", want: []string{"X is linear x 1 in CHF", "me buy 1 X @ 1"},
		},
		"a currency above the prices": {
			text: "account,instrument,side,qty,Price (CHF),id\nme,X,buy,1,1,a\n", mapping: "price=Price (CHF)", refused: `the prices are in "CHF", and would be booked in the ledger's default currency: map the currency with settlement=COLUMN or settlement:=CHF`,
		},
		"another currency above the prices": {
			text: "account,instrument,side,qty,price chf,id\nme,X,buy,1,1,a\n", mapping: "price=price chf,settlement:=EUR", refused: `is in "CHF", the mapping says "EUR"`,
		},
		"currencies as files write them": {
			text: "account,instrument,side,qty,price,id,Currency,fee,Fee in\nme,X,buy,1,1,a,chf,1,Swiss Francs\nme,X,buy,1,1,b,CHF,1,chf\nme,Y,buy,1,1,c,€,1,euro\nme,Z,buy,1,1,d,XBt,1,XBt\n", mapping: "settlement=Currency,fee_currency=Fee in",
			want: []string{"X is linear x 1 in CHF", "me buy 1 X @ 1 fee 1 CHF", "me buy 1 X @ 1 fee 1 CHF", "Y is linear x 1 in EUR", "me buy 1 Y @ 1 fee 1 EUR", "Z is linear x 1 in XBt", "me buy 1 Z @ 1 fee 1 XBt"},
		},
		"funding in a currency in small letters": {
			text: "account,instrument,id,Amount,Coin\nme,X,a,-2,usdt\n", mapping: "type:=charge,kind:=funding,amount=Amount,currency=Coin", want: []string{"funding -2 USDT X"},
		},
		"a currency by its name above the prices": {
			text: "account,instrument,side,qty,PriceSwissFranc,id\nme,X,buy,1,1,a\n", mapping: "price=PriceSwissFranc", refused: `the prices are in "CHF"`,
		},
		"letters of sides under another name": {
			text: "account,instrument,qty,price,id,C\nme,X,5,10,a,B\nme,X,5,11,b,S\n", mapping: "side:=sign", refused: `says "S", and all rows are booked as buy, and nothing uses it: map it with side=C`,
		},
		"a class of shares": {
			text: "account,instrument,qty,price,id,C\nme,X,5,10,a,S\nme,X,5,11,b,S\n", mapping: "side:=sign", want: []string{"me buy 5 X @ 10", "me buy 5 X @ 11"},
		},
		"the currency above the prices and the fees": {
			text: "account,instrument,side,qty,Price CHF,Fee (CHF),id\nme,X,buy,1,1,2,a\n", mapping: "price=Price CHF,fee=Fee (CHF),settlement:=CHF", want: []string{"X is linear x 1 in CHF", "me buy 1 X @ 1 fee 2 CHF"},
		},
		"another currency above the fees": {
			text: "account,instrument,side,qty,price,Fee (CHF),id\nme,X,buy,1,1,2,a\n", mapping: "fee=Fee (CHF),settlement:=EUR", refused: `is in "CHF": map fee_currency`,
		},
		"the coin above its own prices": {
			text: "account,instrument,side,qty,BTC price,id\nme,BTC-PERP,buy,1,1,a\n", mapping: "price=BTC price,settlement:=USD", want: []string{"BTC-PERP is linear x 1 in USD", "me buy 1 BTC-PERP @ 1"},
		},
		"a currency above the prices that is none": {
			text: "account,instrument,side,qty,SOL price,id\nme,X,buy,1,1,a\n", mapping: "price=SOL price,settlement:=USD,ignore=SOL price", want: []string{"X is linear x 1 in USD", "me buy 1 X @ 1"},
		},
		"what a price is per": {
			text: "account,instrument,side,qty,Price per SOL,id\nme,X,buy,1,1,a\n", mapping: "price=Price per SOL", want: []string{"me buy 1 X @ 1"},
		},
		"a currency above the table": {
			text: "Base Currency,CHF\naccount,instrument,side,qty,P,id\nme,X,buy,1,1,a\n", mapping: "price=P", refused: "above the table stands the currency CHF",
		},
		"the same twice under a date": {
			text: "account,instrument,side,qty,price,Date\nme,X,buy,1,5,2026-01-05\nme,X,buy,1,5,2026-01-05\n", mapping: "id=Date,time=Date,time_format=2006-01-02", refused: `the id made of "Date" is the same on lines 2 and 3: it does not tell their trades apart; take more columns, or id:=row`,
		},
		"the same twice under a symbol": {
			text: "account,Symbol,side,qty,price\nme,X,buy,1,5\nme,X,buy,1,5\n", mapping: "id=Symbol,instrument=Symbol", refused: "does not tell their trades apart",
		},
		"the same twice under an account": {
			text: "account,instrument,side,qty,price,Account ID\nme,X,buy,1,5,7\nme,X,buy,1,5,7\n", mapping: "account=account,id=Account ID", refused: "does not tell their trades apart",
		},
		"the same twice under the words of a column": {
			text: "account,instrument,side,qty,price,What\nme,X,buy,1,5,t\nme,X,buy,1,5,t\n", mapping: "id=What:*=*", refused: "does not tell their trades apart",
		},
		"the same twice under the id of a trade": {
			text: "account,instrument,side,qty,price,Trade No.\nme,X,buy,1,5,7\nme,X,buy,1,5,7\n", mapping: "id=Trade No.", want: []string{"me buy 1 X @ 5", "me buy 1 X @ 5"},
		},
		"a multiplier of nothing": {
			text: "account,instrument,side,qty,price,id\nme,X,buy,1,5,a\n", mapping: "multiplier:=0", refused: "multiplier must be positive, not 0",
		},
		"a column of multipliers of nothing": {
			text: "account,instrument,side,qty,price,id,M\nme,X,buy,1,5,a,0\n", mapping: "multiplier=M", refused: `multiplier (column "M") must be positive, not 0`,
		},
		"a multiplier of nothing that nothing uses": {
			text: "account,instrument,side,qty,price,id,multiplier\nme,X,buy,1,5,a,0\n", refused: "map it with multiplier=multiplier",
		},
		"no multiplier": {
			text: "account,instrument,side,qty,price,id,M\nme,X,buy,1,5,a,\n", mapping: "multiplier=M,kind:=linear", refused: `multiplier (column "M") is empty`,
		},
		"no multiplier of a share": {
			text: "account,instrument,side,qty,price,id,M,K\nme,X,buy,1,5,a,,share\nme,Y,buy,1,5,b,100,call\n", mapping: "multiplier=M,kind=K:linear=share,option=call,settlement:=USD",
			want: []string{"X is linear x 1 in USD", "me buy 1 X @ 5", "Y is option x 100 in USD", "me buy 1 Y @ 5"},
		},
		"no kind": {
			text: "account,instrument,side,qty,price,id,K\nme,X,buy,1,5,a,\n", mapping: "kind=K", refused: `kind (column "K") is empty`,
		},
		"no settlement beside a quote": {
			text: "account,instrument,side,qty,price,id,S\nme,X,buy,1,5,a,\n", mapping: "settlement=S,quote:=USD", refused: `settlement (column "S") is empty`,
		},
		"a kind that nothing uses": {
			text: "account,instrument,side,qty,price,id,kind\nme,X,buy,1,5,a,inverse\n", refused: `the column "kind" says "inverse" and nothing uses it: map it with kind=kind`,
		},
		"a category that nothing uses": {
			text: "account,instrument,side,qty,price,id,Category\nme,X,buy,1,5,a,Option\n", refused: `map it with kind=Category`,
		},
		"a kind in more words that nothing uses": {
			text: "account,instrument,side,qty,price,id,Contract Type\nme,X,buy,1,5,a,Inverse Perpetual\n", refused: `map it with kind=Contract Type:inverse=Inverse Perpetual`,
		},
		"a quote that nothing uses": {
			text: "account,instrument,side,qty,price,id,quote\nme,X,buy,1,5,a,FOO\n", refused: `map it with quote=quote`,
		},
		"the usual terms that nothing uses": {
			text: "account,instrument,side,qty,price,id,kind,multiplier\nme,X,buy,1,5,a,linear,1.0\n", want: []string{"me buy 1 X @ 5"},
		},
		"terms that no row gives": {
			text: "account,instrument,side,qty,price,id,cost_method\nme,X,buy,1,5,a,fifo\n", refused: `the column "cost_method" says "fifo", and no row of a fill gives what an instrument has beyond kind`,
		},
		"less was executed than ordered": {
			text: "account,instrument,side,Quantity,price,id,Filled Quantity\nme,X,buy,5,10,a,3\n", refused: `"Filled Quantity" says "3" and nothing uses it, while qty is "5" by the column "Quantity": map what was executed with qty=Filled Quantity`,
		},
		"nothing was executed of it": {
			text: "account,instrument,side,qty,price,id,Executed\nme,X,buy,5,10,a,0\n", refused: `map what was executed with qty=Executed`,
		},
		"another price than the limit": {
			text: "account,instrument,side,qty,price,id,Avg. Fill Price\nme,X,buy,5,10,a,9.5\n", refused: `map what was executed with price=Avg. Fill Price`,
		},
		"all was executed": {
			text: "account,instrument,side,qty,price,id,Executed Qty,Average Price,Filled Amount,Unfilled Qty\nme,X,buy,5,10,a,5.0,10.00,50,0\n", want: []string{"me buy 5 X @ 10"},
		},
		"what was executed, of more that was ordered": {
			text: "account,instrument,side,lastQty,lastPx,id,orderQty,cumQty,avgPx\nme,X,buy,5,10,a,9,7,9.5\n", want: []string{"me buy 5 X @ 10"},
		},
		"carriage returns alone, and quotes": {
			text: "account,\"instrument\",side,qty,price,id,note\rme,X,buy,1,5,a,b\r", refused: "ends its lines with carriage returns alone",
		},
		"Coinbase with fees in the price's currency": {
			text:    "portfolio,trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit\np,7,BTC-USD,BUY,2026-01-06T12:34:01.120Z,0.1,BTC,92000,5,-9205,USD\n",
			mapping: "account=portfolio,fee_currency=price/fee/total unit,id=portfolio+product+side+trade id", refused: `such as settlement=price/fee/total unit if the price is in it as well; "BTC-USD" is a pair: say what it is, kind:=spot with base=COLUMN, kind:=linear or kind:=inverse, and its settlement; the column "size unit" says "BTC" and nothing uses it, while the price would be booked in the ledger's default currency: map it, such as base=size unit, or say`,
		},
		"Coinbase is not GDAX": {
			text:    "portfolio,trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit\np,7,BTC-USD,BUY,2026-01-06T12:34:01.120Z,0.1,BTC,92000,5,-9205,USD\n",
			mapping: "account=portfolio,base=size unit,settlement=price/fee/total unit,kind:=spot,fee_currency=price/fee/total unit,id=portfolio+product+side+trade id",
			want:    []string{"BTC-USD is spot x 1 in USD", "p buy 0.1 BTC-USD @ 92000 fee 5 USD"},
		},
		"Coinbase without a mapping": {
			text:    "portfolio,trade id,product,side,created at,size,size unit,price,fee,total,price/fee/total unit\np,7,BTC-USD,BUY,2026-01-06T12:34:01.120Z,0.1,BTC,92000,5,-9205,USD\n",
			refused: `"size unit" says "BTC"`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			have, err := told(t, c.text, c.mapping)
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, have)
		})
	}
}

// A bad row takes nothing with it but the trade that it is part of: neither the order
// of the others nor the terms of its instrument.
func TestCSVBadRowTakesNothingWithIt(t *testing.T) {
	const trades = "account:=me,time=when,time_format=2006-01-02,group=id,asset=Coin,amount=Change,quotes=EUR,instrument={base}{quote},id=id"
	const header = "when,id,Coin,Change\n"
	for name, c := range map[string]struct {
		text, mapping string
		want, bad     []string
	}{
		"half a trade, and two of one day before it": {
			text: header + "2026-01-05,1,BTC,1\n2026-01-05,1,EUR,-100\n2026-01-05,2,BTC,-1\n2026-01-05,2,EUR,150\n2026-01-06,3,BTC,1\n", mapping: trades,
			want: []string{"BTCEUR is spot x 1 in EUR", "me buy 1 BTCEUR @ 100", "me sell 1 BTCEUR @ 150"},
			bad:  []string{"x.csv:6: the rows of one trade are of two coins"},
		},
		"a trade with a bad row": {
			text: header + "2026-01-05,1,BTC,1\n2026-01-05,1,EUR,-50\n2026-01-05,1,EUR,-5O\n", mapping: trades,
			bad: []string{"x.csv:2: the row on line 4 belongs to the same trade and is bad", `x.csv:4: amount (column "Change") "-5O"`},
		},
		"a trade whose first row is bad": {
			text: header + "2026-01-05,1,EUR,-5O\n2026-01-05,1,BTC,1\n2026-01-05,1,EUR,-50\n", mapping: trades,
			bad: []string{`x.csv:2: amount (column "Change") "-5O"`, "x.csv:3: the row on line 2 belongs to the same trade and is bad"},
		},
		"a bad row in front of a file that is newest first": {
			text: "account,instrument,side,qty,price,id,time\nme,X,hold,1,3,d,2026-01-03T00:00:00Z\nme,X,sell,1,2,b,2026-01-02T00:00:00Z\nme,X,buy,1,1,a,2026-01-02T00:00:00Z\nme,X,buy,1,1,c,2026-01-01T00:00:00Z\n",
			want: []string{"me buy 1 X @ 1", "me buy 1 X @ 1", "me sell 1 X @ 2"}, bad: []string{"x.csv:2: side"},
		},
		"a bad row in front of one day": {
			text: "account,instrument,side,qty,price,id,time\nme,X,hold,1,3,d,2026-01-03T00:00:00Z\nme,X,sell,1,2,b,2026-01-02T00:00:00Z\nme,X,buy,1,1,a,2026-01-02T00:00:00Z\n", mapping: "order=newest-first",
			want: []string{"me buy 1 X @ 1", "me sell 1 X @ 2"}, bad: []string{"x.csv:2: side"},
		},
		"terms that are none": {
			text: "account,instrument,side,qty,price,id,M\nme,X,buy,1,5,a,-1\nme,X,buy,1,6,b,-1\n", mapping: "settlement:=EUR,multiplier=M",
			bad: []string{"x.csv:2: multiplier", "x.csv:3: multiplier"},
		},
		"a fee beside the first fill of an instrument": {
			text: "account,instrument,side,qty,price,id,F,G,H\nme,X,buy,1,5,a,1,1,\u200b\nme,X,buy,1,6,b,1,,\n", mapping: "settlement:=EUR,fee=F,fee_currency:=EUR,fee_2=G,fee_2_currency=H",
			want: []string{"X is linear x 1 in EUR", "me buy 1 X @ 6 fee 1 EUR"}, bad: []string{"x.csv:2: currency"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			have, bad, err := toldAll(t, strings.NewReader(c.text), c.mapping)
			require.NoError(t, err)
			require.Equal(t, c.want, have)
			require.Len(t, bad, len(c.bad), "%v", bad)
			for i, text := range c.bad {
				require.ErrorContains(t, bad[i], text)
			}
		})
	}
}

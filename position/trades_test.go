package position_test

import (
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// reported applies mutations and reports the trades that they make.
func reported(t require.TestingT, s *memory, maker *report.Trades, ms ...position.Mutation) []report.Trade {
	var out []report.Trade
	for _, m := range ms {
		before := maps.Clone(s.positions)
		require.NoError(t, s.Apply(m))
		for i := range s.last {
			c := &s.last[i]
			if c.After == nil {
				trades, err := maker.Add(nil, c)
				require.NoError(t, err)
				require.Empty(t, trades)
				continue
			}
			trades, err := maker.Add(before[c.After.Key], c)
			require.NoError(t, err)
			before[c.After.Key] = c.After
			out = append(out, trades...)
		}
	}
	return out
}

// minute makes a fill "buy 10 1.07 fee" of a minute; its id is the minute.
func minute(at int, text string) position.Fill {
	var side, qty, price, fee string
	if _, err := fmt.Sscan(text, &side, &qty, &price, &fee); err != nil {
		panic(err)
	}
	f := position.Fill{
		Meta: position.Meta{Ident: fmt.Sprint(at), Time: position.Time(at)}, Key: key,
		Side: position.Buy, Qty: dec(qty), Price: dec(price), Fee: dec(fee),
	}
	if side == "sell" {
		f.Side = position.Sell
	}
	return f
}

func tradeLine(t *report.Trade) string {
	side := map[position.Side]string{position.Buy: "long", position.Sell: "short"}[t.Direction]
	return fmt.Sprintf("%s %s %d@%s %d@%s profit %s fee %s mae %s mfe %s ids %s>%s", side, t.Qty, t.EntryTime, t.EntryPrice,
		t.ExitTime, t.ExitPrice, t.Profit, t.Fees.Get("USD"), t.MAE, t.MFE, strings.Join(t.EntryIDs, ","), strings.Join(t.ExitIDs, ","))
}

// Two entries, a reduction across both, a flip, and a close: each policy says
// something else of them.
func TestTrades(t *testing.T) {
	t.Parallel()
	steps := []position.Mutation{
		minute(1, "buy 10 100 1"), minute(2, "buy 10 110 2"),
		position.Mark{Instrument: key.Instrument, Price: dec("90")},
		minute(3, "sell 15 120 3"), minute(4, "sell 10 130 4"), minute(5, "buy 5 125 5"),
	}
	for name, want := range map[string]struct {
		options report.TradeOptions
		method  position.CostMethod
		lines   []string
	}{
		"fill to fill, pro rata": {report.TradeOptions{}, position.FIFO, []string{
			"long 10 1@100 3@120 profit 200 fee 3 mae 100 mfe 200 ids 1>3",
			"long 5 2@110 3@120 profit 50 fee 2 mae 100 mfe 50 ids 2>3",
			"long 5 2@110 4@130 profit 100 fee 3 mae 100 mfe 100 ids 2>4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
		"fill to fill, last in first, first bears the fee": {
			report.TradeOptions{EntryFee: report.FirstEntry, FlipFee: report.ClosingFlipFee}, position.LIFO, []string{
				"long 10 2@110 3@120 profit 100 fee 5 mae 200 mfe 100 ids 2>3",
				"long 5 1@100 3@120 profit 100 fee 1 mae 50 mfe 100 ids 1>3",
				"long 5 1@100 4@130 profit 150 fee 4 mae 50 mfe 150 ids 1>4",
				"short 5 4@130 5@125 profit 25 fee 5 mae 0 mfe 25 ids 4>5",
			},
		},
		"fill to fill, the cycle's fees": {report.TradeOptions{EntryFee: report.CycleEntry}, position.FIFO, []string{
			"long 10 1@100 3@120 profit 200 fee 6 mae 100 mfe 200 ids 1>3",
			"long 5 2@110 3@120 profit 50 fee 0 mae 100 mfe 50 ids 2>3",
			"long 5 2@110 4@130 profit 100 fee 2 mae 100 mfe 100 ids 2>4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
		"flat to flat": {report.TradeOptions{Grouping: report.FlatToFlat}, position.FIFO, []string{
			"long 20 1@105 4@122.5 profit 350 fee 8 mae 300 mfe 500 ids 1,2>3,4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
		"flat to flat, average": {report.TradeOptions{Grouping: report.FlatToFlat}, position.Average, []string{
			"long 20 1@105 4@122.5 profit 350 fee 8 mae 300 mfe 500 ids 1,2>3,4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
		"flat to reduced": {
			report.TradeOptions{Grouping: report.FlatToReduced, EntryFee: report.CycleEntry, FlipFee: report.ClosingFlipFee}, position.LIFO, []string{
				"long 15 2@106.666666666666666667 3@120 profit 200 fee 6 mae 250 mfe 200 ids 2,1>3",
				"long 5 1@100 4@130 profit 150 fee 4 mae 50 mfe 150 ids 1>4",
				"short 5 4@130 5@125 profit 25 fee 5 mae 0 mfe 25 ids 4>5",
			},
		},
		"flat to reduced, average, pro rata": {report.TradeOptions{Grouping: report.FlatToReduced}, position.Average, []string{
			"long 15 1@105 3@120 profit 225 fee 5.25 mae 225 mfe 225 ids 1,2>3",
			"long 5 1@105 4@130 profit 125 fee 2.75 mae 75 mfe 125 ids 1,2>4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
		"fill to fill, average": {report.TradeOptions{}, position.Average, []string{
			"long 15 1@105 3@120 profit 225 fee 5.25 mae 225 mfe 225 ids 1,2>3",
			"long 5 1@105 4@130 profit 125 fee 2.75 mae 75 mfe 125 ids 1,2>4",
			"short 5 4@130 5@125 profit 25 fee 7 mae 0 mfe 25 ids 4>5",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newMemory(position.Rules{CostMethod: want.method})
			var lines []string
			for _, trade := range reported(t, s, report.NewTrades(want.options), steps...) {
				lines = append(lines, tradeLine(&trade))
			}
			require.Equal(t, want.lines, lines)
		})
	}
}

// What leaves without a price is no trade, and takes its fees along; what a
// settlement closes is one.
func TestTradesOfOtherChanges(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{CostMethod: position.FIFO})
	maker := report.NewTrades(report.TradeOptions{})
	require.Empty(t, reported(t, s, maker,
		minute(1, "buy 10 100 1"), minute(2, "buy 10 110 2"),
		position.Transfer{Meta: position.Meta{Ident: "t", Time: 3}, Key: key, ToLeg: "other", Qty: dec("5")},
		position.Adjust{Meta: position.Meta{Ident: "a", Time: 4}, Key: key, Qty: dec("-5"), Reason: "lost"},
		position.Adjust{Meta: position.Meta{Ident: "b", Time: 4}, Key: key, Cost: dec("-100"), Reason: "repriced"},
		position.Split{Meta: position.Meta{Ident: "s", Time: 5}, Instrument: key.Instrument, Ratio: dec("2")},
	))
	lines := []string{}
	for _, trade := range reported(t, s, maker,
		position.Settle{Meta: position.Meta{Ident: "e", Time: 6}, Instrument: key.Instrument, Price: dec("60")}) {
		lines = append(lines, trade.Key.Leg+" "+tradeLine(&trade))
	}
	require.Equal(t, []string{
		" long 20 2@50 6@60 profit 200 fee 2 mae 0 mfe 200 ids 2>e",
		"other long 10 1@50 6@60 profit 100 fee 0 mae 0 mfe 100 ids 1>e",
	}, lines)
}

// A report that begins in the middle takes what it can from the image before.
func TestTradesFromTheMiddle(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{CostMethod: position.FIFO})
	require.NoError(t, s.Apply(minute(1, "buy 10 100 1")))
	var lines []string
	for _, trade := range reported(t, s, report.NewTrades(report.TradeOptions{}), minute(2, "sell 10 110 2")) {
		lines = append(lines, tradeLine(&trade))
	}
	require.Equal(t, []string{"long 10 1@100 2@110 profit 100 fee 2 mae 0 mfe 100 ids >2"}, lines)
}

// TestTradesSumToThePositions: however trades are grouped, their profits sum to
// what was realised and, once all is flat, their fees to all that were paid.
func TestTradesSumToThePositions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newMemory(position.Rules{CostMethod: rapid.SampledFrom([]position.CostMethod{
			position.Average, position.FIFO, position.LIFO, position.HIFO,
		}).Draw(t, "method")})
		maker := report.NewTrades(report.TradeOptions{
			Grouping: rapid.SampledFrom([]report.Grouping{report.FillToFill, report.FlatToFlat, report.FlatToReduced}).Draw(t, "grouping"),
			EntryFee: rapid.SampledFrom([]report.EntryFee{report.ProRataEntry, report.FirstEntry, report.CycleEntry}).Draw(t, "entry fee"),
			FlipFee:  rapid.SampledFrom([]report.FlipFee{report.SplitFlipFee, report.ClosingFlipFee}).Draw(t, "flip fee"),
		})
		def := define(position.Linear, "", "", "", "USD")
		def.Terms.Kind = rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse}).Draw(t, "kind")
		require.NoError(t, s.Apply(def))
		var trades []report.Trade
		for i := range rapid.IntRange(1, 12).Draw(t, "steps") {
			var m position.Mutation = drawFill(t, []string{"", "BNB"})
			if rapid.IntRange(0, 5).Draw(t, "mark") == 0 {
				m = position.Mark{Instrument: key.Instrument, Price: drawDecimal(t, "price")}
			}
			trades = append(trades, reported(t, s, maker, m.Identified(fmt.Sprint("m", i), position.Time(i+1)))...)
		}
		if p := s.image(key); p != nil && p.IsOpen() {
			f := position.Fill{Key: key, Side: position.Side(-p.Qty.Sign()), Qty: p.Qty.Abs(), Price: drawDecimal(t, "last price")}
			trades = append(trades, reported(t, s, maker, f)...)
		}
		var profit position.Decimal
		var fees position.Amounts
		for _, x := range trades {
			profit = sum(t, profit, x.Profit)
			var err error
			fees, err = fees.PlusAll(x.Fees)
			require.NoError(t, err)
			require.GreaterOrEqual(t, x.MAE.Sign(), 0)
			require.GreaterOrEqual(t, x.MFE.Sign(), 0)
			require.Positive(t, x.Qty.Sign())
		}
		if p := s.image(key); p != nil {
			life, ok := p.Lifetime()
			require.True(t, ok)
			require.Equal(t, life.Realized, profit)
			require.ElementsMatch(t, life.Fees, fees)
		}
	})
}

// TestTradesAgainstAnotherBuilder compares all groupings, both orders and both
// directions with the naive builder, to a part in 10⁻¹².
func TestTradesAgainstAnotherBuilder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := &builder{
			grouping: rapid.SampledFrom([]report.Grouping{report.FillToFill, report.FlatToFlat, report.FlatToReduced}).Draw(t, "grouping"),
			lifo:     rapid.Bool().Draw(t, "lifo"),
		}
		options := report.TradeOptions{Grouping: o.grouping, EntryFee: report.FirstEntry, FlipFee: report.ClosingFlipFee}
		if o.grouping == report.FlatToReduced {
			options.EntryFee = report.CycleEntry
		}
		rules := position.Rules{CostMethod: position.FIFO}
		if o.lifo {
			rules.CostMethod = position.LIFO
		}
		s, maker := newMemory(rules), report.NewTrades(options)
		small := func(name string) position.Decimal { return position.FromInt(rapid.Int64Range(1, 20).Draw(t, name)) }
		var have []report.Trade
		for at := range rapid.IntRange(2, 20).Draw(t, "steps") {
			at++
			meta := position.Meta{Ident: fmt.Sprint(at), Time: position.Time(at)}
			var m position.Mutation
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				mark := position.Mark{Meta: meta, Instrument: key.Instrument, Price: small("mark")}
				o.mark(ratOf(mark.Price))
				m = mark
			case 1: // factors that keep quantities exact
				m = position.Split{Meta: meta, Instrument: key.Instrument, Ratio: dec("2")}
				o.split(big.NewRat(1, 2))
			default:
				f := position.Fill{Meta: meta, Key: key, Side: position.Buy, Qty: small("qty"), Price: small("price"), Fee: small("fee")}
				q := ratOf(f.Qty)
				if rapid.Bool().Draw(t, "sell") {
					f.Side = position.Sell
					q.Neg(q)
				}
				o.fill(q, ratOf(f.Price), ratOf(f.Fee), at)
				m = f
			}
			have = append(have, reported(t, s, maker, m)...)
		}
		require.Len(t, have, len(o.trades))
		for i, want := range o.trades {
			x := &have[i]
			require.Equal(t, []int{want.entryAt, want.exitAt}, []int{int(x.EntryTime), int(x.ExitTime)})
			require.Equal(t, want.short, x.Direction == position.Sell)
			for name, pair := range map[string][2]*big.Rat{
				"qty": {want.qty, ratOf(x.Qty)}, "entry": {want.entry, ratOf(x.EntryPrice)}, "exit": {want.exit, ratOf(x.ExitPrice)},
				"profit": {want.profit, ratOf(x.Profit)}, "fee": {want.fee, ratOf(x.Fees.Get("USD"))},
				"mae": {want.worst, ratOf(x.MAE.Neg())}, "mfe": {want.best, ratOf(x.MFE)},
			} {
				diff := new(big.Rat).Sub(pair[0], pair[1])
				require.Negative(t, diff.Abs(diff).Cmp(big.NewRat(1, 1_000_000_000_000)), "trade %d: %s is %s, want %s", i, name, pair[1].FloatString(20), pair[0].FloatString(20))
			}
		}
	})
}

// TestTradesBearNoChargeThatIsNoFee: a fee that is charged in a currency whose fees
// are in the cost is among the charges of the position, and of no trade.
func TestTradesBearNoChargeThatIsNoFee(t *testing.T) {
	s := newMemory(position.Rules{})
	charge := position.Charge{Key: key, Kind: position.FeeCharge, Amount: dec("-0.5"), Currency: "BTC"}
	inCost := charge
	inCost.Amount, inCost.InCost = dec("-0.25"), true
	usd := charge
	usd.Currency = "USD"
	trades := reported(t, s, report.NewTrades(report.TradeOptions{Grouping: report.FlatToFlat}),
		define(position.Spot, "", "BTC", "USD", "USD"), minute(1, "buy 10 1 0"), charge, inCost, usd, minute(2, "sell 10 2 1"))
	require.Len(t, trades, 1)
	require.Equal(t, position.Amounts{{Currency: "BTC", Value: dec("0.25")}, {Currency: "USD", Value: dec("1.5")}}, trades[0].Fees)
	require.Equal(t, position.Amounts{{Currency: "BTC", Value: dec("0.25")}}, trades[0].FeesInCost)
	require.Equal(t, "8.5", trades[0].Net.String())
}

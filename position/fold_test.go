package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

var key = position.Key{Account: "A", Instrument: "X"}

func fill(side position.Side, qty, price string) position.Fill {
	return position.Fill{Key: key, Side: side, Qty: dec(qty), Price: dec(price)}
}

func buy(qty, price string) position.Fill  { return fill(position.Buy, qty, price) }
func sell(qty, price string) position.Fill { return fill(position.Sell, qty, price) }

// with sets a fee.
func with(f position.Fill, fee, currency string) position.Fill {
	f.Fee, f.FeeCurrency = dec(fee), currency
	return f
}

func at(f position.Fill, t position.Time) position.Fill {
	f.Time = t
	return f
}

func mark(price string) position.Mark { return position.Mark{Instrument: "X", Price: dec(price)} }

func charge(kind position.ChargeKind, amount, currency string) position.Charge {
	return position.Charge{Key: key, Kind: kind, Amount: dec(amount), Currency: currency}
}

func define(kind position.InstrumentKind, multiplier, base, quote, settlement string) position.DefineInstrument {
	d := position.DefineInstrument{Instrument: "X", Terms: position.Terms{Kind: kind, Base: base, Quote: quote, Settlement: settlement}}
	if multiplier != "" {
		d.Terms.Multiplier = dec(multiplier)
	}
	return d
}

type figs = map[string]string

type foldCase struct {
	name string
	in   []position.Mutation
	want figs
	kind []position.ChangeKind // of the last mutation
}

func checkFolds(t *testing.T, cases []foldCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newMemory(position.Rules{})
			for _, m := range c.in {
				require.NoError(t, s.Apply(m))
			}
			wants(t, s.image(key), c.want)
			if c.kind == nil {
				return
			}
			var kinds []position.ChangeKind
			for i, ch := range s.last {
				kinds = append(kinds, ch.Kind)
				require.Equal(t, i, int(ch.Part))
				require.Equal(t, len(s.last), int(ch.Parts))
			}
			require.Equal(t, c.kind, kinds)
		})
	}
}

func muts(ms ...position.Mutation) []position.Mutation { return ms }

func kinds(ks ...position.ChangeKind) []position.ChangeKind { return ks }

func TestFoldLinear(t *testing.T) {
	t.Parallel()
	checkFolds(t, []foldCase{
		{"open long", muts(at(buy("2", "100"), 7)), figs{
			"side": "long", "qty": "2", "cost": "200", "cycle": "1", "version": "1", "entry_qty": "2", "entry_value": "200", "peak_qty": "2",
			"high": "100", "low": "100", "avg_entry": "100", "avg_exit": "?", "opened": "7", "updated": "7", "closed": "0", "realized": "0",
			"settlement": "USD", "mark": "?", "mfe": "0", "mae": "0",
		}, kinds(position.Opened)},
		{"open short", muts(sell("2", "100")), figs{
			"side": "short", "qty": "-2", "cost": "-200", "entry_qty": "2", "entry_value": "200", "peak_qty": "2", "avg_entry": "100",
		}, kinds(position.Opened)},
		{"increase", muts(buy("1", "100"), at(buy("3", "104"), 9)), figs{
			"qty": "4", "cost": "412", "avg_entry": "103", "version": "2", "entry_qty": "4", "peak_qty": "4", "high": "104", "low": "100", "updated": "9", "opened": "1",
		}, kinds(position.Increased)},
		{"increase short", muts(sell("1", "100"), sell("3", "96")), figs{
			"qty": "-4", "cost": "-388", "avg_entry": "97", "high": "100", "low": "96", "entry_value": "388",
		}, kinds(position.Increased)},
		{"reduce", muts(buy("4", "100"), sell("1", "110")), figs{
			"qty": "3", "cost": "300", "realized": "10", "avg_entry": "100", "avg_exit": "110", "exit_qty": "1", "exit_value": "110", "peak_qty": "4", "closed": "0",
		}, kinds(position.Reduced)},
		{"reduce short at a loss", muts(sell("4", "100"), buy("1", "110")), figs{
			"qty": "-3", "cost": "-300", "realized": "-10", "avg_entry": "100", "avg_exit": "110",
		}, kinds(position.Reduced)},
		{"close", muts(buy("4", "100"), at(sell("4", "110"), 5)), figs{
			"side": "flat", "qty": "0", "cost": "0", "realized": "40", "avg_entry": "100", "last_entry": "100", "avg_exit": "110", "closed": "5", "updated": "5", "cycle": "1",
		}, kinds(position.Closed)},
		{"thirds leave no dust", muts(buy("3", "1"), buy("0.000000000000000001", "0.333"), sell("1", "2"), sell("1", "2"), sell("1.000000000000000001", "2")), figs{
			"qty": "0", "cost": "0", "realized": "3.000000000000000002",
		}, kinds(position.Closed)},
		{"reopen", muts(with(buy("4", "100"), "1", ""), with(sell("4", "110"), "2", ""), at(sell("1", "120"), 8)), figs{
			"cycle": "2", "version": "3", "qty": "-1", "cost": "-120", "realized": "0", "fees": "", "entry_qty": "1", "exit_qty": "0", "exit_value": "0",
			"high": "120", "low": "120", "last_entry": "0", "closed": "0", "opened": "8",
			"prior_realized": "40", "prior_fees": "3 USD", "life_realized": "40", "life_fees": "3 USD",
		}, kinds(position.Opened)},
		{"flip", muts(buy("2", "100"), with(at(sell("5", "110"), 6), "1", "")), figs{
			"cycle": "2", "version": "3", "qty": "-3", "cost": "-330", "realized": "0", "fees": "0.6 USD", "prior_fees": "0.4 USD", "prior_realized": "20",
			"opened": "6", "entry_qty": "3", "peak_qty": "3", "high": "110", "low": "110", "net": "-0.6",
		}, kinds(position.Closed, position.Opened)},
		{"flip short to long", muts(sell("2", "100"), buy("3", "90")), figs{
			"qty": "1", "cost": "90", "prior_realized": "20", "cycle": "2",
		}, kinds(position.Closed, position.Opened)},
		{"fee currencies", muts(with(buy("1", "100"), "1", "BNB"), with(buy("1", "100"), "2", ""), with(buy("1", "100"), "-0.5", "USD"), with(sell("1", "100"), "-1", "BNB")), figs{
			"fees": "1.5 USD", "net": "-1.5", "realized": "0",
		}, kinds(position.Reduced)},
		{"negative price", muts(buy("1", "-37"), sell("1", "-30")), figs{
			"cost": "0", "realized": "7", "avg_entry": "-37", "avg_exit": "-30", "entry_value": "-37", "exit_value": "-30", "mfe": "7", "mae": "0",
		}, nil},
		{"negative price short", muts(sell("2", "-10"), buy("1", "-15")), figs{
			"cost": "10", "realized": "5", "avg_entry": "-10", "avg_exit": "-15", "mfe": "5", "mae": "0",
		}, nil},
		{"zero price", muts(buy("2", "0"), sell("1", "0")), figs{
			"cost": "0", "realized": "0", "avg_entry": "0", "avg_exit": "0", "qty": "1",
		}, kinds(position.Reduced)},
		{"multiplier", muts(define(position.Linear, "50", "", "USD", ""), buy("2", "100"), sell("1", "101"), mark("102")), figs{
			"cost": "5000", "realized": "50", "avg_entry": "100", "avg_exit": "101", "mfe": "100",
		}, kinds(position.Marked)},
		{"option", muts(define(position.Option, "100", "", "USD", ""), sell("1", "2.5"), buy("1", "0")), figs{
			"realized": "250", "avg_exit": "0", "last_entry": "2.5", "side": "flat",
		}, kinds(position.Closed)},
		{"quanto", muts(define(position.Quanto, "0.000001", "ETH", "USD", "XBT"), buy("10", "2000"), sell("10", "2100")), figs{
			"realized": "0.001", "settlement": "XBT", "avg_exit": "2100",
		}, kinds(position.Closed)},
	})
}

func TestFoldInverse(t *testing.T) {
	t.Parallel()
	def := define(position.Inverse, "", "XBT", "USD", "")
	checkFolds(t, []foldCase{
		{"long", muts(def, buy("100", "50000"), sell("100", "40000")), figs{
			"settlement": "XBT", "realized": "-0.0005", "last_entry": "50000", "avg_exit": "40000", "cost": "0", "entry_value": "0.002", "exit_value": "0.0025",
			"mfe": "0", "mae": "0.0005",
		}, kinds(position.Closed)},
		{"short", muts(def, sell("100", "50000"), buy("50", "40000"), mark("25000")), figs{
			"qty": "-50", "cost": "-0.001", "realized": "0.00025", "avg_entry": "50000", "mfe": "0.001", "mae": "0", "low": "25000", "high": "50000",
		}, nil},
		{"harmonic mean", muts(def, buy("100", "20000"), buy("100", "30000")), figs{
			"avg_entry": "24000.00000000000096", "cost": "0.008333333333333333", "qty": "200",
		}, kinds(position.Increased)},
		{"flip", muts(def, buy("100", "50000"), sell("300", "40000")), figs{
			"qty": "-200", "cost": "-0.005", "prior_realized": "-0.0005", "cycle": "2", "avg_entry": "40000",
		}, kinds(position.Closed, position.Opened)},
		{"multiplier", muts(define(position.Inverse, "10", "BTC", "USD", ""), buy("5", "100000"), mark("125000"), charge(position.Funding, "-0.00001", "BTC")), figs{
			"cost": "0.0005", "funding": "-0.00001", "unrealized": "0.0001", "mark_value": "0.0004", "net": "-0.00001", "mark": "125000",
		}, kinds(position.Charged)},
	})
}

func TestFoldSpot(t *testing.T) {
	t.Parallel()
	def := define(position.Spot, "", "ETH", "USDT", "")
	checkFolds(t, []foldCase{
		{"fee in base lowers what was bought", muts(def, with(buy("1", "2000"), "0.001", "ETH")), figs{
			"qty": "0.999", "cost": "2000", "fees": "0.001 ETH", "entry_qty": "0.999", "peak_qty": "0.999", "net": "0",
			"mfe": "0", "mae": "2",
		}, kinds(position.Opened)},
		{"fee in base raises what was sold", muts(def, buy("2", "2000"), with(sell("1", "2100"), "0.001", "ETH")), figs{
			"qty": "0.999", "exit_qty": "1.001", "cost": "1998", "realized": "98", "exit_value": "2100",
		}, kinds(position.Reduced)},
		{"rebate in base", muts(def, with(buy("1", "2000"), "-0.001", "ETH")), figs{"qty": "1.001", "cost": "2000", "fees": "-0.001 ETH"}, nil},
		{"fee in base flips", muts(def, buy("1", "2000"), with(sell("1", "2000"), "0.25", "ETH")), figs{
			"qty": "-0.25", "cost": "-400", "prior_realized": "-400", "fees": "0.05 ETH", "prior_fees": "0.2 ETH",
		}, kinds(position.Closed, position.Opened)},
		{"fee in quote", muts(def, with(buy("1", "2000"), "2", "")), figs{"qty": "1", "fees": "2 USDT", "net": "-2"}, nil},
		{"base fee of a linear instrument is only a fee", muts(define(position.Linear, "", "ETH", "USDT", ""), with(buy("1", "2000"), "0.001", "ETH")), figs{
			"qty": "1", "fees": "0.001 ETH", "net": "0",
		}, nil},
	})
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(def))
	for _, f := range []position.Fill{
		with(buy("1", "2000"), "1", "ETH"), with(buy("1", "2000"), "1.5", "ETH"), with(sell("1", "2000"), "-1", "ETH"), with(sell("1", "2000"), "-2", "ETH"),
	} {
		refused(t, s, f, position.ErrInvalid, "fee")
	}
	refused(t, s, define(position.Spot, "", "USD", "", ""), position.ErrInvalid, "settlement")
}

func TestFoldCharges(t *testing.T) {
	t.Parallel()
	open := buy("1", "100")
	checkFolds(t, []foldCase{
		{"funding", muts(open, charge(position.Funding, "-3", "USD")), figs{"funding": "-3", "charges": "", "net": "-3", "version": "2", "qty": "1"}, kinds(position.Charged)},
		{"funding in another currency", muts(open, charge(position.Funding, "-3", "EUR")), figs{"funding": "0", "charges": "-3 EUR", "net": "0"}, kinds(position.Charged)},
		{"fee", muts(open, charge(position.FeeCharge, "-3", "USD"), charge(position.FeeCharge, "1", "USD")), figs{"fees": "2 USD", "charges": "", "net": "-2"}, nil},
		{"interest, dividend and other", muts(open, charge(position.Interest, "-1", "USD"), charge(position.Dividend, "5", "USD"), charge(position.OtherCharge, "2", "EUR")), figs{
			"charges": "2 EUR 4 USD", "net": "4", "fees": "", "funding": "0",
		}, nil},
		{"flat: belongs to the last cycle", muts(open, sell("1", "110"), charge(position.Funding, "-3", "USD"), buy("1", "1")), figs{
			"prior_realized": "10", "prior_funding": "-3", "funding": "0", "cycle": "2", "version": "4",
		}, nil},
	})
	s := newMemory(position.Rules{})
	cash := position.Charge{Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: dec("100"), Currency: "USD"}
	require.NoError(t, s.Apply(cash))
	first := s.accounts["A"]
	cash.Amount = dec("-30")
	require.NoError(t, s.Apply(cash))
	cash.Currency = "EUR"
	require.NoError(t, s.Apply(cash))
	require.Equal(t, "-30 EUR 70 USD", amounts(s.accounts["A"].Cash))
	require.Equal(t, uint64(3), s.accounts["A"].Version)
	require.Equal(t, "100 USD", amounts(first.Cash), "an image never changes")
	require.Equal(t, position.AccountSet, s.last[0].Kind)
	require.Nil(t, s.last[0].After)
}

// A charge before any fill belongs to no cycle; the first opening finds it in
// what was before.
func TestFoldChargeBeforeFill(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(charge(position.Funding, "1", "USD")))
	wants(t, s.image(key), figs{"cycle": "0", "side": "flat", "funding": "1", "version": "1", "wins": "0", "avg_entry": "?", "holding": "?"})
	require.NoError(t, s.Apply(buy("1", "100")))
	wants(t, s.image(key), figs{"cycle": "1", "version": "2", "funding": "0", "prior_funding": "1", "wins": "0"})
}

func TestFoldMarks(t *testing.T) {
	t.Parallel()
	checkFolds(t, []foldCase{
		{"extremes of a long", muts(mark("90"), buy("2", "100"), mark("120"), mark("70"), mark("95"), buy("1", "100")), figs{
			"high": "120", "low": "70", "mark": "95", "mfe": "60", "mae": "90", "unrealized": "-15", "mark_value": "285", "version": "2",
		}, kinds(position.Increased)},
		{"a mark before the opening is no extreme", muts(mark("90"), buy("2", "100")), figs{"high": "100", "low": "100", "mark": "90", "unrealized": "-20"}, nil},
		{"extremes of a short", muts(sell("2", "100"), mark("120"), mark("70")), figs{"high": "120", "low": "70", "mfe": "60", "mae": "40", "mark": "?"}, kinds(position.Marked)},
		{"extremes of a closed short", muts(sell("2", "100"), mark("120"), mark("70"), buy("2", "99"), mark("1")), figs{
			"high": "120", "low": "70", "mfe": "60", "mae": "40", "side": "flat", "mark": "70",
		}, nil},
		{"extremes of a closed long", muts(buy("2", "100"), mark("120"), sell("2", "70")), figs{"mfe": "40", "mae": "60"}, nil},
		{"extremes of a closed cycle without profit", muts(sell("2", "100"), mark("120"), buy("2", "100")), figs{"mfe": "0", "mae": "40"}, nil},
	})
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(mark("-5")))
	require.Equal(t, position.Change{Kind: position.Marked, Parts: 1, Cause: s.last[0].Cause}, s.last[0])
	require.NoError(t, s.Apply(define(position.Inverse, "", "XBT", "USD", "")))
	require.Equal(t, "-5", s.instruments["X"].Mark.String(), "a definition keeps the mark")
	refused(t, s, mark("0"), position.ErrInvalid, "price")
	refused(t, s, mark("-1"), position.ErrInvalid, "price")
	require.NoError(t, s.Apply(buy("1", "2")))
	_, ok := s.image(key).Unrealized(dec("-5"))
	require.False(t, ok)
	_, ok = s.image(key).MarkValue(dec("0"))
	require.False(t, ok)
}

// refused checks an error, its text, and that nothing changed.
func refused(t *testing.T, s *memory, m position.Mutation, target error, text string) {
	t.Helper()
	before := len(s.changes)
	err := s.Apply(m)
	require.ErrorIs(t, err, target)
	require.ErrorContains(t, err, text)
	require.Len(t, s.changes, before)
}

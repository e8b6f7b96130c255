package cases_test

import (
	"bytes"
	"encoding/csv"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// Six years of one account's wallet and its live inverse position.

// csvRows reads a file of the data as maps by column.
func csvRows(t *testing.T, name string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(bytes.NewReader(shared(t, "data", name))).ReadAll()
	require.NoError(t, err)
	rows := make([]map[string]string, len(records)-1)
	for i, rec := range records[1:] {
		rows[i] = make(map[string]string, len(rec))
		for j, name := range records[0] {
			rows[i][name] = rec[j]
		}
	}
	return rows
}

// minor are the places of the venue's units: satoshi and millionths.
func minor() map[string]int64 {
	return map[string]int64{"XBt": 100_000_000, "USDt": 1_000_000, "BMEx": 1_000_000}
}

func inUnits(t *testing.T, currency, amount string) position.Decimal {
	t.Helper()
	scale, ok := minor()[currency]
	require.True(t, ok, currency)
	x, ok := new(big.Rat).SetString(amount)
	require.True(t, ok, amount)
	d, err := decimal(x.Quo(x, big.NewRat(scale, 1)).RatString())
	require.NoError(t, err)
	return d
}

// charges makes what a row of the wallet comes to. The amount is net of the fee;
// where an order is named, the fee is a trade's and is booked apart.
func charges(t *testing.T, row map[string]string) []position.Mutation {
	t.Helper()
	at, err := time.Parse(time.RFC3339, row["timestamp"])
	require.NoError(t, err)
	when, err := position.At(at)
	require.NoError(t, err)
	c := position.Charge{
		Meta: position.Meta{Ident: row["transactID"], Time: when}, Key: position.Key{Account: "wallet"},
		Kind: position.Cash, Amount: inUnits(t, row["currency"], row["amount"]), Currency: row["currency"],
	}
	switch row["transactType"] {
	case "RealisedPNL":
		c.Kind, c.Instrument = position.RealizedCharge, row["address"]
	case "Funding":
		c.Kind, c.Instrument = position.Funding, row["address"]
	case "Deposit", "Withdrawal", "Transfer", "Conversion", "SpotTrade":
	default:
		t.Fatalf("transactType %q", row["transactType"])
	}
	if c.Kind != position.RealizedCharge || row["orderID"] == "" || row["fee"] == "" || row["fee"] == "0" {
		return []position.Mutation{c}
	}
	fee := c
	fee.Ident += ":fee"
	fee.Kind, fee.Amount = position.FeeCharge, inUnits(t, row["currency"], row["fee"]).Neg()
	c.Amount, err = c.Amount.Sub(fee.Amount)
	require.NoError(t, err)
	return []position.Mutation{c, fee}
}

// walletTotal is what an account's charges and those of its positions come to.
func walletTotal(t *testing.T, l ledger, currency string) position.Decimal {
	t.Helper()
	v := l.View()
	a, ok := v.Account("wallet")
	require.True(t, ok)
	all, err := a.Balances()
	require.NoError(t, err)
	sum := all.Get(currency)
	for p := range v.Positions() {
		life, ok := p.Lifetime()
		require.True(t, ok)
		for _, d := range []position.Decimal{life.Charges.Get(currency), life.Fees.Get(currency).Neg()} {
			sum, err = sum.Add(d)
			require.NoError(t, err)
		}
		if p.Terms.Settlement != currency {
			continue
		}
		net, err := life.Realized.Add(life.Funding)
		require.NoError(t, err)
		sum, err = sum.Add(net)
		require.NoError(t, err)
	}
	return sum
}

// TestBitMEXWallet books every completed row of the wallet; the totals are those
// of the wallet's snapshot, to the satoshi.
func TestBitMEXWallet(t *testing.T) {
	t.Parallel()
	rows := csvRows(t, "bitmex_walletHistory.csv")
	require.Len(t, rows, 17_177)
	l := ledger{Ledger: ledgertest.Open(t, t.TempDir(), rules(position.Rules{DefaultCurrency: "XBt"})), tb: t}
	counts := map[string]int{}
	var batch []position.Mutation
	send := func() {
		_, err := l.ApplyBatch(t.Context(), batch)
		require.NoError(t, err)
		batch = nil
	}
	for _, row := range rows {
		if row["transactStatus"] != "Completed" {
			counts["not completed, left out"]++
			continue
		}
		ms := charges(t, row)
		counts[row["currency"]+" "+row["transactType"]]++
		if len(ms) > 1 {
			counts["with a fee of its own"]++
		}
		if batch = append(batch, ms...); len(batch) > 900 {
			send()
		}
	}
	send()
	for currency, want := range map[string]string{"XBt": "3034754369", "USDt": "888237518", "BMEx": "11000120000"} {
		require.Equal(t, inUnits(t, currency, want), walletTotal(t, l, currency), currency)
	}
	for _, row := range csvRows(t, "bitmex_wallet.snapshot.csv") {
		if _, ok := minor()[row["currency"]]; !ok {
			require.Equal(t, "0", row["amount"], row["currency"])
			continue
		}
		require.Equal(t, inUnits(t, row["currency"], row["amount"]), walletTotal(t, l, row["currency"]), row["currency"])
	}
	t.Logf("rows:\n%s", table(counts))
	require.Equal(t, map[string]int{
		"not completed, left out": 2,
		"XBt Deposit":             2, "XBt Withdrawal": 5, "XBt Transfer": 11, "XBt Conversion": 12, "XBt SpotTrade": 2,
		"XBt Funding": 1825, "XBt RealisedPNL": 14948,
		"USDt Transfer": 24, "USDt Conversion": 12, "USDt SpotTrade": 160,
		"BMEx Transfer": 16, "BMEx SpotTrade": 158,
		"with a fee of its own": 7409,
	}, counts)
}

func rules(r position.Rules) holdfast.Options {
	o := ledgertest.Quiet()
	o.Rules = r
	return o
}

// TestBitMEXPosition adopts the live position with the venue's cost. The venue
// rounds the value of a lot of 100 contracts to a satoshi: exact arithmetic is off
// by half of one per lot at most, and the profile by nothing.
func TestBitMEXPosition(t *testing.T) {
	t.Parallel()
	var row map[string]string
	for _, r := range csvRows(t, "bitmex_position.snapshot.csv") {
		if r["symbol"] == "XBTUSD" {
			row = r
		}
	}
	require.NotNil(t, row)
	number := func(s string) position.Decimal {
		d, err := position.Parse(s)
		require.NoError(t, err)
		return d
	}
	qty, mark := number(row["currentQty"]), number(row["markPrice"])
	cost := inUnits(t, "XBt", row["posCost"]).Neg() // unsigned there
	lots := new(big.Rat).Quo(rat(qty.Abs()), big.NewRat(100, 1))
	bound := lots.Mul(lots, big.NewRat(1, 200_000_000))
	for name, rounding := range map[string]position.Rounding{
		"plain":   {},
		"profile": {Value: position.Round{Mode: position.HalfEven, Digits: 8}, ValuePer: position.FromInt(100)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, key := newLedger(t), position.Key{Account: "wallet", Instrument: "XBTUSD"}
			require.NoError(t, l.Apply(position.DefineInstrument{
				Instrument: key.Instrument,
				Terms:      position.Terms{Kind: position.Inverse, Base: "XBt", Quote: "USD", Rounding: rounding},
			}))
			require.NoError(t, l.Apply(position.Adopt{Key: key, Qty: qty, Cost: &cost, Reason: "as the venue has it"}))
			require.NoError(t, l.Apply(position.Mark{Instrument: key.Instrument, Price: mark}))
			p, _ := l.Position(key)
			require.True(t, p.HasMark)
			require.Equal(t, cost, p.Cost)
			unrealized, ok := p.Unrealized(p.Mark)
			require.True(t, ok)
			value, ok := p.MarkValue(p.Mark)
			require.True(t, ok)
			wantProfit, wantValue := inUnits(t, "XBt", row["unrealisedPnl"]), inUnits(t, "XBt", row["markValue"]).Neg()
			off := new(big.Rat).Sub(rat(unrealized), rat(wantProfit))
			t.Logf("unrealised %s, the venue %s; value %s, the venue %s; off by %s", unrealized, wantProfit, value, wantValue, off.FloatString(18))
			if name == "profile" {
				require.Equal(t, wantProfit, unrealized)
				require.Equal(t, wantValue, value)
				return
			}
			require.LessOrEqual(t, off.Abs(off).Cmp(bound), 0)
			require.NotZero(t, off.Sign())
		})
	}
}

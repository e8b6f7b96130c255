package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// exportMappings say how the exports of venues and brokers are read. Two of them
// are mappings of good files that bad ones are held against.
func exportMappings() map[string]string {
	flex := `account=ClientAccountID,instrument=Symbol,side=Buy/Sell,qty=Quantity,price=TradePrice,fee=-IBCommission,fee_currency=IBCommissionCurrency,settlement=CurrencyPrimary,kind=AssetClass:linear=STK,option=OPT,multiplier=Multiplier,time=DateTime,time_format=20060102;150405 MST,time_zone=America/New_York,id=TransactionID,skip=AssetClass:CASH,ignore=SubCategory`
	kraken := `account:=main,instrument=pair,side=type,qty=vol,price=price,fee=fee,kind:=spot,base=pair:*=*ZEUR|*EUR,settlement=pair:EUR=*EUR,USD=*USD,fee_currency=pair:EUR=*EUR,USD=*USD,time=time,time_format=2006-01-02 15:04:05,id=txid`
	return map[string]string{
		"binance-futures":   `account:=main,instrument=Symbol,side=Side,qty=Quantity,price=Price,fee=Fee,fee_currency=Fee Coin,settlement=Quote Asset,kind:=linear,multiplier:=1,time=Date(UTC),time_format=2006-01-02 15:04:05,id:=row`,
		"binance-spot":      `account:=main,instrument=Pair,side=Side,qty=Executed,price=Price,fee=Fee,fee_currency=unit(Fee),kind:=spot,base=unit(Executed),settlement=unit(Amount),time=Date(UTC),time_format=2006-01-02 15:04:05,number=us,id:=row`,
		"binance-statement": `account=User_ID,group=User_ID+UTC_Time,asset=Coin,amount=Change,quote_rows=Operation:Transaction Spend|Transaction Revenue,fee_rows=Operation:Transaction Fee,instrument={base}{quote},time=UTC_Time,time_format=2006-01-02 15:04:05,id:=row,skip=Operation:Deposit|Simple Earn Flexible Interest|Withdraw`,
		"bitmex-trades":     `account:=main,instrument=symbol,time=transactTime,id:=row,kind:=inverse,base:=XBT,quote:=USD,settlement:=XBT,when=execType:Trade,side=side,qty=lastQty,price=lastPx,fee=execComm*0.00000001,fee_currency:=XBT,ignore=commission,when=execType:Funding,type:=charge,kind:=funding,amount=-execComm*0.00000001,currency:=XBT`,
		"bitvavo":           `account:=main,instrument={Currency}-{Quote Currency},side=Type,qty=Amount,price=Quote Price,fee=Fee amount,fee_currency=Fee currency,kind:=spot,base=Currency,settlement=Quote Currency,time={Date} {Time},time_format=2006-01-02 15:04:05,time_zone={Timezone},id=Transaction ID,skip=Type:deposit|withdrawal,only=Status:Completed`,
		"bybit-uta": `# Bybit
account=Uid
instrument=Contract
time=Time(UTC)
time_format=2006-01-02 15:04:05
id:=row
number=us
skip=Type:TRANSFER_IN|TRANSFER_OUT
round=18
when=Type:TRADE
and=Action:OPEN|CLOSE
side=Direction
qty=Quantity
price=Filled Price
fee=-Fee Paid
fee_currency=Currency
settlement=Currency
kind:=linear
multiplier:=1
when=Type:TRADE
and=Action:--
group=Time(UTC)+Contract+Filled Price
asset=Currency
amount=Quantity
quotes=EUR|USDT|USDC|USD|BTC
fee=-Fee Paid
when=Type:SETTLEMENT
type:=charge
kind:=funding
amount=Funding
currency=Currency`,
		"coinbase":       `account:=main,instrument={Asset}-{Price Currency},side=Transaction Type:buy=Buy,sell=Sell,qty=Quantity Transacted,price=Price at Transaction,fee=Fees and/or Spread,fee_currency=Price Currency,settlement=Price Currency,base=Asset,kind:=spot,time=Timestamp,time_format=2006-01-02 15:04:05 MST,number=us,round=18,id=ID,skip=Transaction Type:Deposit|Staking Income|Send|Receive`,
		"coinbase-fills": `account=portfolio,instrument=product,side=side,qty=size,price=price,fee=fee,fee_currency=price/fee/total unit,settlement=price/fee/total unit,base=size unit,kind:=spot,time=created at,id=portfolio+product+side+trade id`,
		"degiro":         `account:=main,instrument=ISIN,side:=sign,qty=Quantity,price=Price,settlement=#9,kind:=linear,fee=-Transaction and/or third,fee_currency=#16,time={Date} {Time},time_format=02-01-2006 15:04,time_zone=Europe/Amsterdam,id:=row,ignore=#11|#13|#18,order=newest-first`,
		"deribit": `account:=main
instrument=Instrument
time=Date
time_format=2006-01-02 15:04:05
skip=Type:deposit
kind=Instrument:inverse=*-PERPETUAL
option=*-C|*-P
base=Instrument:BTC=BTC-*
ETH=ETH-*
quote=Instrument:USD=*-PERPETUAL
BTC=BTC-*
settlement=Instrument:BTC=BTC-*
multiplier:=1
id=ID
when=Type:trade|delivery
side=Side:buy=*buy
sell=*sell
qty=Amount
price=Price
fee=Fee Charged
fee_currency=Instrument:BTC=BTC-*
when=Type:settlement
type:=charge
kind:=funding
amount=Funding
currency=Instrument:BTC=BTC-*`,
		"fidelity":  `account:=main,order=newest-first,instrument=Symbol,side=Action:buy=YOU BOUGHT*|REINVESTMENT*,sell=YOU SOLD*,qty=Quantity,price=Price ($),fee=Commission ($)+Fees ($),settlement:=USD,fee_currency:=USD,kind=Symbol:option=-*,linear=*,multiplier=Symbol:100=-*,1=*,time=Run Date,time_format=01/02/2006,id:=row,skip=Action:DIRECT DEPOSIT*|DIVIDEND RECEIVED*,end=The data and information*,end=Date downloaded*,ignore=Type,when=Action:EXPIRED*|ASSIGNED*,side:=sign,price:=0,when=Action:*`,
		"freetrade": `account:=main,order=newest-first,instrument=Ticker,side=Buy / Sell,qty=Quantity,price=Price per Share,fee=FX Fee Amount+Stamp Duty,fee_currency=Account Currency,settlement=Instrument Currency,kind:=linear,time=Timestamp,id=Order ID,skip=Type:TOP_UP|MONTHLY_STATEMENT|DIVIDEND,only=Type:ORDER`,
		"ibkr-activity": `account=above(Account Information,Data,Account,*)
section=Trades
only=DataDiscriminator:Order
instrument=Symbol
side:=sign
qty=Quantity
price=T. Price
fee=-Comm/Fee
fee_currency=Currency
settlement=Currency
kind=Asset Category:linear=Stocks
option=Equity and Index Options
multiplier=Asset Category:1=Stocks
100=Equity and Index Options
time=Date/Time
time_format=2006-01-02, 15:04:05
time_zone=America/New_York
id:=row
number=us`,
		"ibkr-flex": flex,
		"ibkr-history": `account=Account
section=Transaction History
instrument=Symbol
side=Transaction Type
qty=Quantity
price=Price
fee=-Commission
fee_currency=above(Summary,Data,Base Currency,*)
settlement=Price Currency
kind:=linear
time=Date
time_format=2006-01-02
id:=row
number=us
order=newest-first
skip=Transaction Type:Deposit|Dividend|Foreign Tax Withholding`,
		"kraken-ledgers": `account:=main,group=refid,asset=asset,amount=amount,fee=fee,quotes=ZEUR|EUR|ZUSD|USD,settlement=asset:EUR=ZEUR|EUR,USD=ZUSD|USD,fee_currency=asset:EUR=ZEUR|EUR,USD=ZUSD|USD,*=*,instrument={base}/{quote},time=time,time_format=2006-01-02 15:04:05,id=refid,skip=type:deposit|withdrawal`,
		"kraken-trades":  kraken,
		"mt5-deals": `account=above(* (*Netting))
instrument=Symbol
side=Type
qty=Volume
price=Price
fee=-Commission-Fee
time=Time
time_format=2006.01.02 15:04:05
id=Deal
number=us
skip=Type:balance
end=Results
terms:=defined
fee_currency:=USD
ignore=Direction`,
		"okx": `account=above(UID:*)
time_zone=above(Time Zone:*)
instrument=Symbol
time=Time
time_format=2006-01-02 15:04:05
number=us
id=Order id+Time
skip=Action:Transfer in|Transfer out
group=Order id+Time
asset=Balance Unit
amount=Amount
side=Action
fee=-Fee
quotes=USDT|USDC`,
		"okx-swap": `account=above(UID:*)
time_zone=above(Time Zone:*)
instrument=Symbol
time=Time
time_format=2006-01-02 15:04:05
number=us
id=id
terms:=defined
skip=Action:Transfer in|Transfer out
when=Action:Funding fee *
type:=charge
kind:=funding
amount=PnL
currency=Balance Unit
when=Trade Type:Swap
side=Action:buy=Open long|Close short
sell=Open short|Close long
qty=Amount
price=Filled Price
fee=-Fee
fee_currency=Fee Unit`,
		"refuse-currency": flex,
		"refuse-cut":      kraken,
		"revolut-stocks":  `account:=main,instrument=Ticker,side=Type:buy=BUY - *,sell=SELL - *,qty=Quantity,price=Price per share,settlement=Currency,kind:=linear,time=Date,id:=row,number=us,skip=Type:CASH TOP-UP|DIVIDEND|CUSTODY FEE`,
		"robinhood": `account:=main
order=newest-first
time=Activity Date
time_format=1/2/2006
number=us
id:=row
settlement:=USD
skip=Trans Code:ACH|CDIV
end=The data provided*
qty=Quantity
when=Trans Code:Buy|Sell
instrument=Instrument
side=Trans Code
price=Price
kind:=linear
when=Trans Code:STO|STC|BTO|BTC
instrument=Description
side=Trans Code:buy=BTO|BTC
sell=STO|STC
price=Price
kind:=option
multiplier:=100
when=Trans Code:OEXP|OASGN
instrument=Description:*=Option Expiration for *|Option Assignment for *
side:=close
price:=0
kind:=option
multiplier:=100`,
		"schwab":        `account:=main,order=newest-first,instrument=Symbol,side=Action:buy=Buy|Reinvest Shares,sell=Sell,qty=Quantity,price=Price,fee=Fees & Comm,fee_currency:=USD,settlement:=USD,kind:=linear,time=Date,time_format=01/02/2006,number=us,id:=row,skip=Action:MoneyLink Transfer|Qualified Dividend|Reinvest Dividend`,
		"tastytrade":    `account:=main,order=newest-first,instrument=Symbol,qty=Quantity,value=Value,fee=-Commissions-Fees,fee_currency=Currency,settlement=Currency,kind=Instrument Type:linear=Equity,option=Equity Option,multiplier=Multiplier,time=Date,time_format=2006-01-02T15:04:05-0700,number=us,id:=row,skip=Sub Type:Deposit|Credit Interest,ignore=Type,when=Sub Type:Expiration|Assignment,side:=close,when=Action:*_TO_*,side=Action:buy=BUY_*,sell=SELL_*`,
		"traderepublic": `account:=main,instrument=ISIN,side=Typ:buy=Kauf,sell=Verkauf,qty=Stück,net=Wert,fee=Gebühren,tax=Steuern,fee_currency:=EUR,settlement:=EUR,kind:=linear,time=Datum,time_format=2006-01-02T15:04:05,number=eu,id:=row,skip=Typ:Einlage|Dividende`,
		"trading212":    `account:=main,instrument=Ticker,side=Action:buy=Market buy|Limit buy,sell=Market sell|Limit sell,qty=No. of shares,price=Price / share,settlement=Currency (Price / share),kind:=linear,fee=Currency conversion fee,fee_currency=Currency (Currency conversion fee),fee_2=Transaction fee,fee_2_currency=Currency (Transaction fee),time=Time,time_format=2006-01-02 15:04:05,id=ID,skip=Action:Deposit|Dividend (Dividend)|Interest on cash,ignore=Result|Currency (Result)|Currency (Total)`,
		"zerodha":       `account:=main,instrument=symbol,side=trade_type,qty=quantity,price=price,settlement:=INR,kind:=linear,time=order_execution_time,time_zone=Asia/Kolkata,id=exchange+trade_date+trade_id`,
	}
}

// expected is what stands beside an export.
type expected struct {
	Refuse    string
	Positions []struct {
		Account, Instrument, Side, Qty, Realized, Settlement, Funding, Multiplier, Kind string

		AvgEntry *string `json:"avg_entry"`
		Fees     map[string]string
		OpenedAt string `json:"opened_at"`
	}
	Skipped map[string]int
	Overlap struct {
		DropLines []int `json:"drop_lines"`
	}
	Given []json.RawMessage
}

// kept is a position as it is printed.
type kept struct {
	Account, Instrument, Side, Qty, Settlement, Multiplier string

	Kind     string  `json:"instrument_kind"`
	AvgEntry *string `json:"avg_entry"`
	OpenedAt string  `json:"opened_at"`
	Lifetime struct {
		Realized, Funding string
		Fees              map[string]string
	}
}

// Every export of ../shared/exports goes in right by a mapping, or is refused: as
// a whole, after an earlier export of the same account, and twice.
func TestExportsGoInRight(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "exports")
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("there is no ../shared/exports beside the checkout")
	}
	for _, file := range files {
		form := strings.TrimSuffix(filepath.Base(file), ".csv")
		t.Run(form, func(t *testing.T) {
			mapping, known := exportMappings()[form]
			require.True(t, known, "no mapping for this form")
			b, err := os.ReadFile(strings.TrimSuffix(file, ".csv") + ".expected.json")
			require.NoError(t, err)
			var want expected
			require.NoError(t, json.Unmarshal(b, &want))
			if want.Refuse != "" {
				code, _, stderr := ingested(t, t.TempDir(), &want, mapping, file)
				require.Equal(t, 1, code, stderr)
				return
			}
			for name, runs := range map[string][]string{"whole": {file}, "after an earlier one": {earlierExport(t, file, want.Overlap.DropLines), file}, "twice": {file, file}} {
				ledger := t.TempDir()
				for _, f := range runs {
					code, _, stderr := ingested(t, ledger, &want, mapping, f)
					require.Equal(t, 0, code, "%s: %s", name, stderr)
					if f == file {
						require.Equal(t, want.Skipped, skippedKinds(stderr), name)
					}
				}
				samePositions(t, name, ledger, &want)
			}
		})
	}
}

// With any part of its mapping left out an export goes in right all the same, or is
// refused.
func TestExportsWithAPartLeftOut(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "exports")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there is no ../shared/exports beside the checkout")
	}
	refused, right := 0, 0
	for form, mapping := range exportMappings() {
		file := filepath.Join(dir, form)
		b, err := os.ReadFile(file + ".expected.json")
		require.NoError(t, err)
		var want expected
		require.NoError(t, json.Unmarshal(b, &want))
		if want.Refuse != "" {
			continue
		}
		parts := strings.Split(mapping, "\n")
		if len(parts) == 1 {
			parts = strings.Split(mapping, ",")
		}
		for i := range parts {
			fewer := strings.Join(slices.Delete(slices.Clone(parts), i, i+1), "\n") + "\n#"
			ledger := t.TempDir()
			if code, _, _ := ingested(t, ledger, &want, fewer, file+".csv"); code != 0 {
				refused++
				continue
			}
			right++
			samePositions(t, form+" without "+parts[i], ledger, &want)
		}
	}
	t.Logf("%d refused, %d right", refused, right)
}

// earlierExport is the file without some lines.
func earlierExport(t *testing.T, file string, drop []int) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var out bytes.Buffer
	number := 0
	for l := range bytes.Lines(b) {
		if number++; !slices.Contains(drop, number) {
			out.Write(l)
		}
	}
	name := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(name, out.Bytes(), 0o600))
	return name
}

// ingested runs the verb over a file, after the definitions that are given.
func ingested(t *testing.T, ledger string, want *expected, mapping, file string) (code int, stdout, stderr string) {
	t.Helper()
	dir := filepath.Join(ledger, "l")
	if len(want.Given) > 0 {
		var defs bytes.Buffer
		for _, d := range want.Given {
			require.NoError(t, json.Compact(&defs, d))
			defs.WriteByte('\n')
		}
		var out bytes.Buffer
		require.Equal(t, 0, run(t.Context(), []string{"ingest", "--dir", dir, "--skip-invalid", "-"}, &defs, &out, &out), out.String())
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), []string{"ingest", "--dir", dir, "-o", "json", "--map", mapping, file}, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// skippedKinds reads the note of what was passed over.
func skippedKinds(stderr string) map[string]int {
	out := map[string]int{}
	for l := range strings.Lines(stderr) {
		_, list, found := strings.Cut(strings.TrimSpace(l), ".csv: skipped: ")
		if !found {
			continue
		}
		for part := range strings.SplitSeq(list, ", ") {
			n, word, _ := strings.Cut(part, " ")
			if count, err := strconv.Atoi(n); err == nil {
				out[word] = count
			}
		}
	}
	return out
}

// samePositions compares what a ledger holds with what a file is expected to give.
func samePositions(t *testing.T, name, ledger string, want *expected) {
	t.Helper()
	var out bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"positions", "--dir", filepath.Join(ledger, "l"), "--all", "-o", "json"}, strings.NewReader(""), &out, &out), out.String())
	var have []kept
	require.NoError(t, json.Unmarshal(out.Bytes(), &have), out.String())
	letters := regexp.MustCompile("[^A-Za-z0-9]")
	by := map[string]kept{}
	for _, p := range have {
		by[p.Account+" "+letters.ReplaceAllString(p.Instrument, "")] = p
	}
	require.Len(t, by, len(want.Positions), name)
	for _, w := range want.Positions {
		p, ok := by[w.Account+" "+letters.ReplaceAllString(w.Instrument, "")]
		require.True(t, ok, "%s: %s", name, w.Instrument)
		require.Equal(t, []string{w.Side, w.Qty, w.Settlement, w.Multiplier, w.Kind, w.Funding}, []string{p.Side, p.Qty, p.Settlement, p.Multiplier, p.Kind, p.Lifetime.Funding}, "%s: %s", name, w.Instrument)
		require.Equal(t, w.Fees, p.Lifetime.Fees, "%s: %s", name, w.Instrument)
		nearly(t, w.Realized, p.Lifetime.Realized)
		if w.AvgEntry != nil {
			require.NotNil(t, p.AvgEntry)
			nearly(t, *w.AvgEntry, *p.AvgEntry)
		}
		if w.OpenedAt != "" {
			require.Equal(t, strings.TrimSuffix(w.OpenedAt, "Z"), p.OpenedAt[:len("2026-01-02T03:04:05")], "%s: %s", name, w.Instrument)
		}
	}
}

// nearly compares figures but for the last of 18 digits, which is rounded.
func nearly(t *testing.T, want, have string) {
	t.Helper()
	d, err := position.MustParse(want).Sub(position.MustParse(have))
	require.NoError(t, err)
	require.LessOrEqual(t, d.Abs().Cmp(position.MustParse("0.000000000000001")), 0, "%s, not %s", have, want)
}

package cases_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// Cases of lots and closed trades: fills, marks and splits in, trades out, as
// QuantConnect LEAN's TradeBuilder makes them.

type tradeSource struct {
	caseHead
	Accounting struct{ Matching, Grouping string }
	Instrument struct {
		Symbol, Multiplier, Quote, Settlement string
		Inverse                               bool
	}
	Start  time.Time
	Steps  []tradeStep
	Expect struct {
		Side, Qty    string
		ClosedTrades []sourceTrade `json:"closed_trades"`
	}
}

type tradeStep struct {
	Op, Side, Qty, Price, Fee, Factor string
	ID                                json.Number
	TMin                              int64 `json:"t_min"`
	Value                             bool
}

type sourceTrade struct {
	EntryTime, ExitTime struct {
		TMin int64 `json:"t_min"`
	}
	EntryPrice, Direction, Quantity, ExitPrice, ProfitLoss, TotalFees, MAE, MFE string

	OrderIDs []json.Number `json:"OrderIds"`
}

// tradeRun is a case on a ledger.
type tradeRun struct {
	*tradeSource
	ledger ledger
	key    position.Key
	count  int
	policies
}

func tradeCase(tb testing.TB, raw json.RawMessage) (policies, error) {
	tb.Helper()
	var c tradeSource
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	r := tradeRun{tradeSource: &c, ledger: newLedger(tb), policies: policies{}}
	r.key = position.Key{Account: "source", Instrument: cmp.Or(c.Instrument.Symbol, c.ID)}
	return r.policies, r.run()
}

func (r *tradeRun) run() error {
	method, err := position.ParseCostMethod(strings.ToLower(r.Accounting.Matching))
	if err != nil {
		return err
	}
	r.use("cost_method=" + method.String())
	options, err := r.options()
	if err != nil {
		return err
	}
	terms := position.Terms{Quote: r.Instrument.Quote, Settlement: r.Instrument.Settlement, CostMethod: method}
	if r.Instrument.Inverse {
		terms.Kind = position.Inverse
	}
	if terms.Multiplier, err = position.Parse(cmp.Or(r.Instrument.Multiplier, "1")); err != nil {
		return err
	}
	err = r.ledger.Apply(position.DefineInstrument{Meta: r.meta("define", 0), Instrument: r.key.Instrument, Terms: terms})
	if err != nil {
		return err
	}
	for i := range r.Steps {
		closes := i+1 < len(r.Steps) && r.Steps[i+1].Op == "assert_open" && !r.Steps[i+1].Value
		if err = r.step(&r.Steps[i], closes); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	p, _ := r.ledger.Position(r.key)
	if err = same(strings.ToUpper(p.Side()), json.RawMessage(`"`+r.Expect.Side+`"`)); err != nil {
		return err
	}
	if err = number(rat(p.Qty), json.RawMessage(`"`+r.Expect.Qty+`"`), float); err != nil {
		return fmt.Errorf("quantity: %w", err)
	}
	return r.compare(report.NewTrades(options))
}

// options are the policies that the source has.
func (r *tradeRun) options() (report.TradeOptions, error) {
	o := report.TradeOptions{EntryFee: report.FirstEntry, FlipFee: report.ClosingFlipFee}
	name := "entry_fee=first"
	switch r.Accounting.Grouping {
	case "FillToFill":
		o.Grouping = report.FillToFill
	case "FlatToFlat":
		o.Grouping = report.FlatToFlat
	case "FlatToReduced":
		o.Grouping, o.EntryFee, name = report.FlatToReduced, report.CycleEntry, "entry_fee=cycle"
	default:
		return o, fmt.Errorf("no grouping %q", r.Accounting.Grouping)
	}
	r.use("trades: " + r.Accounting.Grouping + ", " + name + ", flip_fee=closing")
	return o, nil
}

func (r *tradeRun) meta(name string, minute int64) position.Meta {
	r.count++
	at, err := position.At(r.Start.Add(time.Duration(minute) * time.Minute))
	if err != nil || at == 0 {
		at = dawn
	}
	return position.Meta{Ident: fmt.Sprintf("%s-%s-%d", r.ID, name, r.count), Time: at}
}

func (r *tradeRun) step(s *tradeStep, closes bool) error {
	switch s.Op {
	case "fill":
		return r.fill(s, closes)
	case "mark":
		price, err := decimal(s.Price)
		if err != nil {
			return err
		}
		return r.ledger.Apply(position.Mark{Meta: r.meta("mark", s.TMin), Instrument: r.key.Instrument, Price: price})
	case "split":
		factor, err := position.Parse(s.Factor)
		if err != nil {
			return err
		}
		return r.ledger.Apply(position.Split{
			Meta: r.meta("split", s.TMin), Instrument: r.key.Instrument, Ratio: position.FromInt(1), Per: factor,
		})
	case "assert_open":
		if p, _ := r.ledger.Position(r.key); p.IsOpen() != s.Value {
			return fmt.Errorf("open is %t, quantity %s", p.IsOpen(), p.Qty)
		}
		return nil
	}
	return fmt.Errorf("no mutation does %q", s.Op)
}

// decimal reads a number of more places than a Decimal has, half to even.
func decimal(s string) (position.Decimal, error) {
	x, ok := new(big.Rat).SetString(s)
	if !ok {
		return position.Decimal{}, fmt.Errorf("%q is no number", s)
	}
	num := new(big.Int).Mul(x.Num(), new(big.Int).Exp(big.NewInt(10), big.NewInt(position.Scale), nil))
	q, rest := new(big.Int).DivMod(num, x.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(x.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	y := new(big.Rat).SetFrac(q, new(big.Int).Exp(big.NewInt(10), big.NewInt(position.Scale), nil))
	return position.Parse(y.FloatString(position.Scale))
}

// fill applies a fill. Where the source says that it closes the position, and it
// misses that by what rounding its 24 places to 18 can do, it is what is open.
func (r *tradeRun) fill(s *tradeStep, closes bool) error {
	f := position.Fill{Meta: r.meta("fill", s.TMin), Key: r.key, Side: position.Buy}
	f.Ident = r.ID + "-fill-" + s.ID.String()
	if s.Side == "SELL" {
		f.Side = position.Sell
	}
	var errs [3]error
	f.Qty, errs[0] = decimal(s.Qty)
	f.Price, errs[1] = decimal(s.Price)
	f.Fee, errs[2] = decimal(s.Fee)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if p, _ := r.ledger.Position(r.key); closes && p.Qty.Abs() != f.Qty {
		dust := new(big.Rat).Sub(rat(p.Qty.Abs()), rat(f.Qty))
		if dust.Abs(dust).Cmp(big.NewRat(1, 1_000_000_000_000_000)) <= 0 {
			r.use("quantities of 24 places: the last is what is open")
			f.Qty = p.Qty.Abs()
		}
	}
	return r.ledger.Apply(f)
}

// compare reads the history and compares the trades that it makes.
func (r *tradeRun) compare(maker *report.Trades) error {
	var have []report.Trade
	for s, err := range r.ledger.Replay(r.ledger.tb.Context(), holdfast.Filter{Instrument: r.key.Instrument}) {
		if err != nil {
			return err
		}
		trades, err := maker.Add(s.Before, &s.Change)
		if err != nil {
			return err
		}
		have = append(have, trades...)
	}
	want := r.Expect.ClosedTrades
	if len(have) != len(want) {
		return fmt.Errorf("%d trades, want %d", len(have), len(want))
	}
	for i := range have {
		if err := r.trade(&have[i], &want[i]); err != nil {
			return fmt.Errorf("trade %d: %w", i, err)
		}
	}
	return nil
}

func (r *tradeRun) trade(have *report.Trade, want *sourceTrade) error {
	direction := map[position.Side]string{position.Buy: "Long", position.Sell: "Short"}[have.Direction]
	if direction != want.Direction {
		return fmt.Errorf("is %s, want %s", direction, want.Direction)
	}
	for _, x := range []struct {
		name string
		have position.Time
		want int64
	}{{"entry", have.EntryTime, want.EntryTime.TMin}, {"exit", have.ExitTime, want.ExitTime.TMin}} {
		if at := r.Start.Add(time.Duration(x.want) * time.Minute); !x.have.Std().Equal(at) {
			return fmt.Errorf("%s at %s, want %s", x.name, x.have, at)
		}
	}
	for _, x := range []struct {
		name, want string
		have       position.Decimal
	}{
		{"entry price", want.EntryPrice, have.EntryPrice},
		{"quantity", want.Quantity, have.Qty},
		{"exit price", want.ExitPrice, have.ExitPrice},
		{"profit", want.ProfitLoss, have.Profit},
		{"fees", want.TotalFees, have.Fees.Get(r.Instrument.Settlement)},
		{"MAE", want.MAE, have.MAE.Neg()}, // signed in the source
		{"MFE", want.MFE, have.MFE},
	} {
		if err := nearly(rat(x.have), x.want); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
	}
	ids := map[string]bool{}
	for _, id := range want.OrderIDs {
		ids[r.ID+"-fill-"+id.String()] = true
	}
	mine := slices.Concat(have.EntryIDs, have.ExitIDs)
	for _, id := range mine {
		if !ids[id] {
			return fmt.Errorf("has fill %s, which the source has not", id)
		}
	}
	if slices.Sort(mine); len(slices.Compact(mine)) != len(ids) {
		return fmt.Errorf("has fills %v, want %v", mine, want.OrderIDs)
	}
	return nil
}

// nearly compares within 10⁻⁹ of the value, and 10⁻¹² of nothing.
func nearly(have *big.Rat, want string) error {
	w, ok := new(big.Rat).SetString(want)
	if !ok {
		return fmt.Errorf("%q is no number", want)
	}
	tol := new(big.Rat).Mul(new(big.Rat).Abs(w), big.NewRat(1, 1_000_000_000))
	tol.Add(tol, big.NewRat(1, 1_000_000_000_000))
	if diff := new(big.Rat).Sub(have, w); diff.Abs(diff).Cmp(tol) > 0 {
		return fmt.Errorf("have %s, want %s", have.FloatString(20), want)
	}
	return nil
}

package cases_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/moneyprinter/holdfast/position"
)

// Cases of positions at average cost: fills and marks in, figures out.

// sourceCase is one case of cases.json.
type sourceCase struct {
	ID, Name, Source, Kind string
	Accounting             struct {
		FeesInside bool `json:"realized_pnl_includes_fees_in_settlement_ccy"`
	}
	Instrument struct {
		Symbol, Type, Multiplier, Base, Quote, Settlement string

		Inverse   bool
		PriceTick string `json:"price_tick"`
	}
	Steps, Fills []sourceStep
	Expect       map[string]json.RawMessage
	Raises       string
	Initial      *struct {
		SignedQty string `json:"signed_qty"`
		AvgOpen   string `json:"avg_open"`
	}
	InitialCash string `json:"initial_cash"`
	Mark        string
	FX          map[string]string
	Split       *struct {
		Factor           string
		RefPrice         string `json:"ref_price"`
		FractionalShares string `json:"fractional_shares"`
	}
}

// sourceStep is one step of a case; a fill where Op is empty.
type sourceStep struct {
	Op, Side, Price, Fee string

	Qty         json.RawMessage
	FeeCurrency string `json:"fee_currency"`
	TradeID     string `json:"trade_id"`
	TS          int64
	Values      map[string]json.RawMessage
	Fn          string
	Args        []string
	Value       json.RawMessage
	Order, Kind string
	PnlChange   struct{ Amount, Currency string } `json:"pnl_change"`
}

// caseRun is a case on a ledger.
type caseRun struct {
	*sourceCase
	ledger ledger
	key    position.Key
	p      position.Position // as it is now

	ids    []string // of the cycle's fills
	idents []string // what they are called here
	fills  int
	checks int
	mark   string
	profit *big.Rat // gross, of the last fill
	before *big.Rat // cash that the position held before the case began
	purged bool     // a fill was taken back
	policies
}

// dawn is added to all times, because the sources count from zero, which here
// means an absent time.
const dawn = 1_000_000_000_000

func nettingCase(tb testing.TB, raw json.RawMessage) (policies, error) {
	tb.Helper()
	var c sourceCase
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	r := caseRun{sourceCase: &c, ledger: newLedger(tb), mark: c.Mark, before: new(big.Rat), profit: new(big.Rat), policies: policies{}}
	err := r.run()
	return r.policies, err
}

func (r *caseRun) run() error {
	c := r.sourceCase
	r.key = position.Key{Account: "source", Instrument: c.Instrument.Symbol}
	if r.key.Instrument == "" {
		r.key.Instrument = c.ID
	}
	if err := r.define(); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	if c.Split != nil {
		if err := r.split(); err != nil {
			return err
		}
	}
	steps, told := c.Steps, false
	if len(steps) == 0 {
		steps = c.Fills
	}
	for i := range steps {
		told = told || strings.HasPrefix(steps[i].Op, "expect")
		err := r.step(&steps[i])
		if c.Raises != "" && errors.Is(err, errDuplicate) {
			r.use("duplicate: the first result is the answer")
			return nil
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if !told { // the steps are authoritative where they expect something
		if err := r.expect(c.Expect); err != nil {
			return err
		}
	}
	if c.Raises != "" {
		return fmt.Errorf("nothing was refused, but the source raises %s", c.Raises)
	}
	if r.checks == 0 {
		return fmt.Errorf("nothing was checked")
	}
	return nil
}

func (r *caseRun) define() error {
	in := r.Instrument
	terms := position.Terms{Base: in.Base, Quote: in.Quote, Settlement: in.Settlement}
	switch {
	case in.Inverse:
		// The sources settle an inverse contract in its base currency,
		// whatever else the instrument says.
		terms.Kind, terms.Settlement = position.Inverse, ""
	case strings.HasSuffix(in.Type, "_spot") && in.Base != "":
		terms.Kind = position.Spot
		if slices.ContainsFunc(r.Fills, func(s sourceStep) bool { return s.FeeCurrency == in.Base }) {
			r.use("base_fee apart")
			terms.BaseFee = position.FeeApart
		}
	}
	var err error
	if terms.Multiplier, err = position.Parse(in.Multiplier); err != nil {
		return err
	}
	return r.ledger.Apply(position.DefineInstrument{
		Meta: position.Meta{Ident: r.ID + "-define", Time: dawn}, Instrument: r.key.Instrument, Terms: terms,
	})
}

// begin enters the position that a case starts from.
func (r *caseRun) begin() error {
	if r.Initial == nil {
		return nil
	}
	qty, short := strings.CutPrefix(r.Initial.SignedQty, "-")
	s := sourceStep{Side: "BUY", Qty: json.RawMessage(`"` + qty + `"`), Price: r.Initial.AvgOpen, Fee: "0", TradeID: "initial"}
	if short {
		s.Side = "SELL"
	}
	if err := r.fill(&s); err != nil {
		return err
	}
	cash, err := r.cash()
	r.before = cash
	return err
}

func (r *caseRun) step(s *sourceStep) error {
	switch s.Op {
	case "", "fill":
		return r.fill(s)
	case "mark":
		r.mark = s.Price
		price, err := position.Parse(s.Price)
		if err != nil {
			return err
		}
		r.fills++
		return r.ledger.Apply(position.Mark{
			Meta: position.Meta{Ident: fmt.Sprintf("%s-%d", r.ID, r.fills), Time: dawn}, Instrument: r.key.Instrument, Price: price,
		})
	case "purge":
		return r.purge(s.Order)
	case "adjust":
		return r.adjust(s)
	case "expect":
		return r.expect(s.Values)
	case "expect_call":
		return r.call(s)
	}
	return fmt.Errorf("no mutation does %q", s.Op)
}

func (r *caseRun) fill(s *sourceStep) error {
	f, err := r.mutation(s)
	if err != nil {
		return err
	}
	old := r.p
	if err = r.ledger.applied(f); err != nil {
		if f.Qty.IsZero() {
			return nil // the sources skip what is refused here
		}
		return err
	}
	if f.Qty.IsZero() {
		return fmt.Errorf("a fill of nothing was taken")
	}
	r.p, _ = r.ledger.Position(r.key)
	if r.p.Cycle != old.Cycle {
		r.ids, r.idents = nil, nil
	}
	r.ids, r.idents = append(r.ids, s.TradeID), append(r.idents, f.Ident)
	now, ok1 := r.p.Lifetime()
	then, ok2 := old.Lifetime()
	if !ok1 || !ok2 {
		return fmt.Errorf("no lifetime totals")
	}
	r.profit = new(big.Rat).Sub(rat(now.Realized), rat(then.Realized))
	return nil
}

// purge takes a fill back by the name of its order, which ends as the fill's
// does, or else is that of the first.
func (r *caseRun) purge(order string) error {
	i := slices.IndexFunc(r.ids, func(id string) bool {
		return strings.TrimLeft(id, "E") == strings.TrimLeft(order, "O")
	})
	i = max(i, 0)
	if len(r.ids) == 0 {
		return fmt.Errorf("no fill to purge")
	}
	b := position.Bust{Meta: position.Meta{Ident: r.ID + "-" + order, Time: dawn}, Key: r.key, Fill: r.idents[i], Reason: "purged"}
	if err := r.ledger.Apply(b); err != nil {
		return err
	}
	r.ids, r.idents = slices.Delete(r.ids, i, i+1), slices.Delete(r.idents, i, i+1)
	r.p, _ = r.ledger.Position(r.key)
	r.purged = true
	return nil
}

func (r *caseRun) adjust(s *sourceStep) error {
	if s.Kind != "FUNDING" {
		return fmt.Errorf("no mutation does %q", s.Kind)
	}
	amount, err := position.Parse(s.PnlChange.Amount)
	if err != nil {
		return err
	}
	r.fills++
	err = r.ledger.Apply(position.Charge{
		Meta: position.Meta{Ident: fmt.Sprintf("%s-%d", r.ID, r.fills), Time: dawn}, Key: r.key,
		Kind: position.Funding, Amount: amount, Currency: s.PnlChange.Currency,
	})
	r.p, _ = r.ledger.Position(r.key)
	return err
}

// split marks the reference price and splits: a factor of 0.5 gives two for one.
func (r *caseRun) split() error {
	var d [3]position.Decimal
	for i, s := range []string{r.Split.RefPrice, r.Split.Factor, "1"} {
		var err error
		if d[i], err = position.Parse(s); err != nil {
			return err
		}
	}
	m := position.Split{
		Meta: position.Meta{Ident: r.ID + "-split", Time: dawn + 2}, Instrument: r.key.Instrument, Ratio: d[2], Per: d[1],
	}
	if r.Split.FractionalShares != "" {
		r.use("split: increment and cash_price")
		cash, err := d[0].Mul(d[1])
		if err != nil {
			return err
		}
		m.Increment, m.CashPrice = d[2], &cash
	}
	err := r.ledger.Apply(position.Mark{
		Meta: position.Meta{Ident: r.ID + "-mark", Time: dawn + 1}, Instrument: r.key.Instrument, Price: d[0],
	})
	if err == nil {
		err = r.ledger.Apply(m)
	}
	r.p, _ = r.ledger.Position(r.key)
	return err
}

func (r *caseRun) mutation(s *sourceStep) (position.Fill, error) {
	r.fills++
	f := position.Fill{
		Meta: position.Meta{Ident: fmt.Sprintf("%s-%s-%d", r.ID, s.TradeID, r.fills), Time: position.Time(dawn + s.TS)},
		Key:  r.key, Side: position.Buy, FeeCurrency: s.FeeCurrency,
	}
	if r.Raises != "" {
		f.Ident = s.TradeID // the case is about ids
	}
	if s.Side == "SELL" {
		f.Side = position.Sell
	}
	var qty string
	if json.Unmarshal(s.Qty, &qty) != nil { // a reference: all of the position
		qty = r.p.Qty.Abs().String()
	}
	var errs [3]error
	f.Qty, errs[0] = position.Parse(qty)
	f.Price, errs[1] = position.Parse(s.Price)
	f.Fee, errs[2] = position.Parse(s.Fee)
	for _, err := range errs {
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func (r *caseRun) expect(values map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := r.figure(name, values[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r.checks++
	}
	return nil
}

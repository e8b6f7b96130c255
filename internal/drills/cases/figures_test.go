package cases_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// The figures of the sources, from what a position says. Each source has its
// own names and policies; what differs is said where it is read.

var errUnknown = errors.New("the figure is unknown")

// figure compares one named expectation.
func (r *caseRun) figure(name string, want json.RawMessage) error {
	p := &r.p
	switch name {
	case "side", "entry", "is_long", "is_short", "is_open", "is_closed":
		return r.state(name, want)
	case "quantity":
		return number(rat(p.Qty.Abs()), want, exact)
	case "signed_qty":
		return number(rat(p.Qty), want, exact)
	case "peak_qty":
		return number(rat(p.PeakQty), want, exact)
	case "ts_opened", "ts_init", "ts_closed", "ts_last", "duration_ns":
		return r.times(name, want)
	case "event_count":
		return same(fmt.Sprint(len(r.ids)), want)
	case "trade_ids", "last_trade_id":
		return r.trades(name, want)
	case "avg_px_open", "avg_px_close", "avg_open":
		return r.average(name, want)
	case "realized_return":
		return r.gain(want)
	case "realized_pnl":
		return r.realized(want)
	case "commissions":
		return r.commissions(want)
	case "to_dict":
		return r.dict(want)
	}
	return r.money(name, want)
}

func (r *caseRun) state(name string, want json.RawMessage) error {
	sign := r.p.Qty.Sign()
	switch name {
	case "side":
		return same(strings.ToUpper(r.p.Side()), want)
	case "entry":
		return same(map[int]string{1: "BUY", -1: "SELL"}[sign], want)
	case "is_long":
		return same(fmt.Sprint(sign > 0), want)
	case "is_short":
		return same(fmt.Sprint(sign < 0), want)
	case "is_open":
		return same(fmt.Sprint(r.p.IsOpen()), want)
	}
	return same(fmt.Sprint(!r.p.IsOpen()), want)
}

// times shifts back to the source's clock, which says 0 for an absent time and
// for the duration of an open position.
func (r *caseRun) times(name string, want json.RawMessage) error {
	shift := func(t position.Time) string {
		if t == 0 {
			return "0"
		}
		return fmt.Sprint(int64(t) - dawn)
	}
	switch name {
	case "ts_opened", "ts_init":
		return same(shift(r.p.OpenedAt), want)
	case "ts_closed":
		return same(shift(r.p.ClosedAt), want)
	case "ts_last":
		return same(shift(r.p.UpdatedAt), want)
	}
	if r.p.IsOpen() {
		return same("0", want)
	}
	return same(fmt.Sprint(int64(r.p.ClosedAt-r.p.OpenedAt)), want)
}

// trades compares the ids of the cycle's fills. Where a source made names of its
// own, which the case does not give its fills, their number is compared.
func (r *caseRun) trades(name string, want json.RawMessage) error {
	if name == "last_trade_id" {
		want = json.RawMessage("[" + string(want) + "]")
	}
	var ids []string
	if err := json.Unmarshal(want, &ids); err != nil {
		return err
	}
	have := r.ids
	if name == "last_trade_id" && len(have) > 0 {
		have = have[len(have)-1:]
	}
	generated := len(ids) > 0 && strings.HasPrefix(ids[0], "E-19700101-")
	if len(ids) != len(have) || !generated && !slices.Equal(ids, have) {
		return fmt.Errorf("have %v, want %v", have, ids)
	}
	return nil
}

// average: a flat position keeps its last average in NautilusTrader's Position,
// here too, and has none in its fold_net_position and in LEAN.
func (r *caseRun) average(name string, want json.RawMessage) error {
	avg, ok := r.p.AvgEntry()
	switch {
	case name == "avg_px_close":
		if avg, ok = r.p.AvgExit(); r.p.ExitQty.IsZero() {
			avg, ok = position.Decimal{}, true
		}
	case !r.p.IsOpen() && (name == "avg_open" || strings.Contains(r.Name, "fold_net_position")):
		r.use("report: flat has no average")
		avg, ok = position.Decimal{}, true
	}
	if !ok {
		return errUnknown
	}
	return number(rat(avg), want, float)
}

// gain is the return of the closed part, before fees.
func (r *caseRun) gain(want json.RawMessage) error {
	gain := new(big.Rat)
	if !r.p.ExitQty.IsZero() {
		entry, ok1 := r.p.AvgEntry()
		exit, ok2 := r.p.AvgExit()
		if !ok1 || !ok2 {
			return errUnknown
		}
		gain.Sub(rat(exit), rat(entry))
		gain.Quo(gain, rat(entry))
		if gain.Sign()*r.p.Totals.Realized.Sign() < 0 {
			gain.Neg(gain) // a short gains when the price falls
		}
	}
	return number(gain, want, float)
}

// realized: NautilusTrader subtracts fees in the settlement currency at once,
// which is the net here; LEAN keeps them apart.
func (r *caseRun) realized(want json.RawMessage) error {
	if !r.Accounting.FeesInside {
		return number(rat(r.p.Totals.Realized), want, exact)
	}
	r.use("report: profit is net of fees")
	net, ok := r.p.Net()
	if r.purged && r.p.Prior != nil {
		// A charge before the first fill that is left belongs to no cycle.
		r.use("report: profit is that of all cycles")
		var life position.Totals
		if life, ok = r.p.Lifetime(); ok {
			var err error
			net, err = life.Net(r.p.Terms)
			ok = err == nil
		}
	}
	if !ok {
		return errUnknown
	}
	return r.amount(rat(net), want)
}

// amount compares money in the settlement currency at the stated precision.
func (r *caseRun) amount(have *big.Rat, want json.RawMessage) error {
	var m struct{ Amount, Currency, Value, Tol string }
	if err := json.Unmarshal(want, &m); err != nil {
		return err
	}
	if m.Amount == "" {
		return number(have, want, exact)
	}
	if m.Currency != r.p.Terms.Settlement {
		return fmt.Errorf("settled in %s, want %s", r.p.Terms.Settlement, m.Currency)
	}
	return rounded(have, m.Amount)
}

func (r *caseRun) commissions(want json.RawMessage) error {
	var list []struct{ Amount, Currency string }
	if err := json.Unmarshal(want, &list); err != nil {
		return err
	}
	for _, m := range list {
		if err := rounded(rat(r.p.Totals.Fees.Get(m.Currency)), m.Amount); err != nil {
			return err
		}
	}
	for _, a := range r.p.Totals.Fees {
		if !slices.ContainsFunc(list, func(m struct{ Amount, Currency string }) bool { return m.Currency == a.Currency }) {
			return fmt.Errorf("has fees in %s, which the source has not", a.Currency)
		}
	}
	return nil
}

// dict compares a whole position but for the source's own identifiers.
func (r *caseRun) dict(want json.RawMessage) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(want, &all); err != nil {
		return err
	}
	t := r.p.Terms
	for name, v := range all {
		var err error
		switch name {
		case "position_id", "trader_id", "strategy_id", "instrument_id", "account_id", "opening_order_id", "closing_order_id":
			continue
		case "quote_currency":
			err = same(t.Quote, v)
		case "base_currency":
			err = same(t.Base, v)
		case "settlement_currency":
			err = same(t.Settlement, v)
		case "realized_pnl":
			err = r.realized(moneyOf(text(v)))
		case "commissions":
			var list []string
			err = json.Unmarshal(v, &list)
			money := make([]string, len(list))
			for i, s := range list {
				money[i] = string(moneyOf(s))
			}
			if err == nil {
				err = r.commissions(json.RawMessage("[" + strings.Join(money, ",") + "]"))
			}
		default:
			if string(v) == "null" { // not closed yet
				v = json.RawMessage("0")
			}
			err = r.figure(name, v)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// moneyOf reads "-2.00 USD".
func moneyOf(s string) json.RawMessage {
	amount, currency, _ := strings.Cut(s, " ")
	return json.RawMessage(fmt.Sprintf(`{"amount":%q,"currency":%q}`, amount, currency))
}

// cash is what the position's fills brought in: a future settles its profit
// only, everything else its whole value.
func (r *caseRun) cash() (*big.Rat, error) {
	all, ok := r.p.Lifetime()
	if !ok {
		return nil, errUnknown
	}
	c := new(big.Rat).Sub(rat(all.Realized), rat(all.Fees.Get(r.p.Terms.Settlement)))
	if r.Instrument.Type != "future" && r.Instrument.Type != "cfd" {
		c.Sub(c, rat(r.p.Cost))
	}
	return c.Sub(c, r.before), nil
}

// money compares the figures of LEAN's portfolio, some in the account's
// currency.
func (r *caseRun) money(name string, want json.RawMessage) error {
	name, converted := strings.CutSuffix(name, "_account_ccy")
	cash, err := r.cash()
	if err != nil {
		return err
	}
	have := new(big.Rat)
	switch name {
	case "last_trade_profit":
		have = r.profit
	case "realized_pnl":
		have = rat(r.p.Totals.Realized)
	case "total_fees":
		have = rat(r.p.Totals.Fees.Get(r.p.Terms.Settlement))
	case "cash", "cash_EUR":
		have = cash
	case "total_sale_volume":
		have.Add(rat(r.p.EntryValue), rat(r.p.ExitValue))
	case "mark":
		have = rat(r.p.Mark)
	case "cash_in_lieu", "cash_in_lieu_formula":
		return r.inLieu(text(want))
	case "equity", "unrealized_pips", "unrealized_pnl_quote_derived":
		if have, err = r.marked(name, cash); err != nil {
			return err
		}
	default:
		return fmt.Errorf("nothing tells this figure")
	}
	if converted {
		rate, ok := new(big.Rat).SetString(r.FX[r.p.Terms.Settlement])
		if !ok {
			return fmt.Errorf("no rate for %s", r.p.Terms.Settlement)
		}
		have = new(big.Rat).Mul(have, rate)
	}
	return number(have, want, exact)
}

// inLieu is what the fraction that a split cut off was sold for; the formula is
// the one that is in the cases.
func (r *caseRun) inLieu(want string) error {
	if want == "(100/0.49999 - 200) * 100 * 0.49999" {
		f := big.NewRat(49999, 100000)
		w := new(big.Rat).Quo(big.NewRat(100, 1), f)
		w.Sub(w, big.NewRat(200, 1)).Mul(w, big.NewRat(100, 1)).Mul(w, f)
		want = w.RatString()
	}
	w, ok := new(big.Rat).SetString(want)
	if !ok {
		return fmt.Errorf("the formula %q is not known", want)
	}
	// To 15 places: the fraction of a unit is rounded to 18 places.
	diff := new(big.Rat).Sub(rat(r.p.ExitValue), w)
	if diff.Abs(diff).Cmp(big.NewRat(1, 1_000_000_000_000_000)) > 0 {
		return fmt.Errorf("have %s, want %s", r.p.ExitValue, w.FloatString(20))
	}
	return nil
}

// marked returns a figure at the last mark.
func (r *caseRun) marked(name string, cash *big.Rat) (*big.Rat, error) {
	mark, err := position.Parse(r.mark)
	if err != nil {
		return nil, err
	}
	value, ok1 := r.p.MarkValue(mark)
	profit, ok2 := r.p.Unrealized(mark)
	if !ok1 || !ok2 {
		return nil, errUnknown
	}
	switch name {
	case "equity":
		initial, _ := new(big.Rat).SetString(r.InitialCash)
		return initial.Add(initial, cash).Add(initial, rat(value)), nil
	case "unrealized_pips": // ten ticks each
		pip, _ := new(big.Rat).SetString(r.Instrument.PriceTick)
		pip.Mul(pip, big.NewRat(10, 1)).Mul(pip, rat(r.p.Qty))
		return pip.Quo(rat(profit), pip), nil
	}
	return rat(profit), nil
}

// call compares a figure at a price.
func (r *caseRun) call(s *sourceStep) error {
	args := make([]position.Decimal, len(s.Args))
	for i, a := range s.Args {
		var err error
		if args[i], err = position.Parse(a); err != nil {
			return err
		}
	}
	r.checks++
	p := r.p
	if s.Fn == "calculate_pnl" { // of another position of the same side
		f := position.Fill{
			Meta: position.Meta{Ident: fmt.Sprintf("%s-call-%d", r.ID, r.checks), Time: dawn},
			Key:  r.key, Side: position.Side(p.Qty.Sign()), Price: args[0], Qty: args[2],
		}
		f.Leg = f.Ident
		if err := r.ledger.Apply(f); err != nil {
			return err
		}
		p, _ = r.ledger.Position(f.Key)
		args[0] = args[1]
	}
	have, ok := p.Unrealized(args[0])
	switch s.Fn {
	case "unrealized_pnl", "calculate_pnl":
	case "notional_value":
		have, ok = p.MarkValue(args[0])
		have = have.Abs()
	case "total_pnl":
		net, known := p.Net()
		total, err := have.Add(net)
		have, ok = total, ok && known && err == nil
	default:
		return fmt.Errorf("nothing tells %s", s.Fn)
	}
	if !ok {
		return errUnknown
	}
	if err := r.amount(rat(have), s.Value); err != nil {
		return fmt.Errorf("%s%v: %w", s.Fn, s.Args, err)
	}
	return nil
}

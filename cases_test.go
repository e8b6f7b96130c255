package holdfast_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// Position arithmetic of other projects' test suites, as numbers: fills in,
// figures out, through the public API of a ledger on disk.
type ledger struct {
	*holdfast.Ledger
	tb testing.TB
}

func newLedger(tb testing.TB) ledger {
	tb.Helper()
	return ledger{Ledger: open(tb, tb.TempDir(), quiet()), tb: tb}
}

// Apply applies one mutation.
func (l ledger) Apply(m position.Mutation) error {
	_, err := l.Ledger.Apply(l.tb.Context(), m)
	return err
}

// shared reads a file of the data that is handed out beside the repository.
func shared(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	path := filepath.Join(append([]string{"..", "shared"}, elem...)...)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		tb.Skipf("%s is not there: it is not part of the repository", path)
	}
	require.NoError(tb, err)
	return b
}

// waiting lists every case that does not pass, with what it waits for or the
// policy that answers it otherwise.
func waiting() map[string]string {
	const (
		duplicate = "policy: an exact retry is answered with its first result, not with an error"
		purge     = "mutation Bust: an earlier fill is taken back by its id and the cycle refolded"
		adjust    = "mutations Adjust and Bust"
		baseFee   = "policy: a base fee leaves the cost whole, so it is in the gross profit; the source drops its value"
		split     = "mutation Split"
	)
	return map[string]string{
		"C0004": duplicate,
		"C0031": purge,
		"C0032": purge,
		"C0033": purge,
		"C0045": purge,
		"C0050": adjust,
		"C0056": baseFee,
		"C0593": split,
		"C0594": split,
		"C0595": split,
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	var all []sourceCase
	require.NoError(t, json.Unmarshal(shared(t, "cases", "cases.json"), &all))
	all = slices.DeleteFunc(all, func(c sourceCase) bool { return c.Kind != "netting_average_cost" })
	require.Len(t, all, 91)
	list, passed := waiting(), 0
	for _, c := range all {
		reason, listed := list[c.ID]
		delete(list, c.ID)
		err := c.run(newLedger(t))
		switch {
		case err == nil && listed:
			t.Errorf("%s %s passes, but is listed: %s", c.ID, c.Name, reason)
		case err != nil && !listed:
			t.Errorf("%s %s (%s): %v", c.ID, c.Name, c.Source, err)
		case err != nil:
			t.Logf("%s %s: %s: %v", c.ID, c.Name, reason, err)
		default:
			passed++
		}
	}
	require.Empty(t, list, "listed, but there is no such case")
	require.GreaterOrEqual(t, passed, 80)
	t.Logf("%d of %d cases pass", passed, len(all))
}

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
	Split       json.RawMessage
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
}

// caseRun is a case on a ledger.
type caseRun struct {
	*sourceCase
	ledger ledger
	key    position.Key
	p      position.Position // as it is now

	ids    []string // of the cycle's fills
	fills  int
	checks int
	mark   string
	profit *big.Rat // gross, of the last fill
	before *big.Rat // cash that the position held before the case began
}

// dawn is added to all times, because the sources count from zero, which here
// means an absent time.
const dawn = 1_000_000_000_000

func (c *sourceCase) run(l ledger) error {
	r := caseRun{sourceCase: c, ledger: l, mark: c.Mark, before: new(big.Rat), profit: new(big.Rat)}
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
		return fmt.Errorf("no mutation splits a position")
	}
	steps, told := c.Steps, false
	if len(steps) == 0 {
		steps = c.Fills
	}
	for i := range steps {
		told = told || strings.HasPrefix(steps[i].Op, "expect")
		if err := r.step(&steps[i]); err != nil {
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
	if err = r.ledger.Apply(f); err != nil {
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
		r.ids = nil
	}
	r.ids = append(r.ids, s.TradeID)
	now, ok1 := r.p.Lifetime()
	then, ok2 := old.Lifetime()
	if !ok1 || !ok2 {
		return fmt.Errorf("no lifetime totals")
	}
	r.profit = new(big.Rat).Sub(rat(now.Realized), rat(then.Realized))
	return nil
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

func rat(d position.Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

// text is a JSON string's content, or the JSON itself; null is empty.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}

func same(have string, want json.RawMessage) error {
	if have != text(want) {
		return fmt.Errorf("have %s, want %s", have, text(want))
	}
	return nil
}

type precision int

const (
	exact precision = iota
	float           // 10⁻⁹ of the value, or equal in at least eight stated places
)

// number compares with "1.5", "2/3" or {value, tol}.
func number(have *big.Rat, want json.RawMessage, p precision) error {
	value, tol := text(want), new(big.Rat)
	var m struct{ Value, Tol string }
	if json.Unmarshal(want, &m) == nil && m.Value != "" {
		value = m.Value
		tol.SetString(m.Tol)
	}
	w, ok := new(big.Rat).SetString(value)
	if !ok {
		return fmt.Errorf("%q is no number", value)
	}
	if p == float {
		tol.Mul(new(big.Rat).Abs(w), big.NewRat(1, 1_000_000_000))
		if _, frac, _ := strings.Cut(value, "."); len(frac) >= 8 && rounded(have, value) == nil {
			return nil
		}
	}
	if diff := new(big.Rat).Sub(have, w); diff.Abs(diff).Cmp(tol) > 0 {
		return fmt.Errorf("have %s, want %s", have.FloatString(20), value)
	}
	return nil
}

// rounded compares at the precision of the wanted text.
func rounded(have *big.Rat, want string) error {
	w, ok := new(big.Rat).SetString(want)
	if !ok {
		return fmt.Errorf("%q is no number", want)
	}
	_, frac, _ := strings.Cut(want, ".")
	half := big.NewRat(1, 2)
	half.Quo(half, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(frac))), nil)))
	if diff := new(big.Rat).Sub(have, w); diff.Abs(diff).Cmp(half) > 0 {
		return fmt.Errorf("have %s, want %s", have.FloatString(20), want)
	}
	return nil
}

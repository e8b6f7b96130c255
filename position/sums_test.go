package position_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// TestSumsAreTheCash draws worlds of all mutations and holds every sum that is
// shown against the others, and against the cash that the mutations moved, to the
// last digit: net of positions, cycles, groups and accounts = cash that came in −
// cash that went out + the cost of what is open − what rounding has taken.
//
// HOLDFAST_WORLDS says how many worlds, HOLDFAST_SEED repeats them.
func TestSumsAreTheCash(t *testing.T) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("HOLDFAST_WORLDS"), "300"))
	require.NoError(t, err, "HOLDFAST_WORLDS")
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("HOLDFAST_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	require.NoError(t, err, "HOLDFAST_SEED")
	t.Logf("HOLDFAST_SEED=%d", seed)
	counts := map[string]int{}
	for i := range n {
		w := newSumsWorld(t, rand.New(rand.NewPCG(seed, uint64(i))), counts)
		w.run()
		if t.Failed() {
			t.Fatalf("world %d of HOLDFAST_SEED=%d", i, seed)
		}
		if (i+1)%10_000 == 0 {
			t.Logf("%d worlds", i+1)
		}
	}
	t.Logf("%d worlds, 0 differences; %v", n, counts)
	for _, kind := range []string{
		"instrument", "fill", "mark", "charge", "split", "settle", "transfer", "adjust", "adopt", "bust", "correct",
		"fee in cost", "fee apart", "charged in cost",
	} {
		require.NotZero(t, counts[kind], "no world had a %s", kind)
	}
}

// tradesOf checks the net of the trades that a change closed.
func (w *sumsWorld) tradesOf(before *position.Position, c *position.Change) {
	for g, maker := range w.trades {
		trades, err := maker.Add(before, c)
		require.NoError(w.t, err)
		profit := new(big.Int)
		for i := range trades {
			tr := &trades[i]
			terms := c.After.Terms
			require.Equal(w.t, added(w.t, tr.Net, tr.Fees.Get(terms.Settlement)), tr.Profit, "net of a trade")
			var inCost position.Decimal
			if terms.Kind == position.Spot && terms.BaseFee == position.FeeInCost {
				inCost = tr.Fees.Get(terms.Base)
			}
			require.Equal(w.t, inCost, tr.FeesInCost.Get(terms.Base), "fees in the cost of a trade")
			profit.Add(profit, units(tr.Profit))
		}
		if len(trades) > 0 && report.Grouping(g) != report.FlatToFlat {
			require.Equal(w.t, units(c.Realized).String(), profit.String(), "profit of the trades of an exit")
		}
	}
}

// sums are amounts by group and currency.
type sums map[string]map[string]*big.Int

func (s sums) add(group, currency string, amount *big.Int) {
	if s[group] == nil {
		s[group] = map[string]*big.Int{}
	}
	if s[group][currency] == nil {
		s[group][currency] = new(big.Int)
	}
	s[group][currency].Add(s[group][currency], amount)
}

// texts leaves zeros out.
func (s sums) texts() map[string]string {
	out := map[string]string{}
	for group, of := range s {
		for currency, v := range of {
			if v.Sign() != 0 {
				out[group+" "+currency] = v.String()
			}
		}
	}
	return out
}

func (s sums) all(group string, as position.Amounts) {
	for _, a := range as {
		s.add(group, a.Currency, units(a.Value))
	}
}

// shown is what a row of positions says.
type shown struct {
	rowTotals // of the cycle

	Account    string     `json:"account"`
	Instrument string     `json:"instrument"`
	Strategy   string     `json:"strategy"`
	Settlement string     `json:"settlement"`
	Side       string     `json:"side"`
	Lifetime   *rowTotals `json:"lifetime"`
	Unrealized *string    `json:"unrealized"`
	Exposure   *string    `json:"exposure"`
}

type rowTotals struct {
	Realized   string            `json:"realized"`
	Fees       map[string]string `json:"fees"`
	FeesInCost map[string]string `json:"fees_in_cost"`
	Funding    string            `json:"funding"`
	Charges    map[string]string `json:"charges"`
	Net        *string           `json:"net"`
}

func (w *sumsWorld) row(p *position.Position) shown {
	text := position.AppendPositionJSON(nil, p)
	var r shown
	require.NoError(w.t, json.Unmarshal(text, &r))
	require.NotNil(w.t, r.Lifetime)
	w.holds(r.rowTotals, r.Settlement)
	w.holds(*r.Lifetime, r.Settlement)
	return r
}

// nets are what a row comes to in each currency.
func (r *rowTotals) nets(settlement string) sums {
	s := sums{}
	s.add("", settlement, units(dec(r.Realized)))
	s.add("", settlement, units(dec(r.Funding)))
	for currency, fee := range r.Fees {
		s.add("", currency, units(dec(fee).Neg()))
	}
	for currency, fee := range r.FeesInCost {
		s.add("", currency, units(dec(fee)))
	}
	for currency, charge := range r.Charges {
		s.add("", currency, units(dec(charge)))
	}
	return s
}

// holds checks realized − (fees − fees in cost) + funding + charges = net.
func (w *sumsWorld) holds(r rowTotals, settlement string) {
	require.NotNil(w.t, r.Net)
	require.Equal(w.t, units(dec(*r.Net)).String(), r.nets(settlement)[""][settlement].String(), "net of a row")
}

// check compares all that is shown.
func (w *sumsWorld) check() {
	ledger := newCashLedger(w.t, w.rules)
	for i := range w.entries {
		ledger.book(&w.entries[i])
	}
	keys := slices.SortedFunc(maps.Keys(w.positions), position.Key.Compare)
	want, nets, rows := sums{}, sums{}, make([]shown, len(keys))
	for account, of := range ledger.cash {
		for currency, v := range of {
			want.add(account, currency, v)
		}
	}
	for i, k := range keys {
		p := w.positions[k]
		require.Equal(w.t, units(p.Qty).String(), ledger.hold(k).String(), "what %s holds", k)
		cost := units(p.Cost)
		if p.Terms.Kind == position.Inverse {
			cost.Neg(cost)
		}
		want.add(k.Account, p.Terms.Settlement, cost.Sub(cost, units(p.Residue)))
		if p.Terms.Rounding == (position.Rounding{}) && w.exactAlways(k) {
			require.Zero(w.t, units(p.Residue).Sign())
		}
		r := w.row(p)
		rows[i] = r
		for currency, v := range r.Lifetime.nets(r.Settlement)[""] {
			nets.add(k.Account, currency, v)
		}
		w.cyclesAre(k, r)
	}
	w.accountsAre(want, nets)
	for by := report.ByAccount; by <= report.ByStrategy; by++ {
		w.groupsAre(by, keys, rows)
	}
}

// exactAlways reports whether none of the key's cycles was rounded.
func (w *sumsWorld) exactAlways(k position.Key) bool {
	for _, p := range w.cycles[k] {
		if p.Terms.Rounding != (position.Rounding{}) {
			return false
		}
	}
	return true
}

// cyclesAre checks that the cycles of a key sum to its lifetime in each currency.
func (w *sumsWorld) cyclesAre(k position.Key, r shown) {
	total := sums{}
	for _, p := range w.cycles[k] {
		row := w.row(&p)
		for currency, v := range row.nets(row.Settlement)[""] {
			total.add("", currency, v)
		}
	}
	require.Equal(w.t, r.Lifetime.nets(r.Settlement).texts(), total.texts(), "cycles of %s", k)
}

func (w *sumsWorld) accountsAre(want, nets sums) {
	accounts := func(yield func(position.Account) bool) {
		for _, a := range w.accounts {
			if !yield(*a) {
				return
			}
		}
	}
	list, err := report.SummarizeAccounts(accounts, w.each(slices.Collect(maps.Keys(w.positions))))
	require.NoError(w.t, err)
	totals, held, own := sums{}, sums{}, sums{}
	for i := range list {
		a := &list[i]
		totals.all(a.Account.Name, a.Total)
		held.all(a.Account.Name, a.Positions.Sums.Net)
		own.all(a.Account.Name, a.Balances)
		balances, err := a.Account.Balances()
		require.NoError(w.t, err)
		require.Equal(w.t, a.Balances, balances)
	}
	require.Equal(w.t, want.texts(), totals.texts(), "the cash, and the cost of what is open")
	require.Equal(w.t, nets.texts(), held.texts(), "the rows of an account")
	for account, of := range held {
		for currency, v := range of {
			own.add(account, currency, v)
		}
	}
	require.Equal(w.t, own.texts(), totals.texts(), "balances and positions")
}

func (w *sumsWorld) each(keys []position.Key) func(func(position.Position) bool) {
	return func(yield func(position.Position) bool) {
		for _, k := range keys {
			if !yield(*w.positions[k]) {
				return
			}
		}
	}
}

// groupsAre checks a summary against the rows, part by part.
func (w *sumsWorld) groupsAre(by report.Dimension, keys []position.Key, shownRows []shown) {
	rates := report.Rates{"EUR": dec("1.08"), "BTC": dec("61250.5")}
	list, err := report.Summarize(w.each(keys), by, "USD", rates)
	require.NoError(w.t, err)
	var rows, is, unvalued parts
	settled := map[string]*settlements{}
	for i, k := range keys {
		group := [...]string{report.ByAccount: k.Account, report.ByInstrument: k.Instrument, report.ByStrategy: k.Strategy}[by]
		rows.row(group, &shownRows[i])
		if settled[group] == nil {
			settled[group] = &settlements{}
		}
		settled[group].row(&shownRows[i])
	}
	for i := range list {
		s := &list[i]
		is.sums(s.Group, &s.Sums)
		unvalued.open += s.Unmarked
		require.Equal(w.t, converted(s.Sums.Net, rates), sums{"": amountsOf(s.Converted.Net)}.texts(), "converted")
		in := settled[s.Group]
		require.Equal(w.t, in.all.of(nil), s.Settlements, "settlements by %s", by)
		require.Equal(w.t, in.unvalued.of(in.valued), s.Sums.Unvalued, "unvalued by %s", by)
		require.Equal(w.t, in.unvalued.in("USD", rates).of(in.valued.in("USD", rates)), s.Converted.Unvalued, "unvalued by %s, in USD", by)
	}
	require.Equal(w.t, rows.texts(), is.texts(), "by %s", by)
	require.Equal(w.t, rows.open, unvalued.open, "open positions that are not valued")
}

// settlements are the currencies that the rows of a group settle in: of all, and of
// the open ones that have a value and that have none.
type settlements struct{ all, valued, unvalued names }

func (s *settlements) row(r *shown) {
	s.all = append(s.all, r.Settlement)
	switch {
	case r.Side == "flat":
	case r.Unrealized == nil || r.Exposure == nil:
		s.unvalued = append(s.unvalued, r.Settlement)
	default:
		s.valued = append(s.valued, r.Settlement)
	}
}

type names []string

// of returns each name once, sorted, but for others; nil for none.
func (n names) of(others names) (out []string) {
	for _, name := range slices.Sorted(slices.Values(n)) {
		if !slices.Contains(others, name) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// in names the currency that what has a rate is converted into.
func (n names) in(currency string, rates report.Rates) (out names) {
	for _, name := range n {
		if _, ok := rates[name]; ok {
			name = currency
		}
		out = append(out, name)
	}
	return out
}

func amountsOf(as position.Amounts) map[string]*big.Int {
	out := map[string]*big.Int{}
	for _, a := range as {
		out[a.Currency] = units(a.Value)
	}
	return out
}

// converted is what amounts come to in USD.
func converted(as position.Amounts, rates report.Rates) map[string]string {
	out := sums{}
	for _, a := range as {
		rate, ok := rates[a.Currency]
		switch {
		case ok:
			out.add("", "USD", atDigits(new(big.Int).Mul(units(a.Value), units(rate)), tenToThe(18), position.HalfEven, 18))
		default:
			out.add("", a.Currency, units(a.Value))
		}
	}
	return out.texts()
}

// parts are the figures of a summary by group and currency.
type parts struct {
	of   [8]sums
	open int // not valued
}

func (p *parts) at(i int) sums {
	if p.of[i] == nil {
		p.of[i] = sums{}
	}
	return p.of[i]
}

func (p *parts) sums(group string, s *report.Sums) {
	for i, as := range []position.Amounts{s.Realized, s.Fees, s.FeesInCost, s.Funding, s.Charges, s.Net, s.Unrealized, s.Exposure} {
		p.at(i).all(group, as)
	}
}

func (p *parts) row(group string, r *shown) {
	p.at(0).add(group, r.Settlement, units(dec(r.Lifetime.Realized)))
	p.at(3).add(group, r.Settlement, units(dec(r.Lifetime.Funding)))
	for i, as := range []map[string]string{1: r.Lifetime.Fees, 2: r.Lifetime.FeesInCost, 4: r.Lifetime.Charges} {
		for currency, v := range as {
			p.at(i).add(group, currency, units(dec(v)))
		}
	}
	for currency, v := range r.Lifetime.nets(r.Settlement)[""] {
		p.at(5).add(group, currency, v)
	}
	if r.Side == "flat" {
		return
	}
	if r.Unrealized == nil || r.Exposure == nil {
		p.open++
		return
	}
	p.at(6).add(group, r.Settlement, units(dec(*r.Unrealized)))
	p.at(7).add(group, r.Settlement, units(dec(*r.Exposure)))
}

func (p *parts) texts() []map[string]string {
	out := make([]map[string]string, len(p.of))
	for i := range p.of {
		out[i] = p.at(i).texts()
	}
	return out
}

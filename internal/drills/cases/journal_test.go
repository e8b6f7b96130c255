package cases_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moneyprinter/holdfast/position"
)

// Cases of journals with lots, as hledger reads them: transactions of several
// postings in, the lots that remain in each account out, or an error.

type journalSource struct {
	caseHead
	Accounting   struct{ Matching json.RawMessage }
	Transactions []struct {
		Date     string
		Postings []journalPosting
	}
	Expect struct {
		Remaining []struct{ Qty, Symbol, Account, Lot string } `json:"remaining_lots"`
		Error     string
	}
}

type journalPosting struct {
	Account, Qty, Symbol, Price, Cash string

	Spec *string `json:"cost_spec"` // nil: bare
}

type journalRun struct {
	*journalSource
	ledger  ledger
	average bool // what an average account gains is computed without lots
	tags    map[string]string
	known   map[string]string // method of what was defined
	count   int
	policies
}

func journalCase(tb testing.TB, raw json.RawMessage) (policies, error) {
	tb.Helper()
	var c journalSource
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	used := policies{}
	r := journalRun{journalSource: &c, ledger: newLedger(tb), known: map[string]string{}, policies: used}
	if err := r.run(); err != nil || r.Expect.Error != "" || !slices.Contains(slices.Collect(maps.Values(r.known)), "AVERAGE") {
		return used, err
	}
	// The source takes lots of an average account in order of their dates, each at
	// the average. Here that is two cost methods, and the case is run under both.
	again := journalRun{journalSource: &c, ledger: newLedger(tb), known: map[string]string{}, policies: used, average: true}
	return used, again.run()
}

func (r *journalRun) run() error {
	if err := r.methods(); err != nil {
		return err
	}
	for i := range r.Transactions {
		if err := r.transaction(i); err != nil {
			return r.refused(err)
		}
	}
	if r.Expect.Error != "" {
		return fmt.Errorf("nothing was refused, but the source says %q", r.Expect.Error)
	}
	if r.average {
		return r.gains()
	}
	if err := r.remaining(); err != nil {
		return err
	}
	if slices.Contains(slices.Collect(maps.Values(r.known)), "AVERAGE") {
		return nil
	}
	return r.gains()
}

// methods reads the declarations. One that is no method is a bare tag, which
// means FIFO.
func (r *journalRun) methods() error {
	r.tags = map[string]string{}
	var one string
	if json.Unmarshal(r.Accounting.Matching, &one) == nil {
		return nil
	}
	return json.Unmarshal(r.Accounting.Matching, &r.tags)
}

// method returns the cost method of a symbol in an account: that of the account,
// else that of the symbol, else FIFO.
func (r *journalRun) method(account, symbol string) (name, source string) {
	valid := regexp.MustCompile(`^(FIFO|LIFO|HIFO|AVERAGE|SPECID)(ALL)?$`)
	if m := r.tags["account:"+account]; valid.MatchString(m) {
		return m, "from account tag on " + account
	}
	m, tagged := r.tags["commodity:"+symbol]
	if source = "default"; tagged {
		source = "from commodity tag on " + symbol
	}
	if !valid.MatchString(m) {
		m = "FIFO"
	}
	return m, source
}

// key defines the instrument under the method of the account. An account whose
// method is its own has an instrument of its own.
func (r *journalRun) key(account, symbol string) (position.Key, error) {
	k := position.Key{Account: account, Instrument: symbol}
	name, source := r.method(account, symbol)
	if strings.HasPrefix(source, "from account") {
		k.Instrument += "@" + account
		r.use("method of an account: an instrument of its own")
	}
	if r.known[k.Instrument] != "" {
		return k, nil
	}
	r.known[k.Instrument] = strings.TrimSuffix(name, "ALL")
	var method position.CostMethod
	var err error
	switch base := strings.TrimSuffix(name, "ALL"); {
	case base == "AVERAGE" && r.average:
		method = position.Average
	case base == "AVERAGE":
		method = position.FIFO
		r.use("average with dated lots: fifo for the lots, average for the gain")
	case base == "SPECID":
		method = position.SpecificLot
	default:
		method, err = position.ParseCostMethod(strings.ToLower(base))
	}
	if err != nil {
		return k, err
	}
	r.use("cost_method=" + method.String())
	r.use("over_reduction=strict")
	return k, r.ledger.Apply(position.DefineInstrument{
		Meta: r.meta(dawn), Instrument: k.Instrument,
		Terms: position.Terms{Quote: "$", CostMethod: method, OverReduction: position.RejectOver},
	})
}

func (r *journalRun) meta(at position.Time) position.Meta {
	r.count++
	return position.Meta{Ident: fmt.Sprintf("%s%s-%d", unnamed, r.ID, r.count), Time: at}
}

// holds tells the accounts that hold lots; income and expenses do not.
func holds(account string) bool {
	return strings.HasPrefix(account, "assets") || strings.HasPrefix(account, "liabilities")
}

// transaction applies one transaction: its sales, transfers and purchases.
func (r *journalRun) transaction(i int) error {
	t := &r.Transactions[i]
	at, err := wholeDay(t.Date)
	if err != nil {
		return err
	}
	var out, in, spent []*journalPosting
	cash := new(big.Rat)
	for j := range t.Postings {
		p := &t.Postings[j]
		if p.Cash != "" {
			c, ok := new(big.Rat).SetString(p.Cash)
			if !ok {
				return fmt.Errorf("%q is no number", p.Cash)
			}
			cash.Add(cash, c)
			continue
		}
		switch {
		case !holds(p.Account):
			spent = append(spent, p)
		case strings.HasPrefix(p.Qty, "-"):
			out = append(out, p)
		default:
			in = append(in, p)
		}
	}
	if len(out) > 0 && out[0].Price == "" && (len(in) > 0 || len(spent) > 0) {
		return r.move(at, out, in, spent)
	}
	for _, p := range out {
		if err := r.dispose(at, p); err != nil {
			return err
		}
	}
	for _, p := range in {
		if err := r.acquire(at, p, cash, len(out) == 0); err != nil {
			return err
		}
	}
	return nil
}

// dispose sells. A posting without a price cannot be said at all.
func (r *journalRun) dispose(at position.Time, p *journalPosting) error {
	k, err := r.key(p.Account, p.Symbol)
	if err != nil {
		return err
	}
	name, _ := r.method(p.Account, p.Symbol)
	if strings.HasSuffix(name, "ALL") {
		r.use("method over all accounts: those of others are not compared")
	}
	line := map[string]any{
		"type": "fill", "id": r.meta(at).Ident, "account": k.Account, "instrument": k.Instrument, "side": "sell",
		"qty": strings.TrimPrefix(p.Qty, "-"), "reduce_only": true,
	}
	if p.Price != "" {
		line["price"] = p.Price
	}
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	m, err := position.UnmarshalMutation(b)
	if err != nil {
		return err
	}
	f, ok := m.(position.Fill)
	if !ok {
		return fmt.Errorf("a fill became %T", m)
	}
	s, err := p.spec()
	if err != nil {
		return err
	}
	f.Time, f.Lot = at, s.ref()
	if r.average {
		f.Lot = nil
	}
	return r.ledger.Apply(f)
}

// acquire buys at the cost that is given, else at the price, else at what the
// cash comes to. Where the source of a transfer is lost, it is the only holder.
func (r *journalRun) acquire(at position.Time, p *journalPosting, cash *big.Rat, alone bool) error {
	s, err := p.spec()
	if err != nil {
		return err
	}
	if s.date != "" {
		if at, err = wholeDay(s.date); err != nil {
			return err
		}
	}
	k, err := r.key(p.Account, p.Symbol)
	if err != nil {
		return err
	}
	qty, err := position.Parse(p.Qty)
	if err != nil {
		return err
	}
	price := s.price
	switch {
	case price != nil:
	case p.Price != "":
		var d position.Decimal
		d, err = position.Parse(p.Price)
		price = &d
	case cash.Sign() != 0:
		unit := new(big.Rat).Quo(cash, rat(qty))
		var d position.Decimal
		d, err = decimal(unit.Abs(unit).RatString())
		price = &d
	case alone:
		return r.fromHolder(at, k, qty)
	default:
		return fmt.Errorf("nothing tells the price of %s", p.Symbol)
	}
	if err != nil {
		return err
	}
	f := position.Fill{Meta: r.meta(at), Key: k, Side: position.Buy, Qty: qty, Price: *price}
	if s.label != "" {
		f.Lot = &position.LotRef{Label: s.label}
	}
	return r.ledger.Apply(f)
}

func (r *journalRun) fromHolder(at position.Time, to position.Key, qty position.Decimal) error {
	r.use("posting that the case lost: the only holder is the source")
	for p := range r.ledger.View().Positions() {
		if p.Key.Instrument == to.Instrument && p.Key.Account != to.Account && p.Qty.Cmp(qty) >= 0 {
			return r.ledger.Apply(position.Transfer{Meta: r.meta(at), Key: p.Key, ToAccount: to.Account, Qty: qty})
		}
	}
	return fmt.Errorf("no account holds %s %s", qty, to.Instrument)
}

// move transfers what leaves to what arrives, in order; the rest was spent on
// what holds no lots.
func (r *journalRun) move(at position.Time, out, in, spent []*journalPosting) error {
	left := make([]position.Decimal, len(out))
	for i, p := range out {
		d, err := position.Parse(strings.TrimPrefix(p.Qty, "-"))
		if err != nil {
			return err
		}
		left[i] = d
	}
	var batch []position.Mutation
	for _, to := range slices.Concat(in, spent) {
		want, err := position.Parse(to.Qty)
		if err != nil {
			return err
		}
		for i, from := range out {
			n := left[i]
			if n.Cmp(want) > 0 {
				n = want
			}
			if n.IsZero() {
				continue
			}
			m, err := r.transfer(at, from, to, n)
			if err != nil {
				return err
			}
			batch = append(batch, m)
			if left[i], err = left[i].Sub(n); err != nil {
				return err
			}
			if want, err = want.Sub(n); err != nil {
				return err
			}
		}
	}
	for i, m := range batch {
		batch[i] = position.Stated(m)
	}
	_, err := r.ledger.ApplyBatch(r.ledger.tb.Context(), batch)
	return err
}

func (r *journalRun) transfer(at position.Time, from, to *journalPosting, qty position.Decimal) (position.Mutation, error) {
	k, err := r.key(from.Account, from.Symbol)
	if err != nil {
		return nil, err
	}
	dest, err := r.key(to.Account, to.Symbol)
	if err != nil {
		return nil, err
	}
	if dest.Instrument != k.Instrument && holds(to.Account) {
		return nil, fmt.Errorf("a transfer between accounts of different methods")
	}
	if !holds(to.Account) {
		r.use("paid in kind: a transfer to the account of the expense")
	}
	s, err := from.spec()
	if err != nil {
		return nil, err
	}
	want, err := to.spec()
	if err != nil {
		return nil, err
	}
	if s.price != nil && want.price != nil && *s.price != *want.price {
		r.use("transfer: the cost that the destination names is not compared")
	}
	m := position.Transfer{Meta: r.meta(at), Key: k, ToAccount: to.Account, Qty: qty, Lot: s.ref()}
	if r.average {
		m.Lot = nil
	}
	return m, nil
}

package position_test

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// sumsWorld is a book with a list of what was accepted.
type sumsWorld struct {
	*book
	t       *failing
	rnd     *rand.Rand
	counts  map[string]int
	entries []cashEntry
	keys    []position.Key
	rounded map[string]bool      // instruments that have had a rounding profile
	sealed  map[position.Key]int // no fill before this entry is busted
	cycles  map[position.Key]map[uint64]position.Position
	trades  []*report.Trades
	n       int
}

// failing says the world's mutations with its failure.
type failing struct {
	*testing.T
	w *sumsWorld
}

func (f *failing) FailNow() {
	for i := range f.w.entries {
		b, err := position.MarshalMutation(f.w.entries[i].mutation)
		f.Logf("%s %v", b, err)
	}
	f.T.FailNow()
}

func newSumsWorld(t *testing.T, rnd *rand.Rand, counts map[string]int) *sumsWorld {
	t.Helper()
	w := &sumsWorld{
		rnd: rnd, counts: counts, rounded: map[string]bool{}, sealed: map[position.Key]int{}, cycles: map[position.Key]map[uint64]position.Position{},
		book: newBook(position.Rules{
			CostMethod:    pickOf(rnd, position.Average, position.FIFO, position.LIFO, position.HIFO, position.SpecificSize),
			OverReduction: pickOf(rnd, position.FlipOver, position.FlipOver, position.RejectOver),
		}),
	}
	w.plain = true
	w.t = &failing{t, w}
	for g := report.FillToFill; g <= report.FlatToReduced; g++ {
		w.trades = append(w.trades, report.NewTrades(report.TradeOptions{Grouping: g, EntryFee: report.EntryFee(rnd.IntN(3)), FlipFee: report.FlipFee(rnd.IntN(2))}))
	}
	for _, account := range []string{"A", "B"} {
		for _, instrument := range []string{"X", "Y", "Z"} {
			w.keys = append(w.keys, position.Key{Account: account, Instrument: instrument, Strategy: pickOf(rnd, "", "s")})
		}
	}
	w.keys = append(w.keys, position.Key{Account: "A", Instrument: "X", Strategy: "t", Leg: "l"})
	return w
}

func pickOf[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

func (w *sumsWorld) one(in int) bool { return w.rnd.IntN(in) == 0 }

// decimal draws one with a number of places, positive and not zero.
func (w *sumsWorld) decimal(below int64, places int) position.Decimal {
	n := 1 + w.rnd.Int64N(below)
	d, err := position.FromInt(n).Quo(position.FromInt(int64(tenToThe(places).Uint64())))
	require.NoError(w.t, err)
	return d
}

func (w *sumsWorld) price() position.Decimal { return w.decimal(40000, 2) }

func (w *sumsWorld) run() {
	for _, name := range []string{"X", "Y", "Z"} {
		w.step(w.definition(name, nil))
	}
	steps := 20 + w.rnd.IntN(50)
	for i := range steps {
		w.step(w.draw())
		if i == steps/2 && w.one(4) {
			w.check()
		}
	}
	w.check()
}

// definition draws terms; of an instrument that has some, others which it may take
// while it is flat.
func (w *sumsWorld) definition(name string, have *position.Terms) position.Mutation {
	d := position.DefineInstrument{Meta: w.meta(), Instrument: name, Terms: position.Terms{
		Kind: position.InstrumentKind(w.rnd.IntN(5)), Multiplier: pickOf(w.rnd, dec("1"), dec("1"), dec("10"), dec("0.01"), dec("0.3")),
		Base: pickOf(w.rnd, "BTC", "ETH"), Quote: "USD", Settlement: pickOf(w.rnd, "USD", "EUR"),
	}}
	switch d.Terms.Kind {
	case position.Inverse:
		d.Terms.Settlement = d.Terms.Base
	case position.Spot:
		d.Terms.BaseFee = position.BaseFee(w.rnd.IntN(2))
	case position.Linear, position.Quanto, position.Option:
	}
	if have != nil && w.rounded[name] { // the residue begins anew with another settlement currency
		policy := d.Terms.BaseFee
		d.Terms = *have
		if have.Kind == position.Spot {
			d.Terms.BaseFee = policy
		}
	}
	if w.one(3) {
		w.rounded[name] = true
		round := func() position.Round {
			r := position.Round{Mode: position.RoundMode(w.rnd.IntN(7)), Digits: uint8(2 + w.rnd.IntN(7))}
			if r.Mode == position.Exact {
				r.Digits = 0
			}
			return r
		}
		d.Terms.Rounding = position.Rounding{Value: round(), Average: round(), Realized: round()}
		if d.Terms.Rounding.Value.Mode != position.Exact && w.one(2) {
			d.Terms.Rounding.ValuePer = pickOf(w.rnd, dec("1"), dec("100"), dec("0.5"))
		}
	}
	return d
}

func (w *sumsWorld) meta() position.Meta {
	w.n++
	return position.Meta{Ident: fmt.Sprintf("m%d", w.n), Time: position.Time(w.n)}
}

func (w *sumsWorld) draw() position.Mutation {
	k := pickOf(w.rnd, w.keys...)
	switch w.rnd.IntN(26) {
	case 0, 1:
		return position.Mark{Meta: w.meta(), Instrument: k.Instrument, Price: w.price()}
	case 2, 3, 4:
		return w.charge(k)
	case 5:
		return w.split(k)
	case 6:
		s := position.Settle{Meta: w.meta(), Instrument: k.Instrument, Reason: position.SettleReason(w.rnd.IntN(3))}
		if s.Reason != position.WriteOff {
			s.Price = w.price()
		}
		return s
	case 7, 8:
		to := pickOf(w.rnd, w.keys...)
		m := position.Transfer{Meta: w.meta(), Key: k, ToAccount: to.Account, ToStrategy: to.Strategy, ToLeg: to.Leg}
		if w.one(2) {
			m.Qty = w.qty(k)
		}
		return m
	case 9:
		return w.adjust(k)
	case 10:
		return w.adopt(k)
	case 11, 12, 13:
		if m := w.revision(); m != nil {
			return m
		}
	case 14:
		terms := w.DefaultTerms()
		if in := w.Instrument(k.Instrument); in != nil {
			terms = in.Terms
		}
		return w.definition(k.Instrument, terms)
	case 15:
		if p := w.Position(k); p != nil && p.IsOpen() { // flat again
			f := position.Fill{Meta: w.meta(), Key: k, Side: position.Sell, Qty: p.Qty.Abs(), Price: w.price()}
			if p.Qty.Sign() < 0 {
				f.Side = position.Buy
			}
			return f
		}
	}
	return w.fill(k)
}

func (w *sumsWorld) fill(k position.Key) position.Fill {
	f := position.Fill{Meta: w.meta(), Key: k, Side: pickOf(w.rnd, position.Buy, position.Sell), Qty: w.qty(k), Price: w.price()}
	w.fee(&f.Fee, &f.FeeCurrency, k)
	return f
}

func (w *sumsWorld) fee(fee *position.Decimal, currency *string, k position.Key) {
	if w.one(3) {
		return
	}
	*fee, *currency = w.decimal(900, 3), pickOf(w.rnd, "", "USD", "BNB", "BTC", "ETH")
	if in := w.Instrument(k.Instrument); in != nil && in.Terms.Kind == position.Spot && w.one(2) {
		*currency = in.Terms.Base
	}
	if w.one(5) {
		*fee = fee.Neg()
	}
}

func (w *sumsWorld) qty(k position.Key) position.Decimal {
	if p := w.Position(k); p != nil && p.IsOpen() {
		switch w.rnd.IntN(4) {
		case 0:
			return p.Qty.Abs()
		case 1:
			if half, err := p.Qty.Abs().Quo(position.FromInt(2)); err == nil && !half.IsZero() {
				return half
			}
		}
	}
	return w.decimal(20000, 3)
}

func (w *sumsWorld) charge(k position.Key) position.Mutation {
	c := position.Charge{
		Meta: w.meta(), Key: k, Kind: position.ChargeKind(w.rnd.IntN(int(position.RealizedCharge) + 1)),
		Amount: w.decimal(90000, 3), Currency: pickOf(w.rnd, "USD", "EUR", "BNB", "BTC", "ETH"),
	}
	if w.one(2) {
		c.Amount = c.Amount.Neg()
	}
	if in := w.Instrument(k.Instrument); w.one(4) && in != nil && in.Terms.Kind == position.Spot {
		c.Kind, c.Currency = position.FeeCharge, in.Terms.Base
		return c
	}
	if c.Kind == position.Cash || w.one(3) {
		c.Key = position.Key{Account: k.Account}
	}
	return c
}

// split draws one that gives every quantity without rounding.
func (w *sumsWorld) split(k position.Key) position.Mutation {
	ratio := pickOf(w.rnd, [2]string{"2", "1"}, [2]string{"3", "2"}, [2]string{"1", "2"}, [2]string{"1", "4"}, [2]string{"1", "10"}, [2]string{"3", "1"})
	s := position.Split{Meta: w.meta(), Instrument: k.Instrument, Ratio: dec(ratio[0]), Per: dec(ratio[1])}
	if w.one(2) {
		s.Increment = pickOf(w.rnd, dec("1"), dec("0.01"))
		if cash := w.price(); w.one(2) {
			s.CashPrice = &cash
		}
	}
	for key, p := range w.positions {
		if key.Instrument != k.Instrument {
			continue
		}
		var rest big.Int
		rest.Mul(units(p.Qty), units(s.Ratio))
		if rest.Rem(&rest, units(s.Per)).Sign() != 0 || !w.exactLots(p, &s) {
			return w.fill(k)
		}
	}
	return s
}

func (w *sumsWorld) exactLots(p *position.Position, s *position.Split) bool {
	if p.Lots == nil {
		return true
	}
	for i := range p.Lots.Open {
		var rest big.Int
		rest.Mul(units(p.Lots.Open[i].Qty), units(s.Ratio))
		if rest.Rem(&rest, units(s.Per)).Sign() != 0 {
			return false
		}
	}
	return true
}

func (w *sumsWorld) adjust(k position.Key) position.Mutation {
	a := position.Adjust{Meta: w.meta(), Key: k, Reason: "checked"}
	if w.one(2) {
		a.Qty = w.qty(k)
		if w.one(2) {
			a.Qty = a.Qty.Neg()
		}
		if price := w.price(); w.one(2) {
			a.Price = &price
		}
	}
	if w.one(3) {
		a.Cost = w.decimal(9000, 2)
	}
	if w.one(2) {
		a.Realized, a.Funding = w.decimal(9000, 2), w.decimal(9000, 2).Neg()
	}
	return a
}

func (w *sumsWorld) adopt(k position.Key) position.Mutation {
	a := position.Adopt{Meta: w.meta(), Key: k}
	if w.one(3) {
		v, f := w.decimal(9000, 2), w.decimal(9000, 2).Neg()
		a.Realized, a.Funding = &v, &f
	}
	if w.one(4) {
		return a
	}
	a.Qty = w.decimal(20000, 3)
	cost := w.decimal(2000000, 2)
	if w.one(2) {
		a.Qty, cost = a.Qty.Neg(), cost.Neg()
	}
	if price := w.price(); w.one(2) {
		a.Price = &price
	} else {
		a.Cost = &cost
	}
	return a
}

// revision busts or corrects an earlier fill, of which the ledger can tell what
// would have been without it.
func (w *sumsWorld) revision() position.Mutation {
	var fills []position.Fill
	for i := range w.entries {
		if f, ok := w.entries[i].mutation.(position.Fill); ok && i >= w.sealed[f.Key] {
			fills = append(fills, f)
		}
	}
	if len(fills) == 0 {
		return nil
	}
	f := fills[max(0, len(fills)-1-w.rnd.IntN(8))]
	if w.one(2) {
		return position.Bust{Meta: w.meta(), Key: f.Key, Fill: f.Ident}
	}
	c := position.Correct{Meta: w.meta(), Key: f.Key, Fill: f.Ident, Side: f.Side, Qty: w.qty(f.Key), Price: w.price()}
	w.fee(&c.Fee, &c.FeeCurrency, f.Key)
	return c
}

func (w *sumsWorld) step(m position.Mutation) {
	before := maps.Clone(w.positions)
	if err := w.apply(w.t, m); err != nil || len(w.last()) == 0 {
		return // refused, or a definition that is known
	}
	w.counts[m.Type()]++
	w.note(m, before)
	for i := range w.last() {
		if c := &w.last()[i]; c.After != nil {
			w.tradesOf(before[c.After.Key], c)
			w.cycle(c)
			before[c.After.Key] = c.After
		}
	}
}

// note keeps what the ledger of cash has to know.
func (w *sumsWorld) note(m position.Mutation, before map[position.Key]*position.Position) {
	e := cashEntry{mutation: m}
	changes := w.last()
	switch v := m.(type) {
	case position.Bust:
		w.entries = slices.DeleteFunc(w.entries, func(e cashEntry) bool { return isFill(e.mutation, v.Fill) })
		for k := range w.sealed {
			w.sealed[k] = min(w.sealed[k], len(w.entries))
		}
		return
	case position.Correct:
		i := slices.IndexFunc(w.entries, func(e cashEntry) bool { return isFill(e.mutation, v.Fill) })
		f, _ := w.entries[i].mutation.(position.Fill)
		f.Side, f.Qty, f.Price, f.Fee, f.FeeCurrency = v.Side, v.Qty, v.Price, v.Fee, v.FeeCurrency
		w.entries[i].mutation = f
		return
	case position.Transfer:
		e.moved, e.value = changes[0].Qty.Neg(), changes[0].Value.Neg()
	case position.Adjust:
		e.value, e.currency = minus(w.t, changes[0].Value, v.Cost), changes[0].After.Terms.Settlement
		w.sealed[v.Key] = len(w.entries) + 1
	case position.Adopt:
		for i := range changes {
			e.value = added(w.t, e.value, changes[i].Value)
		}
		e.currency = changes[0].After.Terms.Settlement
		w.declared(&e, &v, before[v.Key], changes[len(changes)-1].After)
		w.sealed[v.Key] = len(w.entries) + 1
	}
	w.entries = append(w.entries, e)
	w.kind(m, changes)
}

// declared is by how much an adoption differs from what the cycle had.
func (w *sumsWorld) declared(e *cashEntry, v *position.Adopt, before, after *position.Position) {
	var had position.Totals
	if before != nil && before.Cycle == after.Cycle {
		had = before.Totals
	}
	if v.Realized != nil {
		e.realized = minus(w.t, *v.Realized, had.Realized)
	}
	if v.Funding != nil {
		e.funding = minus(w.t, *v.Funding, had.Funding)
	}
}

func isFill(m position.Mutation, id string) bool {
	f, ok := m.(position.Fill)
	return ok && f.Ident == id
}

// kind counts what makes a world worth something.
func (w *sumsWorld) kind(m position.Mutation, changes []position.Change) {
	if changes[0].After == nil {
		return
	}
	terms := changes[0].After.Terms
	if terms.Kind != position.Spot {
		return
	}
	switch v := m.(type) {
	case position.Fill:
		if v.FeeCurrency == terms.Base {
			w.counts["fee "+map[position.BaseFee]string{position.FeeInCost: "in cost", position.FeeApart: "apart"}[terms.BaseFee]]++
		}
	case position.Charge:
		if v.Kind == position.FeeCharge && v.Currency == terms.Base && terms.BaseFee == position.FeeInCost {
			w.counts["charged in cost"]++
		}
	}
}

func (w *sumsWorld) cycle(c *position.Change) {
	k := c.After.Key
	if w.cycles[k] == nil {
		w.cycles[k] = map[uint64]position.Position{}
	}
	if c.Fill != 0 && c.Part == 0 { // a refold makes it and what came after it anew
		maps.DeleteFunc(w.cycles[k], func(n uint64, _ position.Position) bool { return n >= c.After.Cycle })
	}
	w.cycles[k][c.After.Cycle] = *c.After
}

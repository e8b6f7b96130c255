package position_test

import (
	"maps"
	"math/big"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// cashLedger is a ledger of what went out and came in, per account and currency,
// and of what each key holds. It is kept from the mutations alone and knows no
// averages, lots, cycles or profits. What leaves a key without a price, by a
// transfer or an adjustment, takes a share of the cost along that depends on the
// cost method: that sum alone is taken from the recorded change.
//
// Amounts are counts of 10⁻¹⁸.
type cashLedger struct {
	t     require.TestingT
	rules position.Rules
	terms map[string]position.Terms
	cash  map[string]map[string]*big.Int // by account and currency
	held  map[position.Key]*big.Int
}

// cashEntry is one accepted mutation and what else has to be known of it.
type cashEntry struct {
	mutation position.Mutation
	moved    position.Decimal // quantity that a transfer took
	value    position.Decimal // cost that came without a price, or left
	realized position.Decimal // differences that an adoption declares
	funding  position.Decimal
	currency string // in which: a flat key's last cycle may have settled in another one
}

func newCashLedger(t require.TestingT, rules position.Rules) *cashLedger {
	return &cashLedger{
		t: t, rules: rules, terms: map[string]position.Terms{},
		cash: map[string]map[string]*big.Int{}, held: map[position.Key]*big.Int{},
	}
}

func units(d position.Decimal) *big.Int {
	whole, fraction, _ := strings.Cut(d.String(), ".")
	n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", 18-len(fraction)), 10)
	if !ok {
		panic("no number: " + d.String())
	}
	return n
}

func tenToThe(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

func (l *cashLedger) pay(account, currency string, amount *big.Int) {
	if l.cash[account] == nil {
		l.cash[account] = map[string]*big.Int{}
	}
	if l.cash[account][currency] == nil {
		l.cash[account][currency] = new(big.Int)
	}
	l.cash[account][currency].Add(l.cash[account][currency], amount)
}

// trade books a notional, signed like the quantity, to the settlement currency.
func (l *cashLedger) trade(k position.Key, value *big.Int) {
	terms := l.of(k.Instrument)
	out := new(big.Int).Neg(value)
	if terms.Kind == position.Inverse {
		out.Neg(out)
	}
	l.pay(k.Account, terms.Settlement, out)
}

func (l *cashLedger) hold(k position.Key) *big.Int {
	if l.held[k] == nil {
		l.held[k] = new(big.Int)
	}
	return l.held[k]
}

func (l *cashLedger) of(instrument string) position.Terms {
	if t, ok := l.terms[instrument]; ok {
		return t
	}
	return l.rules.DefaultTerms()
}

// atDigits is num/den at a number of decimal digits after the point.
func atDigits(num, den *big.Int, mode position.RoundMode, digits int) *big.Int {
	if den.Sign() < 0 {
		num, den = new(big.Int).Neg(num), new(big.Int).Neg(den)
	}
	negative := num.Sign() < 0
	unit := tenToThe(18 - digits)
	q, rest := new(big.Int).QuoRem(new(big.Int).Abs(num), new(big.Int).Mul(den, unit), new(big.Int))
	twice := new(big.Int).Lsh(rest, 1)
	c := twice.Cmp(new(big.Int).Mul(den, unit))
	up := false
	switch mode {
	case position.HalfEven:
		up = c > 0 || c == 0 && q.Bit(0) == 1
	case position.HalfUp:
		up = c >= 0
	case position.Up:
		up = rest.Sign() > 0
	case position.Floor:
		up = rest.Sign() > 0 && negative
	case position.Ceiling:
		up = rest.Sign() > 0 && !negative
	case position.Exact, position.Down:
	}
	if up {
		q.Add(q, big.NewInt(1))
	}
	if negative {
		q.Neg(q)
	}
	return q.Mul(q, unit)
}

// notional is what a quantity is worth at a price, by the venue's rounding.
func notional(t *position.Terms, qty, price *big.Int) *big.Int {
	mode, digits := t.Rounding.Value.Mode, int(t.Rounding.Value.Digits)
	if mode == position.Exact {
		mode, digits = position.HalfEven, 18
	}
	whole := func(q *big.Int) *big.Int {
		num := new(big.Int).Mul(q, units(t.Multiplier))
		if t.Kind == position.Inverse {
			return atDigits(num, price, mode, digits)
		}
		return atDigits(num.Mul(num, price), tenToThe(36), mode, digits)
	}
	per := units(t.Rounding.ValuePer)
	if per.Sign() == 0 {
		return whole(qty)
	}
	lot := whole(per)
	return atDigits(lot.Mul(lot, qty), per, position.HalfEven, 18)
}

func (l *cashLedger) book(e *cashEntry) {
	switch m := e.mutation.(type) {
	case position.DefineInstrument:
		l.terms[m.Instrument] = m.Terms
	case position.Fill:
		l.fill(&m)
	case position.Charge:
		l.pay(m.Account, m.Currency, units(m.Amount))
	case position.Split:
		l.split(&m)
	case position.Settle:
		l.settle(&m)
	case position.Transfer:
		l.hold(m.Key).Sub(l.hold(m.Key), units(e.moved))
		l.hold(m.To()).Add(l.hold(m.To()), units(e.moved))
		l.trade(m.Key, units(e.value.Neg()))
		l.trade(m.To(), units(e.value))
	case position.Adjust:
		l.hold(m.Key).Add(l.hold(m.Key), units(m.Qty))
		value := units(e.value)
		if m.Price != nil {
			terms := l.of(m.Instrument)
			value = notional(&terms, units(m.Qty), units(*m.Price))
		}
		l.trade(m.Key, value.Add(value, units(m.Cost)))
		l.declare(e, m.Account, m.Realized, m.Funding)
	case position.Adopt:
		l.hold(m.Key).Set(units(m.Qty))
		l.trade(m.Key, units(e.value))
		l.declare(e, m.Account, e.realized, e.funding)
	}
}

func (l *cashLedger) declare(e *cashEntry, account string, realized, funding position.Decimal) {
	l.pay(account, e.currency, units(realized))
	l.pay(account, e.currency, units(funding))
}

func (l *cashLedger) fill(f *position.Fill) {
	terms := l.of(f.Instrument)
	qty, fee := units(f.Qty), units(f.Fee)
	if f.Side == position.Sell {
		qty.Neg(qty)
	}
	currency := f.FeeCurrency
	if currency == "" {
		currency = terms.Settlement
	}
	traded := qty
	if inBase := terms.Kind == position.Spot && currency == terms.Base; inBase {
		// The coins of the fee never arrive, or leave beside those that are sold.
		qty = new(big.Int).Sub(qty, fee)
		if terms.BaseFee == position.FeeApart {
			traded = qty // the coins of the fee count as bought elsewhere
			l.pay(f.Account, currency, new(big.Int).Neg(fee))
		}
	} else {
		l.pay(f.Account, currency, new(big.Int).Neg(fee))
	}
	l.trade(f.Key, notional(&terms, traded, units(f.Price)))
	l.hold(f.Key).Add(l.hold(f.Key), qty)
}

func (l *cashLedger) split(s *position.Split) {
	per := s.Per
	if per.IsZero() {
		per = position.FromInt(1)
	}
	for k := range maps.Clone(l.held) {
		held := l.hold(k)
		if k.Instrument != s.Instrument || held.Sign() == 0 {
			continue
		}
		var rest big.Int
		held.Mul(held, units(s.Ratio))
		held.QuoRem(held, units(per), &rest)
		require.Zero(l.t, rest.Sign(), "the test draws splits that are exact")
		if s.Increment.IsZero() {
			continue
		}
		cut := new(big.Int).Rem(held, units(s.Increment))
		held.Sub(held, cut)
		if s.CashPrice != nil {
			terms := l.of(s.Instrument)
			l.trade(k, notional(&terms, cut.Neg(cut), units(*s.CashPrice)))
		}
	}
}

func (l *cashLedger) settle(s *position.Settle) {
	for k := range maps.Clone(l.held) {
		held := l.hold(k)
		if k.Instrument != s.Instrument || held.Sign() == 0 {
			continue
		}
		if s.Reason != position.WriteOff {
			terms := l.of(s.Instrument)
			l.trade(k, notional(&terms, new(big.Int).Neg(held), units(s.Price)))
		}
		held.SetInt64(0)
	}
}

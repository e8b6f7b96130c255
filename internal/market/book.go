package main

import "math/big"

// The fold of this file follows the published rules and nothing else: a fill's
// value is rounded once to 18 decimal places, and so are the cost that leaves
// with a part of a position and the first share of a fill that crosses zero.
// Everything else is exact.

type key struct{ account, instrument, strategy, leg string }

// money is a sum per currency.
type money map[string]*big.Rat

func (m money) add(currency string, v *big.Rat) {
	if old := m[currency]; old != nil {
		v = add(old, v)
	}
	m[currency] = v
}

// sums are what adds up in a cycle, and over all of them.
type sums struct {
	realized, funding *big.Rat
	fees, charges     money
}

func newSums() sums {
	return sums{realized: new(big.Rat), funding: new(big.Rat), fees: money{}, charges: money{}}
}

// holding is the state of one key.
type holding struct {
	product         *product
	cycle, version  int
	qty, cost       *big.Rat
	entered, exited *big.Rat
	peak            *big.Rat
	now, before     sums // this cycle; all earlier ones
}

type book struct {
	positions map[key]*holding
	accounts  map[string]money
	marks     map[string]*big.Rat
}

func newBook() *book {
	return &book{positions: map[key]*holding{}, accounts: map[string]money{}, marks: map[string]*big.Rat{}}
}

func (b *book) qty(k key) *big.Rat {
	if h := b.positions[k]; h != nil {
		return h.qty
	}
	return new(big.Rat)
}

func (b *book) cash(account, currency string, amount *big.Rat) {
	if b.accounts[account] == nil {
		b.accounts[account] = money{}
	}
	b.accounts[account].add(currency, amount)
}

func (b *book) charge(k key, kind, currency string, amount *big.Rat) {
	h := b.positions[k]
	h.version++
	switch {
	case kind == "fee":
		h.now.fees.add(currency, neg(amount))
	case kind == "funding" && currency == h.product.settlement:
		h.now.funding = add(h.now.funding, amount)
	default:
		h.now.charges.add(currency, amount)
	}
}

// fill books one execution of a signed quantity.
func (b *book) fill(k key, p *product, qty, price, fee *big.Rat, currency string) {
	value := halfEven(mul(mul(qty, price), p.multiplier))
	if p.kind == "inverse" {
		value = halfEven(quo(mul(qty, p.multiplier), price))
	}
	if p.kind == "spot" && currency == p.base {
		qty = sub(qty, fee) // a buyer gets less, a seller gives more
	}
	h := b.positions[k]
	if h == nil {
		h = &holding{product: p, qty: new(big.Rat), now: newSums(), before: newSums()}
		b.positions[k] = h
	}
	if h.qty.Sign()*qty.Sign() < 0 && abs(qty).Cmp(abs(h.qty)) > 0 {
		share := quo(neg(h.qty), qty)
		out, outValue, outFee := neg(h.qty), halfEven(mul(value, share)), halfEven(mul(fee, share))
		h.leave(out, outValue, outFee, currency)
		qty, value, fee = sub(qty, out), sub(value, outValue), sub(fee, outFee)
	}
	if h.qty.Sign()*qty.Sign() < 0 {
		h.leave(qty, value, fee, currency)
	} else {
		h.enter(qty, value, fee, currency)
	}
}

// enter opens or increases.
func (h *holding) enter(qty, value, fee *big.Rat, currency string) {
	if h.qty.Sign() == 0 {
		h.cycle++
		h.closeSums()
		h.cost, h.entered, h.exited, h.peak = new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	}
	h.version++
	h.qty, h.cost = add(h.qty, qty), add(h.cost, value)
	h.entered = add(h.entered, abs(qty))
	if size := abs(h.qty); size.Cmp(h.peak) > 0 {
		h.peak = size
	}
	h.now.fees.add(currency, fee)
}

// leave reduces or closes.
func (h *holding) leave(qty, value, fee *big.Rat, currency string) {
	h.version++
	out := h.cost
	if left := add(h.qty, qty); left.Sign() != 0 {
		out = halfEven(quo(mul(h.cost, neg(qty)), h.qty))
	}
	// The gain of a linear contract is the money that came in for what went out. An
	// inverse one counts in the coin, whose worth falls when the price rises.
	gain := neg(add(value, out))
	if h.product.kind == "inverse" {
		gain = neg(gain)
	}
	h.qty, h.cost = add(h.qty, qty), sub(h.cost, out)
	h.exited = add(h.exited, abs(qty))
	h.now.realized = add(h.now.realized, gain)
	h.now.fees.add(currency, fee)
}

// closeSums moves a finished cycle's sums to those of all earlier ones.
func (h *holding) closeSums() {
	h.before.realized = add(h.before.realized, h.now.realized)
	h.before.funding = add(h.before.funding, h.now.funding)
	for c, v := range h.now.fees {
		h.before.fees.add(c, v)
	}
	for c, v := range h.now.charges {
		h.before.charges.add(c, v)
	}
	h.now = newSums()
}

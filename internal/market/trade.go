package main

import (
	"math/big"
	"time"
)

// act lets an actor send one order, which is filled in one to four parts.
func (w *world) act(a *actor) {
	held := w.book.qty(a.key)
	lots := a.lots(held)
	switch r := w.below(100); {
	case held.Sign() == 0 || lots == 0 && a.product.kind == "spot":
		w.order(a, a.opens(w), w.between(1, a.most/2+1))
	case r < 46 && lots < a.most:
		w.order(a, held.Sign() > 0, w.between(1, (a.most-lots)/2+1))
	case r < 76 && lots > 0:
		w.order(a, held.Sign() < 0, w.between(1, lots))
	case r < 88 || !a.mayFlip():
		w.closeOut(a)
	default:
		w.order(a, held.Sign() < 0, lots+w.between(1, a.most/2+1))
	}
}

// lots is how many whole lots a quantity has, whatever its sign.
func (a *actor) lots(qty *big.Rat) int64 {
	n := quo(abs(qty), a.product.lot)
	return new(big.Int).Quo(n.Num(), n.Denom()).Int64()
}

// opens says which way a flat key goes.
func (a *actor) opens(w *world) (buy bool) {
	switch {
	case a.leg == "long" || a.product.kind == "spot":
		return true
	case a.leg == "short":
		return false
	}
	return w.percent(55)
}

func (a *actor) mayFlip() bool { return a.leg == "" && a.product.kind != "spot" }

// order fills so many lots, in parts, close to the market's price.
func (w *world) order(a *actor, buy bool, lots int64) {
	o := w.newOrder(a)
	maker := w.percent(55)
	for lots > 0 {
		part := lots
		if w.percent(60) {
			part = w.between(1, lots)
		}
		lots -= part
		price := mul(big.NewRat(a.product.ticks+w.between(-3, 3), 1), a.product.tick)
		w.fill(o, &trade{actor: a, buy: buy, qty: mul(big.NewRat(part, 1), a.product.lot), price: price, maker: maker})
		w.now = w.now.Add(time.Duration(1 + w.below(2_000_000)))
		if o.parts++; o.parts == 4 {
			return
		}
	}
}

// closeOut trades exactly what is held, dust included.
func (w *world) closeOut(a *actor) {
	held := w.book.qty(a.key)
	if held.Sign() == 0 {
		return
	}
	w.fill(w.newOrder(a), &trade{actor: a, buy: held.Sign() < 0, qty: abs(held), price: a.product.price()})
}

// fill sets the fee, books the trade and writes it down.
func (w *world) fill(o *order, t *trade) {
	a := t.actor
	a.product.fee(w, t)
	if a.product.venue {
		w.rows = append(w.rows, w.report(o, t))
	}
	w.fills++
	w.writeFill(t)
	signed := t.qty
	if !t.buy {
		signed = neg(signed)
	}
	currency := t.feeCurrency
	if currency == "" {
		currency = a.product.settlement
	}
	w.book.fill(a.key, a.product, signed, t.price, t.fee, currency)
}

// rate returns one of two rates; a maker's may be a rebate.
func (t *trade) rate(maker, taker string) *big.Rat {
	if t.maker {
		return num(maker)
	}
	return num(taker)
}

func perpetualFee(w *world, t *trade) {
	maker := "0.00015"
	if w.percent(25) {
		maker = "-0.00003"
	}
	t.fee, t.feeCurrency = places(mul(mul(t.qty, t.price), t.rate(maker, "0.00045")), 6), "USDC"
}

// contractFee is that of contracts settled in XBT: inverse and quanto.
func contractFee(_ *world, t *trade) {
	value := quo(t.qty, t.price)
	if t.actor.product.kind == "quanto" {
		value = mul(mul(t.qty, t.price), t.actor.product.multiplier)
	}
	t.fee, t.feeCurrency = places(mul(value, t.rate("-0.00025", "0.00075")), 8), "XBT"
}

// spotFee comes out of what is bought; a seller pays in the quote, or at a
// discount in a third currency.
func spotFee(w *world, t *trade) {
	value := mul(t.qty, t.price)
	switch {
	case t.buy:
		t.fee, t.feeCurrency = places(mul(t.qty, t.rate("0.0008", "0.001")), 8), "SOL"
	case w.percent(30):
		t.fee, t.feeCurrency = places(quo(mul(value, num("0.00075")), num("540")), 8), "BNB"
	default:
		t.fee, t.feeCurrency = places(mul(value, num("0.001")), 8), "EUR"
	}
}

// futureFee leaves the currency out: it is the settlement currency.
func futureFee(_ *world, t *trade) { t.fee = mul(t.qty, num("2.05")) }

func stockFee(w *world, t *trade) {
	if t.fee = mul(t.qty, num("0.005")); t.fee.Cmp(num("1")) < 0 {
		t.fee = num("1")
	}
	if t.actor.account == "fund-b" && w.percent(30) {
		t.fee, t.feeCurrency = num("1.25"), "EUR"
	}
}

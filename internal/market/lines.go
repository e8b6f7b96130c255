package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// write adds one NDJSON line of members given as name, value, name, value …; an
// empty value is left out. A value that begins with a space is written as it is.
func (w *world) write(kind string, members ...string) {
	fmt.Fprintf(&w.lines, `{"type":%q,"id":%q`, kind, w.id())
	w.count++
	for i := 0; i < len(members); i += 2 {
		name, value := members[i], members[i+1]
		raw, asItIs := strings.CutPrefix(value, " ")
		switch {
		case asItIs:
			fmt.Fprintf(&w.lines, `,%q:%s`, name, raw)
		case value != "":
			fmt.Fprintf(&w.lines, `,%q:%s`, name, strconv.Quote(value))
		}
	}
	fmt.Fprintf(&w.lines, `,"time":%q}`+"\n", w.now.Format(time.RFC3339Nano))
}

func (w *world) define(p *product) {
	w.write("instrument", "instrument", p.name, "kind", p.kind, "multiplier", text(p.multiplier),
		"base", p.base, "quote", p.quote, "settlement", p.settlement)
}

func (w *world) writeFill(t *trade) {
	side := "sell"
	if t.buy {
		side = "buy"
	}
	k := t.actor.key
	w.write("fill", "account", k.account, "instrument", k.instrument, "strategy", k.strategy, "leg", k.leg,
		"side", side, "qty", text(t.qty), "price", text(t.price), "fee", text(t.fee), "fee_currency", t.feeCurrency)
}

func (w *world) mark(p *product) {
	w.write("mark", "instrument", p.name, "price", text(p.price()))
	w.book.marks[p.name] = p.price()
}

// charge books money to a position.
func (w *world) charge(k key, kind, currency string, amount *big.Rat) {
	w.write("charge", "account", k.account, "instrument", k.instrument, "strategy", k.strategy, "leg", k.leg,
		"kind", kind, "amount", text(amount), "currency", currency)
	w.book.charge(k, kind, currency, amount)
}

// cash books money to an account.
func (w *world) cash(account, kind, currency, amount string) {
	w.write("charge", "account", account, "kind", kind, "amount", amount, "currency", currency)
	w.book.cash(account, currency, num(amount))
}

// payFunding charges every open perpetual by its value; longs pay when the rate
// is positive.
func (w *world) payFunding() {
	for _, a := range w.actors {
		held := w.book.qty(a.key)
		if held.Sign() == 0 || !a.product.perpetual {
			continue
		}
		p, digits := a.product, 6
		value := mul(mul(held, p.price()), p.multiplier)
		if p.kind == "inverse" {
			value = quo(mul(held, p.multiplier), p.price())
		}
		if p.settlement == "XBT" {
			digits = 8
		}
		rate := big.NewRat(w.between(-40, 110), 1_000_000)
		if amount := places(neg(mul(value, rate)), digits); amount.Sign() != 0 {
			w.charge(a.key, "funding", p.settlement, amount)
		}
	}
}

// dividend is paid on a long stock, and by a short one.
func (w *world) dividend() {
	per := big.NewRat(w.between(5, 60), 100)
	for _, a := range w.actors {
		if held := w.book.qty(a.key); a.product.name == "ACME" && held.Sign() != 0 {
			w.charge(a.key, "dividend", "USD", mul(held, per))
		}
	}
}

// exchangeFee is a fee that is no part of a fill, on whatever position the
// future last had.
func (w *world) exchangeFee() {
	for _, a := range w.actors {
		if a.product.name == "ESM6" && w.book.positions[a.key] != nil {
			w.charge(a.key, "fee", "USD", big.NewRat(-w.between(100, 5_000), 100))
			w.charge(a.key, "other", "EUR", big.NewRat(w.between(1, 900), 100))
		}
	}
}

// amend notes something on a position.
func (w *world) amend() {
	a := w.actors[w.below(int64(len(w.actors)))]
	if w.book.positions[a.key] == nil {
		return
	}
	k := a.key
	where := []string{"account", k.account, "instrument", k.instrument, "strategy", k.strategy, "leg", k.leg}
	price := text(a.product.price())
	switch w.below(4) {
	case 0:
		where = append(where, "stop", price, "tags", ` ["watched","size:`+strconv.FormatInt(w.below(9), 10)+`"]`)
	case 1:
		where = append(where, "targets", ` ["`+price+`"]`)
	case 2:
		where = append(where, "metadata", ` {"signal":"`+w.hex(6)+`"}`)
	default:
		where = append(where, "stop", " null")
	}
	w.write("amend", where...)
	w.book.positions[k].version++
}

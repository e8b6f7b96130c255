package main

import (
	"bytes"
	"fmt"
	"math/big"
	"time"
)

// product is an instrument with its market.
type product struct {
	name, kind, base, quote, settlement string
	multiplier                          *big.Rat
	tick, lot                           *big.Rat
	ticks                               int64 // the market's price now
	low, high                           int64 // where it turns back
	fee                                 func(w *world, t *trade)
	perpetual                           bool // pays funding
	venue                               bool // its fills are in the export
}

func (p *product) price() *big.Rat { return mul(big.NewRat(p.ticks, 1), p.tick) }

// actor is one key and how it trades.
type actor struct {
	key
	product *product
	most    int64 // lots
	weight  int64
}

// trade is one fill on its way.
type trade struct {
	actor       *actor
	buy         bool
	qty, price  *big.Rat
	maker       bool
	fee         *big.Rat
	feeCurrency string // "" is the settlement currency
}

// world is everything that goes on.
type world struct {
	seed uint64
	chance
	now      time.Time
	products []*product
	actors   []*actor
	book     *book
	lines    bytes.Buffer // the NDJSON
	rows     []row        // the venue's export
	venue    map[string]*account
	count    int
	fills    int
	funding  time.Time // next
}

const (
	wallet1 = "0x51a0c0de00000000000000000000000000000001"
	wallet2 = "0x51a0c0de00000000000000000000000000000002"
	target  = 6000 // fills
)

func newWorld(seed uint64) *world {
	w := &world{
		seed: seed, chance: chance{state: seed}, now: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		book: newBook(), venue: map[string]*account{},
	}
	w.funding = w.now.Add(8 * time.Hour)
	perpetual := func(name, tick, lot string, ticks int64) *product {
		return &product{
			name: name, kind: "linear", quote: "USDC", settlement: "USDC", multiplier: num("1"), tick: num(tick), lot: num(lot),
			ticks: ticks, low: ticks * 8 / 10, high: ticks * 13 / 10, fee: perpetualFee, perpetual: true, venue: true,
		}
	}
	btc, eth, sol := perpetual("BTC", "1", "0.00001", 64250), perpetual("ETH", "0.1", "0.0001", 31874), perpetual("SOL", "0.001", "0.01", 148305)
	xbt := &product{
		name: "XBTUSD", kind: "inverse", base: "XBT", quote: "USD", settlement: "XBT", multiplier: num("1"), tick: num("0.5"), lot: num("100"),
		ticks: 128300, low: 100000, high: 170000, fee: contractFee, perpetual: true,
	}
	quanto := &product{
		name: "ETHUSD", kind: "quanto", base: "ETH", quote: "USD", settlement: "XBT", multiplier: num("0.000001"), tick: num("0.05"), lot: num("1"),
		ticks: 63600, low: 50000, high: 80000, fee: contractFee, perpetual: true,
	}
	spot := &product{
		name: "SOL-EUR", kind: "spot", base: "SOL", quote: "EUR", settlement: "EUR", multiplier: num("1"), tick: num("0.01"), lot: num("0.001"),
		ticks: 13710, low: 10000, high: 19000, fee: spotFee,
	}
	future := &product{
		name: "ESM6", kind: "linear", quote: "USD", settlement: "USD", multiplier: num("50"), tick: num("0.25"), lot: num("1"),
		ticks: 23480, low: 21000, high: 26000, fee: futureFee,
	}
	stock := &product{
		name: "ACME", kind: "linear", quote: "USD", settlement: "USD", multiplier: num("1"), tick: num("0.01"), lot: num("1"),
		ticks: 4117, low: 3000, high: 6000, fee: stockFee,
	}
	w.products = []*product{btc, eth, sol, xbt, quanto, spot, future, stock}
	on := func(account string, p *product, strategy, leg string, most, weight int64) {
		w.actors = append(w.actors, &actor{key: key{account, p.name, strategy, leg}, product: p, most: most, weight: weight})
	}
	on(wallet1, btc, "", "", 250_000, 12)
	on(wallet1, eth, "", "", 400_000, 8)
	on(wallet1, sol, "", "", 80_000, 6)
	on(wallet2, btc, "", "", 900, 8)
	on(wallet2, sol, "", "", 5_000, 5)
	on("fund-a", xbt, "trend", "", 3_000, 9)
	on("fund-a", xbt, "carry", "", 5_000, 6)
	on("fund-a", quanto, "trend", "", 4_000, 6)
	on("fund-a", future, "", "", 40, 6)
	on("fund-a", stock, "value", "", 5_000, 6)
	on("fund-b", spot, "grid", "", 90_000, 10)
	on("fund-b", spot, "", "", 20_000, 4)
	on("fund-b", future, "hedge", "long", 25, 4)
	on("fund-b", future, "hedge", "short", 25, 4)
	on("fund-b", stock, "", "", 900, 4)
	on("fund-b", xbt, "", "", 800, 4)
	return w
}

// run lets it all happen.
func (w *world) run() {
	for _, p := range w.products {
		w.define(p)
	}
	w.cash("fund-a", "cash", "USD", "2500000")
	w.cash("fund-a", "cash", "XBT", "35.5")
	w.cash("fund-b", "cash", "EUR", "800000")
	w.cash(wallet1, "cash", "USDC", "1000000")
	w.cash(wallet2, "cash", "USDC", "25000")
	for _, p := range w.products {
		w.mark(p)
	}
	total := int64(0)
	for _, a := range w.actors {
		total += a.weight
	}
	for w.fills < target {
		w.pass(w.between(1, 380_000_000_000))
		pick := w.below(total)
		for _, a := range w.actors {
			if pick -= a.weight; pick < 0 {
				w.act(a)
				break
			}
		}
		w.aside()
	}
	w.finish()
}

// pass lets time go by, and moves every price.
func (w *world) pass(ns int64) {
	w.now = w.now.Add(time.Duration(ns))
	for _, p := range w.products {
		step := p.ticks/1500 + 2
		p.ticks += w.between(-step, step)
		p.ticks = min(max(p.ticks, p.low), p.high)
	}
	for !w.now.Before(w.funding) {
		w.payFunding()
		w.funding = w.funding.Add(8 * time.Hour)
	}
}

// aside does what happens between trades.
func (w *world) aside() {
	switch r := w.below(1000); {
	case r < 220:
		w.mark(w.products[w.below(int64(len(w.products)))])
	case r < 226:
		w.dividend()
	case r < 232:
		w.exchangeFee()
	case r < 242:
		w.amend()
	case r < 245:
		w.cash("fund-a", "interest", "USD", text(big.NewRat(w.between(-90_00, 250_00), 100)))
	case r < 247:
		w.cash("fund-b", "cash", "EUR", text(big.NewRat(w.between(-50_000, 50_000), 1)))
	}
}

// finish closes some positions, pays a charge that comes after the close, and
// marks everything once more.
func (w *world) finish() {
	for i, a := range w.actors {
		if i%5 == 2 {
			w.closeOut(a)
			if a.product.perpetual {
				w.charge(a.key, "funding", a.product.settlement, big.NewRat(-w.between(1, 999), 1_000_000))
			}
		}
	}
	for _, p := range w.products {
		w.pass(w.between(1, 1_000_000_000))
		w.mark(p)
	}
}

// id returns the next line's id.
func (w *world) id() string { return fmt.Sprintf("sim-%d-%06d", w.seed, w.count+1) }

package position_test

import (
	"math/big"
	"slices"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// pending is a quantity that waits for its exit in the builder below.
type pending struct {
	qty, price, fee *big.Rat
	at              int
}

// builtTrade is what the builder compares.
type builtTrade struct {
	entryAt, exitAt                            int
	qty, entry, exit, profit, fee, worst, best *big.Rat
	short                                      bool
}

// builder matches fills one by one as a trade builder of another tool does, in
// exact rationals: a list of pending fills, the extremes since the first, the
// whole fee of a flip on its closing side.
type builder struct {
	grouping  report.Grouping
	lifo      bool
	all       []pending // under flat to flat, exits too
	high, low *big.Rat
	fees      *big.Rat
	trades    []builtTrade
}

func (o *builder) mark(price *big.Rat) {
	if len(o.all) == 0 {
		return
	}
	if price.Cmp(o.high) > 0 {
		o.high = price
	}
	if price.Cmp(o.low) < 0 {
		o.low = price
	}
}

func (o *builder) split(factor *big.Rat) {
	if len(o.all) == 0 {
		return
	}
	o.high, o.low = new(big.Rat).Mul(o.high, factor), new(big.Rat).Mul(o.low, factor)
	for i := range o.all {
		o.all[i].qty = new(big.Rat).Quo(o.all[i].qty, factor)
		o.all[i].price = new(big.Rat).Mul(o.all[i].price, factor)
	}
}

func (o *builder) total() *big.Rat {
	sum := new(big.Rat)
	for _, l := range o.all {
		sum.Add(sum, l.qty)
	}
	return sum
}

func (o *builder) open(qty, price, fee *big.Rat, at int) {
	if len(o.all) == 0 {
		o.high, o.low, o.fees = price, price, new(big.Rat)
	}
	o.all = append(o.all, pending{qty, price, fee, at})
	o.fees = new(big.Rat).Add(o.fees, fee)
}

func (o *builder) trade(short bool, qty, entry, exit, fee *big.Rat, from, to int) {
	gain := func(price *big.Rat) *big.Rat {
		d := new(big.Rat).Sub(price, entry)
		if short {
			d.Neg(d)
		}
		return d.Mul(d, qty)
	}
	worst, best := gain(o.low), gain(o.high)
	if short {
		worst, best = best, worst
	}
	o.trades = append(o.trades, builtTrade{from, to, qty, entry, exit, gain(exit), fee, worst, best, short})
}

func (o *builder) fill(qty, price, fee *big.Rat, at int) {
	held := o.total()
	o.mark(price)
	if held.Sign()*qty.Sign() >= 0 {
		o.open(qty, price, fee, at)
		return
	}
	if o.grouping == report.FlatToFlat {
		o.flat(held, qty, price, fee, at)
		return
	}
	rest, charged, full := new(big.Rat).Abs(qty), false, -1
	got, value := new(big.Rat), new(big.Rat)
	short := held.Sign() < 0
	o.fees = new(big.Rat).Add(o.fees, fee)
	first := -1
	for rest.Sign() > 0 && len(o.all) > 0 {
		i := 0
		if o.lifo {
			i = len(o.all) - 1
		}
		l := &o.all[i]
		n := new(big.Rat).Abs(l.qty)
		if first < 0 {
			first = l.at
		}
		if n.Cmp(rest) > 0 {
			n = rest
		}
		if o.grouping == report.FillToFill {
			paid := l.fee
			if !charged {
				paid = new(big.Rat).Add(paid, fee)
			}
			charged, l.fee = true, new(big.Rat)
			o.trade(short, n, l.price, price, paid, l.at, at)
		}
		got = new(big.Rat).Add(got, n)
		value = new(big.Rat).Add(value, new(big.Rat).Mul(n, l.price))
		rest = new(big.Rat).Sub(rest, n)
		if n.Cmp(new(big.Rat).Abs(l.qty)) == 0 {
			if o.lifo || full < 0 {
				full = l.at
			}
			o.all = slices.Delete(o.all, i, i+1)
			continue
		}
		if short {
			n = new(big.Rat).Neg(n)
		}
		l.qty = new(big.Rat).Sub(l.qty, n)
	}
	if o.grouping == report.FlatToReduced {
		if full < 0 {
			full = first
		}
		o.trade(short, got, new(big.Rat).Quo(value, got), price, o.fees, full, at)
		o.fees = new(big.Rat)
	}
	if rest.Sign() > 0 {
		o.open(signedLike(rest, qty), price, new(big.Rat), at)
	}
}

func signedLike(x, like *big.Rat) *big.Rat {
	if like.Sign() < 0 {
		return new(big.Rat).Neg(x)
	}
	return x
}

// flat gathers exits until nothing is left.
func (o *builder) flat(held, qty, price, fee *big.Rat, at int) {
	closing := new(big.Rat).Neg(held)
	if new(big.Rat).Abs(qty).Cmp(new(big.Rat).Abs(held)) < 0 {
		closing = qty
	}
	o.fees = new(big.Rat).Add(o.fees, fee)
	o.all = append(o.all, pending{closing, price, new(big.Rat), at})
	if o.total().Sign() != 0 {
		return
	}
	var sums [2]struct{ qty, value *big.Rat }
	for i := range sums {
		sums[i].qty, sums[i].value = new(big.Rat), new(big.Rat)
	}
	for _, l := range o.all {
		s := &sums[0]
		if l.qty.Sign() != held.Sign() {
			s = &sums[1]
		}
		n := new(big.Rat).Abs(l.qty)
		s.qty.Add(s.qty, n)
		s.value.Add(s.value, n.Mul(n, l.price))
	}
	entry, exit := sums[0].value.Quo(sums[0].value, sums[0].qty), sums[1].value.Quo(sums[1].value, sums[1].qty)
	o.trade(held.Sign() < 0, sums[0].qty, entry, exit, o.fees, o.all[0].at, at)
	o.all = nil
	if rest := new(big.Rat).Sub(qty, closing); rest.Sign() != 0 {
		o.open(rest, price, new(big.Rat), at)
	}
}

func ratOf(d position.Decimal) *big.Rat {
	r, _ := new(big.Rat).SetString(d.String())
	return r
}

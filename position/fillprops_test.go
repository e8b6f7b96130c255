package position_test

import (
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

// oracle is a book of lots in fractions, without rounding: the plainest thing
// that a cost method can be. Under average cost all lots are one.
type oracle struct {
	method     position.CostMethod
	inverse    bool
	multiplier *big.Rat
	lots       []oracleLot
	realized   *big.Rat
	touched    int
}

type oracleLot struct {
	qty, price *big.Rat
	at         position.Time
}

func (o *oracle) value(qty, price *big.Rat) *big.Rat {
	v := new(big.Rat).Mul(qty, o.multiplier)
	if o.inverse {
		return v.Quo(v, price)
	}
	return v.Mul(v, price)
}

func (o *oracle) sums() (qty, cost *big.Rat) {
	qty, cost = new(big.Rat), new(big.Rat)
	for _, l := range o.lots {
		qty.Add(qty, l.qty)
		cost.Add(cost, o.value(l.qty, l.price))
	}
	return qty, cost
}

// pick returns the place of the lot that is taken from next.
func (o *oracle) pick() int {
	best := 0
	for i, l := range o.lots {
		switch c := l.price.Cmp(o.lots[best].price) * l.qty.Sign(); {
		case o.method == position.LIFO:
			best = i
		case o.method == position.HIFO && c > 0:
			best = i
		}
	}
	return best
}

func (o *oracle) fill(qty, price *big.Rat, at position.Time) {
	for qty.Sign() != 0 && len(o.lots) > 0 && o.lots[0].qty.Sign() != qty.Sign() {
		i := o.pick()
		l := &o.lots[i]
		take := new(big.Rat).Neg(l.qty)
		if new(big.Rat).Abs(qty).Cmp(new(big.Rat).Abs(l.qty)) < 0 {
			take = qty
		}
		gain := new(big.Rat).Sub(o.value(take, l.price), o.value(take, price))
		if o.inverse {
			gain.Neg(gain)
		}
		o.realized.Add(o.realized, gain)
		l.qty = new(big.Rat).Add(l.qty, take)
		qty = new(big.Rat).Sub(qty, take)
		o.touched++
		if l.qty.Sign() == 0 {
			o.lots = slices.Delete(o.lots, i, i+1)
		}
	}
	if qty.Sign() == 0 {
		return
	}
	if len(o.lots) > 0 && o.method == position.Average {
		all, cost := o.sums()
		all.Add(all, qty)
		cost.Add(cost, o.value(qty, price))
		avg := new(big.Rat).Quo(cost, new(big.Rat).Mul(all, o.multiplier))
		if o.inverse {
			avg.Inv(avg)
		}
		o.lots[0] = oracleLot{all, avg, at}
		return
	}
	i := 0
	for i < len(o.lots) && o.lots[i].at <= at {
		i++
	}
	o.lots = slices.Insert(o.lots, i, oracleLot{qty, price, at})
}

// withinUnits checks that an amount is the oracle's within n units of the last place.
func withinUnits(t require.TestingT, want *big.Rat, got position.Decimal, n int, what string) {
	off := new(big.Rat).Sub(want, rat(got))
	limit := new(big.Rat).Mul(big.NewRat(int64(n), 1), powTen(-position.Scale))
	require.LessOrEqual(t, off.Abs(off).Cmp(limit), 0, "%s: %s, by the book %s, off by %s", what, got, want.FloatString(24), off.FloatString(24))
}

// TestFoldAgainstBook compares quantities exactly, and costs and profits within a
// unit of the last place per rounding.
func TestFoldAgainstBook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse}).Draw(t, "kind")
		method := rapid.SampledFrom(unselected).Draw(t, "method")
		multiplier := position.FromInt(rapid.SampledFrom([]int64{1, 10}).Draw(t, "multiplier"))
		s := newMemory(by(method))
		def := define(kind, multiplier.String(), "", "", "USD")
		require.NoError(t, s.Apply(def))
		o := &oracle{method: method, inverse: kind == position.Inverse, multiplier: rat(multiplier), realized: new(big.Rat)}
		n := rapid.IntRange(1, 20).Draw(t, "fills")
		for i := range n {
			// Few prices, so that they meet again, and times that run backwards.
			f := fill(rapid.SampledFrom([]position.Side{position.Buy, position.Sell}).Draw(t, "side"), "1", "1")
			f.Qty = position.FromInt(rapid.Int64Range(1, 30).Draw(t, "qty"))
			f.Price = position.FromInt(rapid.Int64Range(1, 9).Draw(t, "price"))
			f.Time = position.Time(rapid.Int64Range(1, 5).Draw(t, "time"))
			require.NoError(t, s.Apply(f))
			o.fill(rat(signedQty(&f)), rat(f.Price), f.Time)
			p := s.image(key)
			qty, cost := o.sums()
			require.Zero(t, qty.Cmp(rat(p.Qty)))
			all, ok := p.Lifetime()
			require.True(t, ok)
			bound := 2*(i+1) + o.touched
			withinUnits(t, cost, p.Cost, bound, "cost")
			withinUnits(t, o.realized, all.Realized, bound, "realized")
			checkLots(t, p)
			if method == position.Average {
				continue
			}
			require.Len(t, p.Lots.Open, len(o.lots))
			for k, l := range p.Lots.Open {
				require.Zero(t, o.lots[k].qty.Cmp(rat(l.Qty)), "quantity of lot %d", l.ID)
				require.Equal(t, o.lots[k].at, l.Opened)
				withinUnits(t, o.value(o.lots[k].qty, o.lots[k].price), l.Cost, bound, "cost of a lot")
			}
		}
	})
}

// TestFoldInParts: a fill in parts is the fill, within one unit of the last place
// per part.
func TestFoldInParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse, position.Spot}).Draw(t, "kind")
		method := rapid.SampledFrom(unselected).Draw(t, "method")
		whole, parted := newMemory(by(method)), newMemory(by(method))
		def := define(kind, "1", "BASE", "USD", "USD")
		require.NoError(t, whole.Apply(def))
		require.NoError(t, parted.Apply(def))
		parts := 0
		for i := range rapid.IntRange(1, 8).Draw(t, "fills") {
			f := at(drawFill(t, []string{"USD"}), position.Time(i+1))
			f.Price = position.FromInt(rapid.Int64Range(1, 1000).Draw(t, "whole price"))
			require.NoError(t, whole.Apply(f))
			left := f.Qty
			for range rapid.IntRange(0, 4).Draw(t, "cuts") {
				part := f
				part.Qty = drawDecimal(t, "part")
				part.Fee = position.Decimal{}
				if part.Qty.Cmp(left) >= 0 {
					continue
				}
				left = sum(t, left, part.Qty.Neg())
				require.NoError(t, parted.Apply(part))
				parts++
			}
			f.Qty = left
			require.NoError(t, parted.Apply(f))
			parts += 2 // one of the whole fill, one of the last part
			a, b := whole.image(key), parted.image(key)
			require.Equal(t, a.Qty, b.Qty)
			require.Equal(t, a.Cycle, b.Cycle)
			require.Equal(t, []position.Decimal{a.EntryQty, a.ExitQty, a.PeakQty, a.High, a.Low}, []position.Decimal{b.EntryQty, b.ExitQty, b.PeakQty, b.High, b.Low})
			x, ok := a.Lifetime()
			require.True(t, ok)
			y, ok := b.Lifetime()
			require.True(t, ok)
			require.Equal(t, x.Fees, y.Fees)
			withinUnits(t, rat(a.Cost), b.Cost, parts, "cost")
			withinUnits(t, rat(x.Realized), y.Realized, parts, "realized")
			checkLots(t, b)
		}
	})
}

// Fills of other keys do not matter to a key.
func TestFoldKeysCommute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		together := newMemory(by(rapid.SampledFrom(unselected).Draw(t, "method")))
		apart := []*memory{newMemory(together.rules), newMemory(together.rules)}
		keys := []position.Key{key, {Account: "A", Instrument: "X", Leg: "short"}}
		for range rapid.IntRange(1, 12).Draw(t, "fills") {
			f, i := drawFill(t, []string{"", "BNB"}), rapid.IntRange(0, 1).Draw(t, "key")
			f.Key, f.Ident = keys[i], "same"
			require.Equal(t, together.Apply(f), apart[i].Apply(f))
		}
		for i, k := range keys {
			require.Equal(t, apart[i].image(k), together.image(k))
		}
	})
}

// Under every method a record and the lots before give the lots after.
func TestLotsFollowRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newMemory(by(rapid.SampledFrom(unselected[1:]).Draw(t, "method")))
		var have *position.Lots
		for range rapid.IntRange(1, 25).Draw(t, "fills") {
			f := at(drawFill(t, []string{"", "BNB"}), position.Time(rapid.Int64Range(1, 4).Draw(t, "time")))
			require.NoError(t, s.Apply(f))
			for _, c := range s.last {
				want := *c.After.Lots
				want.Open = nil // as a record carries it
				var err error
				have, err = have.After(c.Consumed, c.Opened, &want)
				require.NoError(t, err)
				require.Equal(t, c.After.Lots, have)
				var qty, cost position.Decimal
				for _, u := range c.Consumed {
					qty, cost = sum(t, qty, u.Qty), sum(t, cost, u.Cost)
				}
				if len(c.Consumed) > 0 {
					require.Equal(t, c.Qty.Neg(), qty)
				}
			}
		}
	})
}

package position_test

import (
	"math/big"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// What is checked after every mutation of a world.

// encode writes a change, reads it and writes it again.
func (w *world) encode(c *position.Change) {
	b := wire.AppendChange(nil, c)
	var d wire.Decoder
	read, err := d.Change(b)
	require.NoError(w.t, err)
	require.Equal(w.t, b, wire.AppendChange(nil, &read))
}

// change checks one change of a position against rationals.
func (w *world) change(old *position.Position, c *position.Change) {
	p := c.After
	if old == nil {
		old = &position.Position{Terms: p.Terms}
	}
	w.lots(p)
	w.met = w.met || c.Kind == position.Transferred && p.Lots != nil && c.Qty.Sign()*old.Qty.Sign() < 0 && c.Part > 0
	is, ok1 := p.Lifetime()
	was, ok2 := old.Lifetime()
	require.True(w.t, ok1 && ok2)
	if c.Fill != 0 || old.Terms.Settlement != p.Terms.Settlement {
		return // a refold is compared with a world without the fill
	}
	earned := new(big.Rat).Sub(ratOf(is.Realized), ratOf(was.Realized))
	require.Zero(w.t, earned.Cmp(ratOf(c.Realized)), "%s", c.Kind)
	// Cost − realised − residue grows by the value, for inverse cost + realised +
	// residue; what is booked as realised without a value is left out.
	switch v := c.Cause.(type) {
	case position.Charge:
		return
	case position.Adjust:
		earned.Sub(earned, ratOf(v.Realized))
	case position.Adopt:
		earned = new(big.Rat)
	}
	earned.Add(earned, ratOf(p.Residue)).Sub(earned, ratOf(old.Residue))
	if p.Terms.Kind == position.Inverse {
		earned.Neg(earned)
	}
	grown := new(big.Rat).Sub(ratOf(p.Cost), ratOf(old.Cost))
	require.Zero(w.t, grown.Sub(grown, earned).Cmp(ratOf(c.Value)), "%s: value is kept", c.Kind)
	if p.Terms.Rounding == (position.Rounding{}) {
		require.Equal(w.t, old.Residue, p.Residue)
	}
	w.matched(old, c)
}

// lots sum to the quantity and the cost, in their order.
func (w *world) lots(p *position.Position) {
	if p.Terms.CostMethod == position.Average {
		require.Nil(w.t, p.Lots)
		return
	}
	if p.Lots == nil {
		require.False(w.t, p.IsOpen())
		return
	}
	qty, cost := new(big.Rat), new(big.Rat)
	for i, l := range p.Lots.Open {
		require.Equal(w.t, p.Qty.Sign(), l.Qty.Sign())
		require.Less(w.t, l.ID, p.Lots.Next)
		if i > 0 {
			a := p.Lots.Open[i-1]
			require.True(w.t, a.Opened < l.Opened || a.Opened == l.Opened && a.ID < l.ID)
		}
		qty.Add(qty, ratOf(l.Qty))
		cost.Add(cost, ratOf(l.Cost))
	}
	require.Zero(w.t, qty.Cmp(ratOf(p.Qty)))
	require.Zero(w.t, cost.Cmp(ratOf(p.Cost)))
	require.Len(w.t, p.Lots.Open, p.Lots.Count)
}

// matched chooses the lots of a fill again, the simple way.
func (w *world) matched(old *position.Position, c *position.Change) {
	f, ok := c.Cause.(position.Fill)
	if !ok || !old.IsOpen() || c.Qty.Sign() == old.Qty.Sign() || c.After.Cycle != old.Cycle {
		return
	}
	left := ratOf(c.Qty.Abs())
	removed := new(big.Rat).Sub(ratOf(old.Cost), ratOf(c.After.Cost))
	if old.Lots == nil {
		share := new(big.Rat).Mul(ratOf(old.Cost), left)
		require.Zero(w.t, places18(share.Quo(share, ratOf(old.Qty.Abs()))).Cmp(removed))
		return
	}
	lots := slices.Clone(old.Lots.Open)
	switch old.Terms.CostMethod {
	case position.LIFO:
		slices.Reverse(lots)
	case position.HIFO:
		for _, l := range lots {
			if l.Cost.Sign() != l.Qty.Sign() && old.Terms.Kind == position.Inverse {
				return // an adjustment has left no price
			}
		}
		if f.Lot != nil {
			lots = slices.DeleteFunc(lots, func(l position.Lot) bool { return l.Label != f.Lot.Label })
		}
		lots = w.dearest(old, lots, c.Consumed)
	case position.SpecificLot, position.SpecificSize, position.FIFO, position.Average, position.Inherited:
	}
	if f.Lot != nil && old.Terms.CostMethod != position.HIFO {
		lots = slices.DeleteFunc(lots, func(l position.Lot) bool { return l.Label != f.Lot.Label })
	}
	if old.Terms.CostMethod == position.SpecificSize && len(lots) > 1 {
		if i := slices.IndexFunc(lots, func(l position.Lot) bool { return l.Qty.Abs() == c.Qty.Abs() }); i >= 0 && len(c.Consumed) == 1 {
			lots = lots[i : i+1]
		}
	}
	cost, n := new(big.Rat), 0
	for ; left.Sign() > 0; n++ {
		require.Less(w.t, n, len(lots))
		l := lots[n]
		require.Equal(w.t, l.ID, c.Consumed[n].ID, "%s of %+v takes %+v (%s ×%s)", old.Terms.CostMethod, old.Lots.Open, c.Consumed, old.Terms.Kind, old.Terms.Multiplier)
		held := ratOf(l.Qty.Abs())
		part := ratOf(l.Cost)
		if held.Cmp(left) > 0 {
			part = places18(part.Quo(part.Mul(part, left), held))
			held = new(big.Rat).Set(left)
		}
		cost.Add(cost, part)
		left.Sub(left, held)
	}
	require.Len(w.t, c.Consumed, n)
	require.Zero(w.t, cost.Cmp(removed))
}

// dearest checks that what was taken was the dearest at each time, as far as ten
// digits tell, and returns the lots in that order.
func (w *world) dearest(old *position.Position, lots []position.Lot, uses []position.LotUse) []position.Lot {
	price := func(l *position.Lot) *big.Rat {
		x := new(big.Rat).Mul(ratOf(l.Qty), ratOf(old.Terms.Multiplier))
		if old.Terms.Kind == position.Inverse {
			return x.Quo(x, ratOf(l.Cost))
		}
		return x.Quo(ratOf(l.Cost), x)
	}
	var out []position.Lot
	for _, u := range uses {
		i := slices.IndexFunc(lots, func(l position.Lot) bool { return l.ID == u.ID })
		require.GreaterOrEqual(w.t, i, 0)
		best := price(&lots[i])
		tolerance := new(big.Rat).Mul(new(big.Rat).Abs(best), big.NewRat(1, 1_000_000_000))
		tolerance.Add(tolerance, big.NewRat(1, 1_000_000_000_000_000_000))
		for k := range lots {
			d := new(big.Rat).Sub(price(&lots[k]), best)
			if old.Qty.Sign() < 0 {
				d.Neg(d)
			}
			require.LessOrEqual(w.t, d.Cmp(tolerance), 0, "%+v is dearer than %+v", lots[k], lots[i])
		}
		out = append(out, lots[i])
		lots = slices.Delete(lots, i, i+1)
	}
	return out
}

// places18 rounds to 18 places, half to even.
func places18(x *big.Rat) *big.Rat {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(position.Scale), nil)
	num := new(big.Int).Mul(x.Num(), scale)
	q, rest := new(big.Int).DivMod(num, x.Denom(), new(big.Int))
	if c := rest.Lsh(rest, 1).Cmp(x.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(q, scale)
}

// worthOf is the notional of a quantity at a price.
func worthOf(t *position.Terms, qty, price *big.Rat) *big.Rat {
	v := new(big.Rat).Mul(qty, ratOf(t.Multiplier))
	if t.Kind == position.Inverse {
		return places18(v.Quo(v, price))
	}
	return places18(v.Mul(v, price))
}

// flow checks what a mutation comes to: the value of a fill is that of its
// quantity at its price, whatever it was split into; a transfer makes and loses
// nothing; a settlement is worth its price.
func (w *world) flow(m position.Mutation, total *big.Rat) {
	changes := w.last()
	switch v := m.(type) {
	case position.Fill:
		qty := new(big.Rat)
		for i := range changes {
			qty.Add(qty, ratOf(changes[i].Qty))
		}
		terms := changes[0].After.Terms
		signed := ratOf(v.Qty)
		if v.Side == position.Sell {
			signed.Neg(signed)
		}
		require.Zero(w.t, worthOf(terms, signed, ratOf(v.Price)).Cmp(total))
		if paid := v.FeeCurrency; terms.Kind == position.Spot && paid == terms.Base {
			signed.Sub(signed, ratOf(v.Fee))
		}
		require.Zero(w.t, signed.Cmp(qty), "the quantity is that of the fill, less a base fee")
	case position.Transfer:
		require.Zero(w.t, total.Sign(), "what leaves arrives")
		qty := new(big.Rat)
		for i := range changes {
			qty.Add(qty, ratOf(changes[i].Qty))
		}
		require.Zero(w.t, qty.Sign())
		require.True(w.t, changes[0].Realized.IsZero())
	case position.Settle:
		for i := range changes[1:] {
			c := &changes[i+1]
			require.False(w.t, c.After.IsOpen())
			want := new(big.Rat)
			if v.Reason != position.WriteOff {
				want = worthOf(c.After.Terms, ratOf(c.Qty), ratOf(v.Price))
			}
			require.Zero(w.t, want.Cmp(ratOf(c.Value)))
		}
	case position.Split:
		per := v.Per
		for i := range changes[1:] {
			c := &changes[i+1]
			if c.After.Lots != nil || !v.Increment.IsZero() {
				continue // each lot is rounded by itself
			}
			old := new(big.Rat).Sub(ratOf(c.After.Qty), ratOf(c.Qty))
			want := places18(old.Quo(old.Mul(old, ratOf(v.Ratio)), ratOf(per)))
			require.Zero(w.t, want.Cmp(ratOf(c.After.Qty)))
		}
	}
}

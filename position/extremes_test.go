package position_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// told is a position as docs/position-model.md tells it, in fractions: average cost,
// the extremes of the price, and the engine's stop and targets.
type told struct {
	qty, cost, high, low, stop *big.Rat
	targets                    []*big.Rat
}

// telling folds a story from the document alone.
type telling struct {
	inverse bool
	keys    map[position.Key]*told
}

func (w *telling) of(k position.Key) *told {
	if w.keys[k] == nil {
		w.keys[k] = &told{qty: new(big.Rat), cost: new(big.Rat)}
	}
	return w.keys[k]
}

func (w *telling) value(qty, price *big.Rat) *big.Rat {
	if w.inverse {
		return new(big.Rat).Quo(qty, price)
	}
	return new(big.Rat).Mul(qty, price)
}

// trade is a fill, or what arrives: bought or sold for a value at a price. What it
// opens or adds brings high and low.
func (p *told) trade(qty, value, price, high, low *big.Rat) {
	if p.qty.Sign() != 0 && p.qty.Sign() != qty.Sign() {
		p.sees(price, price)
		part := new(big.Rat).Neg(p.qty)
		if new(big.Rat).Abs(qty).Cmp(new(big.Rat).Abs(p.qty)) <= 0 {
			part.Set(qty)
		}
		p.leaves(new(big.Rat).Neg(part))
		rest := new(big.Rat).Sub(qty, part)
		value = new(big.Rat).Quo(new(big.Rat).Mul(value, rest), qty)
		qty = rest
	}
	if qty.Sign() == 0 {
		return
	}
	if p.qty.Sign() == 0 {
		*p = told{qty: new(big.Rat), cost: new(big.Rat), high: high, low: low} // a cycle begins, without notes
	}
	p.qty = new(big.Rat).Add(p.qty, qty)
	p.cost = new(big.Rat).Add(p.cost, value)
	p.sees(high, low)
}

// leaves takes a quantity out with its share of the cost.
func (p *told) leaves(qty *big.Rat) (cost *big.Rat) {
	cost = new(big.Rat).Quo(new(big.Rat).Mul(p.cost, qty), p.qty)
	p.qty, p.cost = new(big.Rat).Sub(p.qty, qty), new(big.Rat).Sub(p.cost, cost)
	return cost
}

func (p *told) sees(high, low *big.Rat) {
	if high.Cmp(p.high) > 0 {
		p.high = high
	}
	if low.Cmp(p.low) < 0 {
		p.low = low
	}
}

func (w *telling) tell(m position.Mutation) {
	switch v := m.(type) {
	case position.Fill:
		qty, price := ratOf(v.Qty), ratOf(v.Price)
		if v.Side == position.Sell {
			qty.Neg(qty)
		}
		w.of(v.Key).trade(qty, w.value(qty, price), price, price, price)
	case position.Mark:
		for _, p := range w.keys {
			if p.qty.Sign() != 0 {
				p.sees(ratOf(v.Price), ratOf(v.Price))
			}
		}
	case position.Amend:
		p := w.of(v.Key)
		p.stop, p.targets = ratOf(*v.Stop), nil
		for _, t := range v.Targets {
			p.targets = append(p.targets, ratOf(t))
		}
	case position.Split:
		w.split(&v)
	case position.Transfer:
		from := w.of(v.Key)
		qty := ratOf(v.Qty)
		if from.qty.Sign() < 0 {
			qty.Neg(qty)
		}
		cost := from.leaves(qty)
		price := new(big.Rat).Quo(cost, qty)
		if w.inverse {
			price.Inv(price)
		}
		w.of(v.To()).trade(qty, cost, price, from.high, from.low)
	}
}

func (w *telling) split(v *position.Split) {
	more := ratOf(v.Ratio)
	price := new(big.Rat).Inv(more)
	if w.inverse {
		price.Set(more)
	}
	for _, p := range w.keys {
		if p.qty.Sign() == 0 {
			continue // what is flat is not touched
		}
		p.qty = new(big.Rat).Mul(p.qty, more)
		p.high, p.low = new(big.Rat).Mul(p.high, price), new(big.Rat).Mul(p.low, price)
		if p.stop != nil {
			p.stop = new(big.Rat).Mul(p.stop, price)
		}
		for i := range p.targets {
			p.targets[i] = new(big.Rat).Mul(p.targets[i], price)
		}
	}
}

// nearTold compares a decimal with what it stands for: roundings of a story are far
// behind its tenth digit.
func nearTold(t *testing.T, want *big.Rat, got position.Decimal, of string) {
	t.Helper()
	diff := new(big.Rat).Sub(want, ratOf(got))
	bound := new(big.Rat).Mul(new(big.Rat).Abs(want), big.NewRat(1, 10_000_000_000))
	bound.Add(bound, big.NewRat(1, 1_000_000_000_000))
	if diff.Abs(diff).Cmp(bound) > 0 {
		require.Failf(t, of, "the document gives %s, the fold %s", want.FloatString(18), got)
	}
}

// TestExtremesBesideTheDocument folds random stories beside a model that was
// written from the document alone. Cost, extremes, stop and targets agree after
// every mutation.
func TestExtremesBesideTheDocument(t *testing.T) {
	rnd := seeded(t)
	met := map[string]int{}
	for range 1500 {
		kind := []position.InstrumentKind{position.Linear, position.Inverse}[rnd.IntN(2)]
		b := newBook(position.Rules{})
		b.must(t, contract(kind, position.Average))
		w := &telling{inverse: kind == position.Inverse, keys: map[position.Key]*told{}}
		var story []string
		for range 4 + rnd.IntN(16) {
			m := drawTold(rnd, b)
			if m == nil {
				continue
			}
			b.must(t, m)
			w.tell(m)
			met[m.Type()]++
			line, err := position.MarshalMutation(m)
			require.NoError(t, err)
			story = append(story, string(line))
			for k, p := range w.keys {
				compareTold(t, p, b.Position(k), fmt.Sprintf("%s of %s after %s", k, kind, story))
			}
		}
	}
	require.Greater(t, met["transfer"], 500)
	require.Greater(t, met["split"], 500)
	require.Greater(t, met["amend"], 500)
}

func compareTold(t *testing.T, want *told, got *position.Position, of string) {
	t.Helper()
	nearTold(t, want.qty, got.Qty, "quantity of "+of)
	nearTold(t, want.cost, got.Cost, "cost of "+of)
	nearTold(t, want.high, got.High, "high of "+of)
	nearTold(t, want.low, got.Low, "low of "+of)
	c := got.Conditions
	if want.stop == nil {
		require.Nil(t, c, of)
		return
	}
	nearTold(t, want.stop, c.Stop, "stop of "+of)
	require.Len(t, c.Targets, len(want.targets), of)
	for i := range c.Targets {
		nearTold(t, want.targets[i], c.Targets[i], "target of "+of)
	}
}

// drawTold draws what can be said of a book; nil for what cannot.
func drawTold(rnd *rand.Rand, b *book) position.Mutation {
	key := []position.Key{here, there}[rnd.IntN(2)]
	price := func() position.Decimal { return position.FromInt(int64(1 + rnd.IntN(200))) }
	p := b.Position(key)
	open := p != nil && p.IsOpen()
	switch rnd.IntN(8) {
	case 0:
		return position.Mark{Instrument: "X", Price: price()}
	case 1:
		if open {
			stop := price()
			return position.Amend{Key: key, Stop: &stop, Targets: []position.Decimal{price(), price()}}
		}
	case 2:
		return position.Split{Instrument: "X", Ratio: []position.Decimal{exact("2"), exact("10"), exact("0.5")}[rnd.IntN(3)]}
	case 3, 4:
		if !open {
			return nil
		}
		to := here
		if key == here {
			to = there
		}
		qty := p.Qty.Abs()
		if rnd.IntN(2) == 0 {
			if half, err := qty.Mul(exact("0.5")); err == nil {
				qty = half
			}
		}
		return position.Transfer{Key: key, ToAccount: to.Account, ToStrategy: to.Strategy, Qty: qty}
	default:
		return position.Fill{Key: key, Side: []position.Side{position.Buy, position.Sell}[rnd.IntN(2)], Qty: position.FromInt(int64(1 + rnd.IntN(9))), Price: price()}
	}
	return nil
}

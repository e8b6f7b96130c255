package position_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

// drawDecimal draws a positive number of up to whole·frac digits, often round.
func drawDecimal(t *rapid.T, name string) position.Decimal {
	digits := rapid.Int64Range(1, 999_999).Draw(t, name)
	places := rapid.IntRange(0, 12).Draw(t, name+" places")
	s := fmt.Sprintf("%019d", digits)
	return dec(s[:19-places] + "." + s[19-places:])
}

func drawFill(t *rapid.T, currencies []string) position.Fill {
	f := position.Fill{
		Key:   key,
		Side:  rapid.SampledFrom([]position.Side{position.Buy, position.Sell}).Draw(t, "side"),
		Qty:   drawDecimal(t, "qty"),
		Price: drawDecimal(t, "price"),
	}
	if rapid.Bool().Draw(t, "has fee") {
		f.Fee = drawDecimal(t, "fee")
		f.FeeCurrency = rapid.SampledFrom(currencies).Draw(t, "fee currency")
	}
	return f
}

// sum adds exactly; the test fails where a sum does not fit.
func sum(t require.TestingT, ds ...position.Decimal) position.Decimal {
	var s position.Decimal
	for _, d := range ds {
		var err error
		s, err = s.Add(d)
		require.NoError(t, err)
	}
	return s
}

func signedQty(f *position.Fill) position.Decimal {
	if f.Side == position.Sell {
		return f.Qty.Neg()
	}
	return f.Qty
}

// checkInvariants holds after every fill of a linear or inverse instrument.
// value is the sum of all fills' values, flow that of their quantities.
func checkInvariants(t require.TestingT, p *position.Position, kind position.InstrumentKind, flow, value, fees position.Decimal) {
	require.Equal(t, flow, p.Qty, "the quantity is the sum of the signed fills")
	all, ok := p.Lifetime()
	require.True(t, ok)
	if kind == position.Inverse {
		require.Equal(t, value, sum(t, p.Cost, all.Realized, p.Residue), "no value appears or vanishes")
	} else {
		require.Equal(t, value, sum(t, p.Cost, all.Realized.Neg(), p.Residue.Neg()), "no value appears or vanishes")
	}
	if p.Terms.Rounding == (position.Rounding{}) {
		require.True(t, p.Residue.IsZero(), "what is not rounded leaves no residue")
	}
	checkLots(t, p)
	require.Equal(t, fees, all.Fees.Get("USD"), "no part of a fee is lost in a flip")
	require.Equal(t, p.Qty.Abs(), sum(t, p.EntryQty, p.ExitQty.Neg()))
	require.Equal(t, p.IsOpen(), p.EntryQty != p.ExitQty)
	require.Equal(t, p.ExitQty.IsZero(), p.Exits == 0)
	require.Equal(t, p.Short, p.Qty.Sign() < 0 || !p.IsOpen() && p.Short)
	require.LessOrEqual(t, p.Qty.Abs().Cmp(p.PeakQty), 0)
	require.LessOrEqual(t, p.Low.Cmp(p.High), 0)
	require.Equal(t, p.IsOpen(), p.ClosedAt == 0)
	if !p.IsOpen() {
		require.True(t, p.Cost.IsZero(), "flat leaves no cost")
		return
	}
	require.NotEqual(t, -1, p.Qty.Sign()*p.Cost.Sign(), "with positive prices the cost has the sign of the quantity")
}

// unselected are the methods that choose by themselves.
var unselected = []position.CostMethod{position.Average, position.FIFO, position.LIFO, position.HIFO}

func drawRound(t *rapid.T, name string) position.Round {
	r := position.Round{
		Mode: rapid.SampledFrom([]position.RoundMode{
			position.Exact, position.HalfEven, position.HalfUp, position.Down, position.Up, position.Floor, position.Ceiling,
		}).Draw(t, name),
	}
	if r.Mode != position.Exact {
		r.Significant = rapid.Bool().Draw(t, name+" significant")
		r.Digits = uint8(rapid.IntRange(1, 12).Draw(t, name+" digits"))
	}
	return r
}

func drawRounding(t *rapid.T) (r position.Rounding) {
	if !rapid.Bool().Draw(t, "profile") {
		return r
	}
	r = position.Rounding{Value: drawRound(t, "value"), Average: drawRound(t, "average"), Realized: drawRound(t, "realized")}
	if r.Value.Mode != position.Exact && rapid.Bool().Draw(t, "per lot") {
		r.ValuePer = drawDecimal(t, "value per")
	}
	return r
}

func TestFoldKeepsValue(t *testing.T) {
	t.Parallel()
	for _, kind := range []position.InstrumentKind{position.Linear, position.Inverse, position.Quanto, position.Option} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				s := newMemory(position.Rules{})
				def := define(kind, "", "", "", "USD")
				def.Terms.Multiplier = drawDecimal(t, "multiplier")
				def.Terms.CostMethod = rapid.SampledFrom(unselected).Draw(t, "method")
				def.Terms.Rounding = drawRounding(t)
				require.NoError(t, s.Apply(def))
				var flow, value, fees position.Decimal
				for range rapid.IntRange(1, 25).Draw(t, "fills") {
					f := drawFill(t, []string{"", "USD"})
					if p := s.image(key); p != nil && p.IsOpen() && rapid.IntRange(0, 3).Draw(t, "close") == 0 {
						f.Qty, f.Side = p.Qty.Abs(), position.Side(-p.Qty.Sign())
					}
					before := s.image(key)
					if err := s.Apply(f); err != nil {
						require.ErrorIs(t, err, position.ErrOverflow)
						require.Same(t, before, s.image(key))
						continue
					}
					flow, fees = sum(t, flow, signedQty(&f)), sum(t, fees, f.Fee)
					for _, c := range s.last {
						value = sum(t, value, c.Value)
					}
					checkInvariants(t, s.image(key), kind, flow, value, fees)
				}
			})
		})
	}
}

// A fill's value is rounded once, so the parts of a flip add up to what the
// fill is worth.
func TestFoldPartsSumToTheFill(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newMemory(position.Rules{})
		require.NoError(t, s.Apply(drawFill(t, []string{"", "BNB"})))
		f := drawFill(t, []string{"", "BNB"})
		require.NoError(t, s.Apply(f))
		var qty, value, fee position.Decimal
		for _, c := range s.last {
			qty, value, fee = sum(t, qty, c.Qty), sum(t, value, c.Value), sum(t, fee, c.Fee)
		}
		want, err := position.Mul3(signedQty(&f), f.Price, dec("1"))
		require.NoError(t, err)
		require.Equal(t, []position.Decimal{signedQty(&f), want, f.Fee}, []position.Decimal{qty, value, fee})
	})
}

// With every side turned round, every signed amount is its negative and every
// unsigned one the same.
func TestFoldMirror(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]position.InstrumentKind{position.Linear, position.Inverse}).Draw(t, "kind")
		long, short := newMemory(position.Rules{}), newMemory(position.Rules{})
		def := define(kind, "10", "", "", "USD")
		// The dearest lot of a long position is no mirror image of the cheapest
		// of a short one, nor is down of up.
		def.Terms.CostMethod = rapid.SampledFrom(unselected[:3]).Draw(t, "method")
		def.Terms.Rounding = drawRounding(t)
		for _, r := range []*position.Round{&def.Terms.Rounding.Value, &def.Terms.Rounding.Realized} {
			if r.Mode == position.Floor || r.Mode == position.Ceiling {
				r.Mode = position.HalfUp
			}
		}
		require.NoError(t, long.Apply(def))
		require.NoError(t, short.Apply(def))
		for range rapid.IntRange(1, 15).Draw(t, "fills") {
			f := drawFill(t, []string{"", "BNB"})
			err := long.Apply(f)
			f.Side = -f.Side
			require.Equal(t, err, short.Apply(f))
			if err != nil {
				require.ErrorIs(t, err, position.ErrOverflow)
				continue
			}
			a, b := long.image(key), *short.image(key)
			b.Qty, b.Cost, b.Short, b.Residue = b.Qty.Neg(), b.Cost.Neg(), !b.Short, b.Residue.Neg()
			b.Totals.Realized = b.Totals.Realized.Neg()
			if b.Prior = negated(b.Prior); a.Prior != nil {
				// Fees decide who wins, and they do not change sides.
				b.Prior.Wins, b.Prior.Losses = a.Prior.Wins, a.Prior.Losses
			}
			b.Lots = turned(b.Lots)
			require.Equal(t, sumless(a), sumless(&b))
			av, aok := a.AvgEntry()
			bv, bok := short.image(key).AvgEntry()
			require.Equal(t, av, bv)
			require.Equal(t, aok, bok)
			// What one side gains at a price the other loses.
			gain, gok := a.MFE()
			loss, lok := short.image(key).MAE()
			require.Equal(t, gain, loss)
			require.Equal(t, gok, lok)
			loss, lok = a.MAE()
			gain, gok = short.image(key).MFE()
			require.Equal(t, loss, gain)
			require.Equal(t, lok, gok)
		}
	})
}

func negated(l *position.Lifetime) *position.Lifetime {
	if l == nil {
		return nil
	}
	n := *l
	n.Realized = n.Realized.Neg()
	return &n
}

func turned(l *position.Lots) *position.Lots {
	if l == nil {
		return nil
	}
	n := *l
	n.Open = slices.Clone(n.Open)
	for i := range n.Open {
		n.Open[i].Qty, n.Open[i].Cost = n.Open[i].Qty.Neg(), n.Open[i].Cost.Neg()
	}
	return &n
}

// sumless leaves out the digest of the lots, in which signs cannot be turned.
func sumless(p *position.Position) position.Position {
	n := *p
	if n.Lots != nil {
		l := *n.Lots
		l.Sum = [16]byte{}
		n.Lots = &l
	}
	return n
}

func drawMutation(t *rapid.T) position.Mutation {
	switch rapid.IntRange(0, 6).Draw(t, "mutation") {
	case 0:
		return position.Mark{Instrument: "X", Price: drawDecimal(t, "mark")}
	case 1:
		amount := drawDecimal(t, "amount")
		if rapid.Bool().Draw(t, "paid") {
			amount = amount.Neg()
		}
		return position.Charge{
			Key: key, Amount: amount,
			Kind:     rapid.SampledFrom([]position.ChargeKind{position.Funding, position.FeeCharge, position.Dividend}).Draw(t, "kind"),
			Currency: rapid.SampledFrom([]string{"USD", "BNB"}).Draw(t, "currency"),
		}
	case 2:
		stop := drawDecimal(t, "stop")
		return position.Amend{Key: key, Stop: &stop, Tags: []string{"t"}, Metadata: map[string]string{"n": stop.String()}}
	case 3:
		return position.Charge{Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: drawDecimal(t, "cash"), Currency: "USD"}
	}
	return drawFill(t, []string{"", "BNB", "ETH"})
}

// deep copies everything that an image can reach.
func deep(p *position.Position) position.Position {
	c := *p
	sums := []*position.Amounts{&c.Totals.Fees, &c.Totals.Charges}
	if c.Prior != nil {
		n := *c.Prior
		c.Prior = &n
		sums = append(sums, &n.Fees, &n.Charges)
	}
	for _, a := range sums {
		*a = slices.Clone(*a)
	}
	if c.Lots != nil {
		n := *c.Lots
		n.Open = slices.Clone(n.Open)
		c.Lots = &n
	}
	if c.Conditions != nil {
		n := *c.Conditions
		n.Targets = append([]position.Decimal(nil), n.Targets...)
		n.Tags = append([]string(nil), n.Tags...)
		n.Meta = append([]position.MetaItem(nil), n.Meta...)
		c.Conditions = &n
	}
	return c
}

// TestFoldIsPure: an image that was handed out never changes, the same state
// and mutation give the same changes, and each image counts one version.
func TestFoldIsPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newMemory(by(rapid.SampledFrom(unselected).Draw(t, "method")))
		require.NoError(t, s.Apply(define(position.Spot, "", "ETH", "USD", "")))
		type handed struct {
			live *position.Position
			copy position.Position
		}
		var seen []handed
		version := uint64(0)
		for range rapid.IntRange(1, 25).Draw(t, "mutations") {
			m := drawMutation(t).Identified("id", 5)
			again, againErr := s.rules.Fold(state{s}, m)
			before := len(s.changes)
			err := s.Apply(m)
			require.Equal(t, againErr, err)
			if err != nil {
				require.Len(t, s.changes, before)
				continue
			}
			require.Equal(t, again, s.last)
			for i := range s.last {
				if p := s.last[i].After; p != nil {
					version++
					require.Equal(t, version, p.Version)
					seen = append(seen, handed{p, deep(p)})
				}
			}
		}
		for _, h := range seen {
			require.Equal(t, h.copy, *h.live)
		}
	})
}

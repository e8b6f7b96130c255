package position_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

var modes = []position.RoundMode{
	position.HalfEven, position.HalfUp, position.Down, position.Up, position.Floor, position.Ceiling,
}

func rat(d position.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

func powTen(n int) *big.Rat {
	p := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil))
	if n < 0 {
		p.Inv(p)
	}
	return p
}

// rounded is the naive rounding: x in units of the place, cut, and then up or not.
func rounded(r position.Round, x *big.Rat) *big.Rat {
	place := -int(r.Digits)
	if r.Significant {
		place = -position.Scale
		abs := new(big.Rat).Abs(x)
		for abs.Cmp(powTen(place+int(r.Digits))) >= 0 {
			place++
		}
	}
	units := new(big.Rat).Quo(x, powTen(place))
	cut := new(big.Int).Quo(units.Num(), units.Denom())
	rest := new(big.Rat).Sub(units, new(big.Rat).SetInt(cut))
	half := new(big.Rat).Abs(rest).Cmp(big.NewRat(1, 2))
	up := false
	switch r.Mode {
	case position.HalfEven:
		up = half > 0 || half == 0 && cut.Bit(0) == 1
	case position.HalfUp:
		up = half >= 0
	case position.Up:
		up = rest.Sign() != 0
	case position.Floor:
		up = rest.Sign() < 0
	case position.Ceiling:
		up = rest.Sign() > 0
	case position.Down, position.Exact:
	}
	if up {
		cut.Add(cut, big.NewInt(int64(x.Sign())))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(cut), powTen(place))
}

func TestRoundOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, in, want string }{
		{"exact", "1.123456789012345678", "1.123456789012345678"},
		{"2 half-even", "0.125", "0.12"},
		{"2 half-even", "0.135", "0.14"},
		{"2 half-even", "-0.125", "-0.12"},
		{"2 half-up", "0.125", "0.13"},
		{"2 half-up", "-0.125", "-0.13"},
		{"2 half-up", "0.124999999999999999", "0.12"},
		{"0 down", "-1.9", "-1"},
		{"0 up", "-1.1", "-2"},
		{"0 floor", "-1.1", "-2"},
		{"0 floor", "1.9", "1"},
		{"0 ceiling", "1.1", "2"},
		{"0 ceiling", "-1.9", "-1"},
		{"18 up", "1.123456789012345678", "1.123456789012345678"},
		{"3 significant half-up", "9.996", "10"},
		{"3 significant down", "12345.678", "12300"},
		{"3 significant down", "0.00012345", "0.000123"},
		{"18 significant down", "170141183460469231730.123", "170141183460469231000"},
		{"6 significant half-even", "0.000000000000000005", "0.000000000000000005"},
		{"6 significant half-even", "0", "0"},
		{"1 significant up", "-0.019", "-0.02"},
	} {
		r, err := position.ParseRound(c.text)
		require.NoError(t, err, c.text)
		require.Equal(t, c.text, r.String())
		got, err := r.Of(dec(c.in))
		require.NoError(t, err)
		require.Equal(t, c.want, got.String(), "%s of %s", c.text, c.in)
	}
	most := dec("170141183460469231731.687303715884105727")
	_, err := position.Round{Mode: position.Up, Digits: 0}.Of(most)
	require.ErrorIs(t, err, position.ErrOverflow)
	_, err = position.Round{Mode: position.Up, Digits: 1, Significant: true}.Of(most)
	require.ErrorIs(t, err, position.ErrOverflow)
	got, err := position.Round{Mode: position.Down, Digits: 1, Significant: true}.Of(most)
	require.NoError(t, err)
	require.Equal(t, "100000000000000000000", got.String())
}

func TestRoundOfEverything(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 20_000 {
		x := dec(plain(randomCount(r)))
		round := position.Round{Mode: modes[r.IntN(len(modes))], Digits: uint8(r.IntN(position.Scale + 1)), Significant: r.IntN(2) == 0}
		if round.Significant && round.Digits == 0 {
			round.Digits = 1
		}
		want := rounded(round, rat(x))
		got, err := round.Of(x)
		if err != nil {
			require.Positive(t, new(big.Rat).Abs(want).Cmp(rat(dec("170141183460469231731"))), "%s of %s", round, x)
			continue
		}
		require.Zero(t, want.Cmp(rat(got)), "%s of %s is %s, want %s", round, x, got, want)
	}
}

func TestParseRound(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		for _, r := range []position.Round{{Mode: m}, {Mode: m, Digits: 18}, {Mode: m, Digits: 7, Significant: true}} {
			got, err := position.ParseRound(r.String())
			require.NoError(t, err)
			require.Equal(t, r, got)
		}
	}
	for _, s := range []string{
		"", "2", "half-even", "2 half", "2  half-even", " 2 half-even", "2 half-even ", "02 down", "19 down", "-1 down", "+1 down", "2 exact", "exact 2",
		"0 significant down", "2 significant", "2 significant significant down", "2 unknown", "２ down", "256 down", "2 Down",
	} {
		_, err := position.ParseRound(s)
		require.ErrorIs(t, err, position.ErrInvalid, "%q", s)
	}
}

func TestRoundingIsValidated(t *testing.T) {
	t.Parallel()
	down := position.Round{Mode: position.Down, Digits: 2}
	for _, c := range []struct {
		r    position.Rounding
		text string
	}{
		{position.Rounding{Value: position.Round{Mode: 7}}, "of value: the mode is unknown"},
		{position.Rounding{Average: position.Round{Digits: 1}}, "of average: digits without a mode"},
		{position.Rounding{Realized: position.Round{Mode: position.Up, Digits: 19}}, "of realized: 19 digits, at most 18"},
		{position.Rounding{Average: position.Round{Mode: position.Up, Significant: true}}, "of average: at least one significant digit"},
		{position.Rounding{Value: down, ValuePer: dec("-1")}, "value_per must be positive"},
		{position.Rounding{ValuePer: dec("1")}, "value_per has no meaning without value"},
	} {
		d := define(position.Linear, "", "", "", "")
		d.Terms.Rounding = c.r
		require.ErrorContains(t, d.Validate(), c.text)
		require.ErrorIs(t, d.Validate(), position.ErrInvalid)
	}
	d := define(position.Linear, "", "", "", "")
	d.Terms.Rounding = position.Rounding{Value: down, ValuePer: dec("100"), Average: down, Realized: down}
	require.NoError(t, d.Validate())
}

// A value is rounded once: from the exact product, not from its 18 digits.
func TestValueRoundsOnce(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for n := range 20_000 {
		qty, price, multiplier := dec(plain(randomCount(r))), dec(plain(randomCount(r))), dec(plain(randomCount(r))).Abs()
		if multiplier.IsZero() {
			continue
		}
		terms := position.Terms{Kind: position.InstrumentKind(n % 2), Multiplier: multiplier}
		terms.Rounding.Value = position.Round{Mode: modes[r.IntN(len(modes))], Digits: uint8(r.IntN(position.Scale + 1))}
		exact := new(big.Rat).Mul(rat(qty), rat(multiplier))
		if terms.Kind == position.Inverse {
			if price = price.Abs(); price.IsZero() {
				continue
			}
			exact.Quo(exact, rat(price))
		} else {
			exact.Mul(exact, rat(price))
		}
		want := rounded(terms.Rounding.Value, exact)
		p := position.Position{Qty: qty, Cycle: 1, HasMark: true, Terms: &terms}
		got, ok := p.MarkValue(price)
		if !ok {
			require.Positive(t, new(big.Rat).Abs(want).Cmp(rat(dec("170141183460469231731"))))
			continue
		}
		require.Zero(t, want.Cmp(rat(got)), "%s · %s at %s by %s: %s, want %s", qty, multiplier, price, terms.Rounding.Value, got, want)
	}
	// 0.5·(1 − 10⁻³⁶) is one half at 18 digits, which would round up.
	terms := position.Terms{Multiplier: dec("1.000000000000000001")}
	terms.Rounding.Value = position.Round{Mode: position.HalfUp}
	p := position.Position{Qty: dec("0.5"), Cycle: 1, Terms: &terms}
	v, ok := p.MarkValue(dec("0.999999999999999999"))
	require.True(t, ok)
	require.Equal(t, "0", v.String())
}

// The venue of the inverse contract rounds the value of one lot of 100 contracts
// to the satoshi.
func TestValuePerLot(t *testing.T) {
	t.Parallel()
	terms := position.Terms{Kind: position.Inverse, Multiplier: dec("1"), Settlement: "XBT"}
	terms.Rounding.Value, terms.Rounding.ValuePer = position.Round{Mode: position.HalfEven, Digits: 8}, dec("100")
	p := position.Position{Cycle: 1, Qty: dec("-1438000"), Cost: dec("-19.51105699"), Terms: &terms}
	v, ok := p.MarkValue(dec("78173.24"))
	require.True(t, ok)
	require.Equal(t, "-18.3950398", v.String())
	v, ok = p.Unrealized(dec("78173.24"))
	require.True(t, ok)
	require.Equal(t, "-1.11601719", v.String())
	v, ok = p.Exposure(dec("78173.24"))
	require.True(t, ok)
	require.Equal(t, "18.3950398", v.String())
	_, ok = p.MarkValue(dec("0"))
	require.False(t, ok)
}

func profile(value, average, realized string) position.Rounding {
	var r position.Rounding
	for text, to := range map[string]*position.Round{value + " v": &r.Value, average + " a": &r.Average, realized + " r": &r.Realized} {
		var err error
		if *to, err = position.ParseRound(text[:len(text)-2]); err != nil {
			panic(fmt.Sprint(text, err))
		}
	}
	return r
}

func TestFoldRoundingProfile(t *testing.T) {
	t.Parallel()
	with := func(r position.Rounding) position.DefineInstrument {
		d := define(position.Linear, "", "", "", "")
		d.Terms.Rounding = r
		return d
	}
	floored := with(profile("exact", "1 floor", "exact"))
	checkFolds(t, []foldCase{
		{"the average is cut where it is used, and not fed back", muts(floored, buy("1", "10"), buy("2", "11"), sell("1", "12")), figs{
			// (10 + 22) / 3 = 10.666…, cut to 10.6; the cost leaves by the third.
			"realized": "1.4", "cost": "21.333333333333333333", "residue": "-0.066666666666666667", "qty": "2",
		}, kinds(position.Reduced)},
		{"down for shorts too", muts(floored, sell("1", "10"), sell("2", "11"), buy("1", "9")), figs{
			"realized": "1.6", "cost": "-21.333333333333333333", "residue": "0.066666666666666667",
		}, nil},
		{"a close leaves no cost, whatever it was counted at", muts(floored, buy("1", "10"), buy("2", "11"), sell("1", "12"), sell("2", "12")), figs{
			"realized": "4.2", "cost": "0", "residue": "-0.2", "qty": "0", "last_entry": "10.666666666666666666",
		}, kinds(position.Closed)},
		{"the residue stays with the key", muts(floored, buy("1", "10"), buy("2", "11"), sell("4", "12")), figs{
			"prior_realized": "4.2", "residue": "-0.2", "qty": "-1", "cost": "-12",
		}, kinds(position.Closed, position.Opened)},
		{"profit is rounded", muts(with(profile("exact", "exact", "2 down")), buy("3", "1.111"), sell("1", "1.2")), figs{
			"realized": "0.08", "residue": "0.009", "cost": "2.222",
		}, nil},
		{"values are rounded, and a flip's parts too", muts(with(profile("2 half-even", "exact", "exact")), buy("1", "1.005"), sell("3", "1.333")), figs{
			"prior_realized": "0.33", "cost": "-2.67", "residue": "0",
		}, kinds(position.Closed, position.Opened)},
	})
}

// What was left over in one currency is none of another.
func TestResidueOfAnotherSettlement(t *testing.T) {
	t.Parallel()
	s := newMemory(position.Rules{})
	d := define(position.Linear, "", "", "", "USD")
	d.Terms.Rounding = profile("exact", "exact", "2 down")
	require.NoError(t, s.Apply(d))
	require.NoError(t, s.Apply(buy("1", "1")))
	require.NoError(t, s.Apply(sell("1", "1.999")))
	wants(t, s.image(key), figs{"realized": "0.99", "residue": "0.009"})
	d.Terms.Settlement = "EUR"
	require.NoError(t, s.Apply(d))
	require.NoError(t, s.Apply(buy("1", "1")))
	wants(t, s.image(key), figs{"residue": "0", "prior_charges": "0.99 USD", "wins": "1"})
}

// Rounding up does not wrap a quotient of 2¹²⁸ − ¼ round to nothing.
func TestQuotientAtTheEdge(t *testing.T) {
	t.Parallel()
	a, b := dec("36.893488147419103231"), dec("36.893488147419103233") // 2⁶⁵ ∓ 1 units
	_, err := position.MulQuo(a, b, dec("0.000000000000000004"))
	require.ErrorIs(t, err, position.ErrOverflow)
	_, err = position.MulQuo(a, b.Neg(), dec("0.000000000000000004"))
	require.ErrorIs(t, err, position.ErrOverflow)
	// The same where the divisor has two words: (2¹⁹⁴ − 1) / 2⁶⁶.
	_, err = position.MulQuo(dec("158456325028.528675187087900671"), dec("158456325028.528675187087900673"), dec("73.786976294838206464"))
	require.ErrorIs(t, err, position.ErrOverflow)
}

package position_test

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// The oracle counts 10⁻¹⁸ in a big.Int and never touches the arithmetic that it
// checks: it goes in and out through text that the test formats itself.

var (
	bigOne = new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil)
	bigMax = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))
)

// plain formats a count of 10⁻¹⁸ without trailing zeros.
func plain(n *big.Int) string {
	whole, frac := new(big.Int).QuoRem(new(big.Int).Abs(n), bigOne, new(big.Int))
	s := whole.String()
	if frac.Sign() != 0 {
		f := frac.String()
		s += "." + strings.TrimRight(strings.Repeat("0", 18-len(f))+f, "0")
	}
	if n.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// count is the reverse of plain.
func count(tb testing.TB, s string) *big.Int {
	tb.Helper()
	whole, frac, _ := strings.Cut(s, ".")
	require.LessOrEqual(tb, len(frac), 18)
	n, ok := new(big.Int).SetString(whole+frac+strings.Repeat("0", 18-len(frac)), 10)
	require.True(tb, ok, s)
	return n
}

func dec(s string) position.Decimal { return position.MustParse(s) }

// divide returns num/den rounded half to even.
func divide(num, den *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(new(big.Int).Abs(num), new(big.Int).Abs(den), new(big.Int))
	switch c := r.Lsh(r, 1).CmpAbs(den); {
	case c > 0, c == 0 && q.Bit(0) == 1:
		q.Add(q, big.NewInt(1))
	}
	if num.Sign()*den.Sign() < 0 {
		q.Neg(q)
	}
	return q
}

// seeded returns a generator whose seed is in the log of a failed test.
func seeded(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := uint64(time.Now().UnixNano())
	tb.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// edges are the counts around which carries, roundings and limits change.
func edges() []*big.Int {
	var out []*big.Int
	add := func(n *big.Int) {
		for d := int64(-1); d <= 1; d++ {
			e := new(big.Int).Add(n, big.NewInt(d))
			if e.CmpAbs(bigMax) <= 0 {
				out = append(out, e, new(big.Int).Neg(e))
			}
		}
	}
	for _, bit := range []uint{0, 1, 31, 32, 59, 60, 63, 64, 65, 95, 119, 126, 127} {
		add(new(big.Int).Lsh(big.NewInt(1), bit))
	}
	for _, pow := range []int64{0, 9, 17, 18, 19, 27, 36, 37, 38} {
		p := new(big.Int).Exp(big.NewInt(10), big.NewInt(pow), nil)
		add(p)
		add(new(big.Int).Rsh(p, 1))
		add(new(big.Int).Mul(p, big.NewInt(3)))
	}
	// The square roots of the limit, as numbers and as counts.
	add(new(big.Int).Sqrt(bigMax))
	add(new(big.Int).Sqrt(new(big.Int).Mul(bigMax, bigOne)))
	return out
}

func randomCount(r *rand.Rand) *big.Int {
	n := new(big.Int)
	switch r.IntN(4) {
	case 0: // few digits, as prices and quantities have
		n.SetUint64(r.Uint64N(1_000_000))
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(r.Int64N(22)), nil))
	default:
		n.SetUint64(r.Uint64())
		n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(r.Uint64()))
		n.Rsh(n, 1+uint(r.IntN(127)))
	}
	if n.Cmp(bigMax) > 0 {
		n.Set(bigMax)
	}
	if r.IntN(2) == 0 {
		n.Neg(n)
	}
	return n
}

// agree checks a result against the exact count, nil for a division by zero.
func agree(t *testing.T, op string, want *big.Int, got position.Decimal, err error) {
	t.Helper()
	if want == nil || want.CmpAbs(bigMax) > 0 {
		require.ErrorIs(t, err, position.ErrOverflow, op)
		require.ErrorIs(t, err, position.ErrInvalid, op)
		require.Equal(t, position.Decimal{}, got, op)
		return
	}
	require.NoError(t, err, op)
	require.Equal(t, plain(want), got.String(), op)
}

func checkPair(t *testing.T, a, b *big.Int) {
	t.Helper()
	x, y := dec(plain(a)), dec(plain(b))
	op := plain(a) + " ? " + plain(b)
	require.Equal(t, a.Cmp(b), x.Cmp(y), op)
	require.Equal(t, a.Cmp(b) == 0, x == y, op)
	got, err := x.Add(y)
	agree(t, op+" +", new(big.Int).Add(a, b), got, err)
	got, err = x.Sub(y)
	agree(t, op+" -", new(big.Int).Sub(a, b), got, err)
	got, err = x.Mul(y)
	agree(t, op+" *", divide(new(big.Int).Mul(a, b), bigOne), got, err)
	var want *big.Int
	if b.Sign() != 0 {
		want = divide(new(big.Int).Mul(a, bigOne), b)
	}
	got, err = x.Quo(y)
	agree(t, op+" /", want, got, err)
}

func checkTriple(t *testing.T, a, b, c *big.Int) {
	t.Helper()
	x, y, z := dec(plain(a)), dec(plain(b)), dec(plain(c))
	op := plain(a) + " ? " + plain(b) + " ? " + plain(c)
	p := new(big.Int).Mul(a, b)
	got, err := position.Mul3(x, y, z)
	agree(t, op+" **", divide(new(big.Int).Mul(p, c), new(big.Int).Mul(bigOne, bigOne)), got, err)
	var want *big.Int
	if c.Sign() != 0 {
		want = divide(p, c)
	}
	got, err = position.MulQuo(x, y, z)
	agree(t, op+" */", want, got, err)
}

func TestDecimalEdges(t *testing.T) {
	t.Parallel()
	all := edges()
	for _, a := range all {
		x := dec(plain(a))
		require.Equal(t, plain(a), x.String())
		require.Equal(t, a.Sign(), x.Sign())
		require.Equal(t, a.Sign() == 0, x.IsZero())
		require.Equal(t, plain(new(big.Int).Neg(a)), x.Neg().String())
		require.Equal(t, plain(new(big.Int).Abs(a)), x.Abs().String())
		for _, b := range all {
			checkPair(t, a, b)
		}
	}
	r := seeded(t)
	for range 50_000 {
		checkTriple(t, all[r.IntN(len(all))], all[r.IntN(len(all))], all[r.IntN(len(all))])
	}
}

func TestDecimalRandom(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 50_000 {
		a, b, c := randomCount(r), randomCount(r), randomCount(r)
		checkPair(t, a, b)
		checkTriple(t, a, b, c)
	}
}

// A product that needs more than 256 bits is refused, one just below is not.
func TestDecimalWideProduct(t *testing.T) {
	t.Parallel()
	r := seeded(t)
	for range 20_000 {
		big1 := new(big.Int).Rsh(bigMax, uint(r.IntN(3)))
		big2 := new(big.Int).Sub(bigMax, randomCount(r))
		if big2.CmpAbs(bigMax) > 0 {
			big2.Set(bigMax)
		}
		small := big.NewInt(r.Int64N(1 << 20))
		checkTriple(t, big1, big2, small)
		checkTriple(t, small, big1, big2)
	}
	// 6·a·b just passes 2²⁵⁶, so a product that wrapped would look small.
	limit := new(big.Int).Lsh(big.NewInt(1), 256)
	b := new(big.Int).Quo(limit, new(big.Int).Mul(bigMax, big.NewInt(6)))
	checkTriple(t, bigMax, b, big.NewInt(6))
	checkTriple(t, bigMax, b.Add(b, big.NewInt(1)), big.NewInt(6))
	got, err := position.Mul3(dec("170141183460469231731"), dec("170141183460469231731"), dec("0.000000000000000001"))
	require.ErrorIs(t, err, position.ErrOverflow)
	require.True(t, got.IsZero())
}

func TestDecimalTies(t *testing.T) {
	t.Parallel()
	const unit = "0.000000000000000001"
	for _, c := range []struct{ a, b, want string }{
		{unit, "0.5", "0"},
		{"0.000000000000000003", "0.5", "0.000000000000000002"},
		{"0.000000000000000005", "0.5", "0.000000000000000002"},
		{"-" + unit, "0.5", "0"},
		{"-0.000000000000000003", "0.5", "-0.000000000000000002"},
		{"0.000000000000000003", "-0.5", "-0.000000000000000002"},
		{unit, "0.500000000000000001", unit},
		{unit, "0.499999999999999999", "0"},
	} {
		got, err := dec(c.a).Mul(dec(c.b))
		require.NoError(t, err)
		require.Equal(t, c.want, got.String(), "%s * %s", c.a, c.b)
		inverse, err := position.MulQuo(dec(c.a), dec(c.b), dec("1"))
		require.NoError(t, err)
		require.Equal(t, got, inverse)
		wide, err := position.Mul3(dec(c.a), dec(c.b).Neg(), dec("-1"))
		require.NoError(t, err)
		require.Equal(t, got, wide)
		// A two-word divisor goes another way than a one-word one.
		scaled, err := position.MulQuo(dec(c.a), mul(t, dec(c.b), dec("1000000")), dec("1000000"))
		require.NoError(t, err)
		require.Equal(t, got, scaled)
	}
}

func mul(tb testing.TB, a, b position.Decimal) position.Decimal {
	tb.Helper()
	p, err := a.Mul(b)
	require.NoError(tb, err)
	return p
}

func TestFromInt(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, -1, 18, 19, -19, 1 << 62, -1 << 62, 1<<63 - 1, -1 << 63} {
		require.Equal(t, big.NewInt(n).String(), position.FromInt(n).String())
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "+0.0": "0", "000": "0", "1": "1", "+1": "1", "-1": "-1", ".5": "0.5", "5.": "5", "-.5": "-0.5",
		"007.70":                                    "7.7",
		"0.000000000000000001":                      "0.000000000000000001",
		"1.0000000000000000000":                     "1",
		"18446744073709551615":                      "18446744073709551615",
		"18446744073709551616":                      "18446744073709551616",
		"99999999999999999999":                      "99999999999999999999",
		"170141183460469231731.687303715884105727":  "170141183460469231731.687303715884105727",
		"-170141183460469231731.687303715884105727": "-170141183460469231731.687303715884105727",
		strings.Repeat("0", 60) + "12.5":            "12.5",
	} {
		got, err := position.Parse(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got.String(), in)
	}
	for _, in := range []string{
		"", "+", "-", ".", "-.", "--1", "+-1", "1-", "1.2.3", "1..2", "1e5", "1E5", "NaN", "nan", "Inf", "-Infinity", "0x10", " 1", "1 ",
		"1,5", "１", "1_000", "1.5a", "0.0000000000000000001", "0.0000000000000000000x", "1/2", "1:", strings.Repeat("1", 65),
		strings.Repeat("0", 65), strings.Repeat("9", 1<<20),
	} {
		_, err := position.Parse(in)
		require.ErrorIs(t, err, position.ErrInvalid, in)
		require.NotErrorIs(t, err, position.ErrOverflow, in)
		require.Less(t, len(err.Error()), 200)
	}
	for _, in := range []string{
		"170141183460469231731.687303715884105728", "-170141183460469231731.687303715884105728", "170141183460469231732",
		"180000000000000000000", "184467440737095516160", "340282366920938463463374607431768211456", strings.Repeat("9", 40), "-" + strings.Repeat("9", 63),
	} {
		_, err := position.Parse(in)
		require.ErrorIs(t, err, position.ErrOverflow, in)
	}
	// The parser's upper word must not wrap, whatever it holds.
	word := new(big.Int).Lsh(big.NewInt(1), 64)
	for k := int64(10); k < 3000; k++ {
		s := new(big.Int).Mul(word, big.NewInt(k)).String()
		_, err := position.Parse(s)
		require.ErrorIs(t, err, position.ErrOverflow, s)
	}
	require.Panics(t, func() { position.MustParse("x") })
}

func TestDecimalText(t *testing.T) {
	t.Parallel()
	var v struct{ X position.Decimal }
	require.NoError(t, json.Unmarshal([]byte(`{"X":"-12.50"}`), &v))
	out, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `{"X":"-12.5"}`, string(out))
	before := v.X
	require.ErrorIs(t, v.X.UnmarshalText([]byte("1e3")), position.ErrInvalid)
	require.Equal(t, before, v.X, "a refused text changes nothing")
	require.Equal(t, "x-12.5", string(v.X.AppendText([]byte("x"))))
}

// FuzzParse compares the parser with big.Int on whatever it accepts, and
// checks that what it refuses is refused for a reason.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "-1.5", "170141183460469231731.687303715884105727", "170141183460469231732", "1e5", ".", "5.", "0.0000000000000000010", "00000000000000000000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := position.Parse(s)
		body := strings.TrimPrefix(s, "-")
		if body == s {
			body = strings.TrimPrefix(s, "+")
		}
		whole, frac, _ := strings.Cut(body, ".")
		formed := len(s) <= 64 && whole+frac != "" && strings.Trim(whole+frac, "0123456789") == ""
		if short := strings.TrimRight(frac, "0"); formed && len(short) <= 18 {
			want := count(t, "0"+whole+"."+short)
			if body != s && s[0] == '-' {
				want.Neg(want)
			}
			agree(t, s, want, d, err)
			if err == nil {
				require.Equal(t, d, dec(d.String()))
			}
			return
		}
		require.ErrorIs(t, err, position.ErrInvalid)
	})
}

func benchPair() (position.Decimal, position.Decimal) { return dec("1.2345"), dec("50123.25") }

func BenchmarkDecimalMul(b *testing.B) {
	x, y := benchPair()
	for b.Loop() {
		_, _ = x.Mul(y)
	}
}

func BenchmarkDecimalMul3(b *testing.B) {
	x, y := benchPair()
	z := dec("0.01")
	for b.Loop() {
		_, _ = position.Mul3(x, y, z)
	}
}

func BenchmarkDecimalMulQuo(b *testing.B) {
	x, y := benchPair()
	z := dec("120.5")
	for b.Loop() {
		_, _ = position.MulQuo(x, y, z)
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		_, _ = position.Parse("50123.25")
	}
}

func BenchmarkAppendText(b *testing.B) {
	_, y := benchPair()
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = y.AppendText(buf[:0])
	}
}

func num(s string) position.Decimal { return position.MustParse(s) }

package position

import (
	"math/bits"
	"strconv"

	"github.com/holiman/uint256"

	"github.com/moneyprinter/holdfast/internal/form"
)

// Scale is the number of fractional digits of a [Decimal].
const Scale = 18

// Decimal is an exact signed number: a 128-bit two's complement count of 10⁻¹⁸,
// so |x| < 1.7·10²⁰. It is 16 bytes, allocates nothing, and equal numbers are
// equal under ==. Sums are exact; products and quotients round once, half to
// even, through a 256-bit intermediate. A result that does not fit gives an
// error that matches [ErrOverflow].
//
// The count −2¹²⁷, which has no negation, is no Decimal: nothing here returns
// it, and the decoder refuses it.
type Decimal struct {
	hi int64
	lo uint64
}

// one is 10¹⁸, the count that stands for 1.
const one = 1_000_000_000_000_000_000

// maxHi is the largest upper half of a magnitude.
const maxHi = 1<<63 - 1

// FromInt returns n as a decimal.
func FromInt(n int64) Decimal {
	neg := n < 0
	mag := uint64(n)
	if neg {
		mag = -mag
	}
	hi, lo := bits.Mul64(mag, one)
	d := Decimal{hi: int64(hi), lo: lo}
	if neg {
		return d.Neg()
	}
	return d
}

// Words returns the count of 10⁻¹⁸ as two words, two's complement.
func (d Decimal) Words() (hi int64, lo uint64) { return d.hi, d.lo }

// FromWords is the reverse of Words. It reports false for −2¹²⁷, which is no
// Decimal.
func FromWords(hi int64, lo uint64) (Decimal, bool) {
	d := Decimal{hi: hi, lo: lo}
	return d, !d.isMin()
}

// Sign returns −1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.hi < 0:
		return -1
	case d.hi == 0 && d.lo == 0:
		return 0
	}
	return 1
}

// IsZero reports whether d is zero.
func (d Decimal) IsZero() bool { return d == Decimal{} }

// Neg returns −d.
func (d Decimal) Neg() Decimal {
	lo, borrow := bits.Sub64(0, d.lo, 0)
	hi, _ := bits.Sub64(0, uint64(d.hi), borrow)
	return Decimal{hi: int64(hi), lo: lo}
}

// Abs returns |d|.
func (d Decimal) Abs() Decimal {
	if d.hi < 0 {
		return d.Neg()
	}
	return d
}

// Cmp returns −1, 0 or 1 as d is less than, equal to or greater than e.
func (d Decimal) Cmp(e Decimal) int {
	switch {
	case d.hi < e.hi:
		return -1
	case d.hi > e.hi:
		return 1
	case d.lo < e.lo:
		return -1
	case d.lo > e.lo:
		return 1
	}
	return 0
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, _ := bits.Add64(uint64(d.hi), uint64(e.hi), carry)
	r := Decimal{hi: int64(hi), lo: lo}
	// Two operands of one sign overflow when the sum has the other.
	if (d.hi^r.hi)&(e.hi^r.hi) < 0 || r.isMin() {
		return Decimal{}, overflow("sum")
	}
	return r, nil
}

// Sub returns d − e.
func (d Decimal) Sub(e Decimal) (Decimal, error) {
	lo, borrow := bits.Sub64(d.lo, e.lo, 0)
	hi, _ := bits.Sub64(uint64(d.hi), uint64(e.hi), borrow)
	r := Decimal{hi: int64(hi), lo: lo}
	// Operands of different signs overflow when the sign of d is lost.
	if (d.hi^e.hi)&(d.hi^r.hi) < 0 || r.isMin() {
		return Decimal{}, overflow("difference")
	}
	return r, nil
}

// Mul returns d · e, rounded once, half to even.
func (d Decimal) Mul(e Decimal) (Decimal, error) { return MulQuo(d, e, Decimal{lo: one}) }

// Quo returns d / e, rounded once, half to even. A zero e is refused.
func (d Decimal) Quo(e Decimal) (Decimal, error) { return MulQuo(d, Decimal{lo: one}, e) }

// MulQuo returns a · b / c, rounded once, half to even. A zero c is refused.
func MulQuo(a, b, c Decimal) (Decimal, error) {
	if c.IsZero() {
		return Decimal{}, overflow("quotient by zero")
	}
	neg := a.hi^b.hi^c.hi < 0
	p := product(a, b)
	if z := c.Abs(); z.hi != 0 {
		return roundedQuo128(&p, uint64(z.hi), z.lo, neg)
	}
	return roundedQuo64(&p, c.Abs().lo, neg)
}

// mul3 returns a · b · c, rounded once, half to even.
func mul3(a, b, c Decimal) (Decimal, error) {
	if c == (Decimal{lo: one}) {
		return a.Mul(b)
	}
	neg := a.hi^b.hi^c.hi < 0
	p := product(a, b)
	m := c.Abs()
	z := uint256.Int{m.lo, uint64(m.hi)}
	if p.BitLen()+z.BitLen() > 256 {
		return Decimal{}, overflow("product") // at least 2²⁵⁵ / 10³⁶, above 2¹³⁵
	}
	p.Mul(&p, &z)
	scale := oneSquared()
	return roundedQuo128(&p, scale[1], scale[0], neg)
}

// quo3 returns a / (b · c), rounded once, half to even. It fails where the
// divisor is zero.
func quo3(a, b, c Decimal) (Decimal, error) {
	if c == (Decimal{lo: one}) {
		return a.Quo(b)
	}
	den := product(b, c) // below 2²⁵⁴
	if den.IsZero() {
		return Decimal{}, overflow("quotient by zero")
	}
	m := a.Abs()
	num := uint256.Int{m.lo, uint64(m.hi)}
	scale := oneSquared()
	num.Mul(&num, &scale) // below 2¹²⁷ · 2¹²⁰
	return roundedQuo(&num, &den, a.hi^b.hi^c.hi < 0)
}

// remainder is what is left of d, with its sign, above the multiples of a
// positive increment.
func remainder(d, increment Decimal) Decimal {
	m := d.Abs()
	x, y := uint256.Int{m.lo, uint64(m.hi)}, uint256.Int{increment.lo, uint64(increment.hi)}
	x.Mod(&x, &y)
	return signed(x[1], x[0], d.hi < 0)
}

// oneSquared is 10³⁶, the scale of a product of three counts.
func oneSquared() uint256.Int {
	hi, lo := bits.Mul64(one, one)
	return uint256.Int{lo, hi}
}

// product returns |a| · |b|, which is below 2²⁵⁴.
func product(a, b Decimal) uint256.Int {
	x, y := a.Abs(), b.Abs()
	h0, p0 := bits.Mul64(x.lo, y.lo)
	if x.hi|y.hi == 0 {
		return uint256.Int{p0, h0}
	}
	h1, l1 := bits.Mul64(uint64(x.hi), y.lo)
	h2, l2 := bits.Mul64(x.lo, uint64(y.hi))
	h3, l3 := bits.Mul64(uint64(x.hi), uint64(y.hi))
	p1, c1 := bits.Add64(h0, l1, 0)
	p1, c2 := bits.Add64(p1, l2, 0)
	// The upper halves are below 2⁶³, so the sum of what they carry fits.
	p2, c3 := bits.Add64(h1+h2+c1+c2, l3, 0)
	return uint256.Int{p0, p1, p2, h3 + c3}
}

// roundedQuo64 divides by one word, which every product of two decimals does.
func roundedQuo64(x *uint256.Int, z uint64, neg bool) (Decimal, error) {
	if x[3] != 0 || x[2] >= z {
		return Decimal{}, overflow("product or quotient")
	}
	hi, rest := bits.Div64(x[2], x[1], z)
	lo, rest := bits.Div64(rest, x[0], z)
	if hi > maxHi {
		return Decimal{}, overflow("product or quotient") // before rounding could wrap it
	}
	if half := z - rest; rest > half || rest == half && lo&1 == 1 {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	if hi > maxHi {
		return Decimal{}, overflow("product or quotient")
	}
	return signed(hi, lo, neg), nil
}

// roundedQuo128 divides by two words, of which the upper is not zero.
func roundedQuo128(x *uint256.Int, z1, z0 uint64, neg bool) (Decimal, error) {
	if x[3] > z1 || x[3] == z1 && x[2] >= z0 {
		return Decimal{}, overflow("product or quotient")
	}
	// Shifting both until the divisor's top bit is set changes no quotient and,
	// because the upper half of x is below z, loses no bit.
	s := uint(bits.LeadingZeros64(z1))
	z1, z0 = z1<<s|z0>>(64-s), z0<<s
	x3, x2 := x[3]<<s|x[2]>>(64-s), x[2]<<s|x[1]>>(64-s)
	x1, x0 := x[1]<<s|x[0]>>(64-s), x[0]<<s
	hi, r1, r0 := divWord(x3, x2, x1, z1, z0)
	lo, r1, r0 := divWord(r1, r0, x0, z1, z0)
	if hi > maxHi {
		return Decimal{}, overflow("product or quotient") // before rounding could wrap it
	}
	h0, borrow := bits.Sub64(z0, r0, 0)
	h1, _ := bits.Sub64(z1, r1, borrow)
	if r1 > h1 || r1 == h1 && (r0 > h0 || r0 == h0 && lo&1 == 1) {
		var carry uint64
		lo, carry = bits.Add64(lo, 1, 0)
		hi += carry
	}
	if hi > maxHi {
		return Decimal{}, overflow("product or quotient")
	}
	return signed(hi, lo, neg), nil
}

// divWord divides three words by two, of which the upper has its top bit set;
// the upper two words of the dividend are below the divisor. It is one step of
// long division: a guess from the upper words, at most two too large.
func divWord(x2, x1, x0, z1, z0 uint64) (q, r1, r0 uint64) {
	var rest, carry uint64
	if x2 < z1 {
		q, rest = bits.Div64(x2, x1, z1)
	} else {
		q = 1<<64 - 1
		rest, carry = bits.Add64(x1, z1, 0)
	}
	hi, lo := bits.Mul64(q, z0)
	for carry == 0 && (hi > rest || hi == rest && lo > x0) {
		q--
		rest, carry = bits.Add64(rest, z1, 0)
		var borrow uint64
		lo, borrow = bits.Sub64(lo, z0, 0)
		hi -= borrow
	}
	// The remainder is below the divisor, so its two lower words are all of it.
	r0, borrow := bits.Sub64(x0, lo, 0)
	r1, _ = bits.Sub64(x1, hi+q*z1, borrow)
	return q, r1, r0
}

// roundedQuo divides by any z below 2²⁵⁵.
func roundedQuo(x, z *uint256.Int, neg bool) (Decimal, error) {
	var q, rest uint256.Int
	q.DivMod(x, z, &rest)
	rest.Lsh(&rest, 1)
	if c := rest.Cmp(z); c > 0 || c == 0 && q[0]&1 == 1 {
		q.AddUint64(&q, 1)
	}
	if q[2] != 0 || q[3] != 0 || q[1] > maxHi {
		return Decimal{}, overflow("product or quotient")
	}
	return signed(q[1], q[0], neg), nil
}

func signed(hi, lo uint64, neg bool) Decimal {
	d := Decimal{hi: int64(hi), lo: lo}
	if neg {
		return d.Neg()
	}
	return d
}

func (d Decimal) isMin() bool { return d.hi == -1<<63 && d.lo == 0 }

func overflow(what string) error {
	return &FieldError{Field: "amount", Reason: "is out of range: a " + what + " must stay below 1.7e20", Err: ErrOverflow}
}

// calc runs a chain of operations and keeps the first error, so that the
// formulas of the fold read as formulas.
type calc struct {
	vintage

	err error
}

func (c *calc) keep(d Decimal, err error) Decimal {
	if err != nil && c.err == nil {
		c.err = err
	}
	return d
}

func (c *calc) add(a, b Decimal) Decimal       { return c.keep(a.Add(b)) }
func (c *calc) sub(a, b Decimal) Decimal       { return c.keep(a.Sub(b)) }
func (c *calc) mulQuo(a, b, d Decimal) Decimal { return c.keep(MulQuo(a, b, d)) }

// maxText bounds the input of the parser: sign, 21 digits, point, 18 digits,
// and room for needless zeros on both sides.
const maxText = 64

// Parse reads a plain decimal such as "-12.5". An exponent, NaN, infinity, a
// 19th fractional digit that is not zero, or a magnitude of 1.7·10²⁰ and more
// are refused with an error that matches [ErrInvalid].
func Parse(s string) (Decimal, error) { return parse(s) }

func parse[T string | []byte](s T) (Decimal, error) {
	if len(s) > maxText {
		return Decimal{}, invalid("number", "%q is %d bytes long, at most %d are allowed", form.Clip(string(s)), len(s), maxText)
	}
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		i, neg = 1, s[0] == '-'
	}
	over, whole, ints := integer(s, i)
	if over > 9 {
		return Decimal{}, outOfRange(string(s))
	}
	i += ints
	var frac uint64
	fracs := 0
	if i < len(s) && s[i] == '.' {
		frac, fracs = fraction(s, i+1)
		i += 1 + fracs
	}
	if i != len(s) || ints+fracs == 0 {
		if fracs >= Scale && s[i]-'0' <= 9 {
			return Decimal{}, invalid("number", "%q is too fine: at most %d fractional digits are allowed", form.Clip(string(s)), Scale)
		}
		return Decimal{}, invalid("number", "%q is not a plain decimal", form.Clip(string(s)))
	}
	hi, lo := bits.Mul64(whole, one)
	lo, carry := bits.Add64(lo, frac, 0)
	hi += over*one + carry // below 10¹⁸ + 9·10¹⁸ + 2
	if hi > maxHi {
		return Decimal{}, outOfRange(string(s))
	}
	return signed(hi, lo, neg), nil
}

// integer reads digits from s[i:] and returns their value in two words. It
// stops early where the upper word passes 9, which is out of range.
func integer[T string | []byte](s T, i int) (over, whole uint64, n int) {
	for ; i+n < len(s) && s[i+n]-'0' <= 9 && over <= 9; n++ {
		high, low := bits.Mul64(whole, 10)
		sum, carry := bits.Add64(low, uint64(s[i+n]-'0'), 0)
		over, whole = over*10+high+carry, sum
	}
	return over, whole, n
}

// fraction reads digits from s[i:] as a count of 10⁻¹⁸, and zeros after them.
func fraction[T string | []byte](s T, i int) (count uint64, n int) {
	for ; i+n < len(s) && n < Scale && s[i+n]-'0' <= 9; n++ {
		count = count*10 + uint64(s[i+n]-'0')
	}
	count *= powerOfTen(Scale - n)
	for ; i+n < len(s) && n >= Scale && s[i+n] == '0'; n++ {
	}
	return count, n
}

// powerOfTen returns 10ⁿ for n up to [Scale].
func powerOfTen(n int) uint64 {
	p := uint64(1)
	for ; n >= 3; n -= 3 {
		p *= 1000
	}
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

func outOfRange(s string) error {
	return &FieldError{Field: "number", Reason: form.Clip(s) + " is out of range: |x| must stay below 1.7e20", Err: ErrOverflow}
}

// MustParse is [Parse] for constants in code; it panics on an error.
func MustParse(s string) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

// String returns plain notation without trailing zeros.
func (d Decimal) String() string {
	var buf [41]byte // sign, 21 digits, point, 18 digits
	return string(d.AppendText(buf[:0]))
}

// AppendText appends the form of String.
func (d Decimal) AppendText(dst []byte) []byte {
	if d.hi < 0 {
		dst = append(dst, '-')
	}
	m := d.Abs()
	if m.hi == 0 {
		return appendFraction(strconv.AppendUint(dst, m.lo/one, 10), m.lo%one)
	}
	// |d| < 2¹²⁷, so the integer part may exceed 64 bits: split it once more.
	over := uint64(m.hi) / one
	whole, frac := bits.Div64(uint64(m.hi)%one, m.lo, one)
	const ten19 = 10_000_000_000_000_000_000
	if top, rest := bits.Div64(over, whole, ten19); top != 0 {
		dst = strconv.AppendUint(dst, top, 10)
		dst = appendDigits(dst, rest, 19)
	} else {
		dst = strconv.AppendUint(dst, rest, 10)
	}
	return appendFraction(dst, frac)
}

// appendFraction appends the digits behind the point, none for a whole number.
func appendFraction(dst []byte, frac uint64) []byte {
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.')
	const half = 1_000_000_000
	if low := frac % half; low != 0 {
		dst = appendDigits(dst, frac, Scale)
	} else {
		dst = appendDigits(dst, frac/half, Scale/2)
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendDigits appends v in exactly width digits.
func appendDigits(dst []byte, v uint64, width int) []byte {
	var buf [20]byte
	i := width
	for ; i > 1; i -= 2 { // two by one division
		two := v % 100
		v /= 100
		buf[i-2], buf[i-1] = byte('0'+two/10), byte('0'+two%10)
	}
	if i == 1 {
		buf[0] = byte('0' + v%10)
	}
	return append(dst, buf[:width]...)
}

// MarshalText implements [encoding.TextMarshaler]; JSON shows a string.
func (d Decimal) MarshalText() ([]byte, error) { return d.AppendText(nil), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Decimal) UnmarshalText(b []byte) error {
	v, err := parse(b)
	if err == nil {
		*d = v
	}
	return err
}

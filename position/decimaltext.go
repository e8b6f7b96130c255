package position

import (
	"math/bits"
	"strconv"
)

// maxText bounds the input of the parser: sign, 21 digits, point, 18 digits,
// and room for needless zeros on both sides.
const maxText = 64

// Parse reads a plain decimal such as "-12.5". An exponent, NaN, infinity, a
// 19th fractional digit that is not zero, or a magnitude of 1.7·10²⁰ and more
// are refused with an error that matches [ErrInvalid].
func Parse(s string) (Decimal, error) { return parse(s) }

func parse[T string | []byte](s T) (Decimal, error) {
	if len(s) > maxText {
		return Decimal{}, invalid("number", "%q is %d bytes long, at most %d are allowed", clip(string(s)), len(s), maxText)
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
			return Decimal{}, invalid("number", "%q is too fine: at most %d fractional digits are allowed", clip(string(s)), Scale)
		}
		return Decimal{}, invalid("number", "%q is not a plain decimal", clip(string(s)))
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
	return &FieldError{Field: "number", Reason: clip(s) + " is out of range: |x| must stay below 1.7e20", Err: ErrOverflow}
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
	for i := width - 1; i >= 0; i-- {
		buf[i] = byte('0' + v%10)
		v /= 10
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

package position

import (
	"strconv"
	"strings"

	"github.com/holiman/uint256"

	"github.com/moneyprinter/holdfast/internal/form"
)

// RoundMode is a direction of rounding.
type RoundMode uint8

// The modes. Exact does not round.
const (
	Exact    RoundMode = iota
	HalfEven           // to the nearest, a tie to the even digit
	HalfUp             // to the nearest, a tie away from zero
	Down               // towards zero
	Up                 // away from zero
	Floor              // towards −∞
	Ceiling            // towards +∞
)

// String returns the name used in JSON.
func (m RoundMode) String() string {
	switch m {
	case Exact:
		return "exact"
	case HalfEven:
		return "half-even"
	case HalfUp:
		return "half-up"
	case Down:
		return "down"
	case Up:
		return "up"
	case Floor:
		return "floor"
	case Ceiling:
		return "ceiling"
	}
	return "unknown"
}

// Round is one place where a venue rounds. It is written as "2 half-even" or
// "6 significant half-up"; the zero value, which does not round, as "exact".
type Round struct {
	Mode        RoundMode
	Digits      uint8 // after the point or, if Significant, in all; at most 18
	Significant bool
}

// String returns the form that parseRound reads.
func (r Round) String() string {
	switch {
	case r.Mode == Exact:
		return Exact.String()
	case r.Significant:
		return strconv.Itoa(int(r.Digits)) + " significant " + r.Mode.String()
	}
	return strconv.Itoa(int(r.Digits)) + " " + r.Mode.String()
}

// parseRound is the reverse of String. The error matches [ErrInvalid].
func parseRound(s string) (Round, error) {
	if s == Exact.String() {
		return Round{}, nil
	}
	var r Round
	bad := func() (Round, error) {
		return Round{}, invalid("rounding", "%q is not digits and mode, such as %q or %q; modes are half-even, half-up, down, up, floor, ceiling",
			form.Clip(s), "2 half-even", "6 significant floor")
	}
	digits, mode, ok := strings.Cut(s, " ")
	if !ok || len(digits) == 0 || len(digits) > 2 || strings.Trim(digits, "0123456789") != "" || len(digits) == 2 && digits[0] == '0' {
		return bad()
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return bad()
	}
	r.Digits = uint8(n)
	mode, r.Significant = strings.CutPrefix(mode, "significant ")
	for r.Mode = HalfEven; r.Mode.String() != mode; r.Mode++ {
		if r.Mode == Ceiling {
			return bad()
		}
	}
	return r, r.validate("")
}

func (r Round) validate(of string) error {
	switch {
	case r.Mode > Ceiling:
		return invalid("rounding", "%sthe mode is unknown", of)
	case r.Mode == Exact && r != (Round{}):
		return invalid("rounding", "%sdigits without a mode have no meaning", of)
	case r.Digits > Scale:
		return invalid("rounding", "%s%d digits, at most %d are allowed", of, r.Digits, Scale)
	case r.Significant && r.Digits == 0:
		return invalid("rounding", "%sat least one significant digit is required", of)
	}
	return nil
}

// Rounding is a venue's profile: what it rounds, so that its own figures can be
// met. A place is rounded once, from the exact product or quotient. The amount that
// rounding takes from cost and profit goes to Position.Residue. The zero value rounds
// nothing beyond the 18th place.
type Rounding struct {
	// Value is that of a fill or a mark: of ValuePer units, times how many such
	// lots there are; ValuePer zero: of the whole.
	Value    Round
	ValuePer Decimal
	// Average is the entry price that the profit of a reduction is counted
	// against; under a cost method with lots, that of each lot. It is rounded
	// where it is used and not fed back: the cost leaves in proportion.
	Average  Round
	Realized Round // profit of a reduction
}

func (r Rounding) validate() error {
	for _, part := range [...]struct {
		name string
		Round
	}{{"value", r.Value}, {"average", r.Average}, {"realized", r.Realized}} {
		if err := part.validate("of " + part.name + ": "); err != nil {
			return err
		}
	}
	switch {
	case r.ValuePer.Sign() < 0:
		return invalid("rounding", "value_per must be positive")
	case !r.ValuePer.IsZero() && r.Value.Mode == Exact:
		return invalid("rounding", "value_per has no meaning without value")
	}
	return nil
}

// Of returns a number rounded. It fails where the result does not fit.
func (r Round) Of(d Decimal) (Decimal, error) {
	if r.Mode == Exact {
		return d, nil
	}
	m := d.Abs()
	return r.quo(uint256.Int{m.lo, uint64(m.hi)}, uint256.Int{1}, d.hi < 0)
}

// quo returns num/den, a count of 10⁻¹⁸, rounded once at r's place: where r is
// Exact, half to even at the last one. The denominator is not zero.
func (r Round) quo(num, den uint256.Int, neg bool) (Decimal, error) {
	if r.Mode == Exact {
		return roundedQuo(&num, &den, neg)
	}
	unit, ok := r.unit(&num, &den)
	if !ok {
		return Decimal{}, overflow("rounded value")
	}
	var q, rest uint256.Int
	if _, over := den.MulOverflow(&den, &unit); over {
		// Less than one unit, and less than half of one: num is below 2²⁵⁴.
		rest = num
		den.SetAllOne()
	} else {
		q.DivMod(&num, &den, &rest)
	}
	if r.away(&q, &rest, &den, neg) {
		q.AddUint64(&q, 1)
	}
	if _, over := q.MulOverflow(&q, &unit); over || q[2] != 0 || q[3] != 0 || q[1] > maxHi {
		return Decimal{}, overflow("rounded value")
	}
	return signed(q[1], q[0], neg), nil
}

// unit is the weight of the digit that r rounds at, as a count of 10⁻¹⁸. It
// reports false where the quotient is out of range anyway.
func (r Round) unit(num, den *uint256.Int) (uint256.Int, bool) {
	drop := Scale - int(r.Digits)
	if r.Significant {
		var q uint256.Int
		q.Div(num, den)
		if q[2] != 0 || q[3] != 0 {
			return q, false
		}
		// A quotient finer than its digits is rounded at the last place.
		drop = max(0, digits(&q)-int(r.Digits))
	}
	return tenTo(drop), true
}

// away reports whether a quotient with a remainder goes to the next one, away
// from zero.
func (r Round) away(q, rest, den *uint256.Int, neg bool) bool {
	if rest.IsZero() {
		return false
	}
	switch r.Mode {
	case HalfEven, HalfUp:
		var half uint256.Int
		half.Sub(den, rest) // the other way is as far where rest is half of den
		c := rest.Cmp(&half)
		return c > 0 || c == 0 && (r.Mode == HalfUp || q[0]&1 == 1)
	case Up:
		return true
	case Floor:
		return neg
	case Ceiling:
		return !neg
	case Exact, Down:
	}
	return false
}

// digits is the number of decimal digits of q, 0 for zero.
func digits(q *uint256.Int) int {
	n := q.BitLen() * 1233 >> 12 // a bit is 0.30103 digits: never too many, at most one too few
	if p := tenTo(n); q.Cmp(&p) >= 0 {
		n++
	}
	return n
}

// tenTo returns 10ⁿ for n up to 39.
func tenTo(n int) uint256.Int {
	p := uint256.Int{powerOfTen(min(n, Scale))}
	for n -= Scale; n > 0; n -= Scale {
		f := uint256.Int{powerOfTen(min(n, Scale))}
		p.Mul(&p, &f)
	}
	return p
}

// roundedValue is the notional by a venue that rounds it.
func (t *Terms) roundedValue(qty, price Decimal) (Decimal, error) {
	per := t.Rounding.ValuePer
	if per.IsZero() {
		return t.valueRounded(qty, price)
	}
	lot, err := t.valueRounded(per, price)
	if err != nil {
		return Decimal{}, err
	}
	return MulQuo(qty, lot, per)
}

// valueRounded rounds the exact notional once.
func (t *Terms) valueRounded(qty, price Decimal) (Decimal, error) {
	r := t.Rounding.Value
	if t.Kind == Inverse {
		num := product(qty, t.Multiplier)
		return r.quo(num, uint256.Int{price.lo, uint64(price.hi)}, qty.hi < 0)
	}
	num := product(qty, price)
	m := uint256.Int{t.Multiplier.lo, uint64(t.Multiplier.hi)}
	if num.BitLen()+m.BitLen() > 254 {
		return Decimal{}, overflow("product") // at least 2²⁵² / 10³⁶, above 2¹³²
	}
	num.Mul(&num, &m)
	return r.quo(num, oneSquared(), qty.hi^price.hi < 0)
}

// roundedAverage is the average entry price at fewer digits, rounded once.
func (t *Terms) roundedAverage(r Round, qty, cost Decimal) (Decimal, bool) {
	if t.Kind == Inverse {
		if cost.IsZero() {
			return Decimal{}, false
		}
		m := cost.Abs()
		avg, err := r.quo(product(qty, t.Multiplier), uint256.Int{m.lo, uint64(m.hi)}, qty.hi^cost.hi < 0)
		return avg, err == nil && avg.Sign() > 0
	}
	den := product(qty, t.Multiplier)
	if den.IsZero() {
		return Decimal{}, false
	}
	m := cost.Abs()
	num := uint256.Int{m.lo, uint64(m.hi)}
	scale := oneSquared()
	num.Mul(&num, &scale) // below 2¹²⁷ · 2¹²⁰
	avg, err := r.quo(num, den, qty.hi^cost.hi < 0)
	return avg, err == nil
}

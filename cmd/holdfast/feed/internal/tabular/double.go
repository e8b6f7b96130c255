package tabular

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// maxExponent bounds the exponents of doubles; beyond it a number is zero at 18
// digits, or out of range.
const maxExponent = 400

// ParseDouble reads the decimal text of a JSON number as it is written, exponent
// and all. Digits beyond the 18th after the point are rounded, half to even.
func ParseDouble(text string) (position.Decimal, error) {
	d, err := exactDouble(text)
	return d, Reason(err)
}

// Reason leaves the name of the member to the caller, who knows it.
func Reason(err error) error {
	if refused, ok := errors.AsType[*position.FieldError](err); ok {
		return &reasonError{refused}
	}
	return err
}

// reasonError is a refusal without the name of the member.
type reasonError struct{ *position.FieldError }

func (e *reasonError) Error() string { return e.Reason }

func exactDouble(text string) (position.Decimal, error) {
	digits, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil || n > maxExponent {
			return position.Decimal{}, fmt.Errorf("%s is out of range", Clip(text))
		}
		digits, exponent = text[:i], max(n, -maxExponent)
	}
	digits = Shift(digits, exponent)
	whole, frac, _ := strings.Cut(digits, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) <= position.Scale {
		return position.Parse(sign + whole + "." + frac + "0"[:max(0, 1-len(frac))])
	}
	d, err := position.Parse(whole + "." + frac[:position.Scale])
	if err != nil {
		return d, err
	}
	if roundsUp(frac[:position.Scale], frac[position.Scale:]) {
		if d, err = d.Add(position.MustParse("0.000000000000000001")); err != nil {
			return d, err
		}
	}
	if sign != "" {
		d = d.Neg()
	}
	return d, nil
}

// roundsUp reports whether the digits that are cut off, the last of them not
// zero, round those that stay away from zero.
func roundsUp(kept, cut string) bool {
	switch {
	case cut[0] != '5':
		return cut[0] > '5'
	case len(cut) > 1:
		return true
	}
	return (kept[len(kept)-1]-'0')%2 == 1
}

// Shift moves the decimal point of a plain number to the right by n places. A text
// that is no plain number does not become one.
func Shift(number string, n int) string {
	sign := ""
	if number != "" && (number[0] == '-' || number[0] == '+') {
		sign, number = number[:1], number[1:]
	}
	whole, frac, _ := strings.Cut(number, ".")
	if whole+frac == "" {
		return number
	}
	if n >= 0 {
		frac += strings.Repeat("0", max(0, n-len(frac)))
		return sign + whole + frac[:n] + "." + frac[n:]
	}
	whole = strings.Repeat("0", max(0, -n-len(whole)+1)) + whole
	return sign + whole[:len(whole)+n] + "." + whole[len(whole)+n:] + frac
}

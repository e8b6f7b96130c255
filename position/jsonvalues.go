package position

import (
	"strconv"
	"strings"
)

// textOf reads a string.
func textOf(name string, v value) (string, error) {
	if v.kind != jsonString {
		return "", invalid(name, "must be a string, not %s", v.kind)
	}
	s, err := unquote(v.raw)
	if err != nil {
		return "", invalid(name, "%s", err)
	}
	return s, nil
}

// decimalOf reads a decimal. Numbers outside a string are refused, because
// most JSON software takes them through a binary float and changes them.
func decimalOf(name string, v value) (Decimal, error) {
	if v.kind == jsonNumber {
		return Decimal{}, invalid(name, "must be a decimal in a string, such as %q, not a plain number, which other software may round", clip(v.raw))
	}
	text, err := textOf(name, v)
	if err != nil {
		return Decimal{}, err
	}
	if !plainDecimal(text) {
		return Decimal{}, invalid(name, "%q is not a plain decimal such as \"-12.5\"", clip(text))
	}
	d, err := Parse(text)
	if err != nil {
		return Decimal{}, err
	}
	if !withinText(d) {
		return Decimal{}, &FieldError{Field: name, Reason: clip(text) + " is out of range: |x| must stay below 1.7e20", Err: ErrOverflow}
	}
	return d, nil
}

// plainDecimal is the grammar -?[0-9]+(\.[0-9]+)?; Parse takes a little more.
func plainDecimal(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	digits, point := 0, false
	for i := range len(s) {
		switch {
		case s[i] >= '0' && s[i] <= '9':
			digits++
		case s[i] == '.' && digits > 0 && !point:
			point, digits = true, 0
		default:
			return false
		}
	}
	return digits > 0
}

// withinText reports |d| < 1.7·10²⁰: the limit of the JSON form, a little below
// that of the type, so that a regular expression can state it.
func withinText(d Decimal) bool {
	limit := Decimal{hi: 0x7fe4cf1e337eb469, lo: 0x1037a0a000000000}
	return d.Abs().Cmp(limit) < 0
}

func countOf(name string, v value) (*uint64, error) {
	if v.kind != jsonNumber {
		return nil, invalid(name, "must be a number, not %s", v.kind)
	}
	n, err := strconv.ParseUint(v.raw, 10, 64)
	if err != nil {
		return nil, invalid(name, "%s is not a whole number from 0 to 18446744073709551615", clip(v.raw))
	}
	return &n, nil
}

func listOf(name string, limit int, v value, element func(value) error) error {
	if v.kind != jsonArray {
		return invalid(name, "must be an array, not %s", v.kind)
	}
	s := scanner{b: v.raw}
	n := 0
	s.array(func() {
		e := s.value(1)
		if n++; n > limit {
			s.err = invalid(name, "has more than %d members", limit)
		}
		if s.err == nil {
			s.err = element(e)
		}
	})
	return s.err
}

func mapOf(name string, v value) (map[string]string, error) {
	if v.kind != jsonObject {
		return nil, invalid(name, "must be an object, not %s", v.kind)
	}
	out := map[string]string{}
	s := scanner{b: v.raw}
	s.object(func(item string) {
		text, err := textOf(name, s.value(1))
		_, twice := out[item]
		switch {
		case s.err != nil:
		case err != nil:
			s.err = err
		case twice:
			s.err = invalid(name, "has %q twice", clip(item))
		case len(out) == MaxMeta:
			s.err = invalid(name, "has more than %d members", MaxMeta)
		default:
			out[strings.Clone(item)] = strings.Clone(text)
		}
	})
	return out, s.err
}

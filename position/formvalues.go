package position

import "github.com/moneyprinter/holdfast/internal/form"

// decimalOf reads a decimal. Numbers outside a string are refused, because
// most JSON software takes them through a binary float and changes them.
func decimalOf(name string, v form.Value) (Decimal, error) {
	if v.Kind == form.Number {
		return Decimal{}, invalid(name, "must be a decimal in a string, such as %q, not a plain number, which other software may round", clip(v.Raw))
	}
	text, err := v.Text(name)
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

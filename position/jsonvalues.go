package position

import (
	"strconv"
	"strings"
	"time"
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

// timePattern is what parseTime takes, but for the days of a month.
const timePattern = `^(19[7-9][0-9]|2[01][0-9]{2}|22[0-5][0-9]|226[01])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])` +
	`T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`

// parseTime reads RFC 3339 in upper case. It does not go through [time.Parse],
// which drops digits past the nanosecond and takes a comma for the point.
func parseTime(s string) (Time, error) {
	const form = "2006-01-02T15:04:05Z"
	p := timeText{s: s}
	year, month, day := p.number(4, '-'), p.number(2, '-'), p.number(2, 'T')
	hour, minute, second := p.number(2, ':'), p.number(2, ':'), p.number(2, 0)
	nanos := p.fraction()
	offset := p.zone()
	if p.bad || p.s != "" {
		return 0, invalid("time", "%q is no RFC 3339 time such as %q", clip(s), form)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if month < 1 || t.Month() != time.Month(month) || t.Day() != day || hour > 23 || minute > 59 || second > 59 {
		return 0, invalid("time", "%q names a day or an hour that does not exist", clip(s))
	}
	at, err := At(t.Add(-offset))
	if err == nil && at == 0 {
		return 0, invalid("time", "is 1970-01-01T00:00:00Z, which stands for no time")
	}
	return at, err
}

// timeText is consumed from the left.
type timeText struct {
	s   string
	bad bool
}

// number takes digits, and the byte after them unless it is 0.
func (p *timeText) number(digits int, after byte) int {
	size := digits
	if after != 0 {
		size++
	}
	if len(p.s) < size || after != 0 && p.s[digits] != after {
		p.bad = true
		return 0
	}
	n := 0
	for i := range digits {
		c := p.s[i]
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = 10*n + int(c-'0')
	}
	p.s = p.s[size:]
	return n
}

func (p *timeText) fraction() int {
	if p.s == "" || p.s[0] != '.' {
		return 0
	}
	p.s = p.s[1:]
	n, digits := 0, 0
	for ; digits < len(p.s) && p.s[digits] >= '0' && p.s[digits] <= '9'; digits++ {
		if digits == 9 {
			p.bad = true
			return 0
		}
		n = 10*n + int(p.s[digits]-'0')
	}
	p.bad = p.bad || digits == 0
	p.s = p.s[digits:]
	for ; digits < 9; digits++ {
		n *= 10
	}
	return n
}

func (p *timeText) zone() time.Duration {
	if p.s == "Z" {
		p.s = ""
		return 0
	}
	if p.s == "" || p.s[0] != '+' && p.s[0] != '-' {
		p.bad = true
		return 0
	}
	minus := p.s[0] == '-'
	p.s = p.s[1:]
	hours, minutes := p.number(2, ':'), p.number(2, 0)
	p.bad = p.bad || hours > 23 || minutes > 59
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if minus {
		return -offset
	}
	return offset
}

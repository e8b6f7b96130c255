package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// numberForm is how the numbers of a file are written.
type numberForm uint8

// The forms.
const (
	plainNumbers numberForm = iota // 1234.56, nothing else
	usNumbers                      // $1,234.56
	euNumbers                      // 1.234,56 €
)

// parseNumberForm reads the value of number.
func parseNumberForm(s string) (numberForm, error) {
	switch s {
	case "plain":
		return plainNumbers, nil
	case "us":
		return usNumbers, nil
	case "eu":
		return euNumbers, nil
	}
	return 0, fmt.Errorf("number %s is none of plain (1234.56), us ($1,234.56) and eu (1.234,56 €)", tabular.Clip(s))
}

// example names what reads a cell that a plain number does not.
const example = "; number=us reads $1,234.56, 0.5BTC, (1.00) and 1e-8, number=eu reads 1.234,56"

// amount is a number with the unit that stands in its cell.
type amount struct {
	value position.Decimal
	unit  string
	given bool // the cell is not empty
}

// numbers reads cells by the form that the mapping states.
type numbers struct {
	form  numberForm
	round bool // to 18 digits after the point; otherwise more are refused
}

// parse reads one cell.
func (n numbers) parse(text string) (amount, error) {
	if text == "" {
		return amount{}, nil
	}
	if n.form == plainNumbers {
		d, err := n.exact(text, 0)
		if err != nil && strings.ContainsAny(text, ",$€£()%' \u00a0eE") {
			err = fmt.Errorf("%w%s", err, example)
		}
		return amount{value: d, given: true}, err
	}
	switch text {
	case "-", "--", "—":
		return amount{}, nil
	}
	core, unit, negative, err := dress(text)
	if err != nil {
		return amount{}, err
	}
	digits, exponent, err := n.undress(core)
	if err != nil {
		return amount{}, fmt.Errorf("%s %w", tabular.Clip(text), err)
	}
	d, err := n.exact(digits, exponent)
	if negative {
		d = d.Neg()
	}
	return amount{value: d, unit: unit, given: true}, err
}

// exact reads plain digits. Zeros behind the 18th digit after the point change
// nothing; other digits there are refused unless the mapping rounds.
func (n numbers) exact(text string, exponent int) (position.Decimal, error) {
	whole, frac, point := strings.Cut(text, ".")
	if exponent == 0 && (!point || len(frac) <= position.Scale) {
		return position.Parse(text)
	}
	if _, err := position.Parse(whole + "." + (frac + "0")[:1]); point && err != nil || strings.Trim(frac, "0123456789") != "" {
		return position.Parse(text) // refuses it and says why
	}
	moved := tabular.Shift(text, exponent)
	_, frac, _ = strings.Cut(moved, ".")
	if rest := strings.TrimRight(frac, "0"); len(rest) > position.Scale && !n.round {
		return position.Decimal{}, fmt.Errorf("%s has more than %d digits after the point: round=%d rounds it, half to even", tabular.Clip(text), position.Scale, position.Scale)
	}
	return tabular.ParseDouble(strings.TrimSuffix(moved, "."))
}

var errNumber = errors.New("is no number")

// dress takes sign, brackets, and the unit before or behind a number off it.
func dress(text string) (core, unit string, negative bool, err error) {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	from, to := strings.IndexFunc(text, digit), strings.LastIndexFunc(text, digit)
	if from < 0 {
		return "", "", false, fmt.Errorf("%s %w", tabular.Clip(text), errNumber)
	}
	if from > 0 && (text[from-1] == '.' || text[from-1] == ',') {
		from--
	}
	before, after := text[:from], text[to+1:]
	core = text[from : to+1]
	if strings.HasSuffix(strings.TrimSpace(before), "(") || strings.HasPrefix(strings.TrimSpace(before), "(") {
		inner, closed := strings.CutSuffix(strings.TrimSpace(after), ")")
		if !closed {
			return "", "", false, fmt.Errorf("%s %w", tabular.Clip(text), errNumber)
		}
		negative, after, before = true, inner, strings.Replace(before, "(", "", 1)
	}
	minus := strings.Count(before, "-") + strings.Count(before, "\u2212")
	if minus > 1 || minus == 1 && negative {
		return "", "", false, fmt.Errorf("%s %w", tabular.Clip(text), errNumber)
	}
	negative = negative || minus == 1
	before = strings.NewReplacer("-", "", "\u2212", "", "+", "").Replace(before)
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	if before != "" && after != "" {
		return "", "", false, fmt.Errorf("%s %w: it has a unit before and behind", tabular.Clip(text), errNumber)
	}
	unit = before + after
	for _, r := range unit {
		if !unicode.IsLetter(r) && !unicode.Is(unicode.Sc, r) && !unicode.IsDigit(r) {
			return "", "", false, fmt.Errorf("%s %w", tabular.Clip(text), errNumber)
		}
	}
	return core, unit, negative, nil
}

// undress takes the marks of thousands out and returns plain digits.
func (n numbers) undress(core string) (digits string, exponent int, err error) {
	if i := strings.IndexAny(core, "eE"); i >= 0 {
		const limit = 60
		if exponent, err = strconv.Atoi(core[i+1:]); err != nil || exponent < -limit || exponent > limit {
			return "", 0, errors.New("has an unreadable exponent")
		}
		core = core[:i]
	}
	point, comma := ".", ","
	if n.form == euNumbers {
		point, comma = ",", "."
	}
	whole, frac, _ := strings.Cut(core, point)
	if whole, err = ungroup(whole, comma); err != nil {
		return "", 0, err
	}
	if whole == "" {
		whole = "0"
	}
	if strings.Trim(whole+frac, "0123456789") != "" {
		return "", 0, errNumber
	}
	if frac == "" {
		return whole, exponent, nil
	}
	return whole + "." + frac, exponent, nil
}

// ungroup takes the marks between thousands out.
func ungroup(whole, comma string) (string, error) {
	mark := ""
	for _, m := range []string{comma, " ", "\u00a0", "\u202f", "'", "’"} {
		if !strings.Contains(whole, m) {
			continue
		}
		if mark != "" {
			return "", errNumber
		}
		mark = m
	}
	if mark == "" {
		return whole, nil
	}
	groups := strings.Split(whole, mark)
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && (g == "" || len(g) > 3 || g[0] == '0') {
			return "", fmt.Errorf("is no number: %q does not stand between thousands", mark)
		}
	}
	return strings.Join(groups, ""), nil
}

// unitOf returns the unit in a cell, a currency sign as the code that it stands
// for.
func unitOf(text string) string {
	_, unit, _, err := dress(text)
	if err != nil {
		return ""
	}
	return coded(unit)
}

// coded returns the code of a currency sign, anything else as it is.
func coded(unit string) string {
	switch unit {
	case "$":
		return "USD"
	case "€":
		return "EUR"
	case "£":
		return "GBP"
	case "¥":
		return "JPY"
	case "₹":
		return "INR"
	}
	return unit
}

// sameUnit reports whether a unit in a cell may stand for a currency: a dollar is
// that of many countries.
func sameUnit(unit, currency string) bool {
	switch unit {
	case "$":
		return strings.HasSuffix(currency, "D") || strings.HasPrefix(currency, "USD") || currency == "MXN"
	case "¥":
		return currency == "JPY" || currency == "CNY"
	}
	return coded(unit) == currency
}

// plus adds what has the same unit, or none.
func (a amount) plus(b amount) (amount, error) {
	if a.unit != "" && b.unit != "" && coded(a.unit) != coded(b.unit) {
		return amount{}, fmt.Errorf("adds up %s and %s: map each by itself", tabular.Clip(a.unit), tabular.Clip(b.unit))
	}
	value, err := a.value.Add(b.value)
	return amount{value: value, unit: cmp.Or(b.unit, a.unit), given: true}, err
}

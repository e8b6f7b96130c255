package mapping

import (
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// binding is a source with the columns' places.
type binding struct {
	columns  []int // that it reads, in the order of the text
	constant string
	bound    bool
	own      bool // found by the member's own name
	alike    bool // found by a similar name
	// read gives the text; nil: the constant, or the first column as it stands.
	read  func(cells []string) (string, error)
	terms []term // of a number
	// signed: the mapping says what the sign in the file means.
	signed bool
	minus  bool // and that it is the reverse
	wide   bool // id: several columns, or rows
	byRow  bool
}

// term is one column of a sum.
type term struct {
	column   int
	negative bool
	factor   position.Decimal
	scaled   bool
}

// text returns the text of a cell or of what stands for it.
func (b *binding) text(cells []string) (string, error) {
	switch {
	case b.read != nil:
		return b.read(cells)
	case len(b.columns) == 0:
		return b.constant, nil
	}
	return strings.TrimSpace(cells[b.columns[0]]), nil
}

// number returns the sum of the terms. An empty cell counts nothing; a sum of
// empty cells is not given.
func (b *binding) number(cells []string, n numbers) (amount, error) {
	if b.read != nil || len(b.terms) == 0 {
		text, err := b.text(cells)
		if err != nil {
			return amount{}, err
		}
		return n.parse(text)
	}
	var sum amount
	for _, t := range b.terms {
		a, err := n.parse(strings.TrimSpace(cells[t.column]))
		if err != nil {
			return amount{}, err
		}
		if !a.given {
			continue
		}
		if t.scaled {
			if a.value, err = a.value.Mul(t.factor); err != nil {
				return amount{}, err
			}
		}
		if t.negative {
			a.value = a.value.Neg()
		}
		if sum, err = sum.plus(a); err != nil {
			return amount{}, err
		}
	}
	return sum, nil
}

// bind finds the columns that a mapping names.
func bind(t *tabular.Table, name string, s source) (binding, error) {
	if s.fixed {
		return binding{constant: s.text, bound: true, byRow: name == "id" && s.text == byRow}, nil
	}
	b, err := bindText(t, name, s.text)
	if err != nil || len(s.choices) == 0 {
		return b, err
	}
	from := b
	b.terms = nil
	b.read = func(cells []string) (string, error) {
		text, err := from.text(cells)
		if err != nil {
			return "", err
		}
		value, ok := choose(s.choices, text)
		if !ok && text != "" {
			return "", fmt.Errorf("%s is none of the words of the mapping", tabular.Clip(text))
		}
		return value, nil
	}
	return b, nil
}

// bindText finds the columns of an expression.
func bindText(t *tabular.Table, name, text string) (binding, error) {
	b := binding{bound: true}
	if i := t.Index(text); i >= 0 {
		if t.Twice(text) {
			return b, fmt.Errorf("there are several columns %s", tabular.Clip(text))
		}
		b.columns = []int{i}
		if numeric(name) {
			b.terms = []term{{column: i}}
		}
		return b, nil
	}
	if inner, ok := call(text, "unit"); ok {
		i, err := t.Place(inner, name)
		b.columns = []int{i}
		b.read = func(cells []string) (string, error) { return unitOf(strings.TrimSpace(cells[i])), nil }
		return b, err
	}
	if pattern, ok := call(text, "above"); ok {
		return bindAbove(t, name, pattern)
	}
	if name == "id" {
		return bindID(t, text)
	}
	if numeric(name) {
		return bindSum(t, name, text)
	}
	if strings.Contains(text, "{") {
		return bindTemplate(t, name, text)
	}
	i, err := t.Place(text, name)
	b.columns = []int{i}
	return b, err
}

// call returns what stands between the brackets of a function.
func call(text, function string) (string, bool) {
	rest, ok := strings.CutPrefix(text, function+"(")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ")")
}

// bindAbove looks for a text above the table, in a whole line or a cell.
func bindAbove(t *tabular.Table, name, pattern string) (binding, error) {
	for _, l := range t.Above {
		cells, err := tabular.Cut(l, t.Comma)
		if err != nil {
			cells = nil
		}
		for _, text := range append(cells, l) { // a cell rather than the line
			if stars, ok := match(pattern, strings.TrimSpace(text)); ok {
				return binding{bound: true, constant: strings.TrimSpace(replace("*", stars))}, nil
			}
		}
	}
	return binding{}, fmt.Errorf("nothing above the table is %s, for %s", tabular.Clip(pattern), name)
}

// bindID finds the columns of an id.
func bindID(t *tabular.Table, text string) (binding, error) {
	b := binding{bound: true}
	if inner, ok := call(text, byRow); ok {
		text, b.byRow = inner, true
	}
	for n := range strings.SplitSeq(text, "+") {
		i, err := t.Place(n, "id")
		if err != nil {
			return b, err
		}
		b.columns = append(b.columns, i)
	}
	b.wide = len(b.columns) > 1
	return b, nil
}

// bindSum finds the columns of a number: names, each with a sign, perhaps times a
// factor. The longest name counts, so that one may have a sign in it.
func bindSum(t *tabular.Table, name, text string) (binding, error) {
	b := binding{bound: true}
	rest := strings.TrimSpace(text)
	b.signed = strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+")
	b.minus = strings.HasPrefix(rest, "-")
	for first := true; rest != ""; first = false {
		var x term
		switch {
		case rest[0] == '-' || rest[0] == '+':
			x.negative, rest = rest[0] == '-', strings.TrimSpace(rest[1:])
		case !first:
			return b, fmt.Errorf("%s of %s is no sum of columns; the columns are %s", tabular.Clip(text), name, t.Listed())
		}
		i, after, ok := t.Longest(rest)
		if !ok {
			return b, fmt.Errorf("there is no column %s for %s; the columns are %s", tabular.Clip(rest), name, t.Listed())
		}
		x.column, rest = i, after
		if tail, scaled := strings.CutPrefix(rest, "*"); scaled {
			end := strings.IndexAny(tail, "+-")
			if end < 0 {
				end = len(tail)
			}
			factor, err := position.Parse(strings.TrimSpace(tail[:end]))
			if err != nil {
				return b, fmt.Errorf("%s of %s: the factor %w", tabular.Clip(text), name, err)
			}
			x.factor, x.scaled, rest = factor, true, strings.TrimSpace(tail[end:])
		}
		b.terms, b.columns = append(b.terms, x), append(b.columns, x.column)
	}
	return b, nil
}

// bindTemplate finds the columns of a text such as {Asset}-{Quote}. Where one of
// them is empty, all of it is.
func bindTemplate(t *tabular.Table, name, text string) (binding, error) {
	b := binding{bound: true}
	var texts []string
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "{")
		texts = append(texts, before)
		if !found {
			break
		}
		inner, behind, closed := strings.Cut(after, "}")
		if !closed {
			return b, fmt.Errorf("%s of %s has a { without }", tabular.Clip(text), name)
		}
		i, err := t.Place(inner, name)
		if err != nil {
			return b, err
		}
		b.columns, rest = append(b.columns, i), behind
	}
	b.read = func(cells []string) (string, error) {
		var out strings.Builder
		out.WriteString(texts[0])
		for k, i := range b.columns {
			part := strings.TrimSpace(cells[i])
			if part == "" {
				return "", nil
			}
			out.WriteString(part)
			out.WriteString(texts[k+1])
		}
		return strings.TrimSpace(out.String()), nil
	}
	return b, nil
}

package tabular

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Table is the header of a table.
type Table struct {
	Columns []string
	Comma   rune
	Above   []string // the lines before it
	Section string   // rows have it in their first cell; "" for all
}

// NewTable reads the header. The names are cut as they stand, but for the blanks
// around them.
func NewTable(header string, comma rune) (*Table, error) {
	cells, err := Cut(strings.TrimPrefix(header, "\ufeff"), comma)
	if err != nil {
		return nil, err
	}
	return TableOf(cells, comma), nil
}

// TableOf is the table under a header that is cut already.
func TableOf(cells []string, comma rune) *Table {
	t := &Table{Comma: comma}
	for _, f := range cells {
		t.Columns = append(t.Columns, strings.TrimSpace(f))
	}
	return t
}

// Twice reports whether several columns have the name.
func (t *Table) Twice(name string) bool {
	i := t.Index(name)
	return i >= 0 && name != "" && slices.Contains(t.Columns[i+1:], name)
}

// Index returns the place of a column, -1 when there is none of that name.
func (t *Table) Index(name string) int { return slices.Index(t.Columns, name) }

// Listed returns the columns for an error text.
func (t *Table) Listed() string {
	const limit = 40
	if len(t.Columns) > limit {
		return fmt.Sprintf("%s, and %d more", QuoteAll(t.Columns[:limit]), len(t.Columns)-limit)
	}
	return QuoteAll(t.Columns)
}

// QuoteAll lists names for an error text.
func QuoteAll(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Clip(n))
	}
	return b.String()
}

// Row holds the cells of a row against the header. Empty cells beyond it are the
// commas that some exports end their rows with.
func (t *Table) Row(r *Record) ([]string, error) {
	if r.Err != nil {
		return nil, r.Err
	}
	cells := r.Cells
	for len(cells) > len(t.Columns) && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(t.Columns) {
		return nil, fmt.Errorf("the line has %d fields, the header has %d", len(r.Cells), len(t.Columns))
	}
	return cells, nil
}

// Place returns the place of a column that a mapping names.
func (t *Table) Place(column, member string) (int, error) {
	column = strings.TrimSpace(column)
	if n, ok := strings.CutPrefix(column, "#"); ok && t.Index(column) < 0 {
		if i, err := strconv.Atoi(n); err == nil && i >= 1 && i <= len(t.Columns) {
			return i - 1, nil
		}
	}
	i := t.Index(column)
	switch {
	case i < 0:
		return 0, fmt.Errorf("there is no column %s for %s; the columns are %s", Clip(column), member, t.Listed())
	case t.Twice(column):
		return 0, fmt.Errorf("there are several columns %s: name one by its place, such as #%d", Clip(column), i+1)
	}
	return i, nil
}

// Longest returns the column with the longest name at the beginning of a sum, and
// what follows it.
func (t *Table) Longest(text string) (column int, rest string, ok bool) {
	if inner, after, braced := strings.Cut(strings.TrimPrefix(text, "{"), "}"); braced && text[0] == '{' {
		i, err := t.Place(inner, "")
		return i, strings.TrimSpace(after), err == nil
	}
	column = -1
	for i, c := range t.Columns {
		after, found := strings.CutPrefix(text, c)
		after = strings.TrimSpace(after)
		if c == "" || !found || after != "" && !strings.ContainsRune("+-*", rune(after[0])) {
			continue
		}
		if column < 0 || len(c) > len(t.Columns[column]) {
			column, rest = i, after
		}
	}
	if column < 0 && strings.HasPrefix(text, "#") {
		end := 1
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		i, err := t.Place(text[:end], "")
		return i, strings.TrimSpace(text[end:]), err == nil
	}
	return column, rest, column >= 0 && !t.Twice(t.Columns[column])
}

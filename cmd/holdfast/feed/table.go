package feed

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// table is the header of a table.
type table struct {
	columns []string
	comma   rune
	above   []string // the lines before it
	section string   // rows have it in their first cell; "" for all
}

// newTable reads the header. The names are cut as they stand, but for the blanks
// around them.
func newTable(header string, comma rune) (*table, error) {
	cells, err := cut(strings.TrimPrefix(header, "\ufeff"), comma)
	if err != nil {
		return nil, err
	}
	return tableOf(cells, comma), nil
}

func tableOf(cells []string, comma rune) *table {
	t := &table{comma: comma}
	for _, f := range cells {
		t.columns = append(t.columns, strings.TrimSpace(f))
	}
	return t
}

// twice reports whether several columns have the name.
func (t *table) twice(name string) bool {
	i := t.index(name)
	return i >= 0 && name != "" && slices.Contains(t.columns[i+1:], name)
}

// index returns the place of a column, -1 when there is none of that name.
func (t *table) index(name string) int { return slices.Index(t.columns, name) }

// listed returns the columns for an error text.
func (t *table) listed() string {
	const limit = 40
	if len(t.columns) > limit {
		return fmt.Sprintf("%s, and %d more", quoteAll(t.columns[:limit]), len(t.columns)-limit)
	}
	return quoteAll(t.columns)
}

func quoteAll(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(clip(n))
	}
	return b.String()
}

// row holds the cells of a row against the header. Empty cells beyond it are the
// commas that some exports end their rows with.
func (t *table) row(r *record) ([]string, error) {
	if r.err != nil {
		return nil, r.err
	}
	cells := r.cells
	for len(cells) > len(t.columns) && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if len(cells) != len(t.columns) {
		return nil, fmt.Errorf("the line has %d fields, the header has %d", len(r.cells), len(t.columns))
	}
	return cells, nil
}

// place returns the place of a column that a mapping names.
func (t *table) place(column, member string) (int, error) {
	column = strings.TrimSpace(column)
	if n, ok := strings.CutPrefix(column, "#"); ok && t.index(column) < 0 {
		if i, err := strconv.Atoi(n); err == nil && i >= 1 && i <= len(t.columns) {
			return i - 1, nil
		}
	}
	i := t.index(column)
	switch {
	case i < 0:
		return 0, fmt.Errorf("there is no column %s for %s; the columns are %s", clip(column), member, t.listed())
	case t.twice(column):
		return 0, fmt.Errorf("there are several columns %s: name one by its place, such as #%d", clip(column), i+1)
	}
	return i, nil
}

// longest returns the column with the longest name at the beginning of a sum, and
// what follows it.
func (t *table) longest(text string) (column int, rest string, ok bool) {
	if inner, after, braced := strings.Cut(strings.TrimPrefix(text, "{"), "}"); braced && text[0] == '{' {
		i, err := t.place(inner, "")
		return i, strings.TrimSpace(after), err == nil
	}
	column = -1
	for i, c := range t.columns {
		after, found := strings.CutPrefix(text, c)
		after = strings.TrimSpace(after)
		if c == "" || !found || after != "" && !strings.ContainsRune("+-*", rune(after[0])) {
			continue
		}
		if column < 0 || len(c) > len(t.columns[column]) {
			column, rest = i, after
		}
	}
	if column < 0 && strings.HasPrefix(text, "#") {
		end := 1
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		i, err := t.place(text[:end], "")
		return i, strings.TrimSpace(text[end:]), err == nil
	}
	return column, rest, column >= 0 && !t.twice(t.columns[column])
}

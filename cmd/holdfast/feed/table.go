package feed

import (
	"fmt"
	"slices"
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

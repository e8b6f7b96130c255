package mapping

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
)

// maxPreamble is how many lines may stand above the header of a CSV.
const maxPreamble = 500

// openTable finds the header of a CSV: the first line that has every column which
// the mapping names, cut by whichever delimiter shows them; without such names
// the first line.
func openTable(name string, in *tabular.Lines, m Mapping) (*rows, error) {
	var above []string
	var best *tabular.Table
	var lacks error // what best has not
	most := -1
	for len(above) < maxPreamble {
		l, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if l.TooLong {
			return nil, fmt.Errorf("%w: %s: the header is longer than %d bytes", tabular.ErrFormat, name, tabular.MaxLine)
		}
		if l.Blank() {
			continue
		}
		text := strings.TrimPrefix(string(l.Text), "\ufeff")
		t, found, missing, err := m.header(text, above)
		switch {
		case err != nil && best == nil && !m.namesColumns():
			return nil, fmt.Errorf("%w: %s: header: %w", tabular.ErrFormat, name, err)
		case err == nil && missing == nil:
			return makeRows(name, t, m)
		case err == nil && found > most:
			best, most, lacks = t, found, missing
		}
		above = append(above, text)
	}
	if best == nil {
		return nil, fmt.Errorf("%w: %s: there is no header", tabular.ErrFormat, name)
	}
	if m.heads(best) {
		if _, err := makeRows(name, best, m); err != nil {
			return nil, err // it says more
		}
	}
	return nil, fmt.Errorf("%w: %s: %w", tabular.ErrColumn, name, lacks)
}

func makeRows(name string, t *tabular.Table, m Mapping) (*rows, error) {
	rows, err := newRows(t, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tabular.ErrColumn, name, err)
	}
	return rows, nil
}

// namesColumns reports whether the mapping names a column, and so tells a header.
func (m *Mapping) namesColumns() bool {
	if len(m.rules) > 0 || len(m.file.only) > 0 || len(m.file.skip) > 0 || m.file.section != "" {
		return true
	}
	for _, s := range m.all.sources {
		if !s.fixed {
			return true
		}
	}
	return false
}

// header tries a line as the header, counts the columns of the mapping that it has,
// and says which it has not.
func (m *Mapping) header(text string, above []string) (best *tabular.Table, found int, missing, err error) {
	commas := []rune{m.file.comma}
	if m.file.comma == 0 {
		commas = []rune{tabular.Widest(text)}
		for _, c := range tabular.Delimiters {
			if m.namesColumns() && c != commas[0] && strings.ContainsRune(text, c) {
				commas = append(commas, c)
			}
		}
	}
	for _, c := range commas {
		t, cutErr := tabular.NewTable(text, c)
		if cutErr != nil {
			err = cutErr
			continue
		}
		t.Above, t.Section = above, m.file.section
		here, not := m.has(t)
		if best == nil || here > found {
			best, found, missing = t, here, not
		}
	}
	if best != nil {
		err = nil
	}
	return best, found, missing, err
}

// has counts what of the mapping can be found in a header, and says what cannot.
func (m *Mapping) has(t *tabular.Table) (found int, missing error) {
	width := len(t.Columns)
	if !m.heads(t) {
		return 0, fmt.Errorf("no line begins with the cells %s and \"Header\", as the header of that section does", tabular.Clip(m.file.section))
	}
	count := func(name string, s source) {
		if name == "instrument" && strings.Contains(s.text, "{") {
			t = (&groupPlan{}).named(t)
			defer func() { x := *t; x.Columns = x.Columns[:width]; t = &x }()
		}
		if s.fixed || strings.HasPrefix(s.text, "above(") {
			return
		}
		if _, err := bind(t, name, s); err == nil || name == "side" && s.text == bySign {
			found++
		} else if missing == nil {
			missing = err
		}
	}
	filters := append([]filter{m.file.only}, m.file.skip...)
	for _, w := range append([]rule{m.all}, m.rules...) {
		for _, name := range slices.Sorted(maps.Keys(w.sources)) {
			count(name, w.sources[name])
		}
		filters = append(filters, w.when, w.group.conditions())
	}
	for _, f := range filters {
		for _, c := range f {
			count("filter", source{text: c.column})
		}
	}
	return found, missing
}

// heads reports whether a line may be the header of the section that is read.
func (m *Mapping) heads(t *tabular.Table) bool {
	return m.file.section == "" || len(t.Columns) >= sectionCells && t.Columns[0] == m.file.section && t.Columns[1] == "Header"
}

// plain returns a column's name without what spellings differ in.
func plain(column string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		}
		return -1
	}, column)
}

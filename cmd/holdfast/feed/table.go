package feed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// table is a CSV with its header. It splits one line at a time.
type table struct {
	columns []string
	fields  []string // of the line split last
}

// newTable reads the header.
func newTable(header string) (*table, error) {
	t := &table{}
	fields, err := t.cut(header)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		t.columns = append(t.columns, strings.TrimSpace(f))
	}
	return t, nil
}

// twice returns a name that several columns have. Columns without a name are
// what spreadsheets leave behind.
func (t *table) twice() (string, bool) {
	for i, c := range t.columns {
		if c != "" && slices.Contains(t.columns[i+1:], c) {
			return c, true
		}
	}
	return "", false
}

// index returns the place of a column, -1 when there is none of that name.
func (t *table) index(name string) int {
	for i, c := range t.columns {
		if c == name {
			return i
		}
	}
	return -1
}

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

// row splits a line into as many fields as the header has. They are valid until
// the next call.
func (t *table) row(text string) ([]string, error) {
	fields, err := t.cut(text)
	if err == nil && len(fields) != len(t.columns) {
		err = fmt.Errorf("the line has %d fields, the header has %d", len(fields), len(t.columns))
	}
	return fields, err
}

var (
	errOpenQuote  = errors.New("feed: a quoted field has no end")
	errStrayQuote = errors.New("feed: a quote stands in the middle of a field")
)

// cut splits one line by RFC 4180.
func (t *table) cut(text string) ([]string, error) {
	t.fields = t.fields[:0]
	for {
		var field string
		var err error
		var more bool
		if strings.HasPrefix(text, `"`) {
			field, text, err = cutQuoted(text[1:])
			if err != nil {
				return t.fields, err
			}
			if more = text != ""; more {
				text = text[1:]
			}
		} else {
			field, text, more = strings.Cut(text, ",")
			if strings.Contains(field, `"`) {
				return t.fields, errStrayQuote
			}
		}
		t.fields = append(t.fields, field)
		if !more {
			return t.fields, nil
		}
	}
}

// cutQuoted returns the field behind an opening quote and the rest from the
// comma on, which is empty after the last field.
func cutQuoted(text string) (field, rest string, err error) {
	var whole strings.Builder
	for {
		before, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", errOpenQuote
		}
		switch {
		case strings.HasPrefix(after, `"`): // an escaped one
			whole.WriteString(before)
			whole.WriteByte('"')
			text = after[1:]
			continue
		case after != "" && after[0] != ',':
			return "", "", errStrayQuote
		case whole.Len() == 0:
			return before, after, nil
		}
		whole.WriteString(before)
		return whole.String(), after, nil
	}
}

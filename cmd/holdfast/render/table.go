package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// tableRows is how many rows are held back to find the widths; what comes later
// is aligned as far as it fits.
const tableRows = 1000

type heading struct {
	title         string
	right, sparse bool
}

// table aligns cells in columns.
type table struct {
	out    io.Writer
	cols   []heading
	rows   [][]string
	widths []int // set once the heading is printed; −1 is a column left out
}

func (t *table) add(cells []string) error {
	t.rows = append(t.rows, cells)
	if len(t.rows) < tableRows {
		return nil
	}
	return t.flush()
}

func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	if t.widths == nil {
		t.measure()
		titles := make([]string, len(t.cols))
		for i, c := range t.cols {
			titles[i] = c.title
		}
		if err := t.line(titles); err != nil {
			return err
		}
	}
	for _, cells := range t.rows {
		if err := t.line(cells); err != nil {
			return err
		}
	}
	t.rows = t.rows[:0]
	return nil
}

func (t *table) measure() {
	t.widths = make([]int, len(t.cols))
	for i, c := range t.cols {
		w := 0
		for _, cells := range t.rows {
			w = max(w, utf8.RuneCountInString(cells[i]))
		}
		if w == 0 && c.sparse {
			t.widths[i] = -1
			continue
		}
		t.widths[i] = max(w, utf8.RuneCountInString(c.title))
	}
}

func (t *table) line(cells []string) error {
	var b strings.Builder
	for i, cell := range cells {
		if t.widths[i] < 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", max(t.widths[i]-utf8.RuneCountInString(cell), 0))
		if t.cols[i].right {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	_, err := io.WriteString(t.out, strings.TrimRight(b.String(), " ")+"\n")
	return err
}

// Pair is one line of a description: a name and its value.
type Pair [2]string

// Describe prints names and values in two columns.
func Describe(w io.Writer, pairs []Pair) error {
	width := 0
	for _, p := range pairs {
		width = max(width, utf8.RuneCountInString(p[0]))
	}
	for _, p := range pairs {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

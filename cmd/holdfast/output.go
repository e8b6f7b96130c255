package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode/utf8"
)

// printJSON prints one value, indented for people unless ndjson is asked for.
func (a *app) printJSON(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // subjects end in >
	if a.output != asNDJSON {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("holdfast: encode result: %w", err)
	}
	_, err := a.stdout.Write(b.Bytes())
	return err
}

// column is one column of a table or of a CSV file, read from a row.
type column[R any] struct {
	title string
	right bool // numbers are aligned right
	cell  func(*R) string
	// sparse columns are left out of a table when all their cells are empty.
	sparse bool
}

// sheet prints rows in the form that -o asks for. Each row is given as JSON; R
// is what of it the columns need.
type sheet[R any] struct {
	form  string
	out   *bufio.Writer
	csv   *csv.Writer
	table table
	cols  []column[R]
	n     int
	// known says of a sheet without rows whether what was asked for is known at
	// all; nil where nothing was asked for by name, or somebody else has looked.
	known func() error
}

// tableColumns are for people, fileColumns for programs.
func newSheet[R any](a *app, tableColumns, fileColumns []column[R]) *sheet[R] {
	s := &sheet[R]{form: a.output, out: bufio.NewWriterSize(a.stdout, 1<<16), cols: fileColumns}
	a.printed = &s.n
	if s.form == asTable {
		s.cols = tableColumns
	}
	titles := make([]string, len(s.cols))
	for i, c := range s.cols {
		titles[i] = c.title
	}
	switch s.form {
	case asCSV:
		s.csv = csv.NewWriter(s.out)
		_ = s.csv.Write(titles) // its error comes again with Flush
	case asTable:
		s.table = table{out: s.out}
		for _, c := range s.cols {
			s.table.cols = append(s.table.cols, heading{title: strings.ToUpper(strings.ReplaceAll(c.title, "_", " ")), right: c.right, sparse: c.sparse})
		}
	}
	return s
}

// add prints one row.
func (s *sheet[R]) add(raw []byte) error {
	s.n++
	switch s.form {
	case asNDJSON:
		_, _ = s.out.Write(raw) // a bufio.Writer keeps its error for Flush
		return s.out.WriteByte('\n')
	case asJSON:
		lead := ",\n "
		if s.n == 1 {
			lead = "[\n "
		}
		_, _ = s.out.WriteString(lead)
		_, err := s.out.Write(raw)
		return err
	}
	var r R
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("holdfast: unexpected form of a row: %w", err)
	}
	cells := make([]string, len(s.cols))
	for i, c := range s.cols {
		cells[i] = c.cell(&r)
	}
	if s.form == asCSV {
		return s.csv.Write(cells)
	}
	return s.table.add(cells)
}

// flush hands over what was added so far; a follower calls it when it waits.
func (s *sheet[R]) flush() error {
	switch s.form {
	case asCSV:
		s.csv.Flush()
		if err := s.csv.Error(); err != nil {
			return err
		}
	case asTable:
		if err := s.table.flush(); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// end finishes the output. nothing is the line for an empty table. Where rows are
// missing because a name is unknown, it prints nothing and returns that.
func (s *sheet[R]) end(nothing string) error {
	if s.n == 0 && s.known != nil {
		if err := s.known(); err != nil {
			return err
		}
	}
	switch {
	case s.form == asJSON && s.n == 0:
		_, _ = s.out.WriteString("[]\n")
	case s.form == asJSON:
		_, _ = s.out.WriteString("\n]\n")
	case s.form == asTable && s.n == 0:
		_, _ = s.out.WriteString(nothing + "\n")
		return s.out.Flush()
	}
	return s.flush()
}

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

// pair is one line of a description.
type pair struct{ name, value string }

// describe prints names and values in two columns.
func describe(w io.Writer, pairs []pair) error {
	width := 0
	for _, p := range pairs {
		width = max(width, utf8.RuneCountInString(p.name))
	}
	for _, p := range pairs {
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, p.name, p.value); err != nil {
			return err
		}
	}
	return nil
}

// text is a JSON string, number or null, as text.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
		return nil
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
		return nil
	}
	*t = text(b)
	return nil
}

// serialized is a writer for goroutines that share what stands behind it.
type serialized struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s serialized) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// oneAtATime lets several goroutines of a verb write. Files take that as they are;
// anything else is given one lock for both, which may be one and the same.
func oneAtATime(stdout, stderr io.Writer) (out, errs io.Writer) {
	var mu sync.Mutex
	guard := func(w io.Writer) io.Writer {
		if _, file := w.(*os.File); file || w == nil {
			return w
		}
		return serialized{&mu, w}
	}
	return guard(stdout), guard(stderr)
}

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// The forms of output.
const (
	asTable  = "table"
	asJSON   = "json"
	asNDJSON = "ndjson"
	asCSV    = "csv"
)

// writeJSON writes one value, indented for people unless the form is NDJSON.
func writeJSON(out io.Writer, form string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // subjects end in >
	if form != asNDJSON {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	_, err := out.Write(b.Bytes())
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

// sheet prints rows in one of the forms. Each row is given as JSON; R is what of
// it the columns need.
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
func newSheet[R any](form string, out io.Writer, tableColumns, fileColumns []column[R]) *sheet[R] {
	s := &sheet[R]{form: form, out: bufio.NewWriterSize(out, 1<<16), cols: fileColumns}
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

// rows is how many rows were added.
func (s *sheet[R]) rows() int { return s.n }

// isTable reports whether the rows are for people.
func (s *sheet[R]) isTable() bool { return s.form == asTable }

// addValue prints the JSON of a value as one row.
func (s *sheet[R]) addValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a row: %w", err)
	}
	return s.add(raw)
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
		return fmt.Errorf("unexpected form of a row: %w", err)
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

package render

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
	AsTable  = "table"
	AsJSON   = "json"
	AsNDJSON = "ndjson"
	AsCSV    = "csv"
)

// WriteJSON writes one value, indented for people unless the form is NDJSON.
func WriteJSON(out io.Writer, form string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // subjects end in >
	if form != AsNDJSON {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	_, err := out.Write(b.Bytes())
	return err
}

// Column is one column of a table or of a CSV file, read from a row.
type Column[R any] struct {
	Title string
	Right bool // numbers are aligned right
	Cell  func(*R) string
	// sparse columns are left out of a table when all their cells are empty.
	Sparse bool
}

// Sheet prints rows in one of the forms. Each row is given as JSON; R is what of
// it the columns need.
type Sheet[R any] struct {
	form  string
	out   *bufio.Writer
	csv   *csv.Writer
	table table
	cols  []Column[R]
	n     int
	// known says of a sheet without rows whether what was asked for is known at
	// all; nil where nothing was asked for by name, or somebody else has looked.
	Known func() error
}

// NewSheet begins a sheet; tableColumns are for people, fileColumns for programs.
func NewSheet[R any](form string, out io.Writer, tableColumns, fileColumns []Column[R]) *Sheet[R] {
	s := &Sheet[R]{form: form, out: bufio.NewWriterSize(out, 1<<16), cols: fileColumns}
	if s.form == AsTable {
		s.cols = tableColumns
	}
	titles := make([]string, len(s.cols))
	for i, c := range s.cols {
		titles[i] = c.Title
	}
	switch s.form {
	case AsCSV:
		s.csv = csv.NewWriter(s.out)
		_ = s.csv.Write(titles) // its error comes again with Flush
	case AsTable:
		s.table = table{out: s.out}
		for _, c := range s.cols {
			s.table.cols = append(s.table.cols, heading{title: strings.ToUpper(strings.ReplaceAll(c.Title, "_", " ")), right: c.Right, sparse: c.Sparse})
		}
	}
	return s
}

// Rows is how many rows were added.
func (s *Sheet[R]) Rows() int { return s.n }

// IsTable reports whether the rows are for people.
func (s *Sheet[R]) IsTable() bool { return s.form == AsTable }

// AddValue prints the JSON of a value as one row.
func (s *Sheet[R]) AddValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a row: %w", err)
	}
	return s.Add(raw)
}

// Add prints one row.
func (s *Sheet[R]) Add(raw []byte) error {
	s.n++
	switch s.form {
	case AsNDJSON:
		_, _ = s.out.Write(raw) // a bufio.Writer keeps its error for Flush
		return s.out.WriteByte('\n')
	case AsJSON:
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
		cells[i] = c.Cell(&r)
	}
	if s.form == AsCSV {
		return s.csv.Write(cells)
	}
	return s.table.add(cells)
}

// Flush hands over what was added so far; a follower calls it when it waits.
func (s *Sheet[R]) Flush() error {
	switch s.form {
	case AsCSV:
		s.csv.Flush()
		if err := s.csv.Error(); err != nil {
			return err
		}
	case AsTable:
		if err := s.table.flush(); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// End finishes the output. nothing is the line for an empty table. Where rows are
// missing because a name is unknown, it prints nothing and returns that.
func (s *Sheet[R]) End(nothing string) error {
	if s.n == 0 && s.Known != nil {
		if err := s.Known(); err != nil {
			return err
		}
	}
	switch {
	case s.form == AsJSON && s.n == 0:
		_, _ = s.out.WriteString("[]\n")
	case s.form == AsJSON:
		_, _ = s.out.WriteString("\n]\n")
	case s.form == AsTable && s.n == 0:
		_, _ = s.out.WriteString(nothing + "\n")
		return s.out.Flush()
	}
	return s.Flush()
}

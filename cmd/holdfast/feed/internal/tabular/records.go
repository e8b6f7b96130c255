package tabular

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Record is one row of a table. Its cells are valid until the next one is read,
// their texts for ever.
type Record struct {
	Line

	Cells []string
	Err   error // why the row cannot be split
}

// Records splits lines into the rows of a table by RFC 4180: a quoted cell may go
// on over several lines. A quote that is never closed costs one line, not the
// rest of the input.
type Records struct {
	Lines *Lines
	comma rune
	ahead []Line // copies of lines that were read in search of a closing quote
	reset bool   // a row failed: what it left in the reader goes
	in    slowly
	csv   *csv.Reader
}

// slowly gives a csv.Reader one row at a time, so that it never reads ahead.
type slowly struct{ rest []byte }

// Read implements [io.Reader].
func (s *slowly) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// NewRecords cuts lines into cells at a delimiter.
func NewRecords(l *Lines, comma rune) *Records { return &Records{Lines: l, comma: comma} }

// line returns the next line, without the byte order mark that some exports put
// before each.
func (r *Records) line() (Line, error) {
	if len(r.ahead) > 0 {
		l := r.ahead[0]
		r.ahead = r.ahead[1:]
		return l, nil
	}
	l, err := r.Lines.Next()
	l.Text = bytes.TrimPrefix(l.Text, []byte("\ufeff"))
	return l, err
}

// Next returns the next row, a blank line as one without cells.
func (r *Records) Next() (Record, error) {
	l, err := r.line()
	if err != nil || l.TooLong || l.Blank() {
		return Record{Line: l}, err
	}
	rec := Record{Line: l}
	if bytes.Count(l.Text, []byte{'"'})%2 == 1 {
		var read []Line
		if rec, read, err = r.gather(l); err != nil {
			return rec, err
		}
		if rec.Err == nil {
			if rec.Cells, rec.Err = r.split(rec.Text); rec.Err == nil {
				return rec, nil
			}
		}
		r.ahead = append(read, r.ahead...) // they are rows of their own
		rec.Line = Line{Number: l.Number, Ended: true}
		return rec, nil
	}
	rec.Cells, rec.Err = r.split(l.Text)
	return rec, nil
}

// gather reads lines until the quotes are even, and returns those that it read.
func (r *Records) gather(l Line) (rec Record, read []Line, err error) {
	text := bytes.Clone(l.Text)
	odd := true
	for odd {
		next, err := r.line()
		if errors.Is(err, io.EOF) {
			return Record{Line: l, Err: ErrOpenQuote}, read, nil
		}
		if err != nil {
			return Record{Line: l}, read, err
		}
		next.Text = bytes.Clone(next.Text)
		read = append(read, next)
		text = append(append(text, '\n'), next.Text...)
		if next.TooLong || len(text) > MaxLine {
			return Record{Line: l, Err: ErrOpenQuote}, read, nil
		}
		odd = (bytes.Count(next.Text, []byte{'"'})%2 == 1) != odd
		l.Ended = next.Ended
	}
	l.Text = text
	return Record{Line: l}, read, nil
}

// split cuts one row.
func (r *Records) split(text []byte) ([]string, error) {
	if r.csv == nil || r.reset {
		r.in.rest, r.reset = nil, false
		r.csv = csv.NewReader(&r.in)
		r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = r.comma, -1, true
	}
	r.in.rest = append(bytes.TrimRight(text, "\r"), '\n')
	cells, err := r.csv.Read()
	if err != nil {
		r.reset = true
		return nil, quoteError(err)
	}
	return cells, nil
}

var (
	// ErrOpenQuote refuses a row whose quoted field does not end.
	ErrOpenQuote  = errors.New("a quoted field has no end")
	errStrayQuote = errors.New("a quote stands in the middle of a field")
)

// quoteError says what the reader found in our words.
func quoteError(err error) error {
	switch {
	case errors.Is(err, csv.ErrBareQuote), errors.Is(err, csv.ErrQuote):
		return errStrayQuote
	case errors.Is(err, io.EOF):
		return ErrOpenQuote
	}
	return err
}

// Cut splits one text that is a whole row.
func Cut(text string, comma rune) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = comma, -1
	cells, err := r.Read()
	if err != nil {
		return nil, quoteError(err)
	}
	return cells, nil
}

// Delimiters are what cells are separated by, the usual one first.
const Delimiters = ",;\t|"

// ParseDelimiter reads the value of delimiter.
func ParseDelimiter(s string) (rune, error) {
	switch s {
	case "tab":
		return '\t', nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	}
	if r := []rune(s); len(r) == 1 && strings.ContainsRune(Delimiters, r[0]) {
		return r[0], nil
	}
	return 0, fmt.Errorf("delimiter %s is none of comma, semicolon, tab and |", Clip(s))
}

// Widest returns the delimiter that cuts a line into the most cells, the usual
// one of equals.
func Widest(text string) rune {
	best, most := ',', 1
	for _, c := range Delimiters {
		if cells, err := Cut(text, c); err == nil && len(cells) > most {
			best, most = c, len(cells)
		}
	}
	return best
}

package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// Format is how an input is written.
type Format uint8

// The formats.
const (
	Auto        Format = iota // told by the first line and the file's extension
	NDJSON                    // one mutation per line
	CSV                       // fills under a header
	Hyperliquid               // the venue's export
)

// String returns the name used in flags.
func (f Format) String() string {
	switch f {
	case Auto:
		return "auto"
	case NDJSON:
		return "ndjson"
	case CSV:
		return "csv"
	case Hyperliquid:
		return "hyperliquid"
	}
	return "unknown"
}

// ParseFormat is the reverse of String.
func ParseFormat(s string) (Format, error) {
	for f := Auto; f <= Hyperliquid; f++ {
		if f.String() == s {
			return f, nil
		}
	}
	return Auto, fmt.Errorf("%w: %s is none of auto, ndjson, csv, hyperliquid", ErrFormat, clip(s))
}

// Entry is one mutation and where it came from.
type Entry struct {
	Line     int // from 1, the header counted
	Mutation position.Mutation
	// Implied marks a definition that the format's conventions imply: it is no
	// line of the input, and no row that was read.
	Implied bool
}

// Feed is an open input. It is not safe for concurrent use.
type Feed struct {
	name   string
	format Format
	lines  *lines
	rows   rowReader
	queue  []Entry // what the line read last gave
	given  int     // how many of the queue were handed out
	err    error   // the end, or what ended the feed
}

// rowReader turns one line into a mutation, and into the definitions that have
// to go before it.
type rowReader interface {
	read(l *line) (position.Mutation, []position.Mutation, error)
}

// Open reads as far as it needs to know the format and, for a CSV, the columns.
// name is for errors and its extension for telling the format. A mapping is for
// CSV only; under Auto it decides for CSV.
func Open(name string, r io.Reader, format Format, m Mapping) (*Feed, error) {
	if s, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := s.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%w: %s", ErrDirectory, name)
		}
	}
	f := &Feed{name: name, format: format, lines: newLines(r)}
	first, err := f.lines.peek()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s", ErrEmpty, name)
	}
	if err != nil {
		return nil, fmt.Errorf("feed: read %s: %w", name, err)
	}
	if err = f.refuseBinary(first.text); err != nil {
		return nil, err
	}
	if format == Auto {
		if f.format, err = detect(name, first, m); err != nil {
			return nil, err
		}
	}
	if !m.IsZero() && f.format != CSV {
		return nil, fmt.Errorf("%w: a mapping is for csv, %s is read as %s", ErrMapping, name, f.format)
	}
	if f.rows, err = f.newRows(m); err != nil {
		return nil, err
	}
	return f, nil
}

// newRows makes the reader of the format and consumes the header, if it has one.
func (f *Feed) newRows(m Mapping) (rowReader, error) {
	if f.format == NDJSON {
		return ndjson{}, nil
	}
	head, err := f.lines.next()
	if err != nil {
		return nil, fmt.Errorf("feed: read %s: %w", f.name, err)
	}
	if head.tooLong {
		return nil, fmt.Errorf("%w: %s: the header is longer than %d bytes", ErrFormat, f.name, MaxLine)
	}
	t, err := newTable(string(head.text))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: header: %w", ErrFormat, f.name, err)
	}
	var rows rowReader
	if f.format == Hyperliquid {
		rows, err = newHyperliquid(t)
	} else {
		rows, err = newFills(t, m)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrColumn, f.name, err)
	}
	return rows, nil
}

// refuseBinary recognises what is often given instead of text.
func (f *Feed) refuseBinary(b []byte) error {
	for prefix, what := range map[string]string{
		"\x1f\x8b": "is compressed with gzip: unpack it first", "\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it first",
		"PK\x03\x04": "is a zip archive: unpack it first", "\xff\xfe": "is UTF-16: convert it to UTF-8", "\xfe\xff": "is UTF-16: convert it to UTF-8",
	} {
		if bytes.HasPrefix(b, []byte(prefix)) {
			return fmt.Errorf("%w: %s %s", ErrFormat, f.name, what)
		}
	}
	return nil
}

// detect tells the format by the first line, then by the extension.
func detect(name string, first *line, m Mapping) (Format, error) {
	text := bytes.TrimSpace(first.text)
	ext := strings.ToLower(filepath.Ext(name))
	switch {
	case !m.IsZero():
		return CSV, nil
	case bytes.HasPrefix(text, []byte("{")), first.tooLong && (ext == ".ndjson" || ext == ".jsonl"):
		return NDJSON, nil
	case bytes.HasPrefix(text, []byte("[")):
		return Auto, fmt.Errorf("%w: %s begins with [: want one JSON object per line, not an array", ErrFormat, name)
	}
	if t, err := newTable(string(text)); err == nil && !first.tooLong {
		if _, err = newHyperliquid(t); err == nil {
			return Hyperliquid, nil
		}
		if ext == ".csv" || len(t.columns) > 1 {
			return CSV, nil
		}
	}
	return Auto, fmt.Errorf("%w: %s: the first line is neither a JSON object nor a CSV header; say which format it is", ErrFormat, name)
}

// Format returns the format, the detected one if it was Auto.
func (f *Feed) Format() Format { return f.format }

// Offset returns how many bytes of the input the entries so far took, for a
// progress bar.
func (f *Feed) Offset() int64 { return f.lines.bytes }

// Next returns the next mutation. A bad line gives an Entry with its number and
// a [*LineError]; the call after it goes on. Anything else is final: io.EOF, or
// the input's own error.
func (f *Feed) Next() (Entry, error) {
	for f.given == len(f.queue) {
		if f.err != nil {
			return Entry{}, f.err
		}
		l, err := f.lines.next()
		if err != nil {
			if f.err = err; !errors.Is(err, io.EOF) {
				f.err = fmt.Errorf("feed: read %s: %w", f.name, err)
			}
			continue
		}
		if l.blank() {
			continue
		}
		if err = f.readLine(&l); err != nil {
			return Entry{Line: l.number}, lineError(f.name, l.number, err)
		}
	}
	f.given++
	return f.queue[f.given-1], nil
}

// readLine queues what one line gives.
func (f *Feed) readLine(l *line) error {
	if l.tooLong {
		return fmt.Errorf("the line is longer than %d bytes", MaxLine)
	}
	m, implied, err := f.rows.read(l)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return err
	}
	f.queue, f.given = f.queue[:0], 0
	for _, d := range implied {
		f.queue = append(f.queue, Entry{Line: l.number, Mutation: d, Implied: true})
	}
	f.queue = append(f.queue, Entry{Line: l.number, Mutation: m})
	return nil
}

// ndjson reads our own form.
type ndjson struct{}

func (ndjson) read(l *line) (position.Mutation, []position.Mutation, error) {
	m, err := position.UnmarshalMutation(l.text)
	if err != nil && !l.ended {
		err = fmt.Errorf("%w (the last line has no end: half-written?)", err)
	}
	return m, nil, err
}

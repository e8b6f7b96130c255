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
	CSV                       // mutations under a header; fills unless it says otherwise
	Hyperliquid               // the venue's export of fills
	BitMEX                    // the venue's wallet history
	GDAX                      // the venue's report of fills
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
	case BitMEX:
		return "bitmex"
	case GDAX:
		return "gdax"
	}
	return "unknown"
}

// ParseFormat is the reverse of String.
func ParseFormat(s string) (Format, error) {
	var names []string
	for f := Auto; f <= GDAX; f++ {
		if f.String() == s {
			return f, nil
		}
		names = append(names, f.String())
	}
	return Auto, fmt.Errorf("%w: %s is none of %s", ErrFormat, clip(s), strings.Join(names, ", "))
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
	name    string
	format  Format
	lines   *lines
	rows    rowReader
	queue   []Entry // what the line read last gave
	given   int     // how many of the queue were handed out
	skipped int
	err     error // the end, or what ended the feed
}

// rowReader turns one line into its mutations, and into the definitions that
// have to go before them. It leaves the line numbers to the feed. No entry and no
// error skips the line.
type rowReader interface {
	read(l *line) ([]Entry, error)
}

// columnNamer knows which column gives a member.
type columnNamer interface {
	column(member string) string
}

// Open reads as far as it needs to know the format and, for a CSV, the columns.
// name is for errors and its extension for telling the format. A mapping is for
// CSV only, and decides for it under Auto; but one that says no more than
// account:=NAME and strategy:=NAME also serves the venues' files that name none.
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
	if err = f.admit(m); err != nil {
		return nil, err
	}
	if f.rows, err = f.newRows(m); err != nil {
		return nil, err
	}
	return f, nil
}

// admit refuses a mapping that the format has no use for.
func (f *Feed) admit(m Mapping) error {
	if m.IsZero() || f.format == CSV {
		return nil
	}
	if f.format != BitMEX && f.format != GDAX {
		return fmt.Errorf("%w: a mapping is for csv, %s is read as %s", ErrMapping, f.name, f.format)
	}
	if _, only := m.labels(); !only {
		return fmt.Errorf("%w: %s is read as %s, which takes account:=NAME and strategy:=NAME only", ErrMapping, f.name, f.format)
	}
	return nil
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
	if name, twice := t.twice(); twice {
		return nil, fmt.Errorf("%w: %s: several columns are named %s", ErrColumn, f.name, clip(name))
	}
	var rows rowReader
	switch f.format {
	case Hyperliquid:
		rows, err = newHyperliquid(t)
	case BitMEX:
		rows, err = newBitMEX(t, m)
	case GDAX:
		rows, err = newGDAX(t, m)
	case Auto, NDJSON, CSV:
		rows, err = newRows(t, m)
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
	t, err := newTable(string(text))
	venue := Auto
	if err == nil && !first.tooLong {
		venue = venueOf(t, m)
	}
	switch {
	case venue != Auto:
		return venue, nil
	case !m.IsZero():
		return CSV, nil
	case bytes.HasPrefix(text, []byte("{")), first.tooLong && (ext == ".ndjson" || ext == ".jsonl"):
		return NDJSON, nil
	case bytes.HasPrefix(text, []byte("[")):
		return Auto, fmt.Errorf("%w: %s begins with [: want one JSON object per line, not an array", ErrFormat, name)
	}
	if err == nil && !first.tooLong && (ext == ".csv" || len(t.columns) > 1) {
		return CSV, nil
	}
	return Auto, fmt.Errorf("%w: %s: the first line is neither a JSON object nor a CSV header; say which format it is", ErrFormat, name)
}

// venueOf tells a venue's file by its header.
func venueOf(t *table, m Mapping) Format {
	if m.IsZero() {
		if _, err := newHyperliquid(t); err == nil {
			return Hyperliquid
		}
	}
	if _, only := m.labels(); !only {
		return Auto
	}
	if _, err := newBitMEX(t, m); err == nil {
		return BitMEX
	}
	if _, err := newGDAX(t, m); err == nil {
		return GDAX
	}
	return Auto
}

// Format returns the format, the detected one if it was Auto.
func (f *Feed) Format() Format { return f.format }

// Name returns the name that the feed was opened with.
func (f *Feed) Name() string { return f.name }

// Unused returns, quoted, the columns of a CSV that no member is read from. The
// venues' files have many, by design; for them it returns none.
func (f *Feed) Unused() []string {
	if r, ok := f.rows.(*rows); ok {
		return r.unused()
	}
	return nil
}

// Offset returns how many bytes of the input the entries so far took, for a
// progress bar.
func (f *Feed) Offset() int64 { return f.lines.bytes }

// Skipped returns how many rows so far the format's conventions pass over: they
// moved nothing, such as a withdrawal that was canceled. They give no Entry and
// count neither as read nor as refused.
func (f *Feed) Skipped() int { return f.skipped }

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
			return Entry{Line: l.number}, f.lineError(l.number, err)
		}
	}
	f.given++
	return f.queue[f.given-1], nil
}

// lineError places err on a line and, in a CSV, in a column.
func (f *Feed) lineError(number int, err error) error {
	e := lineError(f.name, number, err)
	if c, ok := f.rows.(columnNamer); ok {
		e.Column = c.column(e.Field)
	}
	return e
}

// readLine queues what one line gives.
func (f *Feed) readLine(l *line) error {
	if l.tooLong {
		return fmt.Errorf("the line is longer than %d bytes", MaxLine)
	}
	entries, err := f.rows.read(l)
	if err != nil {
		return err
	}
	for i := range entries {
		if err = entries[i].Mutation.Validate(); err != nil {
			return err
		}
		entries[i].Line = l.number
	}
	if len(entries) == 0 {
		f.skipped++
	}
	f.queue, f.given = entries, 0
	return nil
}

// ndjson reads our own form.
type ndjson struct{}

func (ndjson) read(l *line) ([]Entry, error) {
	m, err := position.UnmarshalMutation(l.text)
	switch {
	case err == nil:
		return []Entry{{Mutation: m}}, nil
	case !l.ended:
		err = fmt.Errorf("%w (the last line has no end: half-written?)", err)
	}
	return nil, err
}

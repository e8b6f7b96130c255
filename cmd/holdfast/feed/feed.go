package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/venue"
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
	return Auto, fmt.Errorf("%w: %s is none of %s", tabular.ErrFormat, tabular.Clip(s), strings.Join(names, ", "))
}

// Feed is an open input. It is not safe for concurrent use.
type Feed struct {
	name    string
	format  Format
	lines   *tabular.Lines
	records *tabular.Records // of the formats with columns
	rows    rowReader        // of all formats but CSV
	sheet   *mapping.Sheet   // of CSV
	queue   []tabular.Entry  // what the line read last gave
	given   int              // how many of the queue were handed out
	skipped int
	err     error // the end, or what ended the feed
}

// rowReader turns one row into its mutations, and into the definitions that
// have to go before them. It leaves the line numbers to the feed. No entry and no
// error skips the line.
type rowReader interface {
	Read(r *tabular.Record) ([]tabular.Entry, error)
}

// columnNamer knows which column gives a member.
type columnNamer interface {
	Column(member string) string
}

// Open reads as far as it needs to know the format and, for a CSV, the columns.
// name is for errors and its extension for telling the format. A mapping is for
// CSV only, and decides for it under Auto; but one that says no more than
// account:=NAME and strategy:=NAME also serves the venues' files that name none.
func Open(name string, r io.Reader, format Format, m mapping.Mapping) (*Feed, error) {
	if s, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := s.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%w: %s", tabular.ErrDirectory, name)
		}
	}
	f := &Feed{name: name, format: format, lines: tabular.NewLines(r)}
	first, err := f.lines.Peek()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s", tabular.ErrEmpty, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err = f.refuseBinary(first.Text); err != nil {
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
	if err = f.begin(r, m); err != nil {
		return nil, err
	}
	return f, nil
}

// begin makes the reader of the format and consumes the header, if it has one.
func (f *Feed) begin(r io.Reader, m mapping.Mapping) error {
	switch f.format {
	case NDJSON:
		f.rows = new(ndjson)
		return nil
	case CSV:
		var err error
		f.sheet, err = mapping.NewSheet(f.name, f.lines, r, m)
		return err
	case Auto, Hyperliquid, BitMEX, GDAX:
	}
	return f.beginVenue(m)
}

// admit refuses a mapping that the format has no use for.
func (f *Feed) admit(m mapping.Mapping) error {
	if m.IsZero() || f.format == CSV {
		return nil
	}
	if f.format != BitMEX && f.format != GDAX {
		return fmt.Errorf("%w: a mapping is for csv, %s is read as %s", tabular.ErrMapping, f.name, f.format)
	}
	if _, only := m.Labels(); !only {
		return fmt.Errorf("%w: %s is read as %s, which takes account:=NAME and strategy:=NAME only", tabular.ErrMapping, f.name, f.format)
	}
	return nil
}

// beginVenue reads the header of a venue's file.
func (f *Feed) beginVenue(m mapping.Mapping) error {
	head, err := f.lines.Next()
	if err != nil {
		return fmt.Errorf("read %s: %w", f.name, err)
	}
	if head.TooLong {
		return fmt.Errorf("%w: %s: the header is longer than %d bytes", tabular.ErrFormat, f.name, tabular.MaxLine)
	}
	t, err := tabular.NewTable(string(head.Text), ',')
	if err != nil {
		return fmt.Errorf("%w: %s: header: %w", tabular.ErrFormat, f.name, err)
	}
	for _, c := range t.Columns {
		if t.Twice(c) {
			return fmt.Errorf("%w: %s: several columns are named %s", tabular.ErrColumn, f.name, tabular.Clip(c))
		}
	}
	labels, _ := m.Labels()
	switch f.format {
	case Hyperliquid:
		f.rows, err = venue.NewHyperliquid(t)
	case BitMEX:
		f.rows, err = venue.NewBitMEX(t, labels)
	case GDAX:
		f.rows, err = venue.NewGDAX(t, labels)
	case Auto, NDJSON, CSV:
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", tabular.ErrColumn, f.name, err)
	}
	f.records = tabular.NewRecords(f.lines, ',')
	return nil
}

// refuseBinary recognises what is often given instead of text.
func (f *Feed) refuseBinary(b []byte) error {
	what := tabular.Binary(b)
	if what == "" && !bytes.HasPrefix(b, []byte("{")) && returns(b) {
		what = "ends its lines with carriage returns alone: make them line feeds first"
	}
	if what != "" {
		return fmt.Errorf("%w: %s %s", tabular.ErrFormat, f.name, what)
	}
	return nil
}

// returns reports whether a line has carriage returns in it, outside of quotes.
func returns(line []byte) bool {
	for i, part := range bytes.Split(bytes.TrimRight(line, "\r"), []byte{'"'}) {
		if i%2 == 0 && bytes.IndexByte(part, '\r') >= 0 {
			return true
		}
	}
	return false
}

// detect tells the format by the first line, then by the extension.
func detect(name string, first *tabular.Line, m mapping.Mapping) (Format, error) {
	text := bytes.TrimSpace(first.Text)
	ext := strings.ToLower(filepath.Ext(name))
	t, err := tabular.NewTable(string(text), ',')
	venue := Auto
	if err == nil && !first.TooLong {
		venue = venueOf(t, m)
	}
	switch {
	case venue != Auto:
		return venue, nil
	case !m.IsZero():
		return CSV, nil
	case bytes.HasPrefix(text, []byte("{")), first.TooLong && (ext == ".ndjson" || ext == ".jsonl"):
		return NDJSON, nil
	case bytes.HasPrefix(text, []byte("[")):
		return Auto, fmt.Errorf("%w: %s begins with [: want one JSON object per line, not an array", tabular.ErrFormat, name)
	}
	if err == nil && !first.TooLong && (ext == ".csv" || ext == ".tsv" || len(t.Columns) > 1 || tabular.Widest(string(text)) != ',') {
		return CSV, nil
	}
	return Auto, fmt.Errorf("%w: %s: the first line is neither a JSON object nor a CSV header; say which format it is", tabular.ErrFormat, name)
}

// venueOf tells a venue's file by its header: all of it, so that a file which
// merely has the same columns among others is not taken for it.
func venueOf(t *tabular.Table, m mapping.Mapping) Format {
	if m.IsZero() {
		if x, err := venue.NewHyperliquid(t); err == nil && x.Whole(t, "Size USD", "Direction", "Closed PnL", "Crossed", "Trade ID", "Timestamp") {
			return Hyperliquid
		}
	}
	labels, only := m.Labels()
	if !only {
		return Auto
	}
	if x, err := venue.NewBitMEX(t, labels); err == nil && x.Whole("network", "walletBalance", "marginBalance", "account", "text", "tx") {
		return BitMEX
	}
	if x, err := venue.NewGDAX(t, labels); err == nil && x.Whole() {
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
	if f.sheet != nil {
		return f.sheet.Unused()
	}
	return nil
}

// Offset returns how many bytes of the input the entries so far took, for a
// progress bar.
func (f *Feed) Offset() int64 { return f.lines.Bytes }

// Skipped returns how many rows so far were passed over: because they moved
// nothing by the format's conventions, such as a withdrawal that was canceled, or
// because the mapping says so. They give no Entry and count neither as read nor as
// refused.
func (f *Feed) Skipped() int {
	n := f.skipped
	for _, k := range f.SkippedKinds() {
		n += k.Rows
	}
	return n
}

// Kind is how many rows the file calls by a word.
type Kind struct {
	Word string
	Rows int
}

// SkippedKinds returns the rows that a mapping passed over, by the file's own
// words for them.
func (f *Feed) SkippedKinds() []Kind {
	if f.sheet == nil {
		return nil
	}
	var out []Kind
	rows := f.sheet.Skipped()
	for _, word := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, Kind{word, rows[word]})
	}
	return out
}

// Notes returns what there is to say about how the file was read so far, such as
// that its rows were put in order.
func (f *Feed) Notes() []string {
	if f.sheet == nil {
		return nil
	}
	return f.sheet.Notes()
}

// Next returns the next mutation. A bad line gives an Entry with its number and
// a [*LineError]; the call after it goes on. Anything else is final: io.EOF, the
// input's own error, or that a CSV is in doubt, which matches [ErrDoubt].
func (f *Feed) Next() (tabular.Entry, error) {
	for f.given == len(f.queue) {
		if f.err != nil {
			return tabular.Entry{}, f.err
		}
		if f.sheet != nil {
			if line, err := f.nextOfSheet(); err != nil {
				return tabular.Entry{Line: line}, err
			}
			continue
		}
		r, err := f.record()
		if err != nil {
			if f.err = err; !errors.Is(err, io.EOF) {
				f.err = fmt.Errorf("read %s: %w", f.name, err)
			}
			continue
		}
		if r.Blank() {
			continue
		}
		if err = f.readRow(&r); err != nil {
			return tabular.Entry{Line: r.Number}, f.lineError(r.Number, err)
		}
	}
	f.given++
	return f.queue[f.given-1], nil
}

// nextOfSheet queues what the next row of a CSV gives.
func (f *Feed) nextOfSheet() (int, error) {
	entries, bad, err := f.sheet.Next()
	switch {
	case bad != nil:
		return bad.Line, bad
	case err == nil:
		f.queue, f.given = entries, 0
		return 0, nil
	}
	if f.err = err; !errors.Is(err, io.EOF) && !errors.Is(err, tabular.ErrDoubt) && !errors.Is(err, tabular.ErrFormat) && !errors.Is(err, tabular.ErrColumn) {
		f.err = fmt.Errorf("read %s: %w", f.name, err)
	}
	return 0, nil
}

// record reads a row of a table, or a line.
func (f *Feed) record() (tabular.Record, error) {
	if f.records != nil {
		return f.records.Next()
	}
	l, err := f.lines.Next()
	return tabular.Record{Line: l}, err
}

// lineError places err on a line and, in a CSV, in a column.
func (f *Feed) lineError(number int, err error) *tabular.LineError {
	e := tabular.OnLine(f.name, number, err)
	if c, ok := f.rows.(columnNamer); ok {
		e.Column = c.Column(e.Field)
	}
	return e
}

// readRow queues what one row gives.
func (f *Feed) readRow(r *tabular.Record) error {
	if r.TooLong {
		return tabular.ErrTooLong
	}
	entries, err := f.rows.Read(r)
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].Mutation = position.Stated(entries[i].Mutation)
		if err = entries[i].Mutation.Validate(); err != nil {
			return err
		}
		entries[i].Line = r.Number
	}
	if len(entries) == 0 {
		f.skipped++
	}
	f.queue, f.given = entries, 0
	return nil
}

// ndjson reads our own form.
type ndjson struct{ reader position.MutationReader }

func (n *ndjson) Read(r *tabular.Record) ([]tabular.Entry, error) {
	m, err := n.reader.Read(r.Text)
	switch {
	case err == nil:
		return []tabular.Entry{{Mutation: m}}, nil
	case !r.Ended:
		err = fmt.Errorf("%w (the last line has no end: half-written?)", err)
	}
	return nil, err
}

package mapping

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// MaxHeld is how many rows of a CSV are held to put them in order. A longer file
// has to be in the order of its times as it stands.
const MaxHeld = 500_000

// chunk is how many rows are looked at together where not all are held.
const chunk = 1024

// Sheet reads a CSV: it holds its rows, doubts them, and hands them out in the
// order of their times.
type Sheet struct {
	name    string
	rows    *rows
	records *tabular.Records
	source  io.Reader
	Most    int                 // rows that are held
	Pause   func(time.Duration) // sleeps
	skipped map[string]int
	notes   []string

	drafts  []*draft
	joined  int           // rows that went into the trade of another draft
	flowing bool          // not all rows are held: those that follow must be in order
	latest  position.Time // of the rows that were handed out
	defined map[string]position.Terms
	held    map[position.Key]position.Decimal // what the file's fills have come to
	splits  map[string]*splitTold             // the last of each instrument
	queue   []*draft
	err     error
}

// NewSheet finds the header of a CSV. source is what the lines are of.
func NewSheet(name string, in *tabular.Lines, source io.Reader, m Mapping) (*Sheet, error) {
	rows, err := openTable(name, in, m)
	if err != nil {
		return nil, err
	}
	return &Sheet{
		name: name, rows: rows, records: tabular.NewRecords(in, rows.table.Comma), source: source, Most: MaxHeld, Pause: time.Sleep,
		skipped: map[string]int{}, defined: map[string]position.Terms{}, held: map[position.Key]position.Decimal{}, splits: map[string]*splitTold{},
	}, nil
}

// Unused returns, quoted, the columns that no member is read from.
func (s *Sheet) Unused() []string { return s.rows.unused() }

// Skipped are the rows that the mapping passed over, by the file's words.
func (s *Sheet) Skipped() map[string]int { return s.skipped }

// Notes are what there is to say about how the file was read.
func (s *Sheet) Notes() []string { return s.notes }

// Next returns the entries of one row, or what is wrong with it, or the end.
func (s *Sheet) Next() ([]tabular.Entry, *tabular.LineError, error) {
	for {
		if len(s.queue) > 0 {
			d := s.queue[0]
			s.queue = s.queue[1:]
			entries, err := []tabular.Entry(nil), d.err
			if err == nil {
				entries, err = s.entries(d)
			}
			if err != nil {
				return nil, s.lineError(d, err), nil
			}
			return entries, nil, nil
		}
		if s.err != nil {
			return nil, nil, s.err
		}
		s.err = s.fill()
	}
}

// lineError places err on the line of a row, and in a column.
func (s *Sheet) lineError(d *draft, err error) *tabular.LineError {
	e := tabular.OnLine(s.name, d.line, err)
	if c := s.rows.column(e.Field); c != "" {
		e.Column = c
	}
	e.Kind = d.word
	return e
}

// entries returns what a row gives: the definition of its instrument where it is
// the first, the mutation, and what goes with it.
func (s *Sheet) entries(d *draft) ([]tabular.Entry, error) {
	var out []tabular.Entry
	defines := false
	if d.terms != nil {
		had, known := s.defined[d.terms.Instrument]
		if known && had != d.terms.Terms {
			return nil, tabular.Bad("settlement", "and the other terms of %s are not those of an earlier row: %s", tabular.Clip(d.terms.Instrument), differing(had, d.terms.Terms))
		}
		if defines = !known; defines {
			out = append(out, tabular.Entry{Mutation: d.definition(), Implied: true})
		}
	}
	out = append(out, tabular.Entry{Mutation: d.m, Defined: s.rows.mapping.file.defined})
	for _, m := range d.more {
		out = append(out, tabular.Entry{Mutation: m, Implied: true})
	}
	for i := range out {
		out[i].Line = d.line
		out[i].Mutation = position.Stated(out[i].Mutation)
		if err := out[i].Mutation.Validate(); err != nil {
			return nil, err
		}
	}
	if defines {
		s.defined[d.terms.Instrument] = d.terms.Terms // by a row that is good
	}
	return out, nil
}

// definition returns that of a row's instrument. Its id is made of the row's as well:
// terms that an instrument gets a second time, after others, are no duplicate.
func (d *draft) definition() position.DefineInstrument {
	def, t := *d.terms, &d.terms.Terms
	def.Ident = tabular.IDOf("csv/instrument", def.Instrument, t.Kind.String(), t.Multiplier.String(), t.Base, t.Quote, t.Settlement, d.m.ID())
	return def
}

// differing names what two definitions differ in.
func differing(a, b position.Terms) string {
	var out []string
	for _, x := range [][3]string{
		{"kind", a.Kind.String(), b.Kind.String()},
		{"multiplier", a.Multiplier.String(), b.Multiplier.String()},
		{"base", a.Base, b.Base},
		{"quote", a.Quote, b.Quote},
		{"settlement", a.Settlement, b.Settlement},
	} {
		if x[1] != x[2] {
			out = append(out, fmt.Sprintf("%s %s and %s", x[0], tabular.Clip(x[1]), tabular.Clip(x[2])))
		}
	}
	return strings.Join(out, ", ")
}

// fill reads rows until there are enough, and queues them. The end is io.EOF.
func (s *Sheet) fill() error {
	limit := s.Most + 1 // one more tells that the file goes on
	if s.flowing {
		limit = chunk
	}
	if s.rows.mapping.file.order == byFile && !s.regular() && !s.rows.grouped() {
		limit = 1 // somebody may be writing it
	}
	s.drafts = s.drafts[:0]
	end := s.collect(limit)
	if end != nil && !errors.Is(end, io.EOF) {
		return end
	}
	if end == nil && s.rows.grouped() {
		return fmt.Errorf("%w: %s: more than %d rows, and the rows of one trade may stand anywhere in them, as group= says: part the file", tabular.ErrFormat, s.name, s.Most)
	}
	s.rows.sumUp()
	if err := s.rows.guard.verdict(s.name, s.rows); err != nil {
		return err
	}
	if err := s.arrange(end == nil); err != nil {
		return err
	}
	s.flowing = end == nil
	if s.flowing {
		s.rows.guard.ids = seenIDs{} // what is not held is not remembered
	}
	s.close()
	s.queue = slices.Clone(s.drafts)
	return end
}

// collect reads rows into drafts. It returns nil when as many are held as may be.
func (s *Sheet) collect(limit int) error {
	for s.joined = 0; len(s.drafts)+s.joined < limit; {
		rec, err := s.records.Next()
		if err != nil {
			return err
		}
		out, err := s.rows.outside(&rec)
		if err != nil {
			return fmt.Errorf("%w: %s:%d: %w", tabular.ErrColumn, s.name, rec.Number, err)
		}
		if out {
			continue
		}
		s.rows.begun = true
		s.add(&rec)
	}
	return nil
}

// add reads one row.
func (s *Sheet) add(rec *tabular.Record) {
	var d *draft
	var word string
	err := tabular.ErrTooLong
	if !rec.TooLong {
		d, word, err = s.rows.read(rec, rec.Ended || !s.rows.last || s.atRest())
	}
	switch {
	case errors.Is(err, errJoined):
		s.joined++
	case err != nil:
		at := position.Time(0)
		if n := len(s.drafts); n > 0 {
			at = s.drafts[n-1].at // it keeps its place
		}
		s.drafts = append(s.drafts, &draft{line: rec.Number, word: word, err: err, at: at})
	case d == nil:
		s.skipped[word]++
	default:
		if n := len(s.drafts); d.at == 0 && n > 0 && d.m != nil {
			d.at = s.drafts[n-1].at
		}
		s.drafts = append(s.drafts, d)
	}
}

// regular reports whether the input is a file that can be looked at.
func (s *Sheet) regular() bool {
	_, ok := s.look()
	return ok
}

func (s *Sheet) look() (fs.FileInfo, bool) {
	f, ok := s.source.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return nil, false
	}
	info, err := f.Stat()
	return info, err == nil && info.Mode().IsRegular()
}

// rest is how long a file must not have been written to, to be at rest.
const rest = time.Second

// atRest reports whether nobody writes the file on: all of it was read, and nothing
// comes for a while.
func (s *Sheet) atRest() bool {
	info, ok := s.look()
	if !ok || info.Size() != s.records.Lines.Bytes {
		return false
	}
	if left := rest - time.Since(info.ModTime()); left > 0 {
		s.Pause(min(left, rest)) // less than a clock may be wrong by
		info, ok = s.look()
	}
	return ok && info.Size() == s.records.Lines.Bytes
}

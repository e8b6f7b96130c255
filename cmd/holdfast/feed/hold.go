package feed

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// MaxHeld is how many rows of a CSV are held to put them in order. A longer file
// has to be in the order of its times as it stands.
const MaxHeld = 500_000

// chunk is how many rows are looked at together where not all are held.
const chunk = 1024

// sheet reads a CSV: it holds its rows, doubts them, and hands them out in the
// order of their times.
type sheet struct {
	name    string
	rows    *rows
	records *records
	source  io.Reader
	most    int // rows that are held
	skipped map[string]int
	notes   []string

	drafts  []*draft
	flowing bool          // not all rows are held: those that follow must be in order
	latest  position.Time // of the rows that were handed out
	defined map[string]position.Terms
	held    map[position.Key]position.Decimal // what the file's fills have come to
	queue   []*draft
	err     error
}

// next returns the entries of one row, or its error, or the end.
func (s *sheet) next() ([]Entry, *draft, error) {
	for {
		if len(s.queue) > 0 {
			d := s.queue[0]
			s.queue = s.queue[1:]
			if d.err != nil {
				return nil, d, d.err
			}
			entries, err := s.entries(d)
			return entries, d, err
		}
		if s.err != nil {
			return nil, nil, s.err
		}
		s.err = s.fill()
	}
}

// entries returns what a row gives: the definition of its instrument where it is
// the first, the mutation, and what goes with it.
func (s *sheet) entries(d *draft) ([]Entry, error) {
	var out []Entry
	if d.terms != nil {
		had, known := s.defined[d.terms.Instrument]
		if known && had != d.terms.Terms {
			return nil, bad("settlement", "and the other terms of %s are not those of an earlier row: %s", clip(d.terms.Instrument), differing(had, d.terms.Terms))
		}
		if !known {
			s.defined[d.terms.Instrument] = d.terms.Terms
			if err := d.terms.Validate(); err != nil {
				return nil, err
			}
			out = append(out, Entry{Mutation: *d.terms, Implied: true})
		}
	}
	out = append(out, Entry{Mutation: d.m, Defined: s.rows.mapping.file.defined})
	for _, m := range d.more {
		out = append(out, Entry{Mutation: m, Implied: true})
	}
	for i := range out {
		out[i].Line = d.line
		out[i].Mutation = position.Stated(out[i].Mutation)
		if err := out[i].Mutation.Validate(); err != nil {
			return nil, err
		}
	}
	return out, nil
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
			out = append(out, fmt.Sprintf("%s %s and %s", x[0], clip(x[1]), clip(x[2])))
		}
	}
	return strings.Join(out, ", ")
}

// fill reads rows until there are enough, and queues them. The end is io.EOF.
func (s *sheet) fill() error {
	limit := s.most + 1 // one more tells that the file goes on
	if s.flowing {
		limit = chunk
	}
	if s.rows.mapping.file.order == byFile && !s.regular() {
		limit = 1 // somebody may be writing it
	}
	s.drafts = s.drafts[:0]
	end := s.collect(limit)
	if end != nil && !errors.Is(end, io.EOF) {
		return end
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
		s.rows.guard.ids = nil // what is not held is not remembered
	}
	s.close()
	s.queue = slices.Clone(s.drafts)
	return end
}

// collect reads rows into drafts. It returns nil at the limit.
func (s *sheet) collect(limit int) error {
	for len(s.drafts) < limit {
		rec, err := s.records.next()
		if err != nil {
			return err
		}
		out, err := s.rows.outside(&rec)
		if err != nil {
			return fmt.Errorf("%w: %s:%d: %w", ErrColumn, s.name, rec.number, err)
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
func (s *sheet) add(rec *record) {
	var d *draft
	var word string
	err := errTooLong
	if !rec.tooLong {
		d, word, err = s.rows.read(rec, rec.ended || s.atRest())
	}
	switch {
	case errors.Is(err, errJoined):
	case err != nil:
		at := position.Time(0)
		if n := len(s.drafts); n > 0 {
			at = s.drafts[n-1].at // it keeps its place
		}
		s.drafts = append(s.drafts, &draft{line: rec.number, word: word, err: err, at: at})
	case d == nil:
		s.skipped[word]++
	default:
		if n := len(s.drafts); d.at == 0 && n > 0 && d.m != nil {
			d.at = s.drafts[n-1].at
		}
		s.drafts = append(s.drafts, d)
	}
}

var errTooLong = fmt.Errorf("the line is longer than %d bytes", MaxLine)

// regular reports whether the input is a file that can be looked at.
func (s *sheet) regular() bool {
	_, ok := s.size()
	return ok
}

func (s *sheet) size() (int64, bool) {
	f, ok := s.source.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return 0, false
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// atRest reports whether nobody writes the file on: all of it was read.
func (s *sheet) atRest() bool {
	size, ok := s.size()
	return ok && size == s.records.lines.bytes
}

// arrange puts the drafts in the order of their times. Rows of one time keep the
// order of the file, or its reverse where the file is newest first. Bad rows keep
// their places in a file that is in order, and otherwise come first, so that
// without --skip-invalid nothing of such a file is applied.
func (s *sheet) arrange(more bool) error {
	order := s.rows.mapping.file.order
	if order == byFile {
		return nil
	}
	up, down := s.runs()
	early := len(s.drafts) > 0 && s.drafts[0].at < s.latest
	if (down > 0 || order == newestFirst || early) && (more || s.flowing) {
		return fmt.Errorf("%w: %s: more than %d rows, and their times run backwards, so that they cannot be put in order: sort the file, or say order=file", ErrFormat, s.name, s.most)
	}
	if n := len(s.drafts); n > 0 {
		defer func() { s.latest = max(s.latest, s.drafts[n-1].at) }()
	}
	if down == 0 && order != newestFirst {
		return nil
	}
	reversed := order == newestFirst || down > up
	if reversed {
		slices.Reverse(s.drafts)
	}
	slices.SortStableFunc(s.drafts, inOrder)
	note := fmt.Sprintf("times run backwards (%d times): its rows are put in the order of their times, those of one time as they stand", down)
	switch {
	case reversed && down > 0:
		note = fmt.Sprintf("newest first (times run backwards, %d times): its rows are put in the order of their times, those of one time in the reverse of the file", down)
	case reversed:
		note = "newest first, as the mapping says: rows of one time are taken in the reverse of the file"
	}
	s.notes = append(s.notes, note)
	return nil
}

// runs counts the rows whose time is later than that of the row before, and those
// whose time is earlier.
func (s *sheet) runs() (up, down int) {
	for i := 1; i < len(s.drafts); i++ {
		switch a, b := s.drafts[i-1].at, s.drafts[i].at; {
		case b < a:
			down++
		case b > a:
			up++
		}
	}
	return up, down
}

// inOrder compares rows by time, bad ones before all others and by line.
func inOrder(a, b *draft) int {
	switch {
	case a.err != nil && b.err != nil:
		return cmp.Compare(a.line, b.line)
	case a.err != nil:
		return -1
	case b.err != nil:
		return 1
	}
	return cmp.Compare(a.at, b.at)
}

// close gives the rows that close what is held their side, and those that tell the
// shares which a split has added its ratio. What is held is what the fills before
// them, in this file, have come to.
func (s *sheet) close() {
	for _, d := range s.drafts {
		if d.err != nil {
			continue
		}
		switch x := d.m.(type) {
		case position.Fill:
			d.err = s.hold(d, x)
		case position.Split:
			if d.added != nil {
				d.err = s.split(d, x)
			}
		}
	}
}

// hold adds a fill to what is held.
func (s *sheet) hold(d *draft, x position.Fill) (err error) {
	held := s.held[x.Key]
	if d.closes {
		x.Side = position.Sell
		if held.Sign() < 0 {
			x.Side = position.Buy
		}
		if held.Abs().Cmp(x.Qty) < 0 {
			return bad("side", "closes %s of %s, of which the rows before it hold %s: give the rows that opened it, or map the side", x.Qty, clip(x.Instrument), held)
		}
		d.m = x
	}
	q := x.Qty
	if x.Side == position.Sell {
		q = q.Neg()
	}
	if held, err = held.Add(q); err != nil {
		return &memberError{field: "qty", err: err}
	}
	s.held[x.Key] = held
	return nil
}

// split finds the ratio of a split that made what is held into so much more. It
// refuses what is no ratio of small numbers: then the rows before it are not all.
func (s *sheet) split(d *draft, x position.Split) error {
	const most = 20 // old shares
	held := s.held[d.key]
	total, err := held.Add(*d.added)
	if err == nil && held.Sign() != 0 && total.Sign() == held.Sign() {
		for per := range int64(most) {
			x.Per = position.FromInt(per + 1)
			if x.Ratio, err = position.MulQuo(total, x.Per, held); err != nil {
				break
			}
			if back, backErr := x.Ratio.Mul(held); strings.Contains(x.Ratio.String(), ".") || backErr != nil || !same(back, total, x.Per) {
				continue
			}
			d.m = x
			return s.rescale(&x)
		}
	}
	return bad("added", "%s of %s to the %s that the rows before it hold is no split that is known: give the rows that opened it, or a split of its own", *d.added, clip(x.Instrument), held)
}

// same reports whether a = b x c.
func same(a, b, c position.Decimal) bool {
	product, err := b.Mul(c)
	return err == nil && a == product
}

// rescale makes what is held of an instrument what it is after a split.
func (s *sheet) rescale(x *position.Split) error {
	for k, held := range s.held {
		if k.Instrument != x.Instrument {
			continue
		}
		after, err := position.MulQuo(held, x.Ratio, x.Per)
		if err != nil {
			return &memberError{field: "added", err: err}
		}
		s.held[k] = after
	}
	return nil
}

package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// readAll parses all sources into rows.
func (g *Run) readAll(ctx context.Context, rows chan<- Row) {
	defer close(rows)
	for _, e := range g.In.Listed {
		r := Row{File: g.In.ListedName, Line: e.Line, free: e.Implied}
		r.m, r.err = identified(e.Mutation)
		select {
		case rows <- r:
		case <-ctx.Done():
			g.cut = true
			return
		}
	}
	for _, s := range g.In.Sources {
		if !g.readOne(ctx, s, rows) {
			return
		}
	}
}

// readOne parses one source; false ends the reading.
func (g *Run) readOne(ctx context.Context, s Source, rows chan<- Row) bool {
	send := func(r Row) bool {
		r.File = s.Name
		select {
		case rows <- r:
			return true
		case <-ctx.Done():
			g.cut = true
			return false
		}
	}
	f := s.Feed
	if f == nil {
		var err error
		if f, err = feed.Open(s.Name, s.R, g.In.Format, g.In.Mapping); err != nil {
			return send(Row{err: &inputError{err}}) && false
		}
		NoteUnused(f, g.note)
	}
	told := 0
	times := fileTimes{file: s.Name}
	base := g.bytes.Load()
	for {
		e, err := f.Next()
		g.bytes.Store(base + uint64(max(f.Offset(), 0)))
		for notes := f.Notes(); told < len(notes); told++ {
			g.note("%s: %s", f.Name(), notes[told])
		}
		var bad *feed.LineError
		if err != nil && !errors.As(err, &bad) { // said before the row that may end the run
			g.noteSkipped(f)
			g.noteOrder(times)
			return errors.Is(err, io.EOF) || send(Row{Line: e.Line, err: &inputError{err}}) && false
		}
		r := Row{Line: e.Line, m: e.Mutation, err: err, free: e.Implied}
		if err == nil {
			times.note(e.Mutation)
			r.m, r.err = identified(g.In.Rounding.apply(e.Mutation))
			r.err = errors.Join(r.err, g.undefined(f, &e))
		}
		if !send(r) {
			return false
		}
	}
}

// noteSkipped counts and names the rows of a file that were passed over.
func (g *Run) noteSkipped(f *feed.Feed) {
	g.skipped.Add(uint64(f.Skipped())) //nolint:gosec // a count
	var kinds []string
	for _, k := range f.SkippedKinds() {
		kinds = append(kinds, fmt.Sprintf("%d %s", k.Rows, k.Word))
	}
	if len(kinds) > 0 {
		g.note("%s: skipped: %s", f.Name(), strings.Join(kinds, ", "))
	}
}

// undefined refuses a row whose instrument the mapping takes for defined.
func (g *Run) undefined(f *feed.Feed, e *feed.Entry) error {
	if d, ok := e.Mutation.(position.DefineInstrument); ok {
		if g.given == nil {
			g.given = make(map[string]bool)
		}
		g.given[d.Instrument] = true
	}
	x, fill := e.Mutation.(position.Fill)
	if !e.Defined || !fill {
		return nil
	}
	name := x.Instrument
	switch {
	case g.given[name]:
		return nil
	case g.terms.known == nil:
		return &inputError{ErrNoLedger}
	}
	if in, ok := g.terms.known(name); ok && in.Defined {
		return nil
	}
	return &feed.LineError{File: f.Name(), Line: e.Line, Field: "instrument", Err: fmt.Errorf("%q is not defined in the ledger, as terms:=defined says: give its definition first, with what one contract is (multiplier) and its settlement", name)}
}

// ErrNoLedger is returned where a mapping says that the ledger defines an
// instrument (terms:=defined), and there is no ledger here to be asked.
var ErrNoLedger = errors.New("terms:=defined asks the ledger")

// inputError is what ended the reading of a source; no mutation is to blame.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

// identified gives a mutation an id and a time where it has none, so that the
// acknowledgement can name it.
func identified(m position.Mutation) (position.Mutation, error) {
	if m.ID() != "" && m.EventTime() != 0 {
		return m, nil
	}
	u, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make mutation id: %w", err)
	}
	at, err := position.At(time.Now())
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	return m.Identified(u.String(), at), nil
}

// NoteUnused names the columns of a CSV that nothing is read from: one of them
// may be misspelt.
func NoteUnused(f *feed.Feed, note func(format string, args ...any)) {
	if list := f.Unused(); len(list) > 0 {
		note("%s: not used: %s %s", f.Name(), render.Noun(len(list), "column"), strings.Join(list, ", "))
	}
}

// fileTimes are the first and the last event time of a file, and which way its
// times run.
type fileTimes struct {
	file        string
	first, last position.Time
	before      position.Time // of the line before
	rise, fall  int           // how often the time moved on, and back
}

func (s *fileTimes) note(m position.Mutation) {
	if m == nil || m.EventTime() == 0 {
		return
	}
	at := m.EventTime()
	if s.first == 0 {
		s.first = at
	}
	s.first, s.last = min(s.first, at), max(s.last, at)
	switch {
	case s.before != 0 && at > s.before:
		s.rise++
	case at < s.before:
		s.fall++
	}
	s.before = at
}

// noteOrder says that a file is newest first, where a format keeps the order of its
// lines, and that a file lies wholly before the one that was given before it: the
// rows of each are in order, but the files are not.
func (g *Run) noteOrder(s fileTimes) {
	if s.first == 0 {
		return
	}
	if s.fall > 0 && s.rise == 0 {
		g.note("%s is newest first, and applied in the order of its lines: positions are folded backwards; give the oldest line first", s.file)
	}
	if b := g.before; s.last < b.first {
		g.note("%s is older than %s, which stands before it: files are applied as they are given, and positions folded in that order; give the older first", s.file, b.file)
	}
	g.before = s
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// window is how many mutations of one ingestion are in flight at most.
const window = 1024

// maxReports is how many warnings of one kind are shown.
const maxReports = 100

// target is what mutations are applied to.
type target interface {
	// begin hands a mutation over, in order, and returns what waits for its
	// result.
	begin(ctx context.Context, m position.Mutation) (pending, error)
}

// pending waits for the result of one mutation.
type pending interface {
	Wait(ctx context.Context) (holdfast.Result, error)
}

// ingestion is one run over the files: a goroutine reads and parses, the
// caller's hands over, a third takes the results, in order.
type ingestion struct {
	app  *app
	in   *input
	to   target
	skip bool
	ack  bool

	rejects io.Writer // takes bad lines as JSON; nil: they are only told

	read, applied, duplicates, rejected, skipped, lastSeq, bytes atomic.Uint64
	dropped                                                      map[string]int // rejected rows by the file's own word; of settle

	terms definitions
	given map[string]bool // instruments that the files define; of readAll

	before fileTimes // of readAll: the file before

	ahead aheadRows // of settle

	cut bool // rows were left out because ctx had ended; of readAll until it closes them

	// telling guards over, which is set when the run has ended: a reader that is
	// still in its file, or waits for input, has nothing to say any more.
	telling sync.Mutex
	over    bool
}

// notef is [app.notef] for the reader of the sources, which may outlive the run.
func (g *ingestion) notef(format string, args ...any) {
	g.telling.Lock()
	defer g.telling.Unlock()
	if !g.over {
		g.app.notef(format, args...)
	}
}

func (g *ingestion) finish() {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.over = true
}

// row is a line of the input on its way.
type row struct {
	file string
	line int
	m    position.Mutation
	err  error // of the line, or what ended the reading
	free bool  // comes from the feed itself, such as a definition; not counted
}

// errStopped ends an ingestion whose bad line was reported already.
var errStopped = errors.New("stopped at the first bad line; what came before it stays applied (--skip-invalid goes on)")

func (g *ingestion) counts() counts {
	return counts{g.read.Load(), g.applied.Load(), g.duplicates.Load(), g.rejected.Load(), g.skipped.Load(), g.lastSeq.Load()}
}

// flight is a mutation that was handed over.
type flight struct {
	row row
	p   pending
}

func (g *ingestion) run(ctx context.Context) error {
	show := g.app.startProgress("ingest", func() (int64, int64, string) {
		c := g.counts()
		return int64(g.bytes.Load()), g.in.total, fmt.Sprintf("%d lines, %d applied, %d duplicates, %d rejected", c.Read, c.Applied, c.Duplicates, c.Rejected)
	})
	defer show.stop()
	defer g.finish()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rows := make(chan row, window)
	go g.readAll(ctx, rows)
	flights := make(chan flight, window)
	settled := make(chan error, 1)
	go func() {
		err := g.settle(flights, cancel)
		cancel(err) // after an error nothing more is handed over
		settled <- err
		for range flights { // what was handed over meanwhile
		}
	}()
	err := g.submit(ctx, rows, flights)
	close(flights)
	if serr := <-settled; serr != nil {
		err = serr
	}
	if g.ahead.n > 0 {
		_, _ = fmt.Fprintln(g.app.stderr, "holdfast: "+g.ahead.String()) // nobody is left to tell
	}
	return err
}

// nextRow waits for a row. There is none at the end, or when ctx ends, which is the
// error.
func (g *ingestion) nextRow(ctx context.Context, rows <-chan row) (r row, ok bool, err error) {
	select {
	case r, ok = <-rows:
	case <-ctx.Done():
		return r, false, context.Cause(ctx)
	}
	if !ok && g.cut { // the end of the rows and that of ctx may be seen in either order
		err = context.Cause(ctx)
	}
	return r, ok, err
}

// submit hands rows over until they end, one is bad, or ctx ends.
func (g *ingestion) submit(ctx context.Context, rows <-chan row, flights chan<- flight) error {
	for {
		r, ok, err := g.nextRow(ctx, rows)
		if !ok {
			return err
		}
		var broken *inputError
		if !r.free && !errors.As(r.err, &broken) {
			g.read.Add(1)
		}
		if r.err == nil {
			r.err = g.terms.under(&r)
		}
		f := flight{row: r}
		if r.err == nil {
			p, left, err := g.hand(ctx, &r)
			f.p = p
			switch {
			case left:
				continue
			case err == nil:
			case refusal(err):
				f.row.err = err
			default:
				return err
			}
		}
		// A bad line too, so that it is reported in its place. The other side takes
		// flights until this side ends, whatever happens.
		flights <- f
		if f.row.err != nil && (!g.skip || !refusal(f.row.err)) {
			return nil // settle reports it when its turn comes
		}
	}
}

// settle takes the results in order. It returns at the first error that is no
// refusal; the caller drains the channel. A refusal without --skip-invalid stops
// the handing over, and what was in flight is settled.
func (g *ingestion) settle(flights <-chan flight, stop context.CancelCauseFunc) error {
	var line []byte
	var first error
	for f := range flights {
		res, err := holdfast.Result{}, f.row.err
		if err == nil {
			res, err = f.p.Wait(context.Background()) // it was handed over: its fate matters even after an interrupt
		}
		if err == nil {
			g.count(f.row, res)
			if g.ack {
				line = appendAck(line[:0], f.row.m.ID(), res.Last)
				_, err = g.app.stdout.Write(line)
			}
			if err != nil {
				return fmt.Errorf("holdfast: print acknowledgement: %w", err)
			}
			continue
		}
		var input *inputError
		switch {
		case errors.As(err, &input):
			return err
		case !refusal(err):
			return fmt.Errorf("%s: %w", f.row.place(), err)
		}
		g.rejected.Add(1)
		g.drop(err)
		g.report(f.row, err)
		if !g.skip {
			first = errStopped
			stop(first)
		}
	}
	return first
}

func (g *ingestion) count(r row, res holdfast.Result) {
	if g.lastSeq.Load() < res.Last {
		g.lastSeq.Store(res.Last)
	}
	switch {
	case r.free:
	case res.Duplicate:
		g.duplicates.Add(1)
	default:
		g.applied.Add(1)
		g.ahead.note(r, time.Now())
	}
}

// report names a bad line, however many there are: what a run leaves out can be put
// right from what it says. It is called by settle only.
func (g *ingestion) report(r row, err error) {
	reason := render.Plain(err.Error()) + advice(err)
	text := reason
	if _, ok := errors.AsType[*feed.LineError](err); ok { // which names its place itself
		reason = strings.TrimPrefix(reason, r.place()+": ")
	} else {
		text = r.place() + ": " + reason
	}
	_, _ = fmt.Fprintln(g.app.stderr, "holdfast: "+text) // nobody is left to tell
	if g.rejects != nil {
		// An output that takes nothing more shows when the counts are printed.
		_ = json.NewEncoder(g.rejects).Encode(rejectedLine{File: r.file, Line: r.line, Reason: reason})
	}
}

// rejectedLine is a bad line as -o json shows it.
type rejectedLine struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// drop counts a rejected row under the file's own word for it.
func (g *ingestion) drop(err error) {
	bad, ok := errors.AsType[*feed.LineError](err)
	if !ok || bad.Kind == "" {
		return
	}
	if g.dropped == nil {
		g.dropped = make(map[string]int)
	}
	g.dropped[bad.Kind]++
}

// noteDropped says at the end which kinds of rows --skip-invalid has left out: a
// kind that is missing altogether is a mapping that does not fit.
func (g *ingestion) noteDropped() {
	if !g.skip || len(g.dropped) == 0 {
		return
	}
	var kinds []string
	for _, word := range sortedNames(g.dropped) {
		kinds = append(kinds, fmt.Sprintf("%d %s", g.dropped[word], word))
	}
	g.app.notef("holdfast: rejected by kind: %s", render.Plain(strings.Join(kinds, ", ")))
}

func (r row) place() string { return fmt.Sprintf("%s:%d", r.file, r.line) }

// refusal reports whether an error concerns one mutation only.
func refusal(err error) bool {
	if _, ok := errors.AsType[*inputError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*feed.LineError](err); ok {
		return true
	}
	if far, ok := errors.AsType[*remoteError](err); ok {
		return far.refused()
	}
	for _, target := range []error{
		holdfast.ErrInvalid, holdfast.ErrVersionConflict, holdfast.ErrUnknownInstrument, holdfast.ErrUnknownPosition,
		holdfast.ErrInstrumentInUse, holdfast.ErrTooLarge, holdfast.ErrIDReused, holdfast.ErrTooOld, holdfast.ErrAhead,
		position.ErrOverReduction, position.ErrNoLot, position.ErrLotChoice, position.ErrTooManyLots, position.ErrIncrement,
		position.ErrSplitTwice, position.ErrUnknownFill, position.ErrTrimmedHistory, position.ErrRefold, holdfast.ErrTooMany,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// appendAck appends a line of --ack.
func appendAck(dst []byte, id string, seq uint64) []byte {
	quoted, err := json.Marshal(id)
	if err != nil { // a validated id is valid UTF-8
		quoted = []byte(`""`)
	}
	dst = append(dst, `{"id":`...)
	dst = append(dst, quoted...)
	return fmt.Appendf(dst, ",\"seq\":%d}\n", seq)
}

// readAll parses all sources into rows.
func (g *ingestion) readAll(ctx context.Context, rows chan<- row) {
	defer close(rows)
	for _, e := range g.in.listed {
		r := row{file: g.in.listedName, line: e.Line, free: e.Implied}
		r.m, r.err = identified(e.Mutation)
		select {
		case rows <- r:
		case <-ctx.Done():
			g.cut = true
			return
		}
	}
	for _, s := range g.in.sources {
		if !g.readOne(ctx, s, rows) {
			return
		}
	}
}

// readOne parses one source; false ends the reading.
func (g *ingestion) readOne(ctx context.Context, s source, rows chan<- row) bool {
	send := func(r row) bool {
		r.file = s.name
		select {
		case rows <- r:
			return true
		case <-ctx.Done():
			g.cut = true
			return false
		}
	}
	f := s.feed
	if f == nil {
		var err error
		if f, err = feed.Open(s.name, s.r, g.in.format, g.in.mapping); err != nil {
			return send(row{err: &inputError{err}}) && false
		}
		noteUnused(f, g.notef)
	}
	told := 0
	times := fileTimes{file: s.name}
	base := g.bytes.Load()
	for {
		e, err := f.Next()
		g.bytes.Store(base + uint64(max(f.Offset(), 0)))
		for notes := f.Notes(); told < len(notes); told++ {
			g.notef("holdfast: %s: %s", f.Name(), notes[told])
		}
		var bad *feed.LineError
		if err != nil && !errors.As(err, &bad) { // said before the row that may end the run
			g.noteSkipped(f)
			g.noteOrder(times)
			return errors.Is(err, io.EOF) || send(row{line: e.Line, err: &inputError{err}}) && false
		}
		r := row{line: e.Line, m: e.Mutation, err: err, free: e.Implied}
		if err == nil {
			times.note(e.Mutation)
			r.m, r.err = identified(g.in.venue.apply(e.Mutation))
			r.err = errors.Join(r.err, g.undefined(f, &e))
		}
		if !send(r) {
			return false
		}
	}
}

// noteSkipped counts and names the rows of a file that were passed over.
func (g *ingestion) noteSkipped(f *feed.Feed) {
	g.skipped.Add(uint64(f.Skipped())) //nolint:gosec // a count
	var kinds []string
	for _, k := range f.SkippedKinds() {
		kinds = append(kinds, fmt.Sprintf("%d %s", k.Rows, k.Word))
	}
	if len(kinds) > 0 {
		g.notef("holdfast: %s: skipped: %s", f.Name(), render.Plain(strings.Join(kinds, ", ")))
	}
}

// undefined refuses a row whose instrument the mapping takes for defined.
func (g *ingestion) undefined(f *feed.Feed, e *feed.Entry) error {
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
		return &inputError{errors.New("holdfast: terms:=defined asks the ledger: use --dir")}
	}
	if in, ok := g.terms.known(name); ok && in.Defined {
		return nil
	}
	return &feed.LineError{File: f.Name(), Line: e.Line, Field: "instrument", Err: fmt.Errorf("%q is not defined in the ledger, as terms:=defined says: give its definition first, with what one contract is (multiplier) and its settlement", name)}
}

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
		return nil, fmt.Errorf("holdfast: make mutation id: %w", err)
	}
	at, err := position.At(time.Now())
	if err != nil {
		return nil, fmt.Errorf("holdfast: clock: %w", err)
	}
	return m.Identified(u.String(), at), nil
}

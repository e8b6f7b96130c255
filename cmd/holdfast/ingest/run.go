// Package ingest applies files of mutations to a ledger: one goroutine reads and
// parses, one hands over, one settles the results in order.
//
// A [Run] has an [Input], which is open before anything is applied, and a [Target]:
// a ledger of this process, a rehearsal, or a daemon. Up to 1024 mutations are in
// flight. A bad line ends the run, or is reported and passed over; an error that
// concerns no single mutation always ends it. The mutations that an ended run has
// handed over are settled, since their fate matters.
package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// window is how many mutations of one ingestion are in flight at most.
const window = 1024

// Run is one run over the files: a goroutine reads and parses, the caller's hands
// over, a third takes the results, in order. The exported fields are set before
// [Run.Begin] and not changed.
type Run struct {
	In *Input
	To Target
	// Skip reports bad lines and goes on, instead of stopping at the first.
	Skip bool
	// Ack takes a line for each mutation once it is durable; nil for none.
	Ack io.Writer
	// Note is told what is worth knowing of the files and their rows. It may be
	// called by two goroutines at once.
	Note func(format string, args ...any)
	// Bad is told of each bad line, in order.
	Bad func(Row, error)

	read, applied, duplicates, rejected, skipped, lastSeq, bytes atomic.Uint64
	dropped                                                      map[string]int // rejected rows by the file's own word; of settle

	terms definitions
	given map[string]bool // instruments that the files define; of readAll

	before fileTimes // of readAll: the file before

	ahead Ahead // of settle

	cut bool // rows were left out because ctx had ended; of readAll until it closes them

	// telling guards over, which is set when the run has ended: a reader that is
	// still in its file, or waits for input, has nothing to say any more.
	telling sync.Mutex
	over    bool
}

// Begin takes in what the ledger holds: its last seq, and what definitions have to
// look at.
func (g *Run) Begin(v *projector.View) error {
	g.BeginAt(v.Seq())
	g.terms.known = v.Instrument
	if g.In.Rounding == nil {
		return nil
	}
	g.In.Rounding.known = v.Instrument
	return g.In.Rounding.Check(v)
}

// BeginAt takes in the last seq of a ledger of which nothing else is known here.
func (g *Run) BeginAt(seq uint64) { g.lastSeq.Store(seq) }

// note is Note for the reader of the sources, which may outlive the run.
func (g *Run) note(format string, args ...any) {
	g.telling.Lock()
	defer g.telling.Unlock()
	if !g.over {
		g.Note(format, args...)
	}
}

func (g *Run) finish() {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.over = true
}

// Row is a line of the input on its way.
type Row struct {
	File string
	Line int
	m    position.Mutation
	err  error // of the line, or what ended the reading
	free bool  // comes from the feed itself, such as a definition; not counted
}

// Place is the file and the line.
func (r Row) Place() string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// ErrStopped ends a run without Skip whose bad line was reported already.
var ErrStopped = errors.New("stopped at the first bad line; what came before it stays applied")

// Counts is how far a run came.
type Counts struct {
	Read       uint64 `json:"read"`
	Applied    uint64 `json:"applied"`
	Duplicates uint64 `json:"duplicates"`
	Rejected   uint64 `json:"rejected"`
	Skipped    uint64 `json:"skipped"`
	LastSeq    uint64 `json:"last_seq"`
}

// Counts is how far the run came.
func (g *Run) Counts() Counts {
	return Counts{g.read.Load(), g.applied.Load(), g.duplicates.Load(), g.rejected.Load(), g.skipped.Load(), g.lastSeq.Load()}
}

func (c Counts) String() string {
	skipped := ""
	if c.Skipped > 0 {
		skipped = fmt.Sprintf(", %d skipped", c.Skipped)
	}
	return fmt.Sprintf("%d read, %d applied, %d duplicates, %d rejected%s; last seq %d", c.Read, c.Applied, c.Duplicates, c.Rejected, skipped, c.LastSeq)
}

// Progress is how much of the files was read, of how much, and a line about it.
func (g *Run) Progress() (done, total int64, line string) {
	c := g.Counts()
	return int64(g.bytes.Load()), g.In.Total, fmt.Sprintf("%d lines, %d applied, %d duplicates, %d rejected", c.Read, c.Applied, c.Duplicates, c.Rejected)
}

// Dropped are the kinds of rows that Skip has left out, each with its number: a
// kind that is missing altogether is a mapping that does not fit.
func (g *Run) Dropped() []string {
	if !g.Skip {
		return nil
	}
	var kinds []string
	for _, word := range slices.Sorted(maps.Keys(g.dropped)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", g.dropped[word], word))
	}
	return kinds
}

// Ahead are the mutations that were applied and are dated ahead of the clock.
func (g *Run) Ahead() Ahead { return g.ahead }

// flight is a mutation that was handed over.
type flight struct {
	row Row
	p   Pending
}

// Apply applies the files until they end, a line is bad, or ctx ends.
func (g *Run) Apply(ctx context.Context) error {
	defer g.finish()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	rows := make(chan Row, window)
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
	return err
}

// nextRow waits for a row. There is none at the end, or when ctx ends, which is the
// error.
func (g *Run) nextRow(ctx context.Context, rows <-chan Row) (r Row, ok bool, err error) {
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
func (g *Run) submit(ctx context.Context, rows <-chan Row, flights chan<- flight) error {
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
		if f.row.err != nil && (!g.Skip || !refusal(f.row.err)) {
			return nil // settle reports it when its turn comes
		}
	}
}

// settle takes the results in order. It returns at the first error that is no
// refusal; the caller drains the channel. A refusal without --skip-invalid stops
// the handing over, and what was in flight is settled.
func (g *Run) settle(flights <-chan flight, stop context.CancelCauseFunc) error {
	var line []byte
	var first error
	for f := range flights {
		res, err := holdfast.Result{}, f.row.err
		if err == nil {
			res, err = f.p.Wait(context.Background()) // it was handed over: its fate matters even after an interrupt
		}
		if err == nil {
			g.count(f.row, res)
			if g.Ack != nil {
				line = appendAck(line[:0], f.row.m.ID(), res.Last)
				_, err = g.Ack.Write(line)
			}
			if err != nil {
				return fmt.Errorf("print acknowledgement: %w", err)
			}
			continue
		}
		var input *inputError
		switch {
		case errors.As(err, &input):
			return err
		case !refusal(err):
			return fmt.Errorf("%s: %w", f.row.Place(), err)
		}
		g.rejected.Add(1)
		g.drop(err)
		g.Bad(f.row, err)
		if !g.Skip {
			first = ErrStopped
			stop(first)
		}
	}
	return first
}

func (g *Run) count(r Row, res holdfast.Result) {
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

// drop counts a rejected row under the file's own word for it.
func (g *Run) drop(err error) {
	bad, ok := errors.AsType[*feed.LineError](err)
	if !ok || bad.Kind == "" {
		return
	}
	if g.dropped == nil {
		g.dropped = make(map[string]int)
	}
	g.dropped[bad.Kind]++
}

// refusal reports whether an error concerns one mutation only.
func refusal(err error) bool {
	if _, ok := errors.AsType[*inputError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*feed.LineError](err); ok {
		return true
	}
	var far interface{ Refused() bool } // what a daemon answered
	if errors.As(err, &far) {
		return far.Refused()
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

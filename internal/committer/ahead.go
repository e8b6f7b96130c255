package committer

import (
	"context"
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

// ahead is what a caller has found out about a refold up to and including record
// upTo: what it has come to, or why it is refused. Only the records behind are read
// again.
type ahead struct {
	fillOf

	first   uint64 // record of the fill; 0: none of those up to upTo
	upTo    uint64
	revised uint64 // record up to which it is known what was busted and corrected
	refused error  // final, but where first is 0 and the fill comes later
	fold    *position.Refold

	decode  wire.Decoder
	pending step // the mutation whose records are being read
	marks   archive.MarkRun
}

// step is a mutation that changed the key or its instrument, and, of a transfer
// to the key, what it made.
type step struct {
	seq   uint64
	cause position.Mutation
	made  []position.Change
}

func (a *ahead) cycles() int {
	if a.fold == nil {
		return 0
	}
	return a.fold.Cycles()
}

// annals are what a refold reads: records, and the states between them.
type annals interface {
	// NewestShown is the newest record that may be read.
	NewestShown() uint64
	// RecordOf is the newest record of a fill from one record to another.
	RecordOf(ctx context.Context, key position.Key, fill string, from, to uint64) (uint64, error)
	// Concerning calls f with the records from one to another in which the name of an
	// instrument occurs: nothing else can concern it or its positions.
	Concerning(ctx context.Context, instrument string, from, to uint64, f func(journal.Record) error) error
	StateAt(ctx context.Context, key position.Key, start uint64) (archive.StateBefore, error)
	// TrimmedHistory says that the state before a record is not kept any more.
	TrimmedHistory(start uint64) error
}

// foldAhead finds the fill of a bust or correction, unless its record is known
// already, and folds what followed it again, up to the newest record. A refusal is
// part of what it returns; the error is for what kept it from reading.
func foldAhead(ctx context.Context, from annals, rules position.Rules, m position.Mutation, id fillOf, first uint64, most int) (*ahead, error) {
	a := &ahead{fillOf: id, first: first}
	if first == 0 {
		if err := catchUp(ctx, from, a.search, &a.upTo); err != nil || a.first == 0 {
			return a, err
		}
	}
	head := from.NewestShown()
	start, revised, err := revisions(ctx, from, id.key, a.first, head)
	var before archive.StateBefore
	if err == nil {
		before, err = from.StateAt(ctx, id.key, start)
	}
	if errors.Is(err, journal.ErrTrimmed) {
		a.refused = from.TrimmedHistory(start)
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	origin := &position.History{Seq: a.first, Position: before.Position, Instrument: before.Instrument}
	if a.fold, err = rules.NewRefold(m, origin, revised, most); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	a.upTo, a.revised, a.refused = start-1, head, nil
	return a, catchUp(ctx, from, a.extend, &a.upTo)
}

// lag is how many records a caller leaves to the stager, which waits for them to
// be read.
const lag = 4096

// catchUp lets a caller read until little is left of what is appended meanwhile.
func catchUp(ctx context.Context, from annals, read func(ctx context.Context, from annals, head uint64) error, upTo *uint64) error {
	for range restages {
		before, head := *upTo, from.NewestShown()
		if err := read(ctx, from, head); err != nil || *upTo == before || from.NewestShown()-head < lag {
			return err
		}
	}
	return nil
}

// search looks for the fill among the records behind upTo, up to record head.
func (a *ahead) search(ctx context.Context, in annals, head uint64) error {
	from := a.upTo + 1
	if a.upTo == 0 {
		from = 0 // the oldest kept: the journal may be trimmed
	}
	found, err := in.RecordOf(ctx, a.key, a.fill, from, head)
	switch {
	case err == nil:
		a.first = found
	case errors.Is(err, position.ErrUnknownFill) || errors.Is(err, position.ErrTrimmedHistory):
		a.refused, a.upTo = err, max(a.upTo, head)
	default:
		return err
	}
	return nil
}

// revisions finds where a refold of the fill at a record has to begin, and the last
// bust or correction of each fill from there on. One that concerns a fill before
// moves the beginning back, because the image before the fill still has that in it.
func revisions(ctx context.Context, from annals, key position.Key, first, head uint64) (start uint64, of map[uint64]position.Mutation, err error) {
	for start = first; ; {
		again := false
		of = make(map[uint64]position.Mutation)
		var d wire.Decoder
		err = from.Concerning(ctx, key.Instrument, start, head, func(rec journal.Record) error {
			c, derr := d.Change(rec.Payload)
			if derr != nil {
				return fmt.Errorf("seq %d: %w", rec.Seq, derr)
			}
			if c.Fill == 0 || c.After == nil || c.After.Key != key {
				return nil
			}
			if c.Fill < start {
				start, again = c.Fill, true
			}
			of[c.Fill] = c.Cause
			return nil
		})
		if err != nil || !again {
			return start, of, err
		}
	}
}

// extend folds what followed upTo, up to record head, which ends a batch.
func (a *ahead) extend(ctx context.Context, from annals, head uint64) error {
	err := from.Concerning(ctx, a.key.Instrument, a.upTo+1, head, a.take)
	if err == nil {
		err = a.flush()
	}
	if err == nil {
		a.upTo = max(a.upTo, head)
	}
	if errors.Is(err, journal.ErrTrimmed) { // under the reading
		a.refused = from.TrimmedHistory(a.first)
	}
	if a.refused != nil { // that is the answer, not a failure to read
		err = nil
	}
	return err
}

// take notes a record, and folds the mutation before it when its last record was
// read.
func (a *ahead) take(rec journal.Record) error {
	c, err := a.decode.Change(rec.Payload)
	if err != nil {
		return fmt.Errorf("seq %d: %w", rec.Seq, err)
	}
	t, ok := c.Cause.(position.Transfer)
	arrives := ok && t.To() == a.key
	if !arrives && !archive.Concerns(&c, a.key) {
		return nil
	}
	if c.Fill != 0 && rec.Seq > a.revised {
		return errStale
	}
	if seq := rec.Seq - uint64(c.Part); seq != a.pending.seq {
		if err = a.flush(); err != nil {
			return err
		}
		a.pending = step{seq: seq, cause: c.Cause}
	}
	if arrives {
		a.pending.made = append(a.pending.made, c)
	}
	return nil
}

// flush folds the mutation whose records were read. Of the marks between two other
// mutations only the highest, the lowest and the last are folded, because the
// extremes and the mark are all that marks leave behind.
func (a *ahead) flush() error {
	p := a.pending
	a.pending = step{}
	switch m := p.cause.(type) {
	case nil:
		return nil
	case position.Mark:
		a.marks.Add(m)
		return nil
	}
	if err := a.settleMarks(); err != nil {
		return err
	}
	return a.refuse(a.fold.Fold(p.seq, p.cause, p.made))
}

// settleMarks folds the marks that were read since the last other mutation.
func (a *ahead) settleMarks() error {
	marks := a.marks.AppendTo(nil)
	a.marks = archive.MarkRun{}
	for _, m := range marks {
		if err := a.refuse(a.fold.Fold(0, m, nil)); err != nil {
			return err
		}
	}
	return nil
}

// refuse keeps the refusal that ends the fold.
func (a *ahead) refuse(err error) error {
	if err != nil && a.refused == nil {
		a.refused = err
	}
	return err
}

// history is the answer to the projector once all records up to head are folded.
// It is the stager's, and reads nothing but what followed upTo.
func (a *ahead) history(ctx context.Context, from annals, head uint64) (*position.History, error) {
	if a.first == 0 {
		// The caller's search holds for the records up to upTo.
		if err := a.search(ctx, from, head); err != nil {
			return nil, err
		}
		if a.first != 0 {
			return nil, errStale
		}
		return nil, a.refused
	}
	if a.refused == nil {
		if err := a.extend(ctx, from, head); err != nil {
			return nil, err
		}
	}
	if a.refused == nil {
		if err := a.settleMarks(); err != nil {
			return nil, err
		}
	}
	if a.refused != nil {
		return nil, a.refused
	}
	return &position.History{Seq: a.first, Refold: a.fold}, nil
}

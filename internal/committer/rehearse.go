package committer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Rehearsal answers as a ledger would, and writes nothing. Its answers build on the
// mutations that it was given before, busts and corrections included: they are folded
// on the records that the ledger holds and on those that the rehearsal has made, which
// are kept in memory. It is for one goroutine.
type Rehearsal struct {
	o RehearsalOptions

	base    *projector.View // the state that it began with
	epoch   uint64
	began   bool // the epoch's record is made
	clock   recordClock
	last    position.Time
	records []rehearsedRecord // made so far; the first is the one after base
	encoded []byte            // room for one
	replay  *projector.Book   // lags behind, for states in between
	body    []byte            // of base, once it was needed
}

// rehearsedRecord is what a record has beside its seq and the epoch, which is one
// for all: a dry run may make many.
type rehearsedRecord struct {
	payload []byte
	at      position.Time
	more    bool
}

// RehearsalOptions are what a rehearsal begins with.
type RehearsalOptions struct {
	Book         *projector.Book // the rehearsal is its writer
	Past         annals          // of the ledger; nil where there is none yet
	Rules        position.Rules
	Window       int // mutations remembered for duplicates
	ClosedCycles int
	Epoch        position.Epoch // for its record

	Now  func() time.Time
	Rand io.Reader
}

// NewRehearsal returns a rehearsal of what follows the state of a book.
func NewRehearsal(o RehearsalOptions) *Rehearsal {
	x := &Rehearsal{o: o, base: o.Book.View(), last: o.Book.HeadTime()}
	epoch, _ := x.base.Epoch()
	x.epoch = epoch + 1
	return x
}

// View is the state that the rehearsal began with.
func (x *Rehearsal) View() *projector.View {
	if x == nil || x.base == nil {
		return new(projector.View)
	}
	return x.base
}

// ApplyWith answers as [Committer.Apply] would.
func (x *Rehearsal) ApplyWith(ctx context.Context, m position.Mutation, o ApplyOptions) (Result, error) {
	if err := x.begin(ctx); err != nil {
		return Result{}, err
	}
	rs, err := x.apply(ctx, []position.Mutation{m}, o)
	if err != nil {
		return Result{}, err
	}
	return rs[0], nil
}

// ApplyBatch answers as [Committer.ApplyBatch] would.
func (x *Rehearsal) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	if err := x.begin(ctx); err != nil {
		return nil, err
	}
	if err := batchBounds(len(ms), x.o.Window); err != nil || len(ms) == 0 {
		return nil, err
	}
	return x.apply(ctx, slices.Clone(ms), ApplyOptions{})
}

// begin is what every call does first of a Rehearsal.
func (x *Rehearsal) begin(ctx context.Context) error {
	if x == nil || x.o.Book == nil {
		return fmt.Errorf("%w: the Rehearsal was not made by Rehearse", position.ErrInvalid)
	}
	return archive.Ended(ctx)
}

func (x *Rehearsal) apply(ctx context.Context, ms []position.Mutation, o ApplyOptions) ([]Result, error) {
	if err := ready(ms, x.o.Now, x.o.Rand); err != nil {
		return nil, err
	}
	var err error
	if x.last, err = x.clock.read(x.o.Now(), x.last); err != nil {
		return nil, err
	}
	s, err := x.stage(ctx, ms, o)
	if err != nil {
		return nil, err
	}
	out := make([]Result, len(ms))
	for i, m := range ms {
		out[i] = Result{ID: m.ID(), First: s.Outcomes[i].First, Last: s.Outcomes[i].Last, Duplicate: s.Outcomes[i].Duplicate}
	}
	return out, nil
}

// stage does what the stager of a ledger does with a request.
func (x *Rehearsal) stage(ctx context.Context, ms []position.Mutation, o ApplyOptions) (*projector.Staged, error) {
	history := x.history(ctx, ms)
	s, err := x.o.Book.StagePrinted(x.last, ms, nil, o.Insist, history)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if len(s.Changes) == 0 {
		return s, nil
	}
	if _, err = sizeOf(s.Changes, len(ms)); err != nil {
		return nil, err
	}
	if !x.began {
		x.accept(x.o.Book.StageEpoch(x.last, x.epoch, x.o.Epoch))
		x.began = true
		if s, err = x.o.Book.StagePrinted(x.last, ms, nil, o.Insist, history); err != nil {
			return nil, fmt.Errorf("%w", err)
		}
	}
	x.accept(s)
	return s, nil
}

// accept makes records of what was staged.
func (x *Rehearsal) accept(s *projector.Staged) {
	for i := range s.Changes {
		x.encoded = wire.AppendChange(x.encoded[:0], &s.Changes[i])
		x.records = append(x.records, rehearsedRecord{payload: bytes.Clone(x.encoded), at: s.At, more: i < len(s.Changes)-1})
	}
	x.o.Book.Accept(s)
	x.o.Book.Publish(s)
}

// made yields the rehearsal's own records from one to another.
func (x *Rehearsal) made(from, to uint64) iter.Seq[journal.Record] {
	return func(yield func(journal.Record) bool) {
		base := x.base.Seq()
		for seq := max(from, base+1); seq <= min(to, rehearsedPast{x}.NewestShown()); seq++ {
			r := &x.records[seq-base-1]
			rec := journal.Record{Seq: seq, Epoch: x.epoch, Time: int64(r.at), Payload: r.payload}
			if r.more {
				rec.Flags = journal.More
			}
			if !yield(rec) {
				return
			}
		}
	}
}

// history answers what the fold of a request asks: it folds what a call of
// [Committer.Apply] reads ahead.
func (x *Rehearsal) history(ctx context.Context, ms []position.Mutation) projector.History {
	known, most := make(map[fillOf]*ahead), position.MaxRefoldCycles
	return func(key position.Key, fill string, first, head uint64) (*position.History, error) {
		id := fillOf{key, fill}
		a := known[id]
		if a == nil {
			var err error
			if a, err = foldAhead(ctx, rehearsedPast{x}, x.o.Rules, revision(ms, id), id, first, most); err != nil {
				return nil, err
			}
			most -= a.cycles()
			known[id] = a
		}
		return a.history(ctx, rehearsedPast{x}, head)
	}
}

// rehearsedPast is what a refold reads in a rehearsal: the ledger, and what was rehearsed
// on it.
type rehearsedPast struct{ *Rehearsal }

// NewestShown implements [annals].
func (x rehearsedPast) NewestShown() uint64 { return x.base.Seq() + uint64(len(x.records)) }

// TrimmedHistory implements [annals].
func (x rehearsedPast) TrimmedHistory(start uint64) error { return x.o.Past.TrimmedHistory(start) }

// RecordOf implements [annals] among the rehearsal's records as well.
func (x rehearsedPast) RecordOf(ctx context.Context, key position.Key, fill string, from, to uint64) (uint64, error) {
	f := archive.FillFinder{Key: key, Fill: fill}
	for rec := range x.made(from, to) {
		if err := f.Look(rec); err != nil {
			return 0, err
		}
	}
	switch {
	case f.Found > 0:
		return f.Found, nil
	case x.o.Past == nil:
		return 0, archive.NoFill(key, fill)
	}
	return x.o.Past.RecordOf(ctx, key, fill, from, min(to, x.base.Seq()))
}

// Concerning implements [annals] among the rehearsal's records as well.
func (x rehearsedPast) Concerning(ctx context.Context, instrument string, from, to uint64, f func(journal.Record) error) error {
	if x.o.Past != nil {
		if err := x.o.Past.Concerning(ctx, instrument, from, min(to, x.base.Seq()), f); err != nil {
			return err
		}
	}
	name := []byte(instrument)
	for rec := range x.made(from, to) {
		if bytes.Contains(rec.Payload, name) {
			if err := f(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// StateAt implements [annals] among the rehearsal's records as well. A book that
// follows them is kept: fills are mostly busted in the order in which they came.
func (x rehearsedPast) StateAt(ctx context.Context, key position.Key, start uint64) (archive.StateBefore, error) {
	base := x.base.Seq()
	if start <= base+1 {
		if start == base+1 {
			return archive.StateOf(x.base, key), nil
		}
		return x.o.Past.StateAt(ctx, key, start)
	}
	if x.replay == nil || x.replay.Head() >= start {
		if err := x.rewind(); err != nil {
			return archive.StateBefore{}, err
		}
	}
	if from := x.replay.Head() + 1; from < start {
		records := func(yield func(projector.Record, error) bool) {
			for rec := range x.made(from, start-1) {
				if !yield(archive.Projected(rec), ctx.Err()) {
					return
				}
			}
		}
		if err := x.replay.Replay(archive.Cut(records, start-1), projector.Until{}); err != nil {
			return archive.StateBefore{}, fmt.Errorf("%w", err)
		}
	}
	return archive.StateOf(x.replay.View(), key), nil
}

// rewind puts the book that follows back to the beginning.
func (x *Rehearsal) rewind() (err error) {
	o := projector.Options{Rules: x.o.Rules, Window: 1, Prints: x.o.Epoch.Prints, ClosedCycles: x.o.ClosedCycles}
	if x.base.Seq() == 0 {
		x.replay = projector.New(o)
		return nil
	}
	if x.body == nil {
		var buf bytes.Buffer
		if _, err = x.base.WriteTo(&buf); err != nil {
			return fmt.Errorf("copy the state: %w", err)
		}
		x.body = buf.Bytes()
	}
	if x.replay, err = projector.Load(bytes.NewReader(x.body), o); err != nil {
		return fmt.Errorf("copy the state: %w", err)
	}
	return nil
}

package holdfast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// AsOfEvent returns what was true at an event time, by all that was known at the
// moment believed; zero is now for both. The mutations are folded in the order
// of their event times, so that what arrived late is in its place, and busted
// fills never were; see [projector.EventOrder]. Mutations that are refused in this
// order are listed. [Reader.AsOf] tells what was believed at the time instead, and
// [Diff] of the two shows what arrived late.
//
// Where the journal was trimmed, what lies before its base stays in the order in
// which it was recorded; an event time before that base gives [ErrTrimmed].
func (r *Reader) AsOfEvent(ctx context.Context, at position.Time, believed Moment) (*projector.View, []projector.Refused, error) {
	if err := r.begin(ctx); err != nil {
		return nil, nil, err
	}
	log, err := r.openLog()
	if err != nil {
		return nil, nil, fmt.Errorf("holdfast: %w", err)
	}
	if last, lastErr := log.Last(); lastErr == nil && believed.Seq > min(last.Seq, r.newestShown()) {
		return nil, nil, fmt.Errorf("%w: seq %d is not there yet, the newest is %d", ErrInvalid, believed.Seq, last.Seq)
	}
	base, stands, err := r.earliest(log, believed)
	if err != nil {
		return nil, nil, err
	}
	if base != nil && at > 0 && at < base.HeadTime() {
		return nil, nil, fmt.Errorf("%w: the event time %s lies before %s, the oldest state that is kept", ErrTrimmed, at, base.HeadTime())
	}
	v, refused, err := projector.EventOrder(r.opts, base, covered(r.records(ctx, log, stands), believed), at)
	if err != nil {
		return nil, nil, fmt.Errorf("holdfast: %w", err)
	}
	return v, refused, nil
}

// earliest returns the oldest state from which every later moment can be derived;
// nil is the empty one.
func (r *Reader) earliest(log *journal.Reader, upTo Moment) (*projector.Book, anchor, error) {
	first := log.First()
	if first <= 1 {
		return nil, anchor{}, nil
	}
	list, err := r.Snapshots()
	if err != nil {
		return nil, anchor{}, err
	}
	var passed error
	for _, s := range slices.Backward(list) {
		if !r.own(s) || s.Seq+1 < first || !upTo.covers(stampOf(s)) {
			continue
		}
		book, loadErr := r.load(log, s)
		if loadErr == nil {
			return book, anchor{seq: s.Seq, chain: s.Chain}, nil
		}
		if errors.Is(loadErr, ErrNoKey) {
			return nil, anchor{}, loadErr
		}
		passed = errors.Join(passed, loadErr)
	}
	err = fmt.Errorf("%w: no usable snapshot at or before the moment asked for, and the oldest kept record is %d", ErrTrimmed, first)
	return nil, anchor{}, errors.Join(err, passed)
}

// covered yields the whole batches that lie at or before a moment.
func covered(records iter.Seq2[projector.Record, error], upTo Moment) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		var batch []projector.Record
		for rec, err := range records {
			if err != nil {
				yield(rec, err)
				return
			}
			if !upTo.covers(rec.Stamp) {
				return
			}
			if rec.More {
				rec.Payload = bytes.Clone(rec.Payload)
			}
			if batch = append(batch, rec); rec.More {
				continue
			}
			if !slices.ContainsFunc(batch, func(r projector.Record) bool { return !yield(r, nil) }) {
				batch = batch[:0]
				continue
			}
			return
		}
	}
}

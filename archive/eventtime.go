package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// AsOfEvent returns what was true at an event time, by all that was known at the
// moment believed; zero is now for both. The mutations are folded in the order
// of their event times, so that what arrived late is in its place, and busted
// fills never were; see [projector.EventOrder]. Mutations that are refused in this
// order are listed. [Reader.AsOf] tells what was believed at the time instead, and
// the difference of the two is what arrived late; see package report.
//
// Where the journal was trimmed, what lies before its base stays in the order in
// which it was recorded; an event time before that base gives [journal.ErrTrimmed].
func (r *Reader) AsOfEvent(ctx context.Context, at position.Time, believed Moment) (*projector.View, []projector.Refused, error) {
	if err := r.begin(ctx); err != nil {
		return nil, nil, err
	}
	log, err := r.src.OpenLog()
	if err != nil {
		return nil, nil, fmt.Errorf("%w", err)
	}
	if err = r.src.reached(log, believed); err != nil {
		return nil, nil, err
	}
	base, stands, err := r.src.earliest(log, believed)
	if err != nil {
		return nil, nil, err
	}
	if base != nil && at > 0 && at < base.HeadTime() {
		return nil, nil, fmt.Errorf("%w: the event time %s lies before %s, the oldest state that is kept", journal.ErrTrimmed, at, base.HeadTime())
	}
	v, refused, err := projector.EventOrder(r.src.Opts, base, covered(r.src.Records(ctx, log, stands), believed), at)
	if err != nil {
		return nil, nil, fmt.Errorf("%w", err)
	}
	return v, refused, nil
}

// earliest returns the oldest state from which every later moment can be derived;
// nil is the empty one.
func (r *Source) earliest(log *journal.Reader, upTo Moment) (*projector.Book, Anchor, error) {
	first := log.First()
	if first <= 1 {
		return nil, Anchor{}, nil
	}
	list, err := r.Snapshots()
	if err != nil {
		return nil, Anchor{}, err
	}
	var passed error
	for _, s := range slices.Backward(list) {
		if !r.Own(s) || s.Seq+1 < first || !upTo.covers(stampOf(s)) {
			continue
		}
		book, loadErr := r.Load(log, s)
		if loadErr == nil {
			return book, AnchorOf(s), nil
		}
		if errors.Is(loadErr, keyring.ErrNoKey) {
			return nil, Anchor{}, loadErr
		}
		passed = errors.Join(passed, loadErr)
	}
	return nil, Anchor{}, errors.Join(noSnapshot(first), passed)
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

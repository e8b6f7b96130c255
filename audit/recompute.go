package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// recomputation is the deep part of a verification.
//
// Busts and corrections are folded on the state before their fill. One pass
// before the recomputation finds them, a second replays the journal once and
// keeps of each such state the key and its instrument, so that neither time nor
// memory grow with the number of busts times the length of the journal. The records
// after the fill are read again for each, by package archive.
type recomputation struct {
	r    *archive.Source
	log  *journal.Reader
	rep  *Report
	o    Options
	book *projector.Book
	base archive.Anchor
	// believed are batches that cannot be recomputed, because a bust in them
	// goes back to before the journal's base. They are replayed.
	believed []span
}

// span is a stretch of records.
type span struct{ first, last uint64 }

// recompute derives the state from the causes of all kept changes, and passes
// through every good snapshot on the way.
func (r auditor) recompute(ctx context.Context, log *journal.Reader, rep *Report, o Options, good []snapshotter.Snapshot) error {
	known := make(map[archive.KeyAt]archive.StateBefore) // filled by findRefolds
	book, base, err := auditor{r.With(ctx, known)}.oldest(log, good)
	if err != nil {
		rep.find(err)
		return nil
	}
	if first := log.First(); base.Seq+1 > first && base.Seq > 0 {
		rep.Notices = append(rep.Notices, Finding{Seq: first, Reason: fmt.Sprintf(
			"seq %d to %d were not recomputed: no snapshot stands before them", first, base.Seq)})
		rep.Believed += base.Seq + 1 - first
	}
	c := recomputation{r: r.Source, log: log, rep: rep, o: o, book: book, base: base}
	if err = c.findRefolds(ctx, good, known); err != nil {
		rep.find(err)
		return ctx.Err()
	}
	// Snapshots from old to new cut the journal into stretches; each is
	// recomputed on the state before it.
	for i := len(good) - 1; i >= -1; i-- {
		upTo := rep.Last
		if i >= 0 {
			upTo = good[i].Seq
		}
		err = c.stretch(ctx, upTo)
		switch {
		case errors.Is(err, projector.ErrNotRecomputable):
			rep.Notices = append(rep.Notices, Finding{Reason: err.Error()})
			return nil
		case err != nil:
			rep.find(err)
			return ctx.Err()
		}
		if i < 0 {
			continue
		}
		if good[i].Seq == c.base.Seq && book.View().Digest() != good[i].Digest {
			rep.find(&snapshotter.DamageError{File: good[i].Name, Reason: "recomputation to its seq gives another digest"})
		}
		if _, err = r.Load(log, good[i]); err != nil {
			rep.find(err)
		}
	}
	rep.Deep = true
	rep.digest(book)
	return nil
}

// stretch recomputes up to and including a record, the end of a batch. Batches
// that have to be believed are replayed.
func (c *recomputation) stretch(ctx context.Context, upTo uint64) error {
	for _, s := range c.believed {
		if s.last <= c.base.Seq || s.first > upTo {
			continue
		}
		if err := c.recomputed(ctx, s.first-1); err != nil {
			return err
		}
		if err := c.r.Bring(ctx, c.log, c.book, &c.base, s.last); err != nil {
			return err
		}
	}
	return c.recomputed(ctx, upTo)
}

func (c *recomputation) recomputed(ctx context.Context, upTo uint64) error {
	if upTo <= c.base.Seq {
		return nil
	}
	if err := c.book.Recompute(c.counted(ctx, upTo)); err != nil {
		return err //nolint:wrapcheck // find and recompute look at its type
	}
	c.base.Seq = upTo
	return nil
}

// counted yields the records behind the base up to a seq and reports progress.
func (c *recomputation) counted(ctx context.Context, upTo uint64) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		for rec, err := range c.r.Records(ctx, c.log, c.base) {
			if err == nil && rec.Seq > upTo {
				return
			}
			if c.o.Progress != nil && rec.Seq%4096 == 0 {
				c.o.Progress(rec.Seq, c.rep.Last)
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

// refolding is a bust or correction in the journal.
type refolding struct {
	seq, fill uint64
	batch     span
}

// findRefolds finds the busts and corrections behind the base, and puts the states that
// their recomputation begins with into known.
func (c *recomputation) findRefolds(ctx context.Context, good []snapshotter.Snapshot, known map[archive.KeyAt]archive.StateBefore) error {
	found, err := c.refoldings(ctx)
	if err != nil || len(found) == 0 {
		return err
	}
	var wanted []archive.KeyAt
	for key, list := range found {
		for _, f := range list {
			if f.seq <= c.base.Seq {
				continue
			}
			start := startOf(list, f)
			if start < c.log.First() || start <= c.base.Seq && !c.derivable(good, start) {
				c.believed = append(c.believed, f.batch)
				c.rep.Notices = append(c.rep.Notices, Finding{Seq: f.seq, Reason: fmt.Sprintf(
					"this bust or correction was not recomputed: it goes back to record %d, before which no state is kept", start)})
				continue
			}
			wanted = append(wanted, archive.KeyAt{Key: key, Start: start})
		}
	}
	slices.SortStableFunc(c.rep.Notices, func(a, b Finding) int { return cmp.Compare(a.Seq, b.Seq) }) // found is a map
	slices.SortFunc(c.believed, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	c.believed = slices.Compact(c.believed) // a batch may have several
	for _, s := range c.believed {
		c.rep.Believed += s.last + 1 - s.first
	}
	slices.SortFunc(wanted, func(a, b archive.KeyAt) int { return cmp.Compare(a.Start, b.Start) })
	return c.states(ctx, wanted, known)
}

// derivable reports whether the state just before a record can be derived.
func (c *recomputation) derivable(good []snapshotter.Snapshot, start uint64) bool {
	return start <= 1 || slices.ContainsFunc(good, func(s snapshotter.Snapshot) bool { return s.Seq < start })
}

// startOf is where the refolding f of a key begins: at its fill, or at the fill of an
// earlier one that lies between and goes back further.
func startOf(list []*refolding, f *refolding) uint64 {
	start := f.fill
	for _, before := range slices.Backward(list) {
		if before.seq < f.seq && before.seq >= start && before.fill < start {
			start = before.fill
		}
	}
	return start
}

// refoldings lists all busts and corrections of the kept journal by key, in
// order.
func (c *recomputation) refoldings(ctx context.Context) (map[position.Key][]*refolding, error) {
	f := finder{
		found: make(map[position.Key][]*refolding),
		// Records that begin with neither prefix are not decoded.
		prefixes: [2][]byte{
			wire.AppendChange(nil, &position.Change{Kind: position.Busted}),
			wire.AppendChange(nil, &position.Change{Kind: position.Corrected}),
		},
	}
	for rec, err := range c.log.Records(0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("%w", err)
		}
		if rec.Seq > c.rep.Last {
			break
		}
		if err = f.look(rec); err != nil {
			return nil, err
		}
	}
	return f.found, nil
}

// finder finds busts and corrections, and the batches that they lie in.
type finder struct {
	found    map[position.Key][]*refolding
	prefixes [2][]byte
	decode   wire.Decoder
	began    uint64 // first record of the batch, 0 between two
	batch    []*refolding
}

func (f *finder) look(rec journal.Record) error {
	if f.began == 0 {
		f.began = rec.Seq
	}
	if bytes.HasPrefix(rec.Payload, f.prefixes[0]) || bytes.HasPrefix(rec.Payload, f.prefixes[1]) {
		change, err := f.decode.Change(rec.Payload)
		if err != nil {
			return fmt.Errorf("seq %d: %w", rec.Seq, err)
		}
		if change.Part == 0 {
			one := &refolding{seq: rec.Seq, fill: change.Fill}
			f.found[change.After.Key] = append(f.found[change.After.Key], one)
			f.batch = append(f.batch, one)
		}
	}
	if rec.Flags&journal.More == 0 {
		for _, one := range f.batch {
			one.batch = span{f.began, rec.Seq}
		}
		f.began, f.batch = 0, f.batch[:0]
	}
	return nil
}

// states derives the wanted states, sorted by where they stand, in one replay.
func (c *recomputation) states(ctx context.Context, wanted []archive.KeyAt, out map[archive.KeyAt]archive.StateBefore) error {
	var book *projector.Book
	var base archive.Anchor
	for _, w := range wanted {
		if w.Start <= 1 {
			out[w] = archive.StateBefore{}
			continue
		}
		if book == nil {
			var err error
			if book, base, err = c.r.Base(c.log, archive.Moment{Seq: w.Start - 1}); err != nil {
				return err
			}
		}
		if err := c.r.Bring(ctx, c.log, book, &base, w.Start-1); err != nil {
			return err
		}
		out[w] = archive.StateOf(book.View(), w.Key)
	}
	return nil
}

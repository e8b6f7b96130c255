package projector

import (
	"hash/maphash"
	"iter"
	"slices"
	"sort"

	"github.com/moneyprinter/holdfast/position"
)

// Replay brings the book forward by records, the first of which must be the one
// after its head. After-images are assigned, not computed, and what the records
// do to the book is what staging them did: positions, extremes, seqs, window,
// horizon and epoch.
//
// A batch is replayed whole or not at all: if the records end inside one, or
// until lies inside one, it is left out, and [Book.Head] says how far the replay
// came. Readers see nothing of it before it has succeeded. After an error the
// book is of no further use.
//
// The iterator runs on the caller's goroutine. A payload that it has yielded is read
// by others until Replay returns, and must stay as it is.
func (b *Book) Replay(records iter.Seq2[Record, error], until Until) error {
	b.ready()
	r := replayer{book: b, shelf: b.shelf.fork(), trails: make(map[string]*trail)}
	r.shards = b.shards(r.shelf)
	b.staging.reset(false, b.head.seq)
	seed := maphash.MakeSeed()
	p := pipeline{
		head: b.head.seq, until: until, apply: r.apply, each: 1,
		sort: func(c *chunk) { c.share(seed, len(r.shards)) },
	}
	for _, s := range r.shards {
		p.workers = append(p.workers, func() func(*chunk) { return s.work })
	}
	shared := b.head.seq
	err := p.run(records)
	b.window.settle()
	if err != nil {
		return err
	}
	r.gather()
	r.extend(shared)
	b.publishAll(r.shelf)
	return nil
}

// replayer takes the steps of records in order, and in the end the images of all
// shards.
type replayer struct {
	book   *Book
	shelf  *shelf
	shards []*shard
	staged Staged // used again for each record
	parts  parts
	trails map[string]*trail // of instruments that were marked
}

// apply takes a chunk that the shards have taken, up to the first record that one
// of them could not.
func (r *replayer) apply(c *chunk) error {
	bad := failure{at: len(c.recs)}
	for _, f := range c.fails {
		if f.at < bad.at {
			bad = f
		}
	}
	for i := range c.recs {
		if i == bad.at && !bad.late {
			return bad.err
		}
		if err := r.step(&c.steps[i], c.recs[i].Stamp, c.recs[i].More); err != nil {
			return err
		}
		if i == bad.at {
			return bad.err
		}
	}
	return nil
}

func (r *replayer) step(t *step, stamp position.Stamp, more bool) error {
	b := r.book
	if err := r.parts.follow(t.part, t.parts, stamp.Seq, more); err != nil {
		return err
	}
	if t.other != nil {
		if err := r.assign(t.other, stamp.Seq); err != nil {
			return &RecordError{Seq: stamp.Seq, Reason: "cannot be applied", Err: err}
		}
	}
	if t.part == 0 && (t.other == nil || t.other.Epoch == nil) { // a mutation is remembered once for all its changes
		b.window.AddLater(windowEntry{Fingerprint: t.print, First: stamp.Seq, Time: t.time, Ahead: t.time.AheadOf(stamp.Time), Count: t.parts})
	}
	b.head.seq, b.head.time, b.head.epoch = stamp.Seq, stamp.Time, stamp.Epoch
	return nil
}

// assign does to the book what a change did that leads to no position.
func (r *replayer) assign(c *position.Change, seq uint64) error {
	b, s := r.book, &r.staged
	if c.Epoch != nil {
		b.head.era = c.Epoch
		return b.samePrints(c.Epoch)
	}
	s.forget()
	if m, ok := c.Cause.(position.Mark); ok {
		b.priced(s, m)
		t := r.trails[m.Instrument]
		if t == nil {
			t = new(trail)
			r.trails[m.Instrument] = t
		}
		t.add(seq, m.Price)
	} else if err := b.effects(s, c, seq); err != nil {
		return err
	}
	b.commit(s)
	b.staging.committed()
	return nil
}

// samePrints refuses an epoch of a ledger whose fingerprints have another key: the window
// would not know again what that ledger has applied.
func (b *Book) samePrints(e *position.Epoch) error {
	if e.Prints != b.prints {
		return ErrPrints
	}
	return nil
}

// gather puts the images of the shards into the book, new keys in the order in
// which they came.
func (r *replayer) gather() {
	b, fresh := r.book, 0
	for _, s := range r.shards {
		for _, e := range s.met {
			if e.slot == noSlot {
				fresh++
			}
		}
	}
	t := &b.positions
	b.mu.Lock()
	t.index.reserve(len(t.head) + fresh)
	b.mu.Unlock()
	t.head, b.open = slices.Grow(t.head, fresh), slices.Grow(b.open, fresh)
	for e := r.next(); e != nil; e = r.next() {
		if e.img == nil {
			continue // nothing came of it
		}
		if e.slot == noSlot {
			e.slot = uint32(len(t.head))
		}
		w := write[position.Position]{slot: e.slot, img: e.img}
		t.set(&b.mu, e.Key, w)
		b.track(w)
		if e.moved {
			r.shelf.put(e.slot, e.list)
		}
	}
}

// next takes the entry that was met first from the shards.
func (r *replayer) next() *entry {
	var from *shard
	for _, s := range r.shards {
		if len(s.met) > 0 && (from == nil || s.met[0].first < from.met[0].first) {
			from = s
		}
	}
	if from == nil {
		return nil
	}
	e := from.met[0]
	from.met = from.met[1:]
	return e
}

// extend moves the extremes of open positions by the marks behind their images.
// Those up to the record shared belong to readers as well.
func (r *replayer) extend(shared uint64) {
	b := r.book
	for name, t := range r.trails {
		row := b.row(name)
		if row == nil {
			continue
		}
		for i := range row.n {
			slot := row.at(i).slot
			img := b.positions.head[slot]
			marks, some := t.behind(img.Seq)
			if !some || marks.high.Cmp(img.High) <= 0 && marks.low.Cmp(img.Low) >= 0 {
				continue
			}
			img = reaching(img, marks, shared, nil)
			w := write[position.Position]{slot: slot, img: img}
			b.positions.set(&b.mu, img.Key, w)
			b.track(w)
		}
	}
}

// LotsAfter returns the open lots after a change as it was decoded, which names
// only those that came and went, from the lots before it. A split rescales them
// all before it takes any.
func LotsAfter(old *position.Lots, c *position.Change) (*position.Lots, error) {
	if c.After == nil {
		return nil, nil //nolint:nilnil // a record of no position has no lots
	}
	want := c.After.Lots
	if split, ok := c.Cause.(position.Split); ok {
		per := split.Per
		if per.IsZero() {
			per = position.FromInt(1)
		}
		var err error
		if old, err = old.Split(split.Ratio, per); err != nil {
			return nil, err
		}
	}
	if want != nil && old != nil && len(c.Consumed)+len(c.Opened) == 0 && sameLots(old, want) {
		return old, nil
	}
	return old.After(c.Consumed, c.Opened, want)
}

func sameLots(a, b *position.Lots) bool {
	return a.Count == b.Count && a.Next == b.Next && a.Sum == b.Sum
}

// parts follows the changes of one mutation from record to record: they are
// numbered, and belong to one batch.
type parts struct{ next, of uint32 }

func (p *parts) check(c *position.Change, seq uint64, more bool) error {
	if (c.Cause == nil) != (c.Kind == position.EpochBegun) || (c.Epoch == nil) != (c.Kind != position.EpochBegun) {
		return badRecord(seq, "is a change of kind %s without what belongs to it", c.Kind)
	}
	return p.follow(c.Part, c.Parts, seq, more)
}

// follow is check for a change of which the decoder has made sure that it has what
// belongs to it.
func (p *parts) follow(part, of uint32, seq uint64, more bool) error {
	if p.next == 0 {
		p.of = of
	}
	if part != p.next || of != p.of || part >= of {
		return badRecord(seq, "is part %d of %d, expected was %d of %d", part, of, p.next, p.of)
	}
	if p.next++; p.next == p.of {
		p.next = 0
	} else if !more {
		return badRecord(seq, "ends a batch inside the changes of a mutation")
	}
	return nil
}

// trail is the marks of an instrument as far as they can still be the highest or
// the lowest since some record. An image holds the extremes up to its own record,
// so what a replay needs beside the last image of a position is the extremes of
// the marks behind it: no mark has to look at the positions that it moves.
type trail struct {
	highs []tick // prices descending, seqs ascending
	lows  []tick // prices ascending, seqs ascending
}

type tick struct {
	seq   uint64
	price position.Decimal
}

func (t *trail) add(seq uint64, price position.Decimal) {
	for n := len(t.highs); n > 0 && t.highs[n-1].price.Cmp(price) <= 0; n-- {
		t.highs = t.highs[:n-1]
	}
	for n := len(t.lows); n > 0 && t.lows[n-1].price.Cmp(price) >= 0; n-- {
		t.lows = t.lows[:n-1]
	}
	t.highs = append(t.highs, tick{seq, price})
	t.lows = append(t.lows, tick{seq, price})
}

// behind returns the highest and the lowest mark behind a record, if there is one.
func (t *trail) behind(seq uint64) (extremes, bool) {
	high, some := first(t.highs, seq)
	low, _ := first(t.lows, seq)
	return extremes{high: high, low: low}, some
}

// first returns the price of the first tick behind a record.
func first(ticks []tick, seq uint64) (position.Decimal, bool) {
	i := sort.Search(len(ticks), func(i int) bool { return ticks[i].seq > seq })
	if i == len(ticks) {
		return position.Decimal{}, false
	}
	return ticks[i].price, true
}

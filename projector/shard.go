package projector

import (
	"hash/maphash"
	"runtime"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// maxShards bounds how many workers a replay has.
const maxShards = 64

// shard has some of the keys of a replay, sees all their changes, in order, and
// nothing else. So decoding, which is most of the work, goes on as wide as there
// are processors, and what a change needs of the one before it is still where that
// has left it. Work that concerns no key, or all of them, is the replayer's, which sees
// the records in order when the shards have seen them.
type shard struct {
	book   *Book
	no     uint8
	shelf  *shelf // as it was before the replay
	decode wire.Decoder
	rec    wire.Recorded
	index  index    // of met, by the hash of a key's binary form
	met    []*entry // in order
	todo   []todo   // of the chunk it works on
}

// todo is a record of a chunk, and the entry of its key.
type todo struct {
	at int
	*entry
}

// entry is one key in a replay, with what its last record has left.
type entry struct {
	wire.KnownKey

	first uint64             // the record that it was met with
	slot  uint32             // noSlot: the book has none for it
	img   *position.Position // nil: none yet
	own   bool               // nobody else has the image
	list  cycleList          // ended cycles
	moved bool               // the list is not the one before
}

// room is where the next image may be decoded: in the place of one that nobody
// will look at. The last image of a cycle may go to the shelf.
func (e *entry) room() *position.Position {
	if e.own && e.img.IsOpen() {
		return e.img
	}
	return nil
}

// sharded is what becomes of a chunk in the shards.
type sharded struct {
	shard []uint8  // of each record
	tags  []uint32 // of its key, for the index
	keys  [][]byte // in binary form, nil for a record that leads to no position
	steps []step
	fails []failure // of each shard
}

// step is what the replayer needs to know of a record.
type step struct {
	part, parts uint32
	time        position.Time // event time
	print       wire.Fingerprint
	other       *position.Change // where it leads to no position
}

// failure is a record that a shard could not take.
type failure struct {
	at  int // index
	err error
	// late is a failure of a record that could be decoded, so that its step is
	// there.
	late bool
}

// shards returns as many as there are processors; held is the shelf, which must
// not be written before they are done.
func (b *Book) shards(held *shelf) []*shard {
	all := make([]*shard, min(runtime.GOMAXPROCS(0), maxShards))
	for i := range all {
		all[i] = &shard{book: b, no: uint8(i), shelf: held, index: newIndex(), decode: wire.Decoder{Prints: b.prints}}
	}
	return all
}

// share says which shard gets which record of a chunk. Shards is their number.
func (c *chunk) share(seed maphash.Seed, shards int) {
	c.shard, c.tags, c.keys = c.shard[:0], c.tags[:0], c.keys[:0]
	for i := range c.recs {
		key := wire.KeyOf(c.recs[i].Payload)
		hash := maphash.Bytes(seed, key)
		c.shard = append(c.shard, uint8(uint32(hash)%uint32(shards)))
		c.tags = append(c.tags, uint32(hash>>32))
		c.keys = append(c.keys, key)
	}
	if cap(c.steps) < len(c.recs) {
		c.steps = make([]step, max(len(c.recs), chunkRecords))
	}
	c.steps = c.steps[:len(c.recs)]
	if c.fails == nil {
		c.fails = make([]failure, shards)
	}
}

// work takes the shard's records of a chunk.
func (s *shard) work(c *chunk) {
	c.fails[s.no] = failure{at: len(c.recs)}
	for next := 0; next < len(c.recs); {
		next, _ = s.look(c, next)
		for _, t := range s.todo {
			if late, err := s.take(c, t.at, t.entry); err != nil {
				c.fails[s.no] = failure{at: t.at, err: err, late: late}
				return // what comes behind is not applied any more
			}
		}
	}
}

// look finds the entries of the shard's next records, and reads the images that they
// will go into: each is a cache miss, and one behind the other they are waited for side
// by side. It returns the index of the record behind them. The sum has no meaning.
func (s *shard) look(c *chunk, from int) (next int, sum uint64) {
	const some = 32
	s.todo = s.todo[:0]
	for next = from; next < len(c.recs) && len(s.todo) < some; next++ {
		if c.shard[next] == s.no {
			s.todo = append(s.todo, todo{next, s.entry(c.tags[next], c.keys[next], c.recs[next].Seq)})
		}
	}
	for _, t := range s.todo {
		if t.entry != nil && t.img != nil && t.img.IsOpen() {
			sum += t.img.Seq + t.img.Cycle + uint64(len(t.img.Totals.Fees))
		}
	}
	return next, sum
}

// take takes one record.
func (s *shard) take(c *chunk, i int, e *entry) (late bool, err error) {
	seq, rec := c.recs[i].Seq, &s.rec
	var known *wire.KnownKey
	var room *position.Position
	var old before
	if e != nil {
		known, room, old = &e.KnownKey, e.room(), e.before()
	}
	if err = s.decode.Recorded(c.recs[i].Payload, known, room, rec); err != nil {
		return false, &RecordError{Seq: seq, Reason: "cannot be decoded", Err: err}
	}
	to := &c.steps[i]
	*to = step{part: rec.Part, parts: rec.Parts, time: rec.Time, print: rec.Print}
	switch {
	case rec.Time < 0:
		return true, badRecord(seq, "has the event time %d, which is before 1970", rec.Time)
	case rec.After != nil:
		return true, s.assign(e, old, seq)
	case rec.Prev != 0:
		return true, badRecord(seq, "says that record %d came before, and has no position", rec.Prev)
	}
	other := rec.Change
	to.other = &other
	return true, nil
}

// entry returns the entry of a key, nil where it is none, which decoding the record
// will tell.
func (s *shard) entry(tag uint32, key []byte, seq uint64) *entry {
	if key == nil {
		return nil
	}
	x := &s.index
	for i := x.home(tag); x.places[i].ref != 0; i = x.next(i) {
		if p := x.places[i]; p.tag == tag && s.met[p.ref-1].Is(key) {
			return s.met[p.ref-1]
		}
	}
	e := &entry{first: seq, slot: noSlot}
	if s.decode.Know(key, &e.KnownKey) != nil {
		return nil
	}
	t := &s.book.positions // which nobody writes before all shards are done
	if slot, ok := t.slot(t.head, e.Key); ok {
		e.slot, e.img = slot, t.head[slot]
		e.Key = e.img.Key
		e.list = listOf(s.shelf.pages, slot)
	}
	x.add(tag, uint32(len(s.met)))
	s.met = append(s.met, e)
	return e
}

// before is what a change needs to know of the image before it, whose place the
// next one may take.
type before struct {
	img        *position.Position // nil: there is none
	seq, cycle uint64
	open       bool
	lots       *position.Lots
}

func (e *entry) before() before {
	p := e.img
	if p == nil {
		return before{}
	}
	return before{img: p, seq: p.Seq, cycle: p.Cycle, open: p.IsOpen(), lots: p.Lots}
}

// assign makes sure that the change just decoded follows the image before, gives
// its image the lots, of which a record has those only that came and went, and
// puts it in its place.
func (s *shard) assign(e *entry, old before, seq uint64) error {
	c := &s.rec.Change
	next := c.After
	switch {
	case e == nil || next.Key != e.Key:
		return badRecord(seq, "leads to %s, which is not the position of its cause", next.Key)
	case old.open && next.Cycle > old.cycle:
		return badRecord(seq, "begins cycle %d of %s while cycle %d is open", next.Cycle, e.Key, old.cycle)
	case c.Prev != old.seq:
		return badRecord(seq, "follows record %d of %s, but record %d is the last one of it", c.Prev, e.Key, old.seq)
	}
	if next.Lots != nil || old.lots != nil || c.Consumed != nil || c.Opened != nil {
		var err error
		if next.Lots, err = LotsAfter(old.lots, c); err != nil {
			return &RecordError{Seq: seq, Reason: "has lots that do not follow from those before", Err: err}
		}
	}
	next.Key, next.Seq = e.Key, seq
	if old.img != nil && next.Cycle != old.cycle {
		step := cycleStep{current: next.Cycle}
		if next.Cycle > old.cycle && old.cycle > 0 {
			step.ended = old.img
		}
		e.list, e.moved = e.list.after(step, s.shelf.limit), true
	}
	e.img, e.own = next, true
	return nil
}

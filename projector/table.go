package projector

import (
	"slices"
	"sync"
	"sync/atomic"
)

// table holds the images of one kind, each in a slot of its own that never
// changes. An image is immutable from when it is published until nobody can have it
// any more; see Book.Publish.
type table[K comparable, V any] struct {
	// index maps a key to its slot. The writer writes it under Book.mu and
	// reads it without; everybody else reads it under Book.mu.
	index index
	keyOf func(*V) K
	// head is what the writer has accepted, by slot. Only the writer uses it.
	head []*V
	// pub is what readers may see; Book.mu guards it. It is never longer than
	// head, and a slot beyond its length is a key that is not published yet.
	pub []*V
	// sorted is the slots in the order of their keys, as far as a view once
	// sorted them: always a permutation of 0 … len−1.
	sorted *atomic.Pointer[[]uint32]
}

func newTable[K comparable, V any](keyOf func(*V) K) table[K, V] {
	return table[K, V]{index: newIndex(), keyOf: keyOf, sorted: new(atomic.Pointer[[]uint32])}
}

// slot returns the slot of a key among images, some of this table.
func (t *table[K, V]) slot(images []*V, key K) (uint32, bool) {
	x, tag := &t.index, tagOf(&t.index, key)
	for i := x.home(tag); x.places[i].ref != 0; i = x.next(i) {
		if p := x.places[i]; p.tag == tag && int(p.ref) <= len(images) && t.keyOf(images[p.ref-1]) == key {
			return p.ref - 1, true
		}
	}
	return 0, false
}

// likely returns the accepted image that a key with this tag has, if that key has
// any, but for two keys with one tag. It looks at no image.
func (t *table[K, V]) likely(tag uint32) *V {
	x := &t.index
	for i := x.home(tag); x.places[i].ref != 0; i = x.next(i) {
		if p := x.places[i]; p.tag == tag && int(p.ref) <= len(t.head) {
			return t.head[p.ref-1]
		}
	}
	return nil
}

// write is one image for one slot.
type write[V any] struct {
	slot  uint32
	keeps bool // somebody else will have the image that this one replaces
	img   *V
}

// set puts an image into its slot of head; key is only looked at for a new one.
func (t *table[K, V]) set(mu *sync.RWMutex, key K, w write[V]) {
	if int(w.slot) < len(t.head) {
		t.head[w.slot] = w.img
		return
	}
	mu.Lock()
	t.index.add(tagOf(&t.index, key), w.slot)
	mu.Unlock()
	t.head = append(t.head, w.img)
}

// publishLocked puts an image into its slot of pub, and returns the one that it
// replaces there, nil for none.
func (t *table[K, V]) publishLocked(w write[V]) (replaced *V) {
	if int(w.slot) < len(t.pub) {
		replaced, t.pub[w.slot] = t.pub[w.slot], w.img
		return replaced
	}
	t.pub = append(t.pub, w.img)
	return nil
}

// order returns the slots of images, a published slot slice, sorted by cmp. It
// sorts only what was not sorted for an earlier view, and may run on any number
// of goroutines: they find the same order.
func (t *table[K, V]) order(images []*V, cmp func(a, b *V) int) []uint32 {
	var known []uint32
	if p := t.sorted.Load(); p != nil {
		known = *p
	}
	if len(known) >= len(images) {
		if len(known) == len(images) {
			return known
		}
		out := make([]uint32, 0, len(images))
		for _, slot := range known {
			if int(slot) < len(images) {
				out = append(out, slot)
			}
		}
		return out
	}
	fresh := make([]uint32, 0, len(images)-len(known))
	for slot := len(known); slot < len(images); slot++ {
		fresh = append(fresh, uint32(slot))
	}
	slices.SortFunc(fresh, func(a, b uint32) int { return cmp(images[a], images[b]) })
	out := make([]uint32, 0, len(images))
	for len(known) > 0 && len(fresh) > 0 {
		if cmp(images[fresh[0]], images[known[0]]) < 0 {
			out, fresh = append(out, fresh[0]), fresh[1:]
		} else {
			out, known = append(out, known[0]), known[1:]
		}
	}
	out = append(append(out, known...), fresh...)
	t.sorted.Store(&out)
	return out
}

// layer is what a mutation or batch being staged sees of a table: the head, and
// over it what it has staged itself.
type layer[K comparable, V any] struct {
	table *table[K, V]

	// The key looked up last and its slot, so that a plain fill costs one
	// lookup; noSlot when it has none.
	key   K
	slot  uint32
	keyed bool

	added   map[K]uint32  // keys that are not in the table yet
	images  map[uint32]*V // staged so far, in a batch
	touched []uint32      // keys of images, in order
}

const noSlot = 1<<32 - 1

// reset forgets everything staged. Room for few is kept: a map that was large
// once takes long to clear.
func (l *layer[K, V]) reset() {
	l.keyed = false
	l.touched = l.touched[:0]
	l.added = emptied(l.added)
	l.images = emptied(l.images)
}

func emptied[K comparable, V any](m map[K]V) map[K]V {
	const few = 1 << 10
	switch {
	case len(m) > few:
		return nil
	case len(m) > 0:
		clear(m)
	}
	return m
}

func (l *layer[K, V]) find(key K) uint32 {
	if l.keyed && l.key == key {
		return l.slot
	}
	slot, ok := l.table.slot(l.table.head, key)
	if !ok {
		if slot, ok = l.added[key]; !ok {
			slot = noSlot
		}
	}
	l.key, l.slot, l.keyed = key, slot, true
	return slot
}

// image returns the image of a key, nil when there is none.
func (l *layer[K, V]) image(key K) *V { return l.at(l.find(key)) }

// staged reports whether the batch has an image of the slot already.
func (l *layer[K, V]) staged(slot uint32) bool {
	_, ok := l.images[slot]
	return ok
}

func (l *layer[K, V]) at(slot uint32) *V {
	if len(l.images) > 0 {
		if img, ok := l.images[slot]; ok {
			return img
		}
	}
	if int(slot) < len(l.table.head) {
		return l.table.head[slot]
	}
	return nil
}

// slotOf returns the slot of a key, a new one if it has none.
func (l *layer[K, V]) slotOf(key K) uint32 {
	slot := l.find(key)
	if slot == noSlot {
		slot = uint32(len(l.table.head) + len(l.added))
		if l.added == nil {
			l.added = make(map[K]uint32)
		}
		l.added[key] = slot
		l.slot = slot // find has just stored the key
	}
	return slot
}

// put returns the write that gives a key its image.
func (l *layer[K, V]) put(key K, img *V, batch bool) write[V] {
	return l.putAt(l.slotOf(key), img, batch)
}

// putAt is put for a slot that is known. In a batch later members see the image.
func (l *layer[K, V]) putAt(slot uint32, img *V, batch bool) write[V] {
	if batch {
		if l.images == nil {
			l.images = make(map[uint32]*V)
		}
		if _, seen := l.images[slot]; !seen {
			l.touched = append(l.touched, slot)
		}
		l.images[slot] = img
	}
	return write[V]{slot: slot, img: img}
}

package projector

import "hash/maphash"

// index finds the slots of keys. It is open addressing with linear probing, and
// holds no keys: they lie in the images, which whoever looks a key up goes on to
// read anyway. A place has 32 bits of the key's hash, the top bits of which are
// its home, so that growing looks at no image either.
type index struct {
	seed   maphash.Seed
	places []place // a power of two, at most three quarters full
	shift  uint    // home of a tag: its top bits
	used   int
}

// place is empty when ref is 0.
type place struct{ tag, ref uint32 }

const firstPlaces = 16

func newIndex() index {
	x := index{seed: maphash.MakeSeed()}
	x.resize(firstPlaces)
	return x
}

// reserve makes room for n keys.
func (x *index) reserve(n int) {
	size := len(x.places)
	for size*3/4 < n {
		size *= 2
	}
	if size > len(x.places) {
		x.resize(size)
	}
}

// add notes the slot of a key that is not there yet.
func (x *index) add(tag, slot uint32) {
	x.reserve(x.used + 1)
	x.used++
	x.insert(place{tag: tag, ref: slot + 1})
}

// fill notes the slots of keys that are not there yet, slot n + i for the i-th tag.
// The places of the next few are looked at first, side by side, since each is a
// cache miss.
func (x *index) fill(tags []uint32, n int) (sum int) {
	const few = 16
	x.reserve(x.used + len(tags))
	x.used += len(tags)
	for len(tags) > 0 {
		now := tags[:min(few, len(tags))]
		for _, tag := range now {
			sum += int(x.places[x.home(tag)].ref)
		}
		for i, tag := range now {
			x.insert(place{tag: tag, ref: uint32(n+i) + 1})
		}
		tags, n = tags[len(now):], n+len(now)
	}
	return sum
}

func (x *index) insert(p place) {
	i := x.home(p.tag)
	for x.places[i].ref != 0 {
		i = x.next(i)
	}
	x.places[i] = p
}

func (x *index) resize(size int) {
	old := x.places
	x.places, x.shift = make([]place, size), 32
	for ; size > 1; size >>= 1 {
		x.shift--
	}
	for _, p := range old {
		if p.ref != 0 {
			x.insert(p)
		}
	}
}

func (x *index) home(tag uint32) int { return int(tag >> x.shift) }

func (x *index) next(i int) int { return (i + 1) & (len(x.places) - 1) }

func tagOf[K comparable](x *index, key K) uint32 {
	return uint32(maphash.Comparable(x.seed, key) >> 32)
}

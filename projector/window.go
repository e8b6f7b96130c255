package projector

import (
	"encoding/binary"
	"iter"
	"time"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// DefaultWindow is how many mutations [Options].Window of 0 remembers.
const DefaultWindow = 1 << 20

const (
	maxWindow   = 1 << 28 // a larger one is cut to this; its index alone would be 4 GB
	windowChunk = 1 << 10 // entries per chunk
	firstSlots  = 1 << 8  // slots of an empty window's index
	laterShare  = 8       // an index is made anew when one in so many entries is new
)

// windowEntry is what the dedupe window knows of one mutation.
type windowEntry struct {
	wire.Fingerprint
	First uint64        // seq of its first change
	Time  position.Time // its event time
	// Ahead is by how much Time was ahead of the time of its record, 0 if it was
	// not.
	Ahead time.Duration
	Count uint32 // how many changes it gave, at least 1
}

// Last returns the seq of the mutation's last change.
func (e *windowEntry) Last() uint64 { return e.First + uint64(e.Count) - 1 }

// window remembers the last mutations, so that a retry is told from a new one.
// When it is full the oldest entry is forgotten, and the horizon, the newest
// event time ever forgotten, moves up: an unknown id that is not younger than
// the horizon may be a forgotten one. **Nothing is ever forgotten whose event time
// is above the horizon.**
//
// An entry that is dated ahead of its record cannot move the horizon to its own
// time: one date in 2099 would make everything too old. It is kept apart until
// the horizon has passed it; see kept.go.
//
// The entries lie in chunks that are only ever appended to; a chunk is let go
// when all of it is forgotten. So Freeze copies a slice header, and what
// it returns stays as it was while the window moves on. An index by id, open
// addressing with linear probing, belongs to the window alone. Its slots hold 32
// bits of the id beside the entry's number: the top bits are the slot's home, so
// growing and deleting need not touch the entries.
//
// A window is not for concurrent use; a windowView is.
type window struct {
	size  uint64
	index []windowSlot // a power of two, at most half full
	stale bool         // the index is not kept in step until settle makes it anew
	later uint64       // entries that AddLater has added since settle
	shift uint         // home of a tag: its top bits
	view  windowView
	kept  keptIndex // of view.kept
}

// windowSlot is empty when ref is 0.
type windowSlot struct {
	tag uint32 // first 32 bits of the id
	ref uint32 // 1 + the entry's number modulo refs
}

// refs is how many entry numbers a slot can tell apart; more than maxWindow.
const refs = 1<<32 - 1

// windowView is a window as it was at one moment. The zero value is empty.
type windowView struct {
	chunks []*[windowChunk]windowEntry // chunks[0] holds entry lo, unless empty
	lo, hi uint64                      // numbers of the oldest entry and of the next
	// horizon is the newest event time forgotten, 0 while nothing was.
	horizon position.Time
	// kept are entries that are older than entry lo. Those at or below the horizon
	// are forgotten; apart says how many are not.
	kept  []windowEntry
	apart int
}

// newWindow returns an empty window that remembers size mutations; 0 means
// [DefaultWindow].
func newWindow(size int) *window {
	switch {
	case size <= 0:
		size = DefaultWindow
	case size > maxWindow:
		size = maxWindow
	}
	w := &window{size: uint64(size)}
	w.setIndex(make([]windowSlot, firstSlots))
	return w
}

// Size returns how many mutations can be remembered.
func (w *window) Size() int { return int(w.size) }

// Horizon returns the newest event time that was forgotten, 0 while nothing was.
func (w *window) Horizon() position.Time { return w.view.horizon }

// Forgotten reports whether a mutation of this event time may be one that was
// forgotten. The horizon itself is included: the entry that set it had that time.
func (w *window) Forgotten(at position.Time) bool { return w.view.horizon > 0 && at <= w.view.horizon }

// Forget moves the horizon up to at, as a window does that was larger once.
func (w *window) Forget(at position.Time) {
	if at > w.view.horizon {
		w.view.horizon = at
		w.drop()
	}
}

// Freeze returns the window as it is now. It copies no entry.
func (w *window) Freeze() windowView { return w.view }

// Find returns the entry of an id, the newest if it was added more than once.
func (w *window) Find(id [16]byte) (windowEntry, bool) {
	e, found := w.FindLast(id)
	if !found && w.view.apart > 0 {
		return w.findKept(id)
	}
	return e, found
}

// FindLast is Find among as many as the window holds: it does not look at what is
// kept for its event time only.
func (w *window) FindLast(id [16]byte) (windowEntry, bool) {
	if w.stale {
		w.settle()
	}
	tag := idTag(id)
	newest, found := uint64(0), false
	for i := w.home(tag); w.index[i].ref != 0; i = w.next(i) {
		if w.index[i].tag != tag {
			continue
		}
		if n := w.number(w.index[i].ref); n >= newest && w.view.at(n).ID == id {
			newest, found = n, true
		}
	}
	if !found {
		return windowEntry{}, false
	}
	return *w.view.at(newest), true
}

// Warm reads where Find will begin to look for each of these ids, and where adding
// as many entries will forget the oldest, so that both are in the processor's cache
// by then. The sum has no meaning.
func (w *window) Warm(prints []wire.Fingerprint) (sum int) {
	v := &w.view
	for i := range prints {
		sum += int(w.index[w.home(idTag(prints[i].ID))].ref)
		if n := v.lo + uint64(i); v.hi-v.lo+uint64(i) >= w.size && n < v.hi {
			sum += int(w.index[w.home(idTag(v.at(n).ID))].ref)
		}
	}
	return sum
}

// Add remembers an entry, and forgets the oldest one, or keeps it apart, if the
// window is full. An id that is there already keeps its entry beside the new one;
// that happens only to a window that is larger than the one through which the id
// passed twice.
func (w *window) Add(e windowEntry) {
	v := &w.view
	if v.hi-v.lo == w.size {
		w.forgetOldest()
	}
	if !w.stale && uint64(len(w.index)) < 2*(v.hi-v.lo+1) {
		w.grow()
	}
	if v.hi/windowChunk-v.lo/windowChunk == uint64(len(v.chunks)) {
		v.addChunk()
	}
	*v.at(v.hi) = e
	if !w.stale {
		w.insert(slotOf(e.ID, v.hi))
	}
	v.hi++
}

// AddLater is [window.Add] among many: from then on the index waits for settle, which
// whatever looks into it begins with. Where there are too few for that to pay, the index
// stays.
func (w *window) AddLater(e windowEntry) {
	if w.later++; w.later > (w.view.hi-w.view.lo)/laterShare {
		w.stale = true
	}
	w.Add(e)
}

// settle makes the index of what AddLater has added. One pass over the entries that
// are left puts them into an index that has its size from the start, while adding
// them one by one moves it with each doubling and takes every forgotten one out.
func (w *window) settle() {
	w.later = 0
	if !w.stale {
		return
	}
	w.stale = false
	v := &w.view
	if slots := slotsFor(v.hi - v.lo); slots > len(w.index) {
		w.setIndex(make([]windowSlot, slots))
	} else {
		clear(w.index)
	}
	for n := v.lo; n < v.hi; {
		chunk := v.chunks[n/windowChunk-v.lo/windowChunk]
		for end := min(v.hi, (n/windowChunk+1)*windowChunk); n < end; n++ {
			w.insert(slotOf(chunk[n%windowChunk].ID, n))
		}
	}
}

// makeRoom makes room for n entries that are about to be added, as [window.AddLater]
// does, to a window that is empty.
func (w *window) makeRoom(n uint64) {
	n = min(n, w.size)
	for n > uint64(len(w.view.chunks))*windowChunk {
		w.view.addChunk()
	}
	if slots := slotsFor(n); slots > len(w.index) {
		w.stale = true
		w.setIndex(make([]windowSlot, slots))
	}
}

// slotsFor is how many slots an index of n entries has.
func slotsFor(n uint64) int {
	slots := firstSlots
	for uint64(slots) < 2*n {
		slots *= 2
	}
	return slots
}

// slotOf is the slot of the entry number n.
func slotOf(id [16]byte, n uint64) windowSlot {
	return windowSlot{tag: idTag(id), ref: uint32(n%refs) + 1}
}

func (w *window) forgetOldest() {
	v := &w.view
	e := v.at(v.lo)
	if !w.stale {
		w.remove(slotOf(e.ID, v.lo))
	}
	if e.Ahead > 0 {
		w.keep(e)
	} else {
		w.Forget(e.Time)
	}
	v.lo++
	if v.lo%windowChunk == 0 {
		v.chunks = v.chunks[1:]
	}
}

func (w *window) insert(s windowSlot) {
	i := w.home(s.tag)
	for w.index[i].ref != 0 {
		i = w.next(i)
	}
	w.index[i] = s
}

// remove deletes a slot, if it is there, and closes the gap, so that no probe ends
// too early: what lies behind moves up unless that would put it before its home.
func (w *window) remove(s windowSlot) {
	gap := w.home(s.tag)
	for ; w.index[gap].ref != s.ref; gap = w.next(gap) {
		if w.index[gap].ref == 0 {
			return
		}
	}
	mask := len(w.index) - 1
	for i := w.next(gap); w.index[i].ref != 0; i = w.next(i) {
		if (i-w.home(w.index[i].tag))&mask >= (i-gap)&mask {
			w.index[gap] = w.index[i]
			gap = i
		}
	}
	w.index[gap] = windowSlot{}
}

func (w *window) grow() {
	old := w.index
	w.setIndex(make([]windowSlot, 2*len(old)))
	for _, s := range old {
		if s.ref != 0 {
			w.insert(s)
		}
	}
}

func (w *window) setIndex(index []windowSlot) {
	w.index, w.shift = index, 32
	for n := len(index); n > 1; n >>= 1 {
		w.shift--
	}
}

func (w *window) home(tag uint32) int { return int(tag >> w.shift) }

func (w *window) next(i int) int { return (i + 1) & (len(w.index) - 1) }

// number returns the number of the remembered entry that a slot refers to.
func (w *window) number(ref uint32) uint64 {
	lo := w.view.lo % refs
	return w.view.lo + (uint64(ref-1)+refs-lo)%refs
}

// idTag is uniform because an id is a truncated hash.
func idTag(id [16]byte) uint32 { return binary.BigEndian.Uint32(id[:]) }

// Len returns how many mutations are remembered.
func (v windowView) Len() int { return v.apart + int(v.hi-v.lo) }

// Horizon returns the newest event time that was forgotten, 0 while nothing was.
func (v windowView) Horizon() position.Time { return v.horizon }

// All yields the entries, oldest first. They must not be changed.
func (v windowView) All() iter.Seq[*windowEntry] {
	return func(yield func(*windowEntry) bool) {
		for i := range v.kept {
			if v.kept[i].Time > v.horizon && !yield(&v.kept[i]) {
				return
			}
		}
		for n := v.lo; n < v.hi; n++ {
			if !yield(v.at(n)) {
				return
			}
		}
	}
}

// at returns the entry number n, lo ≤ n ≤ hi.
func (v *windowView) at(n uint64) *windowEntry {
	return &v.chunks[n/windowChunk-v.lo/windowChunk][n%windowChunk]
}

// addChunk appends a chunk. The slice is moved by hand when it is full, because
// append would leave the forgotten chunks alive in up to as much room again.
func (v *windowView) addChunk() {
	if len(v.chunks) == cap(v.chunks) {
		moved := make([]*[windowChunk]windowEntry, len(v.chunks), len(v.chunks)+max(4, len(v.chunks)/16))
		copy(moved, v.chunks)
		v.chunks = moved
	}
	v.chunks = append(v.chunks, new([windowChunk]windowEntry))
}

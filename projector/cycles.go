package projector

import (
	"slices"
	"sync/atomic"

	"github.com/moneyprinter/holdfast/position"
)

// DefaultClosedCycles is how many ended cycles a book keeps per key if its
// options do not say.
const DefaultClosedCycles = 16

// shelf keeps the last images of cycles that ended, by slot of their position.
//
// The lists lie in pages. A reader borrows the pages by copying one pointer for
// each; the next write to a page that may be borrowed is made to a copy of it.
// So a view costs next to nothing here, and does not change.
type shelf struct {
	pages []*shelfPage // nil: none of its slots has a list
	limit int          // newest cycles kept per slot
	count int          // of images on all pages
	// gen is that of the pages which belong to this shelf alone. lent tells the
	// next write that there are none any more; readers set it side by side.
	gen  uint64
	lent atomic.Bool
}

const shelfSlots = 128 // per page

type shelfPage struct {
	gen   uint64
	lists [shelfSlots]cycleList
}

// cycleList is the images of one slot, oldest first, their cycles ascending and
// below that of the slot's image. It is immutable as far as its length goes.
type cycleList []*position.Position

// cycleStep is what one change does to the list of a slot: the cycles from
// current on are no ended ones, and ended, if there is one, is a new one.
type cycleStep struct {
	ended   *position.Position
	current uint64
	slot    uint32
}

func newShelf(closedCycles int) *shelf {
	switch {
	case closedCycles == 0:
		closedCycles = DefaultClosedCycles
	case closedCycles < 0:
		closedCycles = int(^uint(0) >> 1)
	}
	return &shelf{limit: closedCycles}
}

// lend returns the pages as they are now. They must not be written.
func (s *shelf) lend() []*shelfPage {
	s.lent.Store(true)
	return slices.Clone(s.pages)
}

// fork returns a shelf of its own that begins as this one is.
func (s *shelf) fork() *shelf {
	f := &shelf{pages: s.lend(), limit: s.limit, count: s.count, gen: s.gen}
	f.lent.Store(true)
	return f
}

// apply takes a step.
func (s *shelf) apply(st cycleStep) {
	s.put(st.slot, listOf(s.pages, st.slot).after(st, s.limit))
}

// put gives a slot its list.
func (s *shelf) put(slot uint32, list cycleList) {
	old := listOf(s.pages, slot)
	if len(list) == 0 && len(old) == 0 {
		return
	}
	s.count += len(list) - len(old)
	*s.at(slot) = list
}

// after returns the list after a step, at most limit long.
func (l cycleList) after(st cycleStep, limit int) cycleList {
	n := len(l)
	for n > 0 && l[n-1].Cycle >= st.current {
		n--
	}
	list := l[:n]
	if n < len(l) {
		list = list[:n:n] // views still see what lay behind
	}
	if st.ended != nil {
		list = list.with(st.ended, limit)
	}
	return list
}

// with returns the list with one image more and at most limit in all. Where it
// appends in place, older lists end before.
func (l cycleList) with(img *position.Position, limit int) cycleList {
	if len(l) < limit {
		return append(l, img)
	}
	next := make(cycleList, 0, limit)
	return append(append(next, l[len(l)-limit+1:]...), img)
}

// at returns where the list of a slot lies, on a page that nobody else has.
func (s *shelf) at(slot uint32) *cycleList {
	if s.lent.Load() {
		s.lent.Store(false)
		s.gen++
	}
	for int(slot/shelfSlots) >= len(s.pages) {
		s.pages = append(s.pages, nil)
	}
	page := &s.pages[slot/shelfSlots]
	switch {
	case *page == nil:
		*page = &shelfPage{gen: s.gen}
	case (*page).gen != s.gen:
		own := **page
		own.gen = s.gen
		*page = &own
	}
	return &(*page).lists[slot%shelfSlots]
}

// listOf returns the list of a slot, nil if it has none.
func listOf(pages []*shelfPage, slot uint32) cycleList {
	if n := int(slot / shelfSlots); n < len(pages) && pages[n] != nil {
		return pages[n].lists[slot%shelfSlots]
	}
	return nil
}

// values copies the images.
func (l cycleList) values() []position.Position {
	if len(l) == 0 {
		return nil
	}
	out := make([]position.Position, len(l))
	for i, img := range l {
		out[i] = *img
	}
	return out
}

// Cycles returns the cycles of a key that ended before its current or last one,
// oldest first, each as its last change left it: as many as the book keeps.
func (b *Book) Cycles(key position.Key) []position.Position {
	if !b.made() {
		return nil
	}
	b.mu.RLock()
	var list cycleList
	if slot, ok := b.positions.slot(b.positions.pub, key); ok {
		list = listOf(b.shelf.pages, slot)
	}
	b.mu.RUnlock()
	return list.values()
}

// Cycles is [Book.Cycles] at the view's moment.
func (v *View) Cycles(key position.Key) []position.Position {
	v = v.made()
	v.book.mu.RLock()
	slot, ok := v.book.positions.slot(v.positions, key)
	v.book.mu.RUnlock()
	if !ok {
		return nil
	}
	return listOf(v.cycles, slot).values()
}

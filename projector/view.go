package projector

import (
	"iter"
	"sort"
	"strings"
	"sync"

	"github.com/moneyprinter/holdfast/position"
)

// View is a book as it was published at one seq. It never changes, may be used
// by any number of goroutines, and keeps the images that it shows alive.
type View struct {
	book *Book // for the indexes only: a later key has a slot beyond the slices
	state
	positions   []*position.Position
	instruments []*position.Instrument
	accounts    []*position.Account
	cycles      []*shelfPage
	ended       int // images on them

	byName func() map[string]*position.Instrument
	digest func() [32]byte
	step   func() // between pieces of long work; nil: nothing
}

// Counts say how much a view holds.
type Counts struct {
	Positions, Open, Instruments, Accounts, Window uint64
	Cycles                                         uint64 // ended ones that are kept
}

// View returns the state that was published last. It copies one pointer per
// position, and holds up Publish for as long.
func (b *Book) View() *View {
	if !b.made() {
		return New(Options{}).View()
	}
	v := &View{book: b}
	b.mu.RLock()
	b.lent.Store(b.pub.seq)
	v.state = b.pub
	v.positions = append([]*position.Position(nil), b.positions.pub...)
	v.instruments = append([]*position.Instrument(nil), b.instruments.pub...)
	v.accounts = append([]*position.Account(nil), b.accounts.pub...)
	v.cycles, v.ended = b.shelf.lend(), b.shelf.count
	b.mu.RUnlock()
	v.byName = sync.OnceValue(v.instrumentsByName)
	v.digest = sync.OnceValue(v.computeDigest)
	return v
}

// Resting returns the view with a function that is called between pieces of long work
// on it, sorting its keys for the first time and making its digest, so that this can
// make way for others.
func (v *View) Resting(step func()) *View {
	x := *v.made()
	x.step = step
	x.digest = sync.OnceValue(x.computeDigest)
	return &x
}

// pieces is between how many comparisons of a sort a view rests.
const pieces = 1 << 10

// rested returns a comparison that lets the view rest now and then.
func rested[V any](v *View, compare func(a, b *V) int) func(a, b *V) int {
	if v.step == nil {
		return compare
	}
	n := 0
	return func(a, b *V) int {
		if n++; n%pieces == 0 {
			v.step()
		}
		return compare(a, b)
	}
}

// few is how many images are read ahead at a time.
const few = 16

// warm reads a word of each cache line of the images in so many slots, so that the
// processor fetches them side by side. In the order of their keys they lie anywhere,
// and one after the other each would be waited for. The sum has no meaning.
func warm(images []*position.Position, slots []uint32) (sum int64) {
	for _, slot := range slots[:min(few, len(slots))] {
		p := images[slot]
		entry, _ := p.EntryQty.Words()
		peak, _ := p.PeakQty.Words()
		high, _ := p.High.Words()
		sum += int64(len(p.Key.Leg)) + int64(p.Version) + entry + peak + int64(len(p.Totals.Fees)) + high + int64(p.UpdatedAt)
	}
	return sum
}

// Counts returns the seq that was published last and how much the book holds there.
// Unlike a view it copies nothing.
func (b *Book) Counts() (uint64, Counts) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.shelf == nil { // the zero Book is an empty one
		return 0, Counts{}
	}
	return b.pub.seq, Counts{
		Positions: uint64(len(b.positions.pub)), Open: uint64(b.pub.open), Instruments: uint64(len(b.instruments.pub)),
		Accounts: uint64(len(b.accounts.pub)), Window: uint64(b.pub.window.Len()), Cycles: uint64(b.shelf.count),
	}
}

// Position returns the position of a key as published last, with the current
// mark of its instrument.
func (b *Book) Position(key position.Key) (position.Position, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock() // without it the image may be written over
	if b.shelf == nil {  // the zero Book is an empty one
		return position.Position{}, false
	}
	p := pick(&b.positions, b.positions.pub, key)
	if p == nil {
		return position.Position{}, false
	}
	return marked(p.Detached(), pick(&b.instruments, b.instruments.pub, key.Instrument)), true
}

// marked returns a position with its instrument's current mark.
func marked(p position.Position, in *position.Instrument) position.Position {
	if in != nil && in.MarkTime != 0 {
		p.Mark, p.HasMark = in.Mark, true
	}
	return p
}

// made returns the view, or, for the zero View, that of an empty book.
func (v *View) made() *View {
	if v.book == nil {
		return New(Options{}).View()
	}
	return v
}

// Seq returns the record that the view includes as its last, 0 for none.
func (v *View) Seq() uint64 { return v.seq }

// Time returns the record time of that record.
func (v *View) Time() position.Time { return v.time }

// Epoch returns the epoch of that record, and what its own record says, nil if
// there was none.
func (v *View) Epoch() (uint64, *position.Epoch) { return v.epoch, v.era }

// Counts returns how much the view holds.
func (v *View) Counts() Counts {
	return Counts{
		Positions:   uint64(len(v.positions)),
		Open:        uint64(v.open),
		Instruments: uint64(len(v.instruments)),
		Accounts:    uint64(len(v.accounts)),
		Window:      uint64(v.window.Len()),
		Cycles:      uint64(v.ended),
	}
}

// Position returns the position of a key, with the current mark of its
// instrument.
func (v *View) Position(key position.Key) (position.Position, bool) {
	v = v.made()
	v.book.mu.RLock()
	p := pick(&v.book.positions, v.positions, key)
	in := pick(&v.book.instruments, v.instruments, key.Instrument)
	v.book.mu.RUnlock()
	if p == nil {
		return position.Position{}, false
	}
	return marked(*p, in), true
}

// Positions yields all positions, flat ones included, in the order of their
// keys, with the current marks of their instruments.
func (v *View) Positions() iter.Seq[position.Position] {
	return v.PositionsAfter(position.Key{})
}

// PositionsAfter yields those of them whose keys come after one. A key that has an
// account only comes before all positions of the account.
func (v *View) PositionsAfter(key position.Key) iter.Seq[position.Position] {
	v = v.made()
	return func(yield func(position.Position) bool) {
		instruments := v.byName()
		order := v.book.positions.order(v.positions, byKey)
		first := sort.Search(len(order), func(i int) bool { return v.positions[order[i]].Key.Compare(key) > 0 })
		for _, slot := range order[first:] {
			p := v.positions[slot]
			if !yield(marked(*p, instruments[p.Key.Instrument])) {
				return
			}
		}
	}
}

// Keys yields the keys of all positions, flat ones included, in no order that means
// anything. The caller may only read them.
func (v *View) Keys() iter.Seq[*position.Key] {
	return func(yield func(*position.Key) bool) {
		for _, p := range v.positions {
			if !yield(&p.Key) {
				return
			}
		}
	}
}

// Instrument returns an instrument that was defined or marked.
func (v *View) Instrument(name string) (position.Instrument, bool) {
	v = v.made()
	v.book.mu.RLock()
	in := pick(&v.book.instruments, v.instruments, name)
	v.book.mu.RUnlock()
	if in == nil {
		return position.Instrument{}, false
	}
	return *in, true
}

// Instruments yields all instruments that were defined or marked, by name.
func (v *View) Instruments() iter.Seq[position.Instrument] {
	v = v.made()
	return func(yield func(position.Instrument) bool) {
		for _, slot := range v.book.instruments.order(v.instruments, byInstrument) {
			if !yield(*v.instruments[slot]) {
				return
			}
		}
	}
}

// Account returns the cash side of an account.
func (v *View) Account(name string) (position.Account, bool) {
	v = v.made()
	v.book.mu.RLock()
	a := pick(&v.book.accounts, v.accounts, name)
	v.book.mu.RUnlock()
	if a == nil {
		return position.Account{}, false
	}
	return *a, true
}

// Accounts yields all accounts that have had a charge of their own, by name.
func (v *View) Accounts() iter.Seq[position.Account] {
	v = v.made()
	return func(yield func(position.Account) bool) {
		for _, slot := range v.book.accounts.order(v.accounts, byAccount) {
			if !yield(*v.accounts[slot]) {
				return
			}
		}
	}
}

// pick returns the image that a key has among some of a table, nil for none. The
// caller holds Book.mu.
func pick[K comparable, V any](t *table[K, V], images []*V, key K) *V {
	slot, ok := t.slot(images, key)
	if !ok {
		return nil
	}
	return images[slot]
}

func (v *View) instrumentsByName() map[string]*position.Instrument {
	m := make(map[string]*position.Instrument, len(v.instruments))
	for _, in := range v.instruments {
		m[in.Name] = in
	}
	return m
}

func byKey(a, b *position.Position) int { return a.Key.Compare(b.Key) }

func byInstrument(a, b *position.Instrument) int { return strings.Compare(a.Name, b.Name) }

func byAccount(a, b *position.Account) int { return strings.Compare(a.Name, b.Name) }

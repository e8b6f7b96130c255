package projector

import (
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// staging is the state that a mutation is folded on: the head and, over it,
// what the batch has done so far. It implements [position.State].
type staging struct {
	book  *Book
	batch bool // more than one mutation: later ones see what earlier ones did
	// Images with a seq above this one are known to nobody but the writer and
	// may be changed in place.
	shared      uint64
	positions   layer[position.Key, position.Position]
	instruments layer[string, position.Instrument]
	accounts    layer[string, position.Account]
	ids         map[[16]byte]int // of a batch's members
	past        History          // nil: every history is trimmed
}

func (st *staging) reset(batch bool, shared uint64) {
	st.batch, st.shared, st.past = batch, shared, st.book.history
	st.positions.reset()
	st.instruments.reset()
	st.accounts.reset()
	clear(st.ids)
}

// committed forgets keys that have a slot in the table by now.
func (st *staging) committed() {
	if len(st.positions.added)+len(st.instruments.added)+len(st.accounts.added) > 0 {
		clear(st.positions.added)
		clear(st.instruments.added)
		clear(st.accounts.added)
	}
}

// Position implements [position.State].
func (st *staging) Position(key position.Key) *position.Position { return st.positions.image(key) }

// Instrument implements [position.State].
func (st *staging) Instrument(name string) *position.Instrument { return st.instruments.image(name) }

// Account implements [position.State].
func (st *staging) Account(name string) *position.Account { return st.accounts.image(name) }

// DefaultTerms implements [position.State].
func (st *staging) DefaultTerms() *position.Terms { return st.book.terms }

// Open implements [position.State].
func (st *staging) Open(instrument string) iter.Seq[*position.Position] {
	var open []*position.Position
	if row := st.book.row(instrument); row != nil {
		open = make([]*position.Position, 0, int(row.n)+len(st.positions.touched))
		for i := range row.n {
			if img := st.positions.at(row.at(i).slot); img.IsOpen() {
				open = append(open, img)
			}
		}
	}
	for _, slot := range st.positions.touched {
		if img := st.positions.images[slot]; img.Key.Instrument == instrument && img.IsOpen() && !st.book.isOpen(slot) {
			open = append(open, img)
		}
	}
	slices.SortFunc(open, byKey)
	return slices.Values(open)
}

// History implements [position.State]. The records that a refold reads do not
// have what the batch itself has done so far.
func (st *staging) History(key position.Key, fill string) (*position.History, error) {
	b := st.book
	_, touched := st.positions.images[st.positions.find(key)]
	if !touched {
		_, touched = st.instruments.images[st.instruments.find(key.Instrument)]
	}
	if touched {
		return nil, &position.FieldError{
			Field: "fill", Err: position.ErrInvalid,
			Reason: fmt.Sprintf("%q cannot be refolded here: the batch has changed %s before; busts and corrections come first, or alone", fill, key),
		}
	}
	e, known := b.window.Find(wire.HashID(b.prints, fill))
	switch {
	case !known && b.window.Horizon() == 0: // it has forgotten nothing
		return nil, fmt.Errorf("%w: no mutation has the id %q", position.ErrUnknownFill, fill)
	case st.past == nil:
		return nil, fmt.Errorf("%w: %q cannot be looked up", position.ErrTrimmedHistory, fill)
	}
	return st.past(key, fill, e.First, b.head.seq)
}

// HasOpen implements [position.State].
func (st *staging) HasOpen(instrument string) bool {
	n := 0
	if row := st.book.row(instrument); row != nil {
		n = int(row.n)
	}
	for _, slot := range st.positions.touched {
		img := st.positions.images[slot]
		if img.Key.Instrument != instrument {
			continue
		}
		if img.IsOpen() {
			n++
		}
		if st.book.isOpen(slot) {
			n--
		}
	}
	return n > 0
}

func (b *Book) isOpen(slot uint32) bool { return int(slot) < len(b.open) && b.open[slot].row > 0 }

package projector

import (
	"sync"

	"github.com/moneyprinter/holdfast/position"
)

// Options are how a book computes and remembers.
type Options struct {
	Rules  position.Rules // of the arithmetic; the ledger's identity names them
	Window int            // mutations remembered for duplicates; 0: position.DefaultWindow
}

// Record is one change as the journal keeps it.
type Record struct {
	position.Stamp
	More    bool   // the next record belongs to the same batch
	Payload []byte // as position.AppendChange made it; may change after the next step of an iterator
}

// Book is the state of a ledger after some record: positions, instruments,
// accounts, and the dedupe window.
//
// One goroutine, the writer, calls Stage, StageEpoch, Accept, Replay and
// Recompute. Publish may be called by another one, in the order of Accept.
// Everything else may be called by anybody at any time, and sees only what was
// published.
type Book struct {
	rules position.Rules

	// Owned by the writer.
	head    state
	window  *position.Window
	rows    map[string]*openRow // by instrument
	open    []openRef           // by slot of positions
	staging staging

	// mu guards pub, the pub slices of the tables, and changes of their
	// indexes. See table for what the writer may do without it.
	mu          sync.RWMutex
	pub         state
	positions   table[position.Key, position.Position]
	instruments table[string, position.Instrument]
	accounts    table[string, position.Account]
}

// state is what a book knows beside its tables.
type state struct {
	seq    uint64
	time   position.Time // record time of seq
	epoch  uint64        // of seq
	era    *position.Epoch
	open   int // open positions
	window position.WindowView
}

// openRow lists the open positions of one instrument with the extremes of their
// marks, so that a mark touches no image unless an extreme moves.
type openRow struct{ reach []reach }

type reach struct {
	high, low position.Decimal
	slot      uint32
}

// openRef says where in which row an open position is; row is nil for a flat one.
type openRef struct {
	row *openRow
	at  uint32
}

// New returns an empty book.
func New(o Options) *Book {
	b := &Book{
		rules:       o.Rules,
		window:      position.NewWindow(o.Window),
		rows:        make(map[string]*openRow),
		positions:   table[position.Key, position.Position]{index: make(map[position.Key]uint32)},
		instruments: table[string, position.Instrument]{index: make(map[string]uint32)},
		accounts:    table[string, position.Account]{index: make(map[string]uint32)},
	}
	b.staging = staging{
		book:        b,
		positions:   layer[position.Key, position.Position]{table: &b.positions},
		instruments: layer[string, position.Instrument]{table: &b.instruments},
		accounts:    layer[string, position.Account]{table: &b.accounts},
	}
	return b
}

// Head returns the seq of the last accepted record. It is the writer's; readers
// ask a [View].
func (b *Book) Head() uint64 { return b.head.seq }

// HeadTime returns the record time of the last accepted record. It is the
// writer's.
func (b *Book) HeadTime() position.Time { return b.head.time }

// Accept makes s the head, so that what is staged next builds on it. s must
// have been staged on the present head: anything else would write another
// history than the one that is in the journal, and is a bug of the caller.
func (b *Book) Accept(s *Staged) {
	if len(s.Changes) == 0 {
		return
	}
	if s.accepted || s.base != b.head.seq {
		panic("projector: Accept of a change that was not staged on the head")
	}
	s.accepted = true
	b.commit(s)
	for i := range s.entries {
		b.window.Add(s.entries[i])
	}
	b.head.seq += uint64(len(s.Changes))
	b.head.time = s.At
	if s.era != nil {
		b.head.epoch, b.head.era = s.epoch, s.era
	}
	b.head.window = b.window.Freeze()
	s.after = b.head
}

// Publish shows readers what was accepted, each Staged whole, in the order of
// Accept.
func (b *Book) Publish(staged ...*Staged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range staged {
		if len(s.Changes) == 0 {
			continue
		}
		if !s.accepted || s.base != b.pub.seq {
			panic("projector: Publish out of the order of Accept")
		}
		for _, w := range s.positions {
			b.positions.publishLocked(w)
		}
		for _, w := range s.instruments {
			b.instruments.publishLocked(w)
		}
		for _, w := range s.accounts {
			b.accounts.publishLocked(w)
		}
		b.pub = s.after
	}
}

// publishAll shows readers the whole head.
func (b *Book) publishAll() {
	b.head.window = b.window.Freeze()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.positions.pub = append([]*position.Position(nil), b.positions.head...)
	b.instruments.pub = append([]*position.Instrument(nil), b.instruments.head...)
	b.accounts.pub = append([]*position.Account(nil), b.accounts.head...)
	b.pub = b.head
}

// commit puts the images of s into the heads of the tables and keeps the rows of
// open positions in step.
func (b *Book) commit(s *Staged) {
	for _, w := range s.positions {
		// A plain fill leaves the row as it is, and the fold has just read both
		// images: looking here first saves the cache misses of a look there.
		settled := s.folded && int(w.slot) < len(b.positions.head) && sameReach(b.positions.head[w.slot], w.img)
		b.positions.set(&b.mu, w.img.Key, w)
		if !settled {
			b.track(w)
		}
	}
	for _, w := range s.instruments {
		b.instruments.set(&b.mu, w.img.Name, w)
	}
	for _, w := range s.accounts {
		b.accounts.set(&b.mu, w.img.Name, w)
	}
}

// sameReach reports whether a mark looks at both images alike. They are two
// unless a replay has changed one in place.
func sameReach(old, img *position.Position) bool {
	return old.IsOpen() == img.IsOpen() && (!img.IsOpen() || old.High == img.High && old.Low == img.Low)
}

// track notes that a slot's position is open or flat, and its extremes.
func (b *Book) track(w write[position.Position]) {
	if int(w.slot) == len(b.open) {
		b.open = append(b.open, openRef{})
	}
	ref := &b.open[w.slot]
	switch isOpen := w.img.IsOpen(); {
	case isOpen && ref.row != nil:
		r := &ref.row.reach[ref.at]
		r.high, r.low = w.img.High, w.img.Low
	case isOpen:
		row := b.rows[w.img.Key.Instrument]
		if row == nil {
			row = new(openRow)
			b.rows[w.img.Key.Instrument] = row
		}
		ref.row, ref.at = row, uint32(len(row.reach))
		row.reach = append(row.reach, reach{high: w.img.High, low: w.img.Low, slot: w.slot})
		b.head.open++
	case ref.row != nil:
		last := len(ref.row.reach) - 1
		moved := ref.row.reach[last]
		ref.row.reach[ref.at] = moved
		ref.row.reach = ref.row.reach[:last]
		b.open[moved.slot].at = ref.at
		ref.row = nil
		b.head.open--
	}
}

package projector

import (
	"sync"
	"sync/atomic"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// Options are how a book computes and remembers.
type Options struct {
	Rules  position.Rules // of the arithmetic; the ledger's identity names them
	Window int            // mutations remembered for duplicates; 0: DefaultWindow
	// Prints is the key of the fingerprints by which the window knows mutations again;
	// the ledger's identity has it.
	Prints position.FingerprintKey
	// ClosedCycles is how many ended cycles of each key stay readable, the newest
	// ones; 0: DefaultClosedCycles, negative: all.
	ClosedCycles int
	// History answers Stage and Recompute; nil: every history is trimmed.
	History History
}

// History finds what a bust or correction folds again: what happened to a key and its
// instrument from a fill on, up to the record head, which the writer has accepted and
// may not have made durable yet. First is the fill's record, 0 if the window has
// forgotten it. The writer calls it while it stages.
type History func(key position.Key, fill string, first, head uint64) (*position.History, error)

// Record is one change as the journal keeps it.
type Record struct {
	position.Stamp
	More    bool   // the next record belongs to the same batch
	Payload []byte // as wire.AppendChange made it
}

// Book is the state of a ledger after some record: positions, instruments,
// accounts, and the dedupe window.
//
// One goroutine, the writer, calls Stage, StageEpoch, Accept, Warm, Replay and
// Recompute. Publish may be called by another one, in the order of Accept.
// Everything else may be called by anybody at any time, and sees only what was
// published.
type Book struct {
	rules   position.Rules
	terms   *position.Terms // of undefined instruments
	history History
	prints  position.FingerprintKey

	// Owned by the writer.
	head    state
	window  *window
	rows    []openRow         // of an instrument each
	rowOf   map[string]uint32 // by instrument, the number of its row and 1
	open    []openRef         // by slot of positions
	names   map[string]string // some of those in keys; see named
	staging staging
	spare   []*Staged // that nobody uses
	spares  spares

	recomputing bool // see find

	returned struct { // that nobody uses either; see Reuse
		sync.Mutex

		list  []*Staged
		lists []lists
		spent spent
		upTo  uint64 // all that was published up to this record was given back
	}

	// mu guards pub, the shelf, the pub slices of the tables, and changes of their
	// indexes. See table for what the writer may do without it.
	mu          sync.RWMutex
	pub         state
	lent        atomic.Uint64 // seq of the last view; readers set it side by side
	shelf       *shelf        // ended cycles, as published
	positions   table[position.Key, position.Position]
	instruments table[string, position.Instrument]
	came        []uint64 // by slot of instruments: a record that its published image is not older than
	accounts    table[string, position.Account]
}

// maxNames bounds what a book keeps to tell that names are shared.
const maxNames = 1 << 14

// state is what a book knows beside its tables.
type state struct {
	seq    uint64
	time   position.Time // record time of seq
	epoch  uint64        // of seq
	era    *position.Epoch
	open   int // open positions
	window windowView
}

// New returns an empty book.
func New(o Options) *Book {
	b := new(Book)
	b.init(o)
	return b
}

func (b *Book) init(o Options) {
	terms := o.Rules.DefaultTerms()
	b.rules, b.terms, b.history, b.prints = o.Rules, &terms, o.History, o.Prints
	b.shelf = newShelf(o.ClosedCycles)
	b.rowOf, b.names = make(map[string]uint32), make(map[string]string)
	b.positions = newTable(func(p *position.Position) position.Key { return p.Key })
	b.instruments = newTable(func(in *position.Instrument) string { return in.Name })
	b.accounts = newTable(func(a *position.Account) string { return a.Name })
	b.staging = staging{
		book:        b,
		positions:   layer[position.Key, position.Position]{table: &b.positions},
		instruments: layer[string, position.Instrument]{table: &b.instruments},
		accounts:    layer[string, position.Account]{table: &b.accounts},
	}
	b.window = newWindow(o.Window)
}

// ready makes the zero Book an empty one of the zero Options. It is the writer's.
func (b *Book) ready() {
	if b.window == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.init(Options{})
	}
}

// made reports whether the book is one that New or its writer has made: readers
// of the zero Book see an empty one.
func (b *Book) made() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.shelf != nil
}

// Head returns the seq of the last accepted record. It is the writer's; readers
// ask a [View].
func (b *Book) Head() uint64 { return b.head.seq }

// RecordOf returns the first record of the mutation with an id, 0 where the window
// does not know it. It is the writer's.
func (b *Book) RecordOf(id string) uint64 {
	b.ready()
	e, _ := b.window.Find(wire.HashID(b.prints, id))
	return e.First
}

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
//
// **An image is written over when it was replaced here, no view was taken while it
// stood here, the shelf does not take it, and all that was staged up to its
// replacement was given back.** Until then readers copy it under mu, the encoder
// reads it through Changes, and a view has it for good. A view leaves the seq at which
// it was taken: images of a later record came after it.
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
		b.showLocked(s)
		for _, step := range s.cycles {
			b.shelf.apply(step)
		}
		b.pub = s.after
	}
}

// showLocked puts the images of s into the published slots, and notes which of those
// that they replace nobody has but who reads Changes.
func (b *Book) showLocked(s *Staged) {
	lent := b.lent.Load()
	for _, w := range s.positions {
		if old := b.positions.publishLocked(w); old != nil && !w.keeps && old.Seq > lent {
			s.spent.images = append(s.spent.images, old)
		}
	}
	for _, w := range s.instruments {
		if old := b.instruments.publishLocked(w); b.cameLocked(w.slot, s.base+1) > lent {
			s.spent.instruments = append(s.spent.instruments, old)
		}
	}
	for _, w := range s.accounts {
		b.accounts.publishLocked(w)
	}
}

// cameLocked notes the record with which the image of an instrument came, and returns
// that of the image before, 0 where it is not known. An instrument's own Seq does not
// tell: marks leave it.
func (b *Book) cameLocked(slot uint32, seq uint64) (before uint64) {
	for int(slot) >= len(b.came) {
		b.came = append(b.came, 0)
	}
	before, b.came[slot] = b.came[slot], seq
	return before
}

// publishAll shows readers the whole head and what it has ended.
func (b *Book) publishAll(ended *shelf) {
	b.head.window = b.window.Freeze()
	b.mu.Lock()
	defer b.mu.Unlock()
	// A view has copies of these slices, never the slices.
	b.positions.pub = append(b.positions.pub[:0], b.positions.head...)
	b.instruments.pub = append(b.instruments.pub[:0], b.instruments.head...)
	b.accounts.pub = append(b.accounts.pub[:0], b.accounts.head...)
	b.pub = b.head
	b.shelf = ended
	clear(b.came)
	b.returned.Lock()
	defer b.returned.Unlock()
	b.returned.upTo = b.head.seq
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

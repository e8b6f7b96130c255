package projector

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// Staged is what a mutation, a batch or an epoch would do to the head of a book.
// Its exported members are the caller's to read.
type Staged struct {
	// Changes are the new ones. Once accepted, Changes[i] is record
	// Head()+1+i; all of them but the last are followed by more of the batch.
	Changes  []position.Change
	Outcomes []Outcome // one per mutation
	At       position.Time
	// Ahead is by how much the latest event time is ahead of At, 0 if none is.
	Ahead time.Duration

	base     uint64 // the head it was staged on
	epoch    uint64
	era      *position.Epoch // of an epoch record, else nil
	folded   bool            // its images are new ones, made from those of the head
	accepted bool
	long     bool  // its lists are not those of room; see lists
	after    state // the head that Accept made

	positions   []write[position.Position]
	instruments []write[position.Instrument]
	accounts    []write[position.Account]
	cycles      []cycleStep
	entries     []windowEntry
	spent       spent

	// Room for a plain fill or mark, so that it allocates nothing.
	room struct {
		changes   [1]position.Change
		outcomes  [1]Outcome
		positions [2]write[position.Position]
		entries   [1]windowEntry
		spent     [2]*position.Position

		instruments [1]write[position.Instrument] // for a mark
		prices      [1]*position.Instrument
		cycles      [1]cycleStep
	}
}

// spent is what Publish has replaced and nobody has but who reads Changes.
type spent struct {
	images      []*position.Position
	instruments []*position.Instrument
}

// spares is what nobody has any more. It is the writer's.
type spares struct {
	position.Spares

	instruments []*position.Instrument
}

// add takes what was spent.
func (s *spares) add(from *spent) {
	for _, img := range from.images {
		s.Add(img)
	}
	n := min(len(from.instruments), maxImages-len(s.instruments))
	s.instruments = append(s.instruments, from.instruments[:n]...)
}

// instrument returns room for the image of one.
func (s *spares) instrument() *position.Instrument {
	last := len(s.instruments) - 1
	if last < 0 {
		return new(position.Instrument)
	}
	in := s.instruments[last]
	s.instruments = s.instruments[:last]
	return in
}

// Bounds of what a book keeps to use it again: more Staged than a group usually has,
// about 1 MiB, and 2 MiB of images; the lists of as many batches as a group usually has,
// each of no more than so many changes.
const (
	maxSpare  = 1 << 11
	maxImages = 1 << 12
	maxLists  = 4
	maxLong   = 1 << 11
)

// lists are what a Staged of several mutations has in place of its room.
type lists struct {
	changes   []position.Change
	outcomes  []Outcome
	positions []write[position.Position]
	entries   []windowEntry
	images    []*position.Position
}

// forget makes room for the images of another change.
func (s *Staged) forget() {
	s.positions, s.instruments, s.accounts, s.cycles = s.positions[:0], s.instruments[:0], s.accounts[:0], s.cycles[:0]
}

// makeRoom makes room in s for what so many plain mutations give.
func (b *Book) makeRoom(s *Staged, n int) {
	r := &s.room
	s.instruments, s.cycles = r.instruments[:0], r.cycles[:0]
	if n == 1 {
		s.Changes, s.Outcomes, s.positions, s.entries = r.changes[:0], r.outcomes[:0], r.positions[:0], r.entries[:0]
		s.spent = spent{r.spent[:0], r.prices[:0]}
		return
	}
	l, some := b.takeLists(), n+n/8 // a flip is two changes
	s.Changes, s.Outcomes = slices.Grow(l.changes, some), slices.Grow(l.outcomes, n)
	s.positions, s.entries = slices.Grow(l.positions, some), slices.Grow(l.entries, n)
	s.spent = spent{slices.Grow(l.images, some), r.prices[:0]}
	s.long = true
}

// takeLists returns lists that nobody uses, or none.
func (b *Book) takeLists() (l lists) {
	r := &b.returned
	r.Lock()
	defer r.Unlock()
	if last := len(r.lists) - 1; last >= 0 {
		l, r.lists = r.lists[last], r.lists[:last]
	}
	return l
}

// keepLists keeps those of s for another batch, without what they point to.
func (b *Book) keepLists(s *Staged) {
	if !s.long || cap(s.Changes) > maxLong {
		return
	}
	clear(s.Changes)
	clear(s.positions)
	clear(s.spent.images)
	r := &b.returned
	r.Lock()
	defer r.Unlock()
	if len(r.lists) < maxLists {
		r.lists = append(r.lists, lists{s.Changes[:0], s.Outcomes[:0], s.positions[:0], s.entries[:0], s.spent.images[:0]})
	}
}

// Outcome is what became of one mutation.
type Outcome struct {
	First, Last uint64 // seqs of its changes
	Duplicate   bool   // they were made before, or it defines what is defined so already
}

// Stage finds out what mutations would do: all of them or, with an error, none.
// They must have an id and a time and be valid in form; see
// [position.Mutation]. at is the record time that their changes will get.
//
// A mutation that the dedupe window knows changes nothing, and its outcome is
// that of the first time; so does a definition of an instrument that is defined
// so already. insist lets pass what would be refused as [ErrTooOld] or [ErrAhead].
//
// The book is not changed. To drop what was staged, forget it.
func (b *Book) Stage(at position.Time, ms []position.Mutation, insist bool) (*Staged, error) {
	return b.StagePrinted(at, ms, nil, insist, b.history)
}

// StagePrinted is Stage for a caller that has the fingerprints of the mutations
// already, computed on another goroutine perhaps, and answers for the history itself.
// With prints nil it computes them.
func (b *Book) StagePrinted(at position.Time, ms []position.Mutation, prints []wire.Fingerprint, insist bool, past History) (*Staged, error) {
	b.ready()
	s := b.blank()
	s.At, s.base, s.folded = at, b.head.seq, true
	b.makeRoom(s, len(ms))
	var room [1]wire.Fingerprint
	if prints == nil {
		prints = room[:0]
		for _, m := range ms {
			prints = append(prints, wire.FingerprintOf(b.prints, m))
		}
	}
	b.staging.reset(len(ms) > 1, ^uint64(0))
	b.staging.past = past
	known, err := b.recognise(s, ms, prints)
	if err != nil {
		return nil, err
	}
	for i, m := range ms {
		if i%warmed == 0 && len(ms) > 1 {
			b.Warm(ms[i:], prints[i:]) // for single ones their caller does it
		}
		if s.Outcomes[i].Duplicate {
			continue
		}
		err = b.member(s, i, m, prints[i], insist)
		if known >= 0 && (err != nil || !s.Outcomes[i].Duplicate) {
			err = partlyKnown(m, err, ms[known], s.Outcomes[known].First)
		}
		if err != nil {
			return nil, memberError(i, len(ms), err)
		}
	}
	return s, nil
}

// partlyKnown says why a batch is refused of which another member is known: m is
// new, or may be known as well and forgotten, which who sends it must not take for
// new.
func partlyKnown(m position.Mutation, err error, known position.Mutation, seq uint64) error {
	if errors.Is(err, ErrTooOld) {
		return fmt.Errorf("%w; %q was applied as record %d", err, known.ID(), seq)
	}
	return fmt.Errorf("%w: %q is new, %q was applied as record %d", ErrPartlyKnown, m.ID(), known.ID(), seq)
}

// blank returns a Staged that nobody uses.
func (b *Book) blank() *Staged {
	if len(b.spare) == 0 {
		b.takeBack()
	}
	n := len(b.spare)
	if n == 0 {
		return new(Staged)
	}
	s := b.spare[n-1]
	b.spare = b.spare[:n-1]
	return s
}

// takeBack takes what Reuse was given since.
func (b *Book) takeBack() {
	b.returned.Lock()
	defer b.returned.Unlock()
	b.spare, b.returned.list = b.returned.list, b.spare
	spent := &b.returned.spent
	b.spares.add(spent)
	spent.images, spent.instruments = spent.images[:0], spent.instruments[:0]
}

// Reuse gives back what was published, or staged and dropped, for later calls of
// Stage. Nothing of it may be looked at afterwards, Changes and Outcomes
// included, nor any image that its changes point to; causes are not part of it and
// live on. It may be called by another goroutine than the writer's.
//
// With what was published go the images that it has replaced, which the changes
// before still point to: so they count only from a caller that has given back all
// that it published, in its order.
//
// The room of some hundred fills is written again and again and so stays in the
// processor's caches, which saves more than the allocations do.
func (b *Book) Reuse(staged ...*Staged) {
	b.takeSpent(staged)
	for _, s := range staged {
		b.keepLists(s)
		*s = Staged{} // keeps no image alive
	}
	b.returned.Lock()
	defer b.returned.Unlock()
	if n := maxSpare - len(b.returned.list); n > 0 {
		b.returned.list = append(b.returned.list, staged[:min(n, len(staged))]...)
	}
}

// takeSpent keeps for the writer what was replaced, as far as everything before was
// given back as well.
func (b *Book) takeSpent(staged []*Staged) {
	r := &b.returned
	r.Lock()
	defer r.Unlock()
	for _, s := range staged {
		if !s.accepted || s.base != r.upTo {
			continue
		}
		r.upTo = s.after.seq
		r.spent.images = appendSome(r.spent.images, s.spent.images)
		r.spent.instruments = appendSome(r.spent.instruments, s.spent.instruments)
	}
}

// appendSome appends as many as are kept.
func appendSome[V any](list, more []*V) []*V {
	return append(list, more[:max(0, min(len(more), maxImages-len(list)))]...)
}

// StageEpoch gives the record that begins an incarnation of the writer. It is
// not a mutation: it has no id and no place in the window.
func (b *Book) StageEpoch(at position.Time, epoch uint64, e position.Epoch) *Staged {
	return &Staged{
		Changes: []position.Change{{Kind: position.EpochBegun, Parts: 1, Epoch: &e}},
		At:      at,
		base:    b.head.seq,
		epoch:   epoch,
		era:     &e,
	}
}

// recognise fills in the outcomes of the members that the window knows, and
// returns the index of one of them, −1 if there is none.
func (b *Book) recognise(s *Staged, ms []position.Mutation, prints []wire.Fingerprint) (known int, err error) {
	known = -1
	for i, m := range ms {
		e, ok := b.find(prints[i].ID)
		switch {
		case !ok:
			s.Outcomes = append(s.Outcomes, Outcome{})
		case e.Content != prints[i].Content:
			return 0, memberError(i, len(ms), fmt.Errorf("%w: %q is that of record %d", ErrIDReused, m.ID(), e.First))
		default:
			s.Outcomes = append(s.Outcomes, Outcome{First: e.First, Last: e.Last(), Duplicate: true})
			known = i
		}
	}
	if len(ms) < 2 {
		return known, nil
	}
	st := &b.staging
	if st.ids == nil {
		st.ids = make(map[[16]byte]int)
	}
	for i, m := range ms {
		first, twice := st.ids[prints[i].ID]
		switch {
		case !twice:
			st.ids[prints[i].ID] = i
		case prints[first].Content != prints[i].Content:
			return 0, memberError(i, len(ms), fmt.Errorf("%w: %q is that of member %d", ErrIDReused, m.ID(), first))
		default:
			return 0, memberError(i, len(ms), fmt.Errorf("%w: %q is member %d as well", ErrPartlyKnown, m.ID(), first))
		}
	}
	return known, nil
}

// find looks an id up in the window. A recomputation looks no further than earlier
// builds did, which applied again what was dated ahead once they had no room for it.
func (b *Book) find(id [16]byte) (windowEntry, bool) {
	if b.recomputing {
		return b.window.FindLast(id)
	}
	return b.window.Find(id)
}

// member stages a mutation that the window does not know.
func (b *Book) member(s *Staged, i int, m position.Mutation, fp wire.Fingerprint, insist bool) error {
	st, n := &b.staging, len(s.Changes)
	all, err := b.rules.AppendFold(s.Changes, &b.spares.Spares, st, m)
	at := m.EventTime()
	if (err != nil || len(all) > n) && !insist && b.window.Forgotten(at) {
		return tooOld(m, b.window.Horizon())
	}
	if err != nil {
		return err
	}
	changes := all[n:]
	ahead := at.AheadOf(s.At)
	if ahead > 0 && len(changes) > 0 && !insist && b.window.Full() {
		return tooFarAhead(m, s.At, b.window.Size())
	}
	if len(changes) == 0 {
		return s.repeated(st, i, m)
	}
	first := s.base + uint64(n) + 1
	for j := range changes {
		if err = b.effects(s, &changes[j], first+uint64(j)); err != nil {
			return err
		}
	}
	s.Changes = all
	count := uint32(len(changes))
	s.Outcomes[i] = Outcome{First: first, Last: first + uint64(count) - 1}
	s.entries = append(s.entries, windowEntry{Fingerprint: fp, First: first, Time: at, Ahead: ahead, Count: count})
	s.Ahead = max(s.Ahead, ahead)
	return nil
}

// repeated is the outcome of a definition that is in force already: the record
// that made it.
func (s *Staged) repeated(st *staging, i int, m position.Mutation) error {
	d, ok := m.(position.DefineInstrument)
	if !ok {
		return fmt.Errorf("%q changes nothing, which a %s cannot", m.ID(), m.Type())
	}
	var seq uint64
	if in := st.Instrument(d.Instrument); in != nil {
		seq = in.Seq
	}
	s.Outcomes[i] = Outcome{First: seq, Last: seq, Duplicate: true}
	return nil
}

func memberError(i, n int, err error) error {
	if n == 1 {
		return err
	}
	return &MemberError{Index: i, Err: err}
}

// warmed bounds how many mutations Warm looks at.
const warmed = 16

// Warm reads what staging these fills is going to read, for all of them at once,
// so that the processor waits for its memory once: fill after fill, each would
// wait for its own. It changes nothing but the time that staging takes, and looks
// at the first 16. It is the writer's, who knows what it stages next; Stage does it
// for the members of a batch.
func (b *Book) Warm(ms []position.Mutation, prints []wire.Fingerprint) {
	b.ready()
	var tags [warmed]uint32
	var images [warmed]*position.Position
	n := 0
	for _, m := range ms[:min(len(ms), warmed)] {
		if f, ok := m.(position.Fill); ok {
			tags[n] = tagOf(&b.positions.index, f.Key)
			n++
		}
	}
	// Within a loop no reading waits for another one; what the next loop reads is
	// found through it.
	sum := b.window.Warm(prints[:min(len(prints), warmed)])
	for i, tag := range tags[:n] {
		images[i] = b.positions.likely(tag)
	}
	for _, p := range images[:n] {
		if p != nil { // something on each of its cache lines
			sum += len(p.Key.Leg) + int(p.Version) + p.EntryQty.Sign() + p.LastEntry.Sign() +
				len(p.Totals.Fees) + p.High.Sign() + int(p.Entries) + int(p.ClosedAt)
		}
	}
	for _, p := range images[:n] {
		if p != nil && p.Prior != nil {
			sum += len(p.Prior.Fees) + int(p.Prior.Wins)
		}
	}
	touched(sum)
}

// touched takes a sum of what was read. The compiler does not look into it, so it
// cannot find that nothing needs to be read.
//
//go:noinline
func touched(int) {}

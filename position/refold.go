package position

import (
	"fmt"
	"iter"
	"slices"
)

// MaxRefoldCycles is how many cycles of its key one bust or correction may fold
// again. Each gives a record. A refold of more is refused with [ErrTooLarge].
const MaxRefoldCycles = 1 << 16

// Refold folds a history anew for a bust or correction while that history is read,
// so that it keeps one image for each cycle and no mutation. The stager gives it to
// the fold in [History].
//
// It begins before the mutation is staged, and takes the mutations that came
// meanwhile at the end. It belongs to one goroutine at a time.
type Refold struct {
	x       refolding
	seq     uint64              // record of the fill
	revised map[uint64]Mutation // bust or last correction of the fills since, by their record
	after   *rerun              // as it should have been
	before  *rerun              // as it was, which tells whether a transfer would differ; it keeps no cycles
	lost    error               // why before cannot tell any more
	most    int                 // cycles that it may come to
	found   bool
	err     error
}

// NewRefold begins to fold a [Bust] or [Correct]. From says which record the fill
// is and what was just before the first mutation that will be folded; revised has
// the busts and corrections of the history by the record of their fill, the last
// one where there are several. More than most cycles are refused.
func (r Rules) NewRefold(m Mutation, from *History, revised map[uint64]Mutation, most int) (*Refold, error) {
	f := &Refold{seq: from.Seq, revised: revised, most: most}
	switch v := ValueOf(m).(type) {
	case Bust:
		f.x = refolding{key: v.Key, fill: v.Fill, kind: Busted}
	case Correct:
		f.x = refolding{key: v.Key, fill: v.Fill, kind: Corrected, correct: &v}
	default:
		return nil, invalid("type", "is neither a bust nor a correction")
	}
	terms := r.DefaultTerms()
	f.after, f.before = newRerun(r, &terms, f.x.key, from), newRerun(r, &terms, f.x.key, from)
	f.before.bare = true
	return f, nil
}

// Fold takes the next mutation that changed the key or its instrument, and the
// changes that it made where it is a transfer to the key. A record that revises
// another one is passed over: what it changed was given to [Rules.NewRefold]. The
// first error is that of the whole refold.
func (f *Refold) Fold(seq uint64, m Mutation, made []Change) error {
	if f.err != nil {
		return f.err
	}
	f.err = f.fold(seq, m, made)
	return f.err
}

func (f *Refold) fold(seq uint64, m Mutation, made []Change) error {
	if id, _ := revises(m); id != "" {
		return nil
	}
	was := m
	if by, ok := f.revised[seq]; ok {
		_, c := revises(by)
		was = c.instead(m)
	}
	is := was
	if seq == f.seq {
		if v, ok := m.(Fill); !ok || v.Key != f.x.key || v.Ident != f.x.fill {
			return f.x.unknown()
		}
		if was == nil {
			return f.x.twice()
		}
		is, f.found = f.x.correct.instead(was), true
	}
	if was != nil {
		f.before.brings(m, made)
		if f.lost == nil {
			f.lost = f.before.one(was, nil)
		}
	}
	if is != nil {
		f.after.brings(m, made)
		if err := f.after.one(is, &f.x); err != nil {
			return err
		}
	}
	if len(f.after.cycles) > f.most {
		return fmt.Errorf("%w: since %q %s has had more cycles than %d, which is what may be folded again at once: adjust the position instead",
			ErrTooLarge, f.x.fill, f.x.key, f.most)
	}
	if len(f.after.left) == 0 {
		return nil
	}
	// Other keys keep what transfers took there, so a refold must take the same.
	if f.lost != nil {
		return f.lost
	}
	if err := f.after.sameDepartures(f.before); err != nil {
		return err
	}
	f.after.left, f.before.left = f.after.left[:0], f.before.left[:0]
	return nil
}

// Cycles is how many images it holds.
func (f *Refold) Cycles() int {
	if f.after == nil {
		return 0
	}
	return len(f.after.cycles)
}

// result is what it has come to.
func (f *Refold) result(x *refolding) (*rerun, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case f.after == nil || f.x.key != x.key || f.x.fill != x.fill || f.x.kind != x.kind:
		return nil, fmt.Errorf("%w: what was folded ahead is another refold", ErrRefold)
	case !f.found:
		return nil, x.unknown()
	}
	return f.after, nil
}

func (x *refolding) unknown() error {
	return fmt.Errorf("%w: %q is no fill of %s", ErrUnknownFill, x.fill, x.key)
}

func (x *refolding) twice() error {
	return fmt.Errorf("%w: %q of %s is busted already", ErrUnknownFill, x.fill, x.key)
}

// rerun is the private state of a refold: one key and its instrument. It applies
// changes as the projector does, and remembers the last image of each cycle.
type rerun struct {
	rules    Rules
	terms    *Terms
	key      Key
	position *Position
	in       *Instrument

	brought map[string][]Change // by the transfers to the key: their changes, by id
	cycles  []Position          // last image of each cycle that was touched, in order
	left    []departure         // by the transfers from the key
	bare    bool                // only the newest cycle is kept
}

// departure is what a transfer took along.
type departure struct {
	id        string
	qty, cost Decimal
	lots      []Lot
}

func newRerun(r Rules, terms *Terms, key Key, h *History) *rerun {
	r.recorded = true
	s := &rerun{rules: r, terms: terms, key: key, position: h.Position, in: h.Instrument, brought: make(map[string][]Change)}
	for _, c := range h.Transfers {
		s.brought[c.Cause.ID()] = append(s.brought[c.Cause.ID()], c)
	}
	return s
}

// Position implements [State].
func (s *rerun) Position(key Key) *Position {
	if key == s.key {
		return s.position
	}
	return nil
}

// DefaultTerms implements [State].
func (s *rerun) DefaultTerms() *Terms { return s.terms }

// Instrument implements [State].
func (s *rerun) Instrument(name string) *Instrument {
	if name == s.key.Instrument {
		return s.in
	}
	return nil
}

// Account implements [State].
func (*rerun) Account(string) *Account { return nil }

// HasOpen implements [State].
func (s *rerun) HasOpen(instrument string) bool {
	return instrument == s.key.Instrument && s.position != nil && s.position.IsOpen()
}

// Open implements [State].
func (s *rerun) Open(instrument string) iter.Seq[*Position] {
	return func(yield func(*Position) bool) {
		if s.HasOpen(instrument) {
			yield(s.position)
		}
	}
}

// History implements [State].
func (s *rerun) History(key Key, fill string) (*History, error) {
	return nil, fmt.Errorf("%w: %q of %s, within a refold", ErrUnknownFill, fill, key)
}

// run folds mutations one after the other for the refold x, which may be nil. It
// refuses a correction that is no valid fill with the error of that fill.
func (s *rerun) run(ms []Mutation, x *refolding) error {
	for _, m := range ms {
		if err := s.one(m, x); err != nil {
			return err
		}
	}
	return nil
}

// one folds one mutation.
func (s *rerun) one(m Mutation, x *refolding) error {
	changes, err := s.fold(unconditional(m))
	switch {
	case err == nil:
	case unimportant(m, err):
		return nil
	case x != nil && x.correct != nil && m.ID() == x.fill && m.Type() == "fill":
		return err
	default:
		return refused(m, err)
	}
	for i := range changes {
		s.take(&changes[i])
	}
	return nil
}

// brings sets the changes that the next mutation made, if it is a transfer to the
// key. They take the place of those of all transfers before.
func (s *rerun) brings(m Mutation, made []Change) {
	clear(s.brought)
	if len(made) > 0 {
		s.brought[m.ID()] = made
	}
}

// fold is Rules.Fold, but for transfers to the key: this state does not have the
// key that they come from, so they bring what they brought the first time.
func (s *rerun) fold(m Mutation) ([]Change, error) {
	t, ok := m.(Transfer)
	if !ok || t.To() != s.key {
		return s.rules.Fold(s, m)
	}
	made := s.brought[t.Ident]
	if len(made) < 2 || made[0].After == nil {
		return nil, fmt.Errorf("%w: what it brought from %s is not known", ErrTrimmedHistory, t.Key)
	}
	from := made[0].After
	p := handover{
		leg: leg{qty: made[0].Qty.Neg(), value: made[0].Value.Neg()}, terms: from.Terms,
		high: from.High, low: from.Low,
	}
	if p.terms.CostMethod == Average {
		return s.rules.arrival(s.position, &t, s.in, &p)
	}
	var known Decimal
	p.lots, known = unpacked(&t, made)
	changes, err := s.rules.arrival(s.position, &t, s.in, &p)
	if err != nil {
		return nil, err
	}
	if opened, _, err := (&Lots{Open: changes[len(changes)-1].Opened}).quantity(); err != nil || opened.Abs().Cmp(known.Abs()) > 0 {
		// Time and label of a lot decide when it leaves: they are not guessed.
		return nil, fmt.Errorf("lots that it brought from %s met an opposite position and would now stay; when they were opened is not recorded here: adopt the position with its lots instead", t.Key)
	}
	return changes, nil
}

// unpacked returns the lots that a transfer brought, and how much is in those of
// which time and label are known. Those that met an opposite position whole are
// named only by what they held, and go first: nothing of them may stay open.
func unpacked(t *Transfer, made []Change) (lots []Lot, known Decimal) {
	var opened []Lot
	for i := range made[1:] {
		opened = append(opened, made[1+i].Opened...)
	}
	uses := made[0].Consumed
	met := len(uses) - len(opened) // they go first
	lots = make([]Lot, len(uses))
	var sum calc // parts of a quantity that fits
	for i, u := range uses {
		lots[i] = Lot{Qty: u.Qty, Cost: u.Cost, Opened: t.Time, Label: t.Ident}
		if j := i - met; j >= 0 && j < len(opened) {
			lots[i].Opened, lots[i].Label = opened[j].Opened, opened[j].Label
			known = sum.add(known, u.Qty)
		}
	}
	return lots, known
}

// take makes a change part of the state.
func (s *rerun) take(c *Change) {
	switch {
	case c.After != nil && c.After.Key == s.key:
		if t, ok := c.Cause.(Transfer); ok && t.Key == s.key {
			d := departure{id: t.Ident, qty: c.Qty.Neg(), cost: c.Value.Neg()}
			if len(c.Consumed) > 0 {
				d.lots = s.position.Lots.portions(c.Consumed)
			}
			s.left = append(s.left, d)
		}
		s.position = c.After
		if n := len(s.cycles); n > 0 && (s.bare || s.cycles[n-1].Cycle == c.After.Cycle) {
			s.cycles[n-1] = *c.After
		} else {
			s.cycles = append(s.cycles, *c.After)
		}
	case c.Instrument != nil:
		s.in = c.Instrument
	case c.Kind == Marked:
		s.mark(c.Cause)
	}
}

// mark gives the instrument its price and moves the extremes of the open
// position. Its version stays.
func (s *rerun) mark(m Mutation) {
	v, ok := m.(Mark)
	if !ok {
		return
	}
	next := unversioned(s, v.Instrument, s.in)
	next.Mark, next.MarkTime = v.Price, v.Time
	s.in = next
	p := s.position
	if p == nil || !p.IsOpen() || v.Price.Cmp(p.High) <= 0 && v.Price.Cmp(p.Low) >= 0 {
		return
	}
	n := *p
	if v.Price.Cmp(n.High) > 0 {
		n.High = v.Price
	}
	if v.Price.Cmp(n.Low) < 0 {
		n.Low = v.Price
	}
	s.take(&Change{After: &n})
}

// sameDepartures refuses a refold in which a transfer takes something else out of
// the key than it has brought to another one.
func (s *rerun) sameDepartures(first *rerun) error {
	if len(s.left) != len(first.left) {
		return fmt.Errorf("%w: %s would be left by other transfers than it was; adjust both positions instead", ErrRefold, s.key)
	}
	for i := range s.left {
		was, is := &first.left[i], &s.left[i]
		if was.qty != is.qty || was.cost != is.cost || !slices.Equal(was.lots, is.lots) {
			return fmt.Errorf("%w: transfer %q took %s at a cost of %s from %s, now it would take %s at %s, or other lots; adjust both positions instead",
				ErrRefold, is.id, was.qty, was.cost, s.key, is.qty, is.cost)
		}
	}
	return nil
}

// images returns the last image of every cycle that was touched, or the position
// as it was before.
func (s *rerun) images(state State, in *Instrument) []Position {
	if len(s.cycles) > 0 {
		return s.cycles
	}
	if s.position != nil {
		return []Position{*s.position}
	}
	return []Position{*unopened(state, s.key, in)}
}

// unconditional returns a mutation without its expected version, which held when
// the mutation was applied.
func unconditional(m Mutation) Mutation {
	switch v := m.(type) {
	case Fill:
		v.ExpectVersion = nil
		return v
	case Charge:
		v.ExpectVersion = nil
		return v
	case Amend:
		v.ExpectVersion = nil
		return v
	case Transfer:
		v.ExpectVersion = nil
		return v
	case Adjust:
		v.ExpectVersion = nil
		return v
	case Adopt:
		v.ExpectVersion = nil
		return v
	}
	return m
}

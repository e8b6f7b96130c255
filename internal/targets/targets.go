// Package targets brings a ledger to the state that an engine which thinks in maps says
// it is in: it compares targets with the durable state and writes what differs.
package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// The types of a save are those of the root, which documents them, field by field: it
// converts the one to the other, and does not compile where they differ.
type (
	// Target is a position as it is to be.
	Target struct {
		Key         position.Key
		Qty         position.Decimal
		Price, Cost *position.Decimal
		Stop        *position.Decimal
		NoStop      bool
		Targets     []position.Decimal
		Tags        []string
		Metadata    map[string]string
		High, Low   *position.Decimal
		Mark        *position.Decimal
		Opened      position.Time
	}
	// Options qualify [Save].
	Options struct {
		Whole       bool
		Account     string
		Time        position.Time
		Reason, Ref string
	}
	// Result says what a save has written.
	Result struct {
		Adopted, Closed, Amended, Marked, Unchanged int
		Seq                                         uint64
	}
)

// Ledger is what a save is compared with and written to.
type Ledger struct {
	ID     uuid.UUID
	Prints position.FingerprintKey
	Rules  position.Rules
	Now    func() time.Time
	View   *projector.View
	Apply  func(ctx context.Context, ms []position.Mutation) ([]committer.Result, error) // a batch
}

// Save writes what differs from the targets, which it sorts, in batches in the order of
// the keys.
func Save(ctx context.Context, l Ledger, targets []Target, o Options) (Result, error) {
	s := saving{l: l, o: o, terms: l.Rules.DefaultTerms()}
	s.done.Seq = s.l.View.Seq()
	if err := s.plan(targets); err != nil {
		return Result{Seq: s.done.Seq}, err
	}
	for part := range slices.Chunk(s.steps, saveSteps) {
		if err := s.write(ctx, part); err != nil {
			return s.done, err
		}
	}
	return s.done, nil
}

// saveSteps is how many steps fit a batch, each of which is at most an adoption,
// an amendment and a mark.
const saveSteps = committer.MaxBatch / 3

// saving is one call of Save. It is the state that adoptions are tried on, so
// that what a target comes to is found by the same arithmetic that applies it.
type saving struct {
	l     Ledger
	o     Options
	terms position.Terms
	steps []saveStep
	done  Result
}

// saveStep is what one key needs; it is written whole or not at all.
type saveStep struct {
	ms     []position.Mutation
	closed bool
}

// plan finds out what has to be written.
func (s *saving) plan(targets []Target) error {
	slices.SortFunc(targets, func(a, b Target) int { return a.Key.Compare(b.Key) })
	marks := make(map[string]position.Decimal)
	var changed int
	for i := range targets {
		t := &targets[i]
		if i > 0 && t.Key == targets[i-1].Key {
			return fmt.Errorf("%w: target %s is given twice", position.ErrInvalid, t.Key)
		}
		if t.Mark != nil {
			if m, known := marks[t.Key.Instrument]; known && m != *t.Mark {
				return fmt.Errorf("%w: targets give %s the marks %s and %s", position.ErrInvalid, t.Key.Instrument, m, t.Mark)
			}
		}
		step, err := s.step(t, marks)
		if err != nil {
			return fmt.Errorf("target %s: %w", t.Key, err)
		}
		if len(step.ms) > 0 {
			s.steps = append(s.steps, step)
			changed++
		}
	}
	s.done.Unchanged = len(targets) - changed
	if s.o.Whole {
		return s.closeOthers(targets)
	}
	return nil
}

// closeOthers adopts as flat what is open and not among the sorted targets.
func (s *saving) closeOthers(targets []Target) error {
	for p := range s.l.View.Positions() {
		if !p.IsOpen() || s.o.Account != "" && p.Key.Account != s.o.Account {
			continue
		}
		if _, found := slices.BinarySearchFunc(targets, p.Key, func(t Target, k position.Key) int { return t.Key.Compare(k) }); found {
			continue
		}
		m, err := s.identified(s.adoption(&Target{Key: p.Key}, &p))
		if err != nil {
			return err
		}
		s.steps = append(s.steps, saveStep{ms: []position.Mutation{m}, closed: true})
	}
	return nil
}

// step compares a target with what is there.
func (s *saving) step(t *Target, marks map[string]position.Decimal) (saveStep, error) {
	var step saveStep
	p := s.Position(t.Key)
	if p == nil && t.Qty.IsZero() {
		return step, s.mark(&step, t, nil, marks) // never open, and not to be
	}
	adopted, m, err := s.adopt(t, p)
	if err != nil {
		return step, err
	}
	if m != nil {
		step.ms, p = append(step.ms, m), adopted
	}
	if a, differs := amendment(t, p); differs {
		version := p.Version
		a.Meta, a.Key = position.Meta{Time: s.o.Time, ExpectVersion: &version}, t.Key
		if m, err = s.identified(a); err != nil {
			return step, err
		}
		step.ms = append(step.ms, m)
	}
	return step, s.mark(&step, t, p, marks)
}

// adopt returns the adoption that brings a position to its target, and what it
// comes to; nil where the position is there already.
func (s *saving) adopt(t *Target, p *position.Position) (*position.Position, position.Mutation, error) {
	a := s.adoption(t, p)
	if p != nil && p.Qty == t.Qty && t.Price == nil && t.Cost == nil {
		if a.High == nil && a.Low == nil && a.Opened == 0 || !p.IsOpen() {
			return p, nil, nil
		}
		a.Cost = &p.Cost
	}
	m, err := s.identified(a)
	if err != nil {
		return nil, nil, err
	}
	next, err := s.tried(m)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case same(p, next, t):
		return p, nil, nil
	case p == nil || p.Lots == nil || p.Qty != next.Qty || p.Cost != next.Cost:
		return next, m, nil
	}
	// Only an extreme or the opening differs: the lots stay.
	a.Price, a.Cost = nil, nil
	for i := range p.Lots.Open {
		lot := &p.Lots.Open[i]
		a.Lots = append(a.Lots, position.AdoptedLot{Qty: lot.Qty, Cost: &lot.Cost, Opened: lot.Opened, Label: lot.Label})
	}
	if m, err = s.identified(a); err != nil {
		return nil, nil, err
	}
	next, err = s.tried(m)
	return next, m, err
}

// tried returns what a mutation would make of a position.
func (s *saving) tried(m position.Mutation) (*position.Position, error) {
	changes, err := s.l.Rules.Fold(s, m)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return changes[len(changes)-1].After, nil
}

// same reports whether what a target gives is what is there.
func same(have, next *position.Position, t *Target) bool {
	return have != nil && have.Qty == next.Qty && have.Cost == next.Cost && (!have.IsOpen() ||
		(t.High == nil || have.High == next.High) && (t.Low == nil || have.Low == next.Low) &&
			(t.Opened == 0 || have.OpenedAt == next.OpenedAt))
}

// adoption is the adoption of a target on top of a position.
func (s *saving) adoption(t *Target, p *position.Position) position.Adopt {
	var version uint64
	if p != nil {
		version = p.Version
	}
	a := position.Adopt{
		Meta: position.Meta{Time: s.o.Time, ExpectVersion: &version},
		Key:  t.Key, Qty: t.Qty, Reason: s.o.Reason, Ref: s.o.Ref,
	}
	if t.Qty.IsZero() {
		return a
	}
	a.Price, a.Cost, a.High, a.Low, a.Opened = t.Price, t.Cost, t.High, t.Low, t.Opened
	// The mark follows and moves the extremes; to say so at once keeps the same
	// save from finding another extreme than it has written.
	if t.Mark != nil && a.High != nil && t.Mark.Cmp(*a.High) > 0 {
		a.High = t.Mark
	}
	if t.Mark != nil && a.Low != nil && t.Mark.Cmp(*a.Low) < 0 {
		a.Low = t.Mark
	}
	return a
}

// amendment is what sets the conditions that a target gives and p has not.
func amendment(t *Target, p *position.Position) (a position.Amend, differs bool) {
	var have position.Conditions
	if p.Conditions != nil {
		have = *p.Conditions
	}
	if t.Stop != nil && (!have.HasStop || have.Stop != *t.Stop) {
		a.Stop, differs = t.Stop, true
	}
	if t.NoStop && have.HasStop {
		a.NoStop, differs = true, true
	}
	if t.Targets != nil && !slices.Equal(t.Targets, have.Targets) {
		a.Targets, differs = t.Targets, true
	}
	if t.Tags != nil && !slices.Equal(t.Tags, have.Tags) {
		a.Tags, differs = t.Tags, true
	}
	if set := metadata(t.Metadata, have.Meta); len(set) > 0 {
		a.Metadata, differs = set, true
	}
	return a, differs
}

// metadata is what makes the wanted metadata of what is there: names to set, and
// to remove by an empty value. A wanted value that is empty is the same as none.
func metadata(want map[string]string, have []position.MetaItem) map[string]string {
	if want == nil {
		return nil
	}
	set := maps.Clone(want)
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	for _, item := range have {
		if value, given := set[item.Name]; !given {
			set[item.Name] = ""
		} else if value == item.Value {
			delete(set, item.Name)
		}
	}
	return set
}

// mark adds the mark of a target's instrument, once per save, where it is another
// one or the position has not seen it.
func (s *saving) mark(step *saveStep, t *Target, p *position.Position, marks map[string]position.Decimal) error {
	if t.Mark == nil {
		return nil
	}
	_, marked := marks[t.Key.Instrument]
	marks[t.Key.Instrument] = *t.Mark
	in := s.Instrument(t.Key.Instrument)
	unseen := p != nil && p.IsOpen() && (t.Mark.Cmp(p.High) > 0 || t.Mark.Cmp(p.Low) < 0)
	if !unseen && (marked || in != nil && in.MarkTime != 0 && in.Mark == *t.Mark) {
		return nil
	}
	m, err := s.identified(position.Stated(position.Mark{Meta: position.Meta{Time: s.o.Time}, Instrument: t.Key.Instrument, Price: *t.Mark}))
	if err == nil {
		step.ms = append(step.ms, m)
	}
	return err
}

// identified checks a mutation's form and gives it the id that it has in this
// state, and a time.
func (s *saving) identified(m position.Mutation) (position.Mutation, error) {
	if err := m.Validate(); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	b := []byte("holdfast/save/")
	switch v := m.(type) {
	case position.Adopt:
		b = fmt.Appendf(b, "%d/", *v.ExpectVersion)
	case position.Amend:
		b = fmt.Appendf(b, "%d/", *v.ExpectVersion)
	case position.Mark: // has no version, and may go back to what it was: the record that it was compared with stands for one
		b = fmt.Appendf(b, "%d/%d/", s.l.View.Seq(), len(s.steps))
	}
	content := wire.FingerprintOf(s.l.Prints, m).Content // has the key, and neither id nor time
	id := uuid.NewSHA1(s.l.ID, append(b, content[:]...))
	at := s.o.Time
	if at == 0 { // it is tried as it will be written
		var err error
		if at, err = position.At(s.l.Now()); err != nil {
			return nil, fmt.Errorf("clock: %w", err)
		}
	}
	return m.Identified(id.String(), at), nil
}

// write applies steps as one batch, or, where it has too many bytes, as two.
func (s *saving) write(ctx context.Context, steps []saveStep) error {
	var ms []position.Mutation
	for i := range steps {
		ms = append(ms, steps[i].ms...)
	}
	rs, err := s.l.Apply(ctx, ms)
	if errors.Is(err, committer.ErrTooMany) && len(steps) > 1 {
		if err = s.write(ctx, steps[:len(steps)/2]); err == nil {
			err = s.write(ctx, steps[len(steps)/2:])
		}
		return err
	}
	if err != nil {
		return err
	}
	s.done.Seq = max(s.done.Seq, slices.MaxFunc(rs, func(a, b committer.Result) int { return cmp.Compare(a.Last, b.Last) }).Last)
	for i := range steps {
		s.count(&steps[i])
	}
	return nil
}

func (s *saving) count(step *saveStep) {
	for _, m := range step.ms {
		switch m.(type) {
		case position.Adopt:
			if step.closed {
				s.done.Closed++
			} else {
				s.done.Adopted++
			}
		case position.Amend:
			s.done.Amended++
		case position.Mark:
			s.done.Marked++
		}
	}
}

// A saving is the [position.State] that adoptions are tried on: the view, as far
// as an adoption looks at it.
var _ position.State = (*saving)(nil)

// Position implements [position.State].
func (s *saving) Position(key position.Key) *position.Position {
	if p, ok := s.l.View.Position(key); ok {
		return &p
	}
	return nil
}

// DefaultTerms implements [position.State].
func (s *saving) DefaultTerms() *position.Terms { return &s.terms }

// Instrument implements [position.State].
func (s *saving) Instrument(name string) *position.Instrument {
	if in, ok := s.l.View.Instrument(name); ok {
		return &in
	}
	return nil
}

// Account implements [position.State].
func (s *saving) Account(name string) *position.Account {
	if a, ok := s.l.View.Account(name); ok {
		return &a
	}
	return nil
}

// HasOpen implements [position.State].
func (s *saving) HasOpen(instrument string) bool {
	for range s.Open(instrument) {
		return true
	}
	return false
}

// Open implements [position.State].
func (s *saving) Open(instrument string) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for p := range s.l.View.Positions() {
			if p.Key.Instrument == instrument && p.IsOpen() && !yield(&p) {
				return
			}
		}
	}
}

// History implements [position.State]; nothing is refolded to save.
func (s *saving) History(position.Key, string) (*position.History, error) {
	return nil, position.ErrTrimmedHistory
}

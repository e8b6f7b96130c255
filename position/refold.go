package position

import "fmt"

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
	switch v := valueOf(m).(type) {
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

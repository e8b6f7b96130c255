package position

import (
	"fmt"
	"iter"
)

// fallbackCurrency settles undefined instruments where the rules name none.
const fallbackCurrency = "USD"

// Rules are the options of a ledger's arithmetic. They are part of the ledger's
// identity and never change while it lives.
type Rules struct {
	CostMethod        CostMethod
	DefaultCurrency   string // settlement of instruments that were not defined; "": USD
	StrictInstruments bool   // refuse instruments that were not defined
	StrictIncrements  bool   // refuse fills off the increments of their instrument
	OverReduction     OverReduction

	arithmetic uint32 // 0: ArithmeticVersion; see Under
	recorded   bool   // see FoldRecorded
}

// Under returns the rules as an earlier [ArithmeticVersion] had them, for the
// recomputation of what was written under it. The second result is false where
// this build does not know the version.
func (r Rules) Under(arithmetic uint32) (Rules, bool) {
	r.arithmetic = arithmetic
	return r, arithmetic >= 1 && arithmetic <= ArithmeticVersion
}

// under reports whether the rules are those of a version or of a later one.
func (r Rules) under(arithmetic uint32) bool { return r.arithmetic == 0 || r.arithmetic >= arithmetic }

// vintage says by which rules a mutation is folded that are not the newest ones.
type vintage struct {
	first    bool // those of arithmetic 1
	recorded bool // it was accepted when it was given, maybe by an earlier build
}

func (r Rules) vintage() vintage { return vintage{first: !r.under(2), recorded: r.recorded} }

// DefaultTerms are the terms of an instrument that was not defined.
func (r Rules) DefaultTerms() Terms {
	return Terms{
		Kind: Linear, Multiplier: Decimal{lo: one}, Settlement: r.currency(),
		CostMethod: r.costMethod(), OverReduction: r.overReduction(),
	}
}

func (r Rules) costMethod() CostMethod { return max(r.CostMethod, Average) }

func (r Rules) overReduction() OverReduction { return max(r.OverReduction, FlipOver) }

func (r Rules) currency() string {
	if r.DefaultCurrency != "" {
		return r.DefaultCurrency
	}
	return fallbackCurrency
}

// State is what the fold reads. A returned pointer is nil for what is not
// known, and must not be changed.
type State interface {
	Position(key Key) *Position
	// DefaultTerms returns what [Rules.DefaultTerms] gives, in one place, so that
	// positions share it.
	DefaultTerms() *Terms
	Instrument(name string) *Instrument
	Account(name string) *Account
	// HasOpen reports whether the instrument has an open position.
	HasOpen(instrument string) bool
	// Open yields the open positions of an instrument in the order of their keys.
	Open(instrument string) iter.Seq[*Position]
	// History returns what happened to a key from a fill on. The error is
	// [ErrUnknownFill] where no such fill is known, or says why it cannot be read.
	History(key Key, fill string) (*History, error)
}

// History is what a refold starts from.
type History struct {
	Seq        uint64      // record of the fill
	Position   *Position   // just before it; nil: the key was new
	Instrument *Instrument // just before it; nil: not known
	// Mutations are those that changed the key or its instrument since, the fill
	// first, in the order of their records.
	Mutations []Mutation
	// Transfers are all changes, of both keys, that the transfers to the key
	// among Mutations made: what they brought depends on where it came from.
	Transfers []Change
	// Refold, if set, has folded all of that already; the members beside Seq are
	// empty then.
	Refold *Refold
}

// Fold returns the changes that a mutation makes to a state, without changing
// it. It is pure: the same state and mutation give the same bytes under the
// same [ArithmeticVersion]. A refusal is one of this package's errors.
//
// The mutation is one that Validate accepts and that has an id and a time. No
// changes and no error mean that it is a definition which the state already
// holds.
func (r Rules) Fold(s State, m Mutation) ([]Change, error) { return r.AppendFold(nil, s, m) }

// FoldRecorded is [Rules.Fold] for a mutation that a journal holds, folded anew
// in another order or without another one. What earlier builds accepted and this
// one refuses when it is given is no reason to leave it out.
func (r Rules) FoldRecorded(s State, m Mutation) ([]Change, error) {
	r.recorded = true
	return r.Fold(s, m)
}

// AppendFold is [Rules.Fold] that appends the changes to dst, so that a plain fill
// allocates its image and nothing else. With an error dst is not to be used.
func (r Rules) AppendFold(dst []Change, s State, m Mutation) ([]Change, error) {
	if f, ok := m.(Fill); ok {
		return r.foldFill(dst, s, &f, m)
	}
	changes, err := r.foldOther(s, m)
	if err != nil || len(dst) == 0 {
		return changes, err
	}
	return append(dst, changes...), nil
}

// foldOther folds what is not a fill.
func (r Rules) foldOther(s State, m Mutation) ([]Change, error) {
	switch v := m.(type) {
	case Mark:
		return r.foldMark(s, &v, m)
	case Charge:
		if v.Instrument == "" {
			return foldCash(s, &v, m)
		}
		return r.foldCharge(s, &v, m)
	case Amend:
		return foldAmend(s, &v, m)
	case DefineInstrument:
		return r.foldInstrument(s, &v, m)
	case Split:
		return r.foldSplit(s, &v, m)
	case Settle:
		return r.foldSettle(s, &v, m)
	case Transfer:
		return r.foldTransfer(s, &v, m)
	case Adjust:
		return r.foldAdjust(s, &v, m)
	case Adopt:
		return r.foldAdopt(s, &v, m)
	case Bust:
		return r.foldBust(s, &v, m)
	case Correct:
		return r.foldCorrect(s, &v, m)
	}
	return nil, invalid("type", "%T is no mutation that can be folded", m)
}

// foldMark records a price. The extremes of open positions follow from it by
// comparison, so it makes no image of them.
func (r Rules) foldMark(s State, m *Mark, cause Mutation) ([]Change, error) {
	in := s.Instrument(m.Instrument)
	if err := r.admit(m.Instrument, in); err != nil {
		return nil, err
	}
	if in != nil && in.Defined && in.Terms.Kind == Inverse && m.Price.Sign() <= 0 {
		return nil, invalid("price", "must be positive for an inverse instrument")
	}
	return []Change{{Kind: Marked, Parts: 1, Cause: cause}}, nil
}

// foldInstrument gives an instrument its terms, which must not change under an
// open position.
func (r Rules) foldInstrument(s State, d *DefineInstrument, cause Mutation) ([]Change, error) {
	terms, err := r.fillTerms(d.Terms)
	if err != nil {
		return nil, err
	}
	old := s.Instrument(d.Instrument)
	have := r.DefaultTerms()
	next := Instrument{
		Name: d.Instrument, Terms: &terms, Defined: true, Version: 1,
		PriceIncrement: d.PriceIncrement, SizeIncrement: d.SizeIncrement,
	}
	if old != nil {
		next.Mark, next.MarkTime, next.Version = old.Mark, old.MarkTime, old.Version+1
		next.SplitTime, next.SplitRatio, next.SplitPer = old.SplitTime, old.SplitRatio, old.SplitPer
		if old.Defined {
			have = *old.Terms
		}
	}
	if terms == have {
		if old != nil && old.Defined && old.PriceIncrement == next.PriceIncrement && old.SizeIncrement == next.SizeIncrement {
			return nil, nil
		}
	} else if s.HasOpen(d.Instrument) {
		return nil, fmt.Errorf("%w: %s has an open position under other terms", ErrInstrumentInUse, d.Instrument)
	}
	return []Change{{Kind: Defined, Parts: 1, Cause: cause, Instrument: &next}}, nil
}

// fillTerms puts the defaults where a definition leaves a member out.
func (r Rules) fillTerms(t Terms) (Terms, error) {
	if t.Multiplier.IsZero() {
		t.Multiplier = Decimal{lo: one}
	}
	if t.CostMethod == Inherited {
		t.CostMethod = r.costMethod()
	}
	if t.OverReduction == InheritedOver {
		t.OverReduction = r.overReduction()
	}
	if t.Settlement == "" {
		switch t.Kind {
		case Linear, Spot, Option:
			t.Settlement = t.Quote
		case Inverse:
			t.Settlement = t.Base
		case Quanto: // settled in a third currency, which cannot be guessed
		}
	}
	if t.Settlement == "" {
		t.Settlement = r.currency()
	}
	if t.Kind == Spot && t.Settlement == t.Base {
		return t, invalid("settlement", "%q is the base currency as well: a spot instrument exchanges two", clip(t.Base))
	}
	return t, nil
}

// admit refuses an instrument that was not defined where the rules are strict.
func (r Rules) admit(name string, in *Instrument) error {
	if r.StrictInstruments && (in == nil || !in.Defined) {
		return fmt.Errorf("%w: %s is not defined, and the ledger's instruments are strict", ErrUnknownInstrument, name)
	}
	return nil
}

// expect compares a key's version with the one that a mutation insists on.
func expect(want *uint64, key Key, p *Position) error {
	if want == nil {
		return nil
	}
	var have uint64
	if p != nil {
		have = p.Version
	}
	if have != *want {
		return &VersionError{Key: key, Expected: *want, Have: have}
	}
	return nil
}

// next returns a copy of p that one more change may be made to.
func (p *Position) next(at Time, in *Instrument) *Position {
	n := p.Clone()
	n.Version++
	n.Seq = 0
	n.UpdatedAt = at
	n.noteMark(in)
	return n
}

// noteMark stores the mark that was known when the position changed.
func (p *Position) noteMark(in *Instrument) {
	p.Mark, p.HasMark = Decimal{}, false
	if in != nil && in.MarkTime != 0 {
		p.Mark, p.HasMark = in.Mark, true
	}
}

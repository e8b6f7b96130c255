package position

import "iter"

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
	// Transfers are the changes, of both keys, that the transfers to the key among
	// Mutations made. The key alone does not tell what they brought.
	Transfers []Change
	// Refold, if set, has folded all of that already; then only Seq is set beside
	// it.
	Refold *Refold
}

// Fold returns the changes that a mutation makes to a state, without changing
// it. It is pure: the same state and mutation give the same bytes under the
// same [ArithmeticVersion]. A refusal is one of this package's errors.
//
// The mutation is one that Validate accepts and that has an id and a time. No
// changes and no error mean that it is a definition which the state already
// holds.
func (r Rules) Fold(s State, m Mutation) ([]Change, error) { return r.AppendFold(nil, nil, s, m) }

// FoldRecorded is [Rules.Fold] for a mutation of a journal that is folded anew, in
// another order or without another mutation. It accepts what an earlier build
// accepted, also where this build refuses a new mutation like it.
func (r Rules) FoldRecorded(s State, m Mutation) ([]Change, error) {
	r.recorded = true
	return r.Fold(s, m)
}

// AppendFold is [Rules.Fold] that appends the changes to dst and puts the images of
// fills into spare ones, so that a plain fill or mark allocates nothing. With an
// error dst is not to be used. Spares may be nil.
func (r Rules) AppendFold(dst []Change, spares *Spares, s State, m Mutation) ([]Change, error) {
	switch v := m.(type) {
	case Fill:
		return r.foldFill(dst, spares, s, &v, m)
	case Mark:
		return r.foldMark(dst, s, &v, m)
	}
	changes, err := r.foldOther(s, m)
	if err != nil || len(dst) == 0 && cap(dst) < len(changes) {
		return changes, err
	}
	return append(dst, changes...), nil
}

// foldOther folds what is neither a fill nor a mark.
func (r Rules) foldOther(s State, m Mutation) ([]Change, error) {
	switch v := m.(type) {
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

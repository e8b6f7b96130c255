package position

// ChangeKind says what happened to a position, or which record it is.
type ChangeKind uint8

// The kinds of change to a position, then the records that belong to none.
const (
	Opened      ChangeKind = iota + 1 // a flat or new key was opened
	Increased                         // away from zero
	Reduced                           // towards zero
	Closed                            // to zero; also the first half of a flip
	Amended                           // conditions were set
	Charged                           // a fee, funding, interest or dividend was booked
	SplitChange                       // quantity and prices were rescaled
	Transferred                       // moved from or to another key
	Adjusted                          // by hand or by a reconciliation
	Adopted                           // set to what a venue reports
	Settled                           // closed by expiry, delisting or write-off
	Busted                            // refolded without a fill that was cancelled
	Corrected                         // refolded with a fill that was amended
	Defined                           // record "instrument"
	Marked                            // record "marked"
	AccountSet                        // record "account"
	EpochBegun                        // record "epoch"
)

// String returns the name used in JSON and in subjects.
func (k ChangeKind) String() string {
	switch k {
	case Opened:
		return "opened"
	case Increased:
		return "increased"
	case Reduced:
		return "reduced"
	case Closed:
		return "closed"
	case Amended:
		return "amended"
	case Charged:
		return "charged"
	case SplitChange:
		return "split"
	case Transferred:
		return "transferred"
	case Adjusted:
		return "adjusted"
	case Adopted:
		return "adopted"
	case Settled:
		return "settled"
	case Busted:
		return "busted"
	case Corrected:
		return "corrected"
	case Defined:
		return "instrument"
	case Marked:
		return "marked"
	case AccountSet:
		return "account"
	case EpochBegun:
		return "epoch"
	}
	return "unknown"
}

// Change is what one mutation did to one position, with the whole position
// after it. It is one record of the journal. Exactly one of After, Instrument,
// Account and Epoch is set; a mark sets none of them. Kind says which, but for a
// split and a settlement: their first record has the instrument, the others a
// position each.
type Change struct {
	Kind  ChangeKind
	Part  uint32   // 0-based number of this change among those of its mutation
	Parts uint32   // how many changes the mutation gave
	Cause Mutation // nil for an epoch

	// Qty, Value and Realized of a bust or correction are those of all its parts
	// together and stand in the last; in between After alone tells.
	Qty      Decimal // signed change of quantity
	Value    Decimal // signed notional of Qty, rounded once
	Realized Decimal // gross profit this change realised
	Fee      Decimal // this change's share of the fill's fee, in its fee currency

	// Prev is the record that changed the position before, 0 for a key's first.
	// The projector sets it.
	Prev uint64
	// Fill is the record of the fill that a bust or correction is about, else 0.
	Fill uint64

	// Under a cost method with lots: those that left, in the order in which they
	// were chosen, and those that came, in the order of their numbers. A split
	// rescales all of them first, and names only what it cuts off.
	Consumed []LotUse
	Opened   []Lot

	After      *Position
	Instrument *Instrument
	Account    *Account
	Epoch      *Epoch
}

// Stamp is what the journal adds to a change.
type Stamp struct {
	Seq   uint64
	Epoch uint64
	Time  Time // record time
}

// unversioned returns a copy of an instrument's image for a record to change, or
// the image of one that is known only by its use.
func unversioned(s State, name string, in *Instrument) *Instrument {
	if in == nil {
		return &Instrument{Name: name, Terms: s.DefaultTerms()}
	}
	next := *in
	next.Seq = 0
	return &next
}

// numbered gives the changes of one mutation what they have in common.
func numbered(changes []Change, cause Mutation) []Change {
	for i := range changes {
		changes[i].Cause, changes[i].Part, changes[i].Parts = cause, uint32(i), uint32(len(changes))
	}
	return changes
}

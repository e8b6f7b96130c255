package position

// ChangeKind says what happened to a position, or which record it is.
type ChangeKind uint8

// The kinds of change to a position, then the records that belong to none.
const (
	Opened     ChangeKind = iota + 1 // a flat or new key was opened
	Increased                        // away from zero
	Reduced                          // towards zero
	Closed                           // to zero; also the first half of a flip
	Amended                          // conditions were set
	Charged                          // a fee, funding, interest or dividend was booked
	_                                // split
	_                                // transferred
	_                                // adjusted
	_                                // adopted
	_                                // settled
	_                                // busted
	_                                // corrected
	Defined                          // record "instrument"
	Marked                           // record "marked"
	AccountSet                       // record "account"
	EpochBegun                       // record "epoch"
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

// MaxChange is the largest encoded change, in bytes.
const MaxChange = 512 << 10

// Change is what one mutation did to one position, with the whole position
// after it. It is one record of the journal. Exactly one of After, Instrument,
// Account and Epoch is set, by Kind; a mark sets none of them.
type Change struct {
	Kind  ChangeKind
	Part  uint32   // 0-based number of this change among those of its mutation
	Parts uint32   // how many changes the mutation gave
	Cause Mutation // nil for an epoch

	Qty      Decimal // signed change of quantity
	Value    Decimal // signed notional of Qty, rounded once
	Realized Decimal // gross profit this change realised
	Fee      Decimal // this change's share of the fill's fee, in its fee currency

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

package position

import (
	"errors"
	"fmt"
)

// The errors of this package. Match them with [errors.Is]; the text names the
// field and the reason and may change.
var (
	// ErrInvalid is returned for a mutation whose form is wrong: a missing
	// or malformed member, a name too long, a number out of range.
	ErrInvalid = errors.New("invalid")
	// ErrOverflow is returned when a sum, product or quotient does not fit a
	// [Decimal]. It matches ErrInvalid as well.
	ErrOverflow = fmt.Errorf("%w: number out of range", ErrInvalid)
	// ErrVersionConflict is returned by [Rules.Fold] when the expected version
	// of a key is not its current one.
	ErrVersionConflict = errors.New("version conflict")
	// ErrUnknownInstrument is returned by [Rules.Fold] under strict instruments
	// for an instrument that was not defined.
	ErrUnknownInstrument = errors.New("unknown instrument")
	// ErrUnknownPosition is returned for an amendment, transfer or adjustment of a
	// key that has no position.
	ErrUnknownPosition = errors.New("unknown position")
	// ErrInstrumentInUse is returned for a redefinition that would change the
	// arithmetic of open positions.
	ErrInstrumentInUse = errors.New("instrument in use")
	// ErrOverReduction is returned by [Rules.Fold] under [RejectOver] for a fill
	// that is larger than the position it reduces, and always for a transfer or an
	// adjustment that is.
	ErrOverReduction = errors.New("more than is open")
	// ErrNoLot is returned where the selected lots are not there or do not
	// suffice.
	ErrNoLot = errors.New("no such lot")
	// ErrLotChoice is returned under [SpecificLot] where the selection leaves a
	// choice.
	ErrLotChoice = errors.New("ambiguous lot")
	// ErrTooManyLots is returned for a change that would leave a position with
	// more than [MaxLots] lots.
	ErrTooManyLots = errors.New("too many lots")
	// ErrIncrement is returned under strict increments for a price or quantity
	// that is no multiple of its instrument's increment.
	ErrIncrement = errors.New("off increment")
	// ErrSplitTwice is returned for a split that was applied under another id.
	ErrSplitTwice = errors.New("split applied before")
	// ErrUnknownFill is returned for a bust or correction of what is no fill of
	// its key, or is busted already.
	ErrUnknownFill = errors.New("unknown fill")
	// ErrTrimmedHistory is returned for a bust or correction of a fill whose
	// records are not kept any more. Adjust or adopt the position instead.
	ErrTrimmedHistory = errors.New("history is trimmed")
	// ErrRefold is returned where what followed a busted or corrected fill is
	// refused without it. Adjust or adopt the position instead.
	ErrRefold = errors.New("cannot be refolded")
	// ErrTooLarge is returned when a mutation would give a change that is larger
	// than a record may be.
	ErrTooLarge = errors.New("change too large")
	// ErrFormat is returned by the decoders for bytes that are no record of a
	// known format version.
	ErrFormat = errors.New("bad encoding")
)

// FieldError says which member of a mutation was refused and why. It matches
// [ErrInvalid].
type FieldError struct {
	Field  string // member name as in the JSON form
	Reason string
	Err    error // ErrInvalid or ErrOverflow
}

func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

// Unwrap returns ErrInvalid or ErrOverflow.
func (e *FieldError) Unwrap() error { return e.Err }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Reason: fmt.Sprintf(format, args...), Err: ErrInvalid}
}

// VersionError names both versions of a conflict. It matches
// [ErrVersionConflict].
type VersionError struct {
	Key            Key
	Expected, Have uint64
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("version conflict: %s is at version %d, expected %d", e.Key, e.Have, e.Expected)
}

// Unwrap returns ErrVersionConflict.
func (e *VersionError) Unwrap() error { return ErrVersionConflict }

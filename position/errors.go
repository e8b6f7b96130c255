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
	ErrInvalid = errors.New("position: invalid")
	// ErrOverflow is returned when a sum, product or quotient does not fit a
	// [Decimal]. It matches ErrInvalid as well.
	ErrOverflow = fmt.Errorf("%w: number out of range", ErrInvalid)
	// ErrVersionConflict is returned by [Rules.Fold] when the expected version
	// of a key is not its current one.
	ErrVersionConflict = errors.New("position: version conflict")
	// ErrUnknownInstrument is returned by [Rules.Fold] under strict instruments
	// for an instrument that was not defined.
	ErrUnknownInstrument = errors.New("position: unknown instrument")
	// ErrUnknownPosition is returned for a charge or amendment of a key that
	// never had a fill.
	ErrUnknownPosition = errors.New("position: unknown position")
	// ErrInstrumentInUse is returned for a redefinition that would change the
	// arithmetic of open positions.
	ErrInstrumentInUse = errors.New("position: instrument in use")
	// ErrTooLarge is returned when a mutation would give a change that exceeds
	// [MaxChange].
	ErrTooLarge = errors.New("position: change too large")
	// ErrFormat is returned by the decoders for bytes that are no record of a
	// known format version.
	ErrFormat = errors.New("position: bad encoding")
)

// FieldError says which member of a mutation was refused and why. It matches
// [ErrInvalid].
type FieldError struct {
	Field  string // member name as in the JSON form
	Reason string
	Err    error // ErrInvalid or ErrOverflow
}

func (e *FieldError) Error() string { return "position: " + e.Field + " " + e.Reason }

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
	return fmt.Sprintf("position: version conflict: %s is at version %d, expected %d", e.Key, e.Have, e.Expected)
}

// Unwrap returns ErrVersionConflict.
func (e *VersionError) Unwrap() error { return ErrVersionConflict }

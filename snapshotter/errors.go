package snapshotter

import (
	"errors"
	"fmt"
)

// The errors of this package, for [errors.Is].
var (
	// ErrDamaged is matched by a [DamageError]: the file is not, or not any
	// more, what Write made.
	ErrDamaged = errors.New("damaged")
	// ErrNewerFormat is returned for a snapshot that a later version of this
	// software wrote. It is not damage; only a newer build can read it.
	ErrNewerFormat = errors.New("newer format")
	// ErrOlderFormat is returned for a snapshot of a format that this build reads no
	// more. It is not damage either.
	ErrOlderFormat = errors.New("older format")
	// ErrName is returned for a name that is not a snapshot's, or that belongs
	// to something other than a regular file.
	ErrName = errors.New("not a snapshot's name")
	// ErrTooLarge is returned by Write for a body of more than [MaxBody] bytes, and for
	// an identity of more than [MaxIdentity].
	ErrTooLarge = errors.New("too large")
)

// DamageError says which file is damaged and where: Offset is where the part
// begins that does not check out (header 0 or 16, body, trailer), or the
// length of a file that is too short. It matches [ErrDamaged].
type DamageError struct {
	File   string
	Offset int64
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}

// Unwrap returns ErrDamaged.
func (e *DamageError) Unwrap() error { return ErrDamaged }

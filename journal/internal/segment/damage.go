package segment

import (
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/remedy"
)

// ErrDamaged is returned for bytes that no crash of ours can have left, or
// for the absence of records that are known to have been durable. See
// [DamageError].
var ErrDamaged = errors.New("damaged")

// DamageError names the place of a damage, the reason why it is not taken for
// a torn write, and what can be done. It matches [ErrDamaged].
type DamageError struct {
	File    string // relative to the ledger's directory
	Offset  int64  // of the first byte that cannot be accepted
	Seq     uint64 // of the record that should be there; 0 when no record is meant
	Durable uint64 // highest seq that is known to have been durable
	By      string // who says so, where the bytes that are left do not show the damage; else ""
	Reason  string
	Remedy  remedy.Remedy
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %s at offset %d, seq %d: %s; known durable up to seq %d; %s",
		ErrDamaged, e.File, e.Offset, e.Seq, e.Reason, e.Durable, e.Remedy)
}

// Advice is what can be done about it.
func (e *DamageError) Advice() remedy.Remedy { return e.Remedy }

// Is reports whether target is [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

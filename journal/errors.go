package journal

import (
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/internal/claim"
	"github.com/moneyprinter/holdfast/internal/durable"
)

// The errors of this package. Match them with [errors.Is]; the typed errors
// below carry the place.
var (
	// ErrTrimmed is returned by readers that are asked for a record before the
	// first one kept. See [TrimmedError].
	ErrTrimmed = errors.New("record was trimmed")
	// ErrFailed is returned by [Journal.Commit] for the first write or sync
	// error and by everything that would write from then on. See [FailedError].
	// [Journal.SaveMark] and [Journal.Trim] return it for the failed sync of a
	// directory, which the next commit may have to sync; their other errors
	// leave the journal as it is.
	ErrFailed = errors.New("failed, the outcome of the last commit is unknown")
	// ErrMoved is among the causes of a journal's failure when its directory is not
	// where it was opened: it was moved or removed, or another one is in its place.
	ErrMoved = claim.ErrMoved
	// ErrLockLost is among the causes of a journal's failure when LOCK was removed or
	// replaced while it was held.
	ErrLockLost = claim.ErrLost
	// ErrClosed is returned after [Journal.Close].
	ErrClosed = errors.New("closed")
	// ErrPayload is returned by [Journal.Commit] for a batch that was given an
	// empty payload, one above [MaxPayload], or an unknown flag.
	ErrPayload = errors.New("payload refused")
	// ErrOrder is returned by [Journal.Commit] for batches that are committed
	// in another order than they were filled in, or that end inside an atomic
	// batch.
	ErrOrder = errors.New("batch out of order")
	// ErrRewound is returned by a [Cursor] whose last records were read before
	// they were durable and have been cut by a recovery since.
	ErrRewound = errors.New("records read before they were durable are gone")
)

// TrimmedError names the earliest record that is kept. It matches
// [ErrTrimmed].
type TrimmedError struct {
	Seq      uint64 // asked for
	Earliest uint64
}

func (e *TrimmedError) Error() string {
	return fmt.Sprintf("%v: seq %d, the earliest kept is %d", ErrTrimmed, e.Seq, e.Earliest)
}

// Is reports whether target is [ErrTrimmed].
func (e *TrimmedError) Is(target error) bool { return target == ErrTrimmed }

// FailedError is the first error of a journal's write side and its last word.
// It matches [ErrFailed] and the cause.
type FailedError struct {
	Op  string // "write", "sync", "directory", "mark", "trim", "order" or "watch"
	Err error
}

func (e *FailedError) Error() string { return fmt.Sprintf("%v: %s: %v", ErrFailed, e.Op, e.Err) }

// Unwrap returns [ErrFailed] and the cause.
func (e *FailedError) Unwrap() []error { return []error{ErrFailed, e.Err} }

// Synced reports whether an fsync failed. Then the kernel may have dropped
// pages that it reads back as if they were written, and the process should
// exit; after any other failure closing and opening again is enough.
func (e *FailedError) Synced() bool { return e.Op == "sync" || durable.SyncFailed(e.Err) }

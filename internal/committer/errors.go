package committer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
)

var (
	// ErrOutcomeUnknown is returned by Apply when the mutation was handed over
	// but its fate could not be learnt: the context ended first, or the disk
	// failed. Apply it again with the same id, which the [UnknownOutcomeError]
	// names: it is applied once.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrSync is matched by the error of a failed fsync, as the ledger, Open
	// and Close give it. The kernel may have dropped what it still shows, and
	// asked again it calls it written: the process should end. The next one
	// rewrites what was not known durable before it appends.
	ErrSync = errors.New("fsync failed")
	// ErrTooMany is returned for a batch of more than [MaxBatch] mutations or
	// of more than [MaxBatchBytes] encoded bytes. A batch of one mutation is
	// bounded as that is, and beyond it [position.ErrTooLarge].
	ErrTooMany = errors.New("batch too large")
)

// UnknownOutcomeError is the error that matches [ErrOutcomeUnknown]: it names the
// mutations whose fate could not be learnt, those included whose id was made. Give
// a mutation that had none the id before it is applied again; see
// [position.Meta].
type UnknownOutcomeError struct {
	IDs []string // in the order of the call
	Err error    // why it could not be learnt
}

// Error names the first ids.
func (e *UnknownOutcomeError) Error() string {
	const named = 3
	var b strings.Builder
	b.WriteString(ErrOutcomeUnknown.Error())
	for i, id := range e.IDs {
		switch {
		case i == named:
			fmt.Fprintf(&b, " and %d more", len(e.IDs)-named)
		case i > named:
			continue
		case i == 0:
			fmt.Fprintf(&b, " of %q", id)
		default:
			fmt.Fprintf(&b, ", %q", id)
		}
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(strings.TrimPrefix(e.Err.Error(), ErrOutcomeUnknown.Error()+": "))
	}
	if len(e.IDs) > 0 {
		b.WriteString(": apply again with the same id")
	}
	return b.String()
}

// Unwrap gives [ErrOutcomeUnknown] and the reason.
func (e *UnknownOutcomeError) Unwrap() []error { return []error{ErrOutcomeUnknown, e.Err} }

// AsSyncError makes an error match ErrSync if a failed fsync is among its causes.
func AsSyncError(err error) error {
	var failed *journal.FailedError
	if durable.SyncFailed(err) || errors.As(err, &failed) && failed.Synced() {
		return fmt.Errorf("%w: %w", ErrSync, err)
	}
	return err
}

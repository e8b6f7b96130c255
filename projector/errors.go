package projector

import (
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// The errors of this package, beside those of position that the fold returns.
// Match them with [errors.Is].
var (
	// ErrIDReused is returned by [Book.Stage] for an id that the window knows
	// with other content.
	ErrIDReused = errors.New("id reused for other content")
	// ErrPartlyKnown is returned by [Book.Stage] for a batch of which some
	// members were applied before and others were not, or that holds one id twice.
	ErrPartlyKnown = errors.New("batch partly known")
	// ErrTooOld is returned by [Book.Stage] for an unknown id that is not
	// younger than what the window has forgotten: it may have been applied.
	ErrTooOld = errors.New("older than the dedupe window")
	// ErrAhead is returned by [Book.Stage] for an unknown id whose event time is
	// ahead of the record time, while the book remembers as many of that kind as
	// the window holds beside those in the window: it could not remember this one.
	ErrAhead = errors.New("dated ahead of the clock")
	// ErrRecord is returned by [Book.Replay] and [Book.Recompute] for records
	// that no book could have staged; see [RecordError].
	ErrRecord = errors.New("bad record")
	// ErrPrints is returned by these for the record of an epoch whose fingerprints have
	// another key than the options: it is of another ledger.
	ErrPrints = errors.New("the key of its fingerprints is not that of the ledger's identity")
	// ErrMismatch is returned by [Book.Recompute] when a cause gives other
	// changes than those recorded; see [MismatchError].
	ErrMismatch = errors.New("recomputation differs")
	// ErrNotRecomputable is returned by [Book.Recompute] for records of an
	// epoch whose arithmetic this build does not know. It is no sign of damage.
	ErrNotRecomputable = errors.New("not recomputable")
	// ErrBody is returned by [Load] for bytes that are no body of a snapshot.
	ErrBody = errors.New("bad snapshot body")
)

// MemberError says which member of a batch was refused. A batch of one gives
// the bare error.
type MemberError struct {
	Index int // 0-based
	Err   error
}

func (e *MemberError) Error() string { return fmt.Sprintf("batch member %d: %v", e.Index, e.Err) }

// Unwrap returns the reason.
func (e *MemberError) Unwrap() error { return e.Err }

// RecordError says at which record a replay stopped, and why. It matches
// [ErrRecord] and its cause.
type RecordError struct {
	Seq    uint64
	Reason string
	Err    error // nil, or what the decoder said
}

func (e *RecordError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: record %d %s: %v", ErrRecord, e.Seq, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v: record %d %s", ErrRecord, e.Seq, e.Reason)
}

// Unwrap returns ErrRecord and the cause.
func (e *RecordError) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrRecord, e.Err}
	}
	return []error{ErrRecord}
}

func badRecord(seq uint64, format string, args ...any) error {
	return &RecordError{Seq: seq, Reason: fmt.Sprintf(format, args...)}
}

// MismatchError says which record a recomputation does not confirm. Recorded
// and Computed are the encodings that differ, nil where something else is wrong.
// It matches [ErrMismatch].
type MismatchError struct {
	Seq      uint64
	Reason   string
	Recorded []byte
	Computed []byte
	Err      error // nil, or why the cause is refused
}

func (e *MismatchError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v at record %d: %s: %v", ErrMismatch, e.Seq, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v at record %d: %s", ErrMismatch, e.Seq, e.Reason)
}

// Unwrap returns ErrMismatch and the refusal.
func (e *MismatchError) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrMismatch, e.Err}
	}
	return []error{ErrMismatch}
}

func tooOld(m position.Mutation, horizon position.Time) error {
	return fmt.Errorf("%w: %q of %s is unknown, and mutations up to %s were forgotten", ErrTooOld, m.ID(), m.EventTime(), horizon)
}

func tooFarAhead(m position.Mutation, clock position.Time, window int) error {
	return fmt.Errorf("%w: %q of %s is later than the ledger's clock (%s), and %d such mutations are remembered beside the window, as many as it holds: "+
		"set the clock that dated it right", ErrAhead, m.ID(), m.EventTime(), clock, window)
}

// BodyError says where the body of a snapshot is no such thing. It matches
// [ErrBody] and its cause.
type BodyError struct {
	Offset int64 // of the record in the body
	Reason string
	Err    error // nil, or what the decoder or the reader said
}

func (e *BodyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v at offset %d: %s: %v", ErrBody, e.Offset, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v at offset %d: %s", ErrBody, e.Offset, e.Reason)
}

// Unwrap returns ErrBody and the cause.
func (e *BodyError) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrBody, e.Err}
	}
	return []error{ErrBody}
}

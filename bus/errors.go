package bus

import (
	"errors"
	"fmt"
)

// Errors that callers match with errors.Is.
var (
	// ErrToken is returned by ParseToken and ParseEventSubject for text that
	// Token and EventSubject never make.
	ErrToken = errors.New("not a token")
	// ErrStopped is matched by the *StopError with which the relay stands still
	// because the stream contradicts the journal.
	ErrStopped = errors.New("relay stopped")
	// ErrNotRunning is returned by Relay.Rebuild when Relay.Run is not at work.
	ErrNotRunning = errors.New("relay is not running")
	// ErrGap is matched by the *GapError with which Follow ends when the stream
	// does not hold the next change any more.
	ErrGap = errors.New("gap in the stream")
	// ErrForeign is returned by Follow when the stream changes its lineage under
	// it, or holds a message that no relay wrote.
	ErrForeign = errors.New("foreign message")
	// ErrClosed is returned by Follow when its connection was closed for good.
	ErrClosed = errors.New("connection closed")
	// ErrNoConnection is returned where a connection, or a way to make one, was
	// not given.
	ErrNoConnection = errors.New("no connection was given")
)

// A StopError says why the relay does not touch a stream: what is on it did not
// come from this journal, or something that did is missing. Nothing is
// repaired silently, because a consumer may already have acted on what it saw;
// Relay.Rebuild makes a new stream from the journal.
type StopError struct {
	Stream string // name of the stream
	Seq    uint64 // the first sequence where stream and journal differ
	Reason string // what differs there
}

// Error names the place, the reason and what Relay.Rebuild would do.
func (e *StopError) Error() string {
	return fmt.Sprintf("stream %s at seq %d: %s; it is left as it is until a rebuild deletes it and feeds it again from the journal",
		e.Stream, e.Seq, e.Reason)
}

// Is makes every StopError match ErrStopped.
func (e *StopError) Is(target error) bool { return target == ErrStopped }

// A GapError says which change a follower needed and which one the stream
// offers first. The changes between must be read from the ledger itself.
type GapError struct {
	Stream string
	Want   uint64 // the change that is not there
	First  uint64 // the oldest one after it that is
}

// Error names both sequences.
func (e *GapError) Error() string {
	return fmt.Sprintf("stream %s: seq %d is not there any more, the next one is %d", e.Stream, e.Want, e.First)
}

// Is makes every GapError match ErrGap.
func (e *GapError) Is(target error) bool { return target == ErrGap }

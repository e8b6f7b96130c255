package holdfast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

// The first error of an append, and the failed fsync of a directory wherever it
// comes from, end the writing: the ledger is read-only from then on. What else
// fails (a snapshot, MARK between appends, a trim, a prune) is counted, logged
// and announced, changes nothing, and is tried again when its turn comes.

// Failed is closed by the first error that ends the writing; [Ledger.Err] gives
// it. Reading goes on: positions, views, history and verification answer from
// what is durable. To write again, close the ledger, which does not wait for the
// disk and gives the lock free, and open it anew: that verifies everything and
// cuts what was never acknowledged. Calls that got [ErrOutcomeUnknown] are then
// repeated with the same id.
//
// After an error that matches [ErrSync] the process should end instead.
func (l *Ledger) Failed() <-chan struct{} {
	if l.commits == nil {
		return nil // no Open made it
	}
	return l.commits.Failed()
}

// Err returns the error that ended the writing, nil while it works.
func (l *Ledger) Err() error {
	if l.commits == nil {
		return nil
	}
	return l.commits.Err()
}

// tellFailure tells of the first error that ended the writing.
func (l *Ledger) tellFailure(err error) {
	kind := FaultKind(committer.AsSyncError(err))
	l.log.Error("writing failed; the ledger is read-only until it is opened again", "kind", kind, "err", err)
	l.announce("error.persistence", map[string]string{"error": err.Error(), "kind": kind})
}

// FaultKind names what a disk or the system refused, for metrics and events:
// fsync, damage (a file of the ledger was removed, replaced or cut while it was
// open), moved (the directory was), lock_lost, no_space, quota, file_too_large,
// read_only, too_many_files, io or other. Nil is "".
func FaultKind(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, committer.ErrSync) {
		return "fsync"
	}
	for _, k := range []struct {
		target error
		name   string
	}{
		{ErrDamaged, "damage"},
		{ErrMoved, "moved"},
		{ErrLockLost, "lock_lost"},
	} {
		if errors.Is(err, k.target) {
			return k.name
		}
	}
	return cmp.Or(durable.Refusal(err), "other")
}

// FaultKinds are the values of [FaultKind].
func FaultKinds() []string {
	return []string{"fsync", "damage", "moved", "lock_lost", "no_space", "quota", "file_too_large", "read_only", "too_many_files", "io", "other"}
}

// Faults counts what failed beside the appends since Open, none of which ends
// the ledger.
type Faults struct {
	Snapshots uint64 `json:"snapshots"` // that could not be written
	Marks     uint64 `json:"marks"`     // that could not be saved; recovery knows less of the newest records
	Trims     uint64 `json:"trims"`     // of the journal or the snapshots, that could not be finished

	Kind  string `json:"last_kind,omitempty"` // of the newest error; see [FaultKind]
	Error string `json:"last_error,omitempty"`
	Time  string `json:"last_time,omitempty"` // RFC 3339
}

// What can fail beside the appends.
const (
	opSnapshot = "snapshot"
	opMark     = "mark"
	opTrim     = "trim"
)

// faults are the counters behind Faults, and what is told already.
type faults struct {
	mu   sync.Mutex // guards the fields below
	n    Faults
	told map[string]string // by operation, while it goes on failing for the same reason
}

// Faults returns what failed beside the appends since Open.
func (l *Ledger) Faults() Faults {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	return l.faults.n
}

// noteFault tells what failed beside the appends. The same reason again is counted
// but told once, as MARK is saved every second. A directory whose fsync failed
// ends the writing.
func (l *Ledger) noteFault(op, event string, err error) {
	if errors.Is(err, journal.ErrFailed) || errors.Is(err, durable.ErrSyncDir) {
		l.commits.Fail(err)
	}
	kind := FaultKind(committer.AsSyncError(err))
	if !l.faults.note(op, kind, err.Error(), l.opts.Now) {
		return
	}
	if l.Err() == nil { // else it was told as what ended the writing
		l.log.Error("failed beside the appends; it is tried again later", "op", op, "kind", kind, "err", err)
	}
	l.announce(event, map[string]string{"op": op, "error": err.Error(), "kind": kind})
}

// note counts a failure and reports whether it is to be told.
func (f *faults) note(op, kind, text string, now func() time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch op {
	case opSnapshot:
		f.n.Snapshots++
	case opMark:
		f.n.Marks++
	case opTrim:
		f.n.Trims++
	}
	f.n.Kind, f.n.Error = kind, text
	if at, err := position.At(now()); err == nil {
		f.n.Time = at.String()
	}
	if f.told[op] == text {
		return false
	}
	if f.told == nil {
		f.told = make(map[string]string)
	}
	f.told[op] = text
	return true
}

// clearFault forgets what was told of an operation that works again.
func (l *Ledger) clearFault(op string) {
	l.faults.mu.Lock()
	defer l.faults.mu.Unlock()
	delete(l.faults.told, op)
}

// whileOpen returns a context that ends as well when the ledger is closed, so that
// nothing long holds up who wants to stop, or to open it again.
func (l *Ledger) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// closing gives what a context of whileOpen has broken off the reason.
func closing(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrClosed) {
		return fmt.Errorf("holdfast: broken off: %w", ErrClosed)
	}
	return err
}

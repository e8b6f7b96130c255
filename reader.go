package holdfast

import (
	"context"
	"errors"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/projector"
)

// Package archive reads ledgers. These are its names as an engine uses them beside
// those of a [Ledger], and what a Ledger announces of its own reading.
type (
	// Reader reads a ledger's directory without a lock and without writing.
	Reader = archive.Reader
	// Identity says which ledger a directory holds.
	Identity = archive.Identity
	// Parent is where a ledger came from that was restored, or whose loss was accepted.
	Parent = archive.Parent
	// Moment is a point in a ledger's history.
	Moment = archive.Moment
	// Entry is one change as it stands in the journal.
	Entry = archive.Entry
	// Filter selects changes.
	Filter = archive.Filter
	// Step is a change with the position before it.
	Step = archive.Step
	// Restored says what a restore made.
	Restored = archive.Restored
	// IdentityError says that ledger.json is damaged. It matches [ErrDamaged].
	IdentityError = archive.IdentityError
	// UnknownNameError tells that a selection names what the ledger has never seen. It
	// matches [ErrUnknownName].
	UnknownNameError = archive.UnknownNameError
	// UnlinkedError says that the journal cannot tell whether a snapshot is of its
	// history.
	UnlinkedError = archive.UnlinkedError
)

// OpenReader opens a ledger for reading; see [archive.OpenReader].
func OpenReader(dir string) (*Reader, error) { return archive.OpenReader(dir) } //nolint:wrapcheck // it is the same call

// Exists reports whether dir holds a ledger; see [archive.Exists].
func Exists(dir string) (bool, error) { return archive.Exists(dir) } //nolint:wrapcheck // it is the same call

// ParseMoment reads a seq, or a time as position.ParseTime does.
func ParseMoment(s string) (Moment, error) { return archive.ParseMoment(s) } //nolint:wrapcheck // it is the same call

// Known returns an [UnknownNameError] when a filter selects by a name that a view
// knows nothing of; see [archive.Known].
func Known(v *projector.View, f Filter) error { return archive.Known(v, f) } //nolint:wrapcheck // it is the same call

// Verify is [audit.Verify] of this ledger; its outcome is announced on the bus. Snapshots and
// trims wait for it.
func (l *Ledger) Verify(ctx context.Context, o audit.Options) (*audit.Report, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	if l.Err() == nil { // one that has failed may be closed, and its files are opened again, meanwhile
		var cancel context.CancelFunc
		ctx, cancel = l.whileOpen(ctx)
		defer cancel()
		l.snapshotting.Lock()
		defer l.snapshotting.Unlock()
	}
	rep, err := audit.Verify(ctx, l.Reader, o)
	err = closing(ctx, err)
	switch {
	case errors.Is(err, ErrClosed): // says nothing about the ledger
	case err != nil:
		l.announce("error", map[string]string{"error": err.Error()})
	case rep.OK():
		l.announce("state.validated", rep)
	default:
		l.log.Error("damage found", "findings", len(rep.Findings), "first", rep.Findings[0].Reason)
		l.announce("state.corrupted", rep)
	}
	return rep, err
}

// Restore is [Reader.Restore]; its outcome is announced on the bus.
func (l *Ledger) Restore(ctx context.Context, at Moment, to, name string, o Options) (Restored, error) {
	if err := l.begin(ctx); err != nil {
		return Restored{}, err
	}
	r, err := l.Reader.Restore(ctx, at, to, name, o.Reading())
	if err != nil {
		l.announce("error.recovery", map[string]string{"error": err.Error()})
		return r, err
	}
	l.announce("backup.restored", r)
	return r, nil
}

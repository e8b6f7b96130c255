package holdfast

import (
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/projector"
)

// What reads a ledger is in package archive. These are its names as an engine uses
// them beside those of a [Ledger].
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

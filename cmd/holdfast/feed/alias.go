package feed

import "github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"

// MaxLine is how long a line may be.
const MaxLine = tabular.MaxLine

// The types that the formats share, under the names by which callers know them.
type (
	// Entry is one mutation and where it came from.
	Entry = tabular.Entry
	// LineError says which line is bad, which member of it, and why. The feed goes
	// on with the next line. It matches [ErrLine] and whatever Err matches.
	LineError = tabular.LineError
)

// The errors of this package, for [errors.Is].
var (
	// ErrEmpty is returned by Open for an input without a line.
	ErrEmpty = tabular.ErrEmpty
	// ErrDirectory is returned by Open for a directory.
	ErrDirectory = tabular.ErrDirectory
	// ErrFormat is returned by Open when the input is not in the wanted format,
	// or when none was given and none can be told.
	ErrFormat = tabular.ErrFormat
	// ErrColumn is returned by Open when a column is missing, ambiguous or
	// unknown.
	ErrColumn = tabular.ErrColumn
	// ErrMapping is returned for a bad mapping, and by Open for one that the format
	// has no use for.
	ErrMapping = tabular.ErrMapping
	// ErrDoubt is returned by Next before a CSV gives anything, where its columns
	// say something that the mapping leaves out and that figures depend on.
	ErrDoubt = tabular.ErrDoubt
	// ErrLine is matched by every [LineError].
	ErrLine = tabular.ErrLine
)

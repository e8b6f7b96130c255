package archive

import "errors"

// The errors of reading a ledger. Those of the packages below keep their own names.
var (
	// ErrNotLedger is returned for a directory that holds no ledger, or
	// something else.
	ErrNotLedger = errors.New("not a ledger")
	// ErrMismatch is returned by Open when the options ask for other rules or
	// another name than the ledger was created with.
	ErrMismatch = errors.New("options contradict the ledger")
	// ErrUnknownName: a selection names an account, instrument, strategy or leg
	// that the ledger has never seen; see [UnknownNameError].
	ErrUnknownName = errors.New("name is not known here")
)

package tabular

import (
	"github.com/moneyprinter/holdfast/position"
)

// Entry is one mutation and where it came from.
type Entry struct {
	Line     int // from 1, the header counted
	Mutation position.Mutation
	// Implied marks a definition that the format's conventions imply: it is no
	// line of the input, and no row that was read. So is a fee beside a fill.
	Implied bool
	// Defined asks that the instrument be defined in the ledger.
	Defined bool
}

package holdfast

import (
	"context"

	"github.com/moneyprinter/holdfast/internal/targets"
	"github.com/moneyprinter/holdfast/position"
)

// Target is a position as an engine that thinks in maps wants it saved. A field that is
// nil or zero is not the engine's to say and stays as it is, but for Qty.
type Target struct {
	Key         position.Key
	Qty         position.Decimal  // signed; zero: flat
	Price, Cost *position.Decimal // average entry, or the cost, signed like Qty; not both

	Stop     *position.Decimal
	NoStop   bool               // there is none
	Targets  []position.Decimal // empty, not nil: there are none
	Tags     []string           // the same
	Metadata map[string]string  // all of it: a name that is missing is removed

	High, Low *position.Decimal // extremes since the position was opened
	Mark      *position.Decimal // of the instrument
	Opened    position.Time
}

// SaveOptions qualify [Ledger.Save].
type SaveOptions struct {
	// Whole says that the targets are all there is: an open position that is not
	// among them is closed.
	Whole bool
	// Account bounds Whole to one account; "" is all accounts.
	Account string
	// Time is the event time of what is written; zero: now.
	Time position.Time
	// Reason and Ref are noted with what is adopted.
	Reason, Ref string
}

// SaveResult says what a save has written.
type SaveResult struct {
	Adopted   int    `json:"adopted"`   // positions whose quantity, cost, extremes or opening were set
	Closed    int    `json:"closed"`    // positions that were not among the targets
	Amended   int    `json:"amended"`   // positions whose conditions were set
	Marked    int    `json:"marked"`    // instruments
	Unchanged int    `json:"unchanged"` // targets that were so already
	Seq       uint64 `json:"seq"`       // last record of what was written, else of what the save was compared with
}

// Save brings the ledger to the state that targets describe: what differs from
// the durable state is adopted, amended and marked, in atomic batches in the order
// of the keys. State that is so already is not written, so that a save of the same
// targets again writes nothing.
//
// Each change expects the version that it was compared with: where somebody else
// has changed the position meanwhile, the save ends with [ErrVersionConflict] and
// is to be repeated. Ids follow from ledger, key, version and content, so that the
// repeat of a save whose outcome is unknown applies nothing twice. After an error
// the result counts the batches that were written.
//
// A save says what is, not what happened: nothing is realised by it. Prefer fills
// where they are known.
func (l *Ledger) Save(ctx context.Context, to []Target, o SaveOptions) (SaveResult, error) {
	if err := l.begin(ctx); err != nil {
		return SaveResult{}, err
	}
	with := targets.Ledger{ID: l.src.ID.ID, Prints: l.src.ID.Prints, Rules: l.src.ID.Rules(), Now: l.opts.Now, View: l.View(), Apply: l.commits.ApplyBatch}
	wanted := make([]targets.Target, len(to))
	for i, t := range to {
		wanted[i] = targets.Target(t)
	}
	r, err := targets.Save(ctx, with, wanted, targets.Options(o))
	return SaveResult(r), err //nolint:wrapcheck // its errors are the ledger's
}

package holdfast

import (
	"context"

	"github.com/moneyprinter/holdfast/internal/targets"
)

// Engines that think in maps say what their positions are; package targets finds out
// what that changes. These are its names as such an engine uses them.
type (
	// Target is a position as such an engine wants it saved.
	Target = targets.Target
	// SaveOptions qualify [Ledger.Save].
	SaveOptions = targets.Options
	// SaveResult says what a save has written.
	SaveResult = targets.Result
)

// Save brings the ledger to the state that targets describe: what differs from
// the durable state is adopted, amended and marked, in atomic batches in the order
// of the keys. What is so already is not written, so that a save of the same
// again writes nothing.
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
	from := targets.Origin{ID: l.src.ID.ID, Rules: l.src.ID.Rules(), Now: l.opts.Now}
	return targets.Save(ctx, l, from, to, o) //nolint:wrapcheck // its errors are the ledger's
}

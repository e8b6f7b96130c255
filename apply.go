package holdfast

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// What makes mutations durable is in package committer. These are its names as an
// engine uses them.
type (
	// Result says where a mutation stands in the journal.
	Result = committer.Result
	// Future is the pending result of [Ledger.ApplyAsync].
	Future = committer.Future
	// ApplyOptions qualify one call.
	ApplyOptions = committer.ApplyOptions
	// Rehearsal answers as a ledger would, and writes nothing; see [Rehearse].
	Rehearsal = committer.Rehearsal
)

// Bounds of one batch.
const (
	MaxBatch      = committer.MaxBatch      // mutations
	MaxBatchBytes = committer.MaxBatchBytes // encoded changes
)

// Bounds of what one mutation may change: a split or a settlement changes each open
// position of its instrument, in one atomic batch of records that is written,
// recovered and shown whole. It is held in memory while it is made durable, and by
// whoever reads it.
const (
	MaxMutationChanges = committer.MaxMutationChanges // of the instrument and of a million positions
	MaxMutationBytes   = committer.MaxMutationBytes   // encoded
)

// Apply makes one mutation durable. It returns when its records and all before
// them are on disk. A refusal changes nothing, and is given when what it rests on
// is durable; only [ErrOutcomeUnknown] leaves open whether it was applied: repeat
// it with the same id, which the [UnknownOutcomeError] names.
//
// A context that ends ends the call, however slow the disk is: with
// [ErrOutcomeUnknown] and the context's error once the mutation was handed over,
// with the context's error alone, and nothing applied, while the queue was full
// and where the context had ended before the call.
func (l *Ledger) Apply(ctx context.Context, m position.Mutation) (Result, error) {
	return l.ApplyWith(ctx, m, ApplyOptions{})
}

// ApplyWith is [Ledger.Apply] with options.
func (l *Ledger) ApplyWith(ctx context.Context, m position.Mutation, o ApplyOptions) (Result, error) {
	if l.commits == nil {
		return Result{}, errNotOpened()
	}
	return l.commits.Apply(ctx, m, o)
}

// ApplyAsync hands a mutation over and returns at once, so that one goroutine
// can keep many in flight. Mutations of one goroutine are applied in its order.
// It blocks while the queue is full and, for a bust or correction, while the
// history of its fill is read. Where another call changes meanwhile what that
// rests on, such a one is refused with [ErrVersionConflict] and may be given again.
func (l *Ledger) ApplyAsync(ctx context.Context, m position.Mutation) (*Future, error) {
	return l.ApplyAsyncWith(ctx, m, ApplyOptions{})
}

// ApplyAsyncWith is [Ledger.ApplyAsync] with options.
func (l *Ledger) ApplyAsyncWith(ctx context.Context, m position.Mutation, o ApplyOptions) (*Future, error) {
	if l.commits == nil {
		return nil, errNotOpened()
	}
	return l.commits.ApplyAsync(ctx, m, o)
}

// ApplyBatch makes a batch durable, all of it or nothing, at most [MaxBatch]
// mutations and [MaxBatchBytes], or the changes of one mutation. A batch that was
// applied before gives its first results; one that is partly known is refused with
// [ErrPartlyKnown].
func (l *Ledger) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	if l.commits == nil {
		return nil, errNotOpened()
	}
	return l.commits.ApplyBatch(ctx, ms)
}

// begin is the first thing that every call with a context does: one that has ended
// changes nothing and begins nothing, and a Ledger that no Open made is a closed
// one.
func (l *Ledger) begin(ctx context.Context) error {
	if l.Reader == nil {
		return errNotOpened()
	}
	return archive.Ended(ctx)
}

func errNotOpened() error { return fmt.Errorf("%w: it was not made by Open", ErrClosed) }

// Rehearse begins a rehearsal on what dir holds, or, where there is no ledger, on
// the one that [Open] would make of it with these options. It refuses what Open
// refuses because of the options or the name of dir, and works while another
// process holds the ledger.
func Rehearse(ctx context.Context, dir string, o Options) (*Rehearsal, error) {
	o = o.withDefaults()
	exists, err := Exists(dir)
	if err != nil {
		return nil, err
	}
	with := committer.RehearsalOptions{ClosedCycles: o.ClosedCycles, Build: Version(), Now: o.Now, Rand: o.Rand}
	if !exists {
		id, idErr := archive.NewIdentity(o.Reading())
		if idErr != nil {
			return nil, idErr
		}
		with.Rules, with.Window = id.Rules(), id.Window
		with.Book = projector.New(projector.Options{Rules: with.Rules, Window: with.Window, ClosedCycles: o.ClosedCycles})
		return committer.NewRehearsal(with), nil
	}
	r, err := OpenReader(dir)
	if err != nil {
		return nil, err
	}
	id := r.Identity()
	if err = archive.Matches(id, o.Reading()); err != nil {
		return nil, err
	}
	if o.Keys == nil && id.Encrypted {
		return nil, archive.Keyless(id)
	}
	past := archive.NewSource(dir, id, o.Reading())
	if with.Book, err = past.BookAt(ctx, Moment{}); err != nil {
		return nil, err
	}
	with.Past, with.Rules, with.Window = past, id.Rules(), id.Window
	return committer.NewRehearsal(with), nil
}

package holdfast

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/position"
)

// Result says where a mutation stands in the journal.
type Result struct {
	ID          string // its idempotency key: the one it had, or the one that was made for it
	First, Last uint64 // its first and last record
	Duplicate   bool   // it was applied before; these are the records of then
}

// ApplyOptions qualify one call.
type ApplyOptions struct {
	// Insist applies a mutation that is older than what the duplicate window
	// remembers, instead of [ErrTooOld], or later than the clock where that is refused
	// as [ErrAhead]. The caller vouches that it is new.
	Insist bool
}

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
	r, err := l.commits.Apply(ctx, m, committer.ApplyOptions(o))
	return Result(r), err
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
	f, err := l.commits.ApplyAsync(ctx, m, committer.ApplyOptions(o))
	if err != nil {
		return nil, err
	}
	return &Future{f}, nil
}

// Future is the pending result of [Ledger.ApplyAsync].
type Future struct{ pending committer.Future }

// Done is closed when the result is known.
func (f *Future) Done() <-chan struct{} { return f.pending.Done() }

// Wait returns the result, or an [UnknownOutcomeError] when the context ends first.
func (f *Future) Wait(ctx context.Context) (Result, error) {
	r, err := f.pending.Wait(ctx)
	return Result(r), err
}

// ApplyBatch makes a batch durable, all of it or nothing, at most [MaxBatch]
// mutations and [MaxBatchBytes], or the changes of one mutation. A batch that was
// applied before gives its first results; one that is partly known is refused with
// [ErrPartlyKnown].
func (l *Ledger) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	if l.commits == nil {
		return nil, errNotOpened()
	}
	return results(l.commits.ApplyBatch(ctx, ms))
}

// results passes on what a batch came to.
func results(rs []committer.Result, err error) ([]Result, error) {
	if err != nil || rs == nil {
		return nil, err
	}
	out := make([]Result, len(rs))
	for i, r := range rs {
		out[i] = Result(r)
	}
	return out, nil
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

package committer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Result says where a mutation stands in the journal. The root documents it, and
// converts it as it does [ApplyOptions] and [DatedAhead].
type Result struct {
	ID          string
	First, Last uint64
	Duplicate   bool
}

// Future is the pending result of [Committer.ApplyAsync].
type Future struct{ req *request }

// Done is closed when the result is known.
func (f *Future) Done() <-chan struct{} {
	if f.req == nil {
		return nil
	}
	return f.req.done
}

// Wait returns the result, or an [UnknownOutcomeError] when the context ends first.
func (f *Future) Wait(ctx context.Context) (Result, error) {
	if f.req == nil {
		return Result{}, fmt.Errorf("%w: the Future was not made by ApplyAsync", position.ErrInvalid)
	}
	if err := f.req.wait(ctx); err != nil {
		return Result{}, err
	}
	return f.req.result(0), nil
}

// ApplyOptions qualify one call.
type ApplyOptions struct{ Insist bool }

// ready checks the form of mutations, makes them the ledger's own, and gives an id
// and a time to those that have none, in place.
func ready(ms []position.Mutation, now func() time.Time, random io.Reader) error {
	for i, m := range ms {
		if m = position.Own(m); m == nil {
			return fmt.Errorf("%w: mutation %d is nil", position.ErrInvalid, i)
		}
		err := m.Validate()
		if err != nil {
			return memberError(i, len(ms), err)
		}
		if ms[i], err = identified(m, now, random); err != nil {
			return err
		}
	}
	return nil
}

// identified gives a mutation an id and a time where it has none.
func identified(m position.Mutation, now func() time.Time, random io.Reader) (position.Mutation, error) {
	if m.ID() != "" && m.EventTime() != 0 {
		return m, nil
	}
	at, err := position.At(now())
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	u, err := uuid.NewV7FromReader(random)
	if err != nil {
		return nil, fmt.Errorf("make mutation id: %w", err)
	}
	return m.Identified(u.String(), at), nil
}

// batchBounds refuses a batch of too many members.
func batchBounds(n, window int) error {
	switch {
	case n > MaxBatch:
		return fmt.Errorf("%w: %d mutations, at most %d are allowed", ErrTooMany, n, MaxBatch)
	case n > window:
		return fmt.Errorf("%w: %d mutations, and the ledger remembers %d: a retry of them could not be told from new ones", ErrTooMany, n, window)
	}
	return nil
}

// memberError says which member of a batch an error belongs to.
func memberError(i, n int, err error) error {
	if n == 1 {
		return err
	}
	return &projector.MemberError{Index: i, Err: err}
}

// request is one call of Apply or ApplyBatch on its way through the stager and
// the syncer. outcomes and err are set before done tells of it.
type request struct {
	ms       []position.Mutation
	prints   []wire.Fingerprint
	one      [1]position.Mutation // backs ms for a single mutation
	print    [1]wire.Fingerprint
	outcome  [1]projector.Outcome // backs outcomes for a single mutation
	insist   bool
	refold   bool              // it holds a bust or correction; see refold.go
	known    map[fillOf]*ahead // what was read ahead for it
	leave    func()            // gives back the right to read ahead
	probe    *wanted           // it only finds out what is to be read
	outcomes []projector.Outcome
	err      error
	done     chan struct{} // closed or, when pooled, of capacity 1 and sent to
	// A pooled request is waited for by one goroutine, once. That goroutine uses it again
	// after the answer; when it gives up waiting, it drops the request, which the
	// committer may still hold.
	pooled bool
}

// single makes it a request for one mutation.
func (r *request) single(m position.Mutation, o ApplyOptions) {
	r.one[0], r.insist = m, o.Insist
	r.ms, r.prints = r.one[:], r.print[:]
}

// setOutcomes copies what became of the request out of s, which will be used again.
func (r *request) setOutcomes(s *projector.Staged) {
	r.outcomes = append(r.outcome[:0], s.Outcomes...)
}

// finish answers a request. It is not to be touched afterwards.
func (r *request) finish(err error) {
	if err != nil {
		r.err = err
	}
	if r.leave != nil {
		r.leave()
	}
	if r.pooled {
		r.done <- struct{}{}
		return
	}
	close(r.done)
}

func (r *request) wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.answer()
	default:
	}
	select {
	case <-r.done:
		return r.answer()
	case <-ctx.Done():
		return r.unknown(context.Cause(ctx))
	}
}

// answer is the error of a request that was answered.
func (r *request) answer() error {
	if r.err != nil && errors.Is(r.err, ErrOutcomeUnknown) { // the same for all of its group
		return r.unknown(r.err)
	}
	return r.err
}

// unknown says of which mutations the fate is not known.
func (r *request) unknown(err error) error {
	e := &UnknownOutcomeError{IDs: make([]string, len(r.ms)), Err: err}
	for i, m := range r.ms {
		e.IDs[i] = m.ID()
	}
	return e
}

func (r *request) results() []Result {
	out := make([]Result, len(r.outcomes))
	for i := range out {
		out[i] = r.result(i)
	}
	return out
}

func (r *request) result(i int) Result {
	o := &r.outcomes[i]
	return Result{ID: r.ms[i].ID(), First: o.First, Last: o.Last, Duplicate: o.Duplicate}
}

package holdfast

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Result says where a mutation stands in the journal.
type Result struct {
	ID          string // its idempotency key: the one it had, or the one that was made for it
	First, Last uint64 // its first and last record
	Duplicate   bool   // it was applied before; these are the records of then
}

// Future is the pending result of [Ledger.ApplyAsync].
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
		return Result{}, fmt.Errorf("%w: the Future was not made by ApplyAsync", ErrInvalid)
	}
	if err := f.req.wait(ctx); err != nil {
		return Result{}, err
	}
	return f.req.result(0), nil
}

// ApplyOptions qualify one call.
type ApplyOptions struct {
	// Insist applies a mutation that is older than what the duplicate window
	// remembers, instead of [ErrTooOld], or later than the clock where that is
	// refused as [ErrAhead]. The caller vouches that it is new.
	Insist bool
}

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
	req, _ := l.requests.Get().(*request)
	if req == nil {
		req = &request{done: make(chan struct{}, 1), again: true}
	}
	req.single(m, o)
	if err := l.perform(ctx, req); err != nil {
		return Result{}, err
	}
	r := req.result(0)
	*req = request{done: req.done, again: true}
	l.requests.Put(req)
	return r, nil
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
	req := &request{done: make(chan struct{})}
	req.single(m, o)
	if err := l.submit(ctx, req); err != nil {
		return nil, err
	}
	return &Future{req: req}, nil
}

// ApplyBatch makes a batch durable, all of it or nothing, at most [MaxBatch]
// mutations and [MaxBatchBytes], or the changes of one mutation. A batch that was
// applied before gives its first results; one that is partly known is refused with
// [ErrPartlyKnown].
func (l *Ledger) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	if err := batchBounds(len(ms), l.id.Window); err != nil || len(ms) == 0 {
		return nil, err
	}
	req := &request{
		ms: make([]position.Mutation, len(ms)), prints: make([]position.Fingerprint, len(ms)), done: make(chan struct{}),
	}
	copy(req.ms, ms)
	if err := l.perform(ctx, req); err != nil {
		return nil, err
	}
	return req.results(), nil
}

// submit checks the form of a request, gives its members ids and times, takes
// their fingerprints, and queues it.
func (l *Ledger) submit(ctx context.Context, req *request) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	if err := l.refuseFailed(); err != nil {
		return err
	}
	if err := ready(req.ms, &l.opts); err != nil {
		return err
	}
	for i, m := range req.ms {
		req.prints[i] = position.FingerprintOf(m)
	}
	if req.refold = len(refoldings(req.ms)) > 0; req.refold {
		leave, err := l.readAhead(ctx, req)
		if err != nil {
			return err
		}
		req.leave = leave
	}
	err := l.enqueue(ctx, req)
	if err != nil && req.leave != nil {
		req.leave()
	}
	return err
}

// perform submits a request and waits for its answer. One that turned out to need
// what was not read ahead for it begins anew.
func (l *Ledger) perform(ctx context.Context, req *request) error {
	for try := 0; ; try++ {
		if err := l.submit(ctx, req); err != nil {
			return err
		}
		err := req.wait(ctx)
		if !errors.Is(err, errStale) || try == restages {
			return err // nobody may know yet how it ends
		}
		req.err, req.known, req.leave = nil, nil, nil
		if !req.again {
			req.done = make(chan struct{})
		}
	}
}

// enqueue hands a request to the stager. It blocks while the queue is full, but
// not for Close, which may have to wait for a slow disk: no caller may be held
// beyond its deadline.
func (l *Ledger) enqueue(ctx context.Context, req *request) error {
	if !l.sending.TryRLock() { // only Close takes it for writing
		return fmt.Errorf("holdfast: %w", ErrClosed)
	}
	defer l.sending.RUnlock()
	if l.closed {
		return fmt.Errorf("holdfast: %w", ErrClosed)
	}
	select {
	case l.queue <- req:
		return nil
	default:
	}
	select {
	case l.queue <- req:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("holdfast: apply: %w", context.Cause(ctx))
	}
}

// ready checks the form of mutations, makes them the ledger's own, and gives an id
// and a time to those that have none, in place.
func ready(ms []position.Mutation, o *Options) error {
	for i, m := range ms {
		if m = position.Own(m); m == nil {
			return fmt.Errorf("%w: mutation %d is nil", ErrInvalid, i)
		}
		err := m.Validate()
		if err != nil {
			return memberError(i, len(ms), err)
		}
		if ms[i], err = identified(m, o); err != nil {
			return err
		}
	}
	return nil
}

// identified gives a mutation an id and a time where it has none.
func identified(m position.Mutation, o *Options) (position.Mutation, error) {
	if m.ID() != "" && m.EventTime() != 0 {
		return m, nil
	}
	at, err := position.At(o.Now())
	if err != nil {
		return nil, fmt.Errorf("holdfast: clock: %w", err)
	}
	u, err := uuid.NewV7FromReader(o.Rand)
	if err != nil {
		return nil, fmt.Errorf("holdfast: make mutation id: %w", err)
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
	prints   []position.Fingerprint
	one      [1]position.Mutation // backs ms for a single mutation
	print    [1]position.Fingerprint
	outcome  [1]projector.Outcome // backs outcomes for a single mutation
	insist   bool
	refold   bool              // it holds a bust or correction; see refold.go
	known    map[fillOf]*ahead // what was read ahead for it
	leave    func()            // gives back the right to read ahead
	probe    *wanted           // it only finds out what is to be read
	outcomes []projector.Outcome
	err      error
	done     chan struct{} // closed or, with again, of capacity 1 and sent to
	// again: one goroutine waits for it, once, and when it was answered it is used
	// for another call. Who gave up waiting leaves it to whoever holds it.
	again bool
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
	if r.again {
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

// begin is the first thing that every call with a context does: one that has ended
// changes nothing and begins nothing, and a Ledger that no Open made is a closed
// one.
func (l *Ledger) begin(ctx context.Context) error {
	if l.Reader == nil {
		return fmt.Errorf("holdfast: %w: it was not made by Open", ErrClosed)
	}
	return ended(ctx)
}

// begin is [Ledger.begin] of a Reader.
func (r *Reader) begin(ctx context.Context) error {
	if err := r.made(); err != nil {
		return err
	}
	return ended(ctx)
}

// made refuses a Reader that no OpenReader made.
func (r *Reader) made() error {
	if r == nil || r.snaps == nil {
		return fmt.Errorf("%w: the Reader was not made by OpenReader", ErrNotLedger)
	}
	return nil
}

// ended returns the error of a context that has ended, which changes nothing and
// begins nothing.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("holdfast: %w: %w", err, cause)
	}
	return fmt.Errorf("holdfast: %w", err)
}

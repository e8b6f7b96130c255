// Package committer is the commit loop of a ledger: it stages mutations, encodes their
// changes, syncs, publishes and answers, in that order. Readers never see what could
// be lost, and nobody is told that something is durable before it is.
//
// One goroutine stages, encodes and syncs, or others encode and sync beside it where
// that saves time; see pace.go. Requests that queue while one group syncs are the next
// group, and there is no timer. A bust or correction is folded on the history
// of its fill, which its caller reads ahead; see refold.go. The first error of the
// journal is final.
//
// It opens nothing, recovers nothing and keeps no files: whoever starts it gives it the
// book and the journal.
package committer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Bounds of one batch.
const (
	MaxBatch      = 1000    // mutations
	MaxBatchBytes = 8 << 20 // encoded changes
)

// Bounds of what one mutation may change: a split or a settlement changes each open
// position of its instrument, in one atomic batch of records that is written,
// recovered and shown whole. It is held in memory while it is made durable, and by
// whoever reads it.
const (
	MaxMutationChanges = 1<<20 + 1 // of the instrument and of a million positions
	MaxMutationBytes   = 1 << 30   // encoded
)

// Committer makes mutations durable: it stages them, encodes their changes, syncs and
// publishes, and answers. All methods may be called from any goroutine.
//
// Three goroutines work behind it, waited for by Close: the stager owns the head of
// the book, and what it has not handed over; the encoder owns the batch being filled
// of the groups that it is given; the syncer owns the journal's write side, and
// publishes, while it has a group.
type Committer struct {
	o Options

	queue   chan *request // to the stager
	handed  chan handover // stager to encoder
	groups  chan *group   // to the syncer, one at a time
	synced  chan struct{} // syncer to stager: ready for the next group
	workers sync.WaitGroup

	stage    stager    // owned by the stager goroutine
	pace     pace      // and this
	requests sync.Pool // of *request, answered; see request.pooled
	refolds  refolds   // who reads ahead
	failure  failure
	dated    datedAhead
	refusals atomic.Uint64 // since they were last asked for

	// sending is held for reading while a request is put into the queue, and for
	// writing by Close, so that nothing is queued after the stager stopped.
	sending sync.RWMutex
	closed  bool // guarded by sending
}

// Options are what a committer works with; all are needed.
type Options struct {
	Book    *projector.Book  // the committer is its writer
	Journal *journal.Journal // and of this one; it shows what is durable
	Past    annals           // of what is durable
	Rules   position.Rules
	Window  int            // mutations remembered for duplicates
	Epoch   position.Epoch // for its record, which adds a salt

	Now  func() time.Time
	Rand io.Reader

	// Committed is told the newest durable seq after each group, once it is published.
	// Failed is told the first error that ended the writing. Neither may block.
	Committed func(seq uint64)
	Failed    func(err error)
}

// Start starts the goroutines of a committer. They outlive the context; Close
// ends them.
func Start(ctx context.Context, o Options) *Committer {
	c := &Committer{
		o:     o,
		queue: make(chan *request, queueSize), handed: make(chan handover, handoverQueue), groups: make(chan *group), synced: make(chan struct{}, 1),
		failure: failure{done: make(chan struct{})},
	}
	c.stage = newStager(c)
	c.workers.Go(func() { c.stageLoop(context.WithoutCancel(ctx)) })
	c.workers.Go(c.encodeLoop)
	c.workers.Go(c.syncLoop)
	return c
}

// Close takes nothing more, finishes what was handed over and waits for that. It is
// called once.
func (c *Committer) Close() {
	c.sending.Lock()
	c.closed = true
	close(c.queue)
	c.sending.Unlock()
	c.workers.Wait()
}

// Apply makes one mutation durable.
func (c *Committer) Apply(ctx context.Context, m position.Mutation, o ApplyOptions) (Result, error) {
	req, _ := c.requests.Get().(*request)
	if req == nil {
		req = &request{done: make(chan struct{}, 1), pooled: true}
	}
	req.single(m, o)
	if err := c.perform(ctx, req); err != nil {
		return Result{}, err
	}
	r := req.result(0)
	*req = request{done: req.done, pooled: true}
	c.requests.Put(req)
	return r, nil
}

// ApplyAsync hands a mutation over.
func (c *Committer) ApplyAsync(ctx context.Context, m position.Mutation, o ApplyOptions) (Future, error) {
	req := &request{done: make(chan struct{})}
	req.single(m, o)
	if err := c.submit(ctx, req); err != nil {
		return Future{}, err
	}
	return Future{req: req}, nil
}

// ApplyBatch makes a batch durable, all of it or nothing.
func (c *Committer) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	if err := batchBounds(len(ms), c.o.Window); err != nil || len(ms) == 0 {
		return nil, err
	}
	req := &request{
		ms: make([]position.Mutation, len(ms)), prints: make([]wire.Fingerprint, len(ms)), done: make(chan struct{}),
	}
	copy(req.ms, ms)
	if err := c.perform(ctx, req); err != nil {
		return nil, err
	}
	return req.results(), nil
}

// submit checks the form of a request, gives its members ids and times, takes
// their fingerprints, and queues it.
func (c *Committer) submit(ctx context.Context, req *request) error {
	if err := archive.Ended(ctx); err != nil {
		return err
	}
	if err := c.RefuseFailed(); err != nil {
		return err
	}
	if err := ready(req.ms, c.o.Now, c.o.Rand); err != nil {
		return err
	}
	for i, m := range req.ms {
		req.prints[i] = wire.FingerprintOf(c.o.Epoch.Prints, m)
	}
	if req.refold = len(refoldings(req.ms)) > 0; req.refold {
		leave, err := c.readAhead(ctx, req)
		if err != nil {
			return err
		}
		req.leave = leave
	}
	err := c.enqueue(ctx, req)
	if err != nil && req.leave != nil {
		req.leave()
	}
	return err
}

// perform submits a request and waits for its answer. One that turned out to need
// what was not read ahead for it begins anew.
func (c *Committer) perform(ctx context.Context, req *request) error {
	for try := 0; ; try++ {
		if err := c.submit(ctx, req); err != nil {
			return err
		}
		err := req.wait(ctx)
		if !errors.Is(err, errStale) || try == restages {
			return err // nobody may know yet how it ends
		}
		req.err, req.known, req.leave = nil, nil, nil
		if !req.pooled {
			req.done = make(chan struct{})
		}
	}
}

// enqueue hands a request to the stager. It blocks while the queue is full, but
// not for Close, which may have to wait for a slow disk: no caller may be held
// beyond its deadline.
func (c *Committer) enqueue(ctx context.Context, req *request) error {
	if !c.sending.TryRLock() { // only Close takes it for writing
		return fmt.Errorf("%w", journal.ErrClosed)
	}
	defer c.sending.RUnlock()
	if c.closed {
		return fmt.Errorf("%w", journal.ErrClosed)
	}
	select {
	case c.queue <- req:
		return nil
	default:
	}
	select {
	case c.queue <- req:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("apply: %w", context.Cause(ctx))
	}
}

// Refused returns how many requests were refused since it was asked last.
func (c *Committer) Refused() uint64 { return c.refusals.Swap(0) }

// Queued returns how many requests wait for the stager.
func (c *Committer) Queued() int { return len(c.queue) }

// Waiting returns how many callers wait for their turn to read ahead.
func (c *Committer) Waiting() int { return c.refolds.waiting(0) }

// failure is why nothing is taken any more.
type failure struct {
	once sync.Once
	err  error         // set before done is closed
	done chan struct{} // closed by the first error
}

// Fail records the first error that ends the writing.
func (c *Committer) Fail(err error) {
	c.failure.once.Do(func() {
		c.failure.err = AsSyncError(err)
		close(c.failure.done)
		c.o.Failed(err)
	})
}

// Failed is closed by the first error that ends the writing.
func (c *Committer) Failed() <-chan struct{} { return c.failure.done }

// Err returns the error that ended the writing, nil while it works.
func (c *Committer) Err() error {
	select {
	case <-c.failure.done:
		return c.failure.err
	default:
		return nil
	}
}

// RefuseFailed returns why nothing can be written any more, or nil.
func (c *Committer) RefuseFailed() error {
	if err := c.Err(); err != nil {
		return fmt.Errorf("%w: %w", journal.ErrFailed, err)
	}
	return nil
}

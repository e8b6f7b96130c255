package ingest

import (
	"context"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// Target is what mutations are applied to.
type Target interface {
	// Begin hands a mutation over, in order, and returns what waits for its
	// result.
	Begin(ctx context.Context, m position.Mutation) (Pending, error)
}

// Pending waits for the result of one mutation.
type Pending interface {
	Wait(ctx context.Context) (holdfast.Result, error)
}

// Local applies to a ledger that this process has open.
type Local struct {
	Ledger *holdfast.Ledger
	Insist bool
}

// Begin implements [Target].
func (t Local) Begin(ctx context.Context, m position.Mutation) (Pending, error) {
	f, err := t.Ledger.ApplyAsyncWith(ctx, m, holdfast.ApplyOptions{Insist: t.Insist})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// settledResult is a result that is known already.
type settledResult struct{ res holdfast.Result }

// Wait returns the result.
func (s settledResult) Wait(context.Context) (holdfast.Result, error) { return s.res, nil }

// Rehearsal answers as the ledger would, and writes nothing.
type Rehearsal struct {
	To     *holdfast.Rehearsal
	Insist bool
}

// Begin implements [Target].
func (t *Rehearsal) Begin(ctx context.Context, m position.Mutation) (Pending, error) {
	res, err := t.To.ApplyWith(ctx, m, holdfast.ApplyOptions{Insist: t.Insist})
	if err != nil {
		return nil, err
	}
	return settledResult{res}, nil
}

// A Daemon is what mutations are sent to, as JSON.
type Daemon interface {
	// Apply sends one mutation.
	Apply(ctx context.Context, body []byte) (holdfast.Result, error)
	// ApplyEach sends several, each of which is applied or refused by itself, in their
	// order. Its error is that of the request as a whole.
	ApplyEach(ctx context.Context, bodies [][]byte) ([]Answer, error)
}

// Answer is what became of one mutation of several.
type Answer struct {
	Result holdfast.Result
	Err    error
}

// Bounds of one request: a daemon takes 1000 mutations and 1 MiB.
const (
	requestMutations = 500
	requestBytes     = 256 << 10
)

// remoteTarget sends mutations to a daemon in their order, one request in flight: what
// comes while one is under way goes with the next. Nothing is sent behind what has an
// unknown outcome: applied behind it, it could be the earlier of the two when the file
// is repeated.
type remoteTarget struct {
	to   Daemon
	last context.Context //nolint:containedctx // of what was begun; ends a while after the run's own

	mu      sync.Mutex // guards the fields below
	queue   []*remoteFlight
	sending bool

	// Of the goroutine that sends.
	singly  bool  // the daemon takes single mutations only
	unknown error // why the outcome of something is not known
}

// lastAnswers is how long an interrupted run waits for what it has sent.
const lastAnswers = 5 * time.Second

// NewRemote begins a target that sends to a daemon.
func NewRemote(ctx context.Context, to Daemon) Target {
	last, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(lastAnswers, func() { cancel(context.Cause(ctx)) }) })
	return &remoteTarget{to: to, last: last}
}

// remoteFlight is a mutation that is sent, and its answer, which is set before done is
// closed.
type remoteFlight struct {
	body   []byte
	alone  bool // goes in a request of its own: it reads history
	done   chan struct{}
	answer Answer
}

// Wait implements [Pending].
func (f *remoteFlight) Wait(ctx context.Context) (holdfast.Result, error) {
	select {
	case <-f.done:
		return f.answer.Result, f.answer.Err
	case <-ctx.Done():
		return holdfast.Result{}, ctx.Err()
	}
}

// Begin implements [Target].
func (t *remoteTarget) Begin(_ context.Context, m position.Mutation) (Pending, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	body, err := position.MarshalMutation(m)
	if err != nil {
		return nil, err
	}
	f := &remoteFlight{body: body, done: make(chan struct{})}
	switch m.(type) {
	case position.Bust, position.Correct:
		f.alone = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, f)
	if !t.sending {
		t.sending = true
		go t.send()
	}
	return f, nil
}

// send sends what is queued until there is nothing.
func (t *remoteTarget) send() {
	for {
		flights := t.next()
		if len(flights) == 0 {
			return
		}
		t.perform(flights)
		for _, f := range flights {
			close(f.done)
		}
	}
}

// next takes from the queue what goes with one request.
func (t *remoteTarget) next() []*remoteFlight {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, size := 0, 0
	for ; n < len(t.queue) && n < requestMutations; n++ {
		f := t.queue[n]
		if size += len(f.body); n > 0 && (size > requestBytes || f.alone || t.queue[0].alone) {
			break
		}
	}
	out := t.queue[:n:n]
	if t.queue = t.queue[n:]; n == 0 {
		t.queue, t.sending = nil, false
	}
	return out
}

// perform sends some mutations and sets their answers. A request that was begun is
// carried through, also after an interrupt, unless nobody answers; repeating the file
// then settles its outcome.
func (t *remoteTarget) perform(flights []*remoteFlight) {
	if len(flights) == 1 || t.singly {
		for _, f := range flights {
			t.performOne(f)
		}
		return
	}
	if t.unknown == nil {
		bodies := make([][]byte, len(flights))
		for i, f := range flights {
			bodies[i] = f.body
		}
		answers, err := t.to.ApplyEach(t.last, bodies)
		if err != nil && refusal(err) { // nothing was applied: it does not know such a request
			t.singly = true
			t.perform(flights)
			return
		}
		t.unknown = err
		for i := range answers {
			flights[i].answer = answers[i]
			t.note(answers[i].Err)
		}
		if err == nil {
			return
		}
	}
	for _, f := range flights {
		f.answer.Err = t.unknown
	}
}

func (t *remoteTarget) performOne(f *remoteFlight) {
	if t.unknown != nil {
		f.answer.Err = t.unknown
		return
	}
	f.answer.Result, f.answer.Err = t.to.Apply(t.last, f.body)
	t.note(f.answer.Err)
}

// note remembers an error that leaves an outcome unknown.
func (t *remoteTarget) note(err error) {
	if err != nil && !refusal(err) && t.unknown == nil {
		t.unknown = err
	}
}

// laneOf names what a mutation touches: one instrument, whatever the accounts, or
// the money side of one account.
func laneOf(m position.Mutation) string {
	switch m := m.(type) {
	case position.Fill:
		return m.Instrument
	case position.Mark:
		return m.Instrument
	case position.Charge:
		if m.Instrument == "" {
			return "\x00" + m.Account // no name holds a control character
		}
		return m.Instrument
	case position.Amend:
		return m.Instrument
	case position.DefineInstrument:
		return m.Instrument
	case position.Split:
		return m.Instrument
	case position.Settle:
		return m.Instrument
	case position.Transfer:
		return m.Instrument
	case position.Adjust:
		return m.Instrument
	case position.Adopt:
		return m.Instrument
	case position.Bust:
		return m.Instrument
	case position.Correct:
		return m.Instrument
	}
	return ""
}

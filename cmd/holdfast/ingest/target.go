package ingest

import (
	"context"
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

// remoteTarget sends mutations to a daemon, one request each. The daemon works
// on several requests at once, so only what cannot disturb each other is in
// flight together: mutations of one instrument, or of one account's cash, wait
// for the one before, and are not sent behind one whose outcome is unknown.
type remoteTarget struct {
	apply func(ctx context.Context, body []byte) (holdfast.Result, error)
	lanes map[string]*remoteFlight // the last one of each lane
	last  context.Context          //nolint:containedctx // of what was begun; ends a while after the run's own
}

// lastAnswers is how long an interrupted run waits for what it has sent.
const lastAnswers = 5 * time.Second

// NewRemote begins a target that sends with apply, which returns what a daemon says.
func NewRemote(ctx context.Context, apply func(ctx context.Context, body []byte) (holdfast.Result, error)) Target {
	last, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(lastAnswers, func() { cancel(context.Cause(ctx)) }) })
	return &remoteTarget{apply: apply, lanes: make(map[string]*remoteFlight), last: last}
}

// remoteFlight is a request and its answer. res and err are set before done is
// closed.
type remoteFlight struct {
	done chan struct{}
	res  holdfast.Result
	err  error
}

// Wait implements [Pending].
func (f *remoteFlight) Wait(ctx context.Context) (holdfast.Result, error) {
	select {
	case <-f.done:
		return f.res, f.err
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
	lane := laneOf(m)
	before := t.lanes[lane]
	f := &remoteFlight{done: make(chan struct{})}
	t.lanes[lane] = f
	go func() {
		defer close(f.done)
		if before != nil {
			<-before.done
			// The outcome of the one before is not known. Applied behind it, this one
			// could be the earlier of the two when the file is repeated.
			if before.err != nil && !refusal(before.err) {
				f.err = before.err
				return
			}
		}
		// A request that was begun is carried through, also after an interrupt, unless
		// nobody answers; repeating the file then settles its outcome.
		f.res, f.err = t.apply(t.last, body)
	}()
	return f, nil
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

package bus

import (
	"context"
	"slices"
	"time"
)

// Rebuild deletes the stream of the ledger, whatever it holds and whoever it
// belongs to, creates it anew, and returns; the records are fed again from the
// oldest kept one while Run goes on. Durable consumers of the old stream are
// gone with it.
func (r *Relay) Rebuild(ctx context.Context) error {
	r.mu.Lock()
	if !r.running {
		r.mu.Unlock()
		return ErrNotRunning
	}
	waiter := make(chan error, 1)
	r.rebuild = append(r.rebuild, waiter)
	if r.nudge != nil {
		r.nudge(errRebuild)
	}
	r.mu.Unlock()
	select {
	case err := <-waiter:
		return err
	case <-ctx.Done():
		// Nothing may be deleted after the caller gave up, unless it has begun.
		r.mu.Lock()
		r.rebuild = slices.DeleteFunc(r.rebuild, func(w chan error) bool { return w == waiter })
		r.mu.Unlock()
		return ctx.Err()
	}
}

// recreate makes the stream that was just deleted. A server under load may still be
// at work on the old one's files and refuse at first.
func (r *Relay) recreate(ctx context.Context, l *link, first uint64) error {
	const tries = 8
	_, err := r.create(ctx, l, first)
	for i := range tries {
		if !isCode(err, codeNotCreated) {
			break
		}
		timer := time.NewTimer(min(r.o.MinBackoff<<i, r.o.MaxBackoff))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		_, err = r.create(ctx, l, first)
	}
	return err
}

// create makes the stream that is not there. nats-server 2.15.2 may still be deleting
// the files of an old stream, or write its state into its directory meanwhile, and a
// new stream of the same name finds them: it has the sequences of the old one, and
// messages that may go at any moment. Such a stream, made just now and not empty, is
// deleted at once and counts as not created.
func (r *Relay) create(ctx context.Context, l *link, first uint64) (*streamAnswer, error) {
	answer, err := l.api.create(ctx, r.streamConfig(first))
	if err != nil {
		return nil, err
	}
	made := answer.Now.Sub(answer.Created) <= r.o.Timeout // and not by somebody else, before
	if s := answer.State; made && s.Last >= first {
		r.o.Logger.Warn("bus: new stream begins with what is left of a deleted one; deleting it",
			"stream", r.stream, "messages", s.Messages, "last_seq", s.Last)
		if err = l.api.remove(ctx); err != nil {
			return nil, err
		}
		return nil, &apiError{ErrCode: codeNotCreated, Description: "the new stream holds what is left of the old one"}
	}
	r.o.Logger.Info("bus: stream created", "stream", r.stream, "first_seq", first)
	return answer, nil
}

// answerRebuild rebuilds once for all that ask for it.
func (r *Relay) answerRebuild(ctx context.Context, l *link) error {
	r.mu.Lock()
	waiters := r.rebuild
	r.rebuild = nil
	r.mu.Unlock()
	if len(waiters) == 0 {
		return nil
	}
	err := l.api.remove(ctx)
	if err == nil || isCode(err, codeNoStream) {
		first, _ := r.bounds()
		err = r.recreate(ctx, l, first)
		if err == nil {
			// Before anybody is told: who asks for the status next must not see
			// what was on the stream that is gone.
			r.noteTrim(first, first-1)
			r.noteState(StateCatchingUp)
		}
		r.o.Logger.Warn("bus: stream rebuilt", "stream", r.stream, "first_seq", first, "error", err)
	}
	for _, waiter := range waiters {
		waiter <- err
	}
	return err
}

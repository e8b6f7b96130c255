package committer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Busts and corrections are folded on what the journal holds of a key since a
// fill, so they are staged only when all that was accepted before is durable and
// can be read: the stager hands over the group it is filling, waits until the
// syncer has nothing left, and goes on. Other callers queue meanwhile.
//
// All that grows with the history is done before that, on the goroutine of the
// caller. A request with a bust passes the stager twice. The first time, a probe,
// stages it on what is there: where nothing is to be refolded (a repeat, a refusal
// before the fold needs the history) it goes straight on; else the probe has found
// which record the fill is, as far as the window knows. The caller searches for
// it where the window has forgotten it, reads what followed up to a record N, and
// folds it. The second time the stager waits as said, reads and folds what came
// after N, and stages. The caller's result up to N is final, a refusal too: the
// stager never reads before N+1. The stall of the writer is one sync and
// what other callers appended since N. BenchmarkBust tells what other callers see
// of it.
//
// Two requests read ahead at a time, and only one of a key: a bust of the same key
// between N and the stager would change what was folded.

// refoldsAhead bounds the requests that read ahead, each of which holds a state of
// the ledger for some of the time, and MaxRefoldCycles images.
const refoldsAhead = 2

// restages bounds how often a call begins anew because what it had not read ahead
// is wanted after all: another call has changed meanwhile what it would have been
// refused for.
const restages = 8

var (
	// errProbed ends the staging of a probe.
	errProbed = errors.New("history wanted")
	// errStale: the stager would have to read what the caller should have read.
	errStale = fmt.Errorf("%w: the position changed while its history was read: apply it again", position.ErrVersionConflict)
)

// fillOf names a fill of a key.
type fillOf struct {
	key  position.Key
	fill string
}

// wanted is what a probe has found out: whether any history is asked for and, if
// so, the records of the fills, as far as the window knows them.
type wanted struct {
	asked bool
	first map[fillOf]uint64
}

// refoldings are the fills that the busts and corrections of a request are about.
func refoldings(ms []position.Mutation) (of []fillOf) {
	for _, m := range ms {
		switch v := m.(type) {
		case position.Bust:
			of = append(of, fillOf{v.Key, v.Fill})
		case position.Correct:
			of = append(of, fillOf{v.Key, v.Fill})
		}
	}
	return of
}

// revision returns the bust or correction of a fill in a request.
func revision(ms []position.Mutation, id fillOf) position.Mutation {
	for _, m := range ms {
		if of := refoldings([]position.Mutation{m}); len(of) > 0 && of[0] == id {
			return m
		}
	}
	return nil
}

// readAhead does what a caller can do before the stager has to wait for its
// request: it finds out by a probe what will be asked, reads it and folds it. Unless
// it is nil, leave is to be called when the request was answered.
func (c *Committer) readAhead(ctx context.Context, req *request) (leave func(), err error) {
	probe := &request{ms: req.ms, prints: req.prints, insist: req.insist, probe: new(wanted), done: make(chan struct{})}
	if err = c.enqueue(ctx, probe); err != nil {
		return nil, err
	}
	// A probe changes nothing: not to know how it ended is no unknown outcome.
	select {
	case <-probe.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("apply: %w", context.Cause(ctx))
	}
	// The state that a probe saw may have been lost with its group. The request itself
	// is then answered with the reason.
	if probe.err != nil || !probe.probe.asked {
		return nil, nil //nolint:nilnil,nilerr // nothing to give back
	}
	of := refoldings(req.ms)
	if leave, err = c.refolds.enter(ctx, of); err != nil {
		return nil, fmt.Errorf("apply: %w", err)
	}
	req.known = make(map[fillOf]*ahead, len(of))
	most := position.MaxRefoldCycles
	for _, id := range of {
		if req.known[id] != nil {
			continue // of two about one fill the second is refused
		}
		a, err := foldAhead(ctx, c.o.Past, c.o.Rules, revision(req.ms, id), id, probe.probe.first[id], most)
		if err != nil {
			leave()
			return nil, err
		}
		most -= a.cycles()
		req.known[id] = a
	}
	return leave, nil
}

// probe stages a request to see what it asks for, and forgets the rest.
func (s *stager) probe(req *request) {
	_, err := s.c.o.Book.StagePrinted(s.last, req.ms, req.prints, req.insist,
		func(position.Key, string, uint64, uint64) (*position.History, error) { return nil, errProbed })
	if !errors.Is(err, errProbed) {
		return
	}
	w := req.probe
	w.asked, w.first = true, make(map[fillOf]uint64)
	for _, id := range refoldings(req.ms) {
		w.first[id] = s.c.o.Book.RecordOf(id.fill)
	}
}

// past answers what the fold of a request asks: with what was read ahead for it, and
// what followed that.
func (s *stager) past(ctx context.Context, known map[fillOf]*ahead) projector.History {
	return func(key position.Key, fill string, first, head uint64) (*position.History, error) {
		// The record of a new epoch may be staged and not be there yet; all else is.
		if shown := s.c.o.Past.NewestShown(); shown < head {
			if head-shown > 1 {
				return nil, fmt.Errorf("%w: a refold before seq %d is durable", journal.ErrFailed, head)
			}
			head = shown
		}
		a := known[fillOf{key, fill}]
		if a == nil || first != 0 && first != a.first {
			return nil, errStale
		}
		return a.history(ctx, s.c.o.Past, head)
	}
}

// refolds says who reads ahead.
type refolds struct {
	mu      sync.Mutex // guards the fields below
	n       int
	waits   int // who waits for a turn
	keys    map[position.Key]bool
	changed chan struct{} // closed when somebody leaves; nil while nobody waits
}

// enter waits until fewer than refoldsAhead requests read ahead and none of them
// about a key of these.
func (r *refolds) enter(ctx context.Context, of []fillOf) (leave func(), err error) {
	r.waiting(1)
	defer r.waiting(-1)
	for {
		wait := r.tryEnter(of)
		if wait == nil {
			return sync.OnceFunc(func() { r.leave(of) }), nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx) //nolint:wrapcheck // the caller says what for
		}
	}
}

// waiting changes how many wait for their turn, and returns it.
func (r *refolds) waiting(more int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits += more
	return r.waits
}

// tryEnter returns what tells when to try again, nil where it has entered.
func (r *refolds) tryEnter(of []fillOf) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.n < refoldsAhead
	for _, id := range of {
		free = free && !r.keys[id.key]
	}
	if !free {
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		return r.changed
	}
	if r.keys == nil {
		r.keys = make(map[position.Key]bool)
	}
	r.n++
	for _, id := range of {
		r.keys[id.key] = true
	}
	return nil
}

func (r *refolds) leave(of []fillOf) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n--
	for _, id := range of {
		delete(r.keys, id.key)
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

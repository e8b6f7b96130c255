package holdfast

import (
	"context"
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/position"
)

// Busts and corrections are folded on what the journal holds of a key since a
// fill, so they are staged only when all that was accepted before is durable and
// can be read: the stager hands over the group it is filling, waits until the
// syncer has nothing left, and goes on. Other callers queue meanwhile.
//
// Most of the reading is done before that, on the goroutine of the caller. A
// request with a bust passes the stager twice. The first time, a look, stages it
// on what is there: where nothing is to be refolded (a repeat, a refusal before
// the fold needs the history) it goes straight on; else the look has found which
// record the fill is. When what the look saw is durable, the caller reads the
// state before that record and all that followed. The second time the stager
// waits as said, reads what came in between, and stages. The stall of the writer
// is one sync, and the reading of what other callers appended during the
// prefetch; without it, it would be the loading of a snapshot and a replay.
// Measured with 200,000 records and no snapshot, four busy cores: 5 to 20 ms, most
// of it for reading the newest segment, while the prefetch takes half a second.
// BenchmarkBust tells what other callers see of it.

// looks bounds how many busts of one request are read ahead; each takes a group.
// Those of a longer batch are read by the stager.
const looks = 64

// errLook ends the staging of a look.
var errLook = errors.New("holdfast: history wanted")

// historian answers the projector's questions about what happened to a key since
// a fill. It belongs to whoever stages with the book that it was given to.
type historian struct {
	r   *Reader
	ctx context.Context //nolint:containedctx // that of the work it was made for

	// known has what was read ahead: of one request that is being staged.
	known map[fillOf]*past
	// look, if set, takes the first question to which known has no answer.
	look *wanted
	// states has what a verification found out in one pass.
	states map[stateAt]stateBefore
}

// fillOf names a fill of a key.
type fillOf struct {
	key  position.Key
	fill string
}

// wanted is a question about a fill, and the record that it is.
type wanted struct {
	fillOf
	first uint64
	asked bool
}

// with returns a reader whose books answer questions about the past.
func (r *Reader) with(h *historian) *Reader {
	own := *r
	own.opts.History = h.history
	h.r = r
	return &own
}

// history is the projector's callback.
func (h *historian) history(key position.Key, fill string, first, head uint64) (*position.History, error) {
	// The record of a new epoch may be staged and not be there yet; all else is.
	if shown := h.r.newestShown(); shown < head {
		if h.look == nil && head-shown > 1 {
			return nil, fmt.Errorf("%w: a refold before seq %d is durable", ErrFailed, head)
		}
		head = shown
	}
	id := fillOf{key, fill}
	p := h.known[id]
	if first == 0 && p != nil { // the window has forgotten the fill; it was searched for
		first = p.first
	}
	if h.look != nil {
		if p == nil || p.first != first {
			*h.look = wanted{fillOf: id, first: first, asked: true}
			return nil, errLook
		}
		return p.history(), nil
	}
	if p != nil && p.first == first {
		err := p.extend(h.ctx, h.r, head)
		if err == nil {
			return p.history(), nil
		}
		if e := (*earlierError)(nil); !errors.As(err, &e) {
			return nil, err
		}
	}
	if first == 0 {
		var err error
		if first, err = h.r.recordOf(h.ctx, key, fill, head); err != nil {
			return nil, err
		}
	}
	p, err := h.r.pastOf(h.ctx, key, first, head, h.states)
	if err != nil {
		return nil, err
	}
	return p.history(), nil
}

// refoldings is how many busts and corrections a request holds.
func refoldings(ms []position.Mutation) (n int) {
	for _, m := range ms {
		switch m.(type) {
		case position.Bust, position.Correct:
			n++
		}
	}
	return n
}

// readAhead does what a caller can do before the stager has to wait for its
// request: it finds out by looks what will be asked, and reads it.
func (l *Ledger) readAhead(ctx context.Context, req *request) error {
	req.known = make(map[fillOf]*past)
	for range min(refoldings(req.ms), looks) {
		look := &request{
			ms: req.ms, prints: req.prints, insist: req.insist, known: req.known,
			look: new(wanted), done: make(chan struct{}),
		}
		if err := l.enqueue(ctx, look); err != nil {
			return err
		}
		// A look changes nothing: not to know how it ended is no unknown outcome.
		select {
		case <-look.done:
		case <-ctx.Done():
			return fmt.Errorf("holdfast: apply: %w", context.Cause(ctx))
		}
		if !look.look.asked {
			return nil
		}
		w := look.look
		if w.first == 0 {
			first, err := l.recordOf(ctx, w.key, w.fill, l.wal.Durable())
			if err != nil {
				return nil //nolint:nilerr // as below
			}
			w.first = first
		}
		p, err := l.pastOf(ctx, w.key, w.first, l.wal.Durable(), nil)
		if err != nil {
			return nil //nolint:nilerr // the stager comes to the same and answers in its turn
		}
		req.known[w.fillOf] = p
	}
	return nil
}

// lookAt stages a request to see what it asks for, and forgets the rest.
func (s *stager) lookAt(req *request) {
	h := s.l.past
	h.known, h.look = req.known, req.look
	_, err := s.l.book.StagePrinted(s.last, req.ms, req.prints, req.insist)
	h.known, h.look = nil, nil
	if !errors.Is(err, errLook) {
		req.look.asked = false
	}
}

package committer

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Bounds of the commit loop. A group is what one sync makes durable.
const (
	queueSize     = 4096
	handoverSize  = 16
	handoverQueue = 16
	readAhead     = 16 // requests that the stager takes together; see projector.Book.Warm
	groupRecords  = 4096
	groupBytes    = 4 << 20
	// publishable is the size of an encoded change up to which its JSON event
	// is known to fit a NATS message without rendering it.
	publishable = 64 << 10
	maxEvent    = 1000 << 10 // below the default max_payload of 1 MiB
)

// stager owns the head of the book and the group being filled. It runs ahead of
// durability; nothing of it is visible to readers before the syncer publishes.
type stager struct {
	c     *Committer
	began bool          // this epoch's record was staged
	last  position.Time // newest record time; never decreases
	clock recordClock
	read  bool       // the clock, since requests were taken from the queue
	ahead []*request // taken from the queue and not staged yet, oldest first; backed by room
	room  [readAhead]*request
}

func newStager(c *Committer) stager {
	last := max(position.Time(c.o.Journal.Last().Time), c.o.Book.HeadTime())
	return stager{c: c, last: last, clock: since(c.o.Journal.Recovery().Written, c.o.Now(), last)}
}

// stageLoop is the commit loop of the stager. There is no timer: what queues
// while one group syncs is the next group. When no group is being synced, the queue is
// drained until it stops growing, so that the callers that the last sync woke are all
// in. pace says which goroutines do the rest.
//
// A request that refolds begins a group of its own, and only when all groups before it
// are durable.
func (c *Committer) stageLoop(ctx context.Context) {
	defer close(c.handed)
	for {
		if len(c.stage.ahead) == 0 {
			req, ok := <-c.queue
			if !ok {
				break
			}
			c.stage.take(req)
		}
		req := c.stage.next()
		if req.refold {
			c.land(0)
		}
		g := c.begin()
		c.stage.add(ctx, g, req)
		if c.pace.flying == nil {
			c.drain(ctx, g)
		} else {
			c.fill(ctx, g)
		}
		c.finish(g)
	}
	c.land(0)
}

// fill adds to a group until the one before it is durable. A group that is full, or
// must end here for another reason, waits for that.
func (c *Committer) fill(ctx context.Context, g *group) {
	for c.stage.addAhead(ctx, g) {
		select {
		case req, ok := <-c.queue:
			if !ok {
				c.land(len(g.waiters))
				return
			}
			c.stage.take(req)
		case <-c.synced:
			c.landed(len(g.waiters))
			c.drain(ctx, g)
			return
		}
	}
	c.land(len(g.waiters))
}

// drain adds what is queued, letting callers run until nothing more comes.
func (c *Committer) drain(ctx context.Context, g *group) {
	for idle := 0; idle < 2 && c.stage.addAhead(ctx, g); {
		select {
		case req, ok := <-c.queue:
			if !ok {
				return
			}
			c.stage.take(req)
			idle = 0
		default:
			idle++
			runtime.Gosched()
		}
	}
}

// take makes a request the next one, and takes more that are queued with it, so
// that the book can get ready for all of them.
func (s *stager) take(req *request) {
	s.ahead, s.read = append(s.room[:0], req), false
	for len(s.ahead) < readAhead {
		select {
		case req, ok := <-s.c.queue:
			if ok {
				s.ahead = append(s.ahead, req)
				continue
			}
		default:
		}
		break
	}
	if len(s.ahead) > 1 {
		s.warm()
	}
}

// warm tells the book which mutations come next.
func (s *stager) warm() {
	var ms [readAhead]position.Mutation
	var prints [readAhead]wire.Fingerprint
	for i, req := range s.ahead {
		ms[i], prints[i] = req.ms[0], req.prints[0]
	}
	s.c.o.Book.Warm(ms[:len(s.ahead)], prints[:len(s.ahead)])
}

// next returns the oldest request that was taken and not staged.
func (s *stager) next() *request {
	req := s.ahead[0]
	s.ahead[0], s.ahead = nil, s.ahead[1:]
	return req
}

// addAhead stages what was taken. It returns false when the group is full, or when
// it comes to a request that refolds, which takes a group of its own.
func (s *stager) addAhead(ctx context.Context, g *group) bool {
	for !g.full() {
		if len(s.ahead) == 0 {
			return true
		}
		if s.ahead[0].refold {
			return false
		}
		s.add(ctx, g, s.next())
	}
	return false
}

// add stages one request. A refusal reaches only its caller. It waits with the
// group, as a duplicate does, because what it rests on, a version or an id, may
// not be durable yet.
func (s *stager) add(ctx context.Context, g *group, req *request) {
	if err := s.c.RefuseFailed(); err != nil {
		req.finish(err)
		return
	}
	if req.probe != nil {
		s.probe(req)
	} else if err := s.tryAdd(ctx, g, req); err != nil {
		s.c.refusals.Add(1)
		req.err = err
	}
	g.waiters = append(g.waiters, req)
}

func (s *stager) tryAdd(ctx context.Context, g *group, req *request) error {
	if err := s.time(g, req); err != nil {
		return err
	}
	var past projector.History
	if req.refold { // nothing else asks for it
		past = s.past(ctx, req.known)
	}
	staged, err := s.c.o.Book.StagePrinted(s.last, req.ms, req.prints, req.insist, past)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if len(staged.Changes) == 0 { // nothing new; the head stays
		req.setOutcomes(staged)
		s.c.o.Book.Reuse(staged)
		return nil
	}
	size, err := sizeOf(staged.Changes, len(req.ms))
	if err != nil {
		return err
	}
	if !s.began {
		if err = s.begin(g); err != nil {
			return err
		}
		if staged, err = s.c.o.Book.StagePrinted(s.last, req.ms, req.prints, req.insist, past); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	req.setOutcomes(staged)
	if staged.Ahead > FarAhead {
		s.c.dated.note(req.ms, s.last)
	}
	s.accept(g, staged, size)
	return nil
}

// accept moves the head, and encodes the changes or has them encoded. A change that
// could not be journaled or published later was refused before; from here on nothing
// can fail but the disk.
func (s *stager) accept(g *group, staged *projector.Staged, size int) {
	s.c.o.Book.Accept(staged)
	g.staged = append(g.staged, staged)
	g.records += len(staged.Changes)
	g.bytes += size
	switch {
	case !g.apart:
		g.encode(staged, s.c.o.Journal)
	case len(g.staged)-g.handed >= handoverSize:
		s.c.hand(g, false)
	}
}

// sizeOf returns a bound of the encoded size of the changes of so many mutations,
// or why they are too large. Only what comes near a limit is encoded to find out.
//
// The changes of one mutation, a split or a settlement, are not the caller's to cut
// into batches: they may be as many as positions are open.
func sizeOf(changes []position.Change, mutations int) (total int, err error) {
	for i := range changes {
		n := wire.ChangeBound(&changes[i])
		if n > publishable {
			if n = len(wire.AppendChange(nil, &changes[i])); n > wire.MaxChange {
				return 0, fmt.Errorf("%w: %d bytes, at most %d are allowed", position.ErrTooLarge, n, wire.MaxChange)
			}
			if m := len(position.AppendChangeJSON(nil, position.Stamp{}, &changes[i])); m > maxEvent {
				return 0, fmt.Errorf("%w: its event would be %d bytes, at most %d can be published", position.ErrTooLarge, m, maxEvent)
			}
		}
		total += n
	}
	most, what := MaxBatchBytes, ErrTooMany
	if mutations == 1 {
		if most, what = MaxMutationBytes, position.ErrTooLarge; len(changes) > MaxMutationChanges {
			return 0, fmt.Errorf("%w: %d changes of one mutation, at most %d are allowed", what, len(changes), MaxMutationChanges)
		}
	}
	if total <= most {
		return total, nil
	}
	var buf []byte // the bound of a plain change is about twice its size
	total = 0
	for i := range changes {
		buf = wire.AppendChange(buf[:0], &changes[i])
		if total += len(buf); total > most {
			return 0, fmt.Errorf("%w: more than %d bytes", what, most)
		}
	}
	return total, nil
}

// begin stages the record of this epoch just before the first change: a session
// that changes nothing leaves no trace.
func (s *stager) begin(g *group) error {
	e := s.c.o.Epoch
	if _, err := io.ReadFull(s.c.o.Rand, e.Salt[:]); err != nil {
		return fmt.Errorf("make salt: %w", err)
	}
	staged := s.c.o.Book.StageEpoch(s.last, s.c.o.Journal.Epoch(), e)
	size, err := sizeOf(staged.Changes, 1)
	if err != nil {
		return err
	}
	s.accept(g, staged, size)
	s.began = true
	return nil
}

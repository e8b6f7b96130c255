package holdfast

import (
	"fmt"
	"runtime"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Bounds of the commit loop. A group is what one sync makes durable.
const (
	queueSize    = 4096
	groupRecords = 4096
	groupBytes   = 4 << 20
	// publishable is the size of an encoded change up to which its JSON event
	// is known to fit a NATS message without rendering it.
	publishable = 64 << 10
	maxEvent    = 1000 << 10 // below the default max_payload of 1 MiB
)

// group is one sync's worth of work: the encoded records, the states they lead
// to, and who waits.
type group struct {
	batch   *journal.Batch
	staged  []*projector.Staged
	waiters []*request
}

// stager owns the head of the book and the group being filled. It runs ahead of
// durability; nothing of it is visible to readers before the syncer publishes.
type stager struct {
	l      *Ledger
	began  bool          // this epoch's record was staged
	last   position.Time // newest record time; never decreases
	encode []byte        // reused
	sizes  []int         // reused: end of each encoded change in encode
}

func newStager(l *Ledger) stager {
	return stager{l: l, last: max(position.Time(l.wal.Last().Time), l.book.HeadTime())}
}

// stageLoop is the commit loop of the stager. There is no timer: what queues
// while one group syncs is the next group, and staging and encoding overlap that
// sync. When the syncer is free, the queue is drained until it stops growing, so
// that the callers that the last sync woke are all in.
func (l *Ledger) stageLoop() {
	defer close(l.groups)
	l.synced <- struct{}{}
	for req := range l.queue {
		g := &group{batch: l.wal.NewBatch()}
		l.stage.add(g, req)
		if !l.fill(g) {
			<-l.synced
		}
		l.groups <- g
	}
	<-l.synced
}

// fill adds to a group until the syncer is ready for it. It returns false when
// the group is full, or the queue closed, before that.
func (l *Ledger) fill(g *group) (ready bool) {
	for !g.full() {
		select {
		case req, ok := <-l.queue:
			if !ok {
				return false
			}
			l.stage.add(g, req)
		case <-l.synced:
			l.drain(g)
			return true
		}
	}
	return false
}

// drain adds what is queued, letting callers run until nothing more comes.
func (l *Ledger) drain(g *group) {
	for idle := 0; idle < 2 && !g.full(); {
		select {
		case req, ok := <-l.queue:
			if !ok {
				return
			}
			l.stage.add(g, req)
			idle = 0
		default:
			idle++
			runtime.Gosched()
		}
	}
}

func (g *group) full() bool {
	return g.batch.Len() >= groupRecords || g.batch.Size() >= groupBytes || len(g.waiters) >= groupRecords
}

// add stages one request. A refusal is answered at once and reaches only its
// caller; a duplicate waits with the group, because what it repeats may not be
// durable yet.
func (s *stager) add(g *group, req *request) {
	if err := s.l.Err(); err != nil {
		req.finish(fmt.Errorf("%w: %w", ErrFailed, err))
		return
	}
	if err := s.tryAdd(g, req); err != nil {
		s.l.refusals.Add(1)
		req.finish(err)
		return
	}
	g.waiters = append(g.waiters, req)
}

func (s *stager) tryAdd(g *group, req *request) error {
	now, err := position.At(s.l.opts.Now())
	if err != nil {
		return fmt.Errorf("holdfast: clock: %w", err)
	}
	s.last = max(s.last, now)
	staged, err := s.l.book.Stage(s.last, req.ms, req.insist)
	if err == nil && len(staged.Changes) > 0 && !s.began {
		if err = s.begin(g); err != nil {
			return err
		}
		staged, err = s.l.book.Stage(s.last, req.ms, req.insist)
	}
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	if len(staged.Changes) == 0 { // nothing new; the head stays
		req.outcomes = staged.Outcomes
		return nil
	}
	if err := s.encodeAll(staged.Changes); err != nil {
		return err
	}
	s.accept(g, staged, 0)
	req.outcomes = staged.Outcomes
	return nil
}

// encodeAll encodes the changes and refuses what could not be journaled or
// published later.
func (s *stager) encodeAll(changes []position.Change) error {
	s.encode, s.sizes = s.encode[:0], s.sizes[:0]
	for i := range changes {
		start := len(s.encode)
		s.encode = position.AppendChange(s.encode, &changes[i])
		switch n := len(s.encode) - start; {
		case n > position.MaxChange:
			return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, n, position.MaxChange)
		case n > publishable:
			if m := len(position.AppendChangeJSON(nil, position.Stamp{}, &changes[i])); m > maxEvent {
				return fmt.Errorf("%w: its event would be %d bytes, at most %d can be published", ErrTooLarge, m, maxEvent)
			}
		}
		s.sizes = append(s.sizes, len(s.encode))
	}
	if len(s.encode) > MaxBatchBytes {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooMany, len(s.encode), MaxBatchBytes)
	}
	return nil
}

// accept puts encoded changes into the group and moves the head. It cannot
// fail: all that could be refused was refused before.
func (s *stager) accept(g *group, staged *projector.Staged, flags journal.Flags) {
	start := 0
	for i, end := range s.sizes {
		f := flags
		if i < len(s.sizes)-1 {
			f |= journal.More
		}
		g.batch.Append(s.encode[start:end], f, int64(s.last))
		start = end
	}
	s.l.book.Accept(staged)
	g.staged = append(g.staged, staged)
}

// begin stages the record of this epoch just before the first change: a session
// that changes nothing leaves no trace.
func (s *stager) begin(g *group) error {
	e := position.Epoch{Build: Version(), Arithmetic: position.ArithmeticVersion}
	if _, err := s.l.opts.Rand.Read(e.Salt[:]); err != nil {
		return fmt.Errorf("holdfast: make salt: %w", err)
	}
	staged := s.l.book.StageEpoch(s.last, s.l.wal.Epoch(), e)
	if err := s.encodeAll(staged.Changes); err != nil {
		return err
	}
	s.accept(g, staged, journal.Control)
	s.began = true
	return nil
}

// syncLoop makes groups durable in order, publishes them and answers.
func (l *Ledger) syncLoop() {
	for g := range l.groups {
		err := l.commit(g)
		for _, req := range g.waiters {
			req.finish(err)
		}
		l.synced <- struct{}{}
	}
}

// commit makes one group durable and visible, in this order: readers never see
// what could be lost.
func (l *Ledger) commit(g *group) error {
	if err := l.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	if g.batch.Len() == 0 {
		return nil // duplicates only; what they repeat is durable by now
	}
	if err := l.wal.Commit(g.batch); err != nil {
		l.fail(err)
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	l.book.Publish(g.staged...)
	nudge(l.durable)
	if l.wal.Durable()-l.lastSnapshot.Load() >= l.opts.SnapshotEvery {
		nudge(l.due)
	}
	return nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending already
	}
}

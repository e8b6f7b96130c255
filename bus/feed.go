package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// feed publishes from next on until the stream is due for a look (nil) or
// something fails. It never skips: a gap in what the source yields is an error.
func (r *Relay) feed(ctx context.Context, l *link, next uint64) error {
	due, cancel := context.WithTimeout(ctx, r.o.Check)
	defer cancel()
	l.paces = [manners]time.Duration{}
	for {
		var err error
		if next, err = r.trim(ctx, l, next); err != nil {
			return err
		}
		if _, last := r.bounds(); last < next {
			r.noteState(StateLive)
			err = r.src.Wait(due, next-1)
		} else {
			r.noteState(StateCatchingUp)
			next, err = r.publish(ctx, l, next)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case due.Err() != nil && (err == nil || errors.Is(err, context.DeadlineExceeded)):
			return nil // time to look at the stream, even if it did not complain
		case err != nil:
			return err
		}
	}
}

// trim drops from the stream what the journal does not keep any more. A stream
// that lies wholly before the oldest kept record is moved on to it: the records
// between are gone for the bus.
func (r *Relay) trim(ctx context.Context, l *link, next uint64) (uint64, error) {
	first, _ := r.bounds()
	if first <= l.first {
		return next, nil
	}
	if err := l.api.purge(ctx, first); err != nil {
		return next, err
	}
	if first > next {
		r.o.Logger.Warn("bus: records were trimmed before they were relayed", "stream", r.stream, "from", next, "to", first-1)
	}
	l.first = first
	next = max(next, first)
	r.noteTrim(first, next-1)
	return next, nil
}

// How events are published.
type manner int

const (
	singly   manner = iota // one message in flight
	atomicly               // atomic batches
	fastly                 // fast batches
	manners
)

// publish sends one stretch of the source. It returns the next sequence.
func (r *Relay) publish(ctx context.Context, l *link, next uint64) (uint64, error) {
	_, last := r.bounds()
	backlog := last - next + 1
	how, most := l.choose(backlog, uint64(r.o.Crossover))
	if how == singly {
		return r.publishSingly(ctx, l, next)
	}
	last = next + min(backlog, most) - 1
	began := time.Now() //nolint:forbidigo // it measures
	after, err := r.publishBatches(ctx, l, how == fastly, next, last)
	if err == nil && after-next >= uint64(r.o.Crossover) {
		l.paces[how] = time.Since(began) / time.Duration(after-next)
	}
	l.learn(r.o.Logger, how, err)
	return after, err
}

// How many events are published at a time. After each stretch trims and the clock are
// looked at.
const (
	stretch    = 32 << 10
	firstFast  = 256 // to learn how fast a server takes fast batches
	muchSlower = 4   // times as long for an event
	worthFast  = 2   // backlog from which a fast batch is used
)

// choose says how a backlog is published, and how much of it at a time. An atomic batch
// costs a server some ten milliseconds, whatever its size. A fast one costs it nothing
// besides its messages, but where the server syncs each message they cost many times as
// much as those of an atomic batch. Nothing tells which kind of server it is, so where
// both are worth trying both are timed, and fast ones are used unless they are much the
// slower, until the stream is looked at again.
func (l *link) choose(backlog, crossover uint64) (how manner, most uint64) {
	long := backlog >= crossover && l.atomic
	switch fast, atomic := l.paces[fastly], l.paces[atomicly]; {
	case !long && l.fast && backlog >= worthFast:
		return fastly, stretch
	case !long:
		return singly, 1
	case l.fast && fast == 0:
		return fastly, max(firstFast, crossover)
	case l.fast && atomic == 0:
		return atomicly, uint64(l.batch)
	case l.fast && fast < muchSlower*atomic:
		return fastly, stretch
	default:
		return atomicly, stretch
	}
}

// learn notes what a server does not take.
func (l *link) learn(log *slog.Logger, how manner, err error) {
	_, said := errors.AsType[*apiError](err)
	switch {
	case !said || isCode(err, codeLastSeq):
	case how == fastly:
		log.Info("bus: the server takes no fast batches", "error", err)
		l.fast, l.noFast = false, true
	case isCode(err, codeTooLarge) && l.batch > safeBatch:
		log.Info("bus: the server takes smaller batches only", "batch", safeBatch)
		l.batch = safeBatch
	}
}

// publishSingly sends single messages until the backlog is worth a batch.
func (r *Relay) publishSingly(ctx context.Context, l *link, next uint64) (uint64, error) {
	for ev, err := range r.src.Events(ctx, next) {
		if err != nil {
			return next, fmt.Errorf("journal at %d: %w", next, err)
		}
		if ev.Seq != next {
			return next, fmt.Errorf("journal yields %d instead of %d", ev.Seq, next)
		}
		w, err := l.pub.commit(&ev)
		if err == nil {
			err = l.pub.await(ctx, w)
		}
		if err != nil {
			return next, err
		}
		next++
		r.notePublished(ev.Seq, 1, 0)
		_, last := r.bounds()
		if how, _ := l.choose(last-ev.Seq, uint64(r.o.Crossover)); how != singly {
			break
		}
	}
	return next, nil
}

// publishBatches sends the events from next to last in batches.
func (r *Relay) publishBatches(ctx context.Context, l *link, fast bool, next, last uint64) (uint64, error) {
	b := batcher{r: r, l: l, fast: fast, next: next}
	defer l.pub.forget()
	want := next
	for ev, err := range l.room.ahead(ctx, r.src, next, last) {
		if err == nil && ev.Seq != want {
			err = fmt.Errorf("yields %d instead", ev.Seq)
		}
		if err != nil {
			return b.end(ctx, fmt.Errorf("journal at %d: %w", want, err))
		}
		want++
		if b.full(&ev) {
			if err = b.commit(ctx); err != nil {
				return b.next, err
			}
		}
		if err = b.add(ctx, &ev); err != nil {
			return b.next, err
		}
	}
	return b.end(ctx, nil)
}

// batcher cuts a range of events into batches.
type batcher struct {
	r       *Relay
	l       *link
	fast    bool
	next    uint64 // first sequence that is not known to be on the stream
	held    Event  // newest event of the open batch: it may have to commit it
	body    []byte // memory of held.Body, because the source may reuse its own
	count   int    // events of the open batch, the held one included
	size    int    // their bytes
	pending pending
	waiting bool // pending was sent and its answer is not there yet
}

// full says whether the open batch must end before ev.
func (b *batcher) full(ev *Event) bool {
	return b.count == b.most() || b.count > 0 && b.size+len(ev.Body) > b.r.o.BatchBytes
}

// most is how many events a batch may have.
func (b *batcher) most() int {
	if b.fast {
		return fastBatch
	}
	return b.l.batch
}

// add sends the held event and holds ev instead. A message of a fast batch takes
// effect, so the batch before it must be on the stream.
func (b *batcher) add(ctx context.Context, ev *Event) error {
	if b.count > 0 {
		if b.fast {
			if err := b.settle(ctx); err != nil {
				return err
			}
		}
		if err := b.l.pub.add(&b.held, b.fast); err != nil {
			return err
		}
	}
	b.held = *ev
	b.body = append(b.body[:0], ev.Body...)
	b.held.Body = b.body
	b.count++
	b.size += len(ev.Body)
	return nil
}

// commit ends the open batch, once the one before it is on the stream.
func (b *batcher) commit(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	if b.count == 0 {
		return nil
	}
	var err error
	b.pending, err = b.l.pub.commit(&b.held)
	b.waiting = err == nil
	b.count, b.size = 0, 0
	return err
}

// end brings what was added to the stream and returns what is next. An error of the
// source does not take that with it.
func (b *batcher) end(ctx context.Context, failed error) (uint64, error) {
	err := ctx.Err()
	if err == nil {
		err = b.commit(ctx)
	}
	if err == nil {
		err = b.settle(ctx)
	}
	if failed != nil {
		err = failed
	}
	return b.next, err
}

// settle waits until the batch that was committed last is on the stream.
func (b *batcher) settle(ctx context.Context) error {
	if !b.waiting {
		return nil
	}
	b.waiting = false
	if err := b.l.pub.await(ctx, b.pending); err != nil {
		return err
	}
	b.r.notePublished(b.pending.seq, int(b.pending.seq-b.next+1), 1)
	b.next = b.pending.seq + 1
	return nil
}

package bus

import (
	"context"
	"errors"
	"fmt"
)

// feed publishes from next on until the stream is due for a look (nil) or
// something fails. It never skips: a gap in what the source yields is an error.
func (r *Relay) feed(ctx context.Context, l *link, next uint64) error {
	due, cancel := context.WithTimeout(ctx, r.o.Check)
	defer cancel()
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

// publish sends one range of the source: as single messages while the backlog
// is short, as atomic batches when it is not. It returns the next sequence.
func (r *Relay) publish(ctx context.Context, l *link, next uint64) (uint64, error) {
	_, last := r.bounds()
	if l.atomic && last-next+1 >= uint64(r.o.Crossover) {
		after, err := r.publishBatches(ctx, l, next, last)
		if isCode(err, codeTooLarge) && l.batch > safeBatch {
			r.o.Logger.Info("bus: the server takes smaller batches only", "batch", safeBatch)
			l.batch = safeBatch
		}
		return after, err
	}
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
		if _, last = r.bounds(); last-ev.Seq >= uint64(r.o.Crossover) {
			break // the backlog grew: batches from here on
		}
	}
	return next, nil
}

// publishBatches sends the events from next to last in atomic batches.
func (r *Relay) publishBatches(ctx context.Context, l *link, next, last uint64) (uint64, error) {
	b := batcher{r: r, l: l, next: next}
	defer l.pub.forget()
	want := next
	for ev, err := range r.src.Events(ctx, next) {
		if err != nil {
			return b.next, fmt.Errorf("journal at %d: %w", want, err)
		}
		if ev.Seq != want {
			return b.next, fmt.Errorf("journal yields %d instead of %d", ev.Seq, want)
		}
		want++
		if b.full(&ev) {
			if err = b.commit(ctx); err != nil {
				return b.next, err
			}
			if ev.Seq > last {
				break // a look at trims and at the clock is due
			}
		}
		if err = b.add(&ev); err != nil {
			return b.next, err
		}
	}
	err := b.commit(ctx)
	if err == nil {
		err = b.settle(ctx)
	}
	return b.next, err
}

// batcher cuts a range of events into batches.
type batcher struct {
	r       *Relay
	l       *link
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
	return b.count == b.l.batch || b.count > 0 && b.size+len(ev.Body) > b.r.o.BatchBytes
}

// add stages the held event and holds ev instead.
func (b *batcher) add(ev *Event) error {
	if b.count > 0 {
		if err := b.l.pub.add(&b.held); err != nil {
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

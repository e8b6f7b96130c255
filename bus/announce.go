package bus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// flushTimeout bounds how long the end of Run waits for the last announcements.
const flushTimeout = time.Second

// announcement is an operations event that waits for a connection.
type announcement struct {
	subject string
	body    []byte
}

// announcements is a bounded queue that gives up its oldest when it is full:
// what happened last tells more than what happened first.
type announcements struct {
	woken chan struct{} // holds one token while there may be something to do

	mu      sync.Mutex // guards the fields below
	ring    []announcement
	head, n int
	sent    uint64
	dropped uint64
}

func (q *announcements) init(size int) {
	q.woken = make(chan struct{}, 1)
	q.ring = make([]announcement, size)
}

func (q *announcements) wake() {
	select {
	case q.woken <- struct{}{}:
	default:
	}
}

func (q *announcements) push(a announcement) {
	if len(q.ring) == 0 { // of the zero Relay
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == len(q.ring) {
		q.head = (q.head + 1) % len(q.ring)
		q.n--
		q.dropped++
	}
	q.ring[(q.head+q.n)%len(q.ring)] = a
	q.n++
	q.wake()
}

// pop returns the oldest announcement. Its place counts as free at once; an
// announcement that could not be sent is put back with unpop.
func (q *announcements) pop() (announcement, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return announcement{}, false
	}
	a := q.ring[q.head]
	q.ring[q.head] = announcement{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	q.sent++
	return a, true
}

// unpop puts the announcement back that pop returned last, unless newer ones
// took its place meanwhile.
func (q *announcements) unpop(a announcement) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent--
	if q.n == len(q.ring) {
		q.dropped++
		return
	}
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = a
	q.n++
}

func (q *announcements) counts() (sent, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sent, q.dropped
}

// Announce publishes an operations event, on the subject that OpsSubject makes,
// when there is a connection. It never blocks and keeps body: while the bus is
// away a bounded number of events wait, and the oldest give way. Operations
// events are news, not records; whoever needs certainty asks the ledger.
func (r *Relay) Announce(what string, body []byte) {
	r.ops.push(announcement{subject: OpsSubject(r.o.Ledger, what), body: body})
}

// announceLoop sends what is announced until ctx ends, then what is left.
func (r *Relay) announceLoop(ctx context.Context) {
	for {
		r.sendAnnouncements()
		select {
		case <-r.ops.woken:
		case <-ctx.Done():
			if nc := r.sendAnnouncements(); nc != nil {
				// At the end nobody can do anything about what does not get out.
				_ = nc.FlushTimeout(flushTimeout)
			}
			return
		}
	}
}

// sendAnnouncements sends what waits and returns the connection that took it all, nil
// without one. An announcement that a connection refuses waits on; noteLink and a
// resync wake the loop when there is a better connection.
func (r *Relay) sendAnnouncements() *nats.Conn {
	r.mu.Lock()
	nc := r.linked
	r.mu.Unlock()
	if nc == nil || !nc.IsConnected() {
		return nil
	}
	for {
		a, ok := r.ops.pop()
		if !ok {
			return nc
		}
		msg := nats.Msg{Subject: a.subject, Data: a.body, Header: nats.Header{headerContentType: []string{contentType}}}
		if err := nc.PublishMsg(&msg); err != nil {
			r.ops.unpop(a)
			r.o.Logger.Debug("bus: announcement waits", "subject", a.subject, "error", err)
			return nil
		}
	}
}

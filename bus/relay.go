package bus

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// States of a relay, as Status gives them.
const (
	StateIdle       = "idle"        // Run is not at work
	StateConnecting = "connecting"  // no connection yet
	StateCatchingUp = "catching up" // the stream is behind the journal
	StateLive       = "live"        // the stream has everything
	StateRetrying   = "retrying"    // the last step failed, the next is due
	StateStopped    = "stopped"     // stream and journal contradict each other; Rebuild is needed
)

// Status is what a relay is doing, for people and for metrics.
type Status struct {
	State      string `json:"state"`
	Stream     string `json:"stream"`
	First      uint64 `json:"first"`       // oldest sequence on the stream when it was last looked at
	Last       uint64 `json:"last"`        // newest sequence that is known to be on the stream
	Lag        uint64 `json:"lag"`         // durable records that are not known to be on it
	Published  uint64 `json:"published"`   // messages acknowledged since Run began
	Batches    uint64 `json:"batches"`     // batches among them, atomic or fast
	Reconnects uint64 `json:"reconnects"`  // connections after the first one, made by us or by the client
	Resyncs    uint64 `json:"resyncs"`     // looks at the stream
	OpsSent    uint64 `json:"ops_sent"`    // announcements handed to a connection
	OpsDropped uint64 `json:"ops_dropped"` // announcements that gave way to newer ones
	Err        string `json:"error"`       // why it is retrying or stopped, or ""
	StopSeq    uint64 `json:"stop_seq"`    // where stream and journal differ, when stopped
}

// A Relay carries the records of a journal to the stream of its ledger. Run
// does the work; all methods may be called by any goroutine.
type Relay struct {
	src    Source
	o      Options
	stream string
	ops    announcements

	mu      sync.Mutex // guards the fields below
	status  Status
	running bool
	rebuild []chan error            // callers of Rebuild that wait
	nudge   context.CancelCauseFunc // interrupts the round that is at work
	linked  *nats.Conn              // for announcements; nil when there is none
	links   int                     // connections made by Connect
	seen    uint64                  // published when progressed was last asked
}

// link is a connection and what works on it. It belongs to the goroutine of Run.
type link struct {
	nc      *nats.Conn
	api     *api
	pub     *publisher
	first   uint64                 // of the stream, when last looked at
	atomic  bool                   // the stream takes atomic batches
	fast    bool                   // the stream takes fast batches
	noFast  bool                   // the server has refused one
	room    room                   // of what is rendered ahead
	paces   [manners]time.Duration // of an event of a long stretch, lately; 0: not known
	batch   int                    // messages of a batch, less when the server refuses that many
	back    chan nats.Status       // tells when the connection is there again
	lost    chan nats.Status       // tells when it is not
	watched chan struct{}          // closed when nothing listens to lost any more
}

// Reasons to interrupt a round.
var (
	errRebuild      = errors.New("rebuild asked for")
	errDisconnected = errors.New("connection lost")
)

// NewRelay returns a relay that waits for Run.
func NewRelay(src Source, o Options) *Relay {
	o.applyDefaults()
	r := &Relay{src: src, o: o, stream: StreamName(o.Ledger)}
	r.ops.init(o.OpsQueue)
	r.status = Status{State: StateIdle, Stream: r.stream}
	return r
}

// Run feeds the stream until ctx ends, whatever the bus does, and then returns
// the error of ctx. It returns earlier only when it is at work already. No
// failure of the bus ends it: it looks at the stream again and goes on from
// what it finds, after a pause that grows and is spread by chance.
func (r *Relay) Run(ctx context.Context) error {
	if r.src == nil || r.o.Connect == nil {
		return fmt.Errorf("%w: a relay is made by NewRelay, with a source and a way to connect", ErrNoConnection)
	}
	if err := r.begin(); err != nil {
		return err
	}
	opsDone := make(chan struct{})
	opsCtx, stopOps := context.WithCancel(ctx)
	go func() {
		defer close(opsDone)
		r.announceLoop(opsCtx)
	}()
	var l *link
	failures := 0
	for ctx.Err() == nil {
		round, cancel := r.newRound(ctx)
		var err error
		if l, err = r.connect(round, l); err == nil {
			err = r.begun(ctx, round, l)
		}
		if err != nil && errors.Is(context.Cause(round), errDisconnected) {
			err = errDisconnected // not the timeout or the refusal that it led to
		}
		interrupted := errors.Is(context.Cause(round), errRebuild)
		cancel(nil)
		switch {
		case interrupted || err == nil || ctx.Err() != nil:
			failures = 0
		case errors.Is(err, ErrStopped):
			failures = 0
			r.standStill(ctx, err)
		default:
			if r.progressed() {
				failures = 0
			}
			failures++
			r.noteFailure(ctx, err, failures)
			l = r.pause(ctx, r.unstick(l, err), failures)
		}
	}
	stopOps()
	<-opsDone
	r.end(l)
	return ctx.Err()
}

// begun is round, for a connection that is there. A connection that is lost from here
// on ends the round. When one was lost before, watch had no round to end, or did not
// watch this connection, and the client would keep requests until it is back.
func (r *Relay) begun(ctx, feeding context.Context, l *link) error {
	if !l.nc.IsConnected() {
		return errDisconnected
	}
	return r.round(ctx, feeding, l)
}

// round answers a rebuild that is asked for, then feeds until something fails,
// the stream is due for a look, or the next rebuild is asked for. Only the
// feeding is interrupted by that, a rebuild is not.
func (r *Relay) round(ctx, feeding context.Context, l *link) error {
	if err := r.answerRebuild(ctx, l); err != nil {
		return err
	}
	next, err := r.resync(feeding, l)
	if err != nil {
		return err
	}
	return r.feed(feeding, l, next)
}

func (r *Relay) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running {
		return errors.New("relay is running already")
	}
	r.running = true
	r.status.State = StateConnecting
	return nil
}

func (r *Relay) end(l *link) {
	if l != nil {
		r.drop(l)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = false
	r.status.State = StateIdle
	for _, waiter := range r.rebuild {
		waiter <- ErrNotRunning
	}
	r.rebuild = nil
}

// newRound returns a context that ends when Rebuild is called or the connection
// is lost. When a rebuild is waiting already the round begins anyway: answering
// it is its first step.
func (r *Relay) newRound(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	round, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nudge = cancel
	return round, cancel
}

// connect returns a link that is worth trying: the one given, unless it was
// closed, or a new one.
func (r *Relay) connect(ctx context.Context, l *link) (*link, error) {
	if l != nil && !l.nc.IsClosed() {
		l.pub.forget()
		return l, nil
	}
	if l != nil {
		r.drop(l)
	}
	nc, err := r.o.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	pub, err := newPublisher(nc, &r.o, crand.Text()[:16])
	if err != nil {
		nc.Close()
		return nil, err
	}
	l = &link{
		nc:      nc,
		api:     &api{nc: nc, prefix: r.o.APIPrefix + ".", stream: r.stream, timeout: r.o.Timeout},
		pub:     pub,
		batch:   r.batchCount(nc),
		back:    nc.StatusChanged(nats.CONNECTED, nats.CLOSED),
		lost:    nc.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED),
		watched: make(chan struct{}),
	}
	go r.watch(l)
	r.noteLink(l)
	return l, nil
}

// batchCount returns how many messages a batch may have on a connection.
func (r *Relay) batchCount(nc *nats.Conn) int {
	switch {
	case r.o.BatchCount > 0:
		return r.o.BatchCount
	case strings.HasPrefix(nc.ConnectedServerName(), EmbeddedName):
		return EmbeddedBatch
	default:
		return safeBatch
	}
}

// drop closes a link for good.
func (r *Relay) drop(l *link) {
	r.mu.Lock()
	r.linked = nil
	r.mu.Unlock()
	l.nc.RemoveStatusListener(l.back)
	l.nc.RemoveStatusListener(l.lost)
	<-l.watched
	l.nc.Close()
}

// watch interrupts the round at work when its connection is lost: the client
// would let a request wait for an answer that cannot come any more.
func (r *Relay) watch(l *link) {
	defer close(l.watched)
	for range l.lost {
		r.mu.Lock()
		if r.linked == l.nc && r.nudge != nil {
			r.nudge(errDisconnected)
		}
		r.mu.Unlock()
	}
}

// pause waits before the next try: the longer the more failures there were in a
// row, between half and the whole of it, and not longer than the connection
// stays away. A connection that is still away afterwards is given up, because
// it may be bound to a server that does not exist any more.
func (r *Relay) pause(ctx context.Context, l *link, failures int) *link {
	wait := r.o.MinBackoff << min(failures-1, 20)
	if wait <= 0 || wait > r.o.MaxBackoff {
		wait = r.o.MaxBackoff
	}
	wait = wait/2 + rand.N(wait/2+1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	round, cancel := r.newRound(ctx)
	defer cancel(nil)
	var back <-chan nats.Status
	if l != nil {
		drain(l.back)
		if !l.nc.IsConnected() {
			back = l.back
		}
	}
	select {
	case <-timer.C:
	case <-back:
	case <-round.Done():
	}
	if l != nil && !l.nc.IsConnected() {
		r.drop(l)
		return nil
	}
	return l
}

// unstick gives up a connection that does not even answer a ping: a hop on the
// way may have stopped passing anything on without closing it. Only after a
// timeout is it asked, and a server that is merely slow keeps it.
func (r *Relay) unstick(l *link, err error) *link {
	if l == nil || !errors.Is(err, context.DeadlineExceeded) || !l.nc.IsConnected() {
		return l
	}
	if l.nc.FlushTimeout(r.o.Timeout) == nil {
		return l
	}
	r.drop(l)
	return nil
}

// drain forgets what a connection went through before now.
func drain(statuses <-chan nats.Status) {
	for {
		select {
		case _, open := <-statuses:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// standStill waits until Rebuild is called or ctx ends.
func (r *Relay) standStill(ctx context.Context, err error) {
	var stop *StopError
	if errors.As(err, &stop) {
		r.o.Logger.Error("bus: relay stopped", "stream", stop.Stream, "seq", stop.Seq, "error", err)
	}
	r.mu.Lock()
	r.status.State, r.status.Err = StateStopped, err.Error()
	if stop != nil {
		r.status.StopSeq = stop.Seq
	}
	r.mu.Unlock()
	round, cancel := r.newRound(ctx)
	defer cancel(nil)
	r.mu.Lock()
	waiting := len(r.rebuild) > 0 // since before there was a round to interrupt
	r.mu.Unlock()
	if !waiting {
		<-round.Done()
	}
}

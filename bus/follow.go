package bus

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	followHeartbeat = 2 * time.Second // a consumer that is silent for twice as long is made anew
	followPause     = 250 * time.Millisecond
	followRequest   = 5 * time.Second
)

// Follow yields every change of a ledger exactly once and in order, from the
// given sequence on (0 is the oldest kept one), and goes on for ever. It holds
// no state on the server: each time the connection, the consumer or the stream
// goes away it asks again for what comes after the last change it yielded, so a
// reconnect, a restarted server and a rebuilt stream are not seen by the caller.
// A caller that remembers the sequence of the last change it dealt with can go on
// from the next one.
//
// It ends with an error, which is the last thing it yields: the error of ctx, a
// *GapError when the next change is not on the stream any more, ErrForeign when
// the stream holds something that this ledger's relay did not write, or
// ErrClosed. The memory of an event is the caller's.
func Follow(ctx context.Context, nc *nats.Conn, ledger string, from uint64) iter.Seq2[Event, error] {
	return FollowIn(ctx, nc, "", ledger, from)
}

// FollowIn is [Follow] where the stream is in another JetStream domain than the
// server that nc is connected to.
func FollowIn(ctx context.Context, nc *nats.Conn, domain, ledger string, from uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if nc == nil {
			yield(Event{}, ErrNoConnection)
			return
		}
		f := &follower{nc: nc, domain: domain, ledger: ledger, stream: StreamName(ledger), next: from}
		for {
			err := f.consume(ctx, yield)
			switch {
			case errors.Is(err, errDone):
				return
			case ctx.Err() != nil:
				err = ctx.Err()
			case nc.IsClosed():
				err = ErrClosed
			case errors.Is(err, ErrGap), errors.Is(err, ErrForeign):
			default:
				// Everything else is a bus that is away for a while.
				if err = sleep(ctx, followPause); err == nil {
					continue
				}
			}
			yield(Event{}, err)
			return
		}
	}
}

// errDone says that the caller has left its loop.
var errDone = errors.New("done")

// follower is the state of one Follow.
type follower struct {
	nc      *nats.Conn
	domain  string // of JetStream; "" is the server's own
	ledger  string
	stream  string
	next    uint64 // the change to yield next, 0 when it is not known yet
	lineage string // of the changes yielded so far
}

// consume yields changes from one consumer until that fails.
func (f *follower) consume(ctx context.Context, yield func(Event, error) bool) error {
	js, err := jetstream.New(f.nc)
	if f.domain != "" {
		js, err = jetstream.NewWithDomain(f.nc, f.domain)
	}
	if err != nil {
		return err
	}
	rctx, cancel := context.WithTimeout(ctx, followRequest)
	defer cancel()
	start := jetstream.OrderedConsumerConfig{
		DeliverPolicy:     jetstream.DeliverAllPolicy,
		InactiveThreshold: time.Minute,
	}
	if f.next > 0 {
		start.DeliverPolicy, start.OptStartSeq = jetstream.DeliverByStartSequencePolicy, f.next
	}
	consumer, err := js.OrderedConsumer(rctx, f.stream, start)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(followHeartbeat))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		ev, lineage, err := f.event(m)
		if err != nil {
			return err
		}
		switch {
		case f.lineage != "" && lineage != f.lineage:
			return fmt.Errorf("%w: seq %d is of lineage %s, what came before of %s", ErrForeign, ev.Seq, lineage, f.lineage)
		case f.next > 0 && ev.Seq < f.next:
			continue // a stream that was rolled back or rebuilt is fed again
		case f.next > 0 && ev.Seq > f.next:
			return &GapError{Stream: f.stream, Want: f.next, First: ev.Seq}
		}
		f.next, f.lineage = ev.Seq+1, lineage
		if !yield(ev, nil) {
			return errDone
		}
	}
}

// event reads a message of the stream. Its sequence on the stream and the one
// in its headers must be the same.
func (f *follower) event(m jetstream.Msg) (ev Event, lineage string, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return Event{}, "", err
	}
	seq := meta.Sequence.Stream
	h := m.Headers()
	bad := func(header string) error {
		return fmt.Errorf("%w: seq %d of stream %s has %s %q", ErrForeign, seq, f.stream, header, shorten(h.Get(header)))
	}
	ev = Event{Seq: seq, Subject: m.Subject(), Body: m.Data()}
	text := strconv.FormatUint(seq, 10)
	if h.Get(HeaderSeq) != text {
		return Event{}, "", bad(HeaderSeq)
	}
	if ev.Epoch, err = strconv.ParseUint(h.Get(HeaderEpoch), 10, 64); err != nil {
		return Event{}, "", bad(HeaderEpoch)
	}
	chain := h.Get(HeaderChain)
	if len(chain) != hex.EncodedLen(len(ev.Chain)) {
		return Event{}, "", bad(HeaderChain)
	}
	if _, err = hex.Decode(ev.Chain[:], []byte(chain)); err != nil {
		return Event{}, "", bad(HeaderChain)
	}
	lineage, ok := strings.CutSuffix(h.Get(HeaderID), ":"+text)
	if !ok || lineage == "" {
		return Event{}, "", bad(HeaderID)
	}
	return ev, lineage, nil
}

// sleep waits, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

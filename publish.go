package holdfast

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/repair"
	"github.com/moneyprinter/holdfast/position"
)

// newRelay makes the relay; it works once it runs.
func (l *Ledger) newRelay() *bus.Relay {
	o := l.opts.Bus
	connect := o.Connect
	if o.Connected != nil {
		connect = l.telling(connect)
	}
	return bus.NewRelay(&feed{l: l}, bus.Options{
		Ledger: l.src.ID.Name, Lineage: l.src.ID.ID.String(), Connect: connect, Logger: l.log, Replicas: o.Replicas,
		APIPrefix: o.apiPrefix(), MaxAge: o.MaxAge, MaxBytes: o.MaxBytes,
	})
}

// runRelay follows the journal until the context ends.
func (l *Ledger) runRelay(ctx context.Context) {
	if err := l.relay.Run(ctx); err != nil && ctx.Err() == nil {
		l.log.Error("relay ended", "err", err)
	}
}

// telling hands each connection that the relay makes to [BusOptions.Connected].
func (l *Ledger) telling(connect func(context.Context) (*nats.Conn, error)) func(context.Context) (*nats.Conn, error) {
	return func(ctx context.Context) (*nats.Conn, error) {
		nc, err := connect(ctx)
		if err != nil {
			return nil, err
		}
		l.offered.withdraw()
		stop, err := l.opts.Bus.Connected(l, nc)
		if err != nil {
			l.log.Error("request API not offered", "err", err)
			return nc, nil
		}
		l.offered.set(stop)
		return nc, nil
	}
}

// offered is what [BusOptions.Connected] offers on a connection.
type offered struct {
	mu   sync.Mutex
	stop func() // guarded by mu; nil: nothing is offered
}

func (o *offered) set(stop func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop = stop
}

// withdraw stops what is offered and waits for it.
func (o *offered) withdraw() {
	o.mu.Lock()
	stop := o.stop
	o.stop = nil
	o.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Relay is the state of the bus; nil without one.
func (l *Ledger) Relay() *bus.Relay { return l.relay }

// feed is the ledger as the relay sees it: finished events. Of Events one runs at a
// time, one stretch after the other; what it uses is its own.
type feed struct {
	l      *Ledger
	cursor *journal.Cursor // stands before next; nil at first
	next   uint64
	decode wire.Decoder
	image  position.Position // that the event yielded last led to
	body   []byte            // memory of the event that was yielded last
}

// Bounds implements [bus.Source].
func (f *feed) Bounds() (first, last uint64) { return f.l.wal.First(), f.l.wal.Durable() }

// At implements [bus.Source].
func (f *feed) At(seq uint64) (epoch uint64, chain [32]byte, err error) {
	rec, err := f.l.src.HeadAt(seq)
	return rec.Epoch, rec.Chain, err
}

// Wait implements [bus.Source].
func (f *feed) Wait(ctx context.Context, after uint64) error {
	for f.l.wal.Durable() <= after {
		select {
		case <-f.l.durable:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Events implements [bus.Source]: each record with its subject and its JSON.
func (f *feed) Events(ctx context.Context, from uint64) iter.Seq2[bus.Event, error] {
	return func(yield func(bus.Event, error) bool) {
		if err := f.seek(from); err != nil {
			yield(bus.Event{}, err)
			return
		}
		last := f.l.wal.Durable()
		for f.next <= last {
			rec, err := f.cursor.Next(last)
			var e bus.Event
			if err == nil {
				f.next = rec.Seq + 1
				e, err = f.event(rec)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				f.drop()
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// seek puts the cursor before a seq; where it stands there already, what follows
// is read without finding the place again.
func (f *feed) seek(from uint64) error {
	if f.cursor != nil && f.next == from {
		return nil
	}
	f.drop()
	log, err := f.l.src.OpenLog()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	f.cursor, f.next = log.Cursor(from), from
	return nil
}

func (f *feed) drop() {
	if f.cursor != nil {
		_ = f.cursor.Close() // it was open for reading
		f.cursor = nil
	}
}

// event renders a record. Its body is overwritten by the next one.
func (f *feed) event(rec journal.Record) (bus.Event, error) {
	c, err := f.decode.ChangeIn(rec.Payload, &f.image)
	if err != nil {
		return bus.Event{}, fmt.Errorf("seq %d: %w", rec.Seq, err)
	}
	account, instrument := "", ""
	switch {
	case c.After != nil:
		account, instrument = c.After.Key.Account, c.After.Key.Instrument
		c.After.Seq = rec.Seq
	case c.Account != nil:
		account = c.Account.Name
	default:
		instrument = archive.InstrumentOf(&c)
	}
	s := position.Stamp{Seq: rec.Seq, Epoch: rec.Epoch, Time: position.Time(rec.Time)}
	f.body = position.AppendChangeJSON(f.body[:0], s, &c)
	return bus.Event{
		Seq: rec.Seq, Epoch: rec.Epoch, Chain: rec.Chain,
		Subject: bus.EventSubject(f.l.src.ID.Name, c.Kind.String(), account, instrument),
		Body:    f.body,
	}, nil
}

// announce reports an operation on the bus, if there is one. It never blocks.
func (l *Ledger) announce(what string, body any) {
	if l.relay == nil {
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		l.log.Error("event not encoded", "what", what, "err", err)
		return
	}
	l.relay.Announce(what, b)
}

// announceRecovery reports what Open found.
func (l *Ledger) announceRecovery() {
	r := l.wal.Recovery()
	l.log.Info("ledger open", "ledger", l.src.ID.Name, "seq", r.Last.Seq, "first", r.First, "epoch", l.wal.Epoch(), "clean", r.Clean, "cut_bytes", r.CutBytes)
	l.announce("state.loaded", map[string]any{"seq": r.Last.Seq, "first": r.First, "clean": r.Clean})
	if r.CutBytes > 0 {
		l.announce("state.repaired", map[string]any{"cut_from": r.CutFrom, "cut_bytes": r.CutBytes, "quarantine": r.Quarantine})
	}
	l.announceRepairs()
}

// announceRepairs tells the bus what was repaired since the last opening. The
// repair's own report is in quarantine/ and names the epoch of MARK behind it,
// which this opening has raised by one.
func (l *Ledger) announceRepairs() {
	reports, err := repair.Reports(l.src.Dir)
	if err != nil {
		l.log.Warn("reports of repairs not read", "err", err)
		return
	}
	for _, r := range reports {
		if r.Epoch+1 != l.wal.Epoch() {
			continue
		}
		body := map[string]any{"what": r.What, "time": r.Time, "report": r.Plan.Report, "heals": r.Plan.Heals}
		if r.Plan.Loss != nil && r.Plan.Loss.Accepted {
			body["loss"] = r.Plan.Loss
		}
		l.log.Warn("the ledger was repaired", "what", r.What, "time", r.Time, "report", r.Plan.Report)
		l.announce("state.repaired", body)
	}
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// relay measures the relay beside a raw publisher on the same server.
func (b *bench) relay(ctx context.Context) (err error) {
	t := relayed{connect: b.Relay, name: scratchName, dir: filepath.Join(b.Dir, "relayed"), messages: max(b.Steps, 1)}
	rep := &RelayReport{Server: b.RelayTo, Pairs: b.Pairs}
	if b.RelayHere {
		s, e := embedded.Start(embedded.Options{Dir: filepath.Join(b.Dir, "relay-nats"), Listen: embedded.NoListen, Ledger: t.name, Logger: b.Logger})
		if e != nil {
			return e
		}
		defer closing(s, &err)
		t.connect, rep.Server = s.Connect, "embedded"
	} else {
		t.name += "-" + strconv.FormatInt(time.Now().UnixNano(), 36) // the server may have streams of others
	}
	nc, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	o := b.options()
	o.Name = t.name
	l, err := holdfast.Open(ctx, t.dir, o)
	if err != nil {
		return err
	}
	if err = errors.Join(b.fills.Apply(ctx, l, t.messages), l.Close()); err != nil {
		return err
	}
	return b.compareRelay(ctx, &t, nc, rep)
}

// compareRelay lets relay and raw publisher take turns, each on an empty stream.
func (b *bench) compareRelay(ctx context.Context, t *relayed, nc *nats.Conn, rep *RelayReport) (err error) {
	if _, err = t.feed(ctx, b.options()); err != nil {
		return err
	}
	raw, err := yardstick.ReadStream(ctx, nc, bus.StreamName(t.name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Remove(ctx)) }()
	largest := 0
	if b.RelayHere {
		largest = bus.EmbeddedBatch
	}
	form, err := raw.Fastest(ctx, yardstick.Forms(largest))
	if err != nil {
		return err
	}
	rep.Messages, rep.Form = raw.Messages(), form.Name
	var ratios []thousandths
	var relays, raws []int64
	rate := func(took time.Duration) int64 { return int64(rep.Messages) * int64(time.Second) / max(int64(took), 1) }
	for round := range b.Pairs {
		b.Note("bench: relay beside a raw publisher, %d messages, pair %d of %d", rep.Messages, round+1, b.Pairs)
		err = b.turns(
			func() error {
				if e := raw.Remove(ctx); e != nil {
					return e
				}
				took, e := t.feed(ctx, b.options())
				relays = append(relays, rate(took))
				return e
			},
			func() error {
				took, e := raw.Publish(ctx, form)
				raws = append(raws, rate(took))
				return e
			})
		if err != nil {
			return err
		}
		ratios = append(ratios, ratio(relays[round], raws[round]))
	}
	rep.Relay, rep.Raw = median(relays), median(raws)
	b.rep.Relay = rep
	b.rep.measured(rowRelay, ratios)
	return nil
}

// relayed is a ledger whose records a relay brings to a server.
type relayed struct {
	connect   func(context.Context) (*nats.Conn, error)
	name, dir string
	messages  int
}

// feed opens the ledger and returns how long its relay takes from connecting until the
// stream, which is not there, has everything.
func (t *relayed) feed(ctx context.Context, o holdfast.Options) (took time.Duration, err error) {
	opened := make(chan struct{})
	o.Name = t.name
	o.Bus = &holdfast.BusOptions{Evidence: -1, Connect: func(ctx context.Context) (*nats.Conn, error) {
		select {
		case <-opened:
			return t.connect(ctx)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	l, err := holdfast.Open(ctx, t.dir, o)
	if err != nil {
		return 0, err
	}
	defer closing(l, &err)
	began := time.Now()
	close(opened)
	err = caughtUp(ctx, l.Relay())
	return time.Since(began), err
}

// caughtUp waits until the stream has everything.
func caughtUp(ctx context.Context, r *bus.Relay) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s := r.Status()
		switch {
		case s.State == bus.StateLive && s.Lag == 0:
			return nil
		case s.State == bus.StateStopped:
			return fmt.Errorf("relay: %s", s.Err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

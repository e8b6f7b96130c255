package bench

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

// inFlight is how many requests are under way at a time.
const inFlight = 64

// scratchName is the name of the ledgers here that have a bus.
const scratchName = "bench"

// requests measures apply and position.get by request.
func (b *bench) requests(ctx context.Context) (err error) {
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(b.Dir, "requests-nats"), Listen: embedded.NoListen, Ledger: scratchName, Logger: b.Logger})
	if err != nil {
		return err
	}
	defer closing(s, &err)
	o := b.options()
	o.Name, o.Bus = scratchName, &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l, err := holdfast.Open(ctx, filepath.Join(b.Dir, "requests"), o)
	if err != nil {
		return err
	}
	defer closing(l, &err)
	if err = b.fills.Apply(ctx, l, yardstick.Positions); err != nil {
		return err
	}
	if err = caughtUp(ctx, l.Relay()); err != nil {
		return err
	}
	nc, err := s.Connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	asked, err := b.asking(ctx, nc)
	if err != nil {
		return err
	}
	return b.compareRequests(ctx, asked)
}

// asking are the three ways to ask: apply, position.get, and an echo that takes and
// gives as many bytes as apply.
func (b *bench) asking(ctx context.Context, nc *nats.Conn) (ways [3]func() error, err error) {
	apply := func() ([]byte, []byte, error) {
		body, e := position.MarshalMutation(b.fills.Next())
		if e != nil {
			return nil, nil, e
		}
		answer, e := bus.Request(ctx, nc, scratchName, "apply", body)
		return body, answer, e
	}
	body, answer, err := apply() // the sizes
	if err != nil {
		return ways, err
	}
	const subject = "holdfast-bench.echo"
	if _, err = nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(answer) }); err != nil { // what is not answered fails its request
		return ways, err
	}
	key := b.fills.Next().Key
	get, err := json.Marshal(map[string]string{"account": key.Account, "instrument": key.Instrument})
	if err != nil {
		return ways, err
	}
	return [3]func() error{
		func() error {
			_, _, err := apply()
			return err
		},
		func() error {
			_, err := bus.Request(ctx, nc, scratchName, "position.get", get)
			return err
		},
		func() error {
			_, err := nc.RequestWithContext(ctx, subject, body)
			return err
		},
	}, nil
}

// compareRequests lets the ways take turns.
func (b *bench) compareRequests(ctx context.Context, ways [3]func() error) error {
	var runs [3][]yardstick.Figures
	var toGet, toEcho, getEcho []thousandths
	for round := range b.Pairs {
		b.Note("bench: requests, %d in flight, round %d of %d", inFlight, round+1, b.Pairs)
		for _, i := range b.draw.Perm(len(ways)) {
			f, err := yardstick.Drive(inFlight, b.Length, ways[i])
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			runs[i] = append(runs[i], f)
		}
		apply, get, echo := runs[0][round].Rate, runs[1][round].Rate, runs[2][round].Rate
		toGet = append(toGet, ratio(apply, get))
		toEcho, getEcho = append(toEcho, ratio(apply, echo)), append(getEcho, ratio(get, echo))
	}
	b.rep.Requests = &RequestsReport{
		InFlight: inFlight, Pairs: b.Pairs, Apply: sideOf(runs[0]), Get: sideOf(runs[1]), Echo: sideOf(runs[2]),
		ToEcho: spreadOf(toEcho).mid.number(), GetEcho: spreadOf(getEcho).mid.number(),
	}
	b.rep.measured(rowRequests, toGet)
	return nil
}

// Package service is the request API of a ledger on NATS: what a program in any
// language asks on holdfast.api.v1.<ledger>.<endpoint>. Requests and replies are JSON;
// an empty request selects everything.
//
// [Offer] answers on a connection; as [holdfast.BusOptions.Connected] it does so on
// each that the ledger makes. An error's code is a status code of HTTP, see [CodeOf].
//
// apply takes one mutation; an array of them, which is applied whole or not at all; or
// {"each":[…]}, at most 1000, each of which is applied or refused by itself, in their
// order, and answered with its result or {"error":{"code","text"}} in an array. Requests
// that one connection sends to apply are applied in the order in which they were sent,
// but for arrays, busts and corrections, which may come behind later ones.
//
// It holds no state of the ledger and changes nothing but by the ledger's own methods.
package service

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
)

// maxReply keeps replies below the default max_payload of NATS.
const maxReply = 1000 << 10

// heavyRequests is how many requests that read the journal run side by side.
const heavyRequests = 2

type handler = func(context.Context, []byte) (bus.Reply, error)

// A guard refuses requests, nil for none.
type guard func() error

// around guards a handler.
func (g guard) around(h handler) handler {
	return func(ctx context.Context, body []byte) (bus.Reply, error) {
		if err := g(); err != nil {
			return bus.Reply{}, err
		}
		return h(ctx, body)
	}
}

// answer is a handler whose request was read.
type answer[Q any] func(context.Context, *Q) (bus.Reply, error)

// api answers the requests to a ledger.
type api struct {
	*holdfast.Ledger

	// views are for what copies a view, a pointer for each position. More of them at once
	// than there are processors would be no faster, only larger.
	views places
}

func newAPI(l *holdfast.Ledger) *api {
	return &api{Ledger: l, views: make(places, max(2, runtime.GOMAXPROCS(0)))}
}

// Offer answers the requests to a ledger on nc until stop is called. It fits
// [holdfast.BusOptions.Connected].
//
// A ledger that has failed may be offered too, closed or not: what reads is answered
// from what was durable, what writes is refused with code 503 and the reason. A daemon
// keeps it in service between Close and the next Open.
func Offer(l *holdfast.Ledger, nc *nats.Conn) (stop func(), err error) {
	if l == nil || l.Relay() == nil {
		return nil, fmt.Errorf("%w: the ledger has no bus", holdfast.ErrInvalid)
	}
	stop, err = bus.Serve(nc, l.Identity().Name, holdfast.Version(), newAPI(l).endpoints())
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return stop, nil
}

// endpoints are what is offered.
func (l *api) endpoints() []bus.Endpoint { return l.handlers(l.ours) }

// handlers are the endpoints; guard is around all but those that tell and mend what is
// wrong with the stream.
func (l *api) handlers(guard guard) []bus.Endpoint {
	heavy := make(places, heavyRequests)
	views := l.views
	get := endpoint("position.get", guard, l.serveGet)
	get.Quick = l.quickGet(guard)
	return []bus.Endpoint{
		{Name: "apply", Answer: guard.around(l.serveApply), Begin: l.beginApply(guard), Apart: mayRefold},
		get,
		endpoint("position.list", guard, within(views, l.serveList)),
		endpoint("position.at", guard, within(heavy, l.serveAt)),
		endpoint("position.cycles", guard, l.serveCycles),
		endpoint("position.lots", guard, l.serveLots),
		endpoint("summary", guard, within(views, l.serveSummary)),
		endpoint("account.list", guard, within(views, l.serveAccounts)),
		endpoint("history", guard, within(heavy, l.serveHistory)),
		endpoint("verify", guard, within(heavy, l.serveVerify)),
		endpoint("backup.create", guard, within(heavy, l.serveSnapshot)),
		endpoint("backup.list", guard, l.serveSnapshots),
		endpoint("checkpoint", guard, within(heavy, l.serveCheckpoint)),
		endpoint("status", open, within(views, l.serveStatus)),
		endpoint("bus.rebuild", open, l.serveRebuild),
	}
}

// open is no guard.
func open() error { return nil }

// endpoint reads requests before they take a place or do anything.
func endpoint[Q any](name string, guard guard, a answer[Q]) bus.Endpoint {
	reads := reads[Q](name)
	return bus.Endpoint{Name: name, Answer: guard.around(func(ctx context.Context, body []byte) (bus.Reply, error) {
		var q Q
		if err := reads.read(body, &q); err != nil {
			return bus.Reply{}, err
		}
		return a(ctx, &q)
	})}
}

// ours refuses requests unless the relay has found that the stream of the
// ledger's name is this ledger's. Two ledgers of one name on one bus share the
// subjects of requests, and a retry must not reach the other one.
func (l *api) ours() error {
	switch s := l.Relay().Status(); {
	case s.State == bus.StateStopped:
		return &bus.Error{Code: "503", Text: "the stream on this bus is not this ledger's: " + s.Err}
	case s.Resyncs == 0:
		return &bus.Error{Code: "503", Text: "starting: the stream has not been looked at yet"}
	}
	return nil
}

// places bound how many do something side by side.
type places chan struct{}

// take waits for a place until ctx ends; free gives it back.
func (p places) take(ctx context.Context) (free func(), err error) {
	select {
	case p <- struct{}{}:
		return func() { <-p }, nil
	case <-ctx.Done():
		return nil, coded(context.Cause(ctx))
	}
}

// within gives an answer a place while it is made.
func within[Q any](p places, a answer[Q]) answer[Q] {
	return func(ctx context.Context, q *Q) (bus.Reply, error) {
		free, err := p.take(ctx)
		if err != nil {
			return bus.Reply{}, err
		}
		defer free()
		return a(ctx, q)
	}
}

func reply[T any](v T, err error) (bus.Reply, error) {
	if err != nil {
		return bus.Reply{}, coded(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return bus.Reply{}, fmt.Errorf("encode reply: %w", err)
	}
	return bus.Reply{Body: b}, nil
}

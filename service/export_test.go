package service

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast"
)

// API is what answers the requests to a ledger.
type API = api

// New returns what answers the requests to a ledger.
func New(l *holdfast.Ledger) *API { return newAPI(l) }

// asked are the endpoints that a ledger without a bus can answer, but for the
// one that writes a snapshot each time.
func (l *api) asked() map[string]answer {
	return map[string]answer{
		"position.get": l.serveGet, "position.list": l.serveList, "position.at": l.serveAt, "position.cycles": l.serveCycles,
		"position.lots": l.serveLots, "summary": l.serveSummary, "account.list": l.serveAccounts, "history": l.serveHistory,
		"verify": l.serveVerify, "backup.list": l.serveSnapshots, "status": l.serveStatus,
	}
}

// EndpointNames are what Ask knows.
func EndpointNames() []string {
	return []string{
		"apply", "position.get", "position.list", "position.at", "position.cycles", "position.lots", "summary", "account.list",
		"history", "verify", "backup.list", "status",
	}
}

// TakeViews takes every place for what copies a view, and gives them back with free.
func (l *api) TakeViews() (free func()) {
	for range cap(l.views) {
		l.views <- struct{}{}
	}
	return func() {
		for range cap(l.views) {
			<-l.views
		}
	}
}

// ShortStatus is the answer to status where the whole does not fit into a message.
func (l *api) ShortStatus(ctx context.Context) ([]byte, error) {
	var q query
	_, err := l.serveStatus(ctx, &q)
	return q.short, err
}

// AskServed answers a request with the bounds of the service and a bus that is there.
func (l *api) AskServed(ctx context.Context, endpoint string, body []byte) ([]byte, error) {
	for _, e := range l.endpoints() {
		if e.Name == endpoint {
			r, err := e.Answer(ctx, body)
			return r.Body, err
		}
	}
	return nil, fmt.Errorf("no endpoint %s", endpoint)
}

// Ask answers a request as the service does, without a bus.
func (l *api) Ask(ctx context.Context, endpoint string, body []byte) ([]byte, error) {
	if endpoint == "apply" {
		return l.applyRequest(ctx, body)
	}
	a := l.asked()[endpoint]
	if a == nil {
		return nil, fmt.Errorf("no endpoint %s", endpoint)
	}
	r, err := reading(endpoint, a)(ctx, body)
	return r.Body, err
}

package service

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
)

// API is what answers the requests to a ledger.
type API = api

// New returns what answers the requests to a ledger.
func New(l *holdfast.Ledger) *API { return newAPI(l) }

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
	r, err := l.serveStatus(ctx, &nothing{})
	return r.Short, err
}

// AskServed answers a request with the bounds of the service and a bus that is there.
func (l *api) AskServed(ctx context.Context, name string, body []byte) ([]byte, error) {
	return ask(ctx, l.endpoints(), name, body)
}

// Ask answers a request as the service does, without a bus.
func (l *api) Ask(ctx context.Context, name string, body []byte) ([]byte, error) {
	return ask(ctx, l.handlers(open), name, body)
}

func ask(ctx context.Context, of []bus.Endpoint, name string, body []byte) ([]byte, error) {
	for _, e := range of {
		if e.Name == name {
			r, err := e.Answer(ctx, body)
			return r.Body, err
		}
	}
	return nil, fmt.Errorf("no endpoint %s", name)
}

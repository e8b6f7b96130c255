package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/ingest"
	"github.com/moneyprinter/holdfast/position"
)

// What follows a mutation whose outcome is unknown is not sent: repeated in the order
// of the file, the first one would come behind it. A refusal holds up nobody. The
// daemon here is an older one, which takes single mutations only.
func TestNothingIsSentBehindAnUnknownOutcome(t *testing.T) {
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(t.TempDir(), "nats"), Listen: "none", Ledger: "main"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	var mu sync.Mutex
	var applied []string
	stop, err := bus.Serve(nc, "main", "1.0.0", []bus.Endpoint{{Name: "apply", Handle: func(_ context.Context, body []byte) ([]byte, error) {
		m, bad := position.UnmarshalMutation(body)
		switch {
		case bad != nil:
			return nil, &bus.Error{Code: "400", Text: bad.Error()}
		case strings.HasPrefix(m.ID(), "away"):
			return nil, &bus.Error{Code: "503", Text: "away"}
		case strings.HasPrefix(m.ID(), "refused"):
			return nil, &bus.Error{Code: "409", Text: "refused"}
		}
		mu.Lock()
		defer mu.Unlock()
		applied = append(applied, m.ID())
		return []byte(`{"id":"x","first":1,"seq":1}`), nil
	}}})
	require.NoError(t, err)
	t.Cleanup(stop)

	to := ingest.NewRemote(t.Context(), &remote{nc: nc, ledger: "main", denied: context.Background()})
	wrong := map[string]bool{}
	var flights []ingest.Pending
	sent := []struct{ id, instrument string }{
		{"refused-1", "X"},
		{"x-1", "X"},
		{"away-1", "X"},
		{"x-2", "X"},
		{"x-3", "X"},
		{"y-1", "Y"},
	}
	for _, m := range sent {
		p, err := to.Begin(t.Context(), position.Fill{
			Meta: position.Meta{Ident: m.id, Time: 1}, Key: position.Key{Account: "A", Instrument: m.instrument},
			Side: position.Buy, Qty: position.MustParse("1"), Price: position.MustParse("10"),
		})
		require.NoError(t, err)
		flights = append(flights, p)
	}
	for i, p := range flights {
		if _, err := p.Wait(t.Context()); err != nil {
			far, answered := errors.AsType[*remoteError](err)
			wrong[sent[i].id] = !answered || !far.Refused()
		}
	}
	require.Equal(t, map[string]bool{"refused-1": false, "away-1": true, "x-2": true, "x-3": true, "y-1": true}, wrong)
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(applied)
	require.Equal(t, []string{"x-1"}, applied)
}

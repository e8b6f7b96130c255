package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

func TestServe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	stop, err := bus.Serve(h.core(), testLedger, "v1.2.x", []bus.Endpoint{
		{Name: "status", Handle: func(_ context.Context, body []byte) ([]byte, error) { return append([]byte("got "), body...), nil }},
		{Name: "position.get", Handle: func(context.Context, []byte) ([]byte, error) {
			return nil, fmt.Errorf("lookup: %w", &bus.Error{Code: "404", Text: "no\r\nsuch: position"})
		}},
		{Name: "history", Handle: func(context.Context, []byte) ([]byte, error) { return nil, errors.New("disk on fire") }},
		{Name: "position.list", Handle: func(context.Context, []byte) ([]byte, error) { panic("oh") }},
		{Name: "position.at", MaxRequest: 10, Handle: func(context.Context, []byte) ([]byte, error) { return nil, nil }},
		{Name: "backup.list", Handle: func(context.Context, []byte) ([]byte, error) { return nil, &bus.Error{} }},
		{Name: "apply", Handle: func(context.Context, []byte) ([]byte, error) {
			return nil, &bus.Error{Code: "x", Text: strings.Repeat("é", 5000)}
		}},
	})
	require.NoError(t, err)
	defer stop()
	nc := h.client("writer")
	ask := func(endpoint, body string) (string, error) {
		answer, askErr := bus.Request(t.Context(), nc, testLedger, endpoint, []byte(body))
		return string(answer), askErr
	}
	answer, err := ask("status", "x")
	require.NoError(t, err)
	require.Equal(t, "got x", answer)

	refused := func(endpoint, body, code, text string) {
		t.Helper()
		_, refusal := ask(endpoint, body)
		var e *bus.Error
		require.ErrorAs(t, refusal, &e)
		require.Equal(t, code, e.Code)
		require.Contains(t, e.Text, text)
	}
	refused("position.get", "", "404", "no\r\nsuch: position")
	refused("history", "", bus.CodeInternal, "disk on fire")
	refused("position.list", "", bus.CodeInternal, "oh")
	refused("position.at", "12345678901", bus.CodeTooLarge, "11 bytes")
	refused("backup.list", "", bus.CodeInternal, "internal")
	refused("apply", "", "x", "é…")
	refused("verify", "", bus.CodeNoAnswer, "ledger main")
	_, err = ask("position.at", "1234567890")
	require.NoError(t, err)

	// For tools that know services but not us.
	m, err := nc.Request(bus.RequestSubject(testLedger, "position.get"), nil, patience)
	require.NoError(t, err)
	require.Equal(t, "404", m.Header.Get("Nats-Service-Error-Code"))
	require.Equal(t, "no  such: position", m.Header.Get("Nats-Service-Error"))
	m, err = nc.Request("$SRV.INFO."+bus.ServiceName, nil, patience)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), `"subject":"holdfast.api.v1.main.position.get"`)
	require.Contains(t, string(m.Data), `"version":"v1.2.x"`)
}

func TestServeRefusesNames(t *testing.T) {
	h := newHouse(t)
	_, err := bus.Serve(h.core(), testLedger, "1.0.0", []bus.Endpoint{{Name: "a b", Handle: nil}})
	require.ErrorContains(t, err, "serve a b")
}

// An answer is not sent to a subject that means something.
func TestServeBadReply(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var calls atomic.Int32
	stop, err := bus.Serve(h.core(), testLedger, "1.0.0", []bus.Endpoint{
		{Name: "status", Handle: func(context.Context, []byte) ([]byte, error) { calls.Add(1); return []byte("x"), nil }},
	})
	require.NoError(t, err)
	defer stop()
	nc := h.core()
	heard, err := nc.SubscribeSync(">")
	require.NoError(t, err)
	for _, reply := range []string{bus.EventSubject(testLedger, "opened", "", ""), bus.OpsSubject(testLedger, "error"), "$JS.API.STREAM.PURGE.X"} {
		require.NoError(t, nc.PublishRequest(bus.RequestSubject(testLedger, "status"), reply, nil))
	}
	require.NoError(t, nc.Publish(bus.RequestSubject(testLedger, "status"), nil))
	// Requests of one endpoint are taken in order, so this answer ends the wait.
	_, err = nc.Request(bus.RequestSubject(testLedger, "status"), nil, patience)
	require.NoError(t, err)
	require.EqualValues(t, 1, calls.Load())
	require.NoError(t, nc.Flush())
	n, _, err := heard.Pending()
	require.NoError(t, err)
	require.Equal(t, 5, n, "four requests and one answer: the server itself drops the one that names its API for the reply")
}

func TestServeBoundsConcurrency(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var now, most atomic.Int32
	entered, leave := make(chan struct{}, 100), make(chan struct{})
	stop, err := bus.Serve(h.core(), testLedger, "1.0.0", []bus.Endpoint{
		{Name: "apply", Concurrency: 3, Handle: func(context.Context, []byte) ([]byte, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			entered <- struct{}{}
			<-leave
			now.Add(-1)
			return nil, nil
		}},
		{Name: "status", Handle: func(context.Context, []byte) ([]byte, error) { return nil, nil }},
	})
	require.NoError(t, err)
	defer stop()
	nc := h.client("writer")
	answers := make(chan error, 20)
	for range 20 {
		go func() {
			_, askErr := bus.Request(t.Context(), nc, testLedger, "apply", nil)
			answers <- askErr
		}()
	}
	for range 3 {
		<-entered
	}
	// A busy endpoint does not hold up another one.
	_, err = bus.Request(t.Context(), nc, testLedger, "status", nil)
	require.NoError(t, err)
	require.EqualValues(t, 3, now.Load())
	close(leave)
	for range 20 {
		require.NoError(t, <-answers)
	}
	require.EqualValues(t, 3, most.Load())
}

// stop lets a request finish that is at work, and takes no new one.
func TestServeStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	stop, err := bus.Serve(h.core(), testLedger, "1.0.0", []bus.Endpoint{
		{Name: "apply", Handle: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(entered)
			<-leave
			return []byte("done"), ctx.Err()
		}},
	})
	require.NoError(t, err)
	nc := h.client("writer")
	type result struct {
		body []byte
		err  error
	}
	got := make(chan result, 1)
	go func() {
		b, err := bus.Request(context.Background(), nc, testLedger, "apply", nil)
		got <- result{b, err}
	}()
	<-entered
	halted := make(chan struct{})
	go func() { stop(); close(halted) }()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := bus.Request(ctx, nc, testLedger, "apply", nil)
		var e *bus.Error
		return errors.As(err, &e) && e.Code == bus.CodeNoAnswer
	}, patience, time.Millisecond)
	select {
	case <-halted:
		require.Fail(t, "stop did not wait")
	default:
	}
	close(leave)
	r := <-got
	require.NoError(t, r.err)
	require.Equal(t, "done", string(r.body))
	<-halted
	stop()
}

// A handler that does not end is told so through its context.
func TestServeStopEndsContext(t *testing.T) {
	t.Parallel() // it waits out the patience of stop
	h := newHouse(t)
	entered := make(chan struct{})
	stop, err := bus.Serve(h.core(), testLedger, "1.0.0", []bus.Endpoint{
		{Name: "apply", Handle: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		}},
	})
	require.NoError(t, err)
	require.NoError(t, h.core().PublishRequest(bus.RequestSubject(testLedger, "apply"), nats.NewInbox(), nil))
	<-entered
	stop()
}

// TestAnswersThatTheServerDoesNotTake are replaced by a shorter one or by an error:
// who asked is never left to wait.
func TestAnswersThatTheServerDoesNotTake(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	nc := h.core()
	whole := make([]byte, nc.MaxPayload()+1)
	stop, err := bus.Serve(nc, testLedger, "1.0.0", []bus.Endpoint{
		{Name: "status", Answer: func(context.Context, []byte) (bus.Reply, error) {
			return bus.Reply{Body: whole, Short: []byte("short"), Header: nats.Header{bus.HeaderComplete: {"false"}}}, nil
		}},
		{Name: "verify", Handle: func(context.Context, []byte) ([]byte, error) { return whole, nil }},
	})
	require.NoError(t, err)
	defer stop()
	r, err := bus.Ask(t.Context(), nc, testLedger, "status", nil)
	require.NoError(t, err)
	require.Equal(t, "short", string(r.Body))
	require.Equal(t, "false", r.Header.Get("Holdfast-Complete"))
	_, err = bus.Request(t.Context(), nc, testLedger, "verify", nil)
	var refused *bus.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, bus.CodeTooLarge, refused.Code)
}

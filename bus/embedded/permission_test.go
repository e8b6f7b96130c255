package embedded_test

import (
	ctxpkg "context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

// world is a server with a stream of three messages, an answering service, and
// what it would show if somebody forged something.
type world struct {
	s      *embedded.Server
	core   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	seen   *nats.Subscription // events and operations events
	calls  chan string        // endpoints that were called
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{s: start(t, embedded.Options{Dir: scratch.Dir(t)}), calls: make(chan string, 100)}
	var err error
	w.core, err = w.s.Connect(t.Context())
	require.NoError(t, err)
	w.js, err = jetstream.New(w.core, jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	w.stream, err = w.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: bus.StreamName(ledger), Subjects: []string{bus.EventFilter(ledger)}, DenyDelete: true,
	})
	require.NoError(t, err)
	for range 3 {
		_, err = w.js.Publish(t.Context(), bus.EventSubject(ledger, "opened", "A", "X"), []byte(`{"a":1}`))
		require.NoError(t, err)
	}
	var endpoints []bus.Endpoint
	for _, name := range []string{
		"apply", "position.get", "position.list", "position.at", "position.cycles", "position.lots", "summary", "account.list",
		"history", "status", "verify", "backup.create", "backup.list", "checkpoint", "bus.rebuild",
	} {
		endpoints = append(endpoints, bus.Endpoint{Name: name, Handle: func(c ctxpkg.Context, _ []byte) ([]byte, error) {
			w.calls <- name
			return []byte(`{"from":"` + name + `"}`), c.Err()
		}})
	}
	stop, err := bus.Serve(w.core, ledger, "dev", endpoints)
	require.NoError(t, err)
	t.Cleanup(stop)
	w.seen, err = w.core.SubscribeSync("holdfast.*.v1.>")
	require.NoError(t, err)
	require.NoError(t, w.core.Flush())
	return w
}

// untouched fails when the stream changed or anything was heard that only core
// may say.
func (w *world) untouched(t *testing.T, what string) {
	t.Helper()
	in, err := w.stream.Info(t.Context())
	require.NoError(t, err, what)
	require.EqualValues(t, 3, in.State.LastSeq, what)
	require.EqualValues(t, 3, in.State.Msgs, what)
	for {
		m, err := w.seen.NextMsg(time.Millisecond)
		if errors.Is(err, nats.ErrTimeout) {
			return
		}
		require.NoError(t, err)
		if strings.HasPrefix(m.Subject, "holdfast.api.") {
			continue // w.calls tells about these
		}
		require.Fail(t, "heard on "+m.Subject, "%s: %q", what, m.Data)
	}
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	stream := bus.StreamName(ledger)
	event, ops := bus.EventSubject(ledger, "opened", "A", "X"), bus.OpsSubject(ledger, "state.corrupted")
	const both, onlyWriter, nobody = "reader writer", "writer", ""
	consumer := `{"stream_name":"` + stream + `","config":{"durable_name":"d","ack_policy":"explicit"}}`
	table := []struct{ subject, body, allowed string }{
		{bus.RequestSubject(ledger, "position.get"), "{}", both},
		{bus.RequestSubject(ledger, "position.list"), "{}", both},
		{bus.RequestSubject(ledger, "position.at"), "{}", both},
		{bus.RequestSubject(ledger, "position.cycles"), "{}", both},
		{bus.RequestSubject(ledger, "position.lots"), "{}", both},
		{bus.RequestSubject(ledger, "summary"), "{}", both},
		{bus.RequestSubject(ledger, "account.list"), "{}", both},
		{bus.RequestSubject(ledger, "history"), "{}", both},
		{bus.RequestSubject(ledger, "status"), "{}", both},
		{bus.RequestSubject(ledger, "backup.list"), "{}", both},
		{bus.RequestSubject(ledger, "apply"), "{}", onlyWriter},
		{bus.RequestSubject(ledger, "verify"), "{}", onlyWriter},
		{bus.RequestSubject(ledger, "backup.create"), "{}", onlyWriter},
		{bus.RequestSubject(ledger, "checkpoint"), "{}", onlyWriter},
		{bus.RequestSubject(ledger, "bus.rebuild"), "{}", onlyWriter},
		{"$SRV.PING", "", both},
		{"$SRV.INFO.holdfast", "", both},
		{"$JS.API.INFO", "", both},
		{"$JS.API.STREAM.INFO." + stream, "", both},
		{"$JS.API.STREAM.MSG.GET." + stream, `{"seq":1}`, both},
		{"$JS.API.CONSUMER.CREATE." + stream + ".d", consumer, both},
		{"$JS.API.CONSUMER.INFO." + stream + ".d", "", both},
		{"$JS.API.CONSUMER.MSG.NEXT." + stream + ".d", `{"batch":1}`, both},
		{"$JS.API.CONSUMER.DELETE." + stream + ".d", "", both},

		{event, "forged", nobody},
		{ops, "forged", nobody},
		{bus.RequestSubject(ledger, "else"), "", nobody},
		{bus.RequestSubject("other", "status"), "", nobody},
		{"$JS.API.STREAM.DELETE." + stream, "", nobody},
		{"$JS.API.STREAM.PURGE." + stream, "", nobody},
		{"$JS.API.STREAM.UPDATE." + stream, `{"name":"` + stream + `"}`, nobody},
		{"$JS.API.STREAM.CREATE.EVIL", `{"name":"EVIL","subjects":["holdfast.api.>"]}`, nobody},
		{"$JS.API.STREAM.MSG.DELETE." + stream, `{"seq":1}`, nobody},
		{"$JS.API.STREAM.RESTORE.EVIL", "{}", nobody},
		{"$JS.API.STREAM.SNAPSHOT." + stream, `{"deliver_subject":"x"}`, nobody},
		{"$JS.API.CONSUMER.CREATE.OTHER.d", consumer, nobody},
		{"$SYS.REQ.SERVER.PING", "", nobody},
		{"_INBOX.x", "forged answer", nobody},
		{"_INBOX_CORE.x", "forged answer", nobody},
		{"elsewhere", "", nobody},
	}
	for _, user := range []string{"reader", "writer"} {
		denied := make(chan error, 10)
		nc := dial(t, w.s, user, denied)
		for _, row := range table {
			allowed := strings.Contains(row.allowed, user)
			if allowed {
				m, err := nc.Request(row.subject, []byte(row.body), time.Minute)
				require.NoError(t, err, "%s: %s", user, row.subject)
				require.NotContains(t, string(m.Data), `"error"`, "%s: %s", user, row.subject)
				require.Empty(t, denied, "%s: %s", user, row.subject)
				continue
			}
			require.NoError(t, nc.PublishRequest(row.subject, nc.NewInbox(), []byte(row.body)))
			require.ErrorIs(t, <-denied, nats.ErrPermissionViolation, "%s: %s", user, row.subject)
			w.untouched(t, user+": "+row.subject)
		}
	}
}

func TestSubscribePermissions(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"reader", "writer"} {
		denied := make(chan error, 10)
		nc := dial(t, w.s, user, denied)
		for _, subject := range []string{
			">", "holdfast.>", "holdfast.api.v1.>", bus.RequestSubject(ledger, "apply"),
			"holdfast.evt.v1.other.>", "$JS.API.>", "$SRV.PING", "_INBOX_CORE.>", "$SYS.>",
		} {
			sub, err := nc.SubscribeSync(subject)
			require.NoError(t, err)
			require.NoError(t, nc.Flush())
			require.ErrorIs(t, <-denied, nats.ErrPermissionViolation, "%s: %s", user, subject)
			_ = sub.Unsubscribe()
		}
		events, err := nc.SubscribeSync(bus.EventFilter(ledger))
		require.NoError(t, err)
		ops, err := nc.SubscribeSync(bus.OpsFilter(ledger))
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		require.Empty(t, denied)
		require.NoError(t, w.core.Publish(bus.OpsSubject(ledger, "state.saved"), nil))
		_, err = ops.NextMsg(time.Minute)
		require.NoError(t, err)
		_, err = w.js.Publish(t.Context(), bus.EventSubject(ledger, "opened", "", ""), nil)
		require.NoError(t, err)
		_, err = events.NextMsg(time.Minute)
		require.NoError(t, err)
	}
}

// A durable consumer works with nothing but the reader's rights.
func TestReaderConsumesDurably(t *testing.T) {
	w := newWorld(t)
	js, err := jetstream.New(dial(t, w.s, "reader", nil), jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	c, err := js.CreateOrUpdateConsumer(t.Context(), bus.StreamName(ledger), jetstream.ConsumerConfig{Durable: "risk"})
	require.NoError(t, err)
	batch, err := c.Fetch(3, jetstream.FetchMaxWait(time.Minute))
	require.NoError(t, err)
	n := 0
	for m := range batch.Messages() {
		require.NoError(t, m.DoubleAck(t.Context()))
		n++
	}
	require.NoError(t, batch.Error())
	require.Equal(t, 3, n)
	in, err := c.Info(t.Context())
	require.NoError(t, err)
	require.Zero(t, in.NumAckPending)
}

// A user may name any subject for the answer to a request that it may make.
// Whatever it names, the stream stays as it is, no endpoint is called that the
// user may not call, and nobody hears anything in the ledger's name.
func TestReplySubjectAbuse(t *testing.T) {
	stream := bus.StreamName(ledger)
	requests := map[string]struct{ subject, body string }{
		"endpoint":         {bus.RequestSubject(ledger, "status"), ""},
		"service ping":     {"$SRV.PING.holdfast", ""},
		"stream info":      {"$JS.API.STREAM.INFO." + stream, ""},
		"next, a message":  {"$JS.API.CONSUMER.MSG.NEXT." + stream + ".d", `{"batch":1}`},
		"next, no message": {"$JS.API.CONSUMER.MSG.NEXT." + stream + ".e", `{"batch":1,"no_wait":true}`},
		"next, heartbeats": {"$JS.API.CONSUMER.MSG.NEXT." + stream + ".e", `{"batch":1,"expires":300000000,"idle_heartbeat":100000000}`},
	}
	targets := abuseTargets()
	w := newWorld(t)
	nc := dial(t, w.s, "reader", make(chan error, 10))
	for durable, filter := range map[string]string{"d": "", "e": "holdfast.evt.v1.main.none.>"} {
		createConsumer(t, nc, map[string]any{"durable_name": durable, "ack_policy": "none", "filter_subject": filter}, "")
	}
	for name, request := range requests {
		for _, target := range targets {
			require.NoError(t, nc.PublishRequest(request.subject, target, []byte(request.body)))
			// Answers to what is asked afterwards come after what was asked before has
			// had its effect, twice over for an effect in two steps.
			for range 2 {
				_, err := nc.Request("$JS.API.STREAM.INFO."+stream, nil, time.Minute)
				require.NoError(t, err)
				// One request of the same consumer that ends in time, not at once.
				_, err = nc.Request("$JS.API.CONSUMER.MSG.NEXT."+stream+".e", []byte(`{"batch":1,"expires":1000000}`), time.Minute)
				require.NoError(t, err)
			}
			w.untouched(t, name+" to "+target)
		}
	}
	for len(w.calls) > 0 {
		require.Equal(t, "status", <-w.calls)
	}
}

func abuseTargets() []string {
	stream := bus.StreamName(ledger)
	return []string{
		bus.EventSubject(ledger, "opened", "A", "X"),
		bus.OpsSubject(ledger, "state.corrupted"),
		bus.RequestSubject(ledger, "apply"),
		"$JS.API.STREAM.DELETE." + stream,
		"$JS.API.STREAM.PURGE." + stream,
	}
}

// createConsumer asks for a consumer in each of the ways there are.
func createConsumer(t *testing.T, nc *nats.Conn, config map[string]any, refused string) {
	t.Helper()
	stream := bus.StreamName(ledger)
	body, err := json.Marshal(map[string]any{"stream_name": stream, "config": config})
	require.NoError(t, err)
	name, _ := config["durable_name"].(string)
	for _, subject := range []string{
		"CONSUMER.DURABLE.CREATE." + stream + "." + name,
		"CONSUMER.CREATE." + stream + "." + name,
		"CONSUMER.CREATE." + stream,
	} {
		if subject == "CONSUMER.CREATE."+stream && refused == "" {
			continue // takes ephemeral consumers only
		}
		m, err := nc.Request("$JS.API."+subject, body, time.Minute)
		require.NoError(t, err)
		if refused == "" {
			require.NotContains(t, string(m.Data), `"error"`, subject)
		} else {
			require.Contains(t, string(m.Data), refused, subject)
		}
	}
}

func TestPushConsumersAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"reader", "writer"} {
		nc := dial(t, w.s, user, make(chan error, 10))
		for _, target := range abuseTargets() {
			for _, member := range []string{"deliver_subject", "Deliver_Subject", "DELIVER_SUBJECT"} {
				createConsumer(t, nc, map[string]any{
					"durable_name": "p", "ack_policy": "none", member: target, "idle_heartbeat": 100_000_000,
				}, "push consumers are not allowed")
			}
		}
		createConsumer(t, nc, map[string]any{"durable_name": "p", "description": strings.Repeat("x", 70_000)}, "more than")
		w.untouched(t, user)
	}
}

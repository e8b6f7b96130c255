package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/bus"
)

const (
	apiPrefix      = "$JS.API."
	gateTimeout    = 5 * time.Second
	maxGateRequest = 64 << 10
)

// gated returns the requests, without the prefix of the API, that reach
// JetStream through the gate only.
func gated(stream string) []string {
	return []string{
		"CONSUMER.CREATE." + stream,
		"CONSUMER.CREATE." + stream + ".>",
		"CONSUMER.DURABLE.CREATE." + stream + ".*",
	}
}

// gateRequests is how many requests of one user the gate has at work at once. More
// of them wait, behind each other and nobody else.
const gateRequests = 8

// gate passes the users' requests for consumers on to JetStream. Each user has
// subjects, and places, of its own: one whose requests take long holds up itself.
type gate struct {
	nc    *nats.Conn
	log   *slog.Logger
	ask   func(nc *nats.Conn, subject string, body []byte) ([]byte, error)
	slots map[string]chan struct{} // by user
	done  chan struct{}            // closed by stop
}

// openGate begins to take requests for consumers from users. A pull consumer is
// passed on to JetStream. A push consumer is refused: the server would send to
// whatever subject it names with the rights of the core account, so a reader
// could have the stream deleted by a consumer's heartbeat.
func (s *Server) openGate(o *Options) error {
	nc, err := s.Connect(context.Background())
	if err != nil {
		return err
	}
	s.gate = &gate{nc: nc, log: s.log, ask: o.ask, slots: make(map[string]chan struct{}), done: make(chan struct{})}
	if s.gate.ask == nil {
		s.gate.ask = askJetStream
	}
	for _, user := range []string{userReader, userWriter} {
		s.gate.slots[user] = make(chan struct{}, gateRequests)
		for _, subject := range gated(bus.StreamName(o.Ledger)) {
			if _, err = nc.Subscribe(gateRoot+user+"."+subject, func(m *nats.Msg) { s.gate.take(user, m) }); err != nil {
				return fmt.Errorf("NATS server: gate: %w", err)
			}
		}
	}
	if err = nc.FlushTimeout(gateTimeout); err != nil {
		return fmt.Errorf("NATS server: gate: %w", err)
	}
	return nil
}

// take answers a request in a goroutine of its own, once the user has a place. It
// is called by one goroutine for each subject.
func (g *gate) take(user string, m *nats.Msg) {
	slots := g.slots[user]
	select {
	case slots <- struct{}{}:
	case <-g.done:
		return
	}
	go func() {
		defer func() { <-slots }()
		// A user that is gone does not miss its answer.
		_ = m.Respond(g.pass(strings.TrimPrefix(m.Subject, gateRoot+user+"."), m.Data))
	}()
}

// stop waits for the requests at work. The connection is closed, so they end at
// once.
func (g *gate) stop() {
	close(g.done)
	for _, slots := range g.slots {
		for range cap(slots) {
			slots <- struct{}{}
		}
	}
}

// pass checks a request, sends on what it understood of it (never the bytes it
// got, which the server might understand in another way), and returns the
// answer.
func (g *gate) pass(subject string, data []byte) []byte {
	var request server.CreateConsumerRequest
	switch err := unmarshal(data, &request); {
	case err != nil:
		return refusal(err)
	case request.Config.DeliverSubject != "" || request.Config.DeliverGroup != "":
		return refusal(errors.New("push consumers are not allowed here, make a pull consumer"))
	}
	body, err := json.Marshal(request)
	if err != nil {
		return refusal(err)
	}
	answer, err := g.ask(g.nc, apiPrefix+subject, body)
	if err != nil {
		g.log.Warn("bus/embedded: gate", "subject", subject, "error", err)
		return refusal(err)
	}
	return answer
}

func askJetStream(nc *nats.Conn, subject string, body []byte) ([]byte, error) {
	m, err := nc.Request(subject, body, gateTimeout)
	if err != nil {
		return nil, err
	}
	return m.Data, nil
}

func unmarshal(b []byte, v any) error {
	if len(b) > maxGateRequest {
		return fmt.Errorf("request has more than %d bytes", maxGateRequest)
	}
	return json.Unmarshal(b, v)
}

// refusal is an answer of the form that JetStream gives.
func refusal(reason error) []byte {
	b, err := json.Marshal(server.JSApiConsumerCreateResponse{ApiResponse: server.ApiResponse{
		Type:  server.JSApiConsumerCreateResponseType,
		Error: &server.ApiError{Code: 400, ErrCode: 10003, Description: reason.Error()},
	}})
	if err != nil {
		return nil // the type is made to be marshalled
	}
	return b
}

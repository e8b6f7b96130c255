package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// openGate begins to take requests for consumers from users. A pull consumer is
// passed on to JetStream. A push consumer is refused: the server would send to
// whatever subject it names with the rights of the core account, so a reader
// could have the stream deleted by a consumer's heartbeat.
func (s *Server) openGate(ledger string) error {
	nc, err := s.Connect(context.Background())
	if err != nil {
		return err
	}
	for _, subject := range gated(bus.StreamName(ledger)) {
		_, err = nc.Subscribe(gateRoot+subject, func(m *nats.Msg) {
			answer := s.pass(nc, m)
			// A user that is gone does not miss its answer.
			_ = m.Respond(answer)
		})
		if err != nil {
			return fmt.Errorf("bus/embedded: gate: %w", err)
		}
	}
	if err = nc.FlushTimeout(gateTimeout); err != nil {
		return fmt.Errorf("bus/embedded: gate: %w", err)
	}
	return nil
}

// pass checks a request, sends on what it understood of it (never the bytes it
// got, which the server might understand in another way), and returns the
// answer.
func (s *Server) pass(nc *nats.Conn, m *nats.Msg) []byte {
	var request server.CreateConsumerRequest
	switch err := unmarshal(m.Data, &request); {
	case err != nil:
		return refusal(err)
	case request.Config.DeliverSubject != "" || request.Config.DeliverGroup != "":
		return refusal(errors.New("push consumers are not allowed here, make a pull consumer"))
	}
	body, err := json.Marshal(request)
	if err != nil {
		return refusal(err)
	}
	answer, err := nc.Request(apiPrefix+strings.TrimPrefix(m.Subject, gateRoot), body, gateTimeout)
	if err != nil {
		s.log.Warn("bus/embedded: gate", "subject", m.Subject, "error", err)
		return refusal(err)
	}
	return answer.Data
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

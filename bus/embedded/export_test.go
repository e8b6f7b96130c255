package embedded

import "github.com/nats-io/nats.go"

// WithGate returns options of a server whose gate asks ask instead of JetStream.
func WithGate(o Options, ask func(nc *nats.Conn, subject string, body []byte) ([]byte, error)) Options {
	o.ask = ask
	return o
}

// GateRequests is how many requests of one user the gate has at work.
const GateRequests = gateRequests

package embedded

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/bus"
)

// Connect returns a new connection with full rights that stays inside the
// process. It ends with the server: a caller that outlives the server must
// connect to the next one. Close closes what was not closed before.
func (s *Server) Connect(ctx context.Context) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return nil, errors.New("NATS server: server is closed")
	}
	options := append(bus.ConnectOptions("holdfast core", s.log),
		nats.InProcessServer(s.ns),
		nats.UserInfo(userCore, s.core),
		nats.CustomInboxPrefix(coreInbox),
		nats.ClosedHandler(s.forget))
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("NATS server: connect: %w", err)
	}
	s.conns[nc] = struct{}{}
	return nc, nil
}

// forget is called by a connection that was closed.
func (s *Server) forget(nc *nats.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// Close lets the connections made by Connect hand over what they hold, stops
// the server, waits until its store is closed, and releases the lock. It may be
// called twice; the second call waits for the first.
func (s *Server) Close() error {
	s.mu.Lock()
	if done := s.closed; done != nil {
		s.mu.Unlock()
		<-done
		return s.err
	}
	done := make(chan struct{})
	s.closed = done
	s.mu.Unlock()
	s.shutDown()
	s.err = s.unlock()
	close(done)
	return s.err
}

// shutDown ends the guard, closes the connections that were handed out, then the server.
func (s *Server) shutDown() {
	if s.stopGuard != nil {
		s.stopGuard()
	}
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, nc := range conns {
		// A connection that is not connected has nothing to hand over; its error
		// says no more than that.
		_ = nc.FlushTimeout(drainTimeout)
		nc.Close()
	}
	if s.gate != nil {
		s.gate.stop()
	}
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/bus"
)

// guardInterval is how often the store is looked at.
const guardInterval = time.Second

// guard notices that the stream's files were deleted under the running server,
// which goes on with open files and then fails at every further write, and
// restarts JetStream, without the stream. A relay finds it missing and feeds a
// new one. Nothing is deleted that is there: the guard acts when JetStream
// knows a stream whose directory of messages does not exist.
type guard struct {
	s      *Server
	nc     *nats.Conn
	stream string
	dir    string // of the stream
	config server.JetStreamConfig
	done   chan struct{}
}

// openGuard starts the guard; shutDown ends it.
func (s *Server) openGuard(ledger string, o *server.Options) error {
	nc, err := s.Connect(context.Background())
	if err != nil {
		return err
	}
	stream := bus.StreamName(ledger)
	g := &guard{
		s: s, nc: nc, stream: stream, done: make(chan struct{}),
		dir: filepath.Join(o.StoreDir, server.JetStreamStoreDir, coreAccount, "streams", stream),
		config: server.JetStreamConfig{
			StoreDir: o.StoreDir, SyncInterval: o.SyncInterval, SyncAlways: o.SyncAlways,
			MaxMemory: o.JetStreamMaxMemory, MaxStore: o.JetStreamMaxStore, Strict: !o.NoJetStreamStrict,
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stopGuard = func() { cancel(); <-g.done }
	go g.watch(ctx)
	return nil
}

func (g *guard) watch(ctx context.Context) {
	defer close(g.done)
	tick := time.NewTicker(guardInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if g.missing() && g.known(ctx) && g.missing() {
			g.restart()
		}
	}
}

func (g *guard) missing() bool {
	_, err := os.Stat(filepath.Join(g.dir, "msgs"))
	return errors.Is(err, fs.ErrNotExist)
}

// known says whether JetStream has the stream. It is asked between two looks at
// the directory, because JetStream makes the directory before it knows a stream
// and forgets a stream before it removes the directory.
func (g *guard) known(ctx context.Context) bool {
	rctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	m, err := g.nc.RequestWithContext(rctx, apiPrefix+"STREAM.INFO."+g.stream, nil)
	if err != nil {
		return false
	}
	var answer struct {
		Error *struct{} `json:"error"`
	}
	return json.Unmarshal(m.Data, &answer) == nil && answer.Error == nil
}

// restart ends JetStream and begins it again. What a stream without messages
// leaves of itself when it is stopped would be recovered as an empty stream and
// is removed.
func (g *guard) restart() {
	g.s.log.Error("bus/embedded: the store was deleted, JetStream is restarted without it", "dir", g.dir)
	err := g.s.ns.DisableJetStream()
	if err == nil {
		err = os.RemoveAll(g.dir)
	}
	if err == nil {
		config := g.config
		err = g.s.ns.EnableJetStream(&config)
	}
	if err != nil {
		g.s.log.Error("bus/embedded: restart of JetStream", "error", err)
	}
}

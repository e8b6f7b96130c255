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

// guardInterval is how often the store is looked at, maxGuardPause how many of
// these intervals are between two restarts that do not help.
const (
	guardInterval = time.Second
	maxGuardPause = 64
)

// guard restarts JetStream when it cannot get on by itself.
//
// One case is that the stream's files were deleted under the running server,
// which goes on with open files and then fails at every further write. JetStream
// is restarted without the stream; a relay finds it missing and feeds a new one.
// Nothing is deleted that could be recovered: this is done when JetStream knows a
// stream whose directory of messages or whose description does not exist. The
// directory alone does not tell: a write at the moment of the deletion makes it
// again, empty, and the server is none the wiser. The others are errors of a write, on
// a full disk for instance, which the server never takes back: it has shut
// JetStream down, or the stream refuses every further message.
type guard struct {
	s      *Server
	nc     *nats.Conn
	stream string
	dir    string // of the stream
	config server.JetStreamConfig
	done   chan struct{}
	told   bool // that the store is not this server's was logged
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
	pause, skip := 0, 0 // pause grows with restarts and shrinks while all is well
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !g.held() {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		switch {
		case !g.s.ns.JetStreamEnabled():
			g.restart("JetStream was shut down by an error")
		case g.s.lines.unstored.Swap(false):
			g.restart("a message could not be written")
		case g.missing() && g.known(ctx) && g.missing():
			g.restart("the store was deleted")
		default:
			pause /= 2
			continue
		}
		pause = min(2*pause+1, maxGuardPause)
		skip = pause - 1
	}
}

// held sees that the store is still this server's. While it is not, JetStream is
// shut down: another server may write to the store, and what JetStream makes anew
// would stand in the way of a directory that was moved.
func (g *guard) held() bool {
	err := g.s.holds()
	if err == nil {
		g.told = false
		return true
	}
	if !g.told {
		g.s.log.Error("bus/embedded: the store is not this server's any more: JetStream is shut down until it is", "dir", g.s.dir, "err", err)
	}
	g.told = true
	if g.s.ns.JetStreamEnabled() {
		if err = g.s.ns.DisableJetStream(); err != nil {
			g.s.log.Error("bus/embedded: shut down JetStream", "err", err)
		}
	}
	return false
}

func (g *guard) missing() bool {
	for _, name := range [...]string{"msgs", server.JetStreamMetaFile} {
		if _, err := os.Stat(filepath.Join(g.dir, name)); errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
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

// restart ends JetStream, if it has not ended, and begins it again. A stream whose
// messages are missing leaves files when it is stopped. They would be recovered as
// an empty stream and are removed.
func (g *guard) restart(why string) {
	g.s.log.Error("bus/embedded: restarting JetStream", "why", why, "dir", g.dir)
	err := g.s.ns.DisableJetStream()
	if err == nil && g.missing() {
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

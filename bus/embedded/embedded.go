package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/claim"
)

// DefaultListen is where the server listens when Options.Listen is empty.
const DefaultListen = "127.0.0.1:4222"

// NoListen as Options.Listen makes a server that only this process can reach.
const NoListen = "none"

const (
	defaultSyncInterval = 2 * time.Second
	defaultMaxStore     = 1 << 40
	readyStep           = 100 * time.Millisecond
	readyTries          = 300
	drainTimeout        = 2 * time.Second
)

// Options configure a server. Dir and Ledger must be set.
type Options struct {
	Dir          string        // holds LOCK, credentials and store; created with mode 0700
	Listen       string        // host:port; "" is DefaultListen, "none" is no listener, port 0 is any free one
	Ledger       string        // whose subjects and stream the users may see
	Logger       *slog.Logger  // nil discards
	SyncInterval time.Duration // how often the store is fsynced; 0 is 2 s, because the journal is the truth and a lost tail is fed again; less is always
	MaxStore     int64         // bytes that the store may take; 0 is 1 TiB, in other words the disk
	// StoreKey encrypts the store, by way of a key of its own that is kept
	// encrypted under this one; 32 bytes, nil: the store is plain. A store that
	// was plain is encrypted by the next Start with a key, and needs one from
	// then on. OldStoreKeys were StoreKey before a rotation.
	StoreKey     []byte
	OldStoreKeys [][]byte

	ask func(nc *nats.Conn, subject string, body []byte) ([]byte, error) // of the gate; nil is JetStream
}

// A Server is a running NATS server. Its methods may be called by any
// goroutine.
type Server struct {
	ns    *server.Server
	url   string
	creds []Credential
	dir   string
	core  string // secret of the core user
	// around is what the store's directory was in when it was locked.
	around os.FileInfo
	lock   *claim.Claim // nil when it was lost; the guard's while that runs
	log    *slog.Logger
	lines  *bridge // the server's own log

	gate      *gate  // nil before it is open
	stopGuard func() // nil before the guard runs

	mu     sync.Mutex
	conns  map[*nats.Conn]struct{} // handed out by Connect and not closed yet
	closed chan struct{}           // nil until Close was called, closed when it is done
	err    error                   // what Close returned, valid once closed is closed
}

// Start takes the store's lock and returns a server that accepts connections.
// A directory that does not exist is made, credentials that exist are kept, and
// a store that exists is recovered. It fails with *InUseError when another
// server holds the store, with *ListenError when the address is taken, and with
// ErrStoreKey when the store is encrypted and no key is given; then nothing is
// left running.
func Start(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	host, port, err := listenAddress(o.Listen)
	if err != nil {
		return nil, err
	}
	if err = os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	lock, err := lockStore(o.Dir)
	if err != nil {
		return nil, err
	}
	around, err := os.Stat(filepath.Dir(o.Dir))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("NATS server: %w", err), lock.Release())
	}
	s := &Server{dir: o.Dir, lock: lock, around: around, log: o.Logger, core: rand.Text() + rand.Text(), conns: make(map[*nats.Conn]struct{})}
	if err = s.start(&o, host, port); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

func (s *Server) start(o *Options, host string, port int) error {
	users := []string{userReader, userWriter}
	known := secrets{userCore: s.core}
	for _, user := range users {
		file := filepath.Join(o.Dir, user+".json")
		secret, err := loadSecret(file)
		if err != nil {
			return err
		}
		known[user] = secret
		s.creds = append(s.creds, Credential{User: user, File: file})
	}
	opts, err := serverOptions(o, known, host, port)
	if err != nil {
		return err
	}
	if opts.JetStreamKey, err = openStoreKey(o); err != nil {
		return err
	}
	opts.JetStreamCipher = server.AES
	if s.ns, err = server.NewServerFromConfig(opts); err != nil {
		return fmt.Errorf("NATS server: configuration: %w", err)
	}
	s.lines = newBridge(o.Logger)
	s.ns.SetLoggerV2(s.lines, false, false, false)
	s.ns.Start()
	err = s.await(o.Listen)
	if err == nil && !opts.DontListen {
		s.url = s.ns.ClientURL()
	}
	if err == nil {
		err = s.openGate(o)
	}
	if err == nil {
		err = s.openGuard(o.Ledger, opts)
	}
	for i := 0; i < len(s.creds) && err == nil; i++ {
		c := s.creds[i]
		err = saveCredential(c.File, contextFile{
			Description: "Holdfast ledger " + o.Ledger + ", " + c.User,
			URL:         s.url, User: c.User, Password: known[c.User],
		})
	}
	if err != nil {
		s.shutDown()
	}
	return err
}

// await waits until the server accepts connections. A server that cannot start
// only logs so; its first fatal line becomes the error.
func (s *Server) await(listen string) error {
	for range readyTries {
		ready := s.ns.ReadyForConnections(readyStep)
		select {
		case text := <-s.lines.fatal:
			if strings.HasPrefix(text, "Error listening on port") {
				return &ListenError{Addr: orDefault(listen), Reason: text}
			}
			return fmt.Errorf("NATS server: start: %s", text)
		default:
		}
		if ready {
			return nil
		}
	}
	return fmt.Errorf("NATS server: start: not ready after %v", readyTries*readyStep)
}

func serverOptions(o *Options, known secrets, host string, port int) (*server.Options, error) {
	opts := &server.Options{}
	if err := opts.ProcessConfigString(configText(o.Ledger, known)); err != nil {
		return nil, fmt.Errorf("NATS server: configuration: %w", err)
	}
	opts.ServerName = bus.EmbeddedName + bus.Token(o.Ledger)
	opts.Host, opts.Port, opts.DontListen = host, port, o.Listen == NoListen
	opts.StoreDir = filepath.Join(o.Dir, "jetstream")
	opts.JetStreamMaxStore = o.MaxStore
	if opts.JetStreamMaxStore <= 0 {
		opts.JetStreamMaxStore = defaultMaxStore
	}
	opts.SyncInterval = o.SyncInterval
	switch {
	case o.SyncInterval == 0:
		opts.SyncInterval = defaultSyncInterval
	case o.SyncInterval < 0:
		opts.SyncInterval, opts.SyncAlways = 0, true
	}
	opts.JetStreamLimits.MaxBatchSize = bus.EmbeddedBatch
	opts.NoSigs = true // the server's own signal handler exits the process
	return opts, nil
}

// listenAddress splits Options.Listen. Port 0 becomes nats-server's "any".
func listenAddress(listen string) (host string, port int, err error) {
	if listen == NoListen {
		return "127.0.0.1", server.DEFAULT_PORT, nil
	}
	host, text, err := net.SplitHostPort(orDefault(listen))
	if err != nil {
		return "", 0, fmt.Errorf("%w %q: %w", ErrAddress, listen, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%w %q: bad port", ErrAddress, listen)
	}
	if number == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(number), nil
}

func orDefault(listen string) string {
	if listen == "" {
		return DefaultListen
	}
	return listen
}

// ErrAddress: Options.Listen is no address that a server can listen on.
var ErrAddress = errors.New("NATS server: address")

// A ListenError says that the server cannot listen on its address.
type ListenError struct {
	Addr   string
	Reason string // the server's words
}

// Error names the address and what can be done.
func (e *ListenError) Error() string {
	return fmt.Sprintf("NATS server: cannot listen on %s (%s); free the port or choose another address", e.Addr, e.Reason)
}

// URL returns the address that clients connect to, or "" without a listener.
func (s *Server) URL() string { return s.url }

// Credentials lists the users that clients may connect as.
func (s *Server) Credentials() []Credential { return append([]Credential(nil), s.creds...) }

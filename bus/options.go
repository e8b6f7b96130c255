package bus

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// An Event is one record of the journal as it goes over the bus.
type Event struct {
	Seq     uint64   // sequence in the journal and on the stream
	Epoch   uint64   // incarnation of the ledger that wrote it
	Chain   [32]byte // state of the journal's chain after it
	Subject string   // made by EventSubject
	Body    []byte   // JSON; the relay does not look into it
}

// A Source is what the relay reads: the journal, as finished events. Its
// methods may run while the journal grows and is trimmed. One Events runs at a
// time, perhaps beside one of the others.
type Source interface {
	// Bounds returns the oldest kept and the newest durable sequence; first is
	// last + 1 when nothing is kept.
	Bounds() (first, last uint64)
	// Events yields the events from a kept sequence up to the newest durable one,
	// without a gap, then ends. A body need stay valid only until the next step.
	Events(ctx context.Context, from uint64) iter.Seq2[Event, error]
	// At returns what identifies a kept record.
	At(seq uint64) (epoch uint64, chain [32]byte, err error)
	// Wait returns nil once a record after seq is durable, or the error of ctx.
	Wait(ctx context.Context, after uint64) error
}

// Bounds of an atomic batch. A server takes 1000 messages unless it is
// configured for more; beyond a few megabytes a batch gains nothing and only
// keeps a slow link busy for longer than a request may take.
const (
	safeBatch       = 1000
	fastBatch       = 4000 // of a fast batch, which no server bounds
	defaultBatchMem = 4 << 20
)

// The embedded server is known by the beginning of its name, and takes larger
// batches: each batch costs a server some ten milliseconds whatever its size,
// so larger ones carry a backlog faster.
const (
	EmbeddedName  = "holdfast-"
	EmbeddedBatch = 4000
)

// Options configure a relay. Ledger, Lineage and Connect must be set; every
// other field may be zero.
type Options struct {
	Ledger  string // name of the ledger: part of every subject and of the stream's name
	Lineage string // identity of the ledger's lineage: in the stream's metadata and in every Holdfast-Id

	// Connect makes a connection. The relay closes it, and calls Connect again
	// when the connection is closed or stays down. ConnectOptions says what a
	// connection for this purpose should be like.
	Connect func(ctx context.Context) (*nats.Conn, error)
	Logger  *slog.Logger // nil discards

	APIPrefix string        // of the JetStream API; "" is $JS.API, a domain has $JS.<domain>.API
	Replicas  int           // of a stream that the relay creates; 0 is 1
	MaxAge    time.Duration // limit of a stream that the relay creates; 0 keeps what the journal keeps
	MaxBytes  int64         // the same, in bytes

	Crossover  int           // backlog from which atomic batches are used; 0 is 150
	BatchCount int           // most messages of a batch; 0 is 4000 on an embedded server, else 1000, which is also used where a server refuses more
	BatchBytes int           // most bytes of a batch, unless a single message is larger; 0 is 4 MiB
	Timeout    time.Duration // of one request; 0 is 5 s
	Check      time.Duration // how often the stream is looked at when nothing fails; 0 is 10 s
	MinBackoff time.Duration // wait after the first failure; 0 is 100 ms
	MaxBackoff time.Duration // longest wait after many; 0 is 10 s
	OpsQueue   int           // announcements kept while the bus is away; 0 is 256
}

func (o *Options) applyDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.APIPrefix == "" {
		o.APIPrefix = "$JS.API"
	}
	if o.Replicas <= 0 {
		o.Replicas = 1
	}
	if o.Crossover <= 0 {
		o.Crossover = 150
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = defaultBatchMem
	}
	setDuration(&o.Timeout, 5*time.Second)
	setDuration(&o.Check, 10*time.Second)
	setDuration(&o.MinBackoff, 100*time.Millisecond)
	setDuration(&o.MaxBackoff, 10*time.Second)
	if o.OpsQueue <= 0 {
		o.OpsQueue = 256
	}
}

func setDuration(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

// ConnectOptions returns what a connection of the relay should be opened with,
// to be extended by credentials and TLS: it reconnects for ever with jitter, it
// notices a dead or stuck peer within seconds instead of minutes, and it keeps
// no buffer of messages for later, because the relay asks the stream what it
// has before it sends anything again. Errors that nobody waits for go to log,
// which may be nil.
func ConnectOptions(name string, log *slog.Logger) []nats.Option {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return []nats.Option{
		nats.Name(name),
		nats.Timeout(5 * time.Second),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 500*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.FlusherTimeout(5 * time.Second),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("bus: connection", "name", name, "error", err)
		}),
	}
}

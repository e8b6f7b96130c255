package holdfast

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// Options configure [Open]. The zero value works; each field says what zero
// means.
type Options struct {
	// Name is the ledger's name in subjects and in the stream's name, letters,
	// digits, '-' and '_'. Used when the ledger is created; "" is "main". For an
	// existing ledger it must be empty or the same.
	Name string
	// Rules are fixed when the ledger is created. For an existing ledger each
	// member must be zero or what the ledger was created with; a default that was
	// left open then counts as given.
	Rules position.Rules
	// Window is how many mutation ids are remembered for duplicates; 0 is 1 Mi.
	// Like the rules, it is fixed when the ledger is created.
	Window int
	// ClosedCycles is how many closed cycles of each key stay readable after
	// their records are trimmed; 0 is 16, negative keeps all. It may differ from
	// run to run: a smaller number forgets as cycles end.
	ClosedCycles int
	// SegmentSize is the size of a journal segment in bytes; 0 is 16 MiB.
	SegmentSize int

	// SnapshotInterval is the time between automatic snapshots; 0 is 5 minutes,
	// negative turns them off. Nothing new, no snapshot.
	SnapshotInterval time.Duration
	// SnapshotEvery makes a snapshot after so many records as well; 0 is 1 Mi.
	SnapshotEvery uint64
	// SnapshotKeep is how many of the newest snapshots are kept; 0 is 24. About
	// eight older ones are kept besides, spread over Retain, so that the journal
	// behind them can be trimmed in time and any moment since be derived.
	SnapshotKeep int
	// Retain is the age below which journal records are never trimmed; 0 is 30
	// days, negative trims up to the oldest kept snapshot at once, the largest
	// duration never trims.
	Retain time.Duration
	// TrimHold is how many bytes of journal are kept at most for a bus that
	// lags; 0 is 1 GiB.
	TrimHold int64

	// Keys encrypt what is written from now on, journal and snapshots, and
	// decrypt; nil writes plainly. A ledger that was plain may be encrypted from
	// any opening on; one that holds encrypted records opens only with all of
	// their keys and stays encrypted. See [Ledger.Rotate].
	Keys *keyring.Ring

	// Verb and Reach tell a second opener who holds the ledger and how to reach
	// it.
	Verb, Reach string

	// Signer signs a checkpoint with each snapshot and on demand; nil makes none.
	// See [Ledger.Checkpoint].
	Signer note.Signer

	// Bus publishes every record; nil publishes nothing.
	Bus *BusOptions

	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // source of ids and salts, used by many goroutines; nil: crypto/rand
	Logger *slog.Logger     // nil: discarded
	// Phase, if set, is told when a phase of the work begins and ends: append,
	// segment, snapshot, trim, recovery. It serves the fault drills.
	Phase func(name string, begin bool)
}

// BusOptions connect a ledger to NATS.
type BusOptions struct {
	// Connect dials NATS. It is called again after the connection was closed;
	// it may block until its context ends.
	Connect func(ctx context.Context) (*nats.Conn, error)
	// Domain is the JetStream domain of the stream, when that is on another server
	// than the one dialled; "" is the server's own.
	Domain string
	// Replicas of the stream, when the relay creates it; 0 is 1.
	Replicas int
	// MaxAge and MaxBytes limit the stream, when the relay creates it: it may then
	// begin later than the journal. 0 keeps what the journal keeps.
	MaxAge   time.Duration
	MaxBytes int64
	// Connected is told of each connection that the ledger makes. Its stop is called
	// when the ledger makes another one and when it is closed. service.Offer offers
	// the request API (holdfast.api.v1.<ledger>.…); nil offers nothing.
	Connected func(*Ledger, *nats.Conn) (stop func(), err error)
	// Evidence is how long Open waits for the stream to say up to where records
	// were durable; 0 is 2 seconds, negative does not ask. A journal that ends
	// before that is refused with [ErrDamaged]. It is evidence, never a
	// condition: a bus that does not answer in time is logged.
	Evidence time.Duration
}

// apiPrefix is where the JetStream API of the stream's domain is asked.
func (o *BusOptions) apiPrefix() string {
	if o.Domain == "" {
		return ""
	}
	return "$JS." + o.Domain + ".API"
}

// Reading are those of the options that concern reading, and so a restore.
func (o Options) Reading() archive.Options {
	return archive.Options{
		Name: o.Name, Rules: o.Rules, Window: o.Window, ClosedCycles: o.ClosedCycles,
		Keys: o.Keys, Verb: o.Verb, Now: o.Now, Rand: o.Rand, Logger: o.Logger, Phase: o.Phase,
	}
}

func (o Options) withDefaults() Options {
	r := o.Reading().WithDefaults()
	o.ClosedCycles, o.Now, o.Rand, o.Logger, o.Phase = r.ClosedCycles, r.Now, r.Rand, r.Logger, r.Phase
	if o.SnapshotInterval == 0 {
		o.SnapshotInterval = 5 * time.Minute
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 1 << 20
	}
	if o.SnapshotKeep <= 0 {
		o.SnapshotKeep = 24
	}
	if o.Retain == 0 {
		o.Retain = 30 * 24 * time.Hour
	}
	if o.TrimHold == 0 {
		o.TrimHold = 1 << 30
	}
	return o
}

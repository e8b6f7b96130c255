package bench

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

// Options say what is measured. Members that are 0 or nil leave theirs out.
type Options struct {
	Dir     string // a scratch directory on the disk that is measured
	Callers []int  // numbers of callers, in any order
	Pairs   int    // of runs for each comparison
	Length  time.Duration
	Seed    uint64 // of the order of the runs
	Steps   int    // changes for the single steps, the domain path and the heap
	Recover int    // changes of the journal that is opened
	// Snapshot is how many positions the snapshot holds that is opened, and that is
	// made beside appends.
	Snapshot int
	Requests bool // through a bus in this process
	// Relay dials the server that a relay and a raw publisher are compared on.
	// RelayTo names it for people.
	Relay   func(ctx context.Context) (*nats.Conn, error)
	RelayTo string
	// RelayHere compares them on a server in this process.
	RelayHere bool

	Logger *slog.Logger
	Note   func(format string, args ...any) // is told what is measured now
}

// bench runs the measurements.
type bench struct {
	Options

	draw  *rand.Rand
	fills yardstick.Fills
	rep   *Report
}

func newBench(o Options) *bench {
	return &bench{Options: o, draw: rand.New(rand.NewPCG(o.Seed, 0)), rep: begun(o.Dir, o.Seed, o.Length, o.Pairs)} //nolint:gosec // an order, no secret
}

// options are those of a ledger that makes no snapshot by itself.
func (b *bench) options() holdfast.Options {
	return holdfast.Options{Verb: "bench", Logger: b.Logger, SnapshotInterval: -1, SnapshotEvery: 1 << 62}
}

// open opens a ledger in a directory of the scratch directory.
func (b *bench) open(ctx context.Context, name string) (*holdfast.Ledger, error) {
	return holdfast.Open(ctx, filepath.Join(b.Dir, name), b.options())
}

// fill makes a ledger of n fills and closes it.
func (b *bench) fill(ctx context.Context, name string, fills *yardstick.Fills, n int) (err error) {
	l, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	defer closing(l, &err)
	return fills.Apply(ctx, l, n)
}

// turns calls both sides, in an order that is drawn.
func (b *bench) turns(first, second func() error) error {
	if b.draw.IntN(2) == 1 {
		first, second = second, first
	}
	if err := first(); err != nil {
		return err
	}
	return second()
}

// closing closes at the end of a function whose error it is otherwise.
func closing(c io.Closer, err *error) { *err = errors.Join(*err, c.Close()) }

package holdfast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Ledger is an open ledger: the only writer of its directory. All methods may be
// called from any goroutine.
//
// The committer makes mutations durable. Besides its goroutines two work behind a
// ledger, started by [Open] and waited for by Close: the keeper makes snapshots, prunes
// and trims; the follower lets MARK follow the journal and sees that the files are
// still the ledger's. With a bus there is the relay as well.
type Ledger struct {
	*archive.Reader

	src   *archive.Source
	opts  Options
	log   *slog.Logger
	book  *projector.Book
	wal   *journal.Journal
	relay *bus.Relay // nil without a bus

	durable chan struct{} // nudges the relay; capacity 1
	due     chan struct{} // nudges the keeper; capacity 1

	commits *committer.Committer
	faults  faults

	// snapshotting serialises what reads, writes and removes snapshots and
	// trims the journal.
	snapshotting sync.Mutex
	gone         bool            // closed; guarded by snapshotting
	judged       map[judged]bool // which snapshots are of this history; guarded by snapshotting
	attempted    atomic.Uint64   // durable seq when a snapshot was last tried
	notes        *audit.Notes    // the checkpoints made since Open; guarded by snapshotting

	clocks clockWatch // the follower's

	offered offered // on the relay's newest connection

	// life ends when the ledger is about to be closed.
	life    context.Context //nolint:containedctx // made by Open, ended by Close
	abandon context.CancelFunc

	stop     context.CancelFunc
	workers  sync.WaitGroup
	close    sync.Once
	closeErr error
}

// Open opens the ledger in dir, creating it when dir is missing or empty, and
// returns it recovered and ready: every segment verified, a torn tail cut and
// kept in quarantine, the newest good snapshot loaded and the rest replayed.
//
// A directory that another process holds gives [ErrInUse]; damage gives
// [ErrDamaged] with the file, offset and seq, and changes nothing. The bus is
// connected in the background; it is no condition for opening.
func Open(ctx context.Context, dir string, o Options) (*Ledger, error) {
	if err := archive.Ended(ctx); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	o.Phase("recovery", true)
	defer o.Phase("recovery", false)
	found, wal, err := openFiles(ctx, dir, o)
	if err != nil {
		return nil, committer.AsSyncError(err)
	}
	book, err := found.recoverBook(ctx, wal)
	if err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	found.r.Within(wal.Durable)
	l := &Ledger{
		Reader: found.r.Reader(), src: found.r.Beside(wal.Durable), opts: o, log: o.Logger, book: book, wal: wal,
		durable: make(chan struct{}, 1), due: make(chan struct{}, 1),
		judged: make(map[judged]bool), notes: audit.NewNotes(found.r, o.Signer),
	}
	l.life, l.abandon = context.WithCancel(context.WithoutCancel(ctx))
	l.attempted.Store(found.base.Seq)
	// The workers outlive the context of Open; Close ends them.
	bg, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	if o.Bus != nil {
		l.relay = l.newRelay()
	}
	l.commits = committer.Start(ctx, committer.Options{
		Book: book, Journal: wal, Past: found.r, Rules: found.r.ID.Rules(), Window: found.r.ID.Window, Epoch: archive.Epoch(found.r.ID, Version()),
		Now: o.Now, Rand: o.Rand, Committed: l.committed, Failed: l.tellFailure,
	})
	l.workers.Go(func() { l.keep(bg) })
	l.workers.Go(func() { l.follow(bg) })
	if l.relay != nil {
		l.workers.Go(func() { l.runRelay(bg) })
	}
	l.announceRecovery()
	l.checkClock()
	return l, nil
}

// committed is told of each group that is durable and published.
func (l *Ledger) committed(seq uint64) {
	nudge(l.durable)
	if seq-l.attempted.Load() >= l.opts.SnapshotEvery {
		nudge(l.due)
	}
}

// nudge wakes whoever waits on a channel of capacity 1.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending already
	}
}

// Position returns the durable state of a key; ok is false when it never had a
// fill.
func (l *Ledger) Position(key position.Key) (p position.Position, ok bool) {
	return l.present().Position(key)
}

// Cycles returns the closed cycles of a key, oldest first, as each ended: the
// newest [Options.ClosedCycles] of them.
func (l *Ledger) Cycles(key position.Key) []position.Position { return l.present().Cycles(key) }

// View returns all durable state at one moment. It does not hold up writers.
func (l *Ledger) View() *projector.View { return l.present().View() }

// present is the book, an empty one where no Open made the ledger.
func (l *Ledger) present() *projector.Book {
	if l.book == nil {
		return new(projector.Book)
	}
	return l.book
}

// Counts returns the newest durable seq and how much the ledger holds there, without
// making a view.
func (l *Ledger) Counts() (seq uint64, n projector.Counts) { return l.present().Counts() }

// Close finishes what was handed over, makes it durable, marks the journal as
// cleanly closed and releases the lock. It may be called twice.
//
// A verification or snapshot at work is broken off; it returns [ErrClosed]. A ledger
// that has failed is closed without waiting for the disk: nothing is written or
// synced.
func (l *Ledger) Close() error {
	if l.Reader == nil {
		return nil // no Open made it
	}
	l.close.Do(func() {
		l.abandon()
		l.offered.withdraw() // while there is a connection to answer on
		l.stop()
		l.commits.Close()
		l.workers.Wait()
		l.offered.withdraw() // of a connection that was just made
		// A snapshot that a caller was making has ended before the lock is released.
		l.snapshotting.Lock()
		l.gone = true
		l.snapshotting.Unlock()
		if err := l.wal.Close(); err != nil {
			l.closeErr = fmt.Errorf("%w", committer.AsSyncError(err))
		}
	})
	return l.closeErr
}

// Rotate makes key the one under which records and snapshots are encrypted that
// are begun after it returns. Earlier records and snapshots stay under their own key,
// which must be kept for as long as they are. The key must already be where the next
// opening finds it: a crash after this call leaves records that need it. A ledger
// that was opened without keys gives [ErrInvalid].
func (l *Ledger) Rotate(ctx context.Context, key keyring.Key) error {
	return l.rotate(ctx, func(ring *keyring.Ring) error { return ring.Rotate(key) })
}

// AdoptKeys is [Ledger.Rotate] for a whole ring, such as one that was loaded anew
// from its source: its current key writes from now on, all of its keys read.
func (l *Ledger) AdoptKeys(ctx context.Context, keys *keyring.Ring) error {
	return l.rotate(ctx, func(ring *keyring.Ring) error {
		_, err := ring.Adopt(keys)
		return err
	})
}

func (l *Ledger) rotate(ctx context.Context, change func(*keyring.Ring) error) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	ring := l.opts.Keys
	if ring == nil {
		return fmt.Errorf("%w: the ledger was opened without keys", ErrInvalid)
	}
	before := ring.Current()
	if err := change(ring); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if now := ring.Current(); now != before {
		l.log.Info("key rotated", "from", before.String(), "to", now.String())
	}
	return nil
}

// The first error of an append, and the failed fsync of a directory wherever it
// comes from, end the writing: the ledger is read-only from then on. Any other
// operation that fails (a snapshot, MARK between appends, a trim, a prune) is counted,
// logged and announced, changes nothing, and is tried again when its turn comes.

// Failed is closed by the first error that ends the writing; [Ledger.Err] gives
// it. Reading goes on: positions, views, history and verification answer from
// what is durable. To write again, close the ledger, which does not wait for the
// disk and gives the lock free, and open it anew: that verifies everything and
// cuts what was never acknowledged. Calls that got [ErrOutcomeUnknown] are then
// repeated with the same id.
//
// After an error that matches [ErrSync] the process should end instead.
func (l *Ledger) Failed() <-chan struct{} {
	if l.commits == nil {
		return nil // no Open made it
	}
	return l.commits.Failed()
}

// Err returns the error that ended the writing, nil while it works.
func (l *Ledger) Err() error {
	if l.commits == nil {
		return nil
	}
	return l.commits.Err()
}

// tellFailure tells of the first error that ended the writing.
func (l *Ledger) tellFailure(err error) {
	kind := FaultKind(committer.AsSyncError(err))
	l.log.Error("writing failed; the ledger is read-only until it is opened again", "kind", kind, "err", err)
	l.announce("error.persistence", map[string]string{"error": err.Error(), "kind": kind})
}

// whileOpen returns a context that ends as well when the ledger is closed, so that
// nothing long holds up a caller who wants to close it.
func (l *Ledger) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.life, func() { cancel(ErrClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// closing gives what a context of whileOpen has broken off the reason.
func closing(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), ErrClosed) {
		return fmt.Errorf("broken off: %w", ErrClosed)
	}
	return err
}

// Version names this build: the module version, or the commit it was built
// from, or "devel".
func Version() string {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, m := range append(bi.Deps, &bi.Main) {
		if m.Path == "github.com/moneyprinter/holdfast" && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	for _, s := range bi.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Reader reads a ledger's directory without a lock and without writing, beside
// a live writer or after it. Its methods may be called from any goroutine.
//
// Beside a live writer of another process it may see records that are written
// and not yet synced; the writer's own [Ledger] shows only what is durable.
type Reader struct {
	dir   string
	id    Identity
	opts  projector.Options
	snaps *snapshotter.Snapshotter
	keys  *keyring.Ring
	bound func() uint64 // the newest seq to show; nil: all there is
}

// OpenReader opens a ledger for reading. A directory without a ledger gives
// [ErrNotLedger], one that has lost its identity an [IdentityError]. Of an
// encrypted ledger it reads identity, heads and listings; what was written needs
// [Reader.WithKeys].
func OpenReader(dir string) (*Reader, error) {
	id, err := readIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && orphaned(dir):
		return nil, &IdentityError{File: filepath.Join(dir, identityFile), Reason: identityLost}
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s has no %s: create one with ingest or serve, or name another --dir", ErrNotLedger, dir, identityFile)
	case errors.Is(err, unix.ENOTDIR):
		return nil, notADirectory(dir)
	case err != nil:
		return nil, err
	}
	return newReader(dir, id, Options{}.withDefaults()), nil
}

// orphaned reports whether a directory without an identity holds records. What a
// creation or a restore that was cut short leaves has none yet.
func orphaned(dir string) bool {
	log, err := journal.OpenReader(dir)
	if err != nil {
		_, markErr := os.Lstat(filepath.Join(dir, "MARK"))
		return errors.Is(err, ErrDamaged) && markErr == nil
	}
	last, err := log.Last()
	return err != nil && errors.Is(err, ErrDamaged) || err == nil && last.Seq >= log.First()
}

func newReader(dir string, id Identity, o Options) *Reader {
	return &Reader{
		dir: dir, id: id, keys: o.Keys,
		opts:  projector.Options{Rules: id.Rules(), Window: id.Window, ClosedCycles: o.ClosedCycles},
		snaps: snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Now: o.Now, Logger: o.Logger, Phase: o.Phase, Keys: o.Keys}),
	}
}

// openLog returns a reader of the journal that has the ledger's keys.
func (r *Reader) openLog() (*journal.Reader, error) {
	log, err := r.anyLog()
	if err != nil {
		return nil, err
	}
	return log.WithKeys(r.keys), nil
}

// storedLog returns a reader of the journal that needs no keys: heads, and payloads
// as they are stored.
func (r *Reader) storedLog() (*journal.Reader, error) {
	log, err := r.anyLog()
	if err != nil {
		return nil, err
	}
	return log.Stored(), nil
}

// anyLog returns a reader of the journal. A ledger has one from before it had an
// identity: where there is none, it is gone.
func (r *Reader) anyLog() (*journal.Reader, error) {
	log, err := journal.OpenReader(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = journal.Missing()
	}
	return log, err //nolint:wrapcheck // the callers say what for
}

// Dir is the ledger's directory.
func (r *Reader) Dir() string {
	if r == nil {
		return ""
	}
	return r.dir
}

// Identity says which ledger this is.
func (r *Reader) Identity() Identity {
	if r == nil {
		return Identity{}
	}
	return r.id
}

// Moment is a point in a ledger's history: a seq, or a record time, or, when
// zero, the newest record.
type Moment struct {
	Seq  uint64
	Time position.Time
}

// covers reports whether a record lies at or before the moment.
func (m Moment) covers(s position.Stamp) bool {
	return (m.Seq == 0 || s.Seq <= m.Seq) && (m.Time == 0 || s.Time <= m.Time)
}

// ParseMoment reads a seq, or a time as [position.ParseTime] does.
func ParseMoment(s string) (Moment, error) {
	if seq, err := strconv.ParseUint(s, 10, 64); err == nil {
		if seq == 0 {
			return Moment{}, fmt.Errorf("%w: seq 0: the first record is 1", ErrInvalid)
		}
		return Moment{Seq: seq}, nil
	}
	if digits := strings.TrimLeft(s, "0123456789"); digits == "" && s != "" {
		return Moment{}, fmt.Errorf("%w: seq %.40q is out of range", ErrInvalid, s)
	} else if !strings.HasPrefix(digits, "-") || len(digits) == len(s) {
		return Moment{}, fmt.Errorf("%w: %.40q is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z", ErrInvalid, s)
	}
	at, err := position.ParseTime(s)
	return Moment{Time: at}, err
}

// AsOf returns the state at a moment, rounded down to the end of a batch. What
// lies before the oldest kept record and snapshot gives [ErrTrimmed], and
// [ErrDamaged] as well where the snapshots that would give it are damaged or
// gone; a seq that is not there yet gives [ErrInvalid].
func (r *Reader) AsOf(ctx context.Context, at Moment) (*projector.View, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	b, err := r.bookAt(ctx, at)
	if err != nil {
		return nil, err
	}
	return b.View(), nil
}

// bookAt builds the state at a moment from the nearest usable snapshot and the
// records after it.
func (r *Reader) bookAt(ctx context.Context, at Moment) (book *projector.Book, err error) {
	err = r.untrimmed(ctx, func() error {
		book, err = r.bookOnce(ctx, at)
		return err
	})
	return book, err
}

func (r *Reader) bookOnce(ctx context.Context, at Moment) (*projector.Book, error) {
	log, err := r.openLog()
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	if last, lastErr := log.Last(); lastErr == nil && at.Seq > min(last.Seq, r.newestShown()) {
		return nil, fmt.Errorf("%w: seq %d is not there yet, the newest is %d", ErrInvalid, at.Seq, last.Seq)
	}
	book, base, err := r.base(log, at)
	if err != nil {
		return nil, err
	}
	until := projector.Until{Seq: at.Seq, Time: at.Time}
	if err := book.Replay(r.records(ctx, log, base), until); err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	return book, nil
}

// base returns the book of the newest snapshot at or before a moment that
// verifies and fits the journal, else an empty one, and where it stands. A
// damaged snapshot is passed over for an older one.
func (r *Reader) base(log *journal.Reader, at Moment) (*projector.Book, anchor, error) {
	began := log.First()
	list, err := r.Snapshots()
	if err != nil {
		return nil, anchor{}, err
	}
	var passed error
	mine := 0
	for _, s := range list {
		if s.Err != nil {
			passed = errors.Join(passed, s.Err)
			continue
		}
		if !r.id.owns(s.Ledger, s.Seq) {
			continue
		}
		if mine++; !at.covers(stampOf(s)) {
			continue
		}
		book, loadErr := r.load(log, s)
		if loadErr == nil {
			return book, anchorOf(s), nil
		}
		if errors.Is(loadErr, ErrNoKey) { // not damaged: to pass over it would hide that a key is missing
			return nil, anchor{}, loadErr
		}
		passed = errors.Join(passed, loadErr)
	}
	first := log.First()
	if first <= 1 {
		return projector.New(r.opts), anchor{}, nil
	}
	err = fmt.Errorf("%w: no usable snapshot at or before the moment asked for, and the oldest kept record is %d", ErrTrimmed, first)
	switch {
	case passed != nil && !errors.Is(passed, ErrDamaged) && FaultKind(passed) != "other":
		err = errors.Join(err, passed) // they could not be read now; that says nothing about them
	case first != began || errors.Is(passed, fs.ErrNotExist): // trimmed or pruned since the list was taken: no damage
	case mine == 0 || passed != nil:
		err = errors.Join(baseless(first, passed), err)
	}
	return nil, anchor{}, err
}

// anchor is the record that a state stands on.
type anchor struct {
	seq   uint64
	chain [32]byte
	plain bool // the state is not encrypted
}

func anchorOf(s snapshotter.Snapshot) anchor {
	return anchor{seq: s.Seq, chain: s.Chain, plain: !s.Encrypted}
}

// load reads a snapshot's book and checks that it belongs to this ledger and to
// this journal, and that it gives the digest it was written with.
func (r *Reader) load(log *journal.Reader, s snapshotter.Snapshot) (*projector.Book, error) {
	if err := linked(log, anchorOf(s)); err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", s.Name, err)
	}
	return loadBook(r.snaps, s, r.opts)
}

// loadBook loads a snapshot and checks that it gives the state that it was written
// from.
func loadBook(snaps *snapshotter.Snapshotter, s snapshotter.Snapshot, o projector.Options) (*projector.Book, error) {
	f, err := snaps.Open(s.Name)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	book, err := projector.Load(f, o)
	if err != nil {
		return nil, fmt.Errorf("holdfast: snapshot %s: %w", s.Name, err)
	}
	if v := book.View(); v.Digest() != s.Digest || v.Seq() != s.Seq {
		return nil, fmt.Errorf("%w: snapshot %s does not give the digest it was written with", ErrDamaged, s.Name)
	}
	return book, nil
}

// linked checks that a snapshot's chain is the journal's at that seq, or, where
// that record was trimmed, that the first kept one follows it. A plain snapshot
// of an encrypted record is somebody else's: anybody can write one whose
// checksums are right.
func linked(log *journal.Reader, a anchor) error {
	last, err := log.Last()
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	switch {
	case a.seq > last.Seq:
		return fmt.Errorf("%w: it stands at seq %d, but the journal ends at %d", ErrDamaged, a.seq, last.Seq)
	case a.seq+1 < log.First():
		return fmt.Errorf("%w: it stands at seq %d, but the journal begins at %d", ErrTrimmed, a.seq, log.First())
	case a.seq+1 == log.First():
		if last.Seq == a.seq {
			return nil
		}
		rec, err := one(log, a.seq+1)
		if err != nil {
			return err
		}
		if !rec.Follows(a.chain) {
			return fmt.Errorf("%w: its chain is not what seq %d of the journal follows", ErrDamaged, rec.Seq)
		}
	default:
		rec, err := one(log, a.seq)
		if err != nil {
			return err
		}
		if rec.Chain != a.chain {
			return fmt.Errorf("%w: its chain is not that of seq %d of the journal", ErrDamaged, a.seq)
		}
		if rec.Flags&journal.Encrypted != 0 && a.plain {
			return fmt.Errorf("%w: it is plain, but seq %d of the journal is encrypted: it was not written by this ledger", ErrDamaged, a.seq)
		}
	}
	return nil
}

// one reads the head of one record, which needs no key.
func one(log *journal.Reader, seq uint64) (journal.Record, error) {
	c := log.Stored().Cursor(seq)
	rec, err := c.Next(seq)
	if err = errors.Join(err, c.Close()); err != nil {
		return rec, fmt.Errorf("holdfast: read seq %d: %w", seq, err)
	}
	return rec, nil
}

// records yields what follows an anchor, in the projector's form.
func (r *Reader) records(ctx context.Context, log *journal.Reader, after anchor) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		last, err := log.Last()
		if err != nil {
			yield(projector.Record{}, err)
			return
		}
		end := min(last.Seq, r.newestShown())
		if end <= after.seq {
			return
		}
		for rec, err := range project(ctx, log.Records(after.seq+1)) {
			if err == nil && rec.Seq > end || !yield(rec, err) {
				return
			}
		}
	}
}

// project gives records the projector's form, until the context ends.
func project(ctx context.Context, records iter.Seq2[journal.Record, error]) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		for rec, err := range records {
			if err == nil {
				err = ctx.Err()
			}
			if !yield(projected(rec), err) || err != nil {
				return
			}
		}
	}
}

// newestShown is the newest seq that readers may see.
func (r *Reader) newestShown() uint64 {
	if r.bound == nil {
		return math.MaxUint64
	}
	return r.bound()
}

func projected(rec journal.Record) projector.Record {
	return projector.Record{
		Stamp: position.Stamp{Seq: rec.Seq, Epoch: rec.Epoch, Time: position.Time(rec.Time)},
		More:  rec.Flags&journal.More != 0, Payload: rec.Payload,
	}
}

// Snapshots lists the ledger's snapshots, newest first, by their headers. One
// whose header is damaged has Err set.
func (r *Reader) Snapshots() ([]snapshotter.Snapshot, error) {
	if err := r.made(); err != nil {
		return nil, err
	}
	list, err := r.snaps.List()
	if errors.Is(err, snapshotter.ErrDamaged) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	return list, nil
}

// begin is [Ledger.begin] of a Reader.
func (r *Reader) begin(ctx context.Context) error {
	if err := r.made(); err != nil {
		return err
	}
	return ended(ctx)
}

// made refuses a Reader that no OpenReader made.
func (r *Reader) made() error {
	if r == nil || r.snaps == nil {
		return fmt.Errorf("%w: the Reader was not made by OpenReader", ErrNotLedger)
	}
	return nil
}

// ended returns the error of a context that has ended, which changes nothing and
// begins nothing.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("holdfast: %w: %w", err, cause)
	}
	return fmt.Errorf("holdfast: %w", err)
}

package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Source is what a ledger's directory says: what a [Reader] reads, and what the
// packages that check, repair and write a ledger need to know besides.
type Source struct {
	Dir   string
	ID    Identity
	Opts  projector.Options
	Snaps *snapshotter.Snapshotter
	Keys  *keyring.Ring
	bound func() uint64 // the newest seq to show; nil: all there is
}

// NewSource opens the directory of a ledger for reading.
func NewSource(dir string, id Identity, o Options) *Source {
	return &Source{
		Dir: dir, ID: id, Keys: o.Keys,
		Opts:  BookOptions(id, o.ClosedCycles),
		Snaps: snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Now: o.Now, Logger: o.Logger, Phase: o.Phase, Keys: o.Keys}),
	}
}

// BookOptions are those of a ledger's book.
func BookOptions(id Identity, closedCycles int) projector.Options {
	return projector.Options{Rules: id.Rules(), Window: id.Window, Prints: id.Prints, ClosedCycles: closedCycles}
}

// SourceOf returns what a reader reads, and refuses one that no OpenReader made.
func SourceOf(r *Reader) (*Source, error) {
	if err := r.made(); err != nil {
		return nil, err
	}
	return r.src, nil
}

// Reader is what everybody else reads with.
func (r *Source) Reader() *Reader { return &Reader{src: r} }

// Within shows records up to a bound only: beside a writer, up to what is durable.
func (r *Source) Within(bound func() uint64) { r.bound = bound }

// Beside returns a Source of the same directory whose work on snapshots makes way for
// other work; see [snapshotter.Snapshotter.Beside].
func (r *Source) Beside(beat func() uint64) *Source {
	x := *r
	x.Snaps = r.Snaps.Beside(beat)
	return &x
}

// OpenLog returns a reader of the journal that has the ledger's keys.
func (r *Source) OpenLog() (*journal.Reader, error) {
	log, err := OpenJournal(r.Dir)
	if err != nil {
		return nil, err
	}
	return log.WithKeys(r.Keys), nil
}

// StoredLog returns a reader of the journal that needs no keys: heads, and payloads
// as they are stored.
func (r *Source) StoredLog() (*journal.Reader, error) {
	log, err := OpenJournal(r.Dir)
	if err != nil {
		return nil, err
	}
	return log.Stored(), nil
}

// OpenJournal returns a reader of the journal of a ledger's directory. A ledger has
// one from before it had an identity: where there is none, it is gone.
func OpenJournal(dir string) (*journal.Reader, error) {
	log, err := journal.OpenReader(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = journal.Missing()
	}
	return log, err //nolint:wrapcheck // the callers say what for
}

// NewestShown is the newest seq that readers may see.
func (r *Source) NewestShown() uint64 {
	if r.bound == nil {
		return math.MaxUint64
	}
	return r.bound()
}

// Snapshots is [Reader.Snapshots].
func (r *Source) Snapshots() ([]snapshotter.Snapshot, error) {
	list, err := r.Snaps.List()
	if errors.Is(err, snapshotter.ErrDamaged) {
		return nil, fmt.Errorf("%w: %w", journal.ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	for i := range list {
		s := &list[i]
		if s.Err != nil {
			continue
		}
		if _, err = HeaderIdentity(*s); err != nil {
			s.Meta, s.Err = snapshotter.Meta{Seq: s.Seq}, err
		}
	}
	return list, nil
}

// firstKept is the oldest kept seq, 0 when it cannot be read.
func (r *Source) firstKept() uint64 {
	log, err := r.OpenLog()
	if err != nil {
		return 0
	}
	return log.First()
}

// HeadAt reads one record.
func (r *Source) HeadAt(seq uint64) (journal.Record, error) {
	log, err := r.OpenLog()
	if err != nil {
		return journal.Record{}, fmt.Errorf("%w", err)
	}
	return RecordAt(log, seq)
}

// RecordAt reads the head of one record, which needs no key.
func RecordAt(log *journal.Reader, seq uint64) (journal.Record, error) {
	c := log.Stored().Cursor(seq)
	rec, err := c.Next(seq)
	if err = errors.Join(err, c.Close()); err != nil {
		return rec, fmt.Errorf("read seq %d: %w", seq, err)
	}
	return rec, nil
}

// JournalSize is what the segments take on disk, 0 when that cannot be read.
func (r *Source) JournalSize() int64 {
	log, err := r.OpenLog()
	if err != nil {
		return 0
	}
	return log.Size()
}

// KnownDurable is the seq of the newest snapshot whose header is good: the journal
// cannot have ended before it.
func (r *Source) KnownDurable() (uint64, error) {
	list, err := r.Snapshots()
	if err != nil {
		return 0, err
	}
	var seq uint64
	for _, s := range list {
		if s.Err == nil && Owns(r.ID, s.Ledger, s.Seq) {
			seq = max(seq, s.Seq)
		}
	}
	return seq, nil
}

// Own reports whether a listed snapshot is this ledger's and stands on a record
// it knows. Files of other ledgers are never counted, used or removed.
func (r *Source) Own(s snapshotter.Snapshot) bool {
	return s.Err == nil && Owns(r.ID, s.Ledger, s.Seq) && s.Seq <= r.NewestShown()
}

// keyOf returns the key under which a record is encrypted, if it is. Where the
// journal holds none, as in a ledger that was just restored, the snapshot that it
// stands on tells.
func (r *Source) keyOf(log *journal.Reader, seq uint64) (keyring.ID, bool) {
	if seq < log.First() {
		list, err := r.Snapshots()
		if err != nil {
			return keyring.ID{}, false
		}
		for _, s := range list {
			if r.Own(s) {
				return s.Key, s.Encrypted
			}
		}
		return keyring.ID{}, false
	}
	rec, err := RecordAt(log, seq)
	if err != nil {
		return keyring.ID{}, false
	}
	return rec.SealedUnder()
}

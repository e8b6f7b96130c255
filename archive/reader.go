package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Reader reads a ledger's directory without a lock and without writing, beside
// a live writer or after it. Its methods may be called from any goroutine.
//
// Beside a live writer of another process it may see records that are written
// and not yet synced; the writer's own ledger shows only what is durable.
type Reader struct{ src *Source }

// OpenReader opens a ledger for reading. A directory without a ledger gives
// [ErrNotLedger], one that has lost its identity an [IdentityError]. Of an
// encrypted ledger it reads identity, heads and listings; what was written needs
// [Reader.WithKeys].
func OpenReader(dir string) (*Reader, error) {
	id, err := ReadIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && orphaned(dir):
		return nil, LostIdentity(filepath.Join(dir, IdentityFile))
	case errors.Is(err, fs.ErrNotExist):
		return nil, remedy.Because(fmt.Errorf("%w: %s has no %s", ErrNotLedger, dir, IdentityFile), remedy.CreateLedger)
	case errors.Is(err, unix.ENOTDIR):
		return nil, NotADirectory(dir)
	case err != nil:
		return nil, err
	}
	return NewSource(dir, id, Options{}.WithDefaults()).Reader(), nil
}

// orphaned reports whether a directory without an identity holds records. The
// directory of a creation or a restore that was cut short has none yet.
func orphaned(dir string) bool {
	log, err := journal.OpenReader(dir)
	if err != nil {
		_, markErr := os.Lstat(filepath.Join(dir, "MARK"))
		return errors.Is(err, journal.ErrDamaged) && markErr == nil
	}
	last, err := log.Last()
	return err != nil && errors.Is(err, journal.ErrDamaged) || err == nil && last.Seq >= log.First()
}

// Dir is the ledger's directory.
func (r *Reader) Dir() string {
	if r == nil || r.src == nil {
		return ""
	}
	return r.src.Dir
}

// Identity says which ledger this is.
func (r *Reader) Identity() Identity {
	if r == nil || r.src == nil {
		return Identity{}
	}
	return r.src.ID
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
			return Moment{}, fmt.Errorf("%w: seq 0: the first record is 1", position.ErrInvalid)
		}
		return Moment{Seq: seq}, nil
	}
	if digits := strings.TrimLeft(s, "0123456789"); digits == "" && s != "" {
		return Moment{}, fmt.Errorf("%w: seq %.40q is out of range", position.ErrInvalid, s)
	} else if !strings.HasPrefix(digits, "-") || len(digits) == len(s) {
		return Moment{}, fmt.Errorf("%w: %.40q is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z", position.ErrInvalid, s)
	}
	at, err := position.ParseTime(s)
	return Moment{Time: at}, err
}

// AsOf returns the state at a moment, rounded down to the end of a batch. A moment
// before the oldest kept record and snapshot gives [journal.ErrTrimmed], and
// [journal.ErrDamaged] as well where the snapshots that would give it are damaged or
// gone; a seq that is not there yet gives [position.ErrInvalid].
func (r *Reader) AsOf(ctx context.Context, at Moment) (*projector.View, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	return r.src.AsOf(ctx, at)
}

// Snapshots lists the ledger's snapshots, newest first, by their headers. One
// whose header is damaged has Err set.
func (r *Reader) Snapshots() ([]snapshotter.Snapshot, error) {
	if err := r.made(); err != nil {
		return nil, err
	}
	return r.src.Snapshots()
}

// begin is the first thing that a call with a context does.
func (r *Reader) begin(ctx context.Context) error {
	if err := r.made(); err != nil {
		return err
	}
	return Ended(ctx)
}

// made refuses a Reader that no OpenReader made.
func (r *Reader) made() error {
	if r == nil || r.src == nil {
		return fmt.Errorf("%w: the Reader was not made by OpenReader", ErrNotLedger)
	}
	return nil
}

// Ended returns the error of a context that has ended, which changes nothing and
// begins nothing.
func Ended(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, err) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("%w", err)
}

// WithKeys returns a reader that decrypts with the keys of a ring. Where a key is
// missing, what needs it gives [keyring.ErrNoKey]; integrity can be verified without.
func (r *Reader) WithKeys(keys *keyring.Ring) *Reader {
	if r.made() != nil {
		return new(Reader)
	}
	o := Options{Keys: keys, ClosedCycles: r.src.Opts.ClosedCycles}
	own := NewSource(r.src.Dir, r.src.ID, o.WithDefaults())
	own.Opts, own.bound = r.src.Opts, r.src.bound
	return own.Reader()
}

// CheckKeys reports by [keyring.ErrNoKey] whether the key of the newest record is missing, or
// any key for a ledger that was created to be encrypted.
// It is a quick look before work is begun; Open asks for every key. It returns nil
// where it cannot read the journal: Open says why.
func (r *Reader) CheckKeys() error {
	if err := r.made(); err != nil {
		return err
	}
	log, err := r.src.OpenLog()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	last, err := log.Last()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	id, ok := r.src.keyOf(log, last.Seq)
	switch {
	case !ok && r.src.ID.Encrypted && r.src.Keys == nil: // nothing is there yet that names a key
		return Keyless(r.src.ID)
	case !ok:
		return nil
	}
	if err = r.src.Keys.Has(id); err != nil {
		return fmt.Errorf("%s: %w", r.src.Dir, err)
	}
	return nil
}

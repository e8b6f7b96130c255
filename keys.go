package holdfast

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
)

// WithKeys returns a reader that decrypts with the keys of a ring. Where a key is
// missing, what needs it gives [ErrNoKey]; integrity can be verified without.
func (r *Reader) WithKeys(keys *keyring.Ring) *Reader {
	if r.made() != nil {
		return new(Reader)
	}
	o := Options{Keys: keys, ClosedCycles: r.opts.ClosedCycles}
	own := newReader(r.dir, r.id, o.withDefaults())
	own.opts, own.bound = r.opts, r.bound
	return own
}

// CheckKeys reports by [ErrNoKey] whether the key of the newest record is missing, or
// any key for a ledger that was created to be encrypted.
// It is a quick look before work is begun; Open asks for every key. A directory
// whose journal cannot be read gives nil: that is for Open to say.
func (r *Reader) CheckKeys() error {
	if err := r.made(); err != nil {
		return err
	}
	log, err := r.openLog()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	last, err := log.Last()
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	id, ok := r.keyOf(log, last.Seq)
	switch {
	case !ok && r.id.Encrypted && r.keys == nil: // nothing is there yet that names a key
		return r.id.keyless()
	case !ok:
		return nil
	}
	if err = r.keys.Has(id); err != nil {
		return fmt.Errorf("holdfast: %s: %w", r.dir, err)
	}
	return nil
}

// keyOf returns the key under which a record is encrypted, if it is. Where the
// journal holds none, as in a ledger that was just restored, the snapshot that it
// stands on tells.
func (r *Reader) keyOf(log *journal.Reader, seq uint64) (keyring.ID, bool) {
	if seq < log.First() {
		list, err := r.Snapshots()
		if err != nil {
			return keyring.ID{}, false
		}
		for _, s := range list {
			if r.own(s) {
				return s.Key, s.Encrypted
			}
		}
		return keyring.ID{}, false
	}
	rec, err := one(log, seq)
	if err != nil {
		return keyring.ID{}, false
	}
	return rec.SealedUnder()
}

// Rotate makes key the one under which records and snapshots are encrypted that
// are begun after it returns. What was written stays under its own key, which
// must be kept for as long as that is. The key must already be where the next
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
		return fmt.Errorf("holdfast: rotate: %w", err)
	}
	if now := ring.Current(); now != before {
		l.log.Info("key rotated", "from", before.String(), "to", now.String())
	}
	return nil
}

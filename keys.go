package holdfast

import (
	"context"
	"fmt"

	"github.com/moneyprinter/holdfast/keyring"
)

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

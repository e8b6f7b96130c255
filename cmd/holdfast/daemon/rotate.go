package daemon

import (
	"context"
	"slices"
)

// rotate reads the keys again; the first of them writes from now on. After a failure
// the ledger goes on with the keys that it has.
func (d *Daemon) rotate(ctx context.Context) {
	log := d.o.Log
	if ctx.Err() != nil {
		return // a daemon that stops reads nothing again
	}
	if d.o.ReadKeys == nil {
		log.Info("nothing to read again: there are no keys")
		return
	}
	fresh, err := d.o.ReadKeys(ctx)
	if err != nil {
		log.Error("keys not read again; the ones before stay", "err", err)
		return
	}
	ring := d.o.Ledger.Keys
	for _, id := range ring.IDs() {
		if !slices.Contains(fresh.IDs(), id) {
			log.Warn("a key is missing from its source; the next start needs it until nothing is left that it encrypts", "key", id.String())
		}
	}
	before := ring.Current()
	if err = d.Ledger().AdoptKeys(ctx, fresh); err != nil {
		log.Error("key not rotated", "err", err)
		return
	}
	log.Info("keys read again", "current", ring.Current().String(), "rotated", ring.Current() != before, "keys", len(ring.IDs()))
	if ring.Current() == before {
		return
	}
	if err = d.o.Bus.rekey(ring, before, ring.Current()); err != nil {
		log.Error("store of the bus stays under the key before", "key", before.String(), "err", err)
	}
}

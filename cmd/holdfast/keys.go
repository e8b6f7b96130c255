package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/keyring"
)

// keyPatience bounds how long a source of keys may take.
const keyPatience = time.Minute

// keys are those of the ledger, nil when no source is named. The source is read
// once, and only by verbs that need it.
func (a *app) keys() (*keyring.Ring, error) {
	if a.keySource == "" {
		return nil, nil //nolint:nilnil // a nil ring has no keys
	}
	return a.loadKeys()
}

func readKeys(ctx context.Context, source string) (*keyring.Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	ring, err := keyring.Load(ctx, source)
	if bad, ok := errors.AsType[*keyring.SourceError](err); ok && bad.Source == strings.TrimPrefix(source, "file:") {
		return nil, fmt.Errorf("holdfast: %s: %w", fileOf("--key", bad.Source), &sourceError{bad})
	}
	if err != nil {
		return nil, fmt.Errorf("holdfast: --key: %w", err)
	}
	return ring, nil
}

// sourceError is one whose file was named already.
type sourceError struct{ *keyring.SourceError }

func (e *sourceError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return e.Err.Error()
}

// storeKey is the key that the embedded server's own is kept under.
func storeKey(keys *keyring.Ring, id keyring.ID) ([]byte, error) {
	return keys.Derive(id, "store", nil, keyring.KeySize)
}

// rotate reads the keys again; the first of them writes from now on. Whatever
// fails, the ledger goes on with the keys that it has.
func (d *daemon) rotate(ctx context.Context) {
	log := d.app.log
	if ctx.Err() != nil {
		return // a daemon that stops reads nothing again
	}
	if d.app.keySource == "" {
		log.Info("nothing to read again: there are no keys")
		return
	}
	ring, err := d.app.keys()
	if err != nil {
		return // there was no start without it
	}
	fresh, err := readKeys(ctx, d.app.keySource)
	if err != nil {
		log.Error("keys not read again; the ones before stay", "err", err)
		return
	}
	for _, id := range ring.IDs() {
		if !slices.Contains(fresh.IDs(), id) {
			log.Warn("a key is missing from its source; the next start needs it until nothing is left that it encrypts", "key", id.String())
		}
	}
	before := ring.Current()
	if err = d.ledger().AdoptKeys(ctx, fresh); err != nil {
		log.Error("key not rotated", "err", err)
		return
	}
	log.Info("keys read again", "current", ring.Current().String(), "rotated", ring.Current() != before, "keys", len(ring.IDs()))
	if d.bus == nil || d.bus.rekey == nil || ring.Current() == before {
		return
	}
	old, err := storeKey(ring, before)
	if err == nil {
		var to []byte
		if to, err = storeKey(ring, ring.Current()); err == nil {
			err = d.bus.rekey(old, to)
		}
	}
	if err != nil {
		log.Error("store of the bus stays under the key before", "key", before.String(), "err", err)
	}
}

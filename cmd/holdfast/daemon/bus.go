package daemon

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/keyring"
)

// Bus is what the ledger of this process publishes on: a NATS server in the
// process, or an existing one.
type Bus struct {
	// Connect dials it.
	Connect func(ctx context.Context) (*nats.Conn, error)
	// Reach is the URL for clients, without secrets.
	Reach string
	// Credentials are the users of the server in the process.
	Credentials []embedded.Credential

	server *embedded.Server // nil for an existing bus
}

// StartBus starts a server in this process. The newest of the keys encrypts its
// store; the others open what was written before.
func StartBus(o embedded.Options, keys *keyring.Ring) (*Bus, error) {
	for i, id := range keys.IDs() {
		key, err := storeKey(keys, id)
		switch {
		case err != nil:
			return nil, err
		case i == 0:
			o.StoreKey = key
		default:
			o.OldStoreKeys = append(o.OldStoreKeys, key)
		}
	}
	s, err := embedded.Start(o)
	if err != nil {
		return nil, err
	}
	return &Bus{Connect: s.Connect, Reach: s.URL(), Credentials: s.Credentials(), server: s}, nil
}

// ExistingBus is a server or cluster that runs elsewhere; reach is its URL without
// secrets. Nothing is dialled yet.
func ExistingBus(url, reach string, options []nats.Option) *Bus {
	return &Bus{
		Connect: func(context.Context) (*nats.Conn, error) { return nats.Connect(url, options...) },
		Reach:   reach,
	}
}

// Close stops the server that was started. A nil Bus has none.
func (b *Bus) Close() error {
	if b == nil || b.server == nil {
		return nil
	}
	return b.server.Close()
}

// rekey encrypts the store of the server in this process under another key.
func (b *Bus) rekey(keys *keyring.Ring, from, to keyring.ID) error {
	if b == nil || b.server == nil {
		return nil
	}
	old, err := storeKey(keys, from)
	if err != nil {
		return err
	}
	next, err := storeKey(keys, to)
	if err != nil {
		return err
	}
	return b.server.Rekey(old, next)
}

// storeKey is the key that the server's own is kept under.
func storeKey(keys *keyring.Ring, id keyring.ID) ([]byte, error) {
	return keys.Derive(id, "store", nil, keyring.KeySize)
}

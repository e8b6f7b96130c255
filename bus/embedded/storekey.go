package embedded

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/durable"
)

// ErrStoreKey is returned by Start for a store that is encrypted when no key is
// given.
var ErrStoreKey = errors.New("NATS server: the store is encrypted: start it with the ledger's key")

// store.key is the magic, a nonce of 12 bytes, and the store's key encrypted
// with AES-256-GCM, the magic being authenticated with it.
const (
	storeKeyFile  = "store.key"
	storeKeyMagic = "HOLDSTORE1"
	storeKeySize  = 32
	storeKeyNonce = 12
	storeKeyTag   = 16
	storeKeyWhole = len(storeKeyMagic) + storeKeyNonce + storeKeySize + storeKeyTag
)

// openStoreKey returns what nats-server derives its keys from, "" for a plain
// store. It runs under the store's lock and before the server.
func openStoreKey(o *Options) (string, error) {
	path := filepath.Join(o.Dir, storeKeyFile)
	sealed, err := os.ReadFile(path)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("NATS server: %w", err)
	case len(o.StoreKey) == 0 && exists:
		return "", ErrStoreKey
	case len(o.StoreKey) == 0:
		return "", nil
	}
	for _, wrap := range append([][]byte{o.StoreKey}, o.OldStoreKeys...) {
		if _, err = wrapper(wrap); err != nil { // a mistake must not look like another key
			return "", err
		}
	}
	if exists {
		for i, wrap := range append([][]byte{o.StoreKey}, o.OldStoreKeys...) {
			key, wrong := unwrap(wrap, sealed)
			if wrong != nil {
				continue
			}
			if i > 0 {
				err = saveStoreKey(o.Dir, o.StoreKey, key)
			}
			return hex.EncodeToString(key), err
		}
		if err = setAside(o); err != nil {
			return "", err
		}
	}
	key := make([]byte, storeKeySize)
	if _, err = rand.Read(key); err != nil {
		return "", fmt.Errorf("NATS server: make store key: %w", err)
	}
	return hex.EncodeToString(key), saveStoreKey(o.Dir, o.StoreKey, key)
}

// setAside moves a store away that no key opens. It is derived data: the relay
// feeds another one. The store's key goes last: after a crash in between, no key
// opens it either, and it follows. A store without its key would be destroyed.
func setAside(o *Options) error {
	for n := 1; ; n++ {
		to := filepath.Join(o.Dir, fmt.Sprintf("jetstream.unreadable-%d", n))
		if err := os.Mkdir(to, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return fmt.Errorf("NATS server: set store aside: %w", err)
		}
		o.Logger.Error("bus/embedded: no key that was given opens the store; it is set aside, and the stream is fed again; make its consumers again",
			"store", to)
		for _, name := range []string{"jetstream", storeKeyFile} {
			err := os.Rename(filepath.Join(o.Dir, name), filepath.Join(to, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("NATS server: set store aside: %w", err)
			}
		}
		if err := durable.SyncDir(o.Dir); err != nil {
			return fmt.Errorf("NATS server: set store aside: %w", err)
		}
		return nil
	}
}

// Rekey keeps the store's key under another key from now on, as after a rotation
// of the ledger's. old must be what it is kept under.
func (s *Server) Rekey(old, to []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != nil {
		return errors.New("NATS server: server is closed")
	}
	sealed, err := os.ReadFile(filepath.Join(s.dir, storeKeyFile))
	if err != nil {
		return fmt.Errorf("NATS server: %w", err)
	}
	key, err := unwrap(old, sealed)
	if err != nil {
		return err
	}
	return saveStoreKey(s.dir, to, key)
}

func saveStoreKey(dir string, under, key []byte) error {
	aead, err := wrapper(under)
	if err != nil {
		return err
	}
	b := make([]byte, len(storeKeyMagic)+storeKeyNonce, storeKeyWhole)
	copy(b, storeKeyMagic)
	nonce := b[len(storeKeyMagic):]
	if _, err = rand.Read(nonce); err != nil {
		return fmt.Errorf("NATS server: save store key: %w", err)
	}
	b = aead.Seal(b, nonce, key, []byte(storeKeyMagic))
	if err = durable.WriteFile(filepath.Join(dir, storeKeyFile), b, 0o600); err != nil {
		return fmt.Errorf("NATS server: save store key: %w", err)
	}
	return nil
}

// unwrap returns the store's key, or an error when it is not under this key.
func unwrap(under, sealed []byte) ([]byte, error) {
	aead, err := wrapper(under)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(sealed, []byte(storeKeyMagic))
	if !ok || len(sealed) != storeKeyWhole {
		return nil, fmt.Errorf("NATS server: %s is damaged", storeKeyFile)
	}
	key, err := aead.Open(nil, rest[:storeKeyNonce], rest[storeKeyNonce:], []byte(storeKeyMagic))
	if err != nil {
		return nil, fmt.Errorf("NATS server: %s is not under this key: %w", storeKeyFile, err)
	}
	return key, nil
}

func wrapper(key []byte) (cipher.AEAD, error) {
	if len(key) != storeKeySize {
		return nil, fmt.Errorf("NATS server: a store key has %d bytes, not %d", storeKeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	return aead, nil
}

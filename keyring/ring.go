package keyring

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Ring is a current key, which writes, and older ones, which only read. It is
// safe for concurrent use. A nil Ring has no keys; its methods may be called.
type Ring struct {
	mu sync.Mutex // held by who changes keys
	// keys is replaced as a whole, so that readers need no lock.
	keys atomic.Pointer[keys]
}

// keys is never changed once it is published.
type keys struct {
	current ID
	order   []ID // current first, then as they were given
	byID    map[ID]Key
}

// New returns a ring. A key that is given twice counts once. It panics on a key
// that is none, and on two keys of one id, for which [Load] has an error.
func New(current Key, older ...Key) *Ring {
	r, err := newRing(append([]Key{current}, older...))
	if err != nil {
		panic(err)
	}
	return r
}

func newRing(list []Key) (*Ring, error) {
	k := &keys{byID: make(map[ID]Key, len(list))}
	for _, key := range list {
		if err := k.add(key); err != nil {
			return nil, err
		}
	}
	k.current = k.order[0]
	r := new(Ring)
	r.keys.Store(k)
	return r, nil
}

func (k *keys) add(key Key) error {
	if key.IsZero() {
		return fmt.Errorf("%w: it is empty", ErrKey)
	}
	id := key.ID()
	if have, ok := k.byID[id]; ok {
		if !have.Equal(key) {
			return fmt.Errorf("%w: another key has the id %s as well: make a new one", ErrKey, id)
		}
		return nil
	}
	k.byID[id] = key
	k.order = append(k.order, id)
	return nil
}

// load returns the keys, none for a nil or the zero Ring.
func (r *Ring) load() *keys {
	if r != nil {
		if k := r.keys.Load(); k != nil {
			return k
		}
	}
	return new(keys)
}

// Current returns the id of the key that writes; zero for a nil ring.
func (r *Ring) Current() ID { return r.load().current }

// IDs returns the ids of all keys, the current one first.
func (r *Ring) IDs() []ID { return slices.Clone(r.load().order) }

// Has returns nil, or a [NoKeyError] when the ring lacks the key.
func (r *Ring) Has(id ID) error {
	_, err := r.key(id)
	return err
}

func (r *Ring) key(id ID) (Key, error) {
	k := r.load()
	key, ok := k.byID[id]
	if !ok {
		return Key{}, &NoKeyError{ID: id, Have: slices.Clone(k.order)}
	}
	return key, nil
}

// Rotate makes key the one that writes. The others stay and read. A record or a
// snapshot that is begun after it returns is encrypted under the new key. Keep the
// key where the next opening finds it before calling this.
func (r *Ring) Rotate(key Key) error { return r.take([]Key{key}) }

// Adopt takes over all keys of another ring and makes its current key the one
// that writes; it reports whether that is another one than before. No key is
// dropped: what was written under one has to be read.
func (r *Ring) Adopt(from *Ring) (rotated bool, err error) {
	k := from.load()
	if len(k.order) == 0 {
		return false, fmt.Errorf("%w: the other ring has none", ErrKey)
	}
	list := make([]Key, len(k.order))
	for i, id := range k.order {
		list[i] = k.byID[id]
	}
	before := r.Current()
	if err = r.take(list); err != nil {
		return false, err
	}
	return before != k.current, nil
}

// take adds keys and makes the first of them the current one.
func (r *Ring) take(list []Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.load()
	next := &keys{byID: maps.Clone(old.byID), order: slices.Clone(old.order)}
	if next.byID == nil {
		next.byID = make(map[ID]Key)
	}
	for _, key := range list {
		if err := next.add(key); err != nil {
			return err
		}
	}
	next.current = list[0].ID()
	next.order = slices.DeleteFunc(next.order, func(id ID) bool { return id == next.current })
	next.order = slices.Insert(next.order, 0, next.current)
	r.keys.Store(next)
	return nil
}

// Derive returns n bytes (at most 8160) that depend on the key, the purpose and
// the salt: HKDF-SHA256 with "holdfast " and the purpose as info. A key that the
// ring lacks gives a [NoKeyError].
func (r *Ring) Derive(id ID, purpose string, salt []byte, n int) ([]byte, error) {
	key, err := r.key(id)
	if err != nil {
		return nil, err
	}
	b, err := hkdf.Key(sha256.New, key.secret()[:], salt, "holdfast "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	return b, nil
}

// String lists the ids.
func (r *Ring) String() string {
	if r == nil {
		return "no keys"
	}
	var b strings.Builder
	b.WriteString("keys")
	for _, id := range r.IDs() {
		b.WriteString(" " + id.String())
	}
	return b.String()
}

// Format implements [fmt.Formatter]: only ids show.
func (r *Ring) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, r.String()) // fmt knows what became of its state
}

// LogValue implements [slog.LogValuer].
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalText returns what String does.
func (r *Ring) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

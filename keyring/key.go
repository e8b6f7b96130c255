package keyring

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// prefix begins the text form of a key; the number is the version of the form.
const prefix = "holdfast-key-1:"

// ID names a key without saying anything about it.
type ID [4]byte

// String returns eight hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Key is a master key. The zero value is no key. However it is printed, logged
// or marshalled, only its id shows; [Key.Reveal] is the one way to its text.
//
// The bytes are behind a function because fmt does not ask the unexported field
// of another struct how it wants to be printed, follows a pointer for a verb
// that does not fit, and shows of a function no more than an address.
type Key struct{ secret func() *[KeySize]byte }

// Generate makes a key of random bytes, from crypto/rand.Reader as a rule.
func Generate(random io.Reader) (Key, error) {
	var b [KeySize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return Key{}, fmt.Errorf("generate: %w", err)
	}
	return fromBytes(b)
}

// Parse reads the text form of a key, without white space around it. The error
// matches [ErrKey] and does not hold the text.
func Parse(text string) (Key, error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Key{}, fmt.Errorf("%w: it does not begin with %q", ErrKey, prefix)
	}
	if len(rest) != base64.StdEncoding.EncodedLen(KeySize) || strings.ContainsAny(rest, "\r\n") {
		return Key{}, fmt.Errorf("%w: %d characters where %d of base64 should be",
			ErrKey, len(rest), base64.StdEncoding.EncodedLen(KeySize))
	}
	b, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) != KeySize {
		return Key{}, fmt.Errorf("%w: what follows the prefix is not the base64 of %d bytes", ErrKey, KeySize)
	}
	return fromBytes([KeySize]byte(b))
}

// fromBytes refuses what no source of random bytes gives.
func fromBytes(b [KeySize]byte) (Key, error) {
	same := true
	for _, c := range b {
		same = same && c == b[0]
	}
	if same {
		return Key{}, fmt.Errorf("%w: all of its bytes are the same", ErrKey)
	}
	return Key{func() *[KeySize]byte { return &b }}, nil
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.secret == nil }

// ID returns the key's name; that of no key is zero.
func (k Key) ID() ID {
	if k.IsZero() {
		return ID{}
	}
	sum := sha256.Sum256(append([]byte("holdfast key id"), k.secret()[:]...))
	return ID(sum[:len(ID{})])
}

// Equal compares in constant time.
func (k Key) Equal(other Key) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() && other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.secret()[:], other.secret()[:]) == 1
}

// Reveal returns the text form, for the file that keeps the key.
func (k Key) Reveal() string {
	if k.IsZero() {
		return ""
	}
	return prefix + base64.StdEncoding.EncodeToString(k.secret()[:])
}

// String returns "key" and the id.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return "key " + k.ID().String()
}

// Format implements [fmt.Formatter]: whatever the verb, only the id shows.
func (k Key) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, k.String()) // fmt knows what became of its state
}

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns what String does. The form is for people: it cannot be
// read back.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalJSON returns the same as a string.
func (k Key) MarshalJSON() ([]byte, error) { return []byte(`"` + k.String() + `"`), nil }

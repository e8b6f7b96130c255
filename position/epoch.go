package position

import (
	"encoding/json"
	"fmt"
	"strings"
)

// MaxIdentity is the length of the longest identity of a ledger, in bytes.
const MaxIdentity = 60 << 10

// Epoch describes one incarnation of the writer. Its record is the first that
// the incarnation appends.
type Epoch struct {
	Build      string   // version of the software
	Arithmetic uint32   // see ArithmeticVersion
	Salt       [16]byte // random, unique per epoch
	// Identity says which ledger the incarnation wrote, as the text that [CheckIdentity]
	// takes. Package archive makes and reads it.
	Identity string
	// Prints is the key of the ledger's fingerprints. It is not in the JSON form.
	Prints FingerprintKey
}

// FingerprintKey is the key of a ledger's fingerprints of mutations. With it, two
// mutations can be made whose fingerprints meet, so it is a secret: however it is
// printed, logged or marshalled, it does not show.
type FingerprintKey [16]byte

const hidden = "(secret)"

// Format implements [fmt.Formatter].
func (FingerprintKey) Format(s fmt.State, _ rune) {
	if s != nil {
		_, _ = s.Write([]byte(hidden))
	}
}

// MarshalText returns a word that stands for every key.
func (FingerprintKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// CheckIdentity refuses what cannot stand as an identity in the record of an epoch and
// in its JSON form: it is one JSON object of at most [MaxIdentity] bytes, on one line.
func CheckIdentity(s string) error {
	switch {
	case len(s) > MaxIdentity:
		return fmt.Errorf("%w: an identity of %d bytes, at most %d are allowed", ErrFormat, len(s), MaxIdentity)
	case !strings.HasPrefix(s, "{") || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) || !json.Valid([]byte(s)):
		return fmt.Errorf("%w: the identity is not a JSON object on one line", ErrFormat)
	}
	return nil
}

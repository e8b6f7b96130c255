package snapshotter

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/moneyprinter/holdfast/keyring"
)

// EncodeHeader and EncodeSealedHeader open the header's codec to the tests.
var (
	EncodeHeader       = func(m Meta, created time.Time) []byte { return encodeHeader(&m, created, nil) }
	EncodeSealedHeader = func(m Meta, created time.Time, key keyring.ID) []byte { return encodeHeader(&m, created, &key) }
)

// Recode decodes a header and encodes it again.
func Recode(file string, b []byte) ([]byte, error) {
	h, err := decodeHeader(file, b)
	if err != nil {
		return nil, err
	}
	if h.encrypted {
		return encodeHeader(&h.Meta, h.created, &h.key), nil
	}
	return encodeHeader(&h.Meta, h.created, nil), nil
}

// SealSegment is the size of the segments of an encrypted body.
const SealSegment = sealSegment

// SampleIdentity is the identity of the snapshots that the tests write.
const SampleIdentity = `{"which":"ledger"}`

// The layout, under SampleIdentity.
const (
	HeaderSize  = fixedHeader + len(SampleIdentity)
	TrailerSize = trailerSize
)

// Seal returns header, stored body and a trailer that is right for them, which
// is what a forger can do.
func Seal(header, stored []byte, plain uint64) []byte {
	return SealAs(header, stored, plain, uint64(len(stored)))
}

// SealAs is Seal with a length of the stored body that may be a lie.
func SealAs(header, stored []byte, plain, length uint64) []byte {
	b := slices.Concat(header, stored)
	lengths := appendLengths(nil, plain, length)
	return append(b, appendSum(lengths, sha256.Sum256(append(slices.Clone(b), lengths...)))...)
}

// ParseName opens the name parser.
func ParseName(name string) (time.Time, uint64, bool) { return parseName(name) }

// Pace returns the step of a pace with its own clock.
func Pace(beat func() uint64, now func() time.Duration, sleep func(time.Duration)) func() {
	p := newPace(beat)
	p.now, p.sleep, p.began = now, sleep, now()
	return p.step
}

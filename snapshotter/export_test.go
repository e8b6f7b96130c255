package snapshotter

import (
	"crypto/sha256"
	"slices"
	"time"
)

// EncodeHeader and DecodeHeader open the header's codec to the tests.
var (
	EncodeHeader = func(m Meta, created time.Time) []byte { return encodeHeader(&m, created) }
	DecodeHeader = decodeHeader
)

// The layout.
const (
	HeaderSize  = headerSize
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

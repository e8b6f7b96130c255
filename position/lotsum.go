package position

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// The digest of a set of lots is the sum, modulo 2¹²⁸, of the first 16 bytes
// (little-endian) of the SHA-256 of each lot, so that it does not depend on their
// order and a change costs the lots that it touches. A lot is hashed as
//
//	offset  bytes
//	     0      8  number, little-endian
//	     8     16  quantity, a little-endian two's complement count of 10⁻¹⁸
//	    24     16  cost, likewise
//	    40      8  event time of the opening, little-endian nanoseconds
//	    48      …  label, UTF-8, to the end
//
// It guards against our own errors, not against someone who may choose lots: the
// chain of the journal does that.
func (l *Lot) digest() [16]byte {
	var buf [48 + MaxName]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], l.ID)
	for _, d := range [...]Decimal{l.Qty, l.Cost} {
		b = binary.LittleEndian.AppendUint64(b, d.lo)
		b = binary.LittleEndian.AppendUint64(b, uint64(d.hi))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(l.Opened))
	b = append(b, l.Label...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

func sumPlus(a, b [16]byte) [16]byte {
	lo, carry := bits.Add64(word(a, 0), word(b, 0), 0)
	hi, _ := bits.Add64(word(a, 8), word(b, 8), carry)
	return words(lo, hi)
}

func sumMinus(a, b [16]byte) [16]byte {
	lo, borrow := bits.Sub64(word(a, 0), word(b, 0), 0)
	hi, _ := bits.Sub64(word(a, 8), word(b, 8), borrow)
	return words(lo, hi)
}

func word(b [16]byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

func words(lo, hi uint64) (b [16]byte) {
	binary.LittleEndian.PutUint64(b[:], lo)
	binary.LittleEndian.PutUint64(b[8:], hi)
	return b
}

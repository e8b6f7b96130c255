package wire

import (
	"encoding/binary"
	"math/bits"

	"github.com/moneyprinter/holdfast/position"
)

// sipHash is SipHash-2-4 with 128 bits of output, as its authors' reference
// implementation has them: a pseudorandom function, made for short texts. Without the
// key nobody can tell its outputs from random ones, and so nobody can choose two texts
// whose outputs meet.
func sipHash(key *position.FingerprintKey, text []byte) (out [16]byte) {
	le := binary.LittleEndian
	k0, k1 := le.Uint64(key[:8]), le.Uint64(key[8:])
	s := sip{k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573}
	last := uint64(len(text)) << 56
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		s = s.word(le.Uint64(rest))
	}
	for i, c := range rest {
		last |= uint64(c) << (8 * i)
	}
	s = s.word(last)
	s.v2 ^= 0xee
	s = s.round().round().round().round()
	le.PutUint64(out[:], s.v0^s.v1^s.v2^s.v3)
	s.v1 ^= 0xdd
	s = s.round().round().round().round()
	le.PutUint64(out[8:], s.v0^s.v1^s.v2^s.v3)
	return out
}

// sip is the state of a SipHash.
type sip struct{ v0, v1, v2, v3 uint64 }

func (s sip) word(m uint64) sip {
	s.v3 ^= m
	s = s.round().round()
	s.v0 ^= m
	return s
}

func (s sip) round() sip {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
	return s
}

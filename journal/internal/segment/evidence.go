package segment

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

const (
	// SearchLimit bounds how many bytes behind a flaw are searched for proof,
	// and ChecksumLimit how many bytes of candidates are summed. A tail of
	// ours stays far below both; above them the answer is "unsure".
	SearchLimit   = 64 << 20
	ChecksumLimit = 1 << 30
)

// proof is what a search behind a flaw found.
type proof struct {
	Found  bool
	unsure bool   // the search was given up
	Seq    uint64 // of the frame that proves
	off    int64  // of that frame
	synced uint64
}

// SearchProof looks behind a flaw at off for a whole frame that was written
// when seq lost was durable already. Frames of the flawed record's own group do
// not say so, because the pages of one group may reach the disk in any order.
func SearchProof(r io.ReaderAt, size, off int64, lost uint64) (proof, error) {
	var (
		buf    = make([]byte, min(BlockSize+MaxFrame+MaxPrefix, size-off))
		budget = int64(ChecksumLimit)
		left   = int64(SearchLimit)
	)
	for off < size {
		off = NextContent(r, off, size)
		n, err := ReadFull(r, buf[:min(int64(len(buf)), size-off)], off)
		if err != nil {
			return proof{}, err
		}
		if n == 0 {
			return proof{}, nil
		}
		stop := min(n, BlockSize)
		p := searchBlock(buf[:n], stop, lost, uint64(size), &budget)
		if p.Found || p.unsure {
			p.off += off
			return p, nil
		}
		off += int64(stop)
		if left -= int64(stop); left < 0 {
			return proof{unsure: true}, nil
		}
	}
	return proof{}, nil
}

// searchBlock tries every offset of b below stop. The cheap tests come first:
// a frame's fixed bytes, then a seq and a synced that prove something and could
// stand in a file of this size, then the checksum.
func searchBlock(b []byte, stop int, lost, size uint64, budget *int64) proof {
	for i := range stop {
		n, length, reason := prefixLength(b[i:min(i+MaxPrefix, len(b))])
		if reason != "" || i+n+length > len(b) {
			continue
		}
		frame := b[i+n : i+n+length]
		if !Likely(frame) {
			continue
		}
		seq := binary.LittleEndian.Uint64(frame[atSeq:])
		behind := uint64(binary.LittleEndian.Uint32(frame[atBehind:]))
		if behind == 0 || behind > seq || seq-behind < lost || seq-lost > size/MinFrame+1 {
			continue
		}
		if *budget -= int64(length); *budget < 0 {
			return proof{unsure: true, off: int64(i)}
		}
		var rec Record
		if bad, _ := DecodeFrame(frame, &rec); bad == "" {
			return proof{Found: true, Seq: seq, off: int64(i), synced: seq - behind}
		}
	}
	return proof{}
}

// oneByte reports whether changing one byte of the entry at the start of b
// makes it the record behind prev, and which byte. A torn write leaves pages
// out; it does not leave a record whole but for one byte, rot does.
func oneByte(b []byte, prev Head) (at int, reason string) {
	fits := func(frame []byte) bool {
		var rec Record
		bad, _ := DecodeFrame(frame, &rec)
		return bad == "" && Follows(&prev, &rec, frame) == ""
	}
	n, length, bad := prefixLength(b[:min(MaxPrefix, len(b))])
	if bad == "" && n+length <= len(b) {
		frame := append([]byte(nil), b[n:n+length]...)
		if i, ok := correctByte(frame, fits); ok {
			return n + i, fmt.Sprintf("the record is whole but for one byte at its byte %d", n+i)
		}
	}
	var prefix [MaxPrefix]byte
	for i := range min(MaxPrefix, len(b)) {
		for v := range 256 {
			copy(prefix[:], b)
			prefix[i] = byte(v)
			n, length, bad = prefixLength(prefix[:min(MaxPrefix, len(b))])
			if bad != "" || n+length > len(b) {
				continue
			}
			frame := b[n : n+length]
			if binary.LittleEndian.Uint64(frame[atSeq:]) == prev.Seq+1 && fits(frame) {
				return i, fmt.Sprintf("the record is whole but for one byte of its length, byte %d", i)
			}
		}
	}
	return 0, ""
}

// correctByte looks for the one byte of a frame whose change makes fits true.
// A CRC is linear: a wrong byte leaves a difference between the two checksums
// that each later byte shifts on by one step. Walking those steps back from the
// end finds each place where a single byte explains the difference, in time
// linear in the frame instead of 255 checksums per byte. frame is changed.
func correctByte(frame []byte, fits func([]byte) bool) (at int, ok bool) {
	table, tops := crcTables()
	diff := binary.LittleEndian.Uint32(frame) ^ Checksum(frame[atVersion:])
	if diff == 0 {
		return 0, false
	}
	try := func(i int, delta byte) bool {
		frame[i] ^= delta
		if fits(frame) {
			return true
		}
		frame[i] ^= delta
		return false
	}
	// The wrong byte may belong to the stored checksum itself.
	if low := bits.TrailingZeros32(diff) / 8; diff>>(8*low) < 256 {
		if try(low, byte(diff>>(8*low))) {
			return low, true
		}
	}
	for i := len(frame) - 1; i >= atVersion; i-- {
		delta := tops[diff>>24]
		if table[delta] == diff && try(i, delta) {
			return i, true
		}
		diff = (diff^table[delta])<<8 | uint32(delta)
	}
	return 0, false
}

// crcTables returns the Castagnoli table and its inverse by top byte.
func crcTables() (table *[256]uint32, tops [256]byte) {
	table = (*[256]uint32)(crcTable()[:])
	for i, v := range table {
		tops[v>>24] = byte(i)
	}
	return table, tops
}

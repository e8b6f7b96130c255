package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

const (
	// MaxFrame bounds a frame, and with it every allocation that a length
	// read from a file can cause.
	MaxFrame = 1 << 20
	// MaxPayload is the longest payload that a journal takes, encrypted or not: a
	// ledger may be encrypted from any record on.
	MaxPayload = MaxFrame - HeaderSize - sealSize

	FormatVersion = 2              // of the frames that are written and read
	HeaderSize    = 62             // bytes of a frame before its payload
	MinFrame      = HeaderSize + 1 // a payload is never empty
	MaxPrefix     = 3              // bytes of the longest length before a frame

	// maxNumber is the largest epoch, and the longest way back to a durable record,
	// that a frame can hold.
	maxNumber = math.MaxUint32
)

// Offsets inside a frame; the package comment of journal draws them.
const (
	atVersion = 4
	atFlags   = 5
	atEpoch   = 6
	atSeq     = 10
	atBehind  = 18
	atTime    = 22
	atChain   = 30
)

// Flags of a record.
type Flags uint8

// The flags. All other bits are refused, where records are appended and on disk.
const (
	More      Flags = 1 // the next record belongs to the same atomic batch
	Encrypted Flags = 2 // the payload is encrypted on disk; never the caller's to give
	Control   Flags = 4 // the record is the ledger's own, not a change

	allFlags = More | Encrypted | Control
)

// Head is the place and the identity of a record: the chain value commits to
// everything up to and including it.
type Head struct {
	Seq, Epoch uint64
	Chain      [32]byte
	Time       int64 // record time, unix nanoseconds
}

// Record is one verified frame. Payload is a part of a buffer that is never
// written again: it may be kept without a copy, and keeps up to half a MiB of
// its neighbours in memory with it. That of an encrypted record is decrypted,
// unless a reader was asked for what is stored.
type Record struct {
	Seq, Epoch uint64
	Synced     uint64 // everything up to here was durable before this frame was written
	Time       int64
	Flags      Flags
	Chain      [32]byte
	Payload    []byte

	stored []byte // what the chain is over, where Payload was decrypted
}

// Head returns the record's head.
func (r *Record) Head() Head { return Head{Seq: r.Seq, Epoch: r.Epoch, Chain: r.Chain, Time: r.Time} }

// crcTable returns the shared Castagnoli table, which the standard library
// recognises and computes with the processor's own instruction.
func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Checksum is the CRC-32C of frames and of MARK.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, crcTable()) }

// link returns the chain value of a frame behind prev: the hash of everything behind
// the checksum, with prev in the place of the chain value. So the input is in one
// piece where the frame stands, and nothing is copied to be hashed. The frame is
// changed meanwhile, and is the caller's alone.
func link(prev *[32]byte, frame []byte) [32]byte {
	place := (*[32]byte)(frame[atChain:HeaderSize])
	was := *place
	*place = *prev
	sum := sha256.Sum256(frame[atVersion:])
	*place = was
	return sum
}

// AppendFrame appends the frame of r to dst and sets r.Chain. The payload, as it
// is to be stored, must have been checked; it may stand in its place already.
func AppendFrame(dst []byte, r *Record, prev *[32]byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, r, prev)
	if n, end := len(r.Payload), len(dst); cap(dst)-end >= n && n > 0 && &dst[:end+1][end] == &r.Payload[0] {
		dst = dst[:end+n]
	} else {
		dst = append(dst, r.Payload...)
	}
	finish(dst[start:], r)
	return dst
}

// appendHeader appends the header of r as it is hashed and authenticated: with the
// chain value before it, and no checksum.
func appendHeader(dst []byte, r *Record, prev *[32]byte) []byte {
	dst = append(dst, make([]byte, HeaderSize)...)
	putHeader((*[HeaderSize]byte)(dst[len(dst)-HeaderSize:]), r, prev)
	return dst
}

// putHeader is appendHeader in place.
func putHeader(h *[HeaderSize]byte, r *Record, prev *[32]byte) {
	h[atVersion] = FormatVersion
	h[atFlags] = byte(r.Flags)
	binary.LittleEndian.PutUint32(h[atEpoch:], uint32(r.Epoch)) //nolint:gosec // Encoder bounds it
	binary.LittleEndian.PutUint64(h[atSeq:], r.Seq)
	binary.LittleEndian.PutUint32(h[atBehind:], uint32(r.Seq-r.Synced)) //nolint:gosec // Encoder bounds it
	binary.LittleEndian.PutUint64(h[atTime:], uint64(r.Time))           //nolint:gosec // a bit pattern, read back the same way
	*(*[32]byte)(h[atChain:]) = *prev
}

// finish sets the chain value and the checksum of a frame that holds the chain value
// before it, and r.Chain.
func finish(frame []byte, r *Record) {
	r.Chain = sha256.Sum256(frame[atVersion:])
	*(*[32]byte)(frame[atChain:]) = r.Chain
	binary.LittleEndian.PutUint32(frame, Checksum(frame[atVersion:]))
}

// Likely reports whether bytes that may be a frame of some length have what every
// frame has. It is for searches, and looks at nothing that takes time.
func Likely(frame []byte) bool {
	return frame[atVersion] == FormatVersion && Flags(frame[atFlags])&^allFlags == 0
}

// DecodeFrame reads a frame of a checked length into r, whose payload stays a
// part of frame. The reason is empty when the frame is good. A sound frame has
// a good checksum, so that no torn write can have made what is wrong with it.
func DecodeFrame(frame []byte, r *Record) (reason string, sound bool) {
	if binary.LittleEndian.Uint32(frame) != Checksum(frame[atVersion:]) {
		return "checksum does not fit", false
	}
	if v := frame[atVersion]; v != FormatVersion {
		return fmt.Sprintf("frame of format version %d, this build knows version %d", v, FormatVersion), true
	}
	if f := Flags(frame[atFlags]); f&^allFlags != 0 {
		return fmt.Sprintf("unknown flags %#x", byte(f)), true
	}
	if Flags(frame[atFlags])&Encrypted != 0 && len(frame) < MinFrame+sealSize {
		return "too short to be encrypted", true
	}
	r.Flags = Flags(frame[atFlags])
	r.Seq = binary.LittleEndian.Uint64(frame[atSeq:])
	r.Epoch = uint64(binary.LittleEndian.Uint32(frame[atEpoch:]))
	r.Time = int64(binary.LittleEndian.Uint64(frame[atTime:])) //nolint:gosec // a bit pattern, written the same way
	r.Chain = [32]byte(frame[atChain:HeaderSize])
	r.Payload = frame[HeaderSize:len(frame):len(frame)]
	behind := uint64(binary.LittleEndian.Uint32(frame[atBehind:]))
	if behind == 0 || behind > r.Seq {
		return fmt.Sprintf("seq %d says that the record %d before it was durable", r.Seq, behind), true
	}
	r.Synced = r.Seq - behind
	return "", true
}

// Follows says why r, which is in frame, cannot stand behind prev, or nothing. The
// frame is changed meanwhile; see link.
func Follows(prev *Head, r *Record, frame []byte) string {
	if bad := ordered(prev, r); bad != "" {
		return bad
	}
	if link(&prev.Chain, frame) != r.Chain {
		return "chain does not continue"
	}
	return ""
}

// ordered is Follows without the chain.
func ordered(prev *Head, r *Record) string {
	switch {
	case r.Seq != prev.Seq+1:
		return fmt.Sprintf("seq %d behind seq %d", r.Seq, prev.Seq)
	case r.Epoch < prev.Epoch:
		return fmt.Sprintf("epoch %d behind epoch %d", r.Epoch, prev.Epoch)
	case r.Time < prev.Time && prev.Seq > 0:
		return "record time runs backwards"
	}
	return ""
}

// ZerosHere is the reason of a flaw at zeros.
const ZerosHere = "zero bytes where a record should begin"

// prefixLength reads the length before a frame: a minimal uvarint of at most
// three bytes between MinFrame and MaxFrame. b may be shorter when the file
// ends there.
func prefixLength(b []byte) (n, length int, reason string) {
	for n < len(b) && n < MaxPrefix {
		c := b[n]
		length |= int(c&0x7f) << (7 * n)
		n++
		if c&0x80 != 0 {
			continue
		}
		switch {
		case c == 0 && n == 1:
			return n, 0, ZerosHere
		case c == 0:
			return n, 0, "length is not in its shortest form"
		case length < MinFrame || length > MaxFrame:
			return n, 0, fmt.Sprintf("length %d is out of range", length)
		}
		return n, length, ""
	}
	if n == MaxPrefix {
		return n, 0, "length is out of range"
	}
	return n, 0, "the file ends inside a length"
}

// PrefixSize returns how many bytes the length before a frame takes.
func PrefixSize(length int) int {
	n := 1
	for length >= 0x80 {
		length >>= 7
		n++
	}
	return n
}

// Follows reports whether the record continues a chain value.
func (r *Record) Follows(prev [32]byte) bool {
	again := *r
	if r.stored != nil {
		again.Payload = r.stored
	}
	AppendFrame(nil, &again, &prev)
	return again.Chain == r.Chain
}

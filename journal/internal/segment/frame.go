package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	// MaxFrame bounds a frame, and with it every allocation that a length
	// read from a file can cause.
	MaxFrame = 1 << 20
	// MaxPayload is the longest payload that a journal takes, encrypted or not: a
	// ledger may be encrypted from any record on.
	MaxPayload = MaxFrame - HeaderSize - sealSize

	FormatVersion = 1              // of the frames that are written
	HeaderSize    = 72             // bytes of a frame before its payload
	MinFrame      = HeaderSize + 1 // a payload is never empty
	MaxPrefix     = 3              // bytes of the longest length before a frame
)

// Offsets inside a frame; the package comment of journal draws them.
const (
	AtVersion  = 4
	atFlags    = 5
	AtReserved = 6
	atSeq      = 8
	atSynced   = 16
	atEpoch    = 24
	atTime     = 32
	atChain    = 40
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

// Chainer computes chain values; its scratch makes one contiguous input of the
// three parts, which is faster than three writes into a hash.
type Chainer struct{ scratch []byte }

// link returns the chain value of frame behind prev: the previous chain value,
// the header between checksum and chain, the payload.
func (c *Chainer) link(prev *[32]byte, frame []byte) [32]byte {
	c.scratch = append(c.scratch[:0], prev[:]...)
	c.scratch = append(c.scratch, frame[AtVersion:atChain]...)
	c.scratch = append(c.scratch, frame[HeaderSize:]...)
	return sha256.Sum256(c.scratch)
}

// AppendFrame appends the frame of r to dst and sets r.Chain. The payload, as it
// is to be stored, must have been checked.
func (c *Chainer) AppendFrame(dst []byte, r *Record, prev *[32]byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, r)
	dst = append(dst, r.Payload...)
	c.finish(dst[start:], r, prev)
	return dst
}

// appendHeader appends a header that has neither chain value nor checksum yet.
func appendHeader(dst []byte, r *Record) []byte {
	var h [HeaderSize]byte
	putHeader(&h, r)
	return append(dst, h[:]...)
}

// putHeader writes the header of r without chain value and checksum.
func putHeader(h *[HeaderSize]byte, r *Record) {
	h[AtVersion] = FormatVersion
	h[atFlags] = byte(r.Flags)
	binary.LittleEndian.PutUint64(h[atSeq:], r.Seq)
	binary.LittleEndian.PutUint64(h[atSynced:], r.Synced)
	binary.LittleEndian.PutUint64(h[atEpoch:], r.Epoch)
	binary.LittleEndian.PutUint64(h[atTime:], uint64(r.Time)) //nolint:gosec // a bit pattern, read back the same way
}

// finish sets the chain value and the checksum of a frame, and r.Chain.
func (c *Chainer) finish(frame []byte, r *Record, prev *[32]byte) {
	r.Chain = c.link(prev, frame)
	copy(frame[atChain:], r.Chain[:])
	binary.LittleEndian.PutUint32(frame, Checksum(frame[AtVersion:]))
}

// DecodeFrame reads a frame of a checked length into r, whose payload stays a
// part of frame. The reason is empty when the frame is good. A sound frame has
// a good checksum, so that no torn write can have made what is wrong with it.
func DecodeFrame(frame []byte, r *Record) (reason string, sound bool) {
	if binary.LittleEndian.Uint32(frame) != Checksum(frame[AtVersion:]) {
		return "checksum does not fit", false
	}
	if v := frame[AtVersion]; v != FormatVersion {
		return fmt.Sprintf("frame of format version %d, this build knows version %d", v, FormatVersion), true
	}
	if f := Flags(frame[atFlags]); f&^allFlags != 0 {
		return fmt.Sprintf("unknown flags %#x", byte(f)), true
	}
	if frame[AtReserved] != 0 || frame[AtReserved+1] != 0 {
		return "reserved bytes are not zero", true
	}
	if Flags(frame[atFlags])&Encrypted != 0 && len(frame) < MinFrame+sealSize {
		return "too short to be encrypted", true
	}
	r.Flags = Flags(frame[atFlags])
	r.Seq = binary.LittleEndian.Uint64(frame[atSeq:])
	r.Synced = binary.LittleEndian.Uint64(frame[atSynced:])
	r.Epoch = binary.LittleEndian.Uint64(frame[atEpoch:])
	r.Time = int64(binary.LittleEndian.Uint64(frame[atTime:])) //nolint:gosec // a bit pattern, written the same way
	r.Chain = [32]byte(frame[atChain:HeaderSize])
	r.Payload = frame[HeaderSize:len(frame):len(frame)]
	if r.Synced >= r.Seq {
		return fmt.Sprintf("seq %d says that seq %d was durable before it", r.Seq, r.Synced), true
	}
	return "", true
}

// Follows says why r, which is in frame, cannot stand behind prev, or nothing.
func (c *Chainer) Follows(prev *Head, r *Record, frame []byte) string {
	if bad := ordered(prev, r); bad != "" {
		return bad
	}
	if c.link(&prev.Chain, frame) != r.Chain {
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
	var c Chainer
	again := *r
	if r.stored != nil {
		again.Payload = r.stored
	}
	c.AppendFrame(nil, &again, &prev)
	return again.Chain == r.Chain
}

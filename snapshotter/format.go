package snapshotter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/remedy"
)

const (
	magic         = "HOLDSNAP"
	formatVersion = 2

	prefixSize  = 16
	fixedHeader = 176 // of a header without an identity
	trailerSize = 52
	digestSize  = 36 // the part of the trailer that the SHA-256 does not cover

	// maxWindow bounds the memory of a decoder, whatever the file asks for.
	maxWindow = 8 << 20
)

// MaxIdentity is the longest identity of a header, in bytes.
const MaxIdentity = 1<<16 - 1 - fixedHeader

// MaxBody is the largest body, before compression, that is written or read.
const MaxBody = 1 << 36

// Meta is what the header says about the state in the body.
type Meta struct {
	Ledger      [16]byte
	Seq         uint64   // last record that the state contains
	Epoch       uint64   // of that record
	Chain       [32]byte // after that record
	RecordTime  int64    // of that record, Unix nanoseconds
	Positions   uint64
	Instruments uint64
	Accounts    uint64
	Window      uint64   // entries of the dedupe window
	Digest      [32]byte // of the state
	Identity    string   // which ledger that is, in the caller's words; at most MaxIdentity bytes
}

// flagEncrypted says that the body is encrypted.
const flagEncrypted = 1

// encodeHeader returns the header of a snapshot written at created, whose body is
// encrypted under key unless that is nil.
func encodeHeader(m *Meta, created time.Time, key *keyring.ID) []byte {
	size := fixedHeader + len(m.Identity)
	b := make([]byte, 0, size)
	le := binary.LittleEndian
	b = append(b, magic...)
	b = le.AppendUint16(b, formatVersion)
	b = le.AppendUint16(b, uint16(size))
	b = le.AppendUint32(b, checksum(b))
	b = append(b, m.Ledger[:]...)
	b = le.AppendUint64(b, m.Seq)
	b = le.AppendUint64(b, m.Epoch)
	b = append(b, m.Chain[:]...)
	b = le.AppendUint64(b, uint64(m.RecordTime))
	b = le.AppendUint64(b, uint64(created.UnixNano()))
	b = le.AppendUint64(b, m.Positions)
	b = le.AppendUint64(b, m.Instruments)
	b = le.AppendUint64(b, m.Accounts)
	b = le.AppendUint64(b, m.Window)
	b = append(b, m.Digest[:]...)
	if key == nil {
		b = append(b, make([]byte, 12)...)
	} else {
		b = le.AppendUint16(b, flagEncrypted)
		b = append(b, key[:]...)
		b = append(b, make([]byte, 6)...)
	}
	b = append(b, m.Identity...)
	return le.AppendUint32(b, checksum(b[prefixSize:]))
}

// header is what the first bytes of a file say.
type header struct {
	Meta
	created   time.Time
	encrypted bool
	key       keyring.ID
}

// readHeader reads the header of an open file of the given size, called name in
// errors, and returns its bytes as well.
func readHeader(f *os.File, name string, size int64) ([]byte, header, error) {
	b, err := readAt(f, name, 0, min(fixedHeader, size))
	if err != nil {
		return nil, header{}, err
	}
	n, err := headerSize(name, b)
	if err == nil && n > fixedHeader {
		b, err = readAt(f, name, 0, min(int64(n), size))
	}
	if err != nil {
		return nil, header{}, err
	}
	h, err := decodeHeader(name, b)
	return b, h, err
}

// headerSize returns the length of the header that begins with b, and refuses what is
// no header of this format.
func headerSize(file string, b []byte) (int, error) {
	if len(b) < prefixSize {
		return 0, &DamageError{File: file, Offset: int64(len(b)), Reason: "cut short within the header"}
	}
	le := binary.LittleEndian
	if checksum(b[:12]) != le.Uint32(b[12:]) || string(b[:8]) != magic {
		return 0, &DamageError{File: file, Offset: 0, Reason: "the first 16 bytes are not a snapshot's"}
	}
	size := int(le.Uint16(b[10:]))
	switch v := le.Uint16(b[8:]); {
	case v > formatVersion:
		return 0, fmt.Errorf("%w: %s has format %d, this build reads format %d: use a newer holdfast", ErrNewerFormat, file, v, formatVersion)
	case v == 1:
		return 0, remedy.Because(fmt.Errorf("%w: %s has format 1, of the builds before the first release; this build reads format %d",
			ErrOlderFormat, file, formatVersion), remedy.CarryOver)
	case v == 0 || size < fixedHeader:
		return 0, &DamageError{File: file, Offset: 8, Reason: "there is no such format"}
	}
	return size, nil
}

// decodeHeader reads the header from the first bytes of a file. b may be
// shorter than a header; file is for the errors.
func decodeHeader(file string, b []byte) (m header, err error) {
	size, err := headerSize(file, b)
	if err != nil {
		return m, err
	}
	if len(b) < size {
		return m, &DamageError{File: file, Offset: int64(len(b)), Reason: "cut short within the header"}
	}
	le := binary.LittleEndian
	b = b[:size]
	if checksum(b[prefixSize:size-4]) != le.Uint32(b[size-4:]) {
		return m, &DamageError{File: file, Offset: prefixSize, Reason: "the header's checksum is wrong"}
	}
	m.encrypted = le.Uint16(b[160:]) == flagEncrypted
	used := 160
	if m.encrypted {
		m.key, used = keyring.ID(b[162:166]), 166
	}
	if !bytes.Equal(b[used:172], make([]byte, 172-used)) {
		return header{}, fmt.Errorf("%w: %s has flags that this build does not know", ErrNewerFormat, file)
	}
	copy(m.Ledger[:], b[16:])
	m.Seq = le.Uint64(b[32:])
	m.Epoch = le.Uint64(b[40:])
	copy(m.Chain[:], b[48:])
	m.RecordTime = int64(le.Uint64(b[80:]))
	m.created = time.Unix(0, int64(le.Uint64(b[88:]))).UTC()
	m.Positions = le.Uint64(b[96:])
	m.Instruments = le.Uint64(b[104:])
	m.Accounts = le.Uint64(b[112:])
	m.Window = le.Uint64(b[120:])
	copy(m.Digest[:], b[128:])
	m.Identity = string(b[172 : size-4])
	return m, nil
}

// trailer is the end of a file: the body's lengths and the digest over all
// that stands before it.
type trailer struct {
	plain, stored uint64
	sum           [32]byte
}

// appendLengths appends the part of the trailer that the digest covers.
func appendLengths(b []byte, plain, stored uint64) []byte {
	b = binary.LittleEndian.AppendUint64(b, plain)
	return binary.LittleEndian.AppendUint64(b, stored)
}

// appendSum appends the rest of the trailer to its lengths.
func appendSum(lengths []byte, sum [32]byte) []byte {
	b := append(lengths, sum[:]...)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

// decodeTrailer reads the last bytes of a file of the given size, which begins with a
// header of another.
func decodeTrailer(file string, b []byte, size, head int64) (trailer, error) {
	var t trailer
	at := size - trailerSize
	if len(b) != trailerSize {
		return t, &DamageError{File: file, Offset: size, Reason: "cut short"}
	}
	le := binary.LittleEndian
	if checksum(b[:48]) != le.Uint32(b[48:]) {
		return t, &DamageError{File: file, Offset: at, Reason: "the trailer's checksum is wrong: the end is damaged, missing or not the end"}
	}
	t.plain, t.stored = le.Uint64(b), le.Uint64(b[8:])
	copy(t.sum[:], b[16:])
	if t.stored != uint64(size-head-trailerSize) {
		return t, &DamageError{File: file, Offset: at, Reason: fmt.Sprintf("the body is %d bytes long, %d were written", size-head-trailerSize, t.stored)}
	}
	if t.plain > MaxBody {
		return t, &DamageError{File: file, Offset: at, Reason: fmt.Sprintf("a body of %d bytes is declared, at most %d are possible", t.plain, int64(MaxBody))}
	}
	return t, nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

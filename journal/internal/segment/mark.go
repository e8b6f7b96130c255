package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/remedy"
)

const (
	MarkName    = "MARK" // in the ledger's directory
	markMagic   = "HOLDMARK"
	markVersion = 1
	MarkSize    = 116 // of all of it

	markClean  = 1
	markNoBase = 2
	// markGiving says that a repair is about to give up what stands behind
	// Last. Such a MARK is refused by everyone but the repair that goes on, and
	// such a journal was not closed.
	markGiving  = 4
	allMarkBits = markClean | markNoBase | markGiving
)

// Mark is the content of MARK, which the package comment of journal draws. A record or
// a name that it calls durable was durable before it was written.
type Mark struct {
	Clean  bool     // the journal was closed behind Last, nothing was written since
	NoBase bool     // Base is not known: the journal was trusted without MARK
	First  uint64   // first record kept
	Last   uint64   // a record that was durable
	Epoch  uint64   // highest epoch that was ever handed out
	Giving bool     // a repair is giving up what stands behind Last
	Tail   uint64   // first seq of the newest segment whose directory entry was durable; 0: none
	Chain  [32]byte // of Last
	Base   [32]byte // of the record before First
}

// encode returns the bytes of MARK.
func (m *Mark) encode() []byte {
	b := make([]byte, MarkSize)
	copy(b, markMagic)
	binary.LittleEndian.PutUint32(b[8:], markVersion)
	var bits uint32
	if m.Clean {
		bits |= markClean
	}
	if m.NoBase {
		bits |= markNoBase
	}
	if m.Giving {
		bits |= markGiving
	}
	binary.LittleEndian.PutUint32(b[12:], bits)
	binary.LittleEndian.PutUint64(b[16:], m.First)
	binary.LittleEndian.PutUint64(b[24:], m.Last)
	binary.LittleEndian.PutUint64(b[32:], m.Epoch)
	binary.LittleEndian.PutUint64(b[40:], m.Tail)
	copy(b[48:], m.Chain[:])
	copy(b[80:], m.Base[:])
	binary.LittleEndian.PutUint32(b[112:], Checksum(b[:112]))
	return b
}

// decodeMark reads what encode wrote; the offset and the reason name what
// cannot be accepted.
func decodeMark(b []byte) (m Mark, offset int64, reason string) {
	if len(b) != MarkSize {
		return m, int64(min(len(b), MarkSize)), fmt.Sprintf("%d bytes instead of %d", len(b), MarkSize)
	}
	if string(b[:8]) != markMagic {
		return m, 0, "not a mark"
	}
	if binary.LittleEndian.Uint32(b[112:]) != Checksum(b[:112]) {
		return m, 0, "checksum does not fit"
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != markVersion {
		return m, 8, fmt.Sprintf("mark of format version %d, this build knows version %d", v, markVersion)
	}
	bits := binary.LittleEndian.Uint32(b[12:])
	if bits&^allMarkBits != 0 || bits&markGiving != 0 && bits&markClean != 0 {
		return m, 12, fmt.Sprintf("unknown flags %#x", bits)
	}
	m = Mark{
		Clean: bits&markClean != 0, NoBase: bits&markNoBase != 0, Giving: bits&markGiving != 0,
		First: binary.LittleEndian.Uint64(b[16:]), Last: binary.LittleEndian.Uint64(b[24:]),
		Epoch: binary.LittleEndian.Uint64(b[32:]), Tail: binary.LittleEndian.Uint64(b[40:]),
		Chain: [32]byte(b[48:80]), Base: [32]byte(b[80:112]),
	}
	if m.First == 0 || m.Last < m.First-1 || m.Last+1 == 0 || m.Tail > m.Last+1 {
		return m, 16, "its numbers contradict each other"
	}
	return m, 0, ""
}

// Before returns the head that stands before a segment; known says whether
// more than its seq is known.
func (m *Mark) Before(first uint64) (h Head, known bool) {
	h = Head{Seq: first - 1, Time: math.MinInt64}
	if m.NoBase || first != m.First {
		return h, false
	}
	h.Chain = m.Base
	return h, true
}

// ReadMark reads MARK; found is false when there is none. One that says that a repair
// is giving up records is refused.
func ReadMark(dir string) (m Mark, found bool, err error) {
	m, found, damage, err := PeekMark(dir)
	switch {
	case Misplaced(err):
		damage, err = badMark(0, "not a regular file"), nil
	case err == nil && damage == nil && m.Giving:
		damage = m.Interrupted()
	}
	if damage != nil {
		return Mark{Giving: m.Giving}, true, damage
	}
	return m, found, err
}

// PeekMark reads MARK for a repair, which goes on where another one was giving up
// records. damage says what is wrong with it.
func PeekMark(dir string) (m Mark, found bool, damage *DamageError, err error) {
	b, err := readSmall(filepath.Join(dir, MarkName), MarkSize)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil, nil
	}
	if err != nil {
		return m, true, nil, fmt.Errorf("read %s: %w", MarkName, err)
	}
	m, offset, reason := decodeMark(b)
	if reason != "" {
		damage = badMark(offset, reason)
	}
	return m, true, damage, nil
}

// Interrupted is the damage of a MARK that a repair wrote before it gave up records,
// and did not write again behind that.
func (m *Mark) Interrupted() *DamageError {
	return badMark(12, fmt.Sprintf("a repair that gives up the records from seq %d on was interrupted", m.Last+1))
}

func badMark(offset int64, reason string) *DamageError {
	return &DamageError{
		File: MarkName, Offset: offset, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.ReplaceMark},
	}
}

// Missing is the damage of a ledger that was made and whose journal is gone.
func Missing() *DamageError { return NoMark(0) }

// NoMark is the damage of a journal without its MARK: no ledger is ever without
// one once it was made.
func NoMark(segments int) *DamageError {
	if segments == 0 {
		return badMark(0, "missing, and so is every segment of the journal")
	}
	return badMark(0, "missing beside segments")
}

// WriteMark replaces MARK durably.
func WriteMark(dir string, m *Mark) error {
	err := durable.WriteFile(filepath.Join(dir, MarkName), m.encode(), FilePerm)
	if err != nil {
		return fmt.Errorf("write %s: %w", MarkName, err)
	}
	return nil
}

// readSmall reads a regular file of at most limit bytes, and one more so that
// a longer one shows.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, limit+1)
	n, err := ReadFull(f, b, 0)
	return b[:n], err
}

// Agrees reports whether a record can stand in the journal that MARK describes.
// Segments of another ledger are in order by themselves; MARK's chain value is
// what they do not lead to.
func (m *Mark) Agrees(h *Head) bool { return h.Seq != m.Last || h.Chain == m.Chain }

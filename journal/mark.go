package journal

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
	markName    = "MARK"
	markMagic   = "HOLDMARK"
	markVersion = 1
	markSize    = 116

	markClean  = 1
	markNoBase = 2
	// markGiving says that a repair is about to give up what stands behind
	// last. Such a MARK is refused by everyone but the repair that goes on, and
	// such a journal was not closed.
	markGiving  = 4
	allMarkBits = markClean | markNoBase | markGiving
)

// mark is the content of MARK, which the package comment draws. What it says
// is durable was durable before it was written.
type mark struct {
	clean  bool     // the journal was closed behind last, nothing was written since
	noBase bool     // base is not known, see Options.TrustJournal
	first  uint64   // first record kept
	last   uint64   // a record that was durable
	epoch  uint64   // highest epoch that was ever handed out
	giving bool     // a repair is giving up what stands behind last
	tail   uint64   // first seq of the newest segment whose directory entry was durable; 0: none
	chain  [32]byte // of last
	base   [32]byte // of the record before first
}

func (m *mark) encode() []byte {
	b := make([]byte, markSize)
	copy(b, markMagic)
	binary.LittleEndian.PutUint32(b[8:], markVersion)
	var bits uint32
	if m.clean {
		bits |= markClean
	}
	if m.noBase {
		bits |= markNoBase
	}
	if m.giving {
		bits |= markGiving
	}
	binary.LittleEndian.PutUint32(b[12:], bits)
	binary.LittleEndian.PutUint64(b[16:], m.first)
	binary.LittleEndian.PutUint64(b[24:], m.last)
	binary.LittleEndian.PutUint64(b[32:], m.epoch)
	binary.LittleEndian.PutUint64(b[40:], m.tail)
	copy(b[48:], m.chain[:])
	copy(b[80:], m.base[:])
	binary.LittleEndian.PutUint32(b[112:], checksum(b[:112]))
	return b
}

// decodeMark reads what encode wrote; the offset and the reason name what
// cannot be accepted.
func decodeMark(b []byte) (m mark, offset int64, reason string) {
	if len(b) != markSize {
		return m, int64(min(len(b), markSize)), fmt.Sprintf("%d bytes instead of %d", len(b), markSize)
	}
	if string(b[:8]) != markMagic {
		return m, 0, "not a mark"
	}
	if binary.LittleEndian.Uint32(b[112:]) != checksum(b[:112]) {
		return m, 0, "checksum does not fit"
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != markVersion {
		return m, 8, fmt.Sprintf("mark of format version %d, this build knows version %d", v, markVersion)
	}
	bits := binary.LittleEndian.Uint32(b[12:])
	if bits&^allMarkBits != 0 || bits&markGiving != 0 && bits&markClean != 0 {
		return m, 12, fmt.Sprintf("unknown flags %#x", bits)
	}
	m = mark{
		clean: bits&markClean != 0, noBase: bits&markNoBase != 0, giving: bits&markGiving != 0,
		first: binary.LittleEndian.Uint64(b[16:]), last: binary.LittleEndian.Uint64(b[24:]),
		epoch: binary.LittleEndian.Uint64(b[32:]), tail: binary.LittleEndian.Uint64(b[40:]),
		chain: [32]byte(b[48:80]), base: [32]byte(b[80:112]),
	}
	if m.first == 0 || m.last < m.first-1 || m.last+1 == 0 || m.tail > m.last+1 {
		return m, 16, "its numbers contradict each other"
	}
	return m, 0, ""
}

// before returns the head that stands before a segment; known says whether
// more than its seq is known.
func (m *mark) before(first uint64) (h Head, known bool) {
	h = Head{Seq: first - 1, Time: math.MinInt64}
	if m.noBase || first != m.first {
		return h, false
	}
	h.Chain = m.base
	return h, true
}

// readMark reads MARK; found is false when there is none. One that says that a repair
// is giving up records is refused.
func readMark(dir string) (m mark, found bool, err error) {
	m, found, damage, err := peekMark(dir)
	switch {
	case misplaced(err):
		damage, err = badMark(0, "not a regular file"), nil
	case err == nil && damage == nil && m.giving:
		damage = m.interrupted()
	}
	if damage != nil {
		return mark{giving: m.giving}, true, damage
	}
	return m, found, err
}

// peekMark reads MARK for a repair, which goes on where another one was giving up
// records. damage says what is wrong with it.
func peekMark(dir string) (m mark, found bool, damage *DamageError, err error) {
	b, err := readSmall(filepath.Join(dir, markName), markSize)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil, nil
	}
	if err != nil {
		return m, true, nil, fmt.Errorf("journal: read %s: %w", markName, err)
	}
	m, offset, reason := decodeMark(b)
	if reason != "" {
		damage = badMark(offset, reason)
	}
	return m, true, damage, nil
}

// interrupted is the damage of a MARK that a repair wrote before it gave up records,
// and did not write again behind that.
func (m *mark) interrupted() *DamageError {
	return badMark(12, fmt.Sprintf("a repair that gives up the records from seq %d on was interrupted", m.last+1))
}

func badMark(offset int64, reason string) *DamageError {
	return &DamageError{
		File: markName, Offset: offset, Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.ReplaceMark},
	}
}

// Missing is the damage of a ledger that was made and whose journal is gone.
func Missing() *DamageError { return noMark(0) }

// noMark is the damage of a journal without its MARK: no ledger is ever without
// one once it was made.
func noMark(segments int) *DamageError {
	if segments == 0 {
		return badMark(0, "missing, and so is every segment of the journal")
	}
	return badMark(0, "missing beside segments")
}

func writeMark(dir string, m *mark) error {
	err := durable.WriteFile(filepath.Join(dir, markName), m.encode(), filePerm)
	if err != nil {
		return fmt.Errorf("journal: write %s: %w", markName, err)
	}
	return nil
}

// readSmall reads a regular file of at most limit bytes, and one more so that
// a longer one shows.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, limit+1)
	n, err := readFull(f, b, 0)
	return b[:n], err
}

// agrees reports whether a record can stand in the journal that MARK describes.
// Segments of another ledger are in order by themselves; MARK's chain value is
// what they do not lead to.
func (m *mark) agrees(h *Head) bool { return h.Seq != m.last || h.Chain == m.chain }

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/keyring"
)

// Reader reads the records of a ledger, beside a writer or without one. It
// takes no lock, creates nothing and repairs nothing. It may be used by many
// goroutines; a [Cursor] of it by one.
//
// Beside a writer it sees what is written, which can be more than what is
// durable; who must not see that gives [Cursor.Next] a limit. An atomic batch
// shows when all of it is there.
//
// Encrypted payloads are decrypted with the keys of [Reader.WithKeys]. Without
// the key of a record it cannot be read: that is [keyring.ErrNoKey], never
// damage. Heads can be, see [Reader.Stored].
type Reader struct {
	dir     string
	vault   *vault
	stored  bool
	verdict func() // called before the end is judged, for tests
}

// OpenReader returns a reader of the ledger in dir. It returns an error that
// matches [fs.ErrNotExist] when there is none.
func OpenReader(dir string) (*Reader, error) {
	r := &Reader{dir: dir}
	_, err := os.Stat(filepath.Join(dir, journalDir))
	if errors.Is(err, fs.ErrNotExist) {
		if _, markErr := os.Stat(filepath.Join(dir, markName)); markErr == nil {
			err = nil
		}
	}
	if err == nil || misplaced(err) {
		_, _, err = r.list()
	}
	if err != nil {
		return nil, fmt.Errorf("journal: open reader: %w", err)
	}
	return r, nil
}

// WithKeys returns a reader that decrypts with the keys of a ring, including
// those that it gets later.
func (r *Reader) WithKeys(keys *keyring.Ring) *Reader {
	return &Reader{dir: r.dir, vault: newVault(keys)}
}

// Stored returns a reader that needs no keys: the payload of an encrypted record
// is what is stored.
func (r *Reader) Stored() *Reader { return &Reader{dir: r.dir, stored: true} }

func (r *Reader) opener() opener { return opener{vault: r.vault, stored: r.stored} }

// list returns the segments that are kept now, oldest first, and what MARK
// says. MARK is read first: what it says of the end is true from then on.
func (r *Reader) list() ([]segmentFile, mark, error) {
	m, found, err := readMark(r.dir)
	if err != nil {
		return nil, m, err
	}
	segs, err := listSegments(r.dir)
	if err != nil {
		return nil, m, err
	}
	if !found {
		if _, found, err = readMark(r.dir); found { // a writer has just begun
			return r.list()
		}
		if err == nil {
			err = noMark(len(segs))
		}
		return nil, m, err
	}
	for len(segs) > 0 && segs[0].first < m.first {
		segs = segs[1:]
	}
	gap := ""
	switch {
	case len(segs) == 0 && m.last >= m.first:
		gap = "every segment is missing"
	case len(segs) > 0 && segs[0].first > m.first:
		gap = "the first segment that MARK knows of is missing"
	}
	if gap != "" {
		// Trimmed between the two looks, or lost; a second MARK tells.
		again, _, markErr := readMark(r.dir)
		if markErr == nil && again.first > m.first {
			return r.list()
		}
		return nil, m, damaged(m.last, segmentPath(m.first), 0, m.first, gap)
	}
	return segs, m, nil
}

// First returns the first seq that is kept now, or will be when there is none
// yet; 0 when that cannot be read.
func (r *Reader) First() uint64 {
	_, m, err := r.list()
	if err != nil {
		return 0
	}
	return m.first
}

// Last returns the head of the last record that can be read. Its Seq is
// First()-1 when there is none.
func (r *Reader) Last() (Head, error) {
	segs, m, err := r.list()
	if err != nil {
		return Head{}, err
	}
	for _, seg := range slices.Backward(segs) {
		c := r.Stored().Cursor(seg.first)
		last, err := c.drain()
		_ = c.Close()
		if err != nil || last.Seq != 0 {
			return last, err
		}
	}
	return Head{Seq: m.first - 1, Chain: m.base}, nil
}

// from returns the segments that hold seq, or the first record for 0, and what
// follows, oldest first, and MARK.
func (r *Reader) from(seq uint64) ([]segmentFile, mark, error) {
	segs, m, err := r.list()
	if err != nil {
		return nil, m, err
	}
	if seq == 0 {
		seq = m.first
	}
	if seq < m.first {
		return nil, m, &TrimmedError{Seq: seq, Earliest: m.first}
	}
	for len(segs) > 1 && segs[1].first <= seq {
		segs = segs[1:]
	}
	return segs, m, nil
}

// missing explains why a segment could not be opened by someone who is about
// to read seq. It returns nil when the segment was trimmed and seq was not.
func (r *Reader) missing(first, seq uint64, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		_, m, listErr := r.list()
		switch {
		case listErr != nil:
			return listErr
		case m.first > max(first, seq):
			return &TrimmedError{Seq: seq, Earliest: m.first}
		case m.first > first:
			return nil
		}
		return damaged(m.last, segmentPath(first), 0, first, "the segment is missing")
	}
	return fmt.Errorf("journal: open %s: %w", segmentPath(first), err)
}

// Size returns how many bytes the segments take, 0 when that cannot be read.
func (r *Reader) Size() int64 {
	segs, _, err := r.list()
	if err != nil {
		return 0
	}
	var n int64
	for i := range segs {
		n += segs[i].size
	}
	return n
}

// chainBefore returns the chain value before the first record of a segment whose
// predecessor nobody has read, for the sake of decrypting it.
func (r *Reader) chainBefore(first uint64) ([32]byte, error) {
	segs, m, err := r.list()
	if err != nil {
		return [32]byte{}, err
	}
	if h, known := m.before(first); known {
		return h.Chain, nil
	}
	var seg *segmentFile
	for i := range segs {
		if segs[i].first < first {
			seg = &segs[i]
		}
	}
	if seg == nil {
		return [32]byte{}, &TrimmedError{Seq: first, Earliest: m.first}
	}
	scan, err := scanFile(*seg, 0, false)
	if err != nil {
		return [32]byte{}, err
	}
	if scan.head.Seq+1 != first || scan.flaw != nil {
		if scan.flaw != nil {
			return [32]byte{}, damaged(m.last, seg.name(), scan.flaw.off, scan.flaw.seq, scan.flaw.reason+inSealed)
		}
		return [32]byte{}, damaged(m.last, segmentPath(scan.head.Seq+1), 0, scan.head.Seq+1,
			"the segment is missing, or the one before it was cut short")
	}
	return scan.head.Chain, nil
}

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
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
	vault   *segment.Vault
	stored  bool
	verdict func() // called before the end is judged, for tests
}

// OpenReader returns a reader of the ledger in dir. It returns an error that
// matches [fs.ErrNotExist] when there is none.
func OpenReader(dir string) (*Reader, error) {
	r := &Reader{dir: dir}
	_, err := os.Stat(filepath.Join(dir, segment.JournalDir))
	if errors.Is(err, fs.ErrNotExist) {
		if _, markErr := os.Stat(filepath.Join(dir, segment.MarkName)); markErr == nil {
			err = nil
		}
	}
	if err == nil || segment.Misplaced(err) {
		_, _, err = r.list()
	}
	if err != nil {
		return nil, fmt.Errorf("open reader: %w", err)
	}
	return r, nil
}

// WithKeys returns a reader that decrypts with the keys of a ring, including
// those that it gets later.
func (r *Reader) WithKeys(keys *keyring.Ring) *Reader {
	return &Reader{dir: r.dir, vault: segment.NewVault(keys)}
}

// Stored returns a reader that needs no keys: the payload of an encrypted record
// is what is stored.
func (r *Reader) Stored() *Reader { return &Reader{dir: r.dir, stored: true} }

func (r *Reader) opener() segment.Opener { return segment.Opener{Vault: r.vault, Stored: r.stored} }

// list returns the segments that are kept now, oldest first, and what MARK
// says. MARK is read first: what it says of the end is true from then on.
func (r *Reader) list() ([]segment.File, segment.Mark, error) {
	m, found, err := segment.ReadMark(r.dir)
	if err != nil {
		return nil, m, err
	}
	segs, err := segment.List(r.dir)
	if err != nil {
		return nil, m, err
	}
	if !found {
		if _, found, err = segment.ReadMark(r.dir); found { // a writer has just begun
			return r.list()
		}
		if err == nil {
			err = segment.NoMark(len(segs))
		}
		return nil, m, err
	}
	for len(segs) > 0 && segs[0].First < m.First {
		segs = segs[1:]
	}
	gap := ""
	switch {
	case len(segs) == 0 && m.Last >= m.First:
		gap = "every segment is missing"
	case len(segs) > 0 && segs[0].First > m.First:
		gap = "the first segment that MARK knows of is missing"
	}
	if gap != "" {
		// Trimmed between the two looks, or lost; a second MARK tells.
		again, _, markErr := segment.ReadMark(r.dir)
		if markErr == nil && again.First > m.First {
			return r.list()
		}
		return nil, m, segment.Damaged(m.Last, segment.Path(m.First), 0, m.First, gap)
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
	return m.First
}

// Last returns the head of the last record that can be read. Its Seq is
// First()-1 when there is none.
func (r *Reader) Last() (segment.Head, error) {
	segs, m, err := r.list()
	if err != nil {
		return segment.Head{}, err
	}
	for _, seg := range slices.Backward(segs) {
		c := r.Stored().Cursor(seg.First)
		last, err := c.drain()
		_ = c.Close()
		if err != nil || last.Seq != 0 {
			return last, err
		}
	}
	return segment.Head{Seq: m.First - 1, Chain: m.Base}, nil
}

// Anchors are what MARK says of a journal's two ends.
type Anchors struct {
	// Base is the record before the first one kept, as far as its seq and chain
	// value are known; its seq is 0 at the beginning of a history. Known is false
	// where MARK was lost.
	Base  segment.Head
	Known bool
	// Durable is a seq that was durable, Clean whether the journal was closed
	// behind it.
	Durable uint64
	Clean   bool
}

// Anchors reads MARK. A journal that was never written to has zero anchors.
func (r *Reader) Anchors() (Anchors, error) {
	_, m, err := r.list()
	if err != nil {
		return Anchors{}, err
	}
	return Anchors{
		Base: segment.Head{Seq: m.First - 1, Chain: m.Base}, Known: !m.NoBase, Durable: m.Last, Clean: m.Clean,
	}, nil
}

// from returns the segments that hold seq, or the first record for 0, and what
// follows, oldest first, and MARK.
func (r *Reader) from(seq uint64) ([]segment.File, segment.Mark, error) {
	segs, m, err := r.list()
	if err != nil {
		return nil, m, err
	}
	if seq == 0 {
		seq = m.First
	}
	if seq < m.First {
		return nil, m, &TrimmedError{Seq: seq, Earliest: m.First}
	}
	for len(segs) > 1 && segs[1].First <= seq {
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
		case m.First > max(first, seq):
			return &TrimmedError{Seq: seq, Earliest: m.First}
		case m.First > first:
			return nil
		}
		return segment.Damaged(m.Last, segment.Path(first), 0, first, "the segment is missing")
	}
	return fmt.Errorf("open %s: %w", segment.Path(first), err)
}

// Size returns how many bytes the segments take, 0 when that cannot be read.
func (r *Reader) Size() int64 {
	segs, _, err := r.list()
	if err != nil {
		return 0
	}
	var n int64
	for i := range segs {
		n += segs[i].Size
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
	if h, known := m.Before(first); known {
		return h.Chain, nil
	}
	var seg *segment.File
	for i := range segs {
		if segs[i].First < first {
			seg = &segs[i]
		}
	}
	if seg == nil {
		return [32]byte{}, &TrimmedError{Seq: first, Earliest: m.First}
	}
	scan, err := segment.ScanFile(*seg, 0, false)
	if err != nil {
		return [32]byte{}, err
	}
	if scan.Head.Seq+1 != first || scan.Flaw != nil {
		if scan.Flaw != nil {
			return [32]byte{}, segment.Damaged(m.Last, seg.Name(), scan.Flaw.Off, scan.Flaw.Seq, scan.Flaw.Reason+segment.InSealed)
		}
		return [32]byte{}, segment.Damaged(m.Last, segment.Path(scan.Head.Seq+1), 0, scan.Head.Seq+1,
			"the segment is missing, or the one before it was cut short")
	}
	return scan.Head.Chain, nil
}

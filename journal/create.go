package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// Reservation is a directory that is held for a ledger that is about to be made in
// it.
type Reservation struct {
	l    *segment.Lock
	dir  string
	made bool // the directory was
}

// Reserve holds a directory, which is made if it is missing, for a ledger that is
// about to be made in it. If another value holds it, the error is an [InUseError].
func Reserve(dir string, h segment.Holder) (*Reservation, error) {
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	_, err := os.Lstat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if err = segment.MakeDirs(dir); err != nil {
		return nil, fmt.Errorf("make ledger directory: %w", err)
	}
	l, err := segment.TakeLock(dir, h)
	if err != nil {
		return nil, err
	}
	return &Reservation{l: l, dir: dir, made: made}, nil
}

// Release gives the directory free.
func (r *Reservation) Release() error {
	if r.l == nil {
		return ErrClosed
	}
	return r.l.Release()
}

// Abandon gives the directory free and takes away what Reserve has made, if nothing
// else was made there.
func (r *Reservation) Abandon() error {
	if r.l == nil {
		return ErrClosed
	}
	_, err := os.Lstat(filepath.Join(r.dir, segment.MarkName))
	if _, other := os.Lstat(filepath.Join(r.dir, segment.JournalDir)); r.made && errors.Is(err, fs.ErrNotExist) && errors.Is(other, fs.ErrNotExist) {
		_ = os.Remove(filepath.Join(r.dir, segment.LockName)) // under the lock of the directory; one that stays is no obstacle
		_ = os.Remove(r.dir)                                  // fails where something is in it, which is as well
	}
	return r.l.Release()
}

// Create makes the journal of a new lineage in dir, a directory without one: it
// holds no record yet, and its first will be the one behind base, on base's
// chain. It is what a restored ledger begins with; [Open] on an empty directory
// makes a journal that begins with seq 1.
//
// MARK is written last, and names the first segment: before that, there is no
// journal, and a directory in which a crash has left the empty segment is
// refused by Open because MARK is missing.
func Create(dir string, base segment.Head) error {
	if err := segment.MakeDirs(dir); err != nil {
		return fmt.Errorf("make ledger directory: %w", err)
	}
	segs, err := segment.List(dir)
	if err != nil {
		return err
	}
	_, found, err := segment.ReadMark(dir)
	if err != nil {
		return err
	}
	if found || len(segs) > 0 {
		return fmt.Errorf("create: %s holds a journal already", dir)
	}
	for _, name := range []string{segment.JournalDir, segment.QuarantineDir} {
		if err = segment.MakeDir(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	first := base.Seq + 1
	err = makeEmpty(filepath.Join(dir, segment.JournalDir, segment.Name(first)))
	if err != nil {
		return fmt.Errorf("make first segment: %w", err)
	}
	return segment.WriteMark(dir, &segment.Mark{
		Clean: true, First: first, Last: base.Seq, Epoch: base.Epoch, Tail: first, Chain: base.Chain, Base: base.Chain,
	})
}

// makeEmpty makes an empty file durable.
func makeEmpty(path string) error { return durable.WriteFile(path, nil, segment.FilePerm) }

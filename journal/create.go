package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/durable"
)

// Reservation is a directory that is held for a ledger that is about to be made in
// it.
type Reservation struct {
	l    *lock
	dir  string
	made bool // the directory was
}

// Reserve holds a directory, which is made if it is missing, for a ledger that is
// about to be made in it. Whoever holds it already gives an [InUseError].
func Reserve(dir string, h Holder) (*Reservation, error) {
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	_, err := os.Lstat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if err = makeDirs(dir); err != nil {
		return nil, fmt.Errorf("journal: make ledger directory: %w", err)
	}
	l, err := takeLock(dir, h)
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
	return r.l.release()
}

// Abandon gives the directory free and takes away what Reserve has made, if nothing
// else was made there.
func (r *Reservation) Abandon() error {
	if r.l == nil {
		return ErrClosed
	}
	_, err := os.Lstat(filepath.Join(r.dir, markName))
	if _, other := os.Lstat(filepath.Join(r.dir, journalDir)); r.made && errors.Is(err, fs.ErrNotExist) && errors.Is(other, fs.ErrNotExist) {
		_ = os.Remove(filepath.Join(r.dir, lockName)) // under the lock of the directory; one that stays is no obstacle
		_ = os.Remove(r.dir)                          // fails where something is in it, which is as well
	}
	return r.l.release()
}

// Create makes the journal of a new lineage in dir, a directory without one: it
// holds no record yet, and its first will be the one behind base, on base's
// chain. It is what a restored ledger begins with; [Open] on an empty directory
// makes a journal that begins with seq 1.
//
// MARK is written last, and names the first segment: before that, there is no
// journal, and a directory in which a crash has left the empty segment is
// refused by Open because MARK is missing.
func Create(dir string, base Head) error {
	if err := makeDirs(dir); err != nil {
		return fmt.Errorf("journal: make ledger directory: %w", err)
	}
	segs, err := listSegments(dir)
	if err != nil {
		return err
	}
	_, found, err := readMark(dir)
	if err != nil {
		return err
	}
	if found || len(segs) > 0 {
		return fmt.Errorf("journal: create: %s holds a journal already", dir)
	}
	for _, name := range []string{journalDir, quarantineDir} {
		if err = makeDir(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("journal: make directory: %w", err)
		}
	}
	first := base.Seq + 1
	err = makeEmpty(filepath.Join(dir, journalDir, segmentBase(first)))
	if err != nil {
		return fmt.Errorf("journal: make first segment: %w", err)
	}
	return writeMark(dir, &mark{
		clean: true, first: first, last: base.Seq, epoch: base.Epoch, tail: first, chain: base.Chain, base: base.Chain,
	})
}

// makeEmpty makes an empty file durable.
func makeEmpty(path string) error { return durable.WriteFile(path, nil, filePerm) }

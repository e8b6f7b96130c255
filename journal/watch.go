package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
	"github.com/moneyprinter/holdfast/remedy"
)

// watchedAtOnce bounds how many sealed segments are looked at with each MARK; a
// look takes less than a microsecond.
const watchedAtOnce = 4096

// ident tells a file from every other one that exists at the same time.
type ident struct{ dev, ino uint64 }

// look asks what a name stands for, without following a link.
func look(path string) (id ident, size int64, err error) {
	var mode uint32
	for {
		if id, size, mode, err = inode(unix.AT_FDCWD, path); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil && mode&unix.S_IFMT != unix.S_IFREG {
		err = unix.ENXIO
	}
	if err != nil {
		return ident{}, 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return id, size, nil
}

// inodeByStat is inode by the calls that every system has.
func inodeByStat(fd int, path string) (id ident, size int64, mode uint32, err error) {
	var st unix.Stat_t
	if path == "" {
		err = unix.Fstat(fd, &st)
	} else {
		err = unix.Lstat(path, &st)
	}
	return ident{uint64(st.Dev), st.Ino}, st.Size, uint32(st.Mode), err //nolint:gosec,unconvert // signs and widths differ between systems
}

// watch knows what the names of the segments stand for. The writer goes on with
// open descriptors, so that a file which is removed, renamed or replaced takes
// what is written to it with it, without an error from any system call.
type watch struct {
	mu    sync.Mutex // guards what follows
	first uint64     // of the newest segment
	id    ident      // of its file
	bytes int64      // committed to it
	f     *os.File   // open for as long as it is the newest, for what only it has; nil: cannot be opened
	kept  bool       // what only f has was kept
}

// follow turns to the newest segment, which was just opened or begun.
func (w *watch) follow(dir string, first uint64, bytes int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := filepath.Join(dir, segment.Path(first))
	id, _, err := look(path)
	if err != nil {
		return err
	}
	w.drop()
	w.first, w.id, w.bytes = first, id, bytes
	if f, err := segment.OpenRegular(path, os.O_RDONLY); err == nil {
		w.f = f
	}
	return nil
}

// drop lets go of the newest segment. It needs mu.
func (w *watch) drop() {
	if w.f != nil {
		_ = w.f.Close() // opened for reading
	}
	w.f = nil
}

// end is drop for a journal that is closed.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop()
}

// newest holds the newest segment against its name.
func (w *watch) newest(dir string) (reason string, err error) {
	id, size, err := look(filepath.Join(dir, segment.Path(w.first)))
	switch {
	case gone(err):
		return "the segment that is appended to was removed or renamed while the ledger was open", nil
	case err != nil:
		return "", err
	case id != w.id:
		return "the segment that is appended to was replaced by another file while the ledger was open", nil
	case size < w.bytes:
		return cutTo(size, w.bytes), nil
	}
	return "", nil
}

// cut reports whether the newest segment is shorter than what was committed to it.
// A commit asks before it writes: the write would go where the file ended before,
// and leave a hole. A size that cannot be asked now is asked with the next MARK.
func (w *watch) cut() (reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return ""
	}
	_, size, _, err := inode(int(w.f.Fd()), "") //nolint:gosec // a file descriptor fits an int
	if err != nil || size >= w.bytes {
		return ""
	}
	return cutTo(size, w.bytes)
}

func cutTo(size, committed int64) string {
	return fmt.Sprintf("the segment that is appended to was cut to %d bytes while the ledger was open; %d were committed", size, committed)
}

// gone reports whether a name stands for nothing, or for no file.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || segment.Misplaced(err) }

// confirm is called by a commit whose records are durable, before it says so: the
// names of the segments that hold them must still be those of the files that were
// written. It notes what the segments are that were left.
func (j *Journal) confirm(next *tail, full []sealed) error {
	w := &j.watch
	for i := range full {
		s := &full[i]
		id, size, err := look(filepath.Join(j.dir, segment.Path(s.first)))
		switch {
		case gone(err):
			return j.astray(s.first, "the segment was removed or renamed while it was written")
		case err != nil:
			return err
		case s.first == w.first && id != w.id || size < s.bytes:
			return j.astray(s.first, "the segment was replaced or cut while it was written")
		}
		s.id, s.bytes = id, size
	}
	if next.first != w.first {
		if err := w.follow(j.dir, next.first, 0); gone(err) {
			return j.astray(next.first, "the segment was removed or renamed as it was begun")
		} else if err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.bytes = int64(next.bytes)
	reason, err := w.newest(j.dir)
	w.mu.Unlock()
	if reason != "" {
		return j.astray(next.first, reason)
	}
	return err
}

// Watch reports whether the files that the writer holds still bear their names: the
// directory, LOCK, the segment that is appended to, and the sealed segments, of
// which so many are looked at in turn that a journal of 64 GiB, in segments of
// 16 MiB, is looked at whole. A file that does not bear its name ends the journal: see
// [FailedError]. Watch is part of [Journal.SaveMark], and of every commit for the
// segment that is appended to.
func (j *Journal) Watch() error {
	if err := j.usable(); err != nil {
		return err
	}
	place := j.lock.Check()
	if place != nil && !errors.Is(place, ErrLockLost) {
		return j.noticed(place)
	}
	err := j.watchNewest()
	if err == nil {
		err = j.watchSealed()
	}
	if err == nil {
		err = place // a lost LOCK comes last: the segments may have gone with it
	}
	return j.noticed(err)
}

// noticed ends the journal where a look has found something. Where it could not be
// had, nobody can tell now, and the next one may.
func (j *Journal) noticed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrMoved), errors.Is(err, ErrLockLost), errors.Is(err, segment.ErrDamaged):
		return j.fail("watch", err)
	}
	return fmt.Errorf("watch: %w", err)
}

func (j *Journal) watchNewest() error {
	j.watch.mu.Lock()
	first := j.watch.first
	reason, err := j.watch.newest(j.dir)
	j.watch.mu.Unlock()
	if reason != "" {
		return j.astray(first, reason)
	}
	return err
}

func (j *Journal) watchSealed() error {
	for _, s := range j.turn() {
		id, size, err := look(filepath.Join(j.dir, segment.Path(s.first)))
		if err == nil && id == s.id && size == s.bytes {
			continue
		}
		if s.last.Seq < j.First() {
			continue // trimmed meanwhile: First moves before a file is removed
		}
		switch {
		case gone(err):
			return j.astray(s.first, "the segment was removed or renamed while the ledger was open")
		case err != nil:
			return err
		case size != s.bytes:
			return j.astray(s.first, fmt.Sprintf("the segment has %d bytes, it had %d when the next one was begun", size, s.bytes))
		}
		if err = j.adopt(&s, id); err != nil {
			return err
		}
	}
	return nil
}

// turn returns the sealed segments that are to be looked at now.
func (j *Journal) turn() []sealed {
	j.mu.Lock()
	defer j.mu.Unlock()
	from := 0
	for from < len(j.sealed) && j.sealed[from].first < j.watched {
		from++
	}
	if from == len(j.sealed) {
		from = 0
	}
	some := append([]sealed(nil), j.sealed[from:min(from+watchedAtOnce, len(j.sealed))]...)
	if n := len(some); n > 0 {
		j.watched = some[n-1].first + 1
	}
	return some
}

// adopt looks at a sealed segment whose file is another one. A file with the same
// records does no harm: tools that defragment or copy put one in its place, and some
// file systems give a file a new number while nobody has it open.
func (j *Journal) adopt(s *sealed, id ident) error {
	found, err := segment.ScanFile(segment.File{First: s.first, Path: filepath.Join(j.dir, segment.Path(s.first)), Size: s.bytes}, math.MaxUint64, false)
	if s.last.Seq < j.First() {
		return nil
	}
	if err != nil {
		return err
	}
	if found.Flaw != nil || found.Head.Seq != s.last.Seq || found.Head.Chain != s.last.Chain {
		return j.astray(s.first, "the segment was replaced by a file that does not hold its records")
	}
	j.o.Logger.Warn("a segment of the journal is another file with the same records now", "file", segment.Path(s.first))
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.sealed {
		if j.sealed[i].first == s.first {
			j.sealed[i].id = id
		}
	}
	return nil
}

// astray makes the error of a segment whose name is not that of its file. If the
// whole directory has gone, that is the error; a LOCK that has gone as well changes
// nothing. A segment that only an open descriptor has is kept, once.
func (j *Journal) astray(first uint64, reason string) error {
	if err := j.lock.Check(); err != nil && !errors.Is(err, ErrLockLost) {
		return err
	}
	d := &segment.DamageError{
		File: segment.Path(first), Seq: first, Durable: j.Durable(), Reason: reason,
		Remedy: remedy.Remedy{Kind: remedy.HealStopped},
	}
	name, err := j.rescue(first)
	switch {
	case err != nil:
		j.o.Logger.Error("what was written to the segment could not be kept", "file", d.File, "err", err)
	case name != "":
		d.Remedy = remedy.Remedy{Kind: remedy.PutKept, File: name, To: d.File}
	}
	return d
}

// rescue copies the newest segment from its descriptor to quarantine/ if no name of
// it is left.
func (j *Journal) rescue(first uint64) (name string, err error) {
	w := &j.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil || w.first != first || w.kept {
		return "", nil
	}
	id, _, err := look(filepath.Join(j.dir, segment.Path(first)))
	if err == nil && id == w.id {
		return "", nil // it was cut, and has no more than its name
	}
	info, err := w.f.Stat()
	if err != nil {
		return "", err
	}
	if err = segment.MakeDir(filepath.Join(j.dir, segment.QuarantineDir)); err != nil {
		return "", err
	}
	w.kept = true
	name = fmt.Sprintf("%s/%s-removed-epoch-%d", segment.QuarantineDir, segment.Name(first), j.epoch)
	return name, durable.Replace(filepath.Join(j.dir, name), segment.FilePerm, func(to io.Writer) error {
		_, err := io.Copy(to, io.NewSectionReader(w.f, 0, info.Size()))
		return err
	})
}

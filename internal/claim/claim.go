// Package claim holds a directory for one process, whatever becomes of the names
// in it.
//
// A claim is two locks of flock(2): one on a file in the directory, whose text can
// say who holds it, and one on the directory itself. A lock belongs to an open
// file, not to its name. If somebody removes or replaces the file, as people do
// with a lock that looks stale, the next process locks another file; the
// directory cannot be taken from under the files that are in it. So the second
// process meets the lock of the directory, and [Claim.Check] tells the first one
// that its names are not what it holds.
//
// Where a file system cannot lock directories (NFS asks for a descriptor that may
// write), the file alone is locked, and Check is all that notices.
package claim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

var (
	// ErrHeld is returned by [Take] when another claim holds the directory.
	ErrHeld = errors.New("held by another process")
	// ErrLost says that the file of a claim was removed or replaced.
	ErrLost = errors.New("the lock file was removed or replaced while it was held")
	// ErrMoved says that the directory of a claim is not where it was: moved,
	// removed, or another one is in its place.
	ErrMoved = errors.New("the directory was moved, removed or replaced while it was in use")
)

const (
	// probeTries bounds how long Take waits for others that only ask whether the
	// directory is held, which takes them microseconds.
	probeTries = 10_000
	// nameTries bounds how often Take begins anew because the name of the file
	// stood for another one when the lock was there.
	nameTries = 100
	filePerm  = 0o600
)

// Claim is a held directory. Check may be called by any goroutine, the other
// methods by one.
type Claim struct {
	path string
	name string
	dir  *os.File
	file *os.File
	whom [2]fs.FileInfo // of dir and file
	sole bool           // the directory is locked, too
}

// Take claims a directory that exists, without waiting. The file is made if it is
// missing; what bears its name and is no regular file gives the error of opening
// it. Someone else's claim gives ErrHeld.
func Take(dir, name string) (*Claim, error) {
	for range nameTries {
		c, err := take(dir, name)
		if err == nil {
			if err = c.Check(); err == nil {
				return c, nil
			}
			_ = c.Release() // nothing was done under it
		}
		if !errors.Is(err, ErrLost) && !errors.Is(err, ErrMoved) {
			return nil, err
		}
		runtime.Gosched()
	}
	return nil, fmt.Errorf("%s is replaced all the time", filepath.Join(dir, name))
}

func take(path, name string) (*Claim, error) {
	dir, err := openDir(path)
	if err != nil {
		return nil, err
	}
	c := &Claim{path: path, name: name, dir: dir}
	switch err = exclusive(dir); {
	case err == nil:
		c.sole = true
	case errors.Is(err, ErrHeld):
		return nil, errors.Join(err, dir.Close())
	}
	if c.file, err = open(filepath.Join(path, name), os.O_RDWR|os.O_CREATE); err == nil {
		err = exclusive(c.file)
	}
	for i, f := range []*os.File{c.dir, c.file} {
		if err == nil {
			c.whom[i], err = f.Stat()
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.Release())
	}
	return c, nil
}

// Check reports by ErrMoved or ErrLost that the names are not those of what is
// held. Another error says that nobody can tell now.
func (c *Claim) Check() error {
	if err := same(c.whom[0], os.Stat, c.path, ErrMoved); err != nil {
		return err
	}
	return same(c.whom[1], os.Lstat, filepath.Join(c.path, c.name), ErrLost)
}

func same(held fs.FileInfo, look func(string) (fs.FileInfo, error), path string, gone error) error {
	now, err := look(path)
	switch {
	case err == nil && os.SameFile(held, now):
		return nil
	case err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%s: %w", path, gone)
	}
	return err
}

// Sole reports whether the directory itself is locked, so that nobody else can
// hold it whatever becomes of the file.
func (c *Claim) Sole() bool { return c.sole }

// File is the locked file, for a text that says who holds it.
func (c *Claim) File() *os.File { return c.file }

// Release gives both locks free by name: closing alone would leave them to a
// process that is being forked at this moment, until that has closed its copies.
func (c *Claim) Release() error {
	var errs []error
	for _, f := range []*os.File{c.file, c.dir} {
		if f != nil {
			_ = flock(f, unix.LOCK_UN) // closing does it as well
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Held reports whether a directory is claimed now, and calls read with the file if
// there is one. It never waits and creates nothing.
func Held(dir, name string, read func(*os.File)) bool {
	held := false
	f, err := open(filepath.Join(dir, name), os.O_RDONLY)
	if err == nil {
		defer func() { _ = f.Close() }() // opened for reading
		held = taken(f)
	}
	if d, derr := openDir(dir); derr == nil {
		held = taken(d) || held
		_ = d.Close() // the same
	}
	if held && err == nil {
		read(f)
	}
	return held
}

// taken asks with a shared lock for a moment.
func taken(f *os.File) bool {
	err := flock(f, unix.LOCK_SH)
	if err == nil {
		_ = flock(f, unix.LOCK_UN) // it ends with the descriptor
	}
	return errors.Is(err, unix.EWOULDBLOCK)
}

// exclusive takes the lock of an open file. It tries again where it finds only
// shared locks, which are those of others that ask.
func exclusive(f *os.File) error {
	var err error
	for range probeTries {
		if err = flock(f, unix.LOCK_EX); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		if taken(f) {
			break // held for writing: there is an owner
		}
		runtime.Gosched()
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	return err
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB) //nolint:gosec // a file descriptor fits an int
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// openDir opens a directory. A pipe in its place is refused, not waited for.
func openDir(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0) //nolint:gosec // the caller names the directory
}

// open opens a file that must not be a link, a pipe or a directory.
func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, filePerm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENXIO}
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
		return nil, err
	}
	return f, nil
}

package faultos

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Types of package os under the same names.
type (
	FileInfo     = os.FileInfo
	FileMode     = os.FileMode
	DirEntry     = os.DirEntry
	PathError    = os.PathError
	LinkError    = os.LinkError
	SyscallError = os.SyscallError
	Signal       = os.Signal
)

// Constants of package os under the same names.
const (
	O_RDONLY = os.O_RDONLY
	O_WRONLY = os.O_WRONLY
	O_RDWR   = os.O_RDWR
	O_APPEND = os.O_APPEND
	O_CREATE = os.O_CREATE
	O_EXCL   = os.O_EXCL
	O_SYNC   = os.O_SYNC
	O_TRUNC  = os.O_TRUNC

	ModePerm      = os.ModePerm
	ModeDir       = os.ModeDir
	ModeSymlink   = os.ModeSymlink
	ModeType      = os.ModeType
	PathSeparator = os.PathSeparator
)

// Errors of package os under the same names.
var (
	ErrInvalid    = os.ErrInvalid
	ErrPermission = os.ErrPermission
	ErrExist      = os.ErrExist
	ErrNotExist   = os.ErrNotExist
	ErrClosed     = os.ErrClosed
)

// The functions below do what those of package os do.

// Geteuid passes through.
func Geteuid() int { return os.Geteuid() }

// Getpid passes through.
func Getpid() int { return os.Getpid() }

// Getuid passes through.
func Getuid() int { return os.Getuid() }

// Getenv passes through.
func Getenv(key string) string { return os.Getenv(key) }

// LookupEnv passes through.
func LookupEnv(key string) (string, bool) { return os.LookupEnv(key) }

// Environ passes through.
func Environ() []string { return os.Environ() }

// Hostname passes through.
func Hostname() (string, error) { return os.Hostname() }

// IsNotExist passes through.
func IsNotExist(err error) bool { return os.IsNotExist(err) }

// IsExist passes through.
func IsExist(err error) bool { return os.IsExist(err) }

// SameFile passes through.
func SameFile(a, b FileInfo) bool { return os.SameFile(a, b) }

// Stat passes through.
func Stat(name string) (FileInfo, error) { return os.Stat(name) }

// Lstat passes through.
func Lstat(name string) (FileInfo, error) { return os.Lstat(name) }

// Chmod passes through.
func Chmod(name string, mode FileMode) error { return os.Chmod(name, mode) }

// Exit passes through.
func Exit(code int) { os.Exit(code) }

// Open opens for reading.
func Open(name string) (*File, error) { return OpenFile(name, O_RDONLY, 0) }

// Create makes or empties a file.
func Create(name string) (*File, error) { return OpenFile(name, O_RDWR|O_CREATE|O_TRUNC, 0o666) }

// OpenFile opens.
func OpenFile(name string, flag int, perm FileMode) (*File, error) {
	d, rel := find(name)
	if d == nil {
		f, err := os.OpenFile(name, flag, perm) //nolint:gosec // the caller names the file
		if err != nil {
			return nil, err
		}
		return &File{f: f}, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kind := OpOpen
	if flag&O_CREATE != 0 && d.tree.find(rel) == 0 {
		kind = OpCreate
	}
	if d.strikes(kind) {
		return nil, &PathError{Op: "open", Path: name, Err: d.rule.Err}
	}
	f, err := os.OpenFile(name, flag, perm) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	if kind == OpCreate && !d.done {
		d.inodes++
		d.record(&Op{Kind: OpCreate, Path: rel, Inode: d.inodes})
	}
	out := &File{f: f, d: d, rel: rel, inode: d.tree.find(rel), end: flag&O_APPEND != 0}
	n := d.tree.nodes[out.inode]
	if n == nil { // not watched from the beginning, a device for example
		out.d = nil
		return out, nil
	}
	out.dir = n.dir
	if flag&O_TRUNC != 0 && kind == OpOpen && len(apply(n.synced, n.dirty)) > 0 {
		d.record(&Op{Kind: OpTruncate, Path: rel, Inode: out.inode})
	}
	return out, nil
}

// ReadFile reads a whole file.
func ReadFile(name string) ([]byte, error) {
	if err := look(name); err != nil {
		return nil, err
	}
	return os.ReadFile(name) //nolint:gosec // the caller names the file
}

// ReadDir lists a directory.
func ReadDir(name string) ([]DirEntry, error) {
	if err := look(name); err != nil {
		return nil, err
	}
	return os.ReadDir(name)
}

// look counts an open that only reads.
func look(name string) error {
	d, rel := find(name)
	return pathError("open", name, d.do(&Op{Kind: OpOpen, Path: rel}, func() error { return nil }))
}

// WriteFile makes a file that holds b.
func WriteFile(name string, b []byte, perm FileMode) error {
	f, err := OpenFile(name, O_WRONLY|O_CREATE|O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// Remove removes a name.
func Remove(name string) error {
	d, rel := find(name)
	err := d.do(&Op{Kind: OpUnlink, Path: rel}, func() error { return os.Remove(name) })
	return pathError("remove", name, err)
}

// RemoveAll removes a name and what is below it.
func RemoveAll(name string) error {
	if d, _ := find(name); d == nil {
		return os.RemoveAll(name)
	}
	entries, err := os.ReadDir(name)
	if err == nil {
		for _, e := range entries {
			if err = RemoveAll(filepath.Join(name, e.Name())); err != nil {
				return err
			}
		}
	}
	if err = Remove(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Rename gives a file another name.
func Rename(from, to string) error {
	d, rel := find(from)
	_, relTo := find(to)
	err := d.do(&Op{Kind: OpRename, Path: rel, To: relTo}, func() error { return os.Rename(from, to) })
	return linkError("rename", from, to, err)
}

// Link gives a file a second name.
func Link(from, to string) error {
	d, rel := find(from)
	_, relTo := find(to)
	err := d.do(&Op{Kind: OpLink, Path: rel, To: relTo}, func() error { return os.Link(from, to) })
	return linkError("link", from, to, err)
}

// Mkdir makes a directory.
func Mkdir(name string, perm FileMode) error {
	d, rel := find(name)
	if d == nil {
		return os.Mkdir(name, perm)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strikes(OpMkdir) {
		return &PathError{Op: "mkdir", Path: name, Err: d.rule.Err}
	}
	if err := os.Mkdir(name, perm); err != nil {
		return err
	}
	d.inodes++
	d.record(&Op{Kind: OpMkdir, Path: rel, Inode: d.inodes})
	return nil
}

// MkdirAll makes a directory and those above it.
func MkdirAll(name string, perm FileMode) error {
	if d, _ := find(name); d == nil {
		return os.MkdirAll(name, perm)
	}
	if info, err := os.Stat(name); err == nil {
		if info.IsDir() {
			return nil
		}
		return &PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
	}
	if parent := filepath.Dir(name); parent != name {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Truncate changes the size of a file.
func Truncate(name string, size int64) error {
	f, err := OpenFile(name, O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// pathError gives an injected errno the form of os's errors.
func pathError(op, path string, err error) error {
	if no, ok := err.(syscall.Errno); ok { //nolint:errorlint // an injected one is not wrapped
		return &PathError{Op: op, Path: path, Err: no}
	}
	return err
}

func linkError(op, from, to string, err error) error {
	if no, ok := err.(syscall.Errno); ok { //nolint:errorlint // an injected one is not wrapped
		return &LinkError{Op: op, Old: from, New: to, Err: no}
	}
	return err
}

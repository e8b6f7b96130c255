package faultos

import (
	"io"
	"io/fs"
	"os"
	"time"
)

// File is an os.File whose changes are recorded.
type File struct {
	f     *os.File
	d     *Disk // nil: passed through
	rel   string
	inode int
	dir   bool
	end   bool // opened for appending
}

var _ interface {
	io.ReadWriteCloser
	io.ReaderAt
	io.WriterAt
	io.Seeker
} = (*File)(nil)

// Name is that of the os.File, as are all methods that change nothing.
func (f *File) Name() string { return f.f.Name() }

// Fd returns the descriptor; what is done with it is not seen.
func (f *File) Fd() uintptr { return f.f.Fd() }

// Read reads.
func (f *File) Read(b []byte) (int, error) { return f.f.Read(b) }

// ReadAt reads.
func (f *File) ReadAt(b []byte, off int64) (int, error) { return f.f.ReadAt(b, off) }

// Seek moves.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.f.Seek(offset, whence) }

// Stat asks.
func (f *File) Stat() (fs.FileInfo, error) { return f.f.Stat() }

// ReadDir lists.
func (f *File) ReadDir(n int) ([]fs.DirEntry, error) { return f.f.ReadDir(n) }

// Readdirnames lists.
func (f *File) Readdirnames(n int) ([]string, error) { return f.f.Readdirnames(n) }

// Chmod is not recorded.
func (f *File) Chmod(mode fs.FileMode) error { return f.f.Chmod(mode) }

// SetDeadline is for pipes.
func (f *File) SetDeadline(t time.Time) error { return f.f.SetDeadline(t) }

// Close closes. An os.File that is nil gives the same error.
func (f *File) Close() error {
	if f == nil {
		return os.ErrInvalid
	}
	return f.f.Close()
}

// Sync syncs.
func (f *File) Sync() error {
	if f == nil {
		return os.ErrInvalid
	}
	return f.d.sync(f)
}

// Write writes at the file's offset.
func (f *File) Write(b []byte) (int, error) {
	if f == nil {
		return 0, os.ErrInvalid
	}
	if f.d == nil {
		return f.f.Write(b)
	}
	whence := io.SeekCurrent
	if f.end {
		whence = io.SeekEnd
	}
	at, err := f.f.Seek(0, whence)
	if err != nil {
		return 0, err
	}
	return f.d.write(f, b, at, f.f.Write)
}

// WriteString is Write.
func (f *File) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// WriteAt writes.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	if f.d == nil {
		return f.f.WriteAt(b, off)
	}
	return f.d.write(f, b, off, func(b []byte) (int, error) { return f.f.WriteAt(b, off) })
}

// Truncate changes the size.
func (f *File) Truncate(size int64) error {
	err := f.d.do(&Op{Kind: OpTruncate, Path: f.rel, Inode: f.inode, At: size}, func() error { return f.f.Truncate(size) })
	return pathError("truncate", f.f.Name(), err)
}

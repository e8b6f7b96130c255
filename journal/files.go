package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/remedy"
)

const (
	journalDir    = "journal"
	quarantineDir = "quarantine"
	nameDigits    = 20

	dirPerm  = 0o700
	filePerm = 0o600
)

// segmentFile is a segment as the directory names it.
type segmentFile struct {
	first uint64
	path  string
	size  int64
	// parts, if any, are what a repair would make the segment of.
	parts []part
}

// contents is what a segment is read from.
type contents interface {
	io.ReaderAt
	io.Closer
}

// open opens the segment for reading.
func (s *segmentFile) open() (contents, error) {
	if s.parts != nil {
		return &partsReader{parts: s.parts}, nil
	}
	return openRegular(s.path, os.O_RDONLY)
}

// name returns the file's name as the errors give it.
func (s *segmentFile) name() string { return segmentPath(s.first) }

func segmentBase(first uint64) string { return fmt.Sprintf("%0*d", nameDigits, first) }

func segmentPath(first uint64) string { return journalDir + "/" + segmentBase(first) }

// listSegments lists the segments of a ledger, oldest first. A name that neither we
// nor the tools around us make is refused: to ignore it could be to ignore a segment.
// Litter cannot hide one: a segment that is not under its name is missed.
func listSegments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(filepath.Join(dir, journalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a new ledger; MARK knows better if it is not
	}
	if misplaced(err) {
		return nil, noDirectory()
	}
	if err != nil {
		return nil, fmt.Errorf("journal: list segments: %w", err)
	}
	var segs []segmentFile
	for _, e := range entries {
		name := e.Name()
		if durable.IsTemp(name) || durable.Litter(name) {
			continue
		}
		first, bad := parseSegmentName(name)
		info, statErr := e.Info()
		if errors.Is(statErr, fs.ErrNotExist) {
			continue // trimmed meanwhile
		}
		if statErr != nil {
			return nil, fmt.Errorf("journal: list segments: %w", statErr)
		}
		if bad == "" && !info.Mode().IsRegular() {
			bad = "not a regular file"
		}
		if bad != "" {
			return nil, &DamageError{
				File: journalDir + "/" + name, Reason: bad,
				Remedy: remedy.Remedy{Kind: remedy.Identify},
			}
		}
		segs = append(segs, segmentFile{first: first, path: filepath.Join(dir, journalDir, name), size: info.Size()})
	}
	slices.SortFunc(segs, func(a, b segmentFile) int {
		if a.first < b.first {
			return -1
		}
		return 1
	})
	return segs, nil
}

// noDirectory is the damage of a ledger that has something else in the place of
// its journal, which not even a repair can move out of the way.
func noDirectory() *DamageError {
	return &DamageError{
		File: journalDir, Reason: "not a directory",
		Remedy: remedy.Remedy{Kind: remedy.PutBack},
	}
}

func parseSegmentName(name string) (first uint64, bad string) {
	if len(name) != nameDigits {
		return 0, "not the name of a segment"
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return 0, "not the name of a segment"
		}
	}
	first, err := strconv.ParseUint(name, 10, 64)
	if err != nil || first == 0 || first+1 == 0 {
		return 0, "a segment cannot begin at this seq"
	}
	return first, ""
}

// openRegular opens a file that must not be a link, a pipe or a directory.
func openRegular(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, filePerm) //nolint:gosec // inside the ledger's directory
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: unix.ENXIO}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// misplaced reports whether a name could not be opened because something else
// than the file or directory of ours bears it, which no crash leaves.
func misplaced(err error) bool {
	for _, e := range []error{unix.ENXIO, unix.ELOOP, unix.EISDIR, unix.ENOTDIR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// readFull reads into b from offset on and returns how much there was; the end
// of the file is not an error.
func readFull(r io.ReaderAt, b []byte, offset int64) (int, error) {
	n, err := r.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// makeDir makes a directory and its name durable; an existing one is fine.
func makeDir(path string) error {
	err := os.Mkdir(path, dirPerm)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// makeDirs is makeDir for a path of which several parts may be missing.
func makeDirs(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if parent := filepath.Dir(path); parent != path {
		if err = makeDirs(parent); err != nil {
			return err
		}
	}
	return makeDir(path)
}

// leftTemps lists what interrupted replacements have left among the segments.
func leftTemps(dir string) ([]string, error) { return listOthers(dir, durable.IsTemp) }

// litter lists what is passed over among the segments.
func litter(dir string) ([]string, error) {
	return listOthers(dir, func(name string) bool { return durable.Litter(name) && !durable.IsTemp(name) })
}

func listOthers(dir string, is func(string) bool) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, journalDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if is(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Lstat(a)
	y, errY := os.Lstat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// part is a stretch of a file that goes into a segment.
type part struct {
	path   string
	base   string // of the file that it is taken from
	copied bool
	off, n int64
}

// partsReader reads parts one behind the other.
type partsReader struct {
	parts []part
	files map[string]*os.File
}

func (r *partsReader) file(path string) (*os.File, error) {
	if f := r.files[path]; f != nil {
		return f, nil
	}
	f, err := openRegular(path, os.O_RDONLY)
	if err == nil {
		if r.files == nil {
			r.files = map[string]*os.File{}
		}
		r.files[path] = f
	}
	return f, err
}

// ReadAt implements [io.ReaderAt].
func (r *partsReader) ReadAt(b []byte, off int64) (n int, err error) {
	for i := range r.parts {
		p := &r.parts[i]
		if off >= p.n {
			off -= p.n
			continue
		}
		if n == len(b) {
			return n, nil
		}
		f, err := r.file(p.path)
		if err != nil {
			return n, err
		}
		want := int(min(int64(len(b)-n), p.n-off))
		got, err := readFull(f, b[n:n+want], p.off+off)
		n += got
		if err == nil && got < want {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, err
		}
		off = 0
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements [io.Closer].
func (r *partsReader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	r.files = nil
	return errors.Join(errs...)
}

package segment

import (
	"cmp"
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

// The names and modes of what a journal makes inside the ledger's directory.
const (
	JournalDir    = "journal"    // holds the segments
	QuarantineDir = "quarantine" // holds what was cut or replaced
	nameDigits    = 20

	// SpareName is the segment that is made in advance, until it gets its name.
	SpareName = "next" + durable.TempSuffix

	DirPerm  = 0o700
	FilePerm = 0o600
)

// File is a segment as the directory names it.
type File struct {
	First uint64
	Path  string
	Size  int64
	// parts, if any, are what a repair would make the segment of.
	Parts []Part
}

// contents is what a segment is read from.
type contents interface {
	io.ReaderAt
	io.Closer
}

// Open opens the segment for reading.
func (s *File) Open() (contents, error) {
	if s.Parts != nil {
		return &PartsReader{Parts: s.Parts}, nil
	}
	return OpenRegular(s.Path, os.O_RDONLY)
}

// Name returns the file's name as the errors give it.
func (s *File) Name() string { return Path(s.First) }

// Name returns the base name of the segment that begins with first.
func Name(first uint64) string { return fmt.Sprintf("%0*d", nameDigits, first) }

// Path returns the same relative to the ledger's directory.
func Path(first uint64) string { return JournalDir + "/" + Name(first) }

// List lists the segments of a ledger, oldest first. A name that neither we
// nor the tools around us make is refused: to ignore it could be to ignore a segment.
// Litter cannot hide one: a segment that is not under its name is missed.
func List(dir string) ([]File, error) {
	entries, err := os.ReadDir(filepath.Join(dir, JournalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a new ledger; MARK knows better if it is not
	}
	if Misplaced(err) {
		return nil, NoDirectory()
	}
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	var segs []File
	for _, e := range entries {
		name := e.Name()
		if durable.IsTemp(name) || durable.Litter(name) {
			continue
		}
		first, bad := ParseName(name)
		info, statErr := e.Info()
		if errors.Is(statErr, fs.ErrNotExist) {
			continue // trimmed meanwhile
		}
		if statErr != nil {
			return nil, fmt.Errorf("list segments: %w", statErr)
		}
		if bad == "" && !info.Mode().IsRegular() {
			bad = "not a regular file"
		}
		if bad != "" {
			return nil, &DamageError{
				File: JournalDir + "/" + name, Reason: bad,
				Remedy: remedy.Remedy{Kind: remedy.Identify},
			}
		}
		segs = append(segs, File{First: first, Path: filepath.Join(dir, JournalDir, name), Size: info.Size()})
	}
	slices.SortFunc(segs, func(a, b File) int { return cmp.Compare(a.First, b.First) })
	return segs, nil
}

// NoDirectory is the damage of a ledger that has something else in the place of
// its journal, which not even a repair can move out of the way.
func NoDirectory() *DamageError {
	return &DamageError{
		File: JournalDir, Reason: "not a directory",
		Remedy: remedy.Remedy{Kind: remedy.PutBack},
	}
}

// ParseName is the reverse of [Name]; bad says what is wrong with the name.
func ParseName(name string) (first uint64, bad string) {
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

// OpenRegular opens a file that must not be a link, a pipe or a directory.
func OpenRegular(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, FilePerm) //nolint:gosec // inside the ledger's directory
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

// Misplaced reports whether a name could not be opened because something else
// than the file or directory of ours bears it, which no crash leaves.
func Misplaced(err error) bool {
	for _, e := range []error{unix.ENXIO, unix.ELOOP, unix.EISDIR, unix.ENOTDIR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ReadFull reads into b from offset on and returns how much there was; the end
// of the file is not an error.
func ReadFull(r io.ReaderAt, b []byte, offset int64) (int, error) {
	n, err := r.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// MakeDir makes a directory and its name durable; an existing one is fine.
func MakeDir(path string) error {
	err := os.Mkdir(path, DirPerm)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// MakeDirs is [MakeDir] for a path of which several parts may be missing.
func MakeDirs(path string) error {
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
		if err = MakeDirs(parent); err != nil {
			return err
		}
	}
	return MakeDir(path)
}

// LeftTemps lists what interrupted replacements have left among the segments.
func LeftTemps(dir string) ([]string, error) { return listOthers(dir, durable.IsTemp) }

// Litter lists what is passed over among the segments.
func Litter(dir string) ([]string, error) {
	return listOthers(dir, func(name string) bool { return durable.Litter(name) && !durable.IsTemp(name) })
}

func listOthers(dir string, is func(string) bool) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, JournalDir))
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

// SameFile reports whether two names stand for one file.
func SameFile(a, b string) bool {
	x, errX := os.Lstat(a)
	y, errY := os.Lstat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// Part is a stretch of a file that goes into a segment.
type Part struct {
	Path   string
	Off, N int64
}

// PartsReader reads parts one behind the other.
type PartsReader struct {
	Parts []Part
	files map[string]*os.File
}

func (r *PartsReader) file(path string) (*os.File, error) {
	if f := r.files[path]; f != nil {
		return f, nil
	}
	f, err := OpenRegular(path, os.O_RDONLY)
	if err == nil {
		if r.files == nil {
			r.files = map[string]*os.File{}
		}
		r.files[path] = f
	}
	return f, err
}

// ReadAt implements [io.ReaderAt].
func (r *PartsReader) ReadAt(b []byte, off int64) (n int, err error) {
	for i := range r.Parts {
		p := &r.Parts[i]
		if off >= p.N {
			off -= p.N
			continue
		}
		if n == len(b) {
			return n, nil
		}
		f, err := r.file(p.Path)
		if err != nil {
			return n, err
		}
		want := int(min(int64(len(b)-n), p.N-off))
		got, err := ReadFull(f, b[n:n+want], p.Off+off)
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
func (r *PartsReader) Close() error {
	var errs []error
	for _, f := range r.files {
		errs = append(errs, f.Close())
	}
	r.files = nil
	return errors.Join(errs...)
}

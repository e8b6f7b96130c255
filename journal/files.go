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
)

const (
	journalDir    = "journal"
	quarantineDir = "quarantine"
	rewriteTemp   = "rewrite.tmp" // in journalDir; too short a name to be a segment
	nameDigits    = 20

	dirPerm  = 0o700
	filePerm = 0o600
)

// segmentFile is a segment as the directory names it.
type segmentFile struct {
	first uint64
	path  string
	size  int64
}

// name returns the file's name as the errors give it.
func (s *segmentFile) name() string { return segmentPath(s.first) }

func segmentBase(first uint64) string { return fmt.Sprintf("%0*d", nameDigits, first) }

func segmentPath(first uint64) string { return journalDir + "/" + segmentBase(first) }

// listSegments lists the segments of a ledger, oldest first. A name that we
// never make is refused: to ignore it could be to ignore a segment.
func listSegments(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(filepath.Join(dir, journalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a new ledger; MARK knows better if it is not
	}
	if err != nil {
		return nil, fmt.Errorf("journal: list segments: %w", err)
	}
	var segs []segmentFile
	for _, e := range entries {
		name := e.Name()
		if name == rewriteTemp {
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
				Plan: "move the file out of the ledger if it does not belong there; " +
					"if it is a segment under another name, give it its name back",
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
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
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

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path) //nolint:gosec // inside the ledger's directory
	if err != nil {
		return err
	}
	err = d.Sync()
	if closeErr := d.Close(); err == nil {
		err = closeErr
	}
	return err
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
	return syncDir(filepath.Dir(path))
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

// replaceFile replaces path by data: after a crash at any moment the file is
// the old one or the new one, and after a return the new one.
//
//	open temp, write, fsync, close, rename temp path, fsync directory
func replaceFile(path, temp string, data []byte) error {
	return replaceWith(path, temp, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func replaceWith(path, temp string, fill func(io.Writer) error) error {
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, filePerm) //nolint:gosec // inside the ledger's directory
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

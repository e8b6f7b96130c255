// Package durable replaces files so that a crash leaves the old one or the new
// one, never a mixture, and so that what was reported written survives power
// loss.
//
// The system calls of [WriteFile], in order: openat of a temporary name in the
// same directory, write, fsync, close, renameat, fsync of the directory. A crash
// before the rename leaves the old file and perhaps a temporary one, which
// [IsTemp] recognises; after it, the new file is complete because its bytes were
// synced first. Only the last fsync makes the rename itself durable.
package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tempSuffix marks files that a crash may leave behind.
const tempSuffix = ".holdfast-tmp"

// IsTemp reports whether name is a file that [WriteFile] left unfinished.
func IsTemp(name string) bool { return strings.HasSuffix(name, tempSuffix) }

// WriteFile replaces path by b. On an error the old file, if any, is unchanged,
// unless the error names the directory's sync: then either may be there after a
// crash.
func WriteFile(path string, b []byte, mode os.FileMode) (err error) {
	f, err := CreateTemp(path, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err != nil {
		return Discard(f, fmt.Errorf("write %s: %w", path, err))
	}
	return Commit(f, path)
}

// CreateTemp opens the temporary file that [Commit] turns into path. A left-over
// of an earlier crash is overwritten.
func CreateTemp(path string, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, mode)
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return f, nil
}

// Commit syncs and closes the temporary file f and gives it the name path.
func Commit(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return Discard(f, fmt.Errorf("sync: %w", err))
	}
	if err := f.Close(); err != nil {
		return Discard(f, fmt.Errorf("close: %w", err))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return Discard(f, fmt.Errorf("rename: %w", err))
	}
	return SyncDir(filepath.Dir(path))
}

// Discard closes and removes a temporary file and returns err.
func Discard(f *os.File, err error) error {
	_ = f.Close()           // may be closed already; err is what matters
	_ = os.Remove(f.Name()) // a left-over is recognised and harmless
	return err
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := d.Sync(); err != nil {
		_ = d.Close() // the sync's error is what matters
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("close directory: %w", err)
	}
	return nil
}

// Package durable replaces files so that a crash leaves the old one or the new
// one, never a mixture, and so that what was reported written survives power
// loss.
//
// The system calls of [Replace], in order: openat of a temporary name in the
// same directory, write, fsync, close, renameat, fsync of the directory. A crash
// before the rename leaves the old file and perhaps a temporary one, which
// [IsTemp] recognises; after it, the new file is complete because its bytes were
// synced first. Only the last fsync makes the rename itself durable.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// TempSuffix marks files that a crash may leave behind.
const TempSuffix = ".holdfast-tmp"

// IsTemp reports whether name is a file that [Replace] left unfinished.
func IsTemp(name string) bool { return strings.HasSuffix(name, TempSuffix) }

// WriteFile replaces path by b; see [Replace].
func WriteFile(path string, b []byte, mode os.FileMode) error {
	return Replace(path, mode, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Replace gives path the bytes that fill writes. On an error the old file, if
// any, is unchanged, unless the error is that of the directory's sync: then
// either may be there after a crash. A left-over of an earlier crash is removed
// first, never opened, because it could be anything.
func Replace(path string, mode os.FileMode, fill func(io.Writer) error) error {
	temp := path + TempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove left-over: %w", err)
	}
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode) //nolint:gosec // the caller names the file
	if err != nil {
		return fmt.Errorf("create: %w", err)
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
		_ = os.Remove(temp) // a left-over is recognised and harmless
		return fmt.Errorf("replace %s: %w", filepath.Base(path), err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in a directory durable. The error of the sync itself
// matches [ErrSyncDir].
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := d.Sync(); err != nil {
		_ = d.Close() // the sync's error is what matters
		return fmt.Errorf("%w %s: %w", ErrSyncDir, dir, err)
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("close directory: %w", err)
	}
	return nil
}

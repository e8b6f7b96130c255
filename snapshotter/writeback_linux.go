package snapshotter

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginWriteback lets the kernel begin to write a range of a file, so that the fsync
// at the end finds little to do and others' syncs are not behind all of it at once. It
// waits for nothing and promises nothing: an error of the disk is left for that fsync
// to find.
func beginWriteback(f *os.File, at, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, n, unix.SYNC_FILE_RANGE_WRITE) //nolint:gosec // a descriptor
}

package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// inode asks what a name or, with an empty one, a descriptor stands for. It leaves
// out the times on purpose. A kernel that was asked for them (6.13 and later) gives
// the next write a time of its own, so that each sync of a segment would have an
// inode to write, which sizing it in advance has just saved.
func inode(fd int, path string) (id ident, size int64, mode uint32, err error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if path == "" {
		flags = unix.AT_EMPTY_PATH
	}
	var st unix.Statx_t
	err = unix.Statx(fd, path, flags, unix.STATX_TYPE|unix.STATX_INO|unix.STATX_SIZE, &st)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // an old kernel, or a filter that knows no statx
		return inodeByStat(fd, path)
	}
	return ident{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, int64(st.Size), uint32(st.Mode), err //nolint:gosec // sizes are below 1<<63
}

// startWriting has the kernel begin to write a part of a file, so that the sync of all
// of it finds little to do. It waits for nothing, and its error means nothing.
func startWriting(f *os.File, at, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, n, unix.SYNC_FILE_RANGE_WRITE) //nolint:gosec // a file descriptor fits an int
}

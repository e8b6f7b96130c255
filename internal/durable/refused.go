package durable

import (
	"errors"
	"syscall"
)

// Refusal names what the system or a disk refused a call for, "" for any other error:
// no_space, quota, file_too_large, read_only, too_many_files or io. It says nothing
// about what is on the disk.
func Refusal(err error) string {
	for _, k := range []struct {
		target syscall.Errno
		name   string
	}{
		{syscall.ENOSPC, "no_space"},
		{syscall.EDQUOT, "quota"},
		{syscall.EFBIG, "file_too_large"},
		{syscall.EROFS, "read_only"},
		{syscall.EMFILE, "too_many_files"},
		{syscall.ENFILE, "too_many_files"},
		{syscall.EIO, "io"},
	} {
		if errors.Is(err, k.target) {
			return k.name
		}
	}
	return ""
}

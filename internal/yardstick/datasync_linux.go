package yardstick

import (
	"os"

	"golang.org/x/sys/unix"
)

// Datasync makes the bytes of a file durable, and of its metadata no more than it
// takes to read them.
func Datasync(f *os.File) error {
	return unix.Fdatasync(int(f.Fd())) //nolint:gosec // a descriptor
}

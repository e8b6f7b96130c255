//go:build !linux

package yardstick

import "os"

// Datasync makes a file durable. Where there is no fdatasync of its own it is a
// sync, on macOS one that reaches the medium.
func Datasync(f *os.File) error { return f.Sync() }

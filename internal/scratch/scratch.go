// Package scratch gives tests a directory for a NATS server in their own process.
//
// nats-server 2.15.2 may go on writing for a moment after it has said that it has
// stopped: the store of a half staged batch is forgotten, not closed. The
// directory of [testing.TB.TempDir] fails a test when something is written while
// it is removed; this one is removed again until it is gone.
package scratch

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// tries bounds how often a directory that is written to is removed again.
const tries = 1000

// Dir returns a new directory, which is removed when the test ends.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "holdfast-test-") //nolint:usetesting // see the package comment
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := Remove(dir); err != nil {
			tb.Error(err)
		}
	})
	return dir
}

// Remove removes a directory that may still be written to.
func Remove(dir string) error {
	err := os.RemoveAll(dir)
	for i := 0; i < tries && errors.Is(err, syscall.ENOTEMPTY); i++ {
		err = os.RemoveAll(dir)
	}
	return err //nolint:wrapcheck // it names the path
}

//go:build !linux

package main

import (
	"testing"
)

// limitFiles is not possible here.
func limitFiles(t *testing.T, _ int, _ uint64) (lift func()) {
	t.Helper()
	t.Skip("the limits of another process can be set on Linux only")
	return nil
}

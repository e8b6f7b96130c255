package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// limitFiles bounds the files that a process may write, until it is lifted.
func limitFiles(t *testing.T, pid int, size uint64) (lift func()) {
	t.Helper()
	var was unix.Rlimit
	require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, &was))
	return func() {
		t.Helper()
		require.NoError(t, unix.Prlimit(pid, unix.RLIMIT_FSIZE, &was, nil))
	}
}

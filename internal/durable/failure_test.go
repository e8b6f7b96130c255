package durable_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/durable"
)

func TestSyncFailed(t *testing.T) {
	sync := &os.PathError{Op: "sync", Path: "f", Err: syscall.EIO}
	write := &os.PathError{Op: "write", Path: "f", Err: syscall.EIO}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("sync"), false},
		{write, false},
		{sync, true},
		{fmt.Errorf("journal: %w", sync), true},
		{errors.Join(write, fmt.Errorf("close: %w", sync)), true}, // the first PathError is another one
		{errors.Join(write, nil), false},
		{fmt.Errorf("%w: %w", errors.New("x"), fmt.Errorf("%w", sync)), true},
	} {
		require.Equal(t, c.want, durable.SyncFailed(c.err), "%v", c.err)
	}
}

// A directory that cannot be opened was not synced, and no sync of it has
// failed: another try means what it says.
func TestSyncDirThatCannotBeOpened(t *testing.T) {
	err := durable.SyncDir(filepath.Join(t.TempDir(), "missing"))
	require.Error(t, err)
	require.False(t, durable.SyncFailed(err))
	require.NotErrorIs(t, err, durable.ErrSyncDir)
}

package claim_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/claim"
)

// A pipe that nobody writes to is refused like any other file in a directory's
// place, and is not waited for.
func TestWhatIsNoDirectoryIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	require.False(t, claim.Held(pipe, "LOCK", func(*os.File) {}))
	_, err := claim.Take(pipe, "LOCK")
	require.ErrorIs(t, err, unix.ENOTDIR)
}

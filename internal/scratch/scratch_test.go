package scratch_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/scratch"
)

func TestDirThatIsWrittenToIsRemoved(t *testing.T) {
	var dir string
	t.Run("user", func(t *testing.T) {
		done := make(chan struct{})
		t.Cleanup(func() { <-done }) // after the removal
		dir = scratch.Dir(t)
		sub := filepath.Join(dir, "a")
		require.NoError(t, os.Mkdir(sub, 0o700))
		go func() {
			defer close(done)
			for n := 0; n < 100_000 && os.WriteFile(filepath.Join(sub, strconv.Itoa(n)), nil, 0o600) == nil; n++ {
				continue // until the directory is gone
			}
		}()
	})
	require.NoDirExists(t, dir)
}

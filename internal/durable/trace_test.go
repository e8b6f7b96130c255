package durable_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/internal/systrace"
)

const traceEnv = "HOLDFAST_DURABLE_TRACE"

func TestTraced(t *testing.T) {
	dir := os.Getenv(traceEnv)
	if dir == "" {
		t.Skip("for TestReplaceIsDurable")
	}
	for _, text := range []string{"one", "two", ""} {
		require.NoError(t, durable.WriteFile(filepath.Join(dir, "state"), []byte(text), 0o600))
		fmt.Println("replaced")
	}
}

func TestReplaceIsDurable(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	var disk systrace.Disk
	renamed, said := 0, 0
	ops := systrace.Child(t, "TestTraced", traceEnv+"="+dir, dir)
	for i := range ops {
		op := &ops[i]
		if op.Call == systrace.Rename {
			renamed++
			require.Equal(t, filepath.Join(dir, "state"), op.To)
			require.False(t, disk.Bytes(op.Path), "the name is taken before the bytes are durable")
		}
		if op.Said() == "replaced" {
			said++
			require.Empty(t, disk.Dirty(dir))
		}
		disk.Apply(op)
	}
	require.Equal(t, 3, renamed)
	require.Equal(t, 3, said)
}

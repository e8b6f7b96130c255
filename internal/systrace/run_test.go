package systrace_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/systrace"
)

const childEnv = "HOLDFAST_SYSTRACE_CHILD"

// TestChild makes one file durable in every respect and leaves four things undone.
func TestChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("for TestRun")
	}
	whole, sub := filepath.Join(dir, "whole"), filepath.Join(dir, "sub")
	f, err := os.Create(filepath.Join(dir, "temp"))
	require.NoError(t, err)
	_, werr := f.WriteString("text")
	d, derr := os.Open(dir)
	require.NoError(t, errors.Join(werr, f.Sync(), f.Close(), os.Rename(f.Name(), whole), derr))
	require.NoError(t, errors.Join(d.Sync(), d.Close()))
	fmt.Println("done")
	require.NoError(t, os.Mkdir(sub, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(sub, "half"), []byte("text"), 0o600))
	require.NoError(t, os.Truncate(whole, 2))
	require.NoError(t, os.Link(whole, filepath.Join(sub, "second")))
	require.Error(t, os.Remove(filepath.Join(dir, "missing", "file")))
}

func TestRun(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	ops := systrace.Child(t, "TestChild", childEnv+"="+dir, dir)
	var disk systrace.Disk
	var told bool
	for i := range ops {
		if ops[i].Said() == "done" {
			told = true
			require.Empty(t, disk.Dirty(dir))
		}
		disk.Apply(&ops[i])
	}
	require.True(t, told)
	require.ElementsMatch(t, []string{"names in .", "names in sub", "bytes of sub/half", "bytes of whole", "bytes of sub/second"}, disk.Dirty(dir))
	require.True(t, disk.Bytes(filepath.Join(dir, "whole")))
	require.True(t, disk.Names(dir))
	_, err = systrace.Run([]string{filepath.Join(dir, "nothing")}, nil, dir)
	require.Error(t, err)
}

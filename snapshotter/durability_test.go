package snapshotter_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/systrace"
	"github.com/moneyprinter/holdfast/snapshotter"
)

const traceEnv = "HOLDFAST_SNAPSHOTTER_TRACE"

// TestTraced is what the child of TestSnapshotIsDurableBeforeItCounts does.
func TestTraced(t *testing.T) {
	dir := os.Getenv(traceEnv)
	if dir == "" {
		t.Skip("for TestSnapshotIsDurableBeforeItCounts")
	}
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	for seq := range uint64(3) {
		write(t, s, seq, bytes.Repeat([]byte("body"), 1000))
		fmt.Println("written")
	}
	removed, err := s.Prune(snapshotter.Beyond(1))
	require.NoError(t, err)
	require.Len(t, removed, 2)
	fmt.Println("pruned")
}

func TestSnapshotIsDurableBeforeItCounts(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir := filepath.Join(top, "backups")
	var disk systrace.Disk
	met, verified := map[string]int{}, map[string]bool{}
	ops := systrace.Child(t, "TestTraced", traceEnv+"="+dir, top)
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Call == systrace.Open && op.ReadOnly:
			verified[op.Path] = !disk.Bytes(op.Path)
		case op.Call == systrace.Rename:
			met["renamed"]++
			require.False(t, disk.Bytes(op.Path), "a name is taken before the bytes are durable")
			require.True(t, verified[op.Path], "it was not read back after it was synced")
			require.True(t, strings.HasSuffix(op.To, ".snap"))
		case op.Said() == "written", op.Said() == "pruned":
			met[op.Said()]++
			require.Empty(t, disk.Dirty(top))
		}
		disk.Apply(op)
	}
	require.Equal(t, map[string]int{"renamed": 3, "written": 3, "pruned": 1}, met)
}

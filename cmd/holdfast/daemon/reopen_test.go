package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
)

// TestStopDoesNotReopen: a daemon whose ledger has failed when it is told to stop
// does not open it again, whichever of the two it looks at first.
func TestStopDoesNotReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	l, err := holdfast.Open(t.Context(), dir, holdfast.Options{SegmentSize: 4 << 10})
	require.NoError(t, err)
	defer func() { _ = l.Close() }() // it has failed
	d := of(l)
	require.NoError(t, os.Rename(filepath.Join(dir, "journal"), filepath.Join(dir, "away")))
	for i := 0; l.Err() == nil; i++ {
		_ = apply(t, l, fmt.Sprint("f", i)) // until a segment cannot be made
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 64 {
		require.NoError(t, d.Supervise(ctx))
		require.False(t, d.reopening.active)
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The files of testdata are what the simulator makes, byte for byte.
func TestMarketIsReproducible(t *testing.T) {
	out := t.TempDir()
	require.NoError(t, run(1, out))
	made, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, made, 3)
	for _, f := range made {
		want, err := os.ReadFile(filepath.Join("..", "..", "testdata", f.Name()))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(out, f.Name()))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s differs from what the simulator makes", f.Name())
	}
}

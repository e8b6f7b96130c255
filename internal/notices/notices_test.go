package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoticesAreComplete makes the notices again: those that are handed on with
// the binary name everything that is linked into it, in the version that is.
func TestNoticesAreComplete(t *testing.T) {
	_, err := os.ReadFile("../../go.mod") // so that the go command runs this again when it changes
	require.NoError(t, err)
	var want bytes.Buffer
	require.NoError(t, write(&want))
	have, err := os.ReadFile("../../cmd/holdfast/THIRD_PARTY_NOTICES")
	require.NoError(t, err)
	require.True(t, bytes.Equal(want.Bytes(), have),
		"other modules are linked: go run ./internal/notices > cmd/holdfast/THIRD_PARTY_NOTICES")
}

package holdfast

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Resummed returns an identity file with a checksum that fits.
func Resummed(t *testing.T, b []byte) []byte {
	t.Helper()
	var id Identity
	require.NoError(t, json.Unmarshal(b, &id))
	id.Sum = id.digest()
	b, err := json.MarshalIndent(id, "", "  ")
	require.NoError(t, err)
	return append(b, '\n')
}

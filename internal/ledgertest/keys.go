package ledgertest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/keyring"
)

// MasterKey returns a key that is the same in every run.
func MasterKey(tb testing.TB, n byte) keyring.Key {
	tb.Helper()
	k, err := keyring.Generate(bytes.NewReader(append(bytes.Repeat([]byte{n}, keyring.KeySize-1), n+1)))
	require.NoError(tb, err)
	return k
}

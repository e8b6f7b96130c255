package wire_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
)

// The golden files under testdata/v1 are format version 1, for ever: whatever
// was written once must be read, to the same value, and written again to the
// same bytes. They are made by
//
//	go test ./internal/wire -run Golden -update
//
// which is right after adding a sample, and never to make a failing test pass.
var update = flag.Bool("update", false, "rewrite the golden files under testdata")

const goldenDir = "testdata/v1"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(goldenDir, name)
	if *update {
		require.NoError(t, os.MkdirAll(goldenDir, 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s differs", path)
}

// hexLines shows bytes in a form that a diff can show.
func hexLines(b []byte) []byte { return append([]byte(hex.EncodeToString(b)), '\n') }

func TestGoldenChanges(t *testing.T) {
	for name, c := range sample.Changes() {
		golden(t, name+".change.hex", hexLines(wire.AppendChange(nil, &c)))

		text, err := os.ReadFile(filepath.Join(goldenDir, name+".change.hex"))
		require.NoError(t, err)
		b, err := hex.DecodeString(string(bytes.TrimSpace(text)))
		require.NoError(t, err)
		got, err := new(wire.Decoder).Change(b)
		require.NoError(t, err, name)
		require.Equal(t, c, got, name)

		if c.Cause == nil {
			continue
		}
		f := wire.FingerprintOf(sample.Prints(), c.Cause)
		golden(t, name+".fingerprint.hex", append(hexLines(f.ID[:]), hexLines(f.Content[:])...))
	}
}

// Every golden file is one that the test above knows, so that a sample that is
// taken away does not take its promise along.
func TestGoldenFilesAreAllRead(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.change.hex"))
	require.NoError(t, err)
	require.Len(t, files, len(sample.Changes()))
}

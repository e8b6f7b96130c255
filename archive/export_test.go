package archive

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/snapshotter"
)

// Resummed returns an identity file with a checksum that fits.
func Resummed(t *testing.T, b []byte) []byte {
	t.Helper()
	var id identityFile
	require.NoError(t, json.Unmarshal(b, &id))
	return id.resummed()
}

// TryResum is Resummed for bytes that need not be an identity.
func TryResum(b []byte) []byte {
	var id identityFile
	if json.Unmarshal(b, &id) != nil {
		return b
	}
	return id.resummed()
}

func (f identityFile) resummed() []byte {
	f.Sum = f.digest()
	return f.bytes()
}

// ParseIdentity reads the bytes of ledger.json.
func ParseIdentity(b []byte) (Identity, error) { return parseIdentity(IdentityFile, b) }

// SnapshotBody returns the decompressed body of a snapshot.
func SnapshotBody(tb testing.TB, r *Reader, name string) []byte {
	tb.Helper()
	f, err := r.src.Snaps.Open(name)
	require.NoError(tb, err)
	b, err := io.ReadAll(f)
	require.NoError(tb, err)
	require.NoError(tb, f.Close())
	return b
}

// LoadForged writes a snapshot of another body under the header of s into dir
// and loads it.
func LoadForged(tb testing.TB, dir string, r *Reader, s snapshotter.Snapshot, body []byte) error {
	tb.Helper()
	snaps := snapshotter.New(dir, snapshotter.Options{Now: func() time.Time { return s.Created }})
	forged, err := snaps.Write(tb.Context(), s.Meta, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
	require.NoError(tb, err)
	defer func() { require.NoError(tb, os.Remove(filepath.Join(dir, forged.Name))) }()
	_, err = LoadBook(snaps, forged, r.src.Opts)
	return err
}

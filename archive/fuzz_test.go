package archive_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// FuzzIdentity: ledger.json is what its content is written as, or refused by a
// named error, and no content makes reading it panic later.
func FuzzIdentity(f *testing.F) {
	dir := f.TempDir()
	l := ledgertest.Open(f, dir, ledgertest.Quiet())
	require.NoError(f, l.Close())
	good, err := os.ReadFile(filepath.Join(dir, "ledger.json"))
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(append(slices.Clone(good), ' '))
	f.Add([]byte(`{"format":3}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, archive.TryResum(b)} { // past the checksum as well
			id, err := archive.ParseIdentity(text)
			if err != nil {
				if !errors.Is(err, holdfast.ErrDamaged) && !errors.Is(err, holdfast.ErrNotLedger) {
					t.Fatalf("unexpected error %v", err)
				}
				continue
			}
			require.Equal(t, string(text), string(archive.IdentityBytes(id)))
			_ = id.Rules()
		}
	})
}

// FuzzSnapshot puts any bytes behind a good header and good checksums, as a
// writer with a bug would. It is loaded only if it gives the digest that the
// header names, and never panics.
func FuzzSnapshot(f *testing.F) {
	o := ledgertest.Quiet()
	o.Rand = rand.NewChaCha8([32]byte{5}) // every worker makes the same
	l := ledgertest.Open(f, f.TempDir(), o)
	ledgertest.ApplyAll(f, l, ledgertest.RandomFills(5, 12))
	s, err := l.Snapshot(f.Context())
	require.NoError(f, err)
	body := archive.SnapshotBody(f, l.Reader, s.Name)
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add(append(slices.Clone(body), 0))
	f.Add([]byte{})
	forge := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		err := archive.LoadForged(t, forge, l.Reader, s, b)
		if bytes.Equal(b, body) {
			require.NoError(t, err)
		}
	})
}

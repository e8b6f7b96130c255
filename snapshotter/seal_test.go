package snapshotter_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func key(tb testing.TB, n byte) keyring.Key {
	tb.Helper()
	k, err := keyring.Generate(bytes.NewReader(append(bytes.Repeat([]byte{n}, keyring.KeySize-1), n+1)))
	require.NoError(tb, err)
	return k
}

// noise is a body that does not compress, so that its segments stand where the
// test looks for them.
func noise(size int) []byte {
	rng := rand.NewChaCha8([32]byte{1})
	b := make([]byte, size)
	_, _ = rng.Read(b) // it never fails
	copy(b, "a secret at the beginning")
	return b
}

func TestEncryptedWriteThenRead(t *testing.T) {
	keys := keyring.New(key(t, 1))
	for _, size := range []int{0, 1, 100, 1 << 20, 3<<20 + 17} {
		dir := t.TempDir()
		s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0), Keys: keys})
		body := noise(max(size, 25))[:size]
		snap := write(t, s, 6, body)
		require.True(t, snap.Encrypted)
		require.Equal(t, key(t, 1).ID(), snap.Key)
		require.NoError(t, readsBack(t, s, snap, body).Close())
		raw, err := os.ReadFile(filepath.Join(dir, snap.Name))
		require.NoError(t, err)
		require.NotContains(t, string(raw), "a secret")
	}
}

// What is stored can be verified without a key. It cannot be read, and that is
// no damage; damage is damage with or without the key.
func TestSnapshotKeyMissing(t *testing.T) {
	dir := t.TempDir()
	keys := keyring.New(key(t, 1))
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0), Keys: keys})
	snap := write(t, s, 6, noise(100))
	require.NoError(t, keys.Rotate(key(t, 2)))
	next := write(t, s, 7, noise(100))
	require.Equal(t, key(t, 2).ID(), next.Key)
	for name, given := range map[string]*keyring.Ring{"none": nil, "another": keyring.New(key(t, 9)), "the newer one": keyring.New(key(t, 2))} {
		blind := snapshotter.New(dir, snapshotter.Options{Keys: given})
		got, err := blind.Verify(snap.Name)
		require.NoError(t, err, name)
		require.Equal(t, snap, got, name)
		require.False(t, blind.Readable(got), name)
		_, err = blind.Open(snap.Name)
		require.ErrorIs(t, err, keyring.ErrNoKey, name)
		require.NotErrorIs(t, err, snapshotter.ErrDamaged, name)
	}
	for _, name := range []string{snap.Name, next.Name} { // a rotated ring reads both
		r, err := s.Open(name)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	path := filepath.Join(dir, snap.Name)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	raw[snapshotter.HeaderSize+60] ^= 1
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	for _, given := range []*keyring.Ring{nil, keys} {
		_, err = snapshotter.New(dir, snapshotter.Options{Keys: given}).Verify(snap.Name)
		require.ErrorIs(t, err, snapshotter.ErrDamaged)
		require.NotErrorIs(t, err, keyring.ErrNoKey)
	}
}

// TestForgedSealedBodies are bodies changed by someone who has no key and makes
// the SHA-256 fit: cut at the border of a segment, cut anywhere, with bytes
// behind the end, with segments in another order, under another header.
func TestForgedSealedBodies(t *testing.T) {
	keys := keyring.New(key(t, 1))
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0), Keys: keys})
	const size = 3<<20 + 17
	snap := write(t, s, 6, noise(size))
	raw, err := os.ReadFile(filepath.Join(dir, snap.Name))
	require.NoError(t, err)
	head, stored := raw[:snapshotter.HeaderSize], raw[snapshotter.HeaderSize:len(raw)-snapshotter.TrailerSize]
	const segment = snapshotter.SealSegment
	require.Greater(t, len(stored), 3*segment)
	other := write(t, s, 7, noise(size))
	otherRaw, err := os.ReadFile(filepath.Join(dir, other.Name))
	require.NoError(t, err)
	otherStored := otherRaw[snapshotter.HeaderSize : len(otherRaw)-snapshotter.TrailerSize]
	require.NoError(t, os.WriteFile(filepath.Join(dir, snap.Name), snapshotter.Seal(head, stored, size), 0o600))
	_, err = s.Verify(snap.Name)
	require.NoError(t, err, "the test's own sealing")
	flipped := slices.Clone(stored)
	flipped[2*segment+5] ^= 1
	for name, forged := range map[string][]byte{
		"nothing":                   {},
		"its header only":           stored[:40],
		"cut in its header":         stored[:20],
		"cut behind segment 1":      stored[:segment],
		"cut behind segment 2":      stored[:2*segment],
		"cut behind segment 3":      stored[:3*segment],
		"cut by one byte":           stored[:len(stored)-1],
		"cut into segment 2":        stored[:segment+100],
		"one byte behind the end":   append(slices.Clone(stored), 0),
		"a segment behind the end":  append(slices.Clone(stored), stored[len(stored)-1000:]...),
		"filled up to the border":   append(slices.Clone(stored), make([]byte, 4*segment-len(stored))...),
		"twice":                     append(slices.Clone(stored), stored...),
		"segments 2 and 3 swapped":  slices.Concat(stored[:segment], stored[2*segment:3*segment], stored[segment:2*segment], stored[3*segment:]),
		"a bit of segment 3":        flipped,
		"that of another snapshot":  otherStored,
		"segment 2 of another":      slices.Concat(stored[:segment], otherStored[segment:2*segment], stored[2*segment:]),
		"the end of another":        slices.Concat(stored[:3*segment], otherStored[3*segment:]),
		"not encrypted, and zeroes": make([]byte, 100),
	} {
		for _, plain := range []uint64{size, 0, 1 << 20} { // the trailer may lie as well
			unreadable(t, s, snap.Name, snapshotter.Seal(head, forged, plain), name)
		}
	}
	// The header is authenticated with the body.
	meta := metaOf(6)
	meta.Positions++
	reason := unreadable(t, s, snap.Name, snapshotter.Seal(snapshotter.EncodeSealedHeader(meta, epoch0, key(t, 1).ID()), stored, size), "header")
	require.Contains(t, reason, "tampered with")
	unreadable(t, s, snap.Name, snapshotter.Seal(snapshotter.EncodeHeader(metaOf(6), epoch0), stored, size), "said to be plain")
}

// unreadable requires that neither Verify nor reading accepts a file whose stored
// bytes are what its SHA-256 says, and returns Verify's reason.
func unreadable(tb testing.TB, s *snapshotter.Snapshotter, name string, b []byte, what string) (reason string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(filepath.Join(s.Dir(), name), b, 0o600))
	_, err := s.Verify(name)
	require.ErrorIs(tb, err, snapshotter.ErrDamaged, what)
	require.NotErrorIs(tb, err, keyring.ErrNoKey, what)
	r, openErr := s.Open(name)
	if openErr == nil {
		_, openErr = io.ReadAll(r)
		require.NoError(tb, r.Close())
	}
	require.ErrorIs(tb, openErr, snapshotter.ErrDamaged, what)
	return err.Error()
}

// A failure in the last segment stays one, also for a caller who reads on.
func TestSealedReadErrorStays(t *testing.T) {
	keys := keyring.New(key(t, 1))
	s := snapshotter.New(t.TempDir(), snapshotter.Options{Now: clockAt(epoch0), Keys: keys})
	snap := write(t, s, 6, noise(1<<20+1<<19))
	path := filepath.Join(s.Dir(), snap.Name)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	stored := slices.Clone(raw[snapshotter.HeaderSize : len(raw)-snapshotter.TrailerSize])
	stored[len(stored)-1] ^= 1
	require.NoError(t, os.WriteFile(path, snapshotter.Seal(raw[:snapshotter.HeaderSize], stored, 1<<20+1<<19), 0o600))
	r, err := s.Open(snap.Name)
	require.NoError(t, err, "the stored bytes are what the SHA-256 says")
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, snapshotter.ErrDamaged)
	for range 3 {
		_, err = r.Read(make([]byte, 100))
		require.ErrorIs(t, err, snapshotter.ErrDamaged)
	}
	require.NoError(t, r.Close())
}

// TestGoldenSealed reads the encrypted snapshot that format 2 made when it was new.
func TestGoldenSealed(t *testing.T) {
	const dir, name = "testdata/v2sealed", "positions_20260102_030405_6.snap"
	keys := keyring.New(key(t, 1))
	body := bytes.Repeat([]byte("the body of the second format, "), 40)
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0), Keys: keys})
	if *writeGolden {
		_, err := os.Stat(filepath.Join(dir, name))
		require.ErrorIs(t, err, os.ErrNotExist, "golden files stay as they are")
		write(t, s, 6, body)
	}
	snap, err := s.Verify(name)
	require.NoError(t, err)
	require.Equal(t, metaOf(6), snap.Meta)
	require.Equal(t, key(t, 1).ID(), snap.Key)
	r, err := s.Open(name)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, string(body), string(got))
	raw, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Equal(t, snapshotter.EncodeSealedHeader(metaOf(6), epoch0, key(t, 1).ID()), raw[:snapshotter.HeaderSize], "the header's bytes")
}

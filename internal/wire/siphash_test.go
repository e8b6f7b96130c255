package wire_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// TestSipHash holds the function against the vectors of its reference implementation
// (vectors_sip128): the texts of 0 to 63 bytes 0, 1, 2, … under the key 0, 1, …, 15.
func TestSipHash(t *testing.T) {
	var key position.FingerprintKey
	for i := range key {
		key[i] = byte(i)
	}
	var text, all []byte
	for n := range 64 {
		got := wire.HashID(key, string(text))
		if want := map[int]string{
			0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45",
			15: "5493e99933b0a8117e08ec0f97cfc3d9", 63: "5150d1772f50834a503e069a973fbd7c",
		}[n]; want != "" {
			require.Equal(t, want, hex.EncodeToString(got[:]), "%d bytes", n)
		}
		all = append(all, got[:]...)
		text = append(text, byte(n))
	}
	sum := sha256.Sum256(all)
	require.Equal(t, "ecfaa9fe47ff788fa834a9863ea2715a2880cd37d2b8c3c194402838428119b9", hex.EncodeToString(sum[:]), "one of the others")
}

// TestFingerprintsAreOfOneKey: each bit of the key changes both halves.
func TestFingerprintsAreOfOneKey(t *testing.T) {
	key, m := sample.Prints(), sample.Fill()
	seen := map[[16]byte]bool{}
	f := wire.FingerprintOf(key, m)
	seen[f.ID], seen[f.Content] = true, true
	for bit := range 8 * len(key) {
		other := key
		other[bit/8] ^= 1 << (bit % 8)
		f = wire.FingerprintOf(other, m)
		require.False(t, seen[f.ID] || seen[f.Content] || f.ID == f.Content, "bit %d", bit)
		seen[f.ID], seen[f.Content] = true, true
	}
}

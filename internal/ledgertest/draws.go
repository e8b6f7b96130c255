package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stride returns by how much a test goes on that tries every place: 1 under
// HOLDFAST_EXHAUSTIVE, else the given prime, which meets every bit of a byte and
// every place of a frame in time.
func Stride(short int) int {
	if os.Getenv("HOLDFAST_EXHAUSTIVE") != "" {
		return 1
	}
	return short
}

// Seed returns the seed of a test's draws: HOLDFAST_SEED, or a new one.
func Seed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64N(1 << 32)
	if text := os.Getenv("HOLDFAST_SEED"); text != "" {
		_, err := fmt.Sscan(text, &seed)
		require.NoError(t, err)
	}
	return seed
}

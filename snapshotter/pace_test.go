package snapshotter_test

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/snapshotter"
)

func TestPace(t *testing.T) {
	var beat uint64
	clock := time.Second
	var rested []time.Duration
	step := snapshotter.Pace(func() uint64 { return beat }, func() time.Duration { return clock }, func(d time.Duration) {
		rested = append(rested, d)
		clock += d
	})
	work := func(n int, d time.Duration, beats uint64) []time.Duration {
		rested = nil
		for range n {
			clock += d
			beat += beats
			step()
		}
		return rested
	}
	require.Empty(t, work(100, time.Millisecond, 0), "nobody to make way for")
	require.Empty(t, work(1, 400*time.Microsecond, 1), "a slice has half a millisecond")
	require.Equal(t, []time.Duration{2 * time.Millisecond}, work(1, 100*time.Microsecond, 1))
	require.Len(t, work(10, 600*time.Microsecond, 1), 10)
	require.Equal(t, []time.Duration{40 * time.Millisecond}, work(1, time.Minute, 1), "most of that was not work")
	require.Len(t, work(100, time.Millisecond, 0), 31, "it rests until the other work has ended for good")
	require.Len(t, work(3, time.Millisecond, 1), 3, "it has begun again")
}

// TestEverySliceMayRest counts: whatever is done with a body could have rested at least
// once for each 256 KiB of it.
func TestEverySliceMayRest(t *testing.T) {
	const size, piece = 8 << 20, 64 << 10
	body := make([]byte, size)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range body {
		body[i] = byte(rnd.Uint32()) // what does not compress is as large in the file
	}
	s := snapshotter.New(t.TempDir(), snapshotter.Options{Now: clockAt(epoch0)})
	require.Zero(t, s.Steps())
	s.Step() // does nothing
	beside := s.Beside(func() uint64 { return 0 })
	steps := 0
	since := func() int {
		n := beside.Steps() - steps
		steps += n
		return n
	}
	var last snapshotter.Snapshot
	for seq := range uint64(3) {
		var err error
		last, err = beside.Write(context.Background(), metaOf(seq), func(w io.Writer) error {
			before := beside.Steps()
			for i := 0; i < size; i += piece {
				if _, failed := w.Write(body[i : i+piece]); failed != nil {
					return failed //nolint:wrapcheck // Write wraps it
				}
			}
			require.GreaterOrEqual(t, beside.Steps()-before, size/piece)
			return nil
		})
		require.NoError(t, err)
		require.GreaterOrEqual(t, since(), size/piece+2*size>>18, "written, read back twice")
	}
	_, err := beside.Verify(last.Name)
	require.NoError(t, err)
	require.GreaterOrEqual(t, since(), 2*size>>18)
	gone, err := beside.Prune(snapshotter.Beyond(2))
	require.NoError(t, err)
	require.Len(t, gone, 1)
	require.GreaterOrEqual(t, since(), 2*size>>18)
	r, err := beside.Open(last.Name)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, body, got)
	require.GreaterOrEqual(t, since(), 2*size>>18)
	require.Zero(t, s.Steps(), "the other one never rests")
}

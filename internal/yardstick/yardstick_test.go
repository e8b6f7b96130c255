package yardstick_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/yardstick"
)

func TestRawFileHoldsWhatWasAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw")
	g, err := yardstick.OpenRaw(path, 100, 0)
	require.NoError(t, err)
	var calls atomic.Int64
	f, err := yardstick.Drive(8, time.Nanosecond, func() error { // each caller appends once
		calls.Add(1)
		return g.Append()
	})
	require.NoError(t, err)
	require.NoError(t, g.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Positive(t, calls.Load())
	require.Equal(t, 100*calls.Load(), info.Size())
	require.Positive(t, f.P50)
	require.GreaterOrEqual(t, f.P999, f.P50)

	_, err = yardstick.OpenRaw(path, 100, 0)
	require.ErrorIs(t, err, os.ErrExist)
}

func TestRawFileOfZerosDoesNotGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw")
	g, err := yardstick.OpenRaw(path, 3000, 8<<10)
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, g.Append())
	}
	require.NoError(t, g.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 8<<10, info.Size())
}

type broken struct{ commits int }

var errBroken = errors.New("broken")

func (b *broken) Commit(int) error {
	b.commits++
	return errBroken
}

func (b *broken) Close() error { return nil }

func TestEveryCallerHearsOfAFailure(t *testing.T) {
	b := new(broken)
	g := yardstick.Gather(b)
	_, err := yardstick.Drive(20, time.Hour, g.Append)
	require.ErrorIs(t, err, errBroken)
	require.NoError(t, g.Close())
	require.Positive(t, b.commits)
	require.LessOrEqual(t, b.commits, 20, "each caller stops at its first error")
}

func TestFillsOpenEveryPosition(t *testing.T) {
	l, err := holdfast.Open(t.Context(), filepath.Join(t.TempDir(), "ledger"), holdfast.Options{SnapshotInterval: -1})
	require.NoError(t, err)
	var fills yardstick.Fills
	require.NoError(t, fills.Apply(t.Context(), l, yardstick.Positions))
	open := 0
	for p := range l.View().Positions() {
		if p.Qty.Sign() != 0 {
			open++
		}
	}
	require.Equal(t, yardstick.Positions, open)
	require.NoError(t, l.Close())
	require.ErrorIs(t, fills.Apply(t.Context(), l, 2), holdfast.ErrClosed)
}

// A fill costs what is kept of it, which the window does, and what its caller makes: two
// names and an id, and the mutation as an interface. Two segments are filled, so that
// what is made once for each of them counts as well.
func TestAFillAllocatesHardlyMoreThanIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("it fills two segments")
	}
	const enough, most = 120_000, 640
	l := ledgertest.Open(t, t.TempDir(), holdfast.Options{SnapshotInterval: -1, SnapshotEvery: 1 << 62})
	var fills yardstick.Fills
	require.NoError(t, fills.Apply(t.Context(), l, 2*yardstick.Positions))
	ended, applied := make(chan error, 1), atomic.Int64{}
	f, err := yardstick.DriveUntil(64, ended, func() error {
		if applied.Add(1) == enough {
			ended <- nil
		}
		_, err := l.Apply(t.Context(), fills.Next())
		return err
	})
	require.NoError(t, err)
	require.Less(t, f.Used.Allocated, int64(most), "bytes per fill")
}

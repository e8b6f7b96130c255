package holdfast_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Of the snapshots beyond the newest the base stays, and what is at least a
// spacing behind the one before it that stays.
func TestExpendableSnapshots(t *testing.T) {
	var mine []snapshotter.Snapshot
	for seq := uint64(60); seq >= 10; seq -= 10 { // one each 10 ns
		mine = append(mine, snapshotter.Snapshot{Meta: snapshotter.Meta{Seq: seq, RecordTime: int64(seq)}})
	}
	for name, c := range map[string]struct {
		keep    int
		base    uint64
		spacing time.Duration
		gone    []uint64
	}{
		"fewer than are kept":   {keep: 7},
		"as many as are kept":   {keep: 6},
		"one more than is kept": {keep: 5, gone: []uint64{10}},
		"nothing retained":      {keep: 2, gone: []uint64{40, 30, 20, 10}},
		"the base only":         {keep: 2, base: 20, gone: []uint64{40, 30, 10}},
		"each a spacing apart":  {keep: 2, spacing: 10},
		"every second one":      {keep: 2, spacing: 11, gone: []uint64{40, 20}},
		"exactly so":            {keep: 2, spacing: 20, gone: []uint64{40, 20}},
		"counted from the base": {keep: 2, base: 20, spacing: 20, gone: []uint64{30, 10}},
		"no usable base":        {keep: 2, base: math.MaxUint64, spacing: 1, gone: []uint64{40, 30, 20, 10}},
	} {
		var gone []uint64
		for _, s := range holdfast.Expendable(mine, c.keep, c.base, c.spacing) {
			gone = append(gone, s.Seq)
		}
		require.Equal(t, c.gone, gone, name)
	}
}

// A moment of record time is as far back as what is retained, of which an eighth
// is between two snapshots that are kept for it.
func TestSpacingOfSnapshots(t *testing.T) {
	for retain, want := range map[time.Duration]time.Duration{
		-1: 0, math.MaxInt64: 0, 1: 1, 8: 1, 80 * time.Second: 10 * time.Second,
	} {
		o := ledgertest.Quiet()
		o.Retain = retain
		require.Equal(t, want, holdfast.Spacing(ledgertest.Open(t, t.TempDir(), o)), "%d", retain)
	}
}

// Whatever is done with snapshots beside the appends can make way for them: making and
// verifying one, the load that a trim rests on, and what a prune verifies.
func TestSnapshotsMakeWay(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.RecordPerSegment(1))
	steps := 0
	since := func() int {
		n := l.SnapshotSteps() - steps
		steps += n
		return n
	}
	ledgertest.Buys(t, l, "A", 6)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	made := since()
	require.GreaterOrEqual(t, made, 6, "digest, body, two readings of the file, and the trim's")
	require.NotEqualValues(t, 1, ledgertest.FirstKept(t, l))
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	require.Positive(t, since(), "the one that is there is verified")
	ledgertest.Buys(t, l, "B", 6)
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	require.Greater(t, since(), made, "one is pruned as well")
}

package holdfast_test

import (
	"bytes"
	"log/slog"
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

// Records that are exactly as old as the retention stay, and a snapshot of them is
// no base yet.
func TestRetentionIsExact(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := ledgertest.RecordPerSegment(1)
	o.Now, o.Retain = func() time.Time { return now }, time.Minute
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.Buys(t, l, "A", 3)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	now = time.Unix(0, s.RecordTime).Add(time.Minute)
	ledgertest.Buys(t, l, "B", 1)
	require.NoError(t, l.Prune())
	require.EqualValues(t, 1, ledgertest.FirstKept(t, l))
	now = now.Add(time.Second)
	ledgertest.Buys(t, l, "C", 1)
	require.NoError(t, l.Prune())
	require.Equal(t, s.Seq+1, ledgertest.FirstKept(t, l))
}

// A clock that is far behind the newest record is told, since record time then
// stands still.
func TestClockBehindIsTold(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := ledgertest.Quiet()
	o.Now = func() time.Time { return at }
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "A", 1)
	newest := time.Unix(0, int64(l.View().Time()))
	require.NoError(t, l.Close())
	for ahead, told := range map[time.Duration]bool{0: false, time.Minute: false, time.Minute + 1: true, -time.Hour: false} {
		var log bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Now = func() time.Time { return newest.Add(-ahead) }
		require.NoError(t, ledgertest.Open(t, dir, o).Close())
		require.Equal(t, told, bytes.Contains(log.Bytes(), []byte("the clock is behind the newest record")), "%s", ahead)
	}
}

// Where everything is retained the journal begins at the beginning, and no
// snapshot is its base.
func TestNothingTrimmedNeedsNoBase(t *testing.T) {
	o := ledgertest.RecordPerSegment(1)
	o.Retain = math.MaxInt64
	l := ledgertest.Open(t, t.TempDir(), o)
	require.NoError(t, l.Prune(), "there is no snapshot yet")
	var last snapshotter.Snapshot
	for _, account := range []string{"A", "B", "C"} {
		ledgertest.Buys(t, l, account, 2)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		last = s
	}
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, last.Name, list[0].Name)
	require.EqualValues(t, 1, ledgertest.FirstKept(t, l))
}

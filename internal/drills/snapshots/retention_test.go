package snapshots_test

import (
	"bytes"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/snapshotter"
)

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

package holdfast_test

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// TestAheadIsTold looks at what says that something is dated ahead.
func TestAheadIsTold(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	o := holdfast.Options{SnapshotInterval: -1, Now: func() time.Time { return now }}
	l := ledgertest.Open(t, dir, o)
	for i, skew := range []time.Duration{0, time.Minute, time.Minute + 1, time.Hour, 2 * time.Minute} {
		f := ledgertest.Fill("f-"+strconv.Itoa(i), "A", "I", position.Buy, "1", "1")
		f.Time = position.Time(now.Add(skew).UnixNano())
		_, err := l.Apply(t.Context(), f)
		require.NoError(t, err)
	}
	st, err := l.Status()
	require.NoError(t, err)
	require.Equal(t, &holdfast.DatedAhead{Mutations: 3, Farthest: "2026-11-05T09:00:00Z", ID: "f-3"}, st.DatedAhead)
	require.Zero(t, st.ClockAhead)
	now = now.Add(-90 * time.Second)
	require.EqualValues(t, 90, l.ClockAhead())

	jumped := holdfast.ClockJump()
	for _, step := range []struct{ wall, monotonic, want time.Duration }{
		{0, 0, 0},
		{time.Second, time.Second, 0},
		{time.Hour, time.Hour, 0},
		{24 * time.Hour, time.Second, 24*time.Hour - time.Second},
		{time.Second, time.Second, 0},
		{-time.Hour, time.Second, -time.Hour - time.Second},
		{time.Minute, 0, 0},
	} {
		require.Equal(t, step.want, jumped(step.wall, step.monotonic))
	}
}

// TestOneReadingForWhatIsTakenTogether counts how often the stager looks at the
// clock for fills that are dated ahead of it and come together.
func TestOneReadingForWhatIsTakenTogether(t *testing.T) {
	o, readings := ledgertest.Quiet(), atomic.Int32{}
	now := o.Now
	o.Now = func() time.Time {
		if strings.Contains(string(debug.Stack()), "stageLoop") {
			readings.Add(1)
		}
		return now()
	}
	o, arm := onStaging(o)
	l := ledgertest.Open(t, t.TempDir(), o)
	staging, resume := make(chan struct{}), make(chan struct{})
	arm(func() {
		close(staging)
		<-resume
	})
	futures := make([]*holdfast.Future, 11)
	for i := range futures {
		m := ledgertest.Fill(fmt.Sprintf("f-%d", i), "A", "I", position.Buy, "1", "100")
		m.Time = position.Time(now().Add(time.Minute).UnixNano())
		var err error
		futures[i], err = l.ApplyAsync(t.Context(), m)
		require.NoError(t, err)
		if i == 0 {
			<-staging
		}
	}
	close(resume)
	for _, f := range futures {
		_, err := f.Wait(t.Context())
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, readings.Load(), "one for the first, one for the others")
}

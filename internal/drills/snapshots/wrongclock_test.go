package snapshots_test

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

const retained = 6 * 24 * time.Hour

// desk is a ledger that is opened and closed under a clock, five minutes a
// session, with a snapshot at the end of each.
type desk struct {
	t     *testing.T
	dir   string
	ids   int
	moves []move
}

func (d *desk) session(really time.Time, off time.Duration, n int) {
	t := d.t
	t.Helper()
	now := really
	o := holdfast.Options{
		SnapshotInterval: -1, SegmentSize: 4 << 10, SnapshotKeep: 2, Retain: retained, Now: func() time.Time { return now.Add(off) },
	}
	l := ledgertest.Open(t, d.dir, o)
	for range n {
		now = now.Add(5 * time.Minute / time.Duration(n))
		d.ids++
		f := ledgertest.Fill("d-"+strconv.Itoa(d.ids), "A", "I", position.Buy, "1", "10")
		f.Time = position.Time(really.UnixNano())
		r, err := l.Apply(t.Context(), f)
		require.NoError(t, err)
		d.moves = append(d.moves, move{r.Last, now})
	}
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, os.Chtimes(filepath.Join(d.dir, "MARK"), now, now.Add(off))) // the system's clock is the same
}

// kept asks that every record of the retention is there and can be asked for.
func (d *desk) kept(now time.Time) (first uint64) {
	t := d.t
	t.Helper()
	r, err := holdfast.OpenReader(d.dir)
	require.NoError(t, err)
	v, err := r.AsOf(t.Context(), holdfast.Moment{})
	require.NoError(t, err)
	st, err := holdfast.StatusOf(r, v)
	require.NoError(t, err)
	due := uint64(0)
	for _, m := range d.moves {
		if now.Sub(m.at) < retained {
			due = m.seq
			break
		}
	}
	require.LessOrEqual(t, st.First, due, "record %d is not old enough", due)
	for i := due; i <= st.Last; i += (st.Last-due)/5 + 1 {
		_, err = r.AsOf(t.Context(), holdfast.Moment{Seq: i})
		require.NoError(t, err)
	}
	return st.First
}

// move is a record and when it was really made.
type move struct {
	seq uint64
	at  time.Time
}

// TestWrongClockRemovesNothing keeps what the retention promises under a clock
// that is wrong for a record, for a day, or for good and then right again; and
// what is truly due is trimmed later.
func TestWrongClockRemovesNothing(t *testing.T) {
	const day = 24 * time.Hour
	begin := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	in2100 := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Sub(begin.Add(5 * day))
	for name, c := range map[string]struct {
		off   time.Duration
		under int           // sessions under the wrong clock
		step  time.Duration // between those after it, 0: 20 hours
	}{
		"never wrong":           {},
		"a month for a record":  {off: 31 * day, under: 1},
		"a month for a day":     {off: 31 * day, under: 6},
		"2100 for a record":     {off: in2100, under: 1},
		"2100 for a day":        {off: in2100, under: 6},
		"nine hours for a day":  {off: -9 * time.Hour, under: 6},
		"1970 for a record":     {off: -56 * 365 * day, under: 1},
		"a month back, for one": {off: -31 * day, under: 1},
		"hours for a record":    {off: 15 * time.Hour, under: 1, step: 4 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &desk{t: t, dir: t.TempDir()}
			at := begin
			d.session(at, 0, 50)
			for range 5 {
				at = at.Add(day)
				d.session(at, 0, 8)
				require.EqualValues(t, 1, d.kept(at))
			}
			for range c.under {
				at = at.Add(4 * time.Hour)
				d.session(at, c.off, 1)
				d.kept(at)
			}
			first := uint64(1)
			for range 20 {
				at = at.Add(cmp.Or(c.step, 20*time.Hour))
				d.session(at, 0, 8)
				first = d.kept(at)
			}
			require.Greater(t, first, uint64(50), "what is due is trimmed")
		})
	}
}

// TestShutLedgerAgesByADay opens a ledger under a clock that is behind its newest
// record, a month after it was closed as the file system tells.
func TestShutLedgerAgesByADay(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	newest := now
	o := holdfast.Options{SnapshotInterval: -1, Now: func() time.Time { return now }}
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "A", 1)
	require.NoError(t, l.Close())
	now = now.Add(-time.Hour)
	closed := now.Add(-30 * 24 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "MARK"), closed, closed))
	l = ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "B", 1)
	require.Equal(t, 24*time.Hour, l.View().Time().Std().Sub(newest), "two days at half speed")
}

// TestRecordTimeGoesOn asks for moments while the clock is behind the newest
// record: they can be told apart, and the clock catches up.
func TestRecordTimeGoesOn(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	o := holdfast.Options{SnapshotInterval: -1, Now: func() time.Time { return now }}
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "A", 1)
	require.NoError(t, l.Close())
	now = now.Add(-time.Hour)
	l = ledgertest.Open(t, dir, o)
	var times []position.Time
	for i := range 50 {
		now = now.Add(2 * time.Minute)
		ledgertest.Buys(t, l, "B"+strconv.Itoa(i), 1)
		at := l.View().Time()
		if i > 0 {
			require.Greater(t, at, times[i-1])
		}
		times = append(times, at)
		v, err := l.AsOf(t.Context(), holdfast.Moment{Time: at})
		require.NoError(t, err)
		require.Equal(t, l.View().Seq(), v.Seq())
		if i == 1 {
			require.Equal(t, time.Minute, times[1].Std().Sub(times[0].Std()), "at half speed")
		}
	}
	v, err := l.AsOf(t.Context(), holdfast.Moment{Time: times[20]})
	require.NoError(t, err)
	require.Equal(t, l.View().Seq()-29, v.Seq())
	now = now.Add(time.Hour)
	ledgertest.Buys(t, l, "C", 1)
	require.Equal(t, now.UnixNano(), int64(l.View().Time()), "it has caught up")
}

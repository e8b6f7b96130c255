package journal_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// The age of a record is the sum of the gaps behind it, without those of more than a
// day, and comes back with the journal, however it was left.
func TestAge(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 500})
	var times []int64 // of the records, from seq 1 on
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	next := func(b *journal.Batch, f journal.Flags, gap time.Duration) {
		now += int64(gap)
		b.Append([]byte("x"), f, now)
		times = append(times, now)
	}
	for range 100 {
		gaps := []time.Duration{0, time.Millisecond, time.Hour, 24 * time.Hour, 24*time.Hour + 1, 1000 * time.Hour}
		b := j.NewBatch()
		if rng.IntN(3) == 0 {
			next(b, journal.More, gaps[rng.IntN(len(gaps))])
		}
		next(b, 0, gaps[rng.IntN(len(gaps))])
		require.NoError(t, j.Commit(b))
	}
	require.Greater(t, len(j.Sealed()), 10)
	holds := func(j *journal.Journal, kept int) {
		t.Helper()
		require.EqualValues(t, kept, j.Durable())
		want := make([]time.Duration, kept+1) // by seq
		for seq := kept - 1; seq > 0; seq-- {
			want[seq] = want[seq+1]
			if gap := time.Duration(times[seq] - times[seq-1]); gap <= 24*time.Hour {
				want[seq] += gap
			}
			require.LessOrEqual(t, j.Age(uint64(seq), times[seq-1]), want[seq], seq)
		}
		for _, s := range j.Sealed() {
			require.Equal(t, want[s[1]], j.Age(s[1], times[s[1]-1]), s)
		}
		require.Zero(t, j.Age(uint64(kept), times[kept-1]))
	}
	holds(j, len(times))
	holds(journaltest.Open(t, journaltest.CopyLedger(t, dir), journal.Options{SegmentSize: 500}), len(times))
	require.NoError(t, j.Close())
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 10000})
	holds(j, len(times))

	// A gap that does not count, and behind it a batch that is cut.
	b := j.NewBatch()
	next(b, 0, 0)
	next(b, 0, 1000*time.Hour)
	require.NoError(t, j.Commit(b))
	kept := len(times)
	b = j.NewBatch()
	next(b, journal.More, 10*time.Hour)
	next(b, 0, time.Hour)
	require.NoError(t, j.Commit(b))
	first, size := j.TailMirror()
	torn := journaltest.CopyLedger(t, dir)
	require.NoError(t, os.Truncate(filepath.Join(torn, "journal", fmt.Sprintf("%020d", first)), size-1))
	j = journaltest.Open(t, torn, journal.Options{SegmentSize: 500})
	holds(j, kept)
	b = j.NewBatch()
	times = times[:kept]
	now = times[kept-1]
	next(b, 0, time.Hour)
	require.NoError(t, j.Commit(b))
	holds(j, kept+1)
}

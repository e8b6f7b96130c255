package journal_test

import (
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/keyring"
)

// requireMeanwhile opens a ledger and checks that it hands on, before it has a verdict,
// what can be read from a seq on when it is open.
func requireMeanwhile(t *testing.T, dir string, from uint64, most int, keys *keyring.Ring) {
	t.Helper()
	o := journal.Options{SegmentSize: journaltest.LedgerSegment, Keys: keys}
	got := journaltest.Collect(&o, from, most)
	o.Before = func(uint64, journal.Head) error {
		require.True(t, got.Done)
		return nil
	}
	j := journaltest.Open(t, dir, o)
	require.NoError(t, got.Err)
	var want []journal.Record
	for rec, err := range j.Records(max(from, j.First())) {
		require.NoError(t, err)
		want = append(want, rec)
	}
	want = want[:min(most, len(want))]
	require.Len(t, got.Recs, len(want), "from %d", from)
	for i := range want {
		require.Equal(t, want[i], got.Recs[i])
	}
	require.NoError(t, j.Close())
}

// TestMeanwhile: whatever the first record that is wanted, and whatever the end, those
// are handed on that will be there, whole batches only.
func TestMeanwhile(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	torn := journaltest.CopyLedger(t, l.Unclean)
	path, es := journaltest.LastSegment(t, torn)
	require.NoError(t, os.Truncate(path, int64(es[len(es)-1].End-5)))
	half := journaltest.CopyLedger(t, l.Unclean)
	spanBatch(t, half)
	sealed, keys := sealedLedger(t)
	trimmed := journaltest.CopyLedger(t, l.Clean)
	j := journaltest.Open(t, trimmed, journal.Options{SegmentSize: journaltest.LedgerSegment})
	_, err := j.Trim(l.Third, 0)
	require.NoError(t, err)
	require.NoError(t, j.Close())
	for name, c := range map[string]struct {
		dir  string
		keys *keyring.Ring
	}{
		"clean": {l.Clean, nil}, "unclean": {l.Unclean, nil}, "torn": {torn, nil}, "half a batch": {half, nil},
		"encrypted": {sealed, keys}, "trimmed": {trimmed, nil}, "empty": {t.TempDir(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, from := range []uint64{0, 1, 2, 33, l.Third - 1, l.Third, l.Third + 1, l.Last - 1, l.Last, l.Last + 1, l.Last + 100} {
				for _, most := range []int{0, 1, 40, math.MaxInt} {
					requireMeanwhile(t, journaltest.CopyLedger(t, c.dir), from, most, c.keys)
				}
			}
		})
	}
}

// TestMeanwhileKeepsWhatItHandedOn: Open goes on behind who has broken off, in other
// memory than the records have that were handed on.
func TestMeanwhileKeepsWhatItHandedOn(t *testing.T) {
	dir := t.TempDir()
	o := journal.Options{SegmentSize: 16 << 20}
	j := journaltest.Open(t, dir, o)
	journaltest.AddSome(t, j, func(seq uint64) []byte { return fmt.Append(nil, seq, string(make([]byte, 10_000))) }, 600, 600)
	require.NoError(t, j.Close())
	for most := 10; most < 1200; most += 90 {
		got := journaltest.Collect(&o, 1, most)
		j = journaltest.Open(t, dir, o)
		require.Len(t, got.Recs, most)
		for i := range got.Recs {
			require.Contains(t, string(got.Recs[i].Payload), fmt.Sprint(i+1))
			require.True(t, i == 0 || got.Recs[i].Follows(got.Recs[i-1].Chain))
		}
		require.NoError(t, j.Close())
	}
}

// TestMeanwhileDecidesNothing: a damage is refused in the same words whether or not
// somebody has read up to it, and whoever has read got no record behind it.
func TestMeanwhileDecidesNothing(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for _, at := range []int{0, 1, 2} {
		dir := journaltest.CopyLedger(t, l.Clean)
		paths := journaltest.Segments(t, dir)
		journaltest.Edit(t, paths[at], func(b []byte) []byte {
			b[len(b)/2] ^= 1
			return b
		})
		_, want := journal.Open(dir, journal.Options{})
		require.ErrorIs(t, want, journal.ErrDamaged)
		before := journaltest.Tree(t, dir)
		for _, most := range []int{0, 1, math.MaxInt} {
			var o journal.Options
			got := journaltest.Collect(&o, 1, most)
			_, err := journal.Open(dir, o)
			require.Equal(t, want, err)
			require.Equal(t, most > 1 && at < 2, got.Err != nil, "the end of the newest is for the verdict")
			require.Equal(t, before, journaltest.Tree(t, dir))
			for i := range got.Recs {
				require.EqualValues(t, i+1, got.Recs[i].Seq)
			}
			require.LessOrEqual(t, uint64(len(got.Recs)), want.(*journal.DamageError).Seq) //nolint:errcheck,errorlint,forcetypeassert // seen above
		}
	}
}

package journal_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// obstacle makes every replacement of MARK fail until the returned function is
// called: a directory that holds something has the temporary file's name.
func obstacle(tb testing.TB, dir string) (remove func()) {
	tb.Helper()
	temp := filepath.Join(dir, "MARK.holdfast-tmp")
	require.NoError(tb, os.MkdirAll(filepath.Join(temp, "occupied"), 0o700))
	return func() { require.NoError(tb, os.RemoveAll(temp)) }
}

func TestMarkThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	journaltest.Add(t, j, 20, 2)
	durable := func() uint64 {
		rep, err := journal.Check(dir)
		require.NoError(t, err)
		require.Empty(t, rep.Damages)
		return rep.Durable
	}
	before := durable()
	require.Less(t, before, j.Durable())
	remove := obstacle(t, dir)
	require.Error(t, j.SaveMark())
	require.Equal(t, before, durable())
	remove()
	require.NoError(t, j.SaveMark(), "it is no failure of the journal")
	require.Equal(t, j.Durable(), durable())

	remove = obstacle(t, dir)
	removed, err := j.Trim(15, 0)
	require.Error(t, err)
	require.Empty(t, removed, "nothing goes before MARK says so")
	require.EqualValues(t, 1, j.First())
	require.Len(t, journaltest.Read(t, dir, 0), 22)
	remove()

	// But a segment that nothing tells of is one: its loss would not be noticed.
	remove = obstacle(t, dir)
	b := j.NewBatch()
	for seq := uint64(23); seq < 43; seq++ {
		b.Append(journaltest.Payload(seq), 0, int64(seq))
	}
	var failed *journal.FailedError
	require.ErrorAs(t, j.Commit(b), &failed)
	require.Equal(t, "mark", failed.Op)
	require.ErrorIs(t, j.SaveMark(), failed)
	remove()
	require.NoError(t, j.Close())
	require.Less(t, durable(), uint64(42))
	j = journaltest.Open(t, dir, journal.Options{SegmentSize: 1000})
	require.False(t, j.Recovery().Clean)
}

// MARK names a new segment before the commit that began it returns.
func TestMarkNamesANewSegment(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 880})
	for n := range 12 {
		journaltest.Add(t, j, 3)
		lost := journaltest.CopyLedger(t, dir)
		paths := journaltest.Segments(t, lost)
		require.NoError(t, os.Remove(paths[len(paths)-1]))
		_, err := journal.Open(lost, journal.Options{})
		require.ErrorIs(t, err, journal.ErrDamaged, "group %d, %d segments", n, len(paths))
	}
	require.Greater(t, len(journaltest.Segments(t, dir)), 3)
}

func TestCloseWaitsForTheCommit(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 1)
	f, closed := j.Interpose(), make(chan error, 1)
	early := false
	f.OnSync = func() {
		go func() { closed <- j.Close() }()
		for range 100_000 { // Close must not get on, however long it has
			if early = f.Closed.Load(); early {
				return
			}
			runtime.Gosched()
		}
	}
	b := j.NewBatch()
	b.Append(journaltest.Payload(2), 0, 2)
	require.NoError(t, j.Commit(b))
	require.NoError(t, <-closed)
	require.False(t, early, "the log was closed under a running commit")
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.True(t, rep.Clean)
	require.EqualValues(t, 2, rep.Last.Seq)
	require.EqualValues(t, 2, rep.Durable)
}

// A MARK that says closed is written behind a log that was: what its close could
// not write may be missing.
func TestNoCleanMarkWhenTheLogFails(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{})
	journaltest.Add(t, j, 2)
	f := j.Interpose()
	f.CloseErr = errCrash
	require.ErrorIs(t, j.Close(), errCrash)
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.False(t, rep.Clean)
	j = journaltest.Open(t, dir, journal.Options{})
	require.EqualValues(t, 2, j.Durable(), "the lock was given free")
}

// After an unclean end the tail stands in another file than before, whether or
// not anything was cut: what the old one reads back may never have been written.
func TestRewrittenIsAnotherFile(t *testing.T) {
	for name, cut := range map[string]int64{"whole": 0, "torn": 5} {
		t.Run(name, func(t *testing.T) {
			l := journaltest.NewLedger(t, 32)
			path, es := journaltest.LastSegment(t, l.Unclean)
			require.NoError(t, os.Truncate(path, int64(es[len(es)-1].End)-cut))
			before, err := os.Stat(path)
			require.NoError(t, err)
			j := journaltest.Open(t, l.Unclean, journal.Options{SegmentSize: journaltest.LedgerSegment})
			require.True(t, j.Recovery().Rewritten)
			after, err := os.Stat(path)
			require.NoError(t, err)
			require.False(t, os.SameFile(before, after))
			require.NoError(t, j.Close())

			// After a clean end nothing is.
			j = journaltest.Open(t, l.Unclean, journal.Options{SegmentSize: journaltest.LedgerSegment})
			require.False(t, j.Recovery().Rewritten)
			again, err := os.Stat(path)
			require.NoError(t, err)
			require.True(t, os.SameFile(after, again))
		})
	}
}

// A frame proves what was durable when it was written, that record included, and
// nothing above.
func TestProof(t *testing.T) {
	var prev [32]byte
	var b []byte
	var ends []int64
	for seq := uint64(1); seq <= 6; seq++ { // groups of two
		r := journal.Record{Seq: seq, Synced: (seq - 1) / 2 * 2, Epoch: 1, Payload: journaltest.Payload(seq)}
		frame := journaltest.EncodeFrame(&r, prev)
		prev = r.Chain
		b = append(binary.AppendUvarint(b, uint64(len(frame))), frame...)
		ends = append(ends, int64(len(b)))
	}
	for lost, want := range map[uint64]uint64{1: 3, 2: 3, 3: 5, 4: 5, 5: 0, 6: 0} {
		seq, found, err := journaltest.Prove(b, ends[0], lost)
		require.NoError(t, err)
		require.Equal(t, want != 0, found, "lost %d", lost)
		require.Equal(t, want, seq, "lost %d", lost)
	}
	_, found, err := journaltest.Prove(b[:len(b)-1], ends[4], 4)
	require.NoError(t, err)
	require.False(t, found, "the only proof is cut short")
	_, found, err = journaltest.Prove(b, ends[4], 4)
	require.NoError(t, err)
	require.True(t, found, "it begins where the search does")
}

// A MARK of an earlier clean end beside a ledger that went on: the place that is
// named is behind the record that MARK names, also where a new segment begins
// there.
func TestMarkOfAnEarlierEnd(t *testing.T) {
	for name, size := range map[string]int{"in another segment": 1, "in the same segment": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: size})
			journaltest.Add(t, j, 3)
			require.NoError(t, j.Close())
			mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
			require.NoError(t, err)
			path, es := journaltest.LastSegment(t, dir)
			j = journaltest.Open(t, dir, journal.Options{SegmentSize: size})
			journaltest.Add(t, j, 2)
			require.NoError(t, j.Close())
			require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600))
			_, err = journal.Open(dir, journal.Options{})
			var bad *journal.DamageError
			require.ErrorAs(t, err, &bad)
			require.EqualValues(t, 4, bad.Seq)
			want, at := path, int64(0)
			if len(es) > 0 {
				at = int64(es[len(es)-1].End)
			}
			require.Equal(t, "journal/"+filepath.Base(want), bad.File)
			require.Equal(t, at, bad.Offset)
		})
	}
}

// Sound frames on one chain are refused all the same when they cannot have been
// written one after the other.
func TestWhatNoWriterMakes(t *testing.T) {
	first := journal.Record{Seq: 1, Epoch: 2, Time: 10, Payload: journaltest.Payload(1)}
	for name, tc := range map[string]struct {
		second journal.Record
		reason string
	}{
		"the same time":     {journal.Record{Seq: 2, Synced: 1, Epoch: 2, Time: 10}, ""},
		"an earlier time":   {journal.Record{Seq: 2, Synced: 1, Epoch: 2, Time: 9}, "record time runs backwards"},
		"an earlier epoch":  {journal.Record{Seq: 2, Synced: 1, Epoch: 1, Time: 10}, "epoch 1 behind epoch 2"},
		"the same seq":      {journal.Record{Seq: 1, Epoch: 2, Time: 10}, "seq 1 behind seq 1"},
		"a seq too many":    {journal.Record{Seq: 3, Synced: 1, Epoch: 2, Time: 10}, "seq 3 behind seq 1"},
		"no payload":        {journal.Record{Seq: 2, Synced: 1, Epoch: 2, Time: 10}, "length 62 is out of range"},
		"synced by its own": {journal.Record{Seq: 2, Synced: 2, Epoch: 2, Time: 10}, "seq 2 says that the record 0 before it was durable"},
	} {
		t.Run(name, func(t *testing.T) {
			r, prev := tc.second, first
			if name != "no payload" {
				r.Payload = journaltest.Payload(2)
			}
			b := journaltest.WithPrefix(journaltest.EncodeFrame(&prev, [32]byte{}))
			end := int64(len(b))
			b = append(b, journaltest.WithPrefix(journaltest.EncodeFrame(&r, prev.Chain))...)
			recs, at, reason, err := journaltest.ScanBytes(b, 1)
			require.NoError(t, err)
			require.Equal(t, tc.reason, reason)
			if reason != "" {
				require.Len(t, recs, 1)
				require.Equal(t, end, at)
			}
		})
	}
}

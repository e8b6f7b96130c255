package snapshotter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/snapshotter"
)

// epoch0 is the clock of the tests.
var epoch0 = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func clockAt(t time.Time) func() time.Time { return func() time.Time { return t } }

func metaOf(seq uint64) snapshotter.Meta {
	return snapshotter.Meta{
		Ledger: [16]byte{1, 2, 3}, Seq: seq, Epoch: 7, Chain: [32]byte{4, 5}, RecordTime: epoch0.UnixNano() - 1,
		Positions: 3, Instruments: 2, Accounts: 1, Window: 9, Digest: [32]byte{31: 8}, Identity: snapshotter.SampleIdentity,
	}
}

func bodyOf(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// write makes a snapshot of seq with the given body.
func write(tb testing.TB, s *snapshotter.Snapshotter, seq uint64, body []byte) snapshotter.Snapshot {
	tb.Helper()
	snap, err := s.Write(context.Background(), metaOf(seq), bodyOf(body))
	require.NoError(tb, err)
	return snap
}

// names returns what is in the directory.
func names(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(tb, err)
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// readsBack verifies the one snapshot there is, lists it and reads it to its end.
func readsBack(t *testing.T, s *snapshotter.Snapshotter, snap snapshotter.Snapshot, body []byte) *snapshotter.Reader {
	t.Helper()
	verified, err := s.Verify(snap.Name)
	require.NoError(t, err)
	require.Equal(t, snap, verified)
	list, err := s.List()
	require.NoError(t, err)
	require.Equal(t, []snapshotter.Snapshot{snap}, list)
	r, err := s.Open(snap.Name)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, got))
	return r
}

func TestWriteThenRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 100, 1 << 16, 3<<20 + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "backups")
			s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
			body := make([]byte, size)
			for i := range body {
				body[i] = byte(rng.IntN(5)) // compressible
			}
			snap := write(t, s, 42, body)
			require.Equal(t, "positions_20260102_030405_42.snap", snap.Name)
			require.Equal(t, []string{snap.Name}, names(t, dir))

			info, err := os.Stat(filepath.Join(dir, snap.Name))
			require.NoError(t, err)
			require.Equal(t, info.Size(), snap.Size)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			require.Equal(t, metaOf(42), snap.Meta)
			require.Equal(t, epoch0, snap.Created)

			r := readsBack(t, s, snap, body)
			_, err = r.Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF)
			require.NoError(t, r.Close())
			require.NoError(t, r.Close())
			_, err = r.Read(make([]byte, 1))
			require.ErrorIs(t, err, os.ErrClosed)
		})
	}
}

func TestWithoutClockTheRecordTimeNames(t *testing.T) {
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	require.Equal(t, "positions_20260102_030405_1.snap", write(t, s, 1, nil).Name)
}

func TestSameSecondSameSeq(t *testing.T) {
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	one := write(t, s, 5, []byte("one"))
	// A directory and a dangling link hold the next two names.
	require.NoError(t, os.Mkdir(filepath.Join(dir, "positions_20260102_030406_5.snap"), 0o700))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "positions_20260102_030407_5.snap")))
	two := write(t, s, 5, []byte("two"))
	require.Equal(t, "positions_20260102_030408_5.snap", two.Name)
	for snap, want := range map[string]string{one.Name: "one", two.Name: "two"} {
		r, err := s.Open(snap)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, want, string(got))
	}
}

var errNoSpace = errors.New("no space left on device")

func TestFailedWriteLeavesNoSnapshot(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	during, cancelDuring := context.WithCancel(context.Background())
	after, cancelAfter := context.WithCancel(context.Background())
	big := bytes.Repeat([]byte("0123456789"), 500_000)
	cases := map[string]struct {
		ctx  context.Context
		body func(io.Writer) error
		want error
	}{
		"body fails at once":   {context.Background(), func(io.Writer) error { return errNoSpace }, errNoSpace},
		"body fails late":      {context.Background(), func(w io.Writer) error { _, _ = w.Write(big); return errNoSpace }, errNoSpace},
		"cancelled before":     {cancelled, bodyOf(big), context.Canceled},
		"cancelled, no writes": {cancelled, func(io.Writer) error { return nil }, context.Canceled},
		"cancelled during": {during, func(w io.Writer) error {
			_, err := w.Write(big)
			cancelDuring()
			require.NoError(t, err)
			_, _ = w.Write(big) // the error is ignored: Write has to notice by itself
			return nil
		}, context.Canceled},
		"cancelled after the last write": {after, func(w io.Writer) error {
			_, err := w.Write(big)
			cancelAfter()
			return err
		}, context.Canceled},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
			_, err := s.Write(c.ctx, metaOf(1), c.body)
			require.ErrorIs(t, err, c.want)
			require.Empty(t, names(t, dir))
			list, err := s.List()
			require.NoError(t, err)
			require.Empty(t, list)
			write(t, s, 1, []byte("and afterwards it works"))
		})
	}
}

func TestPanickingBodyLeavesNothingAndNoLock(t *testing.T) {
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	require.Panics(t, func() {
		_, _ = s.Write(context.Background(), metaOf(1), func(io.Writer) error { panic("body") })
	})
	require.Empty(t, names(t, dir))
	write(t, s, 1, nil)
}

func TestWriteIntoWhatIsNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	s := snapshotter.New(path, snapshotter.Options{Now: clockAt(epoch0)})
	_, err := s.Write(context.Background(), metaOf(1), bodyOf(nil))
	require.ErrorContains(t, err, "make ")
}

func TestReadingCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	s := snapshotter.New(dir, snapshotter.Options{})
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
	_, err = s.Verify("positions_20260102_030405_1.snap")
	require.ErrorIs(t, err, os.ErrNotExist)
	removed, err := s.Prune(snapshotter.Beyond(1))
	require.NoError(t, err)
	require.Empty(t, removed)
	require.NoDirExists(t, dir)
}

func TestPhases(t *testing.T) {
	var seen []string
	s := snapshotter.New(t.TempDir(), snapshotter.Options{Now: clockAt(epoch0), Phase: func(name string, begin bool) {
		seen = append(seen, fmt.Sprint(name, begin))
	}})
	write(t, s, 1, nil)
	_, err := s.Prune(snapshotter.Beyond(1))
	require.NoError(t, err)
	require.Equal(t, []string{"snapshottrue", "snapshotfalse", "prunetrue", "prunefalse"}, seen)
}

func TestListOrderAndForeignFiles(t *testing.T) {
	dir := t.TempDir()
	now := epoch0
	s := snapshotter.New(dir, snapshotter.Options{Now: func() time.Time { return now }})
	write(t, s, 9, nil)
	now = now.Add(-time.Hour) // the clock went back: the seq decides
	write(t, s, 10, nil)
	now = now.Add(time.Minute)
	write(t, s, 10, nil)
	for _, foreign := range []string{
		"positions.json", "positions_20260102_030405_.snap", "positions_20260102_030405_1.snap.tmp", "positions_20260102_030405_01.snap",
		"positions_20261302_030405_1.snap", "positions_20260102_030405_18446744073709551616.snap", "Positions_20260102_030405_1.snap",
		"positions_20260102_030405_1.snap.gz", "xpositions_20260102_030405_1.snap", "positions_20260102_030405_+1.snap",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, foreign), []byte("x"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "positions_20260102_030405_77.snap"), 0o700))
	require.NoError(t, os.Symlink("positions_20260102_030405_9.snap", filepath.Join(dir, "positions_20260102_030405_78.snap")))
	list, err := s.List()
	require.NoError(t, err)
	var got []string
	for _, x := range list {
		require.NoError(t, x.Err)
		got = append(got, x.Name)
	}
	require.Equal(t, []string{"positions_20260102_020505_10.snap", "positions_20260102_020405_10.snap", "positions_20260102_030405_9.snap"}, got)
}

func TestHostileNames(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "backups")
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	snap := write(t, s, 3, []byte("secret"))
	good, err := os.ReadFile(filepath.Join(dir, snap.Name))
	require.NoError(t, err)
	outside := filepath.Join(root, snap.Name)
	require.NoError(t, os.WriteFile(outside, good, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "positions_20260102_030405_4.snap"), 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "positions_20260102_030409_3.snap")))
	for _, name := range []string{
		"", ".", "..", "../" + snap.Name, "./" + snap.Name, outside, snap.Name + "/", snap.Name + "\x00", "\x00" + snap.Name, snap.Name + "\n",
		"positions_20260102_030405_3.snap.tmp", "..\\" + snap.Name, "%2e%2e/" + snap.Name, "-" + snap.Name, "positions_20260102_030405_ 3.snap",
		"positions_20260102_030405_３.snap", string(bytes.Repeat([]byte("a"), 4096)), "positions_20260102_030405_4.snap", "positions_20260102_030409_3.snap",
	} {
		_, err = s.Verify(name)
		require.ErrorIs(t, err, snapshotter.ErrName, "%q", name)
		require.Less(t, len(err.Error()), 500)
		r, openErr := s.Open(name)
		require.ErrorIs(t, openErr, snapshotter.ErrName, "%q", name)
		require.Nil(t, r)
	}
}

func TestPrune(t *testing.T) {
	for _, keep := range []int{-1, 0, 1, 2, 5, 9} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			dir := t.TempDir()
			now := epoch0
			s := snapshotter.New(dir, snapshotter.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
			var all []string
			for seq := range uint64(5) {
				all = append(all, write(t, s, seq*10, nil).Name)
			}
			foreign := []string{"notes.txt", "positions_20260102_030405_5.snap.bak"}
			for _, f := range foreign {
				require.NoError(t, os.WriteFile(filepath.Join(dir, f), nil, 0o600))
			}
			left := all[len(all)-min(max(keep, 1), len(all)):]
			removed, err := s.Prune(snapshotter.Beyond(keep))
			require.NoError(t, err)
			var gone []string
			for _, x := range removed {
				gone = append(gone, x.Name)
			}
			require.Equal(t, all[:len(all)-len(left)], slices.Clip(append([]string{}, gone...)), "oldest first")
			require.ElementsMatch(t, append(slices.Clone(left), foreign...), names(t, dir))
		})
	}
}

func TestPruneRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	snap := write(t, s, 1, nil)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "positions_20260102_030405_2.snap.tmp"), []byte("half"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "positions_20260102_030405_3.snap.tmp"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other.tmp"), nil, 0o600))
	_, err := s.Prune(snapshotter.Beyond(1))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{snap.Name, "positions_20260102_030405_3.snap.tmp", "other.tmp"}, names(t, dir))
}

func TestWriteOverALeftover(t *testing.T) {
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(dir, "positions_20260102_030405_1.snap.tmp")))
	snap := write(t, s, 1, []byte("body"))
	_, err := s.Verify(snap.Name)
	require.NoError(t, err)
	require.Equal(t, []string{snap.Name}, names(t, dir))
	kept, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "precious", string(kept))
}

func TestPruneKeepsTheLastGoodOne(t *testing.T) {
	dir := t.TempDir()
	now := epoch0
	s := snapshotter.New(dir, snapshotter.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	var all []string
	for seq := range uint64(4) {
		all = append(all, write(t, s, seq, []byte("some body")).Name)
	}
	flip(t, filepath.Join(dir, all[3]), snapshotter.HeaderSize+3)
	flip(t, filepath.Join(dir, all[2]), snapshotter.HeaderSize+3)
	removed, err := s.Prune(snapshotter.Beyond(2))
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, all[1:], names(t, dir), "both damaged ones are within the count; the newest good one stays too")

	flip(t, filepath.Join(dir, all[1]), snapshotter.HeaderSize+3)
	_, err = s.Prune(snapshotter.Beyond(1))
	require.ErrorIs(t, err, snapshotter.ErrDamaged)
	require.Equal(t, all[1:], names(t, dir))
}

// flip inverts one byte of a file.
func flip(tb testing.TB, path string, at int) {
	tb.Helper()
	b, err := os.ReadFile(path)
	require.NoError(tb, err)
	b[at] ^= 0xff
	require.NoError(tb, os.WriteFile(path, b, 0o600))
}

package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/repair"
)

// Whatever becomes of LOCK, a ledger has one writer: a second one is refused, and
// the first one, whose lock nobody sees any more, ends before it would acknowledge
// for long.
func TestLockThatIsTakenAway(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, lock string){
		"removed": func(t *testing.T, lock string) {
			t.Helper()
			require.NoError(t, os.Remove(lock))
		},
		"renamed": func(t *testing.T, lock string) {
			t.Helper()
			require.NoError(t, os.Rename(lock, lock+".old"))
		},
		"replaced": func(t *testing.T, lock string) {
			t.Helper()
			require.NoError(t, os.WriteFile(lock+".new", nil, 0o600))
			require.NoError(t, os.Rename(lock+".new", lock))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 3)
			spoil(t, filepath.Join(dir, "LOCK"))
			_, err := journal.Open(dir, journal.Options{})
			require.ErrorIs(t, err, journal.ErrInUse)
			_, held := journal.ReadHolder(dir)
			require.True(t, held)
			require.ErrorIs(t, j.SaveMark(), journal.ErrLockLost)
			b := j.NewBatch()
			b.Append([]byte("x"), 0, 0)
			require.ErrorIs(t, j.Commit(b), journal.ErrFailed)
			require.NoError(t, j.Close())
			j = journaltest.Open(t, dir, journal.Options{})
			require.EqualValues(t, 3, j.Durable())
			journaltest.Add(t, j, 1)
			require.NoError(t, j.SaveMark())
		})
	}
}

// A directory that is moved away while it is written to is noticed by the next
// commit, and nothing is made in its place.
func TestDirectoryThatIsMoved(t *testing.T) {
	for name, instead := range map[string]func(t *testing.T, dir string){
		"nothing in its place": func(*testing.T, string) {},
		"another ledger in its place": func(t *testing.T, dir string) {
			t.Helper()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 7)
			require.NoError(t, j.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "here")
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: 440})
			journaltest.Add(t, j, 9)
			require.NoError(t, os.Rename(dir, dir+"-moved"))
			instead(t, dir)
			before := below(t, filepath.Dir(dir))
			_, err := j.Trim(9, 0)
			require.ErrorIs(t, err, journal.ErrMoved, "what bears the names of our segments is not ours")
			b := j.NewBatch()
			b.Append([]byte("x"), 0, 0)
			require.ErrorIs(t, j.Commit(b), journal.ErrMoved)
			require.ErrorIs(t, j.SaveMark(), journal.ErrMoved)
			require.NoError(t, j.Close())
			require.Equal(t, before, below(t, filepath.Dir(dir)))
			j = journaltest.Open(t, dir+"-moved", journal.Options{})
			require.EqualValues(t, 9, j.Durable())
		})
	}
}

// below lists the names below a directory.
func below(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

// The segment that is appended to: what is committed to a file without a name is
// not acknowledged, and what that file holds is kept.
func TestNewestSegmentThatIsTakenAway(t *testing.T) {
	for name, spoil := range spoilings() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 5, 4)
			path := journaltest.Segments(t, dir)[0]
			spoil(t, path)
			b := j.NewBatch()
			b.Append(journaltest.Payload(10), 0, 10)
			err := j.Commit(b)
			require.ErrorIs(t, err, journal.ErrDamaged)
			require.ErrorIs(t, err, journal.ErrFailed)
			var bad *journal.DamageError
			require.ErrorAs(t, err, &bad)
			require.Equal(t, "journal/00000000000000000001", bad.File)
			require.EqualValues(t, 9, bad.Durable)
			require.ErrorIs(t, j.SaveMark(), journal.ErrDamaged)
			require.NoError(t, j.Close())
			kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*-removed-epoch-*"))
			require.NoError(t, err)
			if name == "cut" {
				require.Empty(t, kept)
				return
			}
			require.Len(t, kept, 1)
			require.NoError(t, os.Rename(kept[0], path))
			j = journaltest.Open(t, dir, journal.Options{})
			require.GreaterOrEqual(t, j.Durable(), uint64(9), "all that was acknowledged")
			require.Len(t, journaltest.Read(t, dir, 1), int(j.Durable()))
		})
	}
}

// LOCK that has gone with the segment, as by a deletion of all files, hides nothing:
// what only the descriptor has is kept all the same, and it is damage.
func TestNewestSegmentThatIsTakenAwayWithLock(t *testing.T) {
	for name, notice := range map[string]func(j *journal.Journal) error{
		"Commit": func(j *journal.Journal) error {
			b := j.NewBatch()
			b.Append(journaltest.Payload(10), 0, 10)
			return j.Commit(b)
		},
		"SaveMark": (*journal.Journal).SaveMark,
		"Close":    (*journal.Journal).Close,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{})
			journaltest.Add(t, j, 5, 4)
			path := journaltest.Segments(t, dir)[0]
			for _, gone := range []string{"LOCK", "journal", "quarantine"} {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, gone)))
			}
			require.ErrorIs(t, notice(j), journal.ErrDamaged)
			require.NoError(t, j.Close())
			kept, err := filepath.Glob(filepath.Join(dir, "quarantine", "*-removed-epoch-*"))
			require.NoError(t, err)
			require.Len(t, kept, 1)
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			require.NoError(t, os.Rename(kept[0], path))
			j = journaltest.Open(t, dir, journal.Options{})
			require.GreaterOrEqual(t, j.Durable(), uint64(9), "all that was acknowledged")
		})
	}
}

func spoilings() map[string]func(t *testing.T, path string) {
	return map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
		},
		"renamed": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(filepath.Dir(path)), "elsewhere")))
		},
		"replaced": func(t *testing.T, path string) {
			t.Helper()
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[len(b)/8] ^= 1
			require.NoError(t, os.WriteFile(path+"-new", b, 0o600))
			require.NoError(t, os.Rename(path+"-new", path))
		},
		"cut": func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Truncate(path, 100))
		},
	}
}

// A sealed segment is not written to any more: it is missed by the next MARK, and by
// Close, which leaves no MARK that calls the ledger cleanly closed.
func TestSealedSegmentThatIsTakenAway(t *testing.T) {
	for name, spoil := range spoilings() {
		for _, by := range []string{"SaveMark", "Close"} {
			t.Run(name+", noticed by "+by, func(t *testing.T) {
				dir := t.TempDir()
				j := journaltest.Open(t, dir, journal.Options{SegmentSize: 440})
				journaltest.Add(t, j, 5, 5, 5, 5)
				list := journaltest.Segments(t, dir)
				require.Greater(t, len(list), 3)
				require.NoError(t, j.SaveMark())
				spoil(t, list[1])
				mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
				require.NoError(t, err)
				if by == "Close" {
					require.ErrorIs(t, j.Close(), journal.ErrDamaged)
				} else {
					require.ErrorIs(t, j.SaveMark(), journal.ErrDamaged)
					b := j.NewBatch()
					b.Append([]byte("x"), 0, 0)
					require.ErrorIs(t, j.Commit(b), journal.ErrFailed)
					require.NoError(t, j.Close())
				}
				after, err := os.ReadFile(filepath.Join(dir, "MARK"))
				require.NoError(t, err)
				require.Equal(t, mark, after)
			})
		}
	}
}

// A segment that a commit fills and leaves is looked for before the commit returns.
func TestSegmentThatIsTakenAwayWhileItIsFilled(t *testing.T) {
	for name, spoil := range spoilings() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: 440})
			journaltest.Add(t, j, 3)
			path := journaltest.Segments(t, dir)[0]
			j.Interpose().OnSync = func() { spoil(t, path) }
			b := j.NewBatch()
			for seq := range uint64(6) {
				b.Append(journaltest.Payload(seq+4), 0, int64(seq+4))
			}
			require.ErrorIs(t, j.Commit(b), journal.ErrDamaged)
			left := journaltest.Segments(t, dir)
			require.NotEqual(t, path, left[len(left)-1], "another one was begun")
			require.NoError(t, j.Close())
		})
	}
}

// However many sealed segments there are, each has its turn.
func TestSealedSegmentsHaveTheirTurns(t *testing.T) {
	const n, looks = 10_000, 3
	seen := make(map[uint64]int)
	for _, firsts := range journal.Turns(n, 2*looks) {
		require.NotEmpty(t, firsts)
		require.LessOrEqual(t, len(firsts), 4096)
		for _, first := range firsts {
			seen[first]++
		}
	}
	require.Len(t, seen, n)
	for first, times := range seen {
		require.Equal(t, 2, times, first)
	}
	require.Len(t, journal.Turns(5, 1)[0], 5)
	require.Empty(t, journal.Turns(0, 1)[0])
}

// Another file with the same records is as good, and told of.
func TestSealedSegmentThatWasCopied(t *testing.T) {
	dir := t.TempDir()
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 440})
	journaltest.Add(t, j, 5, 5, 5)
	path := journaltest.Segments(t, dir)[0]
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+"-new", b, 0o600))
	require.NoError(t, os.Rename(path+"-new", path))
	for range 3 {
		require.NoError(t, j.SaveMark())
		journaltest.Add(t, j, 1)
	}
	require.NoError(t, j.Close())
	journaltest.Open(t, dir, journal.Options{})
}

// What file systems, editors and tools leave in a directory is passed over, at rest
// and under a writer; what could be a segment under another name is not.
func TestLitter(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 440})
	journaltest.Add(t, j, 5, 5)
	in := filepath.Join(dir, "journal")
	require.NoError(t, os.Mkdir(filepath.Join(in, "lost+found"), 0o700))
	names := []string{
		".DS_Store", ".nfs000000000123", ".00000000000000000001.swp", "00000000000000000001.bak", "00000000000000000001~",
		".syncthing.00000000000000000001.tmp", "notes.swp",
	}
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(in, name), []byte("x"), 0o600))
	}
	journaltest.Add(t, j, 5)
	require.Len(t, journaltest.Read(t, dir, 1), 15)
	require.NoError(t, j.Close())
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.Len(t, rep.Notices, len(names)+1)
	for _, n := range rep.Notices {
		require.Contains(t, n.Text, "passed over")
	}
	p, err := repair.Diagnose(dir, repair.Options{})
	require.NoError(t, err)
	require.True(t, p.Sound())
	j = journaltest.Open(t, dir, journal.Options{})
	require.EqualValues(t, 15, j.Durable())
	require.NoError(t, j.Close())

	for _, name := range []string{"0000000000000000001", "00000000000000000001.copy", "00000000000000000001x", "1", "segment"} {
		path := filepath.Join(in, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		_, err = journal.Open(dir, journal.Options{})
		require.ErrorIs(t, err, journal.ErrDamaged, name)
		require.NoError(t, os.Remove(path))
	}
	// A segment that goes by such a name is missed.
	path := filepath.Join(in, "00000000000000000001")
	require.NoError(t, os.Rename(path, path+".bak"))
	_, err = journal.Open(dir, journal.Options{})
	require.ErrorIs(t, err, journal.ErrDamaged)
}

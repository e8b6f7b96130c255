package repair_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/repair"
)

// mending is a damage and the repair that it gets.
type mending struct {
	name  string
	clean bool
	copy  bool // healed from an intact copy
	from  uint64
	do    func(t *testing.T, dir string, l journaltest.Ledger)
	last  uint64 // where the ledger ends when it is done
	of    string // the copy, where it is not the ledger itself
}

func mendings(t *testing.T, l journaltest.Ledger) []mending {
	t.Helper()
	hole := func(i, n int) func(*testing.T, string, journaltest.Ledger) {
		return func(t *testing.T, dir string, _ journaltest.Ledger) {
			t.Helper()
			journaltest.Edit(t, journaltest.Segments(t, dir)[i], func(b []byte) []byte { journaltest.Zero(b[n : n+300]); return b })
		}
	}
	drop := func(which ...int) func(*testing.T, string, journaltest.Ledger) {
		return func(t *testing.T, dir string, _ journaltest.Ledger) {
			t.Helper()
			paths := journaltest.Segments(t, dir)
			for _, i := range which {
				require.NoError(t, os.Remove(paths[i]))
			}
		}
	}
	both := func(fs ...func(*testing.T, string, journaltest.Ledger)) func(*testing.T, string, journaltest.Ledger) {
		return func(t *testing.T, dir string, l journaltest.Ledger) {
			t.Helper()
			for _, f := range fs {
				f(t, dir, l)
			}
		}
	}
	swap := func(t *testing.T, dir string, _ journaltest.Ledger) {
		t.Helper()
		p := journaltest.Segments(t, dir)
		require.NoError(t, os.Rename(p[0], p[0]+"x"))
		require.NoError(t, os.Rename(p[1], p[0]))
		require.NoError(t, os.Rename(p[0]+"x", p[1]))
	}
	noMark := func(t *testing.T, dir string, _ journaltest.Ledger) {
		t.Helper()
		require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
	}
	rot := func(t *testing.T, dir string, _ journaltest.Ledger) {
		t.Helper()
		journaltest.Edit(t, journaltest.Segments(t, dir)[2], func(b []byte) []byte {
			b[len(bytes.TrimRight(b, "\x00"))-1] ^= 4 // of the last record, not of the zeros behind it
			return b
		})
	}
	ahead := longer(t, l.Unclean, 120)
	_, es := journaltest.LastSegment(t, l.Clean)
	return []mending{
		{name: "rot above MARK", copy: true, do: rot, last: l.Last},
		{name: "rot above MARK, the copy ahead", copy: true, do: rot, last: l.Last + 120, of: ahead},
		{name: "rot above MARK given up", from: l.Last, do: rot, last: l.Last - 1},
		{name: "a hole in the middle", clean: true, copy: true, do: hole(1, 500), last: l.Last},
		{name: "holes everywhere", clean: true, copy: true, do: both(hole(0, 100), hole(1, 0), hole(2, 900)), last: l.Last},
		{name: "first and last gone", copy: true, do: drop(0, 2), last: l.Last},
		{name: "all gone", clean: true, copy: true, do: drop(0, 1, 2), last: l.Last},
		{name: "MARK gone", copy: true, do: noMark, last: l.Last},
		{name: "MARK and a segment gone", clean: true, copy: true, do: both(noMark, drop(1)), last: l.Last},
		{name: "swapped, without a copy", clean: true, do: swap, last: l.Last},
		{name: "swapped and foreign, without a copy", do: both(swap, func(t *testing.T, dir string, _ journaltest.Ledger) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "journal", "notes"), []byte("x"), 0o600))
		}), last: l.Last},
		{name: "the tail given up", clean: true, from: es[4].Rec.Seq, do: hole(2, es[4].At+9), last: es[4].Rec.Seq - 1},
		{name: "more than needed given up", clean: true, from: 20, do: hole(1, 500), last: 19},
		{name: "all given up", clean: true, from: 1, do: hole(1, 500)},
		{name: "given up at a border", clean: true, from: l.Third, do: hole(2, 0), last: l.Third - 1},
		{name: "a lost MARK, nothing given up", from: l.Last + 1, do: noMark, last: l.Last},
		{name: "missing segments given up", clean: true, from: l.Third, do: drop(2), last: l.Third - 1},
		{name: "healed in the middle, tail given up", copy: false, clean: true, from: es[4].Rec.Seq, do: both(swap, hole(2, es[4].At+9)), last: es[4].Rec.Seq - 1},
	}
}

// options are those of the repair; settled counts the calls of its owner's part.
func (m *mending) options(l journaltest.Ledger) repair.Options {
	o := repair.Options{AcceptLossFrom: m.from}
	if m.copy {
		o.From = l.Clean
		if !m.clean {
			o.From = l.Unclean
		}
	}
	if m.of != "" {
		o.From = m.of
	}
	return o
}

// outcome is what has to be the same however often a repair was interrupted:
// everything but what is kept in quarantine.
func outcome(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := journaltest.Tree(t, dir)
	for name, b := range all {
		if strings.HasPrefix(name, "quarantine") {
			delete(all, name)
			continue
		}
		all[name] = fmt.Sprintf("%d bytes, %x", len(b), sha256.Sum256([]byte(b)))
	}
	return all
}

// What a crash between any two steps of a repair leaves is refused by Open, or
// finished; another repair finishes it, and one that is interrupted as well does
// not change that.
func TestRepairSurvivesItsOwnCrashes(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	states := 0
	for _, m := range mendings(t, l) {
		t.Run(m.name, func(t *testing.T) {
			origin := filepath.Join(journaltest.FastDir(t), "ledger")
			from := l.Unclean
			if m.clean {
				from = l.Clean
			}
			require.NoError(t, os.CopyFS(origin, os.DirFS(from)))
			m.do(t, origin, l)
			old := journaltest.Tree(t, origin)

			dir := filepath.Join(journaltest.FastDir(t), "ledger")
			fresh := func() {
				require.NoError(t, os.RemoveAll(dir))
				require.NoError(t, os.CopyFS(dir, os.DirFS(origin)))
			}
			fresh()
			o := m.options(l)
			steps := crashAt(&o, 0, nil)
			p, err := repair.Do(dir, o)
			require.NoError(t, err)
			require.True(t, p.Whole(), "%+v", p)
			want := outcome(t, dir)
			requireMended(t, dir, m, old, l)
			require.Positive(t, *steps)

			for first := 1; first <= *steps; first++ {
				for second := 0; second <= *steps+1; second += pairStride() {
					fresh()
					for _, n := range []int{first, second} {
						o := m.options(l)
						crashAt(&o, n, errCrash)
						if _, err = repair.Do(dir, o); err != nil {
							require.ErrorIs(t, err, errCrash)
						}
						states++
						requireHalfway(t, dir, m, want)
					}
					_, err = repair.Do(dir, m.options(l))
					require.NoError(t, err)
					require.Equal(t, want, outcome(t, dir), "crashed at step %d, then at %d", first, second)
					if second == 0 {
						requireMended(t, dir, m, old, l)
					}
				}
			}
		})
	}
	t.Logf("%d interrupted repairs", states)
}

// pairStride thins out the second crash of a pair, but for `make torture`.
func pairStride() int {
	if os.Getenv("HOLDFAST_EXHAUSTIVE") != "" {
		return 1
	}
	return journaltest.Stride(9) + 4
}

// requireHalfway checks that a plain Open refuses what an interrupted repair has
// left, unless it was finished.
func requireHalfway(t *testing.T, dir string, m mending, want map[string]string) {
	t.Helper()
	scratch := filepath.Join(journaltest.FastDir(t), "ledger")
	require.NoError(t, os.CopyFS(scratch, os.DirFS(dir)))
	mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
	giving := err == nil && len(mark) == journaltest.MarkSize && mark[12]&4 != 0
	for _, trust := range []bool{false, true} {
		j, err := journal.Open(scratch, journal.Options{SegmentSize: journaltest.LedgerSegment, TrustJournal: trust})
		if errors.Is(err, journal.ErrDamaged) {
			if m.from == 0 {
				return // trust is the caller's own decision
			}
			continue
		}
		require.NoError(t, err)
		require.NoError(t, j.Close())
		require.False(t, giving, "a cut that is not settled was opened")
		if trust && m.from != 0 { // without MARK, trust may open what there is; it must not be less
			require.GreaterOrEqual(t, j.Durable(), m.last)
			return
		}
		require.Equal(t, m.last, j.Durable(), "opened, but not as repaired")
		if m.from != 0 {
			got := outcome(t, dir)
			require.Equal(t, want, got, "what was given up is gone before the repair was done")
		}
		return
	}
}

// requireMended checks that the ledger ends where it should, that its records
// are those of the original, that all that was there is still there, and that it
// can be appended to.
func requireMended(t *testing.T, dir string, m mending, old map[string]string, l journaltest.Ledger) {
	t.Helper()
	now := journaltest.Tree(t, dir)
	for name, b := range old {
		if !strings.HasPrefix(name, "journal/") && name != "MARK" || len(b) == 0 {
			continue
		}
		found := now[name] == b
		for kept, c := range now {
			found = found || strings.HasPrefix(kept, "quarantine/") && c == b
		}
		require.True(t, found, "%s is not kept", name)
	}
	from := l.Unclean
	if m.clean {
		from = l.Clean
	}
	if m.of != "" {
		from = m.of
	}
	want := journaltest.Read(t, from, 0)
	require.Equal(t, append([]journal.Record(nil), want[:m.last]...), journaltest.Read(t, dir, 0))
	scratch := filepath.Join(journaltest.FastDir(t), "ledger")
	require.NoError(t, os.CopyFS(scratch, os.DirFS(dir)))
	p, err := repair.Do(scratch, m.options(l))
	require.NoError(t, err)
	require.True(t, p.Sound(), "again: nothing to do")
	require.Equal(t, outcome(t, dir), outcome(t, scratch))
	j := journaltest.Open(t, scratch, journal.Options{SegmentSize: journaltest.LedgerSegment})
	require.Equal(t, m.last, j.Durable())
	journaltest.Add(t, j, 3, 40)
	require.NoError(t, j.Close())
	require.Len(t, journaltest.Read(t, scratch, 0), int(m.last)+43)
	if m.from != 0 {
		reports, err := filepath.Glob(filepath.Join(dir, "quarantine", fmt.Sprintf("repair-epoch-*-loss-from-%d.json", m.from)))
		require.NoError(t, err)
		require.Len(t, reports, 1)
	}
}

// crashAt makes Do return err at its n-th step, counted from 1, and tells how many
// steps there were.
func crashAt(o *repair.Options, n int, err error) (steps *int) {
	steps = new(int)
	o.Step = func(string) error {
		if *steps++; *steps == n {
			return err
		}
		return nil
	}
	return steps
}

// errCrash ends a repair as a crash would.
var errCrash = errors.New("crashed here")

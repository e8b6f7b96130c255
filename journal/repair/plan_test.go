package repair_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/journal/repair"
)

// unhealed are damages that no copy explains away: what is not ours to move, and
// records of which neither MARK nor the copy knows.
var unhealed = []string{
	"bytes behind a clean end", "the last record twice, sized in advance", "a file named 00000000000000000500", "a file named 00000000000000000501",
}

// TestHealFromACopy does every damage that is refused to a ledger and heals it
// from an intact copy: the records come back byte for byte.
func TestHealFromACopy(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	for _, d := range slices.Concat(journaltest.TailDamages(false), journaltest.TailDamages(true), journaltest.FileDamages()) {
		state, from := "unclean", l.Unclean
		if d.Clean {
			state, from = "clean", l.Clean
		}
		t.Run(state+"/"+d.Name, func(t *testing.T) {
			dir := filepath.Join(journaltest.FastDir(t), "ledger")
			require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
			want := journaltest.Read(t, from, 0)
			v := d.Corrupt(t, dir, l)
			before := journaltest.Tree(t, dir)
			var done *repair.Plan
			plan, err := repair.Diagnose(dir, repair.Options{From: from})
			require.NoError(t, err)
			require.Equal(t, before, journaltest.Tree(t, dir), "a plan writes nothing")
			if v.Refused == "" {
				require.True(t, plan.Sound(), "%+v", plan)
				done, err = repair.Do(dir, repair.Options{From: from})
				require.NoError(t, err)
				require.True(t, done.Sound())
				require.Equal(t, before, journaltest.Tree(t, dir))
				return
			}
			require.False(t, plan.Sound())
			if slices.Contains(unhealed, d.Name) {
				require.False(t, plan.Whole())
				_, err = repair.Do(dir, repair.Options{From: from})
				require.NoError(t, err)
				journaltest.RequireRefused(t, dir, v)
				return
			}
			require.True(t, plan.Whole(), "%+v", plan)
			done, err = repair.Do(dir, repair.Options{From: from})
			require.NoError(t, err)
			require.True(t, done.Whole())
			again, err := repair.Diagnose(dir, repair.Options{})
			require.NoError(t, err)
			require.True(t, again.Sound(), "%+v", again)
			j := journaltest.Open(t, dir, journal.Options{SegmentSize: journaltest.LedgerSegment})
			require.Equal(t, l.Last, j.Durable())
			require.Equal(t, want, journaltest.Read(t, dir, 0))
			require.NoError(t, j.Close())
		})
	}
}

// TestPlanNamesWhatIsHealed looks at what a plan says of the records that it puts in
// their place: those of a copy, whose file bears the same name, and those of a file of
// the ledger that is under a wrong one.
func TestPlanNamesWhatIsHealed(t *testing.T) {
	l := journaltest.NewLedger(t, 32)
	middle := filepath.Base(journaltest.Segments(t, l.Clean)[1])
	first, err := strconv.ParseUint(middle, 10, 64)
	require.NoError(t, err)
	const wrong = "00000000000000000777"
	for name, c := range map[string]struct {
		damage func(dir string) error
		from   string
		want   repair.Heal
	}{
		"of a copy": {
			func(dir string) error { return os.Remove(filepath.Join(dir, middle)) }, l.Clean,
			repair.Heal{From: first, To: l.Third - 1, File: filepath.Join(l.Clean, "journal", middle), Copied: true},
		},
		"under a wrong name": {
			func(dir string) error {
				return os.Rename(filepath.Join(dir, middle), filepath.Join(dir, wrong))
			}, "",
			repair.Heal{From: first, To: l.Third - 1, File: "journal/" + wrong},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := journaltest.CopyLedger(t, l.Clean)
			require.NoError(t, c.damage(filepath.Join(dir, "journal")))
			plan, err := repair.Diagnose(dir, repair.Options{From: c.from})
			require.NoError(t, err)
			require.True(t, plan.Whole(), "%+v", plan)
			require.Equal(t, []repair.Heal{c.want}, plan.Heals)
		})
	}
}

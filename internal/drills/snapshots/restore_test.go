package snapshots_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/repair"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// A backup is there for the day when the journal is not: whatever has become of
// it, a snapshot that is whole is restored, and it is said that nothing but the
// snapshot speaks for it.
func TestSnapshotOutlivesTheJournal(t *testing.T) {
	origin := t.TempDir()
	l := ledgertest.Open(t, origin, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 6)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	want := ledgertest.Digest(l)
	ledgertest.Buys(t, l, "B", 3)
	require.NoError(t, l.Close())
	segment := filepath.Join("journal", "00000000000000000001")
	for name, damage := range map[string]func(dir string) error{
		"no journal": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "journal")) },
		"no segment": func(dir string) error { return os.Remove(filepath.Join(dir, segment)) },
		"cut":        func(dir string) error { return os.Truncate(filepath.Join(dir, segment), 200) },
		"no MARK":    func(dir string) error { return os.Remove(filepath.Join(dir, "MARK")) },
		"nothing else": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "journal")), os.Remove(filepath.Join(dir, "MARK")))
		},
		"a file in its place": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "journal")), os.WriteFile(filepath.Join(dir, "journal"), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			require.NoError(t, os.CopyFS(dir, os.DirFS(origin)))
			require.NoError(t, damage(dir))
			r := ledgertest.OpenReader(t, dir)

			found, err := r.VerifySnapshot(s.Name)
			var apart *holdfast.UnlinkedError
			require.ErrorAs(t, err, &apart)
			require.ErrorIs(t, err, holdfast.ErrDamaged, "of the journal")
			require.Equal(t, s.Digest, found.Digest)

			to := filepath.Join(t.TempDir(), "to")
			made, err := r.RestoreSnapshot(t.Context(), s.Name, to, "", ledgertest.Quiet().Reading())
			require.NoError(t, err)
			require.Equal(t, apart.Why(), made.Unlinked)
			require.NotEmpty(t, made.Unlinked)
			again := ledgertest.Open(t, to, ledgertest.Quiet())
			require.Equal(t, want, ledgertest.Digest(again))
			ledgertest.Buys(t, again, "B", 3)
			require.Equal(t, s.Ledger, [16]byte(again.Identity().Parents[0].Ledger))

			_, err = r.Restore(t.Context(), holdfast.Moment{Seq: s.Seq}, filepath.Join(t.TempDir(), "to"), "", ledgertest.Quiet().Reading())
			require.ErrorIs(t, err, holdfast.ErrDamaged, "what the journal says is not to be had")
		})
	}
}

// A journal that can be read and says otherwise refuses a snapshot, also by name.
func TestContradictedSnapshotIsNotRestored(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 6)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	other := ledgertest.RewriteSnapshot(t, dir, s.Name, func(m *snapshotter.Meta) { m.Chain[0] ^= 1 })
	to := filepath.Join(t.TempDir(), "to")
	_, err = ledgertest.OpenReader(t, dir).RestoreSnapshot(t.Context(), other.Name, to, "", ledgertest.Quiet().Reading())
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.ErrorContains(t, err, "its chain is not that of seq")
	require.NoDirExists(t, to)
}

// A plan without a copy names the snapshot that has more than the loss would
// leave, and no other.
func TestPlanNamesTheSnapshotToRestore(t *testing.T) {
	dir, s := ledgertest.Small(t)
	segments, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	require.NoError(t, err)
	planOf := func(lost string, then func(dir string)) *repair.Plan {
		to := ledgertest.Copy(t, dir)
		require.NoError(t, os.Remove(filepath.Join(to, "journal", filepath.Base(lost))))
		then(to)
		p, planErr := repair.Diagnose(t.Context(), to, repair.Options{})
		require.NoError(t, planErr)
		require.NotNil(t, p.Loss)
		return p
	}
	nothing := func(string) {}
	first := planOf(segments[0], nothing)
	require.Equal(t, &repair.Restorable{Name: s.Name, Seq: s.Seq}, first.Restorable)
	require.LessOrEqual(t, first.Loss.Least, s.Seq)
	require.Nil(t, planOf(segments[4], nothing).Restorable, "the journal is in order beyond it")
	require.Nil(t, planOf(segments[0], func(to string) { ledgertest.FlipSnapshotBody(t, to, s.Name) }).Restorable, "it is damaged")
}

package ledgertest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// OnBase makes a closed ledger whose journal begins behind its only snapshot.
func OnBase(t *testing.T) (dir string, base snapshotter.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	l := Open(t, dir, RecordPerSegment(1))
	Buys(t, l, "A", 6)
	base, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	Buys(t, l, "B", 3)
	require.NoError(t, l.Prune())
	require.Equal(t, base.Seq+1, FirstKept(t, l))
	require.NoError(t, l.Close())
	return dir, base
}

// OpenReader opens a ledger for reading.
func OpenReader(t *testing.T, dir string) *holdfast.Reader {
	t.Helper()
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	return r
}

// Damaged makes a closed ledger with a snapshot before and one behind the record
// at which it then breaks the journal. It returns a copy of the whole ledger, and
// the first seq that cannot be kept.
func Damaged(t *testing.T) (dir, whole string, broken uint64) {
	t.Helper()
	return DamagedUnder(t, Quiet())
}

// DamagedUnder is Damaged for a ledger with other options.
func DamagedUnder(t *testing.T, o holdfast.Options) (dir, whole string, broken uint64) {
	t.Helper()
	dir = t.TempDir()
	o.SegmentSize = 8 << 10
	l := Open(t, dir, o)
	ms := RandomFills(40, 300)
	ApplyAll(t, l, ms[:60])
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	ApplyAll(t, l, ms[60:240])
	_, err = l.Snapshot(t.Context())
	require.NoError(t, err)
	ApplyAll(t, l, ms[240:])
	require.NoError(t, l.Close())
	whole = Copy(t, dir)
	segs := Segments(t, dir)
	require.Greater(t, len(segs), 4)
	b, err := os.ReadFile(segs[len(segs)/2])
	require.NoError(t, err)
	for i := range 90 {
		b[len(b)/2+i] = 0
	}
	require.NoError(t, os.WriteFile(segs[len(segs)/2], b, 0o600))
	_, err = holdfast.Open(t.Context(), dir, o)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, remedy.Heal, bad.Remedy.Kind)
	return dir, whole, bad.Seq
}

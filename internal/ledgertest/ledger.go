// Package ledgertest makes, opens, copies and damages ledgers for tests. A helper
// that only one package's tests need stays beside them.
package ledgertest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Quiet returns the options of most tests: no automatic snapshots, small segments.
func Quiet() holdfast.Options {
	return holdfast.Options{SnapshotInterval: -1, SegmentSize: 16 << 10, Now: NewClock().Now}
}

// Open opens a ledger and closes it with the test.
func Open(tb testing.TB, dir string, o holdfast.Options) *holdfast.Ledger {
	tb.Helper()
	l, err := holdfast.Open(tb.Context(), dir, o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.Close()) })
	return l
}

// RecordPerSegment returns options under which each record has a segment of its
// own and nothing is retained for long, so that a trim stops exactly where it
// should. The ledger keeps that many snapshots.
func RecordPerSegment(keep int) holdfast.Options {
	o := Quiet()
	o.SegmentSize, o.SnapshotKeep, o.Retain = 1, keep, -1
	return o
}

// FirstKept returns the seq of the oldest record that the journal holds.
func FirstKept(t *testing.T, l *holdfast.Ledger) uint64 {
	t.Helper()
	st, err := l.Status()
	require.NoError(t, err)
	return st.First
}

// Small makes a closed ledger of six records in segments of their own, with a
// snapshot behind the third.
func Small(t *testing.T) (dir string, s snapshotter.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	o := Quiet()
	o.SegmentSize = 1
	l := Open(t, dir, o)
	Buys(t, l, "A", 2)
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, s.Seq)
	Buys(t, l, "B", 3)
	require.NoError(t, l.Close())
	return dir, s
}

// ApplyAll applies the mutations without waiting in between and returns the seq
// of the last record.
func ApplyAll(tb testing.TB, l *holdfast.Ledger, ms []position.Mutation) (last uint64) {
	tb.Helper()
	futures := make([]*holdfast.Future, len(ms))
	for i, m := range ms {
		f, err := l.ApplyAsync(tb.Context(), m)
		require.NoError(tb, err)
		futures[i] = f
	}
	for _, f := range futures {
		r, err := f.Wait(tb.Context())
		require.NoError(tb, err)
		last = max(last, r.Last)
	}
	return last
}

// Digest returns the digest of the positions.
func Digest(l interface{ View() *projector.View }) [32]byte { return l.View().Digest() }

// MasterKey returns a key that is the same in every run.
func MasterKey(tb testing.TB, n byte) keyring.Key {
	tb.Helper()
	k, err := keyring.Generate(bytes.NewReader(append(bytes.Repeat([]byte{n}, keyring.KeySize-1), n+1)))
	require.NoError(tb, err)
	return k
}

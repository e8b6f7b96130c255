package journaltest

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// RequireRefused checks that nobody accepts the ledger, that the place is
// named, and that nothing was changed.
func RequireRefused(t *testing.T, dir string, v Verdict) {
	t.Helper()
	before := Tree(t, dir)
	o := journal.Options{SegmentSize: LedgerSegment}
	Collect(&o, 1, math.MaxInt)
	_, err := journal.Open(dir, o)
	require.ErrorIs(t, err, journal.ErrDamaged)
	var bad *journal.DamageError
	require.ErrorAs(t, err, &bad)
	require.True(t, strings.HasPrefix(bad.File, v.Refused), "%s: %v", bad.File, err)
	require.Contains(t, bad.Reason, v.reason)
	require.NotEmpty(t, bad.Remedy.Kind)
	if v.at >= 0 {
		require.Equal(t, v.at, bad.Offset, "%v", err)
	}
	require.Equal(t, before, Tree(t, dir), "a refusal must not change anything")
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.NotEmpty(t, rep.Damages)
	require.Equal(t, bad.File, rep.Damages[0].File)
	_, err = TryRead(dir, 0)
	require.ErrorIs(t, err, journal.ErrDamaged, "the reader must not pass over it either")
	require.Equal(t, before, Tree(t, dir))
}

// RequireCut checks that readers and Open agree on the last record, and that
// what was cut is kept.
func RequireCut(t *testing.T, dir string, v Verdict) {
	t.Helper()
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.NotEmpty(t, rep.Notices)
	require.Len(t, Read(t, dir, 0), int(v.last))
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	head, err := r.Last()
	require.NoError(t, err)
	require.Equal(t, v.last, head.Seq)

	var old []byte
	if info, statErr := os.Stat(Segments(t, dir)[2]); statErr == nil && info.Size() < 1<<30 {
		old, err = os.ReadFile(Segments(t, dir)[2])
		require.NoError(t, err)
	}
	o := journal.Options{SegmentSize: LedgerSegment}
	meanwhile := Collect(&o, 1, math.MaxInt)
	j := Open(t, dir, o)
	rec := j.Recovery()
	require.NoError(t, meanwhile.Err)
	require.Len(t, meanwhile.Recs, int(v.last), "what was handed on before the verdict")
	require.Equal(t, head, j.Last())
	require.False(t, rec.Clean)
	require.True(t, rec.Rewritten)
	require.EqualValues(t, 2, j.Epoch())
	if v.cut {
		require.Equal(t, v.last+1, rec.CutFrom)
		require.Positive(t, rec.CutBytes)
		require.Len(t, rec.Quarantine, 1)
		if old != nil {
			kept, readErr := os.ReadFile(filepath.Join(dir, rec.Quarantine[0]))
			require.NoError(t, readErr)
			require.Equal(t, old, kept)
		}
	} else {
		require.Zero(t, rec.CutFrom)
		require.Empty(t, rec.Quarantine)
	}
	Add(t, j, 3, 40)
	require.NoError(t, j.Close())
	require.Len(t, Read(t, dir, 0), int(v.last)+43)
}

// Tree returns the names and contents of everything below dir but LOCK.
func Tree(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	out := map[string]string{}
	require.NoError(tb, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Base(path) == "LOCK" {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			out[name] = fmt.Sprint(d.Type())
			return err
		}
		b, err := os.ReadFile(path)
		out[name] = string(b)
		return err
	}))
	return out
}

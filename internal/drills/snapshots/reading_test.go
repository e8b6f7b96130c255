package snapshots_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// A moment before the base was trimmed, which is no damage. A base that cannot be
// used is damage.
func TestMomentsBeforeTheBase(t *testing.T) {
	origin, base := ledgertest.OnBase(t)
	r := ledgertest.OpenReader(t, origin)
	for _, at := range []holdfast.Moment{{Seq: base.Seq}, {Time: position.Time(base.RecordTime)}} {
		v, err := r.AsOf(t.Context(), at)
		require.NoError(t, err, "%+v", at)
		require.Equal(t, base.Seq, v.Seq())
		require.Equal(t, base.Digest, v.Digest())
	}
	for _, at := range []holdfast.Moment{{Seq: base.Seq - 1}, {Time: position.Time(base.RecordTime - 1)}} {
		_, err := r.AsOf(t.Context(), at)
		require.ErrorIs(t, err, holdfast.ErrTrimmed, "%+v", at)
		require.NotErrorIs(t, err, holdfast.ErrDamaged, "%+v", at)
	}
	for name, spoil := range map[string]func(dir, path string){
		"gone": func(_, path string) { require.NoError(t, os.Remove(path)) },
		"body": func(dir, _ string) { ledgertest.FlipSnapshotBody(t, dir, base.Name) },
		"header": func(_, path string) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			b[40] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o600))
		},
		"of another ledger": func(dir, path string) {
			ledgertest.RewriteSnapshot(t, dir, base.Name, ledgertest.OfAnother)
			require.NoError(t, os.Remove(path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ledgertest.Copy(t, origin)
			spoil(dir, filepath.Join(dir, "backups", base.Name))
			_, err := ledgertest.OpenReader(t, dir).AsOf(t.Context(), holdfast.Moment{})
			require.ErrorIs(t, err, holdfast.ErrTrimmed)
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			before := ledgertest.Files(t, dir)
			_, err = holdfast.Open(t.Context(), dir, ledgertest.RecordPerSegment(1))
			require.ErrorIs(t, err, holdfast.ErrDamaged)
			require.Equal(t, before, ledgertest.Files(t, dir))
		})
	}
}

// An older snapshot that cannot be used is damage also where a newer one is good:
// with it the moment could have been read.
func TestDamagedBaseBehindAGoodSnapshot(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.RecordPerSegment(2))
	var all []snapshotter.Snapshot
	for _, account := range []string{"A", "B"} {
		ledgertest.Buys(t, l, account, 4)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		all = append(all, s)
	}
	ledgertest.Buys(t, l, "C", 1)
	require.NoError(t, l.Prune())
	require.Equal(t, all[0].Seq+1, ledgertest.FirstKept(t, l))
	st, err := l.Status()
	require.NoError(t, err)
	v, err := l.AsOf(t.Context(), holdfast.Moment{})
	require.NoError(t, err)
	epoch, _ := v.Epoch()
	require.Equal(t, st.Epoch, epoch)
	require.NoError(t, l.Close())
	path := filepath.Join(dir, "backups", all[0].Name)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, at := range []int{40, ledgertest.BodyOf(good) + 4} { // header and body
		b := bytes.Clone(good)
		b[at] ^= 0xff
		require.NoError(t, os.WriteFile(path, b, 0o600))
		r := ledgertest.OpenReader(t, dir)
		_, err = r.AsOf(t.Context(), holdfast.Moment{Seq: all[0].Seq + 1})
		require.ErrorIs(t, err, holdfast.ErrTrimmed)
		require.ErrorIs(t, err, holdfast.ErrDamaged)
		_, err = r.AsOf(t.Context(), holdfast.Moment{Seq: all[1].Seq})
		require.NoError(t, err)
	}
}

// Reading ends with its context.
func TestReadingEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ledgertest.Buys(t, l, "A", 6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.AsOf(ctx, holdfast.Moment{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = l.Restore(ctx, holdfast.Moment{}, filepath.Join(t.TempDir(), "to"), "", ledgertest.Quiet())
	require.ErrorIs(t, err, context.Canceled)
	_, err = audit.Checkpoint(ctx, l.Reader, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, l.Close())
	_, err = holdfast.Open(ctx, dir, ledgertest.Quiet())
	require.ErrorIs(t, err, context.Canceled)
}

// restoredFrom restores a moment of a ledger and opens what comes of it under a
// clock that is behind the parent's records.
func restoredFrom(t *testing.T, r *holdfast.Reader, at holdfast.Moment, name string) (holdfast.Restored, *holdfast.Ledger) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "restored")
	o := ledgertest.Quiet()
	made, err := r.Restore(t.Context(), at, to, name, o.Reading())
	require.NoError(t, err)
	require.Equal(t, to, made.Dir)
	o.Now = func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }
	return made, ledgertest.Open(t, to, o)
}

// A restored ledger goes on where its parent stood: seq, chain, epoch and record
// time, whether the record is in the journal or only its snapshot is left.
func TestRestoreContinuesTheParent(t *testing.T) {
	dir, base := ledgertest.OnBase(t)
	r := ledgertest.OpenReader(t, dir)
	for _, seq := range []uint64{base.Seq, base.Seq + 2} {
		parent, err := r.AsOf(t.Context(), holdfast.Moment{Seq: seq})
		require.NoError(t, err)
		made, l := restoredFrom(t, r, holdfast.Moment{Seq: seq}, "second")
		id := l.Identity()
		require.Equal(t, "second", id.Name)
		require.Equal(t, id.Name, made.Name)
		require.Equal(t, id.ID.String(), made.ID)
		require.Equal(t, r.Identity().ID.String(), made.Parent)
		require.Equal(t, seq, made.Seq)
		require.Equal(t, fmt.Sprintf("%x", parent.Digest()), made.Digest)
		require.Equal(t, parent.Digest(), ledgertest.Digest(l))
		require.Len(t, id.Parents, 1)
		require.Equal(t, r.Identity().ID, id.Parents[0].Ledger)
		require.Equal(t, seq, id.Parents[0].Seq)
		list, err := l.Snapshots()
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, fmt.Sprintf("%x", list[0].Chain), id.Parents[0].Chain)
		if seq == base.Seq {
			require.Equal(t, base.Chain, list[0].Chain)
			require.Equal(t, base.Epoch, list[0].Epoch)
			require.Equal(t, base.RecordTime, list[0].RecordTime)
		}
		ledgertest.Buys(t, l, "C", 1)
		st, err := l.Status()
		require.NoError(t, err)
		require.Equal(t, seq+2, st.Last, "the epoch's record, and the fill")
		require.Greater(t, st.Epoch, list[0].Epoch)
		at, err := time.Parse(time.RFC3339Nano, st.Time)
		require.NoError(t, err)
		require.GreaterOrEqual(t, at.UnixNano(), list[0].RecordTime, "record time does not go back")
	}
	_, l := restoredFrom(t, r, holdfast.Moment{}, "")
	require.Equal(t, "main_"+l.Identity().ID.String()[:8], l.Identity().Name)
}

// A restore that cannot succeed is refused before it writes anything.
func TestRestoreThatIsRefused(t *testing.T) {
	empty := t.TempDir()
	require.NoError(t, ledgertest.Open(t, empty, ledgertest.Quiet()).Close())
	dir, _ := ledgertest.OnBase(t)
	for name, c := range map[string]struct {
		from, name string
		change     func(*holdfast.Options)
		want       string
	}{
		"nothing yet":   {from: empty, want: "no record at or before that moment"},
		"name":          {from: dir, name: "a b", want: `name "a b"`},
		"no randomness": {from: dir, change: func(o *holdfast.Options) { o.Rand = strings.NewReader("short") }, want: "make ledger id"},
	} {
		t.Run(name, func(t *testing.T) {
			o := ledgertest.Quiet()
			if c.change != nil {
				c.change(&o)
			}
			to := filepath.Join(t.TempDir(), "to")
			_, err := ledgertest.OpenReader(t, c.from).Restore(t.Context(), holdfast.Moment{}, to, c.name, o.Reading())
			require.ErrorContains(t, err, c.want)
			require.NoDirExists(t, to)
		})
	}
	to := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(to, "journal"), 0o700))
	_, err := ledgertest.OpenReader(t, dir).Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet().Reading())
	require.ErrorIs(t, err, holdfast.ErrInvalid, "the leavings of another are not overwritten either")
}

// A snapshot is named by its file, and is of this ledger and of its history.
func TestSnapshotByItsName(t *testing.T) {
	dir, base := ledgertest.OnBase(t)
	r := ledgertest.OpenReader(t, dir)
	_, err := r.VerifySnapshot(base.Name)
	require.NoError(t, err)
	made, err := r.RestoreSnapshot(t.Context(), base.Name, filepath.Join(t.TempDir(), "to"), "", ledgertest.Quiet().Reading())
	require.NoError(t, err)
	require.Equal(t, base.Seq, made.Seq)
	require.Empty(t, made.Unlinked)
	foreign := ledgertest.RewriteSnapshot(t, dir, base.Name, ledgertest.OfAnother)
	_, err = r.VerifySnapshot(foreign.Name)
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	require.ErrorContains(t, err, "belongs to another ledger")
	_, err = r.RestoreSnapshot(t.Context(), foreign.Name, filepath.Join(t.TempDir(), "to"), "", ledgertest.Quiet().Reading())
	require.ErrorContains(t, err, "belongs to another ledger")
	ledgertest.FlipSnapshotBody(t, dir, base.Name)
	_, err = r.RestoreSnapshot(t.Context(), base.Name, filepath.Join(t.TempDir(), "to"), "", ledgertest.Quiet().Reading())
	require.ErrorIs(t, err, snapshotter.ErrDamaged)
	_, err = r.VerifySnapshot(base.Name)
	require.ErrorIs(t, err, snapshotter.ErrDamaged)
}

package holdfast_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPositionsComeBackBitForBit(t *testing.T) {
	dir := t.TempDir()
	ms := ledgertest.RandomFills(1, 500)
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	last := ledgertest.ApplyAll(t, l, ms)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())

	again := ledgertest.Open(t, dir, ledgertest.Quiet())
	require.Equal(t, want, ledgertest.Digest(again))
	require.Equal(t, last, again.View().Seq())
	r, err := again.Apply(t.Context(), ledgertest.Fill("new", "A", "I", position.Buy, "1", "1"))
	require.NoError(t, err)
	require.Equal(t, last+2, r.First, "the new epoch's record comes first")
}

func TestOpeningWithoutChangeLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	f := ledgertest.Fill("one", "A", "I", position.Buy, "1", "1")
	r, err := l.Apply(t.Context(), f)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for range 3 {
		l = ledgertest.Open(t, dir, ledgertest.Quiet())
		dup, err := l.Apply(t.Context(), f)
		require.NoError(t, err)
		require.True(t, dup.Duplicate)
		require.Equal(t, r.First, dup.First)
		_, err = l.Apply(t.Context(), position.Amend{Key: position.Key{Account: "no", Instrument: "such"}, NoStop: true})
		require.ErrorIs(t, err, holdfast.ErrUnknownPosition)
		require.Equal(t, r.Last, l.View().Seq())
		require.NoError(t, l.Close())
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	_, err := l.Apply(t.Context(), ledgertest.Fill("a", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	seq, want := l.View().Seq(), ledgertest.Digest(l)
	version := func(v uint64) *uint64 { return &v }
	reused := ledgertest.Fill("a", "A", "I", position.Buy, "2", "100")
	stale := ledgertest.Fill("b", "A", "I", position.Buy, "1", "100")
	stale.ExpectVersion = version(7)
	huge := ledgertest.Fill("c", "A", "I", position.Buy, "100000000000000000000", "100000000000000000000")
	for _, c := range []struct {
		name string
		m    position.Mutation
		want error
	}{
		{"no quantity", ledgertest.Fill("d", "A", "I", position.Buy, "0", "1"), holdfast.ErrInvalid},
		{"no account", ledgertest.Fill("e", "", "I", position.Buy, "1", "1"), holdfast.ErrInvalid},
		{"id reused", reused, holdfast.ErrIDReused},
		{"stale version", stale, holdfast.ErrVersionConflict},
		{"overflow", huge, holdfast.ErrInvalid},
		{"unknown position", position.Transfer{Key: position.Key{Account: "A", Instrument: "X"}, ToAccount: "B"}, holdfast.ErrUnknownPosition},
		{"nil", nil, holdfast.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := l.Apply(t.Context(), c.m)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, seq, l.View().Seq())
			require.Equal(t, want, ledgertest.Digest(l))
		})
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	good := []position.Mutation{
		ledgertest.Fill("a", "A", "I", position.Buy, "2", "100"), ledgertest.Fill("b", "A", "I", position.Sell, "3", "110"),
	}
	bad := append(slices.Clone(good), position.Amend{Key: position.Key{Account: "no", Instrument: "such"}, NoStop: true})
	_, err := l.ApplyBatch(t.Context(), bad)
	require.ErrorIs(t, err, holdfast.ErrUnknownPosition)
	require.ErrorContains(t, err, "2", "the error names the member")
	require.Zero(t, l.View().Seq())

	rs, err := l.ApplyBatch(t.Context(), good)
	require.NoError(t, err)
	require.Len(t, rs, 2)
	require.Equal(t, rs[0].Last+1, rs[1].First)
	require.Equal(t, rs[1].First+1, rs[1].Last, "a flip is two changes")
	p, ok := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.True(t, ok)
	require.Equal(t, "-1", p.Qty.String())

	again, err := l.ApplyBatch(t.Context(), good)
	require.NoError(t, err)
	require.True(t, again[0].Duplicate)
	require.True(t, again[1].Duplicate)
	_, err = l.ApplyBatch(t.Context(), append(good, ledgertest.Fill("c", "A", "I", position.Buy, "1", "1")))
	require.ErrorIs(t, err, holdfast.ErrPartlyKnown)

	// As of the middle of the batch is as of before it.
	v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: rs[0].First})
	require.NoError(t, err)
	require.Less(t, v.Seq(), rs[0].First)
	require.NoError(t, l.Close())
	_, err = l.Apply(t.Context(), ledgertest.Fill("z", "A", "I", position.Buy, "1", "1"))
	require.ErrorIs(t, err, holdfast.ErrClosed)
}

func TestManyCallersShareSyncs(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	const callers, each = 64, 20
	var wg sync.WaitGroup
	seqs := make([][]uint64, callers)
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				f := ledgertest.Fill(fmt.Sprintf("%d-%d", c, i), "A"+strconv.Itoa(c), "I", position.Buy, "1", "100")
				r, err := l.Apply(context.Background(), f)
				if err != nil {
					t.Error(err)
					return
				}
				p, ok := l.Position(f.Key)
				if !ok || p.Qty.Cmp(position.FromInt(int64(i+1))) < 0 {
					t.Errorf("caller %d does not read its own write %d", c, i)
				}
				seqs[c] = append(seqs[c], r.Last)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(seqs...)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), callers*each)
	require.Equal(t, uint64(callers*each+1), l.View().Seq(), "dense: one epoch record, one record per fill")
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, ledgertest.Quiet())))
}

func TestContextEndsTheWaitNotTheWork(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ctx, cancel := context.WithCancel(t.Context())
	f := ledgertest.Fill("a", "A", "I", position.Buy, "1", "100")
	future, err := l.ApplyAsync(ctx, f)
	require.NoError(t, err)
	cancel()
	if _, err = future.Wait(ctx); err != nil {
		require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	r, err := l.Apply(t.Context(), f)
	require.NoError(t, err)
	require.True(t, r.Duplicate)
}

func TestSnapshotsTrimAndFallBack(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Retain, o.SnapshotKeep = -1, 2
	l := ledgertest.Open(t, dir, o)
	ms := ledgertest.RandomFills(2, 1500)
	digests := map[uint64][32]byte{}
	for part := range slices.Chunk(ms, 250) {
		ledgertest.ApplyAll(t, l, part)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		digests[s.Seq] = s.Digest
	}
	list, err := l.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 2)
	st, err := l.Status()
	require.NoError(t, err)
	require.Greater(t, st.First, uint64(1), "old segments are gone")
	require.LessOrEqual(t, st.First, list[1].Seq+1, "nothing newer than the oldest kept snapshot is trimmed")

	_, err = l.AsOf(t.Context(), holdfast.Moment{Seq: 10})
	require.ErrorIs(t, err, holdfast.ErrTrimmed)
	for _, s := range list {
		v, asOfErr := l.AsOf(t.Context(), holdfast.Moment{Seq: s.Seq})
		require.NoError(t, asOfErr)
		require.Equal(t, digests[s.Seq], v.Digest())
	}
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())

	// The newest snapshot rots: the older one and the log give the same state.
	path := filepath.Join(dir, "backups", list[0].Name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)/2] ^= 4
	require.NoError(t, os.WriteFile(path, b, 0o600))
	l = ledgertest.Open(t, dir, o)
	require.Equal(t, want, ledgertest.Digest(l))
	r, err := l.Apply(t.Context(), ms[len(ms)-1])
	require.NoError(t, err)
	require.True(t, r.Duplicate, "the window survives snapshot, trim and restart")
	rep, err = l.Verify(t.Context(), audit.Options{})
	require.NoError(t, err)
	require.False(t, rep.OK())
	require.Contains(t, rep.Findings[0].File, list[0].Name)
}

func TestAsOfEverySeq(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	var want []position.Position
	key := position.Key{Account: "A", Instrument: "I"}
	for i := range 40 {
		side := position.Buy
		if i%3 == 2 {
			side = position.Sell
		}
		_, err := l.Apply(t.Context(), ledgertest.Fill(strconv.Itoa(i), "A", "I", side, "1", strconv.Itoa(100+i)))
		require.NoError(t, err)
		p, _ := l.Position(key)
		want = append(want, p)
		if i == 20 {
			_, err := l.Snapshot(t.Context())
			require.NoError(t, err)
		}
	}
	for _, p := range want {
		v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: p.Seq})
		require.NoError(t, err)
		got, ok := v.Position(key)
		require.True(t, ok)
		require.Equal(t, p, got)
	}
	n := 0
	for s, err := range l.Replay(t.Context(), holdfast.Filter{Account: "A", From: holdfast.Moment{Seq: want[9].Seq}}) {
		require.NoError(t, err)
		require.Equal(t, want[9+n].Qty, s.Change.After.Qty)
		require.NotNil(t, s.Before)
		require.Equal(t, want[8+n].Qty, s.Before.Qty)
		n++
	}
	require.Equal(t, 31, n)
}

func TestSameDigestUnderOtherSchedules(t *testing.T) {
	ms := ledgertest.RandomFills(3, 800)
	var want [32]byte
	for i, o := range []holdfast.Options{
		{SegmentSize: 8 << 10},
		{SegmentSize: 1 << 20},
		{SegmentSize: 8 << 10, SnapshotEvery: 50, Retain: -1, SnapshotKeep: 1},
		{SegmentSize: 64 << 10, SnapshotEvery: 7},
	} {
		o.SnapshotInterval, o.Now = -1, ledgertest.NewClock().Now
		dir := t.TempDir()
		for part := range slices.Chunk(ms, 123+i) {
			l := ledgertest.Open(t, dir, o)
			ledgertest.ApplyAll(t, l, part)
			require.NoError(t, l.Close())
		}
		l := ledgertest.Open(t, dir, o)
		if i == 0 {
			want = ledgertest.Digest(l)
		}
		require.Equal(t, want, ledgertest.Digest(l), "schedule %d", i)
		rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
		require.NoError(t, err)
		require.Empty(t, rep.Findings, "schedule %d", i)
	}
}

func TestRestoreMakesANewLineage(t *testing.T) {
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "restored")
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	ms := ledgertest.RandomFills(4, 200)
	ledgertest.ApplyAll(t, l, ms[:100])
	at := l.View()
	ledgertest.ApplyAll(t, l, ms[100:])
	want := ledgertest.Digest(l)

	r, err := l.Restore(t.Context(), holdfast.Moment{Seq: at.Seq()}, to, "", holdfast.Options{})
	require.NoError(t, err)
	require.Equal(t, at.Seq(), r.Seq)
	require.Equal(t, want, ledgertest.Digest(l), "the source is not touched")
	_, err = l.Restore(t.Context(), holdfast.Moment{}, to, "", holdfast.Options{})
	require.ErrorIs(t, err, holdfast.ErrInvalid, "a restore never overwrites")

	n := ledgertest.Open(t, to, ledgertest.Quiet())
	require.Equal(t, at.Digest(), ledgertest.Digest(n))
	require.NotEqual(t, l.Identity().ID, n.Identity().ID)
	require.Equal(t, l.Identity().ID, n.Identity().Parents[0].Ledger)
	require.NotEqual(t, l.Identity().Name, n.Identity().Name)
	dup, err := n.Apply(t.Context(), ms[50])
	require.NoError(t, err)
	require.True(t, dup.Duplicate, "the window is restored too")
	ledgertest.ApplyAll(t, n, ms[100:])
	require.Equal(t, want, ledgertest.Digest(n), "the same mutations lead to the same state")
	rep, err := n.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	require.NoError(t, n.Close())
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, to, ledgertest.Quiet())))
}

func TestIdentityIsFixed(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Name, o.Rules.DefaultCurrency = "desk-1", "EUR"
	l := ledgertest.Open(t, dir, o)
	_, err := l.Apply(t.Context(), ledgertest.Fill("a", "A", "I", position.Buy, "1", "1"))
	require.NoError(t, err)
	p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.Equal(t, "EUR", p.Terms.Settlement)
	require.NoError(t, l.Close())
	o.Name = "other"
	_, err = holdfast.Open(t.Context(), dir, o)
	require.ErrorIs(t, err, holdfast.ErrMismatch)
	require.Equal(t, "EUR", ledgertest.Open(t, dir, ledgertest.Quiet()).Identity().DefaultCurrency)

	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "letters.txt"), nil, 0o600))
	_, err = holdfast.Open(t.Context(), foreign, ledgertest.Quiet())
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
	_, err = holdfast.OpenReader(foreign)
	require.ErrorIs(t, err, holdfast.ErrNotLedger)
}

func TestEveryBitOfTheIdentityCounts(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, ledgertest.Open(t, dir, ledgertest.Quiet()).Close())
	path := filepath.Join(dir, "ledger.json")
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for bit := range len(good) * 8 {
		b := slices.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_, err := holdfast.OpenReader(dir)
		require.Error(t, err, "bit %d", bit)
	}
}

// The oldest records that are kept may have no state before them, because whole
// segments are trimmed.
func TestReplayOfATrimmedLedger(t *testing.T) {
	o := ledgertest.Quiet()
	o.Retain, o.SnapshotKeep = -1, 1
	l := ledgertest.Open(t, t.TempDir(), o)
	ms := ledgertest.RandomFills(3, 400)
	ledgertest.ApplyAll(t, l, ms[:300])
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, ms[300:])
	var seqs []uint64
	for step, err := range l.Replay(t.Context(), holdfast.Filter{}) {
		require.NoError(t, err)
		if step.Before != nil {
			require.Equal(t, step.Before.Version+1, step.Change.After.Version)
		}
		seqs = append(seqs, step.Seq)
	}
	require.Equal(t, s.Seq+1, seqs[0])
	require.Equal(t, l.View().Seq(), seqs[len(seqs)-1])
}

// A request that is used again holds nothing of the call before.
func TestRequestsAreUsedAgain(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	var last uint64
	for i := range 5 {
		id := strconv.Itoa(i)
		r, err := l.Apply(t.Context(), ledgertest.Fill(id, "A", "I", position.Buy, "1", "100"))
		require.NoError(t, err)
		require.False(t, r.Duplicate)
		require.Greater(t, r.First, last)
		last = r.Last
		again, err := l.ApplyWith(t.Context(), ledgertest.Fill(id, "A", "I", position.Buy, "1", "100"), holdfast.ApplyOptions{Insist: true})
		require.NoError(t, err)
		require.Equal(t, holdfast.Result{ID: r.ID, First: r.First, Last: r.Last, Duplicate: true}, again)
		_, err = l.Apply(t.Context(), ledgertest.Fill(id, "A", "I", position.Buy, "2", "100"))
		require.ErrorIs(t, err, holdfast.ErrIDReused)
		_, err = l.Apply(t.Context(), ledgertest.Fill("x", "", "I", position.Buy, "2", "100"))
		require.ErrorIs(t, err, holdfast.ErrInvalid)
	}
}

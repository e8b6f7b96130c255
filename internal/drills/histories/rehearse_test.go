package histories_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// rehearsed is a small world: a ledger or none, and requests to it.
type rehearsed struct {
	o        holdfast.Options
	before   []position.Mutation
	snapshot bool
	requests []rehearsedRequest
}

type rehearsedRequest struct {
	ms     []position.Mutation
	insist bool
}

// answered is what became of a request, as who sent it sees it.
func (q *rehearsedRequest) answered(ctx context.Context, to interface {
	ApplyWith(ctx context.Context, m position.Mutation, o holdfast.ApplyOptions) (holdfast.Result, error)
	ApplyBatch(ctx context.Context, ms []position.Mutation) ([]holdfast.Result, error)
},
) string {
	if len(q.ms) > 1 {
		rs, err := to.ApplyBatch(ctx, q.ms)
		return fmt.Sprint(rs, err)
	}
	res, err := to.ApplyWith(ctx, q.ms[0], holdfast.ApplyOptions{Insist: q.insist})
	return fmt.Sprint(res, err)
}

// drawRehearsed makes a world in which much is refused: busts of what is not there,
// repeats, ids of other content, old and far dates, versions, batches partly known.
func drawRehearsed(r *rand.Rand) (w rehearsed) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w.o = holdfast.Options{
		SnapshotInterval: -1, SegmentSize: 1 << 10, SnapshotKeep: 1, Window: 64, Now: func() time.Time { return now },
		Rules: position.Rules{
			CostMethod:    []position.CostMethod{position.Average, position.FIFO, position.LIFO, position.HIFO, position.SpecificLot, position.SpecificSize}[r.IntN(6)],
			OverReduction: []position.OverReduction{position.FlipOver, position.RejectOver}[r.IntN(2)], StrictInstruments: r.IntN(20) == 0,
		},
	}
	if r.IntN(3) == 0 {
		w.o.Window = 2 + r.IntN(8)
	}
	ms := drawMutations(r, 8+r.IntN(16), true)
	if r.IntN(3) > 0 {
		w.before = ms[:r.IntN(len(ms))]
	}
	if w.snapshot = r.IntN(4) == 0; w.snapshot {
		w.o.Retain = -1
	}
	all := ms
	for _, m := range ms[len(w.before):] {
		q := rehearsedRequest{ms: []position.Mutation{m}, insist: r.IntN(16) == 0}
		for r.IntN(5) == 0 {
			q.ms = append(q.ms, all[r.IntN(len(all))])
		}
		for i := range q.ms {
			q.ms[i] = disturbed(r, q.ms[i], all)
		}
		w.requests = append(w.requests, q)
	}
	return w
}

// disturbed is a mutation, or something that is near it and refused more often.
func disturbed(r *rand.Rand, m position.Mutation, all []position.Mutation) position.Mutation {
	switch r.IntN(14) {
	case 0, 1:
		return all[r.IntN(len(all))] // known already, or too early
	case 2:
		f, ok := m.(position.Fill)
		if !ok {
			return m
		}
		version := uint64(r.IntN(3))
		f.ExpectVersion = &version
		return f
	case 3:
		f, ok := all[r.IntN(len(all))].(position.Fill)
		if !ok {
			return m
		}
		f.Qty = position.FromInt(7) // the id is that of other content
		return f
	case 4:
		key := position.Key{Account: "A0", Instrument: "I" + strconv.Itoa(r.IntN(3))}
		return position.Bust{Meta: position.Meta{Ident: m.ID() + "-bust", Time: m.EventTime()}, Key: key, Fill: "m-" + strconv.Itoa(r.IntN(30)), Reason: "venue"}
	case 5:
		f, ok := m.(position.Fill)
		if !ok {
			return m
		}
		f.Time = []position.Time{1, 1_700_000_000_000_000_000, 9_000_000_000_000_000_000}[r.IntN(3)]
		return f
	}
	return m
}

// rehearse runs a world and demands that each rehearsal answers as the ledger then
// does.
func rehearse(t *testing.T, w *rehearsed, dir string) (refused, applied int) {
	t.Helper()
	ctx := t.Context()
	if len(w.before) > 0 {
		l, err := holdfast.Open(ctx, dir, w.o)
		require.NoError(t, err)
		for i, m := range w.before {
			_, _ = l.Apply(ctx, m) // some are refused
			if w.snapshot && i == len(w.before)/2 {
				if _, err = l.Snapshot(ctx); !errors.Is(err, holdfast.ErrInvalid) { // nothing to back up yet
					require.NoError(t, err)
				}
			}
		}
		require.NoError(t, l.Close())
	}
	x, err := holdfast.Rehearse(ctx, dir, w.o)
	require.NoError(t, err)
	var want []string
	for i := range w.requests {
		want = append(want, w.requests[i].answered(ctx, x))
	}
	l, err := holdfast.Open(ctx, dir, w.o)
	require.NoError(t, err)
	for i := range w.requests {
		got := w.requests[i].answered(ctx, l)
		require.Equal(t, got, want[i], "request %d: %+v", i, w.requests[i].ms)
		if got[len(got)-len("<nil>"):] == "<nil>" {
			applied++
		} else {
			refused++
		}
	}
	require.NoError(t, l.Close())
	return refused, applied
}

// TestRehearsalAnswersAsTheLedger draws worlds with busts, corrections, repeats and
// refusals and holds each answer of a rehearsal against that of the ledger, words
// included. HOLDFAST_REHEARSALS=n draws n worlds; HOLDFAST_SEED repeats a draw.
func TestRehearsalAnswersAsTheLedger(t *testing.T) {
	worlds := 60
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_REHEARSALS")); err == nil {
		worlds = n
	}
	seed := ledgertest.Seed(t)
	t.Log("seed", seed)
	root, refused, applied := ledgertest.MemoryDir(t), 0, 0
	for i := range worlds {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		w := drawRehearsed(r)
		dir := filepath.Join(root, strconv.Itoa(i))
		no, yes := rehearse(t, &w, dir)
		if t.Failed() {
			t.Fatalf("seed %d, world %d", seed, i)
		}
		refused, applied = refused+no, applied+yes
		require.NoError(t, os.RemoveAll(dir))
	}
	t.Logf("%d worlds: %d requests taken, %d refused, 0 differences", worlds, applied, refused)
	require.Positive(t, refused)
}

// A mutation older than what is remembered is refused unless the caller insists.
func TestRehearsalCanBeInsistedUpon(t *testing.T) {
	o := ledgertest.Quiet()
	o.Window = 2
	x, err := holdfast.Rehearse(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	old := ledgertest.Fill("old", "A", "I", position.Buy, "1", "100")
	for n := range 4 {
		f := ledgertest.Fill(strconv.Itoa(n), "A", "I", position.Buy, "1", "100")
		f.Time += position.Time(n)
		_, err = x.ApplyWith(t.Context(), f, holdfast.ApplyOptions{})
		require.NoError(t, err)
	}
	_, err = x.ApplyWith(t.Context(), old, holdfast.ApplyOptions{})
	require.ErrorIs(t, err, holdfast.ErrTooOld)
	_, err = x.ApplyWith(t.Context(), old, holdfast.ApplyOptions{Insist: true})
	require.NoError(t, err)
}

// TestRehearsalIsBoundedAsTheLedger busts the first of more fills than may be folded
// again at once.
func TestRehearsalIsBoundedAsTheLedger(t *testing.T) {
	x, err := holdfast.Rehearse(t.Context(), t.TempDir(), ledgertest.Quiet())
	require.NoError(t, err)
	first := ledgertest.Fill("first", "A", "I", position.Buy, "1", "100")
	_, err = x.ApplyWith(t.Context(), first, holdfast.ApplyOptions{})
	require.NoError(t, err)
	sides := []position.Side{position.Sell, position.Buy} // without the first fill each buy ends a cycle
	for n := range 2 * (position.MaxRefoldCycles + 1) {
		_, err = x.ApplyWith(t.Context(), ledgertest.Fill(strconv.Itoa(n), "A", "I", sides[n%2], "2", "100"), holdfast.ApplyOptions{})
		require.NoError(t, err)
	}
	_, err = x.ApplyWith(t.Context(), ledgertest.Bust("b", first), holdfast.ApplyOptions{})
	require.ErrorIs(t, err, holdfast.ErrTooLarge)
	require.ErrorContains(t, err, "more cycles than 65536")
}

// A dry run of a large file keeps of each record what a bust may ask for, and no more.
func TestRehearsalKeepsLittle(t *testing.T) {
	const fills = 30_000
	x, err := holdfast.Rehearse(t.Context(), t.TempDir(), ledgertest.Quiet())
	require.NoError(t, err)
	before := ledgertest.Heap()
	for i := range fills {
		_, err = x.ApplyWith(t.Context(), ledgertest.Fill(strconv.Itoa(i), "A", "I", position.Buy, "1", "100"), holdfast.ApplyOptions{})
		require.NoError(t, err)
	}
	held := (int64(ledgertest.Heap()) - int64(before)) / fills
	t.Logf("%d bytes for each fill", held)
	require.Less(t, held, int64(700))
	runtime.KeepAlive(x)
}

func TestRehearsalThatNobodyMade(t *testing.T) {
	f := ledgertest.Fill("a", "A", "I", position.Buy, "1", "100")
	for _, x := range []*holdfast.Rehearsal{nil, new(holdfast.Rehearsal)} {
		_, err := x.ApplyWith(t.Context(), f, holdfast.ApplyOptions{})
		require.ErrorIs(t, err, holdfast.ErrInvalid)
		_, err = x.ApplyBatch(t.Context(), []position.Mutation{f})
		require.ErrorIs(t, err, holdfast.ErrInvalid)
		require.Zero(t, x.View().Seq())
	}
}

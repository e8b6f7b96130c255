package drills_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/report"
)

// late is a workload whose event times are not in the order in which it is
// applied.
func late(seed uint64, n int) []position.Mutation {
	r := rand.New(rand.NewPCG(seed, 11))
	ms := workload(seed, n)
	for i, m := range ms {
		at := position.Time(1_700_000_000_000_000_000 + int64(i)*1_000_000_000)
		if r.IntN(4) == 0 {
			at -= position.Time(r.Int64N(100_000_000_000))
		}
		switch v := m.(type) {
		case position.Fill:
			v.Time = at
			ms[i] = v
		case position.Mark:
			v.Time = at
			ms[i] = v
		}
	}
	return ms
}

// The state at an event time is the state of a ledger that got everything in the
// order of event times.
func TestAsOfEventIsANaiveReplay(t *testing.T) {
	ms := late(41, 200)
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, ms)
	var victim position.Fill
	for _, m := range ms[50:] {
		if f, ok := m.(position.Fill); ok {
			victim = f
			break
		}
	}
	known := l.View().Seq()
	_, err := l.Apply(t.Context(), ledgertest.Bust("x", victim))
	require.NoError(t, err)
	for _, c := range []struct {
		until    position.Time
		believed holdfast.Moment
		gone     map[string]bool
	}{
		{0, holdfast.Moment{}, map[string]bool{victim.Ident: true}},
		{0, holdfast.Moment{Seq: known}, nil},
		{1_700_000_100_000_000_000, holdfast.Moment{}, map[string]bool{victim.Ident: true}},
		{1_700_000_200_000_000_000, holdfast.Moment{Seq: known}, nil},
	} {
		v, refused, askErr := l.AsOfEvent(t.Context(), c.until, c.believed)
		require.NoError(t, askErr)
		require.Empty(t, refused)
		naive := slices.DeleteFunc(without(ms, c.gone), func(m position.Mutation) bool { return c.until > 0 && m.EventTime() > c.until })
		slices.SortStableFunc(naive, func(a, b position.Mutation) int { return cmp.Compare(a.EventTime(), b.EventTime()) })
		want := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
		ledgertest.ApplyAll(t, want, naive)
		require.Equal(t, trades(want.View()), trades(v))
		require.Empty(t, report.Diff(want.View(), v))
	}
	want, _, err := l.AsOfEvent(t.Context(), 0, holdfast.Moment{})
	require.NoError(t, err)
	rs, err := l.ApplyBatch(t.Context(), []position.Mutation{ledgertest.Fill("x1", "A", "X", position.Buy, "1", "1"), ledgertest.Fill("x2", "A", "X", position.Buy, "1", "1")})
	require.NoError(t, err)
	v, _, err := l.AsOfEvent(t.Context(), 0, holdfast.Moment{Seq: rs[0].Last})
	require.NoError(t, err)
	require.Empty(t, report.Diff(want, v), "half of a batch was never known")
	_, _, err = l.AsOfEvent(t.Context(), 0, holdfast.Moment{Seq: 1 << 40})
	require.ErrorIs(t, err, holdfast.ErrInvalid)
}

func TestAsOfEventBehindATrim(t *testing.T) {
	o := ledgertest.Quiet()
	o.SnapshotKeep, o.Retain, o.SegmentSize = 2, -1, 8<<10
	ms := late(42, 400)
	l := trimmedLedger(t, t.TempDir(), o, ms)
	st, err := l.Status()
	require.NoError(t, err)
	require.Greater(t, st.First, uint64(1))
	_, _, err = l.AsOfEvent(t.Context(), 1, holdfast.Moment{})
	require.ErrorIs(t, err, holdfast.ErrTrimmed)
	v, _, err := l.AsOfEvent(t.Context(), 0, holdfast.Moment{})
	require.NoError(t, err)
	for p := range v.Positions() {
		have, ok := l.Position(p.Key)
		require.True(t, ok)
		require.Equal(t, have.Qty, p.Qty, "the order changes no quantity")
	}
}

func TestDiffNamesWhatDiffers(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, []position.Mutation{
		ledgertest.Fill("a", "A", "I", position.Buy, "1", "100"), ledgertest.Fill("b", "A", "J", position.Buy, "1", "100"),
		position.Charge{Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: position.MustParse("5"), Currency: "USD"},
	})
	before := l.View()
	require.Empty(t, report.Diff(before, l.View()))
	ledgertest.ApplyAll(t, l, []position.Mutation{
		ledgertest.Fill("c", "A", "J", position.Buy, "1", "100"), ledgertest.Fill("d", "A", "K", position.Buy, "1", "100"), ledgertest.Mark("m", "J", "7"),
		position.Charge{Key: position.Key{Account: "A"}, Kind: position.Interest, Amount: position.MustParse("1"), Currency: "USD"},
	})
	ds := report.Diff(before, l.View())
	require.Len(t, ds, 4)
	require.Equal(t, "J", ds[0].Key.Instrument)
	for _, f := range []string{"qty", "cost", "entry_qty", "low", "mark"} {
		require.Contains(t, ds[0].Fields, f)
	}
	for _, f := range []string{"account", "high", "opened_at", "seq", "version"} {
		require.NotContains(t, ds[0].Fields, f)
	}
	require.Equal(t, "K", ds[1].Key.Instrument)
	require.Nil(t, ds[1].BeforePosition)
	require.NotNil(t, ds[1].AfterPosition)
	require.Equal(t, "instrument", ds[2].What())
	require.Equal(t, "J", ds[2].Name)
	require.Equal(t, "account", ds[3].What())
	require.Contains(t, ds[3].Fields, "interest")
	back := report.Diff(l.View(), before)
	require.Len(t, back, 4)
	require.Nil(t, back[1].AfterPosition)
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("e", "A", "AA", position.Buy, "1", "100")})
	ds = report.Diff(before, l.View())
	require.Len(t, ds, 5)
	require.Equal(t, "AA", ds[0].Key.Instrument)
	require.Nil(t, ds[0].BeforePosition)
}

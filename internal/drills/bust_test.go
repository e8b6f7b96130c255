package drills_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// trade is what a bust leads to, whatever the order in which it was come to:
// versions, cycles' numbers of changes and the time of the last change are left
// out.
func trade(p position.Position) string {
	life, ok := p.Lifetime()
	return fmt.Sprint(p.Key, p.Qty, p.Cost, p.Cycle, p.EntryQty, p.ExitQty, p.EntryValue, p.ExitValue, p.PeakQty,
		p.Totals, life, ok, p.High, p.Low, p.Short, p.Entries, p.Exits)
}

func trades(v *projector.View) map[position.Key]string {
	out := make(map[position.Key]string)
	for p := range v.Positions() {
		if life, _ := p.Lifetime(); p.EntryQty.IsZero() && life.Realized.IsZero() && len(life.Fees) == 0 {
			continue // all of its fills are busted
		}
		out[p.Key] = trade(p)
	}
	return out
}

// workload is random fills with marks between them.
func workload(seed uint64, n int) []position.Mutation {
	r := rand.New(rand.NewPCG(seed, 7))
	var out []position.Mutation
	for i, m := range ledgertest.RandomFills(seed, n) {
		out = append(out, m)
		for range r.IntN(3) {
			out = append(out, ledgertest.Mark(fmt.Sprintf("m-%d-%d", i, len(out)), "I"+strconv.Itoa(r.IntN(5)), strconv.Itoa(80+r.IntN(40))))
		}
	}
	return out
}

// without is the workload as it would have been without some fills.
func without(ms []position.Mutation, gone map[string]bool) []position.Mutation {
	return slices.DeleteFunc(slices.Clone(ms), func(m position.Mutation) bool { return gone[m.ID()] })
}

func methods() []position.CostMethod {
	return []position.CostMethod{position.Average, position.FIFO, position.HIFO}
}

// A ledger in which fills were busted shows what one shows that never had them,
// before and after a restart, a snapshot, and a recomputation.
func TestBustsLeaveWhatWouldHaveBeen(t *testing.T) {
	for _, method := range methods() {
		t.Run(method.String(), func(t *testing.T) {
			o := ledgertest.Quiet()
			o.Rules.CostMethod = method
			ms := workload(31, 300)
			dir := t.TempDir()
			l := ledgertest.Open(t, dir, o)
			ledgertest.ApplyAll(t, l, ms)
			r := rand.New(rand.NewPCG(31, 9))
			gone := make(map[string]bool)
			for n := 0; n < 40; {
				f, ok := ms[r.IntN(len(ms))].(position.Fill)
				if !ok || gone[f.Ident] {
					continue
				}
				n++
				gone[f.Ident] = true
				_, err := l.Apply(t.Context(), ledgertest.Bust("b-"+f.Ident, f))
				require.NoError(t, err)
				switch n {
				case 10:
					_, err = l.Snapshot(t.Context())
					require.NoError(t, err)
				case 20:
					require.NoError(t, l.Close())
					l = ledgertest.Open(t, dir, o)
				}
				_, err = l.Apply(t.Context(), ledgertest.Bust("again-"+f.Ident, f))
				require.ErrorIs(t, err, holdfast.ErrUnknownFill)
			}
			clean := ledgertest.Open(t, t.TempDir(), o)
			ledgertest.ApplyAll(t, clean, without(ms, gone))
			require.Equal(t, trades(clean.View()), trades(l.View()))
			deep(t, l)
			want := ledgertest.Digest(l)
			require.NoError(t, l.Close())
			require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, o)))
		})
	}
}

func deep(t *testing.T, l *holdfast.Ledger) *audit.Report {
	t.Helper()
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	require.Equal(t, fmt.Sprintf("%x", ledgertest.Digest(l)), rep.Digest)
	return rep
}

func TestCorrectionTakesTheFillsPlace(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	one := ledgertest.Fill("one", "A", "I", position.Buy, "10", "100")
	two := ledgertest.Fill("two", "A", "I", position.Sell, "4", "110")
	ledgertest.ApplyAll(t, l, []position.Mutation{one, ledgertest.Mark("m", "I", "130"), two, ledgertest.Mark("n", "I", "90"), ledgertest.Mark("o", "I", "95")})
	for i, c := range []struct {
		m             position.Mutation
		qty, cost, re string
	}{
		{ledgertest.Correct("c1", one, "10", "101"), "6", "606", "36"},
		{ledgertest.Correct("c2", two, "5", "110"), "5", "505", "45"},
		{ledgertest.Correct("c3", one, "20", "100"), "15", "1500", "50"},
		{ledgertest.Bust("b1", two), "20", "2000", "0"},
		{ledgertest.Bust("b2", one), "0", "0", "0"},
	} {
		r, err := l.Apply(t.Context(), c.m)
		require.NoError(t, err, i)
		p, ok := l.Position(one.Key)
		require.True(t, ok)
		life, _ := p.Lifetime()
		require.Equal(t, []string{c.qty, c.cost, c.re}, []string{p.Qty.String(), p.Cost.String(), life.Realized.String()}, i)
		if p.IsOpen() {
			require.Equal(t, "130", p.High.String())
			require.Equal(t, "90", p.Low.String())
		}
		again, err := l.Apply(t.Context(), c.m)
		require.NoError(t, err)
		require.Equal(t, holdfast.Result{ID: r.ID, First: r.First, Last: r.Last, Duplicate: true}, again)
	}
	deep(t, l)
}

// Busts wait for what was handed over before them, and hold up nobody for good.
func TestBustsUnderLoad(t *testing.T) {
	o := ledgertest.Quiet()
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, o)
	const callers, each = 8, 120
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			account := "A" + strconv.Itoa(c)
			for i := range each {
				f := ledgertest.Fill(fmt.Sprintf("%s-%d", account, i), account, "I"+strconv.Itoa(i%3), position.Buy, "1", strconv.Itoa(100+i))
				if _, err := l.ApplyAsync(t.Context(), f); err != nil {
					t.Error(err)
				}
				if i%4 != 3 {
					continue
				}
				// In flight: the fill is not durable yet.
				future, err := l.ApplyAsync(t.Context(), ledgertest.Bust("b-"+f.Ident, f))
				if err == nil && i%8 == 3 {
					_, err = future.Wait(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, err := l.Apply(t.Context(), ledgertest.Mark("last", "I0", "1"))
	require.NoError(t, err)
	for p := range l.View().Positions() {
		n := 0
		for i := range each {
			if "I"+strconv.Itoa(i%3) == p.Key.Instrument && i%4 != 3 {
				n++
			}
		}
		require.Equal(t, strconv.Itoa(n), p.Qty.String(), "%s", p.Key)
	}
	deep(t, l)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	require.Equal(t, want, ledgertest.Digest(ledgertest.Open(t, dir, o)))
}

// Other callers change the key while a bust reads the past of its fill. Their
// changes count in the result.
func TestBustsOfOneKeyByManyCallers(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	const callers, each = 8, 40
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				f := ledgertest.Fill(fmt.Sprintf("%d-%d", c, i), "A", "I", position.Buy, "1", strconv.Itoa(100+i))
				_, err := l.Apply(t.Context(), f)
				if err == nil && i%2 == 0 {
					_, err = l.Apply(t.Context(), ledgertest.Bust("b-"+f.Ident, f))
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p, ok := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.True(t, ok)
	require.Equal(t, strconv.Itoa(callers*each/2), p.Qty.String())
	deep(t, l)
}

func TestBustInABatch(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	a, b := ledgertest.Fill("a", "A", "I", position.Buy, "2", "100"), ledgertest.Fill("b", "A", "J", position.Buy, "3", "100")
	later := ledgertest.Fill("later", "A", "I", position.Buy, "1", "100")
	_, err := l.ApplyBatch(t.Context(), []position.Mutation{a, b, ledgertest.Mark("m", "J", "120"), ledgertest.Mark("m2", "I", "80")})
	require.NoError(t, err)
	seq := l.View().Seq()

	_, err = l.ApplyBatch(t.Context(), []position.Mutation{later, ledgertest.Bust("x", a)})
	require.ErrorIs(t, err, holdfast.ErrInvalid, "the batch has touched the key before")
	require.Equal(t, seq, l.View().Seq())
	_, err = l.ApplyBatch(t.Context(), []position.Mutation{ledgertest.Bust("x", a), ledgertest.Bust("y", ledgertest.Fill("none", "A", "J", position.Buy, "1", "1"))})
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	require.Equal(t, seq, l.View().Seq(), "all or nothing")

	rs, err := l.ApplyBatch(t.Context(), []position.Mutation{ledgertest.Correct("x", b, "5", "101"), ledgertest.Bust("y", a), later})
	require.NoError(t, err)
	require.Len(t, rs, 3)
	p, _ := l.Position(a.Key)
	require.Equal(t, "1", p.Qty.String())
	p, _ = l.Position(b.Key)
	require.Equal(t, "505", p.Cost.String())
	require.Equal(t, "120", p.High.String(), "a mark of the fill's own batch is behind it")
	deep(t, l)
}

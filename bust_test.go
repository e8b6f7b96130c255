package holdfast_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

func bust(id string, f position.Fill) position.Bust {
	return position.Bust{Meta: position.Meta{Ident: id, Time: f.Time + 1}, Key: f.Key, Fill: f.Ident, Reason: "cancelled by the venue"}
}

func correct(id string, f position.Fill, qty, price string) position.Correct {
	return position.Correct{
		Meta: position.Meta{Ident: id, Time: f.Time + 1}, Key: f.Key, Fill: f.Ident,
		Side: f.Side, Qty: position.MustParse(qty), Price: position.MustParse(price), Fee: f.Fee,
	}
}

func mark(id, instrument, price string) position.Mark {
	return position.Mark{Meta: position.Meta{Ident: id, Time: 1_700_000_000_000_000_000}, Instrument: instrument, Price: position.MustParse(price)}
}

// trade is what a bust leads to, whatever the order in which it was come to:
// versions, cycles' numbers of changes and the time of the last change are left
// out.
func trade(p position.Position) string {
	life, ok := p.Lifetime()
	return fmt.Sprint(p.Key, p.Qty, p.Cost, p.Cycle, p.EntryQty, p.ExitQty, p.EntryValue, p.ExitValue, p.PeakQty,
		p.Totals, life, ok, p.High, p.Low, p.Short, p.Entries, p.Exits)
}

func trades(v *View) map[position.Key]string {
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
	for i, m := range randomFills(seed, n) {
		out = append(out, m)
		for range r.IntN(3) {
			out = append(out, mark(fmt.Sprintf("m-%d-%d", i, len(out)), "I"+strconv.Itoa(r.IntN(5)), strconv.Itoa(80+r.IntN(40))))
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
			o := quiet()
			o.Rules.CostMethod = method
			ms := workload(31, 300)
			dir := t.TempDir()
			l := open(t, dir, o)
			applyAll(t, l, ms)
			r := rand.New(rand.NewPCG(31, 9))
			gone := make(map[string]bool)
			for n := 0; n < 40; {
				f, ok := ms[r.IntN(len(ms))].(position.Fill)
				if !ok || gone[f.Ident] {
					continue
				}
				n++
				gone[f.Ident] = true
				_, err := l.Apply(t.Context(), bust("b-"+f.Ident, f))
				require.NoError(t, err)
				switch n {
				case 10:
					_, err = l.Snapshot(t.Context())
					require.NoError(t, err)
				case 20:
					require.NoError(t, l.Close())
					l = open(t, dir, o)
				}
				_, err = l.Apply(t.Context(), bust("again-"+f.Ident, f))
				require.ErrorIs(t, err, holdfast.ErrUnknownFill)
			}
			clean := open(t, t.TempDir(), o)
			applyAll(t, clean, without(ms, gone))
			require.Equal(t, trades(clean.View()), trades(l.View()))
			deep(t, l)
			want := digest(l)
			require.NoError(t, l.Close())
			require.Equal(t, want, digest(open(t, dir, o)))
		})
	}
}

func deep(t *testing.T, l *holdfast.Ledger) *holdfast.VerifyReport {
	t.Helper()
	rep, err := l.Verify(t.Context(), holdfast.VerifyOptions{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	require.Equal(t, fmt.Sprintf("%x", digest(l)), rep.Digest)
	return rep
}

func TestCorrectionTakesTheFillsPlace(t *testing.T) {
	l := open(t, t.TempDir(), quiet())
	one := fill("one", "A", "I", position.Buy, "10", "100")
	two := fill("two", "A", "I", position.Sell, "4", "110")
	applyAll(t, l, []position.Mutation{one, mark("m", "I", "130"), two, mark("n", "I", "90"), mark("o", "I", "95")})
	for i, c := range []struct {
		m             position.Mutation
		qty, cost, re string
	}{
		{correct("c1", one, "10", "101"), "6", "606", "36"},
		{correct("c2", two, "5", "110"), "5", "505", "45"},
		{correct("c3", one, "20", "100"), "15", "1500", "50"},
		{bust("b1", two), "20", "2000", "0"},
		{bust("b2", one), "0", "0", "0"},
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
		require.Equal(t, holdfast.Result{First: r.First, Last: r.Last, Duplicate: true}, again)
	}
	deep(t, l)
}

// Busts wait for what was handed over before them, and hold up nobody for good.
func TestBustsUnderLoad(t *testing.T) {
	o := quiet()
	dir := t.TempDir()
	l := open(t, dir, o)
	const callers, each = 8, 120
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			account := "A" + strconv.Itoa(c)
			for i := range each {
				f := fill(fmt.Sprintf("%s-%d", account, i), account, "I"+strconv.Itoa(i%3), position.Buy, "1", strconv.Itoa(100+i))
				if _, err := l.ApplyAsync(t.Context(), f); err != nil {
					t.Error(err)
				}
				if i%4 != 3 {
					continue
				}
				// In flight: the fill is not durable yet.
				future, err := l.ApplyAsync(t.Context(), bust("b-"+f.Ident, f))
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
	_, err := l.Apply(t.Context(), mark("last", "I0", "1"))
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
	want := digest(l)
	require.NoError(t, l.Close())
	require.Equal(t, want, digest(open(t, dir, o)))
}

// What other callers do to the key while the past of a fill is read is part of it.
func TestBustsOfOneKeyByManyCallers(t *testing.T) {
	l := open(t, t.TempDir(), quiet())
	const callers, each = 8, 40
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				f := fill(fmt.Sprintf("%d-%d", c, i), "A", "I", position.Buy, "1", strconv.Itoa(100+i))
				_, err := l.Apply(t.Context(), f)
				if err == nil && i%2 == 0 {
					_, err = l.Apply(t.Context(), bust("b-"+f.Ident, f))
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
	l := open(t, t.TempDir(), quiet())
	a, b := fill("a", "A", "I", position.Buy, "2", "100"), fill("b", "A", "J", position.Buy, "3", "100")
	later := fill("later", "A", "I", position.Buy, "1", "100")
	_, err := l.ApplyBatch(t.Context(), []position.Mutation{a, b, mark("m", "J", "120"), mark("m2", "I", "80")})
	require.NoError(t, err)
	seq := l.View().Seq()

	_, err = l.ApplyBatch(t.Context(), []position.Mutation{later, bust("x", a)})
	require.ErrorIs(t, err, holdfast.ErrInvalid, "the batch has touched the key before")
	require.Equal(t, seq, l.View().Seq())
	_, err = l.ApplyBatch(t.Context(), []position.Mutation{bust("x", a), bust("y", fill("none", "A", "J", position.Buy, "1", "1"))})
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	require.Equal(t, seq, l.View().Seq(), "all or nothing")

	rs, err := l.ApplyBatch(t.Context(), []position.Mutation{correct("x", b, "5", "101"), bust("y", a), later})
	require.NoError(t, err)
	require.Len(t, rs, 3)
	p, _ := l.Position(a.Key)
	require.Equal(t, "1", p.Qty.String())
	p, _ = l.Position(b.Key)
	require.Equal(t, "505", p.Cost.String())
	require.Equal(t, "120", p.High.String(), "a mark of the fill's own batch is behind it")
	deep(t, l)
}

func TestBustOfWhatIsNoFill(t *testing.T) {
	l := open(t, t.TempDir(), quiet())
	f := fill("f", "A", "I", position.Buy, "1", "100")
	other := f
	other.Account = "B"
	m := mark("m", "I", "5")
	applyAll(t, l, []position.Mutation{f, m})
	seq := l.View().Seq()
	for name, b := range map[string]position.Bust{
		"unknown id":  bust("1", fill("nothing", "A", "I", position.Buy, "1", "1")),
		"another key": bust("2", other),
		"a mark":      bust("3", position.Fill{Meta: m.Meta, Key: f.Key}),
		"no position": bust("4", fill("f", "A", "nowhere", position.Buy, "1", "1")),
	} {
		_, err := l.Apply(t.Context(), b)
		require.ErrorIs(t, err, holdfast.ErrUnknownFill, name)
	}
	require.Equal(t, seq, l.View().Seq())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Apply(ctx, bust("5", f))
	require.ErrorIs(t, err, context.Canceled)
}

// The duplicate window forgets ids; the journal does not.
func TestBustOfAForgottenId(t *testing.T) {
	o := quiet()
	o.Window = 16
	ms := workload(91, 300)
	for i, m := range ms { // in the order of their times: the window refuses what may be a repeat
		at := position.Meta{Ident: m.ID(), Time: 1_700_000_000_000_000_000 + position.Time(i)}
		switch v := m.(type) {
		case position.Fill:
			v.Meta = at
			ms[i] = v
		case position.Mark:
			v.Meta = at
			ms[i] = v
		}
	}
	l := open(t, t.TempDir(), o)
	applyAll(t, l, ms)
	first, ok := ms[slices.IndexFunc(ms, func(m position.Mutation) bool { return m.Type() == "fill" })].(position.Fill)
	require.True(t, ok)
	insist := holdfast.ApplyOptions{Insist: true}
	_, err := l.ApplyWith(t.Context(), bust("forgotten", first), insist)
	require.NoError(t, err)
	require.Equal(t, trades(stateWithout(t, ms, first.Ident)), trades(l.View()))
	_, err = l.ApplyWith(t.Context(), bust("again", first), insist)
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	_, err = l.ApplyWith(t.Context(), bust("never", fill("never-was", first.Account, first.Instrument, position.Buy, "1", "1")), insist)
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	deep(t, l)
}

// stateWithout is what the workload comes to without a fill.
func stateWithout(t *testing.T, ms []position.Mutation, id string) *View {
	t.Helper()
	l := open(t, t.TempDir(), quiet())
	applyAll(t, l, without(ms, map[string]bool{id: true}))
	return l.View()
}

// A transfer that arrived after the fill brings in the refold what it brought.
func TestBustBeforeATransferArrived(t *testing.T) {
	for _, method := range methods() {
		o := quiet()
		o.Rules.CostMethod = method
		l := open(t, t.TempDir(), o)
		busted := fill("busted", "A", "I", position.Buy, "4", "90")
		at := position.Time(1_700_000_000_000_000_100)
		rest := []position.Mutation{
			fill("own", "A", "I", position.Buy, "2", "100"),
			fill("other", "B", "I", position.Buy, "3", "110"),
			position.Transfer{Meta: position.Meta{Ident: "t", Time: at}, Key: position.Key{Account: "B", Instrument: "I"}, ToAccount: "A", Qty: position.MustParse("1")},
			fill("out", "A", "I", position.Sell, "1", "120"),
		}
		applyAll(t, l, append([]position.Mutation{busted}, rest...))
		_, err := l.Apply(t.Context(), bust("b", busted))
		require.NoError(t, err)
		clean := open(t, t.TempDir(), o)
		applyAll(t, clean, rest)
		require.Equal(t, trades(clean.View()), trades(l.View()), method)
		deep(t, l)
	}
}

// trimmedLedger is one whose first fills are trimmed, behind a snapshot that
// knows them.
func trimmedLedger(t *testing.T, dir string, o holdfast.Options, ms []position.Mutation) *holdfast.Ledger {
	t.Helper()
	l := open(t, dir, o)
	for part := range slices.Chunk(ms, (len(ms)+3)/4) {
		applyAll(t, l, part)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	return l
}

func TestBustOfTrimmedHistory(t *testing.T) {
	o := quiet()
	o.SnapshotKeep, o.Retain, o.SegmentSize = 2, -1, 8<<10
	dir := t.TempDir()
	ms := workload(33, 600)
	l := trimmedLedger(t, dir, o, ms)
	st, err := l.Status()
	require.NoError(t, err)
	require.Greater(t, st.First, uint64(10))
	first, ok := ms[0].(position.Fill)
	require.True(t, ok)
	seq := l.View().Seq()
	_, err = l.Apply(t.Context(), bust("old", first))
	require.ErrorIs(t, err, holdfast.ErrTrimmedHistory)
	require.ErrorContains(t, err, "oldest kept record is "+strconv.FormatUint(st.First, 10))
	require.ErrorContains(t, err, "adjust or adopt")
	require.Equal(t, seq, l.View().Seq())

	last, ok := ms[slices.IndexFunc(ms[len(ms)-20:], func(m position.Mutation) bool { return m.Type() == "fill" })+len(ms)-20].(position.Fill)
	require.True(t, ok)
	_, err = l.Apply(t.Context(), bust("young", last))
	require.NoError(t, err)
	deep(t, l)
}

// What a bust went back to may be trimmed later: a recomputation believes the
// bust then, and says so.
func TestVerifyOfABustWhoseFillIsTrimmed(t *testing.T) {
	o := quiet()
	o.SnapshotKeep, o.Retain, o.SegmentSize = 2, -1, 8<<10
	dir := t.TempDir()
	l := open(t, dir, o)
	ms := workload(34, 500)
	applyAll(t, l, ms[:100])
	snapshot := func() {
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	snapshot()
	applyAll(t, l, ms[100:400])
	snapshot()
	applyAll(t, l, ms[400:500])
	var old, young position.Fill
	for _, m := range ms[100:500] {
		if f, ok := m.(position.Fill); ok {
			if old.Ident == "" {
				old = f
			}
			young = f
		}
	}
	_, err := l.ApplyBatch(t.Context(), []position.Mutation{mark("before", "I9", "1"), bust("b-old", old), mark("behind", "I9", "2")})
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), bust("b-young", young))
	require.NoError(t, err)
	believed := func(rep *holdfast.VerifyReport) (n int) {
		for _, f := range rep.Notices {
			if strings.Contains(f.Reason, "was not recomputed: it goes back") {
				n++
			}
		}
		return n
	}
	require.Zero(t, believed(deep(t, l)))
	applyAll(t, l, ms[500:])
	snapshot()

	rep := deep(t, l)
	require.Equal(t, 1, believed(rep), "%v", rep.Notices)
	require.NoError(t, l.Close())
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	again, err := r.Verify(t.Context(), holdfast.VerifyOptions{Deep: true})
	require.NoError(t, err)
	require.Empty(t, again.Findings)
	require.Equal(t, rep.Digest, again.Digest)
}

// Lots that a transfer brought and that met an opposite position are recorded
// without their time of opening. Where a bust would leave them open, that time would
// decide which lot leaves next: the bust is refused, rather than a wrong profit
// booked.
func TestBustThatLeavesLotsOpenThatHadMetAnOppositePosition(t *testing.T) {
	o := quiet()
	o.Rules.CostMethod = position.FIFO
	at := func(f position.Fill, n int) position.Fill { f.Time += position.Time(n); return f }
	short := at(fill("s", "K", "X", position.Sell, "1", "150"), 3)
	last := at(fill("x", "K", "X", position.Sell, "1", "300"), 20)
	ms := []position.Mutation{
		at(fill("a", "J", "X", position.Buy, "1", "100"), 1),
		at(fill("b", "J", "X", position.Buy, "1", "200"), 2),
		short,
		position.Transfer{Meta: position.Meta{Ident: "t", Time: short.Time + 10}, Key: position.Key{Account: "J", Instrument: "X"}, ToAccount: "K"},
		last,
	}
	l := open(t, t.TempDir(), o)
	applyAll(t, l, ms)
	want := digest(l)
	_, err := l.Apply(t.Context(), bust("bust-s", short))
	require.ErrorIs(t, err, holdfast.ErrRefold)
	require.Equal(t, want, digest(l))

	// What meets again what it had met needs no time.
	_, err = l.Apply(t.Context(), bust("bust-x", last))
	require.NoError(t, err)
	clean := open(t, t.TempDir(), o)
	applyAll(t, clean, without(ms, map[string]bool{"x": true}))
	require.Equal(t, trades(clean.View()), trades(l.View()))
	_, err = l.Apply(t.Context(), correct("correct-s", short, "1", "160"))
	require.NoError(t, err)
	deep(t, l)
}

// An id that the window has forgotten may be given again: a bust is about the last
// fill that has it, also where the refold begins before the first.
func TestBustOfAnIdThatWasGivenTwice(t *testing.T) {
	o := quiet()
	o.Window = 3
	l := open(t, t.TempDir(), o)
	var ms []position.Mutation
	for i, id := range []string{"e", "x", "y0", "y1", "y2", "y3", "y4", "x"} {
		f := fill(id, "K", "X", position.Buy, strconv.Itoa(i+1), "100")
		f.Time += position.Time(i)
		if id[0] == 'y' {
			f.Account = "Z"
		}
		ms = append(ms, f)
	}
	applyAll(t, l, ms)
	first, ok := ms[0].(position.Fill)
	require.True(t, ok)
	second, ok := ms[7].(position.Fill)
	require.True(t, ok)
	c := correct("c", first, "1", "101")
	c.Time = second.Time + 1
	_, err := l.Apply(t.Context(), c)
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), bust("b", second))
	require.NoError(t, err)
	p, _ := l.Position(first.Key)
	require.Equal(t, "3", p.Qty.String())
	deep(t, l)
}

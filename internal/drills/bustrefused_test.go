package drills_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

func TestBustOfWhatIsNoFill(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	f := ledgertest.Fill("f", "A", "I", position.Buy, "1", "100")
	other := f
	other.Account = "B"
	m := ledgertest.Mark("m", "I", "5")
	ledgertest.ApplyAll(t, l, []position.Mutation{f, m})
	seq := l.View().Seq()
	for name, b := range map[string]position.Bust{
		"unknown id":  ledgertest.Bust("1", ledgertest.Fill("nothing", "A", "I", position.Buy, "1", "1")),
		"another key": ledgertest.Bust("2", other),
		"a mark":      ledgertest.Bust("3", position.Fill{Meta: m.Meta, Key: f.Key}),
		"no position": ledgertest.Bust("4", ledgertest.Fill("f", "A", "nowhere", position.Buy, "1", "1")),
	} {
		_, err := l.Apply(t.Context(), b)
		require.ErrorIs(t, err, holdfast.ErrUnknownFill, name)
	}
	require.Equal(t, seq, l.View().Seq())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Apply(ctx, ledgertest.Bust("5", f))
	require.ErrorIs(t, err, context.Canceled)
}

// The duplicate window forgets ids; the journal does not.
func TestBustOfAForgottenId(t *testing.T) {
	o := ledgertest.Quiet()
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
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, ms)
	first, ok := ms[slices.IndexFunc(ms, func(m position.Mutation) bool { return m.Type() == "fill" })].(position.Fill)
	require.True(t, ok)
	insist := holdfast.ApplyOptions{Insist: true}
	_, err := l.ApplyWith(t.Context(), ledgertest.Bust("forgotten", first), insist)
	require.NoError(t, err)
	require.Equal(t, trades(stateWithout(t, ms, first.Ident)), trades(l.View()))
	_, err = l.ApplyWith(t.Context(), ledgertest.Bust("again", first), insist)
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	_, err = l.ApplyWith(t.Context(), ledgertest.Bust("never", ledgertest.Fill("never-was", first.Account, first.Instrument, position.Buy, "1", "1")), insist)
	require.ErrorIs(t, err, holdfast.ErrUnknownFill)
	deep(t, l)
}

// stateWithout is what the workload comes to without a fill.
func stateWithout(t *testing.T, ms []position.Mutation, id string) *projector.View {
	t.Helper()
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	ledgertest.ApplyAll(t, l, without(ms, map[string]bool{id: true}))
	return l.View()
}

// A transfer that arrived after the fill brings in the refold what it brought.
func TestBustBeforeATransferArrived(t *testing.T) {
	for _, method := range methods() {
		o := ledgertest.Quiet()
		o.Rules.CostMethod = method
		l := ledgertest.Open(t, t.TempDir(), o)
		busted := ledgertest.Fill("busted", "A", "I", position.Buy, "4", "90")
		at := position.Time(1_700_000_000_000_000_100)
		rest := []position.Mutation{
			ledgertest.Fill("own", "A", "I", position.Buy, "2", "100"),
			ledgertest.Fill("other", "B", "I", position.Buy, "3", "110"),
			position.Transfer{Meta: position.Meta{Ident: "t", Time: at}, Key: position.Key{Account: "B", Instrument: "I"}, ToAccount: "A", Qty: position.MustParse("1")},
			ledgertest.Fill("out", "A", "I", position.Sell, "1", "120"),
		}
		ledgertest.ApplyAll(t, l, append([]position.Mutation{busted}, rest...))
		_, err := l.Apply(t.Context(), ledgertest.Bust("b", busted))
		require.NoError(t, err)
		clean := ledgertest.Open(t, t.TempDir(), o)
		ledgertest.ApplyAll(t, clean, rest)
		require.Equal(t, trades(clean.View()), trades(l.View()), method)
		deep(t, l)
	}
}

// trimmedLedger is one whose first fills are trimmed, behind a snapshot that
// knows them.
func trimmedLedger(t *testing.T, dir string, o holdfast.Options, ms []position.Mutation) *holdfast.Ledger {
	t.Helper()
	l := ledgertest.Open(t, dir, o)
	for part := range slices.Chunk(ms, (len(ms)+3)/4) {
		ledgertest.ApplyAll(t, l, part)
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	return l
}

func TestBustOfTrimmedHistory(t *testing.T) {
	o := ledgertest.Quiet()
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
	_, err = l.Apply(t.Context(), ledgertest.Bust("old", first))
	require.ErrorIs(t, err, holdfast.ErrTrimmedHistory)
	require.ErrorContains(t, err, "oldest kept record is "+strconv.FormatUint(st.First, 10))
	require.ErrorContains(t, err, "adjust or adopt")
	require.Equal(t, seq, l.View().Seq())

	last, ok := ms[slices.IndexFunc(ms[len(ms)-20:], func(m position.Mutation) bool { return m.Type() == "fill" })+len(ms)-20].(position.Fill)
	require.True(t, ok)
	_, err = l.Apply(t.Context(), ledgertest.Bust("young", last))
	require.NoError(t, err)
	deep(t, l)
}

// The fill that a bust takes back may be trimmed later. A recomputation then
// believes the bust, and says so.
func TestVerifyOfABustWhoseFillIsTrimmed(t *testing.T) {
	o := ledgertest.Quiet()
	o.SnapshotKeep, o.Retain, o.SegmentSize = 2, -1, 8<<10
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, o)
	ms := workload(34, 500)
	ledgertest.ApplyAll(t, l, ms[:100])
	snapshot := func() {
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
	}
	snapshot()
	ledgertest.ApplyAll(t, l, ms[100:400])
	snapshot()
	ledgertest.ApplyAll(t, l, ms[400:500])
	var old, young position.Fill
	for _, m := range ms[100:500] {
		if f, ok := m.(position.Fill); ok {
			if old.Ident == "" {
				old = f
			}
			young = f
		}
	}
	_, err := l.ApplyBatch(t.Context(), []position.Mutation{ledgertest.Mark("before", "I9", "1"), ledgertest.Bust("b-old", old), ledgertest.Mark("behind", "I9", "2")})
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), ledgertest.Bust("b-young", young))
	require.NoError(t, err)
	believed := func(rep *audit.Report) (n int) {
		for _, f := range rep.Notices {
			if strings.Contains(f.Reason, "was not recomputed: it goes back") {
				n++
			}
		}
		return n
	}
	whole := deep(t, l)
	require.Zero(t, believed(whole))
	require.EqualValues(t, unfoundedOf(whole), whole.Believed)
	ledgertest.ApplyAll(t, l, ms[500:])
	snapshot()

	rep := deep(t, l)
	require.Equal(t, 1, believed(rep), "%v", rep.Notices)
	require.EqualValues(t, 3+unfoundedOf(rep), rep.Believed, "the batch of the older bust, and what is before the oldest snapshot")
	require.NoError(t, l.Close())
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	again, err := audit.Verify(t.Context(), r, audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, again.Findings)
	require.Equal(t, rep.Digest, again.Digest)
}

// Lots that a transfer brought and that met an opposite position are recorded
// without their time of opening. Where a bust would leave them open, that time would
// decide which lot leaves next: the bust is refused, rather than a wrong profit
// booked.
func TestBustThatLeavesLotsOpenThatHadMetAnOppositePosition(t *testing.T) {
	o := ledgertest.Quiet()
	o.Rules.CostMethod = position.FIFO
	at := func(f position.Fill, n int) position.Fill { f.Time += position.Time(n); return f }
	short := at(ledgertest.Fill("s", "K", "X", position.Sell, "1", "150"), 3)
	last := at(ledgertest.Fill("x", "K", "X", position.Sell, "1", "300"), 20)
	ms := []position.Mutation{
		at(ledgertest.Fill("a", "J", "X", position.Buy, "1", "100"), 1),
		at(ledgertest.Fill("b", "J", "X", position.Buy, "1", "200"), 2),
		short,
		position.Transfer{Meta: position.Meta{Ident: "t", Time: short.Time + 10}, Key: position.Key{Account: "J", Instrument: "X"}, ToAccount: "K"},
		last,
	}
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, ms)
	want := ledgertest.Digest(l)
	_, err := l.Apply(t.Context(), ledgertest.Bust("bust-s", short))
	require.ErrorIs(t, err, holdfast.ErrRefold)
	require.Equal(t, want, ledgertest.Digest(l))

	// Without the last fill the others meet the lots that they met before, so that
	// no time is missing.
	_, err = l.Apply(t.Context(), ledgertest.Bust("bust-x", last))
	require.NoError(t, err)
	clean := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, clean, without(ms, map[string]bool{"x": true}))
	require.Equal(t, trades(clean.View()), trades(l.View()))
	_, err = l.Apply(t.Context(), ledgertest.Correct("correct-s", short, "1", "160"))
	require.NoError(t, err)
	deep(t, l)
}

// An id that the window has forgotten may be given again: a bust is about the last
// fill that has it, also where the refold begins before the first.
func TestBustOfAnIdThatWasGivenTwice(t *testing.T) {
	o := ledgertest.Quiet()
	o.Window = 3
	l := ledgertest.Open(t, t.TempDir(), o)
	var ms []position.Mutation
	for i, id := range []string{"e", "x", "y0", "y1", "y2", "y3", "y4", "x"} {
		f := ledgertest.Fill(id, "K", "X", position.Buy, strconv.Itoa(i+1), "100")
		f.Time += position.Time(i)
		if id[0] == 'y' {
			f.Account = "Z"
		}
		ms = append(ms, f)
	}
	ledgertest.ApplyAll(t, l, ms)
	first, ok := ms[0].(position.Fill)
	require.True(t, ok)
	second, ok := ms[7].(position.Fill)
	require.True(t, ok)
	c := ledgertest.Correct("c", first, "1", "101")
	c.Time = second.Time + 1
	_, err := l.Apply(t.Context(), c)
	require.NoError(t, err)
	_, err = l.Apply(t.Context(), ledgertest.Bust("b", second))
	require.NoError(t, err)
	p, _ := l.Position(first.Key)
	require.Equal(t, "3", p.Qty.String())
	deep(t, l)
}

// A bust begins before a fill that was busted since, also where the id of that one was
// given to another fill meanwhile.
func TestBustBehindABustedIdThatWasGivenAgain(t *testing.T) {
	o := ledgertest.Quiet()
	o.Window = 3
	l := ledgertest.Open(t, t.TempDir(), o)
	at := position.Time(0)
	fill := func(id, account, qty string) position.Fill {
		f := ledgertest.Fill(id, account, "X", position.Buy, qty, "100")
		at++
		f.Time += at
		_, err := l.Apply(t.Context(), f)
		require.NoError(t, err)
		return f
	}
	bust := func(id string, f position.Fill) {
		b := ledgertest.Bust(id, f)
		at++
		b.Time += at
		_, err := l.Apply(t.Context(), b)
		require.NoError(t, err)
	}
	first, second := fill("x", "K", "1"), fill("s", "K", "2")
	bust("b-x", first)
	for i := range 5 {
		fill("y"+strconv.Itoa(i), "Z", "1")
	}
	at += 10
	fill("x", "K", "4")
	bust("b-s", second)
	p, _ := l.Position(first.Key)
	require.Equal(t, "4", p.Qty.String())
	deep(t, l)
}

// unfoundedOf is how many records of a report stand before the oldest snapshot.
func unfoundedOf(rep *audit.Report) (n int) {
	for _, f := range rep.Notices {
		var first, last int
		if _, err := fmt.Sscanf(f.Reason, "seq %d to %d were not recomputed", &first, &last); err == nil {
			n += last + 1 - first
		}
	}
	return n
}

package projector_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// turn opens and closes one cycle of a key.
func (l *scribe) turn(tb testing.TB, k position.Key, n int) {
	tb.Helper()
	price := fmt.Sprint(10 + n)
	l.apply(tb, fill(fmt.Sprint(k, "open", n), k, position.Buy, "1", price, position.Time(2*n+1)))
	l.apply(tb, fill(fmt.Sprint(k, "close", n), k, position.Sell, "1", price, position.Time(2*n+2)))
}

func numbers(cycles []position.Position) []uint64 {
	out := []uint64{}
	for _, c := range cycles {
		out = append(out, c.Cycle)
	}
	return out
}

func TestEndedCyclesStayReadable(t *testing.T) {
	for _, c := range []struct {
		option int
		want   []uint64
	}{
		{2, []uint64{38, 39}},
		{0, []uint64{24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39}},
		{-1, []uint64{
			1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
			21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
		}},
	} {
		t.Run(fmt.Sprint(c.option), func(t *testing.T) {
			o := projector.Options{ClosedCycles: c.option}
			l := newScribe(o)
			k := key("A", "X")
			var views []*projector.View
			for n := range 40 {
				views = append(views, l.book.View())
				l.turn(t, k, n)
			}
			require.Equal(t, c.want, numbers(l.book.Cycles(k)))
			for n, v := range views { // a view never changes
				require.EqualValues(t, len(v.Cycles(k)), v.Counts().Cycles)
				for i, p := range v.Cycles(k) {
					require.EqualValues(t, n-len(v.Cycles(k))+i, p.Cycle)
					require.Equal(t, fmt.Sprint(9+p.Cycle), p.LastEntry.String())
				}
			}
			last, ok := l.book.Position(k)
			require.True(t, ok)
			require.EqualValues(t, 40, last.Cycle, "the last cycle is the position itself")
			require.Nil(t, l.book.Cycles(key("NO", "X")))
			require.Nil(t, views[0].Cycles(key("NO", "X")))

			raw := body(t, l.book)
			replayed := projector.New(o)
			require.NoError(t, replayed.Replay(stream(l.records), projector.Until{}))
			require.Equal(t, raw, body(t, replayed))
			loaded, err := projector.Load(bytes.NewReader(raw), o)
			require.NoError(t, err)
			require.Equal(t, raw, body(t, loaded))
			require.Equal(t, l.book.Cycles(k), loaded.Cycles(k))

			fewer, err := projector.Load(bytes.NewReader(raw), projector.Options{ClosedCycles: 1})
			require.NoError(t, err)
			require.Equal(t, []uint64{39}, numbers(fewer.Cycles(k)))
			require.EqualValues(t, 1, fewer.View().Counts().Cycles)
			require.Equal(t, l.book.View().Digest(), fewer.View().Digest(), "ended cycles are not in the digest")
		})
	}
}

// TestEndedCycleHasItsLateCharges: what is booked after flat belongs to the cycle
// that ended, and to its image.
func TestEndedCycleHasItsLateCharges(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.turn(t, k, 1)
	l.apply(t, position.Charge{Meta: position.Meta{Ident: "late", Time: 9}, Key: k, Kind: position.Funding, Amount: dec("3"), Currency: "USD"})
	require.Empty(t, l.book.Cycles(k))
	// A flip ends a cycle inside one mutation.
	l.apply(t, fill("open", k, position.Buy, "1", "10", 10), fill("flip", k, position.Sell, "2", "11", 11))
	cycles := l.book.Cycles(k)
	require.Equal(t, []uint64{1, 2}, numbers(cycles))
	require.Equal(t, "3", cycles[0].Totals.Funding.String())
	require.Equal(t, "1", cycles[1].Totals.Realized.String())
	require.False(t, cycles[1].IsOpen())
	require.EqualValues(t, 6, cycles[1].Seq)
}

// TestManyPagesOfCycles has more keys than a page has slots, and views in between.
func TestManyPagesOfCycles(t *testing.T) {
	l := newScribe(projector.Options{ClosedCycles: 2})
	var views []*projector.View
	for n := range 4 {
		for i := range 300 {
			l.turn(t, key(fmt.Sprint(i), "X"), n)
			if i%100 == n {
				views = append(views, l.book.View())
			}
		}
	}
	at := func(v *projector.View, i int) int { return len(v.Cycles(key(fmt.Sprint(i), "X"))) }
	for i, v := range views {
		n, round := i/3, i%3*100+i/3
		for k := range 300 {
			done := n
			if k > round {
				done--
			}
			require.Equal(t, max(0, min(2, done)), at(v, k), "view %d, key %d", i, k)
		}
	}
}

func TestReplayRefusesCyclesThatOverlap(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	l.apply(t, fill("2", k, position.Buy, "1", "10", 2))
	var d wire.Decoder
	c, err := d.Change(l.records[2].Payload)
	require.NoError(t, err)
	c.After.Cycle = 2
	l.records[2].Payload = wire.AppendChange(nil, &c)
	err = projector.New(projector.Options{}).Replay(stream(l.records), projector.Until{})
	var at *projector.RecordError
	require.ErrorAs(t, err, &at)
	require.EqualValues(t, 3, at.Seq)
}

func TestPrev(t *testing.T) {
	l := newScribe(projector.Options{})
	a, b := key("A", "X"), key("B", "X")
	s := l.apply(t,
		fill("1", a, position.Buy, "1", "10", 1), fill("2", b, position.Buy, "1", "10", 2), mark("3", "X", "99", 3),
		fill("4", a, position.Sell, "2", "10", 4), fill("5", b, position.Buy, "1", "10", 5),
	)
	var prev []uint64
	for _, c := range s.Changes {
		prev = append(prev, c.Prev)
	}
	require.Equal(t, []uint64{0, 0, 0, 2, 5, 3}, prev)
	require.EqualValues(t, 7, l.apply(t, fill("6", b, position.Buy, "1", "10", 6)).Changes[0].Prev)

	var d wire.Decoder
	for i, r := range l.records {
		c, err := d.Change(r.Payload)
		require.NoError(t, err)
		if c.Epoch != nil {
			continue
		}
		c.Prev++
		records := slices.Clone(l.records)
		records[i].Payload = wire.AppendChange(nil, &c)
		err = projector.New(projector.Options{}).Replay(stream(records), projector.Until{})
		var at *projector.RecordError
		require.ErrorAs(t, err, &at)
		require.Equal(t, r.Seq, at.Seq)
	}
}

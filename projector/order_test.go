package projector_test

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

func inOrder(t *testing.T, records []projector.Record, until position.Time) (*projector.View, []projector.Refused) {
	t.Helper()
	v, refused, err := projector.EventOrder(projector.Options{}, nil, stream(records), until)
	require.NoError(t, err)
	return v, refused
}

// same compares views but for seqs, epochs and versions.
func same(t *testing.T, want, got *projector.View) {
	t.Helper()
	next, stop := iter.Pull(got.Positions())
	defer stop()
	for w := range want.Positions() {
		g, ok := next()
		require.True(t, ok, w.Key)
		w.Seq, g.Seq = 0, 0
		require.Equal(t, w, g)
	}
	_, more := next()
	require.False(t, more)
}

// TestEventOrderIsThatOfTimes applies mutations in any order: refolded by event
// time they come to what they come to when each arrives in time.
func TestEventOrderIsThatOfTimes(t *testing.T) {
	rnd := newRand(t)
	for range 20 {
		x := &trader{rnd: rnd}
		var ms []position.Mutation
		for len(ms) < 60 {
			f, ok := x.any().(position.Fill)
			if ok {
				f.ExpectVersion, f.Lot, f.Instrument = nil, nil, "LIN"
				f.Time = position.Time(len(ms) + 1)
				ms = append(ms, f)
			}
		}
		sorted, shuffled := newScribe(projector.Options{}), newScribe(projector.Options{})
		for _, m := range ms {
			sorted.apply(t, m)
		}
		for _, i := range rnd.Perm(len(ms)) {
			shuffled.apply(t, ms[i])
		}
		v, refused := inOrder(t, shuffled.records, 0)
		require.Empty(t, refused)
		same(t, sorted.book.View(), v)
		require.Equal(t, shuffled.book.Head(), v.Seq())
		require.Equal(t, shuffled.book.HeadTime(), v.Time())
		for p := range v.Positions() {
			require.Equal(t, numbers(sorted.book.Cycles(p.Key)), numbers(v.Cycles(p.Key)))
		}

		// Up to a time.
		until := position.Time(rnd.IntN(60) + 1)
		early := newScribe(projector.Options{})
		for _, m := range ms[:until] {
			early.apply(t, m)
		}
		v, _ = inOrder(t, shuffled.records, until)
		same(t, early.book.View(), v)

		// From a base: what it includes stays where it is.
		half := uint64(len(shuffled.records) / 2)
		base := projector.New(projector.Options{})
		require.NoError(t, base.Replay(stream(shuffled.records), projector.Until{Seq: half}))
		half = base.Head()
		raw := body(t, base)
		v, refused, err := projector.EventOrder(projector.Options{}, base, stream(shuffled.records[half:]), 0)
		require.NoError(t, err)
		require.Empty(t, refused)
		ordered := &scribe{clock: 1}
		ordered.book, err = projector.Load(bytes.NewReader(raw), projector.Options{})
		require.NoError(t, err)
		var rest []position.Mutation
		for _, m := range ms {
			if s, err := ordered.book.Stage(1, []position.Mutation{m}, true); err == nil && !s.Outcomes[0].Duplicate {
				rest = append(rest, m)
			}
		}
		for _, m := range rest {
			ordered.apply(t, m)
		}
		same(t, ordered.book.View(), v)
	}
}

func TestEventOrderOfRecordsInTime(t *testing.T) {
	l := newScribe(projector.Options{})
	x := &trader{rnd: newRand(t)}
	for n := range 300 {
		m := x.any()
		switch v := m.(type) { // all times ascend
		case position.Fill:
			v.Time = position.Time(n + 1)
			m = v
		case position.Mark:
			v.Time = position.Time(n + 1)
			m = v
		default:
			continue
		}
		_, _ = l.try([]position.Mutation{m}, false) // some are refused
	}
	v, refused := inOrder(t, l.records, 0)
	require.Empty(t, refused)
	same(t, l.book.View(), v)
	require.Equal(t, l.book.View().Digest(), v.Digest())
}

func TestEventOrderCancelsAndReplaces(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "2", "10", 10))
	l.apply(t, fill("2", k, position.Buy, "4", "11", 20))
	l.apply(t, fill("3", k, position.Sell, "1", "12", 30))
	records := slices.Clone(l.records)
	add := func(ms ...position.Mutation) {
		for _, m := range ms {
			seq := uint64(len(records)) + 1
			kind, after := position.Busted, &position.Position{Key: k, Terms: terms(), Cycle: 1}
			c := position.Change{Kind: kind, Parts: 1, Cause: m, After: after, Prev: seq - 1}
			if _, ok := m.(position.Correct); ok {
				c.Kind = position.Corrected
			}
			records = append(records, projector.Record{Stamp: position.Stamp{Seq: seq, Epoch: 1}, Payload: wire.AppendChange(nil, &c)})
		}
	}
	correct := func(id, of, qty string) position.Correct {
		return position.Correct{Meta: position.Meta{Ident: id, Time: 99}, Key: k, Fill: of, Side: position.Buy, Qty: dec(qty), Price: dec("20")}
	}
	bust := func(id, of string) position.Bust {
		return position.Bust{Meta: position.Meta{Ident: id, Time: 99}, Key: k, Fill: of}
	}
	qty := func(until position.Time) string {
		v, _ := inOrder(t, records, until)
		p, _ := v.Position(k)
		return p.Qty.String()
	}
	require.Equal(t, "5", qty(0))
	add(correct("c1", "2", "7"))
	require.Equal(t, "8", qty(0))
	require.Equal(t, "9", qty(20), "the correction is younger, and counts from the fill's time")
	add(correct("c2", "2", "1"))
	require.Equal(t, "2", qty(0), "the last correction counts")
	add(bust("b1", "2"))
	require.Equal(t, "1", qty(0))
	require.Equal(t, "2", qty(20))
	add(bust("b2", "1"))
	require.Equal(t, "0", qty(20))
	require.Equal(t, "-1", qty(0))

	add(bust("b3", "2"), bust("b4", "none"), correct("c3", "1", "1"))
	v, refused := inOrder(t, records, 0)
	require.Len(t, refused, 3)
	for i, id := range []string{"b3", "b4", "c3"} {
		require.Equal(t, id, refused[i].ID)
		require.EqualValues(t, len(records)-2+i, refused[i].Seq)
		require.ErrorIs(t, refused[i].Err, position.ErrUnknownFill)
	}
	require.EqualValues(t, len(records), v.Seq())

	base := projector.New(projector.Options{})
	require.NoError(t, base.Replay(stream(records), projector.Until{Seq: 4}))
	_, refused, err := projector.EventOrder(projector.Options{}, base, stream(records[4:]), 0)
	require.NoError(t, err)
	require.ErrorIs(t, refused[0].Err, position.ErrTrimmedHistory)
}

// TestEventOrderCorrectsToAndFromZero: a price of zero that a correction says is
// meant, and one that it replaces is not any more.
func TestEventOrderCorrectsToAndFromZero(t *testing.T) {
	for _, prices := range [][2]string{{"10", "0"}, {"0", "10"}} {
		l := newScribe(projector.Options{})
		k := key("A", "X")
		l.apply(t, position.Stated(fill("1", k, position.Buy, "2", prices[0], 10)))
		c := position.Change{
			Kind: position.Corrected, Parts: 1, Prev: 1, After: &position.Position{Key: k, Terms: terms(), Cycle: 1},
			Cause: position.Stated(position.Correct{
				Meta: position.Meta{Ident: "c", Time: 99}, Key: k, Fill: "1", Side: position.Buy, Qty: dec("2"), Price: dec(prices[1]),
			}),
		}
		seq := uint64(len(l.records)) + 1
		records := append(l.records, projector.Record{Stamp: position.Stamp{Seq: seq, Epoch: 1}, Payload: wire.AppendChange(nil, &c)})
		v, refused := inOrder(t, records, 0)
		require.Empty(t, refused)
		p, ok := v.Position(k)
		require.True(t, ok)
		require.Equal(t, dec(prices[1]), p.High, "of %v", prices)
	}
}

// TestEventOrderOfAnIDUsedTwice: a bust is about the fill that had the id when it
// came.
func TestEventOrderOfAnIDUsedTwice(t *testing.T) {
	l := newScribe(projector.Options{Window: 1})
	k := key("A", "X")
	for _, m := range []position.Mutation{
		fill("1", k, position.Buy, "1", "10", 1), bust("b", k, "1", 2), fill("1", k, position.Buy, "5", "10", 3),
	} {
		_, err := l.try([]position.Mutation{m}, true)
		require.NoError(t, err)
	}
	v, refused := inOrder(t, l.records, 0)
	require.Empty(t, refused)
	p, _ := v.Position(k)
	require.Equal(t, "5", p.Qty.String())
}

func terms() *position.Terms {
	t := position.Rules{}.DefaultTerms()
	return &t
}

func TestEventOrderListsWhatItRefuses(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 50))
	stop := dec("9")
	l.apply(t, position.Amend{Meta: position.Meta{Ident: "early", Time: 40}, Key: k, Stop: &stop})
	l.apply(t, fill("2", k, position.Buy, "1", "10", 60))
	v, refused := inOrder(t, l.records, 0)
	require.Len(t, refused, 1)
	require.Equal(t, projector.Refused{Seq: 3, ID: "early", Err: refused[0].Err}, refused[0])
	require.ErrorIs(t, refused[0].Err, position.ErrUnknownPosition)
	p, _ := v.Position(k)
	require.Equal(t, "2", p.Qty.String())
	require.Nil(t, p.Conditions)
}

// TestEventOrderOfDefinitions: the first definition is that of the earliest event
// time, not that of the earliest record; the other waits for its time.
func TestEventOrderOfDefinitions(t *testing.T) {
	l := newScribe(projector.Options{})
	ten, two := position.Terms{Multiplier: dec("10"), Quote: "USD"}, position.Terms{Multiplier: dec("2"), Quote: "USD"}
	l.apply(t, define("late", "X", ten, 50))
	l.apply(t, define("early", "X", two, 30))
	a, b := key("A", "X"), key("B", "X")
	l.apply(t, fill("1", a, position.Buy, "1", "100", 10), fill("2", a, position.Sell, "1", "100", 20), fill("3", b, position.Buy, "1", "100", 60))
	v, refused := inOrder(t, l.records, 0)
	require.Empty(t, refused)
	p, _ := v.Position(a)
	require.Equal(t, "2", p.Terms.Multiplier.String(), "from the beginning")
	p, _ = v.Position(b)
	require.Equal(t, "10", p.Terms.Multiplier.String(), "from its time")
	now, _ := l.book.Position(b)
	require.Equal(t, "2", now.Terms.Multiplier.String(), "by record it is the last one given")
}

// TestEventOrderKnowsInstrumentsFromTheBeginning: a definition that has the time
// at which it was made, long after the fills, is still what they are folded by.
func TestEventOrderKnowsInstrumentsFromTheBeginning(t *testing.T) {
	l := newScribe(projector.Options{})
	inverse := position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD"}
	l.apply(t, define("d", "INV", inverse, 14))
	k := key("A", "INV")
	l.apply(t, fill("1", k, position.Buy, "100", "50", 10))
	l.apply(t, fill("2", k, position.Sell, "100", "40", 20))
	inverse.Multiplier = dec("2")
	l.apply(t, define("e", "INV", inverse, 15), fill("3", k, position.Buy, "100", "50", 2000))
	v, refused := inOrder(t, l.records, 0)
	require.Len(t, refused, 1)
	require.Equal(t, "e", refused[0].ID, "at its time the position was open")
	require.ErrorIs(t, refused[0].Err, position.ErrInstrumentInUse)
	p, _ := v.Position(k)
	require.Equal(t, position.Inverse, p.Terms.Kind)
	v, _ = inOrder(t, l.records, 12)
	p, _ = v.Position(k)
	require.Equal(t, "2", p.Cost.String())
}

func TestEventOrderPassesOnErrors(t *testing.T) {
	l := newScribe(projector.Options{})
	for n := range 5 {
		l.apply(t, fill(fmt.Sprint(n), key("A", "X"), position.Buy, "1", "10", 1))
	}
	bad := slices.Clone(l.records)
	bad[3].Payload = []byte{0xff}
	_, _, err := projector.EventOrder(projector.Options{}, nil, stream(bad), 0)
	require.ErrorIs(t, err, projector.ErrRecord)
	_, _, err = projector.EventOrder(projector.Options{}, nil, stream(slices.Delete(slices.Clone(l.records), 2, 3)), 0)
	require.ErrorIs(t, err, projector.ErrRecord)
}

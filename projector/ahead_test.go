package projector_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// skewed is a world of engines whose clocks are behind or ahead, held against a
// memory that forgets nothing.
type skewed struct {
	t       *testing.T
	rnd     *rand.Rand
	o       projector.Options
	l       *scribe
	sent    []position.Mutation
	applied map[string]bool
	ids     int
}

// fresh is a mutation that nobody has sent, with one of the clocks that there are.
func (w *skewed) fresh() position.Mutation {
	skew := []time.Duration{
		0, -time.Millisecond, -time.Hour, time.Nanosecond, time.Second, 50 * time.Second, time.Hour, 9 * time.Hour, 70 * 365 * 24 * time.Hour,
	}[min(w.rnd.IntN(12), w.rnd.IntN(12), 8)]
	w.ids++
	at := max(1, w.l.clock+position.Time(skew))
	return fill(fmt.Sprint("f", w.ids), key("A", "X"), position.Buy, "1", "10", at)
}

// send applies a mutation and says what the memory thinks of the outcome.
func (w *skewed) send(m position.Mutation, insist bool) {
	t, id := w.t, m.ID()
	view := w.l.book.View()
	s, err := w.l.try([]position.Mutation{m}, insist)
	switch {
	case err == nil && s.Outcomes[0].Duplicate:
		require.True(t, w.applied[id], "%s was never applied", id)
	case err == nil:
		require.False(t, w.applied[id] && !insist, "%s of %s is applied twice; horizon %s", id, m.EventTime(), view.Horizon())
		w.applied[id] = true
	case w.applied[id]:
		require.False(t, insist, "%s: %v", id, err)
	default: // refused, and new
		at := w.l.clock - 1 // as try did
		late, ahead := m.EventTime() <= view.Horizon(), m.EventTime() > at
		require.True(t, errors.Is(err, projector.ErrTooOld) && late || errors.Is(err, projector.ErrAhead) && ahead, "%s of %s at %s: %v", id, m.EventTime(), at, err)
	}
}

// reopen makes another book of the same records, in one of the ways there are.
func (w *skewed) reopen() {
	t, o := w.t, w.l.options(w.o)
	before := body(t, w.l.book)
	var b *projector.Book
	var err error
	switch w.rnd.IntN(3) {
	case 0:
		b, err = projector.Load(bytes.NewReader(before), o)
		require.NoError(t, err)
	case 1:
		b = projector.New(o)
		require.NoError(t, b.Replay(stream(w.l.records), projector.Until{}))
	default:
		half := projector.New(o)
		n := w.rnd.IntN(len(w.l.records)) + 1
		require.NoError(t, half.Replay(stream(w.l.records[:n]), projector.Until{}))
		b, err = projector.Load(bytes.NewReader(body(t, half)), o)
		require.NoError(t, err)
		require.NoError(t, b.Replay(stream(w.l.records[n:]), projector.Until{}))
	}
	require.Equal(t, before, body(t, b), "every way leads to the same book")
	w.l.book = b
}

// TestResendIsNeverAppliedTwice sends what was sent before at random times, after
// it was forgotten too: it is a duplicate or refused, whatever the clock that
// dated it, and nothing new is refused that is dated at or before the ledger's
// clock and after the horizon.
func TestResendIsNeverAppliedTwice(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		w := &skewed{t: t, rnd: rnd, o: projector.Options{Window: 1 + rnd.IntN(12)}, applied: map[string]bool{}}
		w.l = newScribe(w.o)
		w.l.clock = position.Time(1_700_000_000_000_000_000)
		pace := []time.Duration{time.Millisecond, 10 * time.Second, 20 * time.Minute}[rnd.IntN(3)]
		ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w.t = t
			for range 150 {
				w.l.clock += position.Time(rnd.Int64N(int64(pace)))
				switch n := rnd.IntN(20); {
				case n < 12 || len(w.sent) == 0:
					m := w.fresh()
					w.sent = append(w.sent, m)
					w.send(m, rnd.IntN(30) == 0)
				case n < 19:
					w.send(w.sent[rnd.IntN(len(w.sent))], false)
				default:
					w.reopen()
				}
				require.LessOrEqual(t, w.l.book.View().Horizon(), w.l.clock, "no date moves the horizon above the clock")
			}
			again := projector.New(w.l.options(w.o))
			require.NoError(t, again.Recompute(stream(w.l.records)))
			require.Equal(t, w.l.book.View().Digest(), again.View().Digest())
		})
		if !ok {
			return
		}
	}
}

// TestOneDateAheadBlocksNothing has a typing error in 2100 among old fills, and a
// clock that is a second ahead.
func TestOneDateAheadBlocksNothing(t *testing.T) {
	l := newScribe(projector.Options{Window: 32})
	k := key("A", "X")
	l.clock = 1_700_000_000_000_000_000
	typo := fill("typo", k, position.Buy, "1", "10", 4_102_444_800_000_000_000)
	l.apply(t, typo)
	for i := range 100 { // of the year 2001, with the typing error pushed out of the window
		l.apply(t, fill(fmt.Sprint("old", i), k, position.Buy, "1", "10", position.Time(1_000_000_000_000_000_000+i)))
		require.True(t, l.apply(t, typo).Outcomes[0].Duplicate)
	}
	require.EqualValues(t, 33, l.book.View().Counts().Window)

	for i := range 1000 { // a second ahead, ten in a second
		l.clock += 100_000_000
		l.apply(t, fill(fmt.Sprint("fast", i), k, position.Buy, "1", "10", l.clock+1_000_000_000))
		require.LessOrEqual(t, l.book.View().Counts().Window, uint64(32+1+11), "what the horizon has passed is dropped")
	}
	require.True(t, l.apply(t, typo).Outcomes[0].Duplicate)
}

// TestAheadIsBounded fills the room for what is dated ahead.
func TestAheadIsBounded(t *testing.T) {
	const window = 4
	o := projector.Options{Window: window}
	l := newScribe(o)
	k := key("A", "X")
	l.clock = 1_700_000_000_000_000_000
	far := func(i int) position.Mutation {
		return fill(fmt.Sprint("far", i), k, position.Buy, "1", "10", 4_102_444_800_000_000_000)
	}
	for i := range 2 * window {
		l.apply(t, far(i))
	}
	_, err := l.try([]position.Mutation{far(99)}, false)
	require.ErrorIs(t, err, projector.ErrAhead)
	require.ErrorContains(t, err, `"far99" of 2100-01-01T00:00:00Z is later than the ledger's clock (2023-11-14T22:13:20.`)
	for i := range 3 * window { // the others go on
		l.apply(t, fill(fmt.Sprint("now", i), k, position.Buy, "1", "10", l.clock))
	}
	for i := range 2 * window {
		require.True(t, l.apply(t, far(i)).Outcomes[0].Duplicate, i)
	}
	_, err = l.try([]position.Mutation{far(99)}, false)
	require.ErrorIs(t, err, projector.ErrAhead)
	_, err = l.try([]position.Mutation{far(99)}, true)
	require.NoError(t, err, "insisting is to vouch for it")
	require.True(t, l.apply(t, far(99)).Outcomes[0].Duplicate)
	again := projector.New(l.options(o))
	require.NoError(t, again.Recompute(stream(l.records)))
}

// TestRecomputeWhatWasAppliedTwice recomputes records of a build that took a
// mutation that it had forgotten for a new one, because it was dated ahead.
func TestRecomputeWhatWasAppliedTwice(t *testing.T) {
	o := projector.Options{Window: 2}
	l := newScribe(o)
	k := key("A", "X")
	first := fill("first", k, position.Buy, "1", "10", l.clock+1_000_000_000_000)
	l.apply(t, first)
	for i := range 5 {
		l.apply(t, fill(fmt.Sprint(i), k, position.Buy, "1", "10", l.clock))
	}
	second := first
	second.Ident = "second"
	l.apply(t, second)
	last := &l.records[len(l.records)-1]
	var d wire.Decoder
	c, err := d.Change(last.Payload)
	require.NoError(t, err)
	c.Cause = first
	last.Payload = wire.AppendChange(nil, &c)

	b := projector.New(o)
	require.NoError(t, b.Recompute(stream(l.records)))
	p, _ := b.Position(k)
	require.Equal(t, "7", p.Qty.String())
}

// TestLoadOfWhatIsAhead: an entry is dated ahead of a record that has a time, or no
// view has written it.
func TestLoadOfWhatIsAhead(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	l.clock = 1_700_000_000_000_000_000
	l.apply(t, fill("ahead", key("A", "X"), position.Buy, "1", "10", l.clock+1_000_000_000))
	good := body(t, l.book)
	_, err := projector.Load(bytes.NewReader(good), l.options(o))
	require.NoError(t, err)
	for _, ahead := range []uint64{1 << 62, 1 << 63} {
		bad := bytes.Clone(good)
		binary.LittleEndian.PutUint64(bad[len(bad)-2-8:], ahead) // the end is two bytes
		_, err = projector.Load(bytes.NewReader(bad), l.options(o))
		require.ErrorIs(t, err, projector.ErrBody)
		require.ErrorContains(t, err, "out of order")
	}
}

package projector_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// What a replay comes to does not depend on how many share the work.
func TestReplayOnAnyNumberOfProcessors(t *testing.T) {
	o := projector.Options{Window: 60}
	l := newScribe(o)
	l.work(newRand(t), 400, nil)
	want := body(t, l.book)
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, n := range []int{1, 2, 3, 7, 100} {
		runtime.GOMAXPROCS(n)
		b := projector.New(o)
		require.NoError(t, b.Replay(stream(l.records), projector.Until{}))
		require.Equal(t, want, body(t, b), "%d processors", n)
	}
}

// Of several bad records the first one is told, whoever came upon it, and what
// stands in front of it does not matter.
func TestReplayTellsTheFirstBadRecord(t *testing.T) {
	l := newScribe(projector.Options{})
	for i := range 2000 {
		l.apply(t, fill(fmt.Sprint(i), key(fmt.Sprint("A", i%37), "X"), position.Buy, "1", "10", l.clock+1))
	}
	rnd := newRand(t)
	for range 20 {
		bad := slices.Clone(l.records)
		first := uint64(len(bad))
		for range 5 {
			i := 1 + rnd.IntN(len(bad)-1) // behind the epoch
			first = min(first, bad[i].Seq)
			if rnd.IntN(2) == 0 {
				bad[i].Payload = []byte{0xff}
			} else {
				c, err := new(wire.Decoder).Change(l.records[i].Payload)
				require.NoError(t, err)
				c.Prev++
				bad[i].Payload = wire.AppendChange(nil, &c)
			}
		}
		err := projector.New(projector.Options{}).Replay(stream(bad), projector.Until{})
		var at *projector.RecordError
		require.ErrorAs(t, err, &at)
		require.Equal(t, first, at.Seq)
	}
}

// Changes that no fold makes, though their form is good.
func TestReplayRefusesWhatNoFoldMakes(t *testing.T) {
	l := newScribe(projector.Options{})
	l.apply(t, fill("1", key("A", "X"), position.Buy, "1", "10", 1))
	last := len(l.records) - 1
	for want, bend := range map[string]func(c *position.Change){
		"leads to B/X, which is not the position of its cause": func(c *position.Change) { c.After.Key = key("B", "X") },
		"has the event time -1, which is before 1970": func(c *position.Change) {
			f := as[position.Fill](t, c.Cause)
			f.Time = -1
			c.Cause = f
		},
	} {
		c, err := new(wire.Decoder).Change(l.records[last].Payload)
		require.NoError(t, err)
		bend(&c)
		bad := slices.Clone(l.records)
		bad[last].Payload = wire.AppendChange(nil, &c)
		err = projector.New(projector.Options{}).Replay(stream(bad), projector.Until{})
		require.ErrorContains(t, err, want)
		var at *projector.RecordError
		require.ErrorAs(t, err, &at)
		require.Equal(t, bad[last].Seq, at.Seq)
	}
}

// The extremes of positions that marks have moved, and those that marks have
// not, come out of a replay as they went in, wherever it begins and ends.
func TestReplayOfManyMarks(t *testing.T) {
	rnd := newRand(t)
	l := newScribe(projector.Options{ClosedCycles: -1})
	keys := make([]position.Key, 12)
	for i := range keys {
		keys[i] = key(fmt.Sprint("A", i%4), fmt.Sprint("X", i%3))
	}
	digests := [][32]byte{l.book.View().Digest()}
	for i := range 600 {
		var ms []position.Mutation
		for j := range 1 + rnd.IntN(3) {
			id, price := fmt.Sprint(i, ".", j), fmt.Sprint(50+rnd.IntN(100))
			if rnd.IntN(4) > 0 {
				ms = append(ms, mark(id, fmt.Sprint("X", rnd.IntN(3)), price, l.clock+1))
			} else {
				side := position.Buy
				if rnd.IntN(2) == 0 {
					side = position.Sell
				}
				ms = append(ms, fill(id, keys[rnd.IntN(len(keys))], side, "1", price, l.clock+1))
			}
		}
		l.apply(t, ms...)
		for uint64(len(digests)) < l.book.Head() {
			digests = append(digests, [32]byte{}) // inside the batch
		}
		digests = append(digests, l.book.View().Digest())
	}
	for range 60 {
		b := projector.New(projector.Options{ClosedCycles: -1})
		for b.Head() < l.book.Head() {
			to := min(b.Head()+1+uint64(rnd.IntN(len(l.records)/3)), l.book.Head())
			for digests[to] == [32]byte{} {
				to++
			}
			v, was := b.View(), b.View().Digest()
			require.NoError(t, b.Replay(stream(l.records[b.Head():]), projector.Until{Seq: to}))
			require.Equal(t, to, b.Head())
			require.Equal(t, digests[to], b.View().Digest(), "record %d", to)
			require.Equal(t, was, v.Digest(), "a view never changes")
		}
	}
}

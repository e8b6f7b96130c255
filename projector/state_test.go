package projector_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

func bust(id string, k position.Key, of string, at position.Time) position.Bust {
	return position.Bust{Meta: position.Meta{Ident: id, Time: at}, Key: k, Fill: of}
}

func TestHistoryIsAskedFor(t *testing.T) {
	type call struct {
		key         position.Key
		fill        string
		first, head uint64
	}
	var asked []call
	l := newScribe(projector.Options{})
	l.book = projector.New(projector.Options{Window: 3, History: func(key position.Key, fill string, first, head uint64) (*position.History, error) {
		asked = append(asked, call{key, fill, first, head})
		return historyIn(l.records[:head], key, fill, first)
	}})
	l.records = nil
	l.begin(position.ArithmeticVersion)
	a, b := key("A", "X"), key("B", "Y")
	l.apply(t, fill("1", a, position.Buy, "1", "10", 1))
	_, err := l.try([]position.Mutation{bust("no", a, "never", 5)}, false)
	require.ErrorIs(t, err, position.ErrUnknownFill)
	require.Empty(t, asked, "the window has forgotten nothing")
	l.apply(t, fill("2", a, position.Buy, "1", "10", 2))
	l.apply(t, fill("3", b, position.Buy, "1", "10", 3), fill("4", a, position.Buy, "1", "10", 4))

	s := l.apply(t, bust("b2", a, "2", 6))
	require.Equal(t, []call{{a, "2", 3, 5}}, asked)
	require.EqualValues(t, 3, s.Changes[0].Fill)
	require.EqualValues(t, 5, s.Changes[0].Prev)
	asked = nil
	l.apply(t, bust("b1", a, "1", 7))
	require.Equal(t, call{a, "1", 0, 6}, asked[0], "the window has forgotten it")
	p, _ := l.book.Position(a)
	require.Equal(t, "1", p.Qty.String())

	// What the batch has done to the key or its instrument is in no record yet.
	for _, first := range []position.Mutation{
		fill("5", a, position.Buy, "1", "10", 8), mark("m", "X", "12", 8), position.DefineInstrument{Meta: position.Meta{Ident: "d", Time: 8}, Instrument: "X", SizeIncrement: dec("1")},
	} {
		before := body(t, l.book)
		_, err = l.try([]position.Mutation{first, bust("b4", a, "4", 9)}, false)
		require.ErrorIs(t, err, position.ErrInvalid)
		require.ErrorContains(t, err, "batch")
		var member *projector.MemberError
		require.ErrorAs(t, err, &member)
		require.Equal(t, 1, member.Index)
		require.Equal(t, before, body(t, l.book))
	}
	l.apply(t, fill("6", b, position.Buy, "1", "10", 10), bust("b4", a, "4", 9))

	// Without anybody to ask, every history is trimmed.
	alone := &scribe{book: projector.New(projector.Options{Window: 1})}
	alone.apply(t, fill("1", a, position.Buy, "1", "10", 1))
	alone.apply(t, fill("2", a, position.Buy, "1", "10", 2))
	_, err = alone.try([]position.Mutation{bust("b", a, "2", 3)}, false)
	require.ErrorIs(t, err, position.ErrTrimmedHistory)
}

// TestOpenPositionsOfABatch splits and settles what earlier members have opened,
// closed and changed.
func TestOpenPositionsOfABatch(t *testing.T) {
	l := newScribe(projector.Options{})
	for _, a := range []string{"D", "B", "F"} {
		l.apply(t, fill(a, key(a, "X"), position.Buy, "1", "10", 1))
	}
	s := l.apply(t,
		fill("1", key("E", "X"), position.Buy, "2", "10", 2), fill("2", key("A", "X"), position.Buy, "3", "10", 2),
		fill("3", key("D", "X"), position.Sell, "1", "10", 2), fill("4", key("B", "X"), position.Buy, "4", "10", 2),
		fill("5", key("C", "Y"), position.Buy, "4", "10", 2),
		position.Split{Meta: position.Meta{Ident: "s", Time: 3}, Instrument: "X", Ratio: dec("2")},
		position.Settle{Meta: position.Meta{Ident: "e", Time: 4}, Instrument: "X", Price: dec("6")},
	)
	var after []string
	for _, c := range s.Changes[5:] {
		if c.After != nil {
			after = append(after, fmt.Sprintf("%s %s %s prev %d", c.Kind, c.After.Key.Account, c.After.Qty, c.Prev))
		}
	}
	require.Equal(t, []string{
		"split A 6 prev 6", "split B 10 prev 8", "split E 4 prev 5", "split F 2 prev 4",
		"settled A 0 prev 11", "settled B 0 prev 12", "settled E 0 prev 13", "settled F 0 prev 14",
	}, after)
	require.EqualValues(t, 1, l.book.View().Counts().Open)
	b := projector.New(projector.Options{})
	require.NoError(t, b.Replay(stream(l.records), projector.Until{}))
	require.Equal(t, body(t, l.book), body(t, b))
}

// TestManyOpenPositions is a mark, a split and a settlement of more open positions
// than one block has, checked one by one.
func TestManyOpenPositions(t *testing.T) {
	const keys = 10_000
	rnd := newRand(t)
	l := newScribe(projector.Options{})
	want := make(map[position.Key]*[2]int) // extremes
	k := func(i int) position.Key { return key(fmt.Sprint(i), "X") }
	for i := range keys {
		price := rnd.IntN(1000) + 500
		l.apply(t, fill(fmt.Sprint(i), k(i), position.Buy, "1", fmt.Sprint(price), 1))
		want[k(i)] = &[2]int{price, price}
	}
	for n := range 300 {
		price := rnd.IntN(1000) + 500 + rnd.IntN(n+1)
		s := l.apply(t, mark(fmt.Sprint("m", n), "X", fmt.Sprint(price), 2))
		require.Len(t, s.Changes, 1, "one record however many positions are open")
		for key, w := range want {
			if w[0] = max(w[0], price); w[1] > price {
				w[1] = price
			}
			if rnd.IntN(5000) == 0 { // the last one takes its place in the row
				l.apply(t, fill(fmt.Sprint("close", n, key), key, position.Sell, "1", fmt.Sprint(price), 2))
				delete(want, key)
			}
		}
	}
	require.EqualValues(t, len(want), l.book.View().Counts().Open)
	for p := range l.book.View().Positions() {
		if w := want[p.Key]; w != nil {
			require.Equal(t, []string{fmt.Sprint(w[0]), fmt.Sprint(w[1])}, []string{p.High.String(), p.Low.String()})
		}
	}
	s := l.apply(t, position.Split{Meta: position.Meta{Ident: "split", Time: 9}, Instrument: "X", Ratio: dec("3"), Per: dec("2")})
	require.Len(t, s.Changes, 1+len(want))
	s = l.apply(t, position.Settle{Meta: position.Meta{Ident: "settle", Time: 10}, Instrument: "X", Price: dec("7")})
	require.Len(t, s.Changes, 1+len(want))
	require.Zero(t, l.book.View().Counts().Open)
	b := projector.New(projector.Options{})
	require.NoError(t, b.Replay(stream(l.records), projector.Until{}))
	require.Equal(t, l.book.View().Digest(), b.View().Digest())
}

// TestReplayRefusesLotsThatDoNotFollow bends what the records say of lots, one
// record at a time.
func TestReplayRefusesLotsThatDoNotFollow(t *testing.T) {
	o := projector.Options{Rules: position.Rules{CostMethod: position.FIFO}}
	l := newScribe(o)
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "2", "10", 1))
	l.apply(t, fill("2", k, position.Buy, "3", "11", 2))
	l.apply(t, position.Split{Meta: position.Meta{Ident: "s", Time: 3}, Instrument: "X", Ratio: dec("2")})
	l.apply(t, fill("3", k, position.Sell, "5", "12", 4))
	l.apply(t, position.Charge{Meta: position.Meta{Ident: "c", Time: 5}, Key: k, Kind: position.Funding, Amount: dec("1"), Currency: "USD"})
	l.apply(t, fill("4", k, position.Sell, "9", "12", 6)) // closes, opens short
	l.apply(t, bust("b", k, "2", 7))
	b := projector.New(o)
	require.NoError(t, b.Replay(stream(l.records), projector.Until{}))
	require.Equal(t, body(t, l.book), body(t, b), "lots included")

	bends := map[string]func(c *position.Change) bool{
		"a sum":    func(c *position.Change) bool { c.After.Lots.Sum[0] ^= 1; return true },
		"a count":  func(c *position.Change) bool { c.After.Lots.Count++; return true },
		"a number": func(c *position.Change) bool { c.After.Lots.Next--; return true },
		"opened":   func(c *position.Change) bool { n := len(c.Opened); c.Opened = nil; return n > 0 },
		"consumed": func(c *position.Change) bool { n := len(c.Consumed); c.Consumed = nil; return n > 0 },
		"used more": func(c *position.Change) bool {
			if c.Kind != position.Reduced {
				return false
			}
			use := &c.Consumed[len(c.Consumed)-1] // of a part of a lot
			var err error
			use.Cost, err = use.Cost.Add(dec("0.5"))
			require.NoError(t, err)
			return true
		},
	}
	for name, bend := range bends {
		bent := 0
		for i, r := range l.records {
			c, err := new(wire.Decoder).Change(r.Payload)
			require.NoError(t, err)
			if c.After == nil || !bend(&c) {
				continue
			}
			records := slices.Clone(l.records)
			records[i].Payload = wire.AppendChange(nil, &c)
			err = projector.New(o).Replay(stream(records), projector.Until{})
			var at *projector.RecordError
			require.ErrorAs(t, err, &at, name)
			require.Equal(t, r.Seq, at.Seq, "%s: %v", name, err)
			bent++
		}
		require.NotZero(t, bent, name)
	}
}

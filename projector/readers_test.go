package projector_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// TestReadersSeeWholeBatches lets a stager, a publisher and readers run at once.
// Every batch buys on one key what it sells on another, and now and then marks,
// so that in each published state the quantities cancel and the versions add up
// to the seq.
func TestReadersSeeWholeBatches(t *testing.T) {
	const batches = 3000
	book := projector.New(projector.Options{Window: 500})
	accepted := make(chan []*projector.Staged, 4)
	var durable atomic.Uint64 // upper bound of what may be published
	var done atomic.Bool
	var all sync.WaitGroup

	all.Go(func() { // the stager runs ahead
		defer close(accepted)
		var group []*projector.Staged
		for i := range batches {
			n := i % (1 + i/20) // new keys appear all the time
			at := position.Time(i + 1)
			ms := []position.Mutation{
				fill(fmt.Sprint("b", i), key(fmt.Sprint("B", n), "X"), position.Buy, "1", "10", at),
				fill(fmt.Sprint("s", i), key(fmt.Sprint("S", n), "X"), position.Sell, "1", "10", at),
			}
			s, err := book.Stage(at, ms, false)
			if err != nil {
				panic(err)
			}
			book.Accept(s)
			group = append(group, s)
			if i%7 == 0 {
				s, err = book.Stage(at, []position.Mutation{mark(fmt.Sprint("m", i), "X", fmt.Sprint(i+1), at)}, false)
				if err != nil {
					panic(err)
				}
				book.Accept(s)
				group = append(group, s)
			}
			if len(group) > 3 {
				accepted <- group
				group = nil
			}
		}
		accepted <- group
	})
	all.Go(func() {
		defer done.Store(true)
		for group := range accepted {
			for _, s := range group {
				durable.Add(uint64(len(s.Changes)))
			}
			book.Publish(group...)
		}
	})
	for range 3 {
		all.Go(func() {
			var seq, version uint64
			for !done.Load() {
				v := book.View()
				if v.Seq() < seq || v.Seq() > durable.Load() {
					t.Errorf("a view at %d after %d, durable %d", v.Seq(), seq, durable.Load())
					return
				}
				seq = v.Seq()
				if err := consistent(v); err != nil {
					t.Error(err)
					return
				}
				if p, ok := book.Position(key("B0", "X")); ok {
					if p.Version < version {
						t.Errorf("version %d after %d", p.Version, version)
						return
					}
					version = p.Version
				}
				runtime.Gosched()
			}
		})
	}
	all.Wait()
	v := book.View()
	require.NoError(t, consistent(v))
	require.EqualValues(t, batches*2+(batches+6)/7, v.Seq())
	require.Equal(t, uint64(500), v.Counts().Window)
}

func consistent(v *projector.View) error {
	var sum position.Decimal
	var versions uint64
	var err error
	n := uint64(0)
	for p := range v.Positions() {
		if p.Seq > v.Seq() {
			return fmt.Errorf("a view at %d shows record %d", v.Seq(), p.Seq)
		}
		if sum, err = sum.Add(p.Qty); err != nil {
			return err
		}
		versions += p.Version
		n++
		if q, ok := v.Position(p.Key); !ok || q.Version != p.Version {
			return fmt.Errorf("%s is listed but not found", p.Key)
		}
	}
	marks := uint64(0)
	if in, ok := v.Instrument("X"); ok {
		marks = uint64(in.MarkTime-1)/7 + 1
	}
	if !sum.IsZero() || versions+marks != v.Seq() && versions+marks != v.Seq()+1 || n != v.Counts().Positions {
		return fmt.Errorf("at %d: %d positions of %d, quantities add up to %s, %d versions and %d marks", v.Seq(), n, v.Counts().Positions, sum, versions, marks)
	}
	return nil
}

// TestUnpublishedStaysUnseen accepts without publishing: a new key, a change of
// an old one, a mark, an account, an instrument, a full window.
func TestUnpublishedStaysUnseen(t *testing.T) {
	l := newScribe(projector.Options{Window: 2})
	k, later := key("A", "X"), key("A", "Y")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	want := body(t, l.book)
	before := l.book.View()
	var staged []*projector.Staged
	for i, m := range []position.Mutation{
		fill("2", later, position.Buy, "1", "10", 2), mark("3", "X", "20", 3), define("4", "Y", position.Terms{}, 4),
		position.Charge{Meta: position.Meta{Ident: "5", Time: 5}, Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: dec("1"), Currency: "USD"},
		fill("6", k, position.Sell, "3", "11", 6),
	} {
		s, err := l.book.Stage(position.Time(1000+i), []position.Mutation{m}, false)
		require.NoError(t, err)
		l.book.Accept(s)
		staged = append(staged, s)
		require.Equal(t, want, body(t, l.book))
		_, ok := l.book.Position(later)
		require.False(t, ok)
		_, ok = l.book.View().Instrument("Y")
		require.False(t, ok)
		_, ok = l.book.View().Account("A")
		require.False(t, ok)
		p, _ := l.book.Position(k)
		require.Equal(t, "10", p.High.String())
		require.False(t, p.HasMark)
	}
	require.EqualValues(t, 8, l.book.Head())
	l.book.Publish(staged[0])
	require.EqualValues(t, 3, l.book.View().Seq())
	p, ok := l.book.Position(later)
	require.True(t, ok)
	require.False(t, p.HasMark)
	_, ok = before.Position(later)
	require.False(t, ok, "a key that is younger than the view")
	l.book.Publish(staged[1:]...)
	p, _ = l.book.Position(k)
	require.Equal(t, []string{"-2", "20"}, []string{p.Qty.String(), p.Mark.String()})
	require.Equal(t, "1", func() string { p, _ := before.Position(k); return p.Qty.String() }())
	require.EqualValues(t, 2, before.Seq())
	_, epoch := before.Epoch()
	require.Equal(t, "test", epoch.Build)
}

package projector_test

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// held is what a reader keeps, and what it was when it was taken.
type held struct {
	what string
	now  func() []byte
	was  []byte
}

// twins are two books that are told the same. Only one of them gives back what it
// has published, and so writes over its images.
type twins struct {
	thrifty, lavish *projector.Book
	group           [2][]*projector.Staged
	scribe          scribe // of the lavish one
	held            []held
	images          map[*position.Position]bool // that changes of the thrifty one led to
	again           int                         // how many of them came twice
}

func newTwins(o projector.Options) *twins {
	w := &twins{images: map[*position.Position]bool{}, scribe: scribe{clock: 1_000_000}}
	o = w.scribe.options(o)
	w.thrifty, w.lavish = projector.New(o), projector.New(o)
	w.scribe.book = w.lavish
	return w
}

// stage does the same to both, up to Accept.
func (w *twins) stage(t *testing.T, f func(b *projector.Book) (*projector.Staged, error)) {
	t.Helper()
	thrifty, refused := f(w.thrifty)
	lavish, err := f(w.lavish)
	require.Equal(t, err, refused)
	if err != nil {
		return
	}
	require.Equal(t, lavish.Changes, thrifty.Changes)
	require.Equal(t, lavish.Outcomes, thrifty.Outcomes)
	w.scribe.note(lavish)
	w.thrifty.Accept(thrifty)
	w.lavish.Accept(lavish)
	w.group[0], w.group[1] = append(w.group[0], thrifty), append(w.group[1], lavish)
	for j := range thrifty.Changes {
		if p := thrifty.Changes[j].After; p != nil {
			if w.images[p] {
				w.again++
			}
			w.images[p] = true
		}
	}
}

// publish shows what was accepted.
func (w *twins) publish() {
	w.thrifty.Publish(w.group[0]...)
	w.thrifty.Reuse(w.group[0]...)
	w.lavish.Publish(w.group[1]...)
	w.group = [2][]*projector.Staged{}
}

// hold takes what a reader of one key may keep from the one book, and what it is from
// the other.
func (w *twins) hold(key position.Key) {
	p, _ := w.thrifty.Position(key)
	q, _ := w.lavish.Position(key)
	w.keep(fmt.Sprintf("position %d of %s", q.Version, key), func() []byte { return image(&p) }, image(&q))
	ended := w.thrifty.Cycles(key)
	for i, c := range w.lavish.Cycles(key) {
		w.keep(fmt.Sprintf("cycle %d of %s", c.Cycle, key), func() []byte { return image(&ended[i]) }, image(&c))
	}
}

// view takes a view of both.
func (w *twins) view(t *testing.T) {
	t.Helper()
	v := w.thrifty.View()
	w.keep(fmt.Sprintf("view at %d", v.Seq()), func() []byte { return text(t, v) }, text(t, w.lavish.View()))
}

func (w *twins) keep(what string, now func() []byte, was []byte) {
	w.held = append(w.held, held{what, now, was})
}

func (w *twins) check(t *testing.T) {
	t.Helper()
	for _, h := range w.held {
		require.True(t, bytes.Equal(h.was, h.now()), "%s has changed", h.what)
	}
}

func text(tb testing.TB, v *projector.View) []byte {
	tb.Helper()
	var buf bytes.Buffer
	_, err := v.WriteTo(&buf)
	require.NoError(tb, err)
	return buf.Bytes()
}

// image is all members of an image.
func image(p *position.Position) []byte {
	return fmt.Appendf(position.AppendPositionJSON(nil, p), " %d %v %v %v", p.Seq, p.Totals, p.Lots, p.Residue)
}

// TestWhatReadersHoldStays folds what random traders do into images that were used
// before, while views, positions and cycles are held, groups are published late, and
// batches change one key several times.
func TestWhatReadersHoldStays(t *testing.T) {
	rnd := newRand(t)
	w := newTwins(projector.Options{Window: 100, ClosedCycles: 3})
	w.stage(t, func(b *projector.Book) (*projector.Staged, error) {
		return b.StageEpoch(1, 1, position.Epoch{Build: "test", Arithmetic: position.ArithmeticVersion}), nil
	})
	x := &trader{rnd: rnd}
	for i := range 700 {
		w.scribe.clock += 7
		ms := x.batch()
		w.stage(t, func(b *projector.Book) (*projector.Staged, error) { return b.Stage(w.scribe.clock, ms, true) })
		if rnd.IntN(3) == 0 {
			w.publish()
		}
		if rnd.IntN(20) == 0 {
			w.hold(x.key())
		}
		if rnd.IntN(150) == 0 {
			w.view(t)
		}
		if i%300 == 299 {
			w.check(t)
		}
	}
	w.publish()
	w.view(t)
	w.check(t)
	t.Logf("%d images of %d used again, %d things held", w.again, len(w.images), len(w.held))
	require.Greater(t, w.again, 50)
}

// TestChangesStayUntilAllIsGivenBack keeps a change whose image is replaced by one that
// was given back.
func TestChangesStayUntilAllIsGivenBack(t *testing.T) {
	b := projector.New(projector.Options{})
	k := key("A", "X")
	var kept *projector.Staged
	var was []byte
	images := map[*position.Position]int{}
	for i := range 50 {
		s, err := b.Stage(position.Time(i+1), []position.Mutation{fill(fmt.Sprint(i), k, position.Buy, "1", "10", position.Time(i+1))}, false)
		require.NoError(t, err)
		images[s.Changes[0].After]++
		b.Accept(s)
		b.Publish(s)
		if i == 20 {
			kept, was = s, image(s.Changes[0].After)
			continue
		}
		b.Reuse(s)
		if i == 19 {
			require.Less(t, len(images), 5, "images are used again")
		}
	}
	require.Equal(t, was, image(kept.Changes[0].After))
}

// TestPlainPathAllocatesNothing holds for fills on a position that is open and for
// marks, but for what the window keeps of each.
func TestPlainPathAllocatesNothing(t *testing.T) {
	const n = 3000
	b := projector.New(projector.Options{Window: 100})
	k := key("A", "X")
	var ms []position.Mutation
	for i := range n {
		id, at := fmt.Sprint(i), position.Time(i+1)
		switch i % 4 {
		case 0:
			ms = append(ms, fill(id, k, position.Buy, "3", "10", at))
		case 1:
			ms = append(ms, fill(id, k, position.Sell, "1", "11", at))
		case 2:
			ms = append(ms, mark(id, "X", "10.5", at))
		default:
			ms = append(ms, mark(id, "X", fmt.Sprint(10+i), at)) // moves the extremes
		}
	}
	one := make([]*projector.Staged, 1)
	next := 0
	apply := func() {
		s, err := b.Stage(position.Time(next+1), ms[next:next+1], true)
		next++
		if err != nil {
			t.Fatal(err)
		}
		b.Accept(s)
		one[0] = s
		b.Publish(one...)
		b.Reuse(one...)
	}
	for range 1500 {
		apply()
	}
	// A chunk of the window's entries now and then is less than one on average.
	require.Zero(t, testing.AllocsPerRun(n-1501, apply))
}

// TestNoImageIsTorn lets a stager, a publisher and readers run at once. A fill makes of
// a key's version what only that version can be, so that a reader sees an image that
// is partly another one.
func TestNoImageIsTorn(t *testing.T) {
	const fills, keys = 120_000, 5
	book := projector.New(projector.Options{Window: 500})
	accepted, done := make(chan []*projector.Staged, 4), new(atomic.Bool)
	var all sync.WaitGroup
	all.Go(func() { // the stager runs ahead
		defer close(accepted)
		var group []*projector.Staged
		for i := range fills {
			f := fill(fmt.Sprint(i), key("A", fmt.Sprint(i%keys)), position.Buy, "1", fmt.Sprint(i/keys+1), position.Time(i/keys+1))
			f.Fee = dec("1")
			s, err := book.Stage(1, []position.Mutation{f}, true)
			if err != nil {
				panic(err)
			}
			book.Accept(s)
			if i%10 == 0 {
				group = append(group, s)
				if s, err = book.Stage(1, []position.Mutation{mark(fmt.Sprint("m", i), "M", fmt.Sprint(i+1), position.Time(i+1))}, true); err != nil {
					panic(err)
				}
				book.Accept(s)
			}
			if group = append(group, s); len(group) > i%4 {
				accepted <- group
				group = nil
			}
		}
		accepted <- group
	})
	all.Go(func() {
		defer done.Store(true)
		for group := range accepted {
			book.Publish(group...)
			book.Reuse(group...)
		}
	})
	for r := range 3 {
		all.Go(func() {
			var views []*projector.View
			for i := 0; !done.Load(); i++ {
				p, ok := book.Position(key("A", fmt.Sprint(i%keys)))
				if i%2 == 0 {
					runtime.Gosched() // meanwhile the image is written over
				}
				if err := whole(&p); ok && err != nil {
					t.Error(err)
					return
				}
				if r == 0 && i%100 == 0 {
					views = append(views, book.View())
				}
				if r == 1 && i%1000 == 0 {
					if err := snapshot(book.View()); err != nil {
						t.Error(err)
						return
					}
				}
			}
			for _, v := range views {
				if in, ok := v.Instrument("M"); ok && in.Mark != position.FromInt(int64(in.MarkTime)) {
					t.Errorf("a view at %d shows the mark %s of %d", v.Seq(), in.Mark, in.MarkTime)
				}
				for p := range v.Positions() {
					if err := whole(&p); err != nil || p.Seq > v.Seq() {
						t.Errorf("a view at %d shows record %d: %v", v.Seq(), p.Seq, err)
					}
				}
			}
		})
	}
	all.Wait()
}

// snapshot writes a view and holds what is read again against the view.
func snapshot(v *projector.View) error {
	var buf bytes.Buffer
	if _, err := v.WriteTo(&buf); err != nil {
		return err
	}
	read, err := projector.Load(&buf, projector.Options{})
	if err != nil {
		return err
	}
	if read.View().Digest() != v.Digest() {
		return fmt.Errorf("a snapshot at %d holds another state than the view", v.Seq())
	}
	return nil
}

// whole holds for a key whose fill number n bought 1 at the price n at the time n for
// a fee of 1.
func whole(p *position.Position) error {
	n := position.FromInt(int64(p.Version))
	v := int64(p.Version)
	sum := position.FromInt(v * (v + 1) / 2)
	if p.Qty != n || p.Cost != sum || p.EntryQty != n || p.EntryValue != sum || p.PeakQty != n || p.High != n || p.Low != position.FromInt(1) ||
		int64(p.Entries) != v || int64(p.UpdatedAt) != v || len(p.Totals.Fees) != 1 || p.Totals.Fees[0].Value != n {
		return fmt.Errorf("version %d is torn: %+v", v, p)
	}
	return nil
}

package projector

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// plainWindow is what a window must be: a list, searched from its end, of which the
// last size entries are the window and those before it are what is kept apart.
type plainWindow struct {
	size    int
	apart   int
	entries []windowEntry
	horizon position.Time
}

func (p *plainWindow) add(e windowEntry) {
	if len(p.entries)-p.apart == p.size {
		p.leave(p.entries[p.apart])
	}
	p.entries = append(p.entries, e)
}

// leave moves the horizon as far as the oldest entry of the window may, and drops
// what it has passed.
func (p *plainWindow) leave(oldest windowEntry) {
	switch {
	case oldest.Ahead == 0:
		p.horizon = max(p.horizon, oldest.Time)
	case oldest.Ahead <= time.Minute || p.apart >= p.size:
		p.horizon = max(p.horizon, oldest.Time-position.Time(oldest.Ahead))
	}
	kept := p.entries[:p.apart+1]
	p.entries = p.entries[p.apart+1:]
	kept = slices.DeleteFunc(slices.Clone(kept), func(e windowEntry) bool { return e.Time <= p.horizon })
	p.apart = len(kept)
	p.entries = append(kept, p.entries...)
}

// full says whether an entry that leaves the window next finds no room.
func (p *plainWindow) full() bool {
	if p.apart < p.size {
		return false
	}
	oldest := p.entries[p.apart]
	horizon := max(p.horizon, oldest.Time-position.Time(oldest.Ahead))
	return !slices.ContainsFunc(p.entries[:p.apart], func(e windowEntry) bool { return e.Time <= horizon })
}

func (p *plainWindow) find(id [16]byte) (windowEntry, bool) {
	for _, e := range slices.Backward(p.entries) {
		if e.ID == id {
			return e, true
		}
	}
	return windowEntry{}, false
}

// drawEntry returns an entry that has an id whose index home is one of few, so that probes are long and
// wrap around the end of the index.
func drawEntry(rnd *rand.Rand, seq uint64) windowEntry {
	e := windowEntry{First: seq, Time: position.Time(rnd.Int64N(1000) + 1), Count: uint32(rnd.IntN(3) + 1)}
	tag := rnd.Uint32N(8) - 4 // 0 … 3 and the last four of 2³²
	binary.BigEndian.PutUint32(e.ID[:], tag)
	binary.BigEndian.PutUint64(e.ID[8:], rnd.Uint64N(3000))
	if rnd.IntN(2) == 0 {
		binary.BigEndian.PutUint64(e.ID[:], rnd.Uint64())
	}
	binary.BigEndian.PutUint64(e.Content[:], rnd.Uint64())
	return e
}

func TestWindowAgainstList(t *testing.T) {
	for _, size := range []int{1, 2, 3, 100, 1023, 1024, 1025, 3000} {
		seed := rand.Uint64()
		t.Logf("size %d seed %d", size, seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		w, plain := newWindow(size), &plainWindow{size: size}
		require.Equal(t, size, w.Size())
		type frozen struct {
			view    windowView
			entries []windowEntry
			horizon position.Time
		}
		var views []frozen
		for seq := uint64(1); seq < 6000; seq++ {
			e := drawEntry(rnd, seq)
			next := []wire.Fingerprint{e.Fingerprint, drawEntry(rnd, 0).Fingerprint, drawEntry(rnd, 0).Fingerprint}
			w.Warm(next[:rnd.IntN(len(next)+1)])
			w.Add(e)
			plain.add(e)
			for range 3 {
				id := drawEntry(rnd, 0).ID
				if rnd.IntN(2) == 0 {
					id = plain.entries[rnd.IntN(len(plain.entries))].ID
				}
				want, wantOK := plain.find(id)
				got, ok := w.Find(id)
				require.Equal(t, wantOK, ok)
				require.Equal(t, want, got)
			}
			require.Equal(t, len(plain.entries), w.view.Len())
			require.Equal(t, plain.horizon, w.Horizon())
			if rnd.IntN(200) == 0 {
				views = append(views, frozen{w.Freeze(), slices.Clone(plain.entries), plain.horizon})
			}
		}
		for _, f := range views { // the window has moved on, they have not
			require.Equal(t, len(f.entries), f.view.Len())
			require.Equal(t, f.horizon, f.view.Horizon())
			i := 0
			for e := range f.view.All() {
				require.Equal(t, f.entries[i], *e)
				i++
			}
			require.Equal(t, len(f.entries), i)
		}
	}
}

// TestWindowKeepsWhatIsAhead: entries that are dated ahead of their records, by what
// clocks may differ or by more, among others.
func TestWindowKeepsWhatIsAhead(t *testing.T) {
	for _, size := range []int{1, 3, 100, 1100} {
		seed := rand.Uint64()
		t.Logf("size %d seed %d", size, seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		w, plain := newWindow(size), &plainWindow{size: size}
		var view windowView
		var then []windowEntry
		clock, most, full := position.Time(1_000_000_000_000), 0, 0
		for seq := range uint64(9000) {
			burst := seq%4500 < 3500
			if clock += position.Time(rnd.Int64N(int64(time.Second))); !burst {
				clock += position.Time(10 * time.Second) // hours pass, so that most of what is kept is dropped
			}
			e := windowEntry{First: seq + 1, Count: 1, Time: clock}
			binary.BigEndian.PutUint64(e.ID[:], rnd.Uint64())
			if burst && rnd.IntN(4) > 0 {
				e.Ahead = []time.Duration{time.Second, time.Hour, time.Hour, 24 * time.Hour}[rnd.IntN(4)]
				e.Time += position.Time(e.Ahead)
			}
			require.Equal(t, plain.full(), w.Full(), "full before record %d", e.First)
			if plain.full() && e.Ahead > 0 {
				full++
				continue // as whoever is asked to add it does
			}
			w.Add(e)
			plain.add(e)
			most = max(most, plain.apart)
			require.Equal(t, plain.horizon, w.Horizon())
			require.Equal(t, len(plain.entries), w.view.Len())
			want := plain.entries[[]int{0, plain.apart, rnd.IntN(len(plain.entries))}[seq%3]]
			got, ok := w.Find(want.ID)
			require.True(t, ok)
			require.Equal(t, want, got)
			if seq == 3400 {
				view, then = w.Freeze(), slices.Clone(plain.entries)
			}
		}
		require.LessOrEqual(t, most, 2*size)
		require.GreaterOrEqual(t, most, size)
		require.NotZero(t, full)
		require.Equal(t, then, entriesOf(view), "the window has moved on, the view has not")
		require.Equal(t, plain.entries, entriesOf(w.Freeze()))
	}
}

func entriesOf(v windowView) (all []windowEntry) {
	for e := range v.All() {
		all = append(all, *e)
	}
	return all
}

func TestWindowForgotten(t *testing.T) {
	w := newWindow(1)
	require.False(t, w.Forgotten(1), "nothing was forgotten")
	w.Add(windowEntry{Fingerprint: wire.Fingerprint{ID: [16]byte{1}}, First: 1, Time: 10, Count: 1})
	require.False(t, w.Forgotten(1))
	w.Add(windowEntry{Fingerprint: wire.Fingerprint{ID: [16]byte{2}}, First: 2, Time: 5, Count: 1})
	require.True(t, w.Forgotten(10), "the forgotten one had this very time")
	require.True(t, w.Forgotten(9))
	require.False(t, w.Forgotten(11))
	w.Add(windowEntry{Fingerprint: wire.Fingerprint{ID: [16]byte{3}}, First: 3, Time: 50, Count: 1})
	require.Equal(t, position.Time(10), w.Horizon(), "the horizon never moves down")
	w.Forget(7)
	require.Equal(t, position.Time(10), w.Horizon())
	w.Forget(20)
	require.True(t, w.Forgotten(20))
}

func TestWindowDefaults(t *testing.T) {
	require.Equal(t, DefaultWindow, newWindow(0).Size())
	require.Less(t, newWindow(1<<40).Size(), 1<<32)
	var zero windowView
	require.Zero(t, zero.Len())
	for range zero.All() {
		t.Fatal("an empty view yields nothing")
	}
}

// BenchmarkWindow measures a full window of the default size: one unknown id
// looked up and added, the oldest one forgotten.
func BenchmarkWindow(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	w := newWindow(0)
	id := func() (id [16]byte) {
		binary.LittleEndian.PutUint64(id[:], rnd.Uint64())
		binary.LittleEndian.PutUint64(id[8:], rnd.Uint64())
		return id
	}
	seq := uint64(0)
	add := func() {
		e := windowEntry{Fingerprint: wire.Fingerprint{ID: id()}, First: seq, Time: position.Time(seq), Count: 1}
		if _, ok := w.Find(e.ID); ok {
			b.Fatal("a new id is not known")
		}
		w.Add(e)
		seq++
	}
	for range w.Size() {
		add()
	}
	b.Run("find+add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			add()
		}
	})
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			w.Find(id())
		}
	})
}

// TestWindowAddLater: what many entries leave is what adding them one by one leaves,
// also where the window is smaller than they are many and where some are dated ahead.
func TestWindowAddLater(t *testing.T) {
	for _, size := range []int{1, 2, 3, 100, 1023, 1024, 1025, 3000, 100_000} {
		seed := rand.Uint64()
		t.Logf("size %d seed %d", size, seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		one, many := newWindow(size), newWindow(size)
		seq, clock, deferred := uint64(0), position.Time(1_000_000_000_000), 0
		for range 12 {
			for range rnd.IntN([]int{3, 300, 5000}[rnd.IntN(3)]) {
				seq++
				clock += position.Time(rnd.Int64N(int64(time.Second)))
				e := drawEntry(rnd, seq)
				e.Time = clock
				if rnd.IntN(4) == 0 {
					e.Ahead = []time.Duration{time.Second, time.Hour, 24 * time.Hour}[rnd.IntN(3)]
					e.Time += position.Time(e.Ahead)
				}
				one.Add(e)
				many.AddLater(e)
			}
			if many.stale {
				deferred++
			}
			if rnd.IntN(2) == 0 { // a look settles as well
				many.settle()
			}
			requireSameWindow(t, rnd, one, many)
		}
		require.NotZero(t, deferred)
	}
}

func requireSameWindow(t *testing.T, rnd *rand.Rand, one, many *window) {
	t.Helper()
	all := entriesOf(one.Freeze())
	require.Equal(t, all, entriesOf(many.Freeze()))
	require.Equal(t, one.Horizon(), many.Horizon())
	require.Equal(t, one.view.Len(), many.view.Len())
	for i := range 500 {
		id := drawEntry(rnd, 0).ID
		if i < len(all) {
			id = all[i].ID
		}
		want, known := one.Find(id)
		got, ok := many.Find(id)
		require.Equal(t, known, ok)
		require.Equal(t, want, got)
		last, known := one.FindLast(id)
		got, ok = many.FindLast(id)
		require.Equal(t, known, ok)
		require.Equal(t, last, got)
	}
	require.Len(t, many.index, len(one.index))
	for range 3 { // and both go on in the same way
		e := drawEntry(rnd, 0)
		one.Add(e)
		many.Add(e)
	}
}

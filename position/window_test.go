package position_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// plainWindow is what a Window must be: a list, searched from its end.
type plainWindow struct {
	size    int
	entries []position.WindowEntry
	horizon position.Time
}

func (p *plainWindow) add(e position.WindowEntry) {
	if len(p.entries) == p.size {
		p.horizon = max(p.horizon, p.entries[0].Time)
		p.entries = p.entries[1:]
	}
	p.entries = append(p.entries, e)
}

func (p *plainWindow) find(id [16]byte) (position.WindowEntry, bool) {
	for _, e := range slices.Backward(p.entries) {
		if e.ID == id {
			return e, true
		}
	}
	return position.WindowEntry{}, false
}

// entry has an id whose index home is one of few, so that probes are long and
// wrap around the end of the index.
func entry(rnd *rand.Rand, seq uint64) position.WindowEntry {
	e := position.WindowEntry{First: seq, Time: position.Time(rnd.Int64N(1000) + 1), Count: uint32(rnd.IntN(3) + 1)}
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
		w, plain := position.NewWindow(size), &plainWindow{size: size}
		require.Equal(t, size, w.Size())
		type frozen struct {
			view    position.WindowView
			entries []position.WindowEntry
			horizon position.Time
		}
		var views []frozen
		for seq := uint64(1); seq < 6000; seq++ {
			e := entry(rnd, seq)
			next := []position.Fingerprint{e.Fingerprint, entry(rnd, 0).Fingerprint, entry(rnd, 0).Fingerprint}
			w.Warm(next[:rnd.IntN(len(next)+1)])
			w.Add(e)
			plain.add(e)
			for range 3 {
				id := entry(rnd, 0).ID
				if rnd.IntN(2) == 0 {
					id = plain.entries[rnd.IntN(len(plain.entries))].ID
				}
				want, wantOK := plain.find(id)
				got, ok := w.Find(id)
				require.Equal(t, wantOK, ok)
				require.Equal(t, want, got)
			}
			require.Equal(t, len(plain.entries), w.Len())
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

func TestWindowForgotten(t *testing.T) {
	w := position.NewWindow(1)
	require.False(t, w.Forgotten(1), "nothing was forgotten")
	w.Add(position.WindowEntry{Fingerprint: position.Fingerprint{ID: [16]byte{1}}, First: 1, Time: 10, Count: 1})
	require.False(t, w.Forgotten(1))
	w.Add(position.WindowEntry{Fingerprint: position.Fingerprint{ID: [16]byte{2}}, First: 2, Time: 5, Count: 1})
	require.True(t, w.Forgotten(10), "the forgotten one had this very time")
	require.True(t, w.Forgotten(9))
	require.False(t, w.Forgotten(11))
	w.Add(position.WindowEntry{Fingerprint: position.Fingerprint{ID: [16]byte{3}}, First: 3, Time: 50, Count: 1})
	require.Equal(t, position.Time(10), w.Horizon(), "the horizon never moves down")
	w.Forget(7)
	require.Equal(t, position.Time(10), w.Horizon())
	w.Forget(20)
	require.True(t, w.Forgotten(20))
}

func TestWindowDefaults(t *testing.T) {
	require.Equal(t, position.DefaultWindow, position.NewWindow(0).Size())
	require.Less(t, position.NewWindow(1<<40).Size(), 1<<32)
	var zero position.WindowView
	require.Zero(t, zero.Len())
	for range zero.All() {
		t.Fatal("an empty view yields nothing")
	}
}

// BenchmarkWindow measures a full window of the default size: one unknown id
// looked up and added, the oldest one forgotten.
func BenchmarkWindow(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	w := position.NewWindow(0)
	id := func() (id [16]byte) {
		binary.LittleEndian.PutUint64(id[:], rnd.Uint64())
		binary.LittleEndian.PutUint64(id[8:], rnd.Uint64())
		return id
	}
	seq := uint64(0)
	add := func() {
		e := position.WindowEntry{Fingerprint: position.Fingerprint{ID: id()}, First: seq, Time: position.Time(seq), Count: 1}
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

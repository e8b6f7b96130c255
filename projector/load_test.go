package projector_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// loaded returns a book with everything that a body can hold.
func full(tb testing.TB) []byte {
	tb.Helper()
	l := newScribe(projector.Options{Window: 5})
	k := key("A", "X")
	l.apply(tb, define("1", "X", position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD"}, 1))
	l.apply(tb, fill("2", k, position.Buy, "1", "10", 2))
	l.apply(tb, fill("3", k, position.Sell, "5", "12", 3))
	l.apply(tb, fill("3b", k, position.Buy, "9", "12", 3))
	stop := dec("9")
	l.apply(tb, position.Amend{Meta: position.Meta{Ident: "4", Time: 4}, Key: k, Stop: &stop, Tags: []string{"a"}, Metadata: map[string]string{"k": "v"}})
	l.apply(tb, position.Charge{Meta: position.Meta{Ident: "5", Time: 5}, Key: position.Key{Account: "A"}, Kind: position.Cash, Amount: dec("1"), Currency: "USD"})
	l.apply(tb, fill("6", key("B", "Y"), position.Buy, "1", "10", 6), mark("7", "Y", "12", 7), mark("8", "X", "8", 8))
	return body(tb, l.book)
}

// frames cuts a body into its records: tag, then payload.
func frames(tb testing.TB, raw []byte) (out [][]byte) {
	tb.Helper()
	for len(raw) > 0 {
		size, n := binary.Uvarint(raw[1:])
		require.Positive(tb, n)
		end := 1 + n + int(size)
		out = append(out, append([]byte{raw[0]}, raw[1+n:end]...))
		raw = raw[end:]
	}
	return out
}

func joined(fs [][]byte) []byte {
	var out []byte
	for _, f := range fs {
		out = binary.AppendUvarint(append(out, f[0]), uint64(len(f)-1))
		out = append(out, f[1:]...)
	}
	return out
}

func TestLoadRoundTrip(t *testing.T) {
	raw := full(t)
	require.Equal(t, raw, joined(frames(t, raw)))
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(raw), "bytewise": iotest.OneByteReader(bytes.NewReader(raw)), "eof with data": iotest.DataErrReader(bytes.NewReader(raw)),
	} {
		b, err := projector.Load(r, projector.Options{Window: 5})
		require.NoError(t, err, name)
		require.Equal(t, raw, body(t, b), name)
		require.Equal(t, b.Head(), b.View().Seq())
		require.Equal(t, b.HeadTime(), b.View().Time())
	}
}

// sized tells how many bytes there are behind it.
type sized struct {
	io.Reader

	stored int64
}

// Stored is what Load asks for.
func (s sized) Stored() int64 { return s.stored }

func TestLoadMakesRoomForBytes(t *testing.T) {
	raw := full(t)
	for _, n := range []int64{0, int64(len(raw)), 1 << 20} {
		b, err := projector.Load(sized{bytes.NewReader(raw), n}, projector.Options{Window: 5})
		require.NoError(t, err)
		require.Equal(t, raw, body(t, b), n)
	}
	fs := frames(t, raw)
	fs[0] = fs[0][:1]
	for _, n := range []uint64{4, 1 << 40, 1, 1, 0, 0, 0, 1 << 40, 0, 1 << 40} {
		fs[0] = binary.AppendUvarint(fs[0], n)
	}
	fs[0] = append(fs[0], make([]byte, 16)...)
	room := func(stored int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := projector.Load(sized{bytes.NewReader(joined(fs)), stored}, projector.Options{Window: 1 << 22})
		require.ErrorIs(t, err, projector.ErrBody)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	little := room(int64(len(raw)))
	require.Less(t, little, uint64(4<<20), "a count that no byte stands behind")
	require.Less(t, room(1<<20), little+16<<20)
}

func TestLoadRefusesEveryTruncation(t *testing.T) {
	raw := full(t)
	for n := range raw {
		_, err := projector.Load(bytes.NewReader(raw[:n]), projector.Options{})
		require.ErrorIs(t, err, projector.ErrBody, n)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, n)
	}
}

func TestLoadPassesOnTheReadersError(t *testing.T) {
	raw := full(t)
	broken := errors.New("disk on fire")
	for _, n := range []int{0, 1, 2, 40, len(raw)} {
		_, err := projector.Load(io.MultiReader(bytes.NewReader(raw[:n]), iotest.ErrReader(broken)), projector.Options{})
		require.ErrorIs(t, err, broken, n)
		require.NotErrorIs(t, err, projector.ErrBody, n)
	}
}

func TestLoadRefusesDamage(t *testing.T) {
	const (
		tagHead, tagEpoch, tagInstrument, tagAccount, tagPosition, tagCycle, tagWindow, tagEnd = 1, 2, 3, 4, 5, 6, 7, 8
	)
	first := func(fs [][]byte, tag byte) int {
		for i, f := range fs {
			if f[0] == tag {
				return i
			}
		}
		return -1
	}
	drop := func(tag byte) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			i := first(fs, tag)
			return append(append([][]byte{}, fs[:i]...), fs[i+1:]...)
		}
	}
	twice := func(tag byte) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			i := first(fs, tag)
			return append(append([][]byte{}, fs[:i+1]...), fs[i:]...)
		}
	}
	swap := func(tag byte) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			i := first(fs, tag)
			fs[i], fs[i+1] = fs[i+1], fs[i]
			return fs
		}
	}
	// head rewrites the head's n-th number.
	head := func(n int, v uint64) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			out, rest := []byte{tagHead}, fs[0][1:]
			for i := range 10 {
				old, size := binary.Uvarint(rest)
				if i == n {
					old = v
				}
				out, rest = binary.AppendUvarint(out, old), rest[size:]
			}
			fs[0] = append(out, rest...)
			return fs
		}
	}
	poke := func(tag byte, at int, b ...byte) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			copy(fs[first(fs, tag)][1+at:], b)
			return fs
		}
	}
	// cycle changes the last ended cycle.
	cycle := func(f func(p *position.Position)) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte {
			i := first(fs, tagWindow) - 1
			seq, n := binary.Uvarint(fs[i][1:])
			var d wire.Decoder
			p, err := d.Position(fs[i][1+n:])
			require.NoError(t, err)
			f(p)
			fs[i] = wire.AppendPosition(binary.AppendUvarint([]byte{tagCycle}, seq), p)
			return fs
		}
	}
	// both bends twice, to get past a check that another one would hide.
	both := func(a, b func(fs [][]byte) [][]byte) func(fs [][]byte) [][]byte {
		return func(fs [][]byte) [][]byte { return b(a(fs)) }
	}
	cases := map[string]func(fs [][]byte) [][]byte{
		"no head":                   drop(tagHead),
		"two heads":                 twice(tagHead),
		"two epochs":                twice(tagEpoch),
		"an instrument lost":        drop(tagInstrument),
		"an instrument doubled":     twice(tagInstrument),
		"instruments swapped":       swap(tagInstrument),
		"the account lost":          drop(tagAccount),
		"the account doubled":       twice(tagAccount),
		"a position lost":           drop(tagPosition),
		"a position doubled":        twice(tagPosition),
		"positions swapped":         swap(tagPosition),
		"sections swapped":          swap(tagAccount),
		"the window lost":           drop(tagWindow),
		"the window doubled":        twice(tagWindow),
		"instruments counted twice": both(twice(tagInstrument), head(5, 3)),
		"accounts counted twice":    both(twice(tagAccount), head(6, 2)),
		"positions counted twice":   both(twice(tagPosition), head(7, 3)),
		"the window counted twice":  both(twice(tagWindow), head(9, 10)),
		"entries in disorder":       poke(tagWindow, 32, 9, 0, 0, 0, 0, 0, 0, 0),
		"an entry past the head":    poke(tagWindow, 4*60+48, 50),
		"an entry that wraps":       both(poke(tagWindow, 4*60+32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), poke(tagWindow, 4*60+48, 5)),
		"an image past the head":    poke(tagPosition, 0, 99),
		"no end":                    drop(tagEnd),
		"two ends":                  twice(tagEnd),
		"an older format":           head(0, 3),
		"a newer format":            head(0, 5),
		"an ended cycle lost":       drop(tagCycle),
		"an ended cycle doubled":    twice(tagCycle),
		"ended cycles twice":        both(twice(tagCycle), head(8, 3)),
		"ended cycles swapped":      swap(tagCycle),
		"a cycle past the head":     poke(tagCycle, 0, 99),
		"more ended cycles":         head(8, 9),
		"absurdly many cycles":      head(8, 1<<62),
		"garbage for a cycle":       func(fs [][]byte) [][]byte { fs[first(fs, tagCycle)] = []byte{tagCycle, 1, 0xff}; return fs },
		"a cycle without a seq":     func(fs [][]byte) [][]byte { fs[first(fs, tagCycle)] = []byte{tagCycle}; return fs },
		"a cycle of nobody":         cycle(func(p *position.Position) { p.Key.Account = "NOBODY" }),
		"a cycle that is open":      cycle(func(p *position.Position) { p.Qty = dec("1") }),
		"a cycle before the first":  cycle(func(p *position.Position) { p.Cycle = 0 }),
		"a cycle of now":            cycle(func(p *position.Position) { p.Cycle = 3 }),
		"a cycle after now":         cycle(func(p *position.Position) { p.Cycle = 4 }),
		"a seq before the images'":  head(1, 3),
		"a negative time":           head(2, 1<<63),
		"a negative horizon":        head(4, 1<<63),
		"more instruments":          head(5, 9),
		"an absurd count":           head(7, 1<<62),
		"a window entry's count":    poke(tagWindow, 48, 0, 0, 0, 0),
		"a window entry's end":      poke(tagWindow, 48, 0xff, 0xff, 0xff, 0xff),
		"a window entry's seq":      poke(tagWindow, 32, 0, 0, 0, 0, 0, 0, 0, 0),
		"a window entry's last seq": poke(tagWindow, 32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a window entry's time":     poke(tagWindow, 40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"an unknown tag":            func(fs [][]byte) [][]byte { fs[1][0] = 99; return fs },
		"tag 0":                     func(fs [][]byte) [][]byte { fs[1][0] = 0; return fs },
		"garbage for an image":      func(fs [][]byte) [][]byte { fs[first(fs, tagPosition)] = []byte{tagPosition, 1, 0xff}; return fs },
		"a longer head":             func(fs [][]byte) [][]byte { fs[0] = append(fs[0], 0); return fs },
		"a shorter head":            func(fs [][]byte) [][]byte { fs[0] = fs[0][:5]; return fs },
		"an end with content":       func(fs [][]byte) [][]byte { fs[len(fs)-1] = []byte{tagEnd, 0}; return fs },
		"a cut window":              func(fs [][]byte) [][]byte { i := first(fs, tagWindow); fs[i] = fs[i][:len(fs[i])-1]; return fs },
		"an empty window":           func(fs [][]byte) [][]byte { fs[first(fs, tagWindow)] = []byte{tagWindow}; return fs },
		"an epoch that is none": func(fs [][]byte) [][]byte {
			c := position.Change{Kind: position.Marked, Parts: 1, Cause: mark("1", "X", "1", 1)}
			fs[first(fs, tagEpoch)] = wire.AppendChange([]byte{tagEpoch}, &c)
			return fs
		},
	}
	for name, bend := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := projector.Load(bytes.NewReader(joined(bend(frames(t, full(t))))), projector.Options{})
			require.ErrorIs(t, err, projector.ErrBody)
			var at *projector.BodyError
			require.ErrorAs(t, err, &at)
			t.Log(err)
		})
	}
	_, err := projector.Load(bytes.NewReader(append(full(t), 0)), projector.Options{})
	require.ErrorIs(t, err, projector.ErrBody)
	_, err = projector.Load(bytes.NewReader([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), projector.Options{})
	require.ErrorIs(t, err, projector.ErrBody)
	_, err = projector.Load(bytes.NewReader([]byte{1, 0xff, 0xff, 0xff, 0x7f}), projector.Options{})
	require.ErrorIs(t, err, projector.ErrBody, "a length that nothing may have")
}

// TestLoadIsOfOneKey: a window is of use only with the key that its fingerprints were
// made with, so a body loads with that key and with no other, and says which it is; and
// so do the records of an epoch.
func TestLoadIsOfOneKey(t *testing.T) {
	o := projector.Options{Prints: position.FingerprintKey{1, 2, 15: 3}}
	l := newScribe(o)
	l.apply(t, fill("1", key("A", "X"), position.Buy, "1", "10", 1))
	raw := body(t, l.book)
	b, err := projector.Load(bytes.NewReader(raw), o)
	require.NoError(t, err)
	require.Equal(t, raw, body(t, b))
	prints, err := projector.BodyPrints(bytes.NewReader(raw))
	require.NoError(t, err)
	require.Equal(t, o.Prints, prints)
	_, err = projector.Load(bytes.NewReader(raw), projector.Options{Prints: position.FingerprintKey{1, 2, 15: 4}})
	require.ErrorIs(t, err, projector.ErrBody)
	require.ErrorContains(t, err, "the key of another ledger")
	again := projector.New(o)
	require.NoError(t, again.Replay(stream(l.records), projector.Until{}))
	require.Equal(t, raw, body(t, again))
	again = projector.New(o)
	require.NoError(t, again.Recompute(stream(l.records)))
	require.Equal(t, raw, body(t, again))
	for _, read := range []func(b *projector.Book) error{
		func(b *projector.Book) error { return b.Replay(stream(l.records), projector.Until{}) },
		func(b *projector.Book) error { return b.Recompute(stream(l.records)) },
	} {
		err = read(projector.New(projector.Options{Prints: position.FingerprintKey{1}}))
		require.ErrorIs(t, err, projector.ErrRecord)
		require.ErrorContains(t, err, "record 1 cannot be applied")
	}
	_, err = projector.BodyPrints(bytes.NewReader(raw[:8]))
	require.ErrorIs(t, err, projector.ErrBody)
}

// FuzzLoad feeds Load anything. What it takes, it must write again so that it
// can be taken again, and the book must be fit to go on with.
func FuzzLoad(f *testing.F) {
	f.Add(full(f))
	f.Add(body(f, projector.New(projector.Options{})))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := projector.Load(bytes.NewReader(raw), projector.Options{Window: 8})
		if err != nil {
			require.ErrorIs(t, err, projector.ErrBody)
			return
		}
		once := body(t, b)
		again, err := projector.Load(bytes.NewReader(once), projector.Options{Window: 8})
		require.NoError(t, err)
		require.Equal(t, once, body(t, again))
		require.Equal(t, b.View().Digest(), again.View().Digest())
		l := &scribe{book: b, epoch: 1, clock: 1}
		x := &trader{rnd: rand.New(rand.NewPCG(1, 2))} // the input alone decides
		for range 20 {
			if _, err = l.try(x.batch(), true); err == nil {
				require.Equal(t, b.Head(), b.View().Seq())
			}
		}
	})
}

// FuzzReplay feeds Replay and Recompute one hostile payload after a good record.
func FuzzReplay(f *testing.F) {
	l := newScribe(projector.Options{})
	l.work(newRand(f), 60, nil)
	for _, r := range l.records {
		f.Add(r.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		l := newScribe(projector.Options{})
		l.apply(t, fill("1", key("A0", "LIN"), position.Buy, "1", "10", 1))
		l.records = append(l.records, projector.Record{Stamp: position.Stamp{Seq: 3, Epoch: 2, Time: 5}, Payload: payload})
		b := projector.New(projector.Options{})
		if err := b.Replay(stream(l.records), projector.Until{}); err != nil {
			require.ErrorIs(t, err, projector.ErrRecord)
		} else {
			_, err = projector.Load(bytes.NewReader(body(t, b)), projector.Options{})
			require.NoError(t, err)
		}
		b = projector.New(projector.Options{})
		if err := b.Recompute(stream(l.records)); err == nil {
			require.EqualValues(t, 3, b.Head())
		}
	})
}

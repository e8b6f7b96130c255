package projector_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// fills returns n fills on some keys in random order, with what a real one
// carries: an execution id, a fee, a time of its own.
func fills(n, keys int, first uint64) []position.Mutation {
	rnd := rand.New(rand.NewPCG(7, first))
	known := make([]position.Key, keys)
	for i := range known {
		known[i] = position.Key{
			Account: fmt.Sprintf("account-%03d", i%200), Instrument: fmt.Sprintf("INSTR%03d-PERP", i/200%500), Strategy: fmt.Sprintf("momentum-%d", i/100_000),
		}
	}
	ms := make([]position.Mutation, n)
	for i := range ms {
		seq := first + uint64(i)
		f := position.Fill{
			Meta: position.Meta{Ident: fmt.Sprintf("0190f3c2-7a1b-7c33-%016x", seq), Time: position.Time(1_700_000_000_000_000_000 + seq*1000)},
			Key:  known[rnd.IntN(keys)], Side: position.Buy,
			Qty: dec(fmt.Sprintf("%d.%03d", rnd.IntN(10)+1, rnd.IntN(1000))), Price: dec(fmt.Sprintf("%d.%02d", rnd.IntN(1000)+50_000, rnd.IntN(100))),
			Fee: dec("0.01250000"), FeeCurrency: "USDT",
		}
		if rnd.IntN(2) == 0 {
			f.Side = position.Sell
		}
		ms[i] = f
	}
	return ms
}

// traded returns a book with a position per key and, if asked, the records.
func traded(b *testing.B, keys, n int, keep bool) *scribe {
	b.Helper()
	l := newScribe(projector.Options{})
	for i, m := range append(open(b, keys), fills(n, keys, uint64(keys))...) {
		s, err := l.book.Stage(position.Time(i+1), []position.Mutation{m}, false)
		require.NoError(b, err)
		if keep {
			l.note(s)
		}
		l.book.Accept(s)
		l.book.Publish(s)
	}
	return l
}

// afterFills is a time after those of all fills: the window forgets what is not
// dated ahead.
const afterFills = 1_900_000_000_000_000_000

// open returns one fill for each key.
func open(b *testing.B, keys int) []position.Mutation {
	b.Helper()
	ms := fills(keys, keys, 0)
	for i := range ms {
		f := as[position.Fill](b, ms[i])
		f.Account, f.Instrument, f.Strategy = fmt.Sprintf("account-%03d", i%200), fmt.Sprintf("INSTR%03d-PERP", i/200%500), fmt.Sprintf("momentum-%d", i/100_000)
		ms[i] = f
	}
	return ms
}

// BenchmarkStage measures one fill from Stage to Publish on 10 k positions, and
// apart what of it is the fold and the fingerprint. The fills come round again
// when the window has forgotten them, so that what is measured is not the garbage
// collector looking at b.N of them.
func BenchmarkStage(b *testing.B) {
	const keys, round = 10_000, 1 << 16
	b.Run("stage+accept+publish", func(b *testing.B) { stage(b, keys, round, false, nil) })
	b.Run("printed before", func(b *testing.B) { stage(b, keys, round, true, nil) })
	b.Run("encoded", func(b *testing.B) {
		var buf []byte
		stage(b, keys, round, false, func(s *projector.Staged) {
			for i := range s.Changes {
				buf = wire.AppendChange(buf[:0], &s.Changes[i])
			}
		})
	})
	b.Run("fold alone", func(b *testing.B) {
		l := traded(b, keys, 0, false)
		ms := fills(b.N+1, keys, keys)
		m := newModel(projector.Options{})
		for p := range l.book.View().Positions() {
			m.positions[p.Key] = p
		}
		st := &pointers{model: *m}
		st.positions = make(map[position.Key]*position.Position)
		for k, p := range m.positions {
			st.positions[k] = &p
		}
		keysOf := make([]*position.Position, len(ms))
		for i := range ms {
			keysOf[i] = st.positions[as[position.Fill](b, ms[i]).Key]
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			st.one = keysOf[i]
			if _, err := m.rules.Fold(st, ms[i]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("fingerprint alone", func(b *testing.B) {
		ms := fills(b.N+1, keys, keys)
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			wire.FingerprintOf(position.FingerprintKey{}, ms[i])
		}
	})
}

// stage applies b.N fills, one by one.
func stage(b *testing.B, keys, round int, printed bool, each func(s *projector.Staged)) {
	b.Helper()
	l := thrifty(b, keys, round/2)
	ms := fills(round, keys, uint64(keys))
	var prints []wire.Fingerprint
	if printed {
		for i := range ms {
			prints = append(prints, wire.FingerprintOf(position.FingerprintKey{}, ms[i]))
		}
	}
	one := make([]*projector.Staged, 1)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		i := n % round
		var ps []wire.Fingerprint
		if printed {
			ps = prints[i : i+1]
		}
		s, err := l.book.StagePrinted(afterFills+position.Time(n), ms[i:i+1], ps, true, nil)
		if err != nil {
			b.Fatal(err)
		}
		if each != nil {
			each(s)
		}
		one[0] = s
		l.book.Accept(s)
		l.book.Publish(one...)
		l.book.Reuse(one...)
	}
}

// thrifty returns a book with a position per key, which uses again what it was given
// back.
func thrifty(b *testing.B, keys, window int) *scribe {
	b.Helper()
	l := &scribe{clock: afterFills, thrifty: true}
	l.book = projector.New(l.options(projector.Options{Window: window}))
	l.begin(position.ArithmeticVersion)
	for _, m := range open(b, keys) {
		l.apply(b, m)
	}
	l.records = nil
	return l
}

// BenchmarkBatch is stage+accept+publish of [BenchmarkStage] for batches, by fill.
func BenchmarkBatch(b *testing.B) {
	const keys, round = 10_000, 1 << 16
	for _, n := range []int{16, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			l, one := thrifty(b, keys, round/2), make([]*projector.Staged, 1)
			ms := fills(round, keys, uint64(keys))
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += n {
				i := done % (round - n)
				s, err := l.book.Stage(afterFills+position.Time(done), ms[i:i+n], true)
				if err != nil {
					b.Fatal(err)
				}
				one[0] = s
				l.book.Accept(s)
				l.book.Publish(one...)
				l.book.Reuse(one...)
			}
		})
	}
}

// pointers is a state that costs nothing to look into.
type pointers struct {
	model
	positions map[position.Key]*position.Position
	one       *position.Position
}

func (p *pointers) Position(position.Key) *position.Position { return p.one }
func (*pointers) Instrument(string) *position.Instrument     { return nil }

func BenchmarkMark(b *testing.B) {
	const keys = 10_000
	l := newScribe(projector.Options{})
	for i := range keys {
		l.apply(b, fill(fmt.Sprint(i), key(fmt.Sprint(i), "X"), position.Buy, "1", "100", position.Time(i+1)))
	}
	l.apply(b, mark("high", "X", "1000", keys), mark("low", "X", "1", keys))
	for i := 0; b.Loop(); i++ {
		l.clock++
		s, err := l.book.Stage(l.clock, []position.Mutation{mark(fmt.Sprint("m", i), "X", "100", l.clock)}, false)
		if err != nil {
			b.Fatal(err)
		}
		l.book.Accept(s)
		l.book.Publish(s)
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, keys := range []int{10_000, 200_000} {
		l := traded(b, keys, 300_000, true)
		b.Run(fmt.Sprintf("%dkeys", keys), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				book := projector.New(projector.Options{})
				if err := book.Replay(stream(l.records), projector.Until{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(l.records))*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

func BenchmarkRecompute(b *testing.B) {
	l := traded(b, 10_000, 200_000, true)
	for b.Loop() {
		if err := projector.New(projector.Options{}).Recompute(stream(l.records)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(l.records))*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkView measures what readers and snapshots cost at a million positions.
func BenchmarkView(b *testing.B) {
	l := traded(b, 1_000_000, 0, false)
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			l.book.View()
		}
	})
	v := l.book.View()
	for range v.Positions() { // sorts once
		break
	}
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			l.book.View().Digest()
		}
	})
	var raw bytes.Buffer
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			raw.Reset()
			if _, err := v.WriteTo(&raw); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(raw.Len()))
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := projector.Load(bytes.NewReader(raw.Bytes()), projector.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("position", func(b *testing.B) {
		k := as[position.Fill](b, open(b, 1)[0]).Key
		for b.Loop() {
			if _, ok := l.book.Position(k); !ok {
				b.Fatal("no position")
			}
		}
	})
}

// BenchmarkHeap tells what an open position costs in live memory, with all that
// the book keeps to find it, mark it and show it, the dedupe window apart.
func BenchmarkHeap(b *testing.B) {
	const keys = 1_000_000
	for b.Loop() {
		before := liveHeap()
		book := projector.New(projector.Options{Window: 1})
		for i := range keys {
			m := fill(strconv.Itoa(i), position.Key{
				Account: accountNames[i%200], Instrument: instrumentNames[i/200%500], Strategy: strategyNames[i/100_000],
			}, position.Buy, "1.5", "50000.25", position.Time(i+1))
			s, err := book.Stage(position.Time(i+1), []position.Mutation{m}, false)
			if err != nil {
				b.Fatal(err)
			}
			book.Accept(s)
			book.Publish(s)
		}
		b.ReportMetric(float64(liveHeap()-before)/keys, "B/position")
		runtime.KeepAlive(book)
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

var accountNames, instrumentNames, strategyNames = named("account", 200), named("INSTR", 500), named("momentum", 10)

func named(name string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%03d", name, i)
	}
	return out
}

package position_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func benchFold(b *testing.B, held []position.Mutation, m position.Mutation) {
	b.Helper()
	s := newMemory(position.Rules{})
	for _, h := range held {
		require.NoError(b, s.Apply(h))
	}
	m = m.Identified("0198c5a1-7a4e-7a10-8a31-6d2b7b3f0c11", 1)
	var view position.State = one{state{s}, s.positions[key], s.instruments["X"]}
	b.ReportAllocs()
	for b.Loop() {
		changes, err := s.rules.Fold(view, m)
		if err != nil || len(changes) == 0 {
			b.Fatal(err)
		}
	}
}

// one is a state of one position, so that the fold is measured, not a map.
type one struct {
	state
	p *position.Position
	i *position.Instrument
}

func (o one) Position(position.Key) *position.Position { return o.p }
func (o one) Instrument(string) *position.Instrument   { return o.i }
func (o one) HasOpen(string) bool                      { return o.p.IsOpen() }

func BenchmarkFoldIncrease(b *testing.B) {
	benchFold(b, muts(buy("1.5", "50123.25")), buy("0.25", "50200.5"))
}

func BenchmarkFoldIncreaseWithFee(b *testing.B) {
	benchFold(b, muts(with(buy("1.5", "50123.25"), "1", "")), with(buy("0.25", "50200.5"), "3.2", ""))
}

func BenchmarkFoldReduce(b *testing.B) {
	benchFold(b, muts(buy("1.5", "50123.25")), sell("0.25", "50200.5"))
}

func BenchmarkFoldClose(b *testing.B) {
	benchFold(b, muts(buy("1.5", "50123.25")), sell("1.5", "50200.5"))
}

func BenchmarkFoldFlip(b *testing.B) {
	benchFold(b, muts(buy("1.5", "50123.25")), sell("3.5", "50200.5"))
}

func BenchmarkFoldInverse(b *testing.B) {
	benchFold(b, muts(define(position.Inverse, "1", "XBT", "USD", ""), buy("100", "50123.25")), sell("25", "50200.5"))
}

func benchLots(b *testing.B, method position.CostMethod, lots int) {
	b.Helper()
	s := newMemory(by(method))
	for i := range lots {
		require.NoError(b, s.Apply(buy("1", fmt.Sprint(100+i%7))))
	}
	var view position.State = one{state{s}, s.positions[key], nil}
	m := sell("1.5", "105").Identified("id", 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.rules.Fold(view, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFoldFIFO(b *testing.B) {
	for _, n := range []int{2, 20, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchLots(b, position.FIFO, n) })
	}
}

func BenchmarkFoldHIFO(b *testing.B) {
	for _, n := range []int{2, 20, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchLots(b, position.HIFO, n) })
	}
}

package wire_test

import (
	"testing"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// benchChanges are an ordinary fill of a linear position in its second cycle, one
// that consumes two of its lots, and the fullest sample.
func benchChanges() map[string]position.Change {
	p := sample.Position()
	p.Terms = sample.PlainTerms()
	p.Terms.Quote, p.Terms.Settlement = "USD", "USD"
	p.Cycle, p.Version = 2, 300
	p.Qty, p.Cost, p.EntryQty, p.EntryValue = num("1.5"), num("75123.456"), num("2.5"), num("125123.456")
	p.ExitQty, p.ExitValue, p.PeakQty = num("1"), num("50211.5"), num("2.5")
	p.Totals = position.Totals{Realized: num("211.5"), Fees: position.Amounts{{Currency: "USD", Value: num("62.5612")}}}
	p.Prior = &position.Lifetime{Totals: position.Totals{Realized: num("-1234.56"), Fees: position.Amounts{{Currency: "USD", Value: num("612.5")}}}, Losses: 1}
	p.Entries, p.Exits = 2, 1
	p.High, p.Low = num("51000.5"), num("49000")
	fill := sample.Fill()
	fill.Qty, fill.Price, fill.Fee, fill.FeeCurrency = num("0.5"), num("50123.45"), num("12.530863"), "USD"
	lots := *p
	lots.Terms = sample.PlainTerms()
	lots.Terms.Quote, lots.Terms.Settlement, lots.Terms.CostMethod = "USD", "USD", position.FIFO
	lots.Lots = &position.Lots{Count: 100, Next: 300, Sum: [16]byte{1, 15: 1}}
	sell := fill
	sell.Side = position.Sell
	lot := position.Change{
		Kind: position.Reduced, Parts: 1, Prev: 1_234_567, Cause: sell, Qty: num("-0.5"), Value: num("-25061.725"), Realized: num("61.725"), Fee: num("12.530863"),
		Consumed: []position.LotUse{{ID: 170, Qty: num("0.2"), Cost: num("10000")}, {ID: 171, Qty: num("0.3"), Cost: num("15000")}}, After: &lots,
	}
	return map[string]position.Change{
		"fill": {Kind: position.Increased, Parts: 1, Prev: 1_234_567, Cause: fill, Qty: num("0.5"), Value: num("25061.725"), Fee: num("12.530863"), After: p},
		"full": sample.Changes()["fill_increased"],
		"lot":  lot,
	}
}

func BenchmarkAppendChange(b *testing.B) {
	for name, c := range benchChanges() {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				buf = wire.AppendChange(buf[:0], &c)
			}
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}

func BenchmarkDecodeChange(b *testing.B) {
	for name, c := range benchChanges() {
		b.Run(name, func(b *testing.B) {
			buf := wire.AppendChange(nil, &c)
			var d wire.Decoder
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Change(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecodeRecorded is what a replay does with a change.
func BenchmarkDecodeRecorded(b *testing.B) {
	for name, c := range benchChanges() {
		b.Run(name, func(b *testing.B) {
			buf := wire.AppendChange(nil, &c)
			var d wire.Decoder
			room, rec := new(position.Position), new(wire.Recorded)
			known := new(wire.KnownKey)
			if err := d.Know(wire.KeyOf(buf), known); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Recorded(buf, known, room, rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFingerprint(b *testing.B) {
	var m position.Mutation = sample.Fill()
	b.ReportAllocs()
	for b.Loop() {
		wire.FingerprintOf(sample.Prints(), m)
	}
}

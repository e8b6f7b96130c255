// Package sample makes changes, images and mutations for tests: ordinary ones and
// edges of every kind by hand, which the golden files hold, and random ones.
package sample

import (
	"maps"

	"github.com/moneyprinter/holdfast/position"
)

// Time is the event time of what is made by hand.
const Time = position.Time(1_767_323_045_000_000_006) // 2026-01-02T03:04:05.000000006Z

func num(s string) position.Decimal { return position.MustParse(s) }

// Key is the key of every sample that names none.
func Key() position.Key {
	return position.Key{Account: "A", Instrument: "XBTUSD", Strategy: "trend", Leg: "long"}
}

// Fill is an ordinary fill.
func Fill() position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: "0197f0a4-6f2e-7c3b-9d3a-5b8d1f2c4e60", Time: Time},
		Key:  Key(), Side: position.Buy, Qty: num("100"), Price: num("50000"), Fee: num("0.000002"), FeeCurrency: "XBT",
	}
}

// Terms are those of an inverse instrument.
func Terms() *position.Terms {
	return &position.Terms{
		Kind: position.Inverse, Multiplier: num("1"), Base: "XBT", Quote: "USD", Settlement: "XBT",
		CostMethod: position.Average, OverReduction: position.FlipOver,
	}
}

// Position is what Fill opens.
func Position() *position.Position {
	return &position.Position{
		Key: Key(), Terms: Terms(),
		Cycle: 1, Version: 1, Qty: num("100"), Cost: num("0.002"), EntryQty: num("100"), EntryValue: num("0.002"), PeakQty: num("100"),
		Totals: position.Totals{Fees: position.Amounts{{Currency: "XBT", Value: num("0.000002")}}},
		High:   num("50000"), Low: num("50000"), Entries: 1, OpenedAt: Time, UpdatedAt: Time,
	}
}

// FullPosition has every field set but those of lots.
func FullPosition() *position.Position {
	p := Position()
	p.Cycle, p.Version = 3, 300
	p.Qty, p.Cost, p.EntryQty, p.EntryValue = num("150.5"), num("0.003004931220556318"), num("250.5"), num("0.005004931220556318")
	p.ExitQty, p.ExitValue, p.PeakQty, p.LastEntry = num("100"), num("0.00199"), num("250.5"), num("49750.25")
	p.Totals.Realized, p.Totals.Funding = num("-0.00001"), num("-0.000000123456789012")
	p.Totals.Fees = position.Amounts{{Currency: "BNB", Value: num("0.01")}, {Currency: "XBT", Value: num("0.000006")}}
	p.Totals.Charges = position.Amounts{{Currency: "XBT", Value: num("-0.5")}}
	p.Prior = &position.Lifetime{
		Totals: position.Totals{Realized: num("1.25"), Funding: num("0.1"), Fees: position.Amounts{{Currency: "XBT", Value: num("-0.0001")}}},
		Wins:   1, Losses: 1,
	}
	p.High, p.Low, p.Mark, p.HasMark = num("51000.5"), num("49000"), num("50500"), true
	p.Entries, p.Exits, p.Short = 4, 2, true
	p.UpdatedAt += 1_500_000_000
	return p
}

// LotPosition is the image of a change under a cost method with lots.
func LotPosition() *position.Position {
	p := Position()
	t := *p.Terms
	t.CostMethod, t.OverReduction, t.Multiplier = position.FIFO, position.RejectOver, num("0.5")
	t.Rounding = position.Rounding{
		Value: position.Round{Mode: position.HalfEven, Digits: 8}, ValuePer: num("100"),
		Average:  position.Round{Mode: position.HalfUp, Digits: 6, Significant: true},
		Realized: position.Round{Mode: position.Down},
	}
	p.Terms, p.Residue = &t, num("-0.00000000000000001")
	p.Lots = &position.Lots{Count: 2, Next: 300, Sum: [16]byte{0xff, 1, 2, 3}}
	return p
}

// Changes returns changes of every kind.
func Changes() map[string]position.Change {
	fill := Fill()
	key := Key()
	meta := func(id string) position.Meta { return position.Meta{Ident: id, Time: Time} }

	increased := position.Change{
		Kind: position.Increased, Parts: 1, Prev: 41, Cause: fill,
		Qty: num("100"), Value: num("0.002"), Fee: num("0.000002"), After: FullPosition(),
	}
	closed := FullPosition()
	closed.Qty, closed.Cost, closed.ClosedAt = position.Decimal{}, position.Decimal{}, Time
	sell := fill
	sell.Side, sell.Qty, sell.Fee, sell.FeeCurrency = position.Sell, num("250.5"), num("-0.000001"), ""

	stop := num("0")
	amended := FullPosition()
	amended.Conditions = &position.Conditions{
		Stop: num("0"), HasStop: true, Targets: []position.Decimal{num("60000"), num("0"), num("-1")},
		Tags: []string{"swing", "é漢𝄞"}, Meta: []position.MetaItem{{Name: "note", Value: "a \"quoted\"\nline\x01"}, {Name: "signal", Value: "42"}},
	}
	cleared := Position()
	cleared.Conditions = &position.Conditions{}

	all := map[string]position.Change{
		"fill_opened":    {Kind: position.Opened, Parts: 1, Cause: fill, Qty: num("100"), Value: num("0.002"), Fee: num("0.000002"), After: Position()},
		"fill_increased": increased,
		"fill_reduced":   {Kind: position.Reduced, Parts: 1, Cause: sell, Qty: num("-0.000000000000000001"), Value: num("-0.005"), Realized: num("170141183460469231731.687303715884105727"), Fee: num("-0.000001"), After: FullPosition()},
		"flip_closed":    {Kind: position.Closed, Part: 0, Parts: 2, Cause: sell, Qty: num("-150.5"), Value: num("-0.003"), Realized: num("-0.0001"), After: closed},
		"flip_opened":    {Kind: position.Opened, Part: 1, Parts: 2, Cause: sell, Qty: num("-100"), Value: num("-0.002"), After: Position()},
		"amended": {Kind: position.Amended, Parts: 1, Cause: position.Amend{
			Meta: meta("a-1"), Key: key, Stop: &stop, Targets: []position.Decimal{num("60000"), num("0"), num("-1")},
			Tags: []string{"swing", "é漢𝄞"}, Metadata: map[string]string{"signal": "42", "note": "a \"quoted\"\nline\x01", "gone": ""},
		}, After: amended},
		"amended_cleared": {Kind: position.Amended, Parts: 1, Cause: position.Amend{
			Meta: meta("a-2"), Key: key, NoStop: true, Targets: []position.Decimal{}, Tags: []string{}, Metadata: map[string]string{},
		}, After: cleared},
		"charged": {Kind: position.Charged, Parts: 1, Cause: position.Charge{
			Meta: meta("c-1"), Key: key, Kind: position.Funding, Amount: num("-0.00001"), Currency: "XBT",
		}, After: FullPosition()},
		"instrument": {Kind: position.Defined, Parts: 1, Cause: position.DefineInstrument{
			Meta: meta("i-1"), Instrument: "XBTUSD", Terms: position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD"},
		}, Instrument: &position.Instrument{
			Name: "XBTUSD", Terms: Position().Terms, Defined: true, Mark: num("50500"), MarkTime: Time, Version: 1,
		}},
		"mark": {Kind: position.Marked, Parts: 1, Cause: position.Mark{Meta: meta("m-1"), Instrument: "a.b.>", Price: num("-37.63")}},
		"account": {Kind: position.AccountSet, Parts: 1, Cause: position.Charge{
			Meta: meta("d-1"), Key: position.Key{Account: "a.b.>"}, Kind: position.Cash, Amount: num("1000000"), Currency: "USD",
		}, Account: &position.Account{
			Name: "a.b.>", Cash: position.Amounts{{Currency: "EUR", Value: num("-1.5")}, {Currency: "USD", Value: num("1000000")}}, Version: 2,
		}},
		"epoch": {Kind: position.EpochBegun, Parts: 1, Epoch: &position.Epoch{
			Build: "v0.2.0", Arithmetic: 1, Salt: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
			Identity: Identity(), Prints: Prints(),
		}},
	}
	maps.Copy(all, moveChanges())
	maps.Copy(all, LotChanges())
	return all
}

// Prints is a key of fingerprints.
func Prints() position.FingerprintKey {
	return position.FingerprintKey{0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0xff}
}

// Identity is that of a ledger that was restored once, as the record of an epoch has it.
func Identity() string {
	return `{"format":2,"id":"6f1c7e0a-93d4-4f0e-9a53-2f6f4b0a7c11","name":"desk-1","created_at":"2026-01-02T03:04:05.000000006Z",` +
		`"cost_method":"average","over_reduction":"flip","default_currency":"USD","strict_instruments":false,"strict_increments":true,` +
		`"window":1048576,"parents":[{"ledger":"0b1f3c52-6a0d-4a39-8f5e-1d2c3b4a5968","seq":41,` +
		`"chain":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}],"encrypted":true}`
}

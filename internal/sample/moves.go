package sample

import "github.com/moneyprinter/holdfast/position"

func flatPosition() *position.Position {
	p := FullPosition()
	p.Qty, p.Cost, p.ClosedAt = position.Decimal{}, position.Decimal{}, Time
	return p
}

// moveChanges are the changes that neither a fill nor a charge makes, one per
// kind and image.
func moveChanges() map[string]position.Change {
	key := Key()
	other := Position()
	other.Key = position.Key{Account: "B", Instrument: key.Instrument}
	meta := func(id string) position.Meta { return position.Meta{Ident: id, Time: Time} }

	split := position.Split{Meta: meta("s-1"), Instrument: "XBTUSD", Ratio: num("3"), Per: num("2"), Increment: num("0.1"), CashPrice: new(num("0"))}
	rescaled := position.Instrument{
		Name: "XBTUSD", Terms: Terms(), Defined: true, Mark: num("33666.666666666666666667"), MarkTime: Time - 1, Version: 2,
		PriceIncrement: num("0.5"), SizeIncrement: num("100"), SplitTime: Time, SplitRatio: num("3"), SplitPer: num("2"),
	}
	settle := position.Settle{Meta: meta("x-1"), Instrument: "XBTUSD", Price: num("50500"), Reason: position.Delist}
	settled := rescaled
	settled.Mark, settled.MarkTime, settled.Version = num("50500"), Time, 3
	transfer := position.Transfer{Meta: meta("t-1"), Key: key, ToAccount: "B", ToStrategy: "carry", ToLeg: "short", Qty: num("50"), Lot: &position.LotRef{Opened: "2026-01-02"}}
	bust := position.Bust{Meta: meta("b-1"), Key: key, Fill: "e-1", Reason: "cancelled by the venue"}
	return map[string]position.Change{
		"split_instrument":  {Kind: position.SplitChange, Parts: 2, Cause: split, Instrument: &rescaled},
		"split_position":    {Kind: position.SplitChange, Part: 1, Parts: 2, Prev: 300, Cause: split, Qty: num("50"), After: FullPosition()},
		"settle_instrument": {Kind: position.Settled, Parts: 2, Cause: settle, Instrument: &settled},
		"settle_position":   {Kind: position.Settled, Part: 1, Parts: 2, Cause: settle, Qty: num("-150.5"), Value: num("-0.003"), Realized: num("1"), After: flatPosition()},
		"write_off": {Kind: position.Settled, Part: 1, Parts: 2, Cause: position.Settle{
			Meta: meta("x-2"), Instrument: "XBTUSD", Reason: position.WriteOff,
		}, Realized: num("-0.002"), After: flatPosition()},
		"transfer_from": {Kind: position.Transferred, Parts: 2, Prev: 7, Cause: transfer, Qty: num("-50"), Value: num("-0.001"), After: flatPosition()},
		"transfer_to":   {Kind: position.Transferred, Part: 1, Parts: 2, Cause: transfer, Qty: num("50"), Value: num("0.001"), After: other},
		"adjusted": {Kind: position.Adjusted, Parts: 1, Cause: position.Adjust{
			Meta: meta("j-1"), Key: key, Qty: num("-0.5"), Price: new(num("50000")), Cost: num("0.1"), Realized: num("-1"), Funding: num("2"),
			Reason: "statement of 2026-01-01", Ref: "T-17",
		}, Qty: num("-0.5"), After: FullPosition()},
		"adjusted_spread": {Kind: position.Adjusted, Parts: 1, Cause: position.Adjust{
			Meta: meta("j-2"), Key: key, Cost: num("-30"), Spread: position.SpreadByCost, Reason: "spin-off",
		}, Value: num("-30"), After: FullPosition()},
		"adopted": {Kind: position.Adopted, Parts: 1, Cause: position.Adopt{
			Meta: meta("o-1"), Key: key, Qty: num("100"), Price: new(num("50000")), Realized: new(num("0")), Funding: new(num("-1")),
			High: new(num("50000")), Low: new(num("0")), Opened: Time - 1, Reason: "opening balance", Ref: "S-1",
		}, Qty: num("100"), Value: num("0.002"), After: Position()},
		"adopted_cost": {Kind: position.Adopted, Parts: 1, Cause: position.Adopt{
			Meta: meta("o-2"), Key: key, Qty: num("-100"), Cost: new(num("-0.002")),
		}, After: Position()},
		"adopted_flat": {Kind: position.Adopted, Parts: 1, Cause: position.Adopt{Meta: meta("o-3"), Key: key}, After: flatPosition()},
		"busted":       {Kind: position.Busted, Parts: 2, Prev: 299, Fill: 70_000, Cause: bust, Qty: num("-100"), After: flatPosition()},
		"busted_later": {Kind: position.Busted, Part: 1, Parts: 2, Prev: 300, Fill: 70_000, Cause: bust, Realized: num("-5"), After: FullPosition()},
		"corrected": {Kind: position.Corrected, Parts: 1, Prev: 5, Fill: 4, Cause: position.Correct{
			Meta: meta("k-1"), Key: key, Fill: "e-1", Side: position.Sell, Qty: num("99"), Price: num("50001"), Fee: num("-0.1"), FeeCurrency: "BNB", Reason: "price",
		}, After: FullPosition()},
		"charge_realized": {Kind: position.Charged, Parts: 1, Cause: position.Charge{
			Meta: meta("c-2"), Key: key, Kind: position.RealizedCharge, Amount: num("3"), Currency: "XBT",
		}, After: neverOpen()},
		"account_kinds": {Kind: position.AccountSet, Parts: 1, Cause: position.Charge{
			Meta: meta("d-2"), Key: position.Key{Account: "A"}, Kind: position.RealizedCharge, Amount: num("6"), Currency: "USD",
		}, Account: &position.Account{
			Name: "A", Cash: usd("1"), Fees: usd("-2"), Funding: usd("3"), Interest: usd("-4"), Dividends: usd("5"), Realized: usd("6"), Other: usd("-7"), Version: 9,
		}},
		"instrument_rules": {Kind: position.Defined, Parts: 1, Cause: position.DefineInstrument{
			Meta: meta("i-2"), Instrument: "XBTUSD", Terms: *LotPosition().Terms, PriceIncrement: num("0.5"), SizeIncrement: num("100"),
		}, Instrument: &position.Instrument{Name: "XBTUSD", Terms: LotPosition().Terms, Defined: true, Version: 2, PriceIncrement: num("0.5"), SizeIncrement: num("100")}},
		// A definition may state the default terms instead of leaving them out.
		"instrument_plain": {Kind: position.Defined, Parts: 1, Cause: position.DefineInstrument{
			Meta: meta("i-3"), Instrument: "SPY", Terms: position.Terms{Multiplier: num("1"), CostMethod: position.Average, OverReduction: position.FlipOver},
		}, Instrument: &position.Instrument{Name: "SPY", Terms: PlainTerms(), Defined: true, Version: 1}},
	}
}

// PlainTerms are all defaults and have no binary form at all.
func PlainTerms() *position.Terms {
	return &position.Terms{Multiplier: num("1"), CostMethod: position.Average, OverReduction: position.FlipOver}
}

// neverOpen is what a charge makes of a key without a fill.
func neverOpen() *position.Position {
	return &position.Position{Key: Key(), Terms: PlainTerms(), Version: 1, Totals: position.Totals{Realized: num("3")}, UpdatedAt: Time}
}

func usd(v string) position.Amounts { return position.Amounts{{Currency: "USD", Value: num(v)}} }

// LotChanges are changes under a cost method with lots.
func LotChanges() map[string]position.Change {
	key := Key()
	buy := Fill()
	buy.Lot = &position.LotRef{Label: "january"}
	sell := Fill()
	sell.Side, sell.Lot = position.Sell, &position.LotRef{Label: "é", Price: new(num("0")), Opened: "2026-01-02T03:04:05.000000006Z"}
	adopt := position.Adopt{
		Meta: position.Meta{Ident: "o-4", Time: Time}, Key: key, Qty: num("-3"),
		Lots: []position.AdoptedLot{{Qty: num("-1"), Price: new(num("50000")), Opened: Time - 1, Label: "old"}, {Qty: num("-2"), Cost: new(num("0"))}},
	}
	flat := flatPosition()
	flat.Terms, flat.Lots = LotPosition().Terms, &position.Lots{Next: 3}
	return map[string]position.Change{
		"lot_opened": {
			Kind: position.Increased, Parts: 1, Prev: 41, Cause: buy, Qty: num("100"), Value: num("0.002"),
			Opened: []position.Lot{{ID: 299, Qty: num("100"), Cost: num("0.002"), Opened: Time, Label: "january"}}, After: LotPosition(),
		},
		"lot_consumed": {
			Kind: position.Reduced, Parts: 1, Prev: 42, Cause: sell, Qty: num("-100"), Value: num("-0.002"), Realized: num("0.0001"),
			Consumed: []position.LotUse{{ID: 7, Qty: num("60"), Cost: num("0.001")}, {ID: 3, Qty: num("40"), Cost: num("-0.000000000000000001")}}, After: LotPosition(),
		},
		"lot_closed": {
			Kind: position.Closed, Parts: 2, Cause: sell, Qty: num("-1"),
			Consumed: []position.LotUse{{ID: 2, Qty: num("1"), Cost: num("0.001")}}, After: flat,
		},
		"lot_flipped": {
			Kind: position.Opened, Part: 1, Parts: 2, Cause: sell, Qty: num("-2"),
			Opened: []position.Lot{{ID: 3, Qty: num("-2"), Cost: num("-0.001"), Opened: Time, Label: sell.Ident}}, After: LotPosition(),
		},
		"lot_adopted": {
			Kind: position.Adopted, Parts: 1, Cause: adopt, Consumed: []position.LotUse{{ID: 1, Qty: num("1")}},
			Opened: []position.Lot{{ID: 2, Qty: num("-1"), Cost: num("-0.001"), Opened: Time - 1, Label: "old"}, {ID: 300, Qty: num("-2"), Opened: 0, Label: ""}}, After: LotPosition(),
		},
	}
}

// OpenPosition is LotPosition as snapshots have it: with the lots.
func OpenPosition() *position.Position {
	p := LotPosition()
	p.Lots.Open = []position.Lot{
		{ID: 9, Qty: num("60"), Cost: num("0.001"), Opened: Time - 1, Label: "old"},
		{ID: 3, Qty: num("40"), Cost: num("0.001"), Opened: Time, Label: Fill().Ident},
	}
	return p
}

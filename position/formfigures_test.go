package position_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

func TestFiguresInJSON(t *testing.T) {
	p := sample.Position()
	terms := *p.Terms
	terms.Kind = position.Linear
	p.Terms = &terms
	p.Qty, p.Cost, p.EntryQty, p.EntryValue, p.Entries, p.Exits = num("2"), num("200"), num("4"), num("400"), 2, 1
	p.Totals = position.Totals{Realized: num("20")}
	p.Prior = &position.Lifetime{Wins: 3, Losses: 4}
	p.High, p.Low, p.Mark, p.HasMark, p.Residue = num("150"), num("90"), num("110"), true, num("0.5")
	p.UpdatedAt = p.OpenedAt + 90_500_000_000
	var got map[string]any
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, p), &got))
	for name, want := range map[string]any{
		"entries": 2.0, "exits": 1.0, "wins": 3.0, "losses": 4.0, "residue": "0.5", "exposure": "220", "return": "0.05", "break_even": "90",
		"profit_percent": "10", "upside_percent": "50", "drawdown_percent": "10", "holding": "90.5", "cost_method": "average", "lots": nil, "lots_digest": nil,
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name], name)
	}
	p.HasMark = false
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, p), &got))
	require.Nil(t, got["exposure"])
	require.Nil(t, got["profit_percent"])
	never := position.Position{Key: sample.Key(), Terms: &terms}
	requireValid(t, compile(t, position.PositionSchema()), position.AppendPositionJSON(nil, &never))
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, &never), &got))
	for _, name := range []string{"avg_entry", "avg_exit", "return", "break_even", "mfe", "mae", "holding", "upside_percent", "opened_at"} {
		require.Nil(t, got[name], name)
	}
}

func TestInstrumentAndAccountJSON(t *testing.T) {
	changes := compile(t, position.ChangeSchema())
	terms := position.Terms{
		Kind: position.Inverse, Multiplier: num("1"), Base: "XBT", Settlement: "XBT", CostMethod: position.HIFO, OverReduction: position.RejectOver,
		Rounding: position.Rounding{Value: position.Round{Mode: position.HalfEven, Digits: 8}, ValuePer: num("100")},
	}
	in := position.Instrument{
		Name: "X", Terms: &terms, Defined: true, PriceIncrement: num("0.5"), SplitTime: sample.Time, SplitRatio: num("2"), SplitPer: num("1"), Version: 2,
	}
	var got map[string]any
	require.NoError(t, json.Unmarshal(position.AppendInstrumentJSON(nil, &in), &got))
	require.Equal(t, map[string]any{
		"instrument": "X", "kind": "inverse", "multiplier": "1", "base": "XBT", "quote": "", "settlement": "XBT", "price_increment": "0.5", "size_increment": nil,
		"cost_method": "hifo", "over_reduction": "strict", "base_fee": "cost", "rounding": map[string]any{"value": "8 half-even", "value_per": "100", "average": nil, "realized": nil},
		"split_time": "2026-01-02T03:04:05.000000006Z", "split_ratio": "2", "split_per": "1", "defined": true, "mark": nil, "mark_time": nil, "version": 2.0, "seq": 0.0,
	}, got)
	meta := position.Meta{Ident: "s", Time: sample.Time}
	for kind, cause := range map[position.ChangeKind]position.Mutation{
		position.SplitChange: position.Split{Meta: meta, Instrument: "X", Ratio: num("2")},
		position.Settled:     position.Settle{Meta: meta, Instrument: "X", Price: num("1")},
		position.Defined:     position.DefineInstrument{Meta: meta, Instrument: "X", Terms: position.Terms{Kind: position.Inverse}},
	} {
		c := position.Change{Kind: kind, Parts: 3, Cause: cause, Instrument: &in}
		requireValid(t, changes, position.AppendChangeJSON(nil, position.Stamp{Seq: 1, Time: sample.Time}, &c))
		if kind != position.Defined {
			c.Instrument, c.After = nil, sample.Position()
			requireValid(t, changes, position.AppendChangeJSON(nil, position.Stamp{Seq: 1, Time: sample.Time}, &c))
		}
	}

	usd := func(s string) position.Amounts { return position.Amounts{{Currency: "USD", Value: num(s)}} }
	a := position.Account{
		Name: "A", Cash: usd("100"), Fees: usd("-1"), Funding: usd("-2"), Interest: usd("3"), Dividends: usd("4"), Realized: usd("-5"),
		Other: position.Amounts{{Currency: "EUR", Value: num("6")}}, Version: 7, Seq: 8,
	}
	got = nil
	require.NoError(t, json.Unmarshal(position.AppendAccountJSON(nil, &a), &got))
	is := func(s string) map[string]any { return map[string]any{"USD": s} }
	require.Equal(t, map[string]any{
		"account": "A", "balances": map[string]any{"EUR": "6", "USD": "99"}, "cash": is("100"), "fees": is("-1"), "funding": is("-2"), "interest": is("3"),
		"dividends": is("4"), "realized": is("-5"), "other": map[string]any{"EUR": "6"}, "version": 7.0, "seq": 8.0,
	}, got)
	c := position.Change{Kind: position.AccountSet, Parts: 1, Cause: sample.Changes()["account"].Cause, Account: &a}
	requireValid(t, changes, position.AppendChangeJSON(nil, position.Stamp{}, &c))
	huge := num("170141183460469231731.687303715884105727")
	a.Cash, a.Realized = position.Amounts{{Currency: "USD", Value: huge}}, position.Amounts{{Currency: "USD", Value: huge}}
	require.NoError(t, json.Unmarshal(position.AppendAccountJSON(nil, &a), &got))
	require.Nil(t, got["balances"])
	requireValid(t, changes, position.AppendChangeJSON(nil, position.Stamp{}, &c))
}

package position_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// moveLines are good lines of the mutations that move positions without a fill,
// of those that undo one, and of what an instrument can say beside its kind.
func moveLines() []inputLine {
	key := `"account":"A","instrument":"X"`
	fill := key + `,"fill":"e-1","side":"sell","qty":"2","price":"-1"`
	return []inputLine{
		{name: "design split", line: `{"type":"split","instrument":"SPY","ratio":"2","time":"2026-01-02T03:04:05Z"}`},
		{name: "reverse split", line: `{"type":"split","id":"s","instrument":"X","ratio":"1","per":"10","increment":"1","cash_price":"0"}`},
		{name: "split without cash", line: `{"type":"split","instrument":"X","ratio":"1.5","increment":"0.01"}`},
		{name: "settle", line: `{"type":"settle","instrument":"X","price":"0"}`},
		{name: "settle delist", line: `{"type":"settle","instrument":"X","price":"-3.5","reason":"delist"}`},
		{name: "settle write-off", line: `{"type":"settle","instrument":"X","reason":"write_off"}`},
		{name: "transfer of all", line: `{"type":"transfer",` + key + `,"to_account":"B"}`},
		{name: "transfer of a lot", line: `{"type":"transfer",` + key + `,"leg":"long","to_strategy":"s","to_leg":"long","qty":"1","lot":"l-1","expect_version":4}`},
		{name: "transfer to no strategy", line: `{"type":"transfer",` + key + `,"strategy":"s","to_strategy":""}`},
		{name: "adjust", line: `{"type":"adjust",` + key + `,"qty":"-2","reason":"custody recount","ref":"T-1"}`},
		{name: "adjust with a price", line: `{"type":"adjust",` + key + `,"qty":"2","price":"-1","cost":"0","realized":"-3","funding":"4","reason":"r"}`},
		{name: "adjust spread by cost", line: `{"type":"adjust",` + key + `,"cost":"-30","spread":"cost","reason":"spin-off"}`},
		{name: "adjust spread by qty", line: `{"type":"adjust",` + key + `,"cost":"-30","spread":"qty","reason":"r"}`},
		{name: "adjust of the cost", line: `{"type":"adjust",` + key + `,"cost":"-0.000000000000000001","reason":"r"}`},
		{name: "adopt by price", line: `{"type":"adopt",` + key + `,"qty":"-3","price":"10"}`},
		{name: "adopt by cost", line: `{"type":"adopt",` + key + `,"qty":"3","cost":"30","realized":"0","funding":"1","high":"12","low":"12","opened":"2026-01-01T00:00:00Z","reason":"opening balance","ref":"S-7"}`},
		{name: "adopt flat", line: `{"type":"adopt",` + key + `,"qty":"0.0"}`},
		{name: "adopt lots", line: `{"type":"adopt",` + key + `,"qty":"3","lots":[{"qty":"1","price":"10","opened":"2026-01-01T00:00:00Z","label":"a"},{"qty":"2","cost":"22"}]}`},
		{name: "bust", line: `{"type":"bust",` + key + `,"fill":"e-1"}`},
		{name: "bust with a reason", line: `{"type":"bust",` + key + `,"fill":"e-1","reason":"clearly erroneous","expect_version":9}`},
		{name: "correct", line: `{"type":"correct",` + fill + `}`},
		{name: "correct fully", line: `{"type":"correct",` + fill + `,"fee":"-1","fee_currency":"USD","reason":"price"}`},
		{name: "longest reason", line: `{"type":"bust",` + key + `,"fill":"e-1","reason":"` + strings.Repeat("r", position.MaxReason) + `"}`},
		{name: "fill of a label", line: fillWith("lot", `"l-1"`)},
		{name: "fill of a lot's price", line: fillWith("lot", `{"price":"-1.5"}`)},
		{name: "fill of a day's lot", line: fillWith("lot", `{"opened":"2026-01-02","label":"l","price":"1"}`)},
		{name: "fill of a lot's instant", line: fillWith("lot", `{"opened":"2026-01-02T03:04:05.000000006+01:00"}`)},
		{name: "reduce only", line: fillWith("reduce_only", `true`)},
		{name: "reduce only or not", line: fillWith("reduce_only", `false`)},
		{name: "base fee apart", line: `{"type":"instrument","instrument":"X","kind":"spot","base":"B","quote":"Q","base_fee":"apart"}`},
		{name: "fee in the cost", line: `{"type":"charge",` + key + `,"kind":"fee","amount":"-1","currency":"BTC","in_cost":true}`},
		{name: "fee beside the cost", line: `{"type":"charge",` + key + `,"kind":"other","amount":"-1","currency":"BTC","in_cost":false}`},
		{name: "realized charge", line: `{"type":"charge",` + key + `,"kind":"realized","amount":"1","currency":"USD"}`},
		{name: "full instrument", line: `{"type":"instrument","instrument":"X","kind":"inverse","base":"B","price_increment":"0.5","size_increment":"100","cost_method":"specific-size","over_reduction":"strict",` +
			`"rounding":{"value":"8 half-even","value_per":"100","average":"6 significant half-even","realized":"2 down"}}`},
		{name: "exact rounding", line: `{"type":"instrument","instrument":"X","kind":"linear","cost_method":"average","rounding":{"average":"exact","value":"0 ceiling","realized":"18 significant floor"}}`},
		{name: "empty rounding", line: `{"type":"instrument","instrument":"X","kind":"linear","rounding":{}}`},
	}
}

// badMoveLines are refused, each for the reason given.
func badMoveLines() []inputLine {
	key := `"account":"A","instrument":"X"`
	const sums = "a schema does not compare members"
	rounding := func(r string) string {
		return `{"type":"instrument","instrument":"X","kind":"linear","rounding":` + r + `}`
	}
	adopt := func(rest string) string { return `{"type":"adopt",` + key + rest + `}` }
	return []inputLine{
		{"split without ratio", `{"type":"split","instrument":"X"}`, "ratio is missing in a split", ""},
		{"split by zero", `{"type":"split","instrument":"X","ratio":"0"}`, "ratio must be positive", ""},
		{"split per zero", `{"type":"split","instrument":"X","ratio":"2","per":"0"}`, "per must be positive", ""},
		{"split with increment zero", `{"type":"split","instrument":"X","ratio":"2","increment":"0.0"}`, "increment must be positive", ""},
		{"cash without increment", `{"type":"split","instrument":"X","ratio":"2","cash_price":"1"}`, "cash_price has no meaning without an increment", ""},
		{"split of an account", `{"type":"split","account":"A","instrument":"X","ratio":"2"}`, `"account" is not a member of a split: those are type, id, time, instrument, ratio`, ""},
		{"split of a version", `{"type":"split","instrument":"X","ratio":"2","expect_version":1}`, `"expect_version" is not a member of a split`, ""},
		{"settle without price", `{"type":"settle","instrument":"X"}`, "price is missing in a settle: only a write_off has none", ""},
		{"delist without price", `{"type":"settle","instrument":"X","reason":"delist"}`, "price is missing", ""},
		{"write-off with a price", `{"type":"settle","instrument":"X","price":"0","reason":"write_off"}`, "price has no meaning for a write-off", ""},
		{"settle for fun", `{"type":"settle","instrument":"X","price":"1","reason":"fun"}`, `reason "fun" is none of expiry, delist, write_off`, ""},
		{"transfer to itself", `{"type":"transfer",` + key + `}`, "to_account or to_strategy or to_leg must differ", ""},
		{"transfer to its own account", `{"type":"transfer",` + key + `,"to_account":"A"}`, "must differ from where the quantity leaves", sums},
		{"transfer of nothing", `{"type":"transfer",` + key + `,"to_account":"B","qty":"0"}`, "qty must be positive", ""},
		{"transfer of a bad lot", `{"type":"transfer",` + key + `,"to_account":"B","lot":""}`, "lot is empty", ""},
		{"adjust without reason", `{"type":"adjust",` + key + `,"qty":"1"}`, "reason is missing in an adjust", ""},
		{"adjust for no reason", `{"type":"adjust",` + key + `,"qty":"1","reason":""}`, "reason is empty", ""},
		{"adjust of nothing", `{"type":"adjust",` + key + `,"qty":"0","cost":"0.0","reason":"r"}`, "an adjustment must change something", ""},
		{"adjust with a price only", `{"type":"adjust",` + key + `,"cost":"1","price":"2","reason":"r"}`, "price has no meaning without qty", ""},
		{"reason of two lines", `{"type":"bust",` + key + `,"fill":"f","reason":"a\nb"}`, "reason holds the unprintable character U+000A", ""},
		{"reason too long", `{"type":"bust",` + key + `,"fill":"f","reason":"` + strings.Repeat("r", position.MaxReason+1) + `"}`, "reason is 1025 bytes long, at most 1024", ""},
		{"reason a number", `{"type":"bust",` + key + `,"fill":"f","reason":1}`, "reason must be a string, not a number", ""},
		{"spread without cost", `{"type":"adjust",` + key + `,"qty":"1","spread":"qty","reason":"r"}`, "spread has no meaning without cost", ""},
		{"spread of no cost", `{"type":"adjust",` + key + `,"qty":"1","cost":"0","spread":"cost","reason":"r"}`, "spread has no meaning without cost", ""},
		{"bad spread", `{"type":"adjust",` + key + `,"cost":"1","spread":"value","reason":"r"}`, `spread "value" is none of qty, cost`, ""},
		{"long ref", `{"type":"adjust",` + key + `,"qty":"1","reason":"r","ref":"` + strings.Repeat("r", 65) + `"}`, "ref is 65 bytes long", ""},
		{"adopt without qty", adopt(`,"price":"1"`), "qty is missing in an adopt", ""},
		{"adopt without value", adopt(`,"qty":"1"`), "price or cost or lots is required, and only one of them", ""},
		{"adopt at two values", adopt(`,"qty":"1","price":"1","cost":"1"`), "only one of them", ""},
		{"adopt flat at a price", adopt(`,"qty":"0","price":"1"`), "have no meaning for a flat position", ""},
		{"high below low", adopt(`,"qty":"0","high":"1","low":"2"`), "high is below low", sums},
		{"bad opened", adopt(`,"qty":"0","opened":"2026-01-02"`), `opened "2026-01-02" is no RFC 3339 time`, ""},
		{"opened too early", adopt(`,"qty":"0","opened":"1969-01-02T00:00:00Z"`), `opened 1969-01-02T00:00:00Z is outside 1970 to 2261`, ""},
		{"no lots", adopt(`,"qty":"1","lots":[]`), "lots is empty: leave it out", ""},
		{"lots an object", adopt(`,"qty":"1","lots":{}`), "lots must be an array, not an object", ""},
		{"lot a number", adopt(`,"qty":"1","lots":[1]`), "lots number 1: must be an object, not a number", ""},
		{"lot without qty", adopt(`,"qty":"1","lots":[{"price":"1"}]`), "lots number 1: qty is missing", ""},
		{"lot without value", adopt(`,"qty":"1","lots":[{"qty":"1"}]`), "lots number 1: price or cost is required", ""},
		{"lot at two values", adopt(`,"qty":"1","lots":[{"qty":"1","price":"1","cost":"1"}]`), "only one of them", ""},
		{"lot with a plain number", adopt(`,"qty":"2","lots":[{"qty":"1","price":"1"},{"qty":1,"price":"1"}]`), `lots number 2: qty must be a decimal in a string, such as "1"`, ""},
		{"lot with a strange member", adopt(`,"qty":"1","lots":[{"qty":"1","price":"1","when":"x"}]`), `lots number 1: has the unknown member "when"; its members are qty, price, cost, opened, label`, ""},
		{"lot with a member twice", adopt(`,"qty":"1","lots":[{"qty":"1","qty":"1","price":"1"}]`), "lots number 1: has qty twice", unseen},
		{"lot opened on a day", adopt(`,"qty":"1","lots":[{"qty":"1","price":"1","opened":"2026-01-01"}]`), `lots number 1: opened "2026-01-01" is no RFC 3339 time`, ""},
		{"lot without label", adopt(`,"qty":"1","lots":[{"qty":"1","price":"1","label":""}]`), "lots number 1: label is empty", ""},
		{"lot of zero", adopt(`,"qty":"1","lots":[{"qty":"0","price":"1"},{"qty":"1","price":"1"}]`), "number 1: qty must have the sign of the position's", ""},
		{"lot of the other side", adopt(`,"qty":"1","lots":[{"qty":"-1","price":"1"},{"qty":"2","price":"1"}]`), "number 1: qty must have the sign", sums},
		{"lots that do not sum", adopt(`,"qty":"1","lots":[{"qty":"2","price":"1"}]`), "lots sum to 2, qty is 1", sums},
		{"10,001 lots", adopt(`,"qty":"10001","lots":[` + strings.Repeat(`{"qty":"1","cost":"1"},`, 10_000) + `{"qty":"1","cost":"1"}]`), "lots has more than 10000 members", ""},
		{"bust without fill", `{"type":"bust",` + key + `}`, "fill is missing in a bust", ""},
		{"bust of no id", `{"type":"bust",` + key + `,"fill":""}`, "fill is empty", ""},
		{"correct without price", `{"type":"correct",` + key + `,"fill":"f","side":"buy","qty":"1"}`, "price is missing in a correct", ""},
		{"correct to nothing", `{"type":"correct",` + key + `,"fill":"f","side":"buy","qty":"0","price":"1"}`, "qty must be positive", ""},
		{"correct a lot", `{"type":"correct",` + key + `,"fill":"f","side":"buy","qty":"1","price":"1","lot":"l"}`, `"lot" is not a member of a correct`, ""},
		{"empty lot", fillWith("lot", `""`), "lot is empty", ""},
		{"lot of nothing", fillWith("lot", `{}`), "lot selects nothing", ""},
		{"lot null", fillWith("lot", `null`), "lot must be a lot's label or an object with label, price or opened, not null", ""},
		{"lot with a bad member", fillWith("lot", `{"id":"1"}`), `lot has the unknown member "id"; its members are label, price, opened`, ""},
		{"lot with a plain price", fillWith("lot", `{"price":1.5}`), `lot price must be a decimal in a string, such as "1.5"`, ""},
		{"lot of an empty label", fillWith("lot", `{"label":""}`), "lot label is empty", ""},
		{"lot of no day", fillWith("lot", `{"opened":"yesterday"}`), `lot opened "yesterday" is neither a date nor an RFC 3339 time`, ""},
		{"lot of February 30", fillWith("lot", `{"opened":"2026-02-30"}`), "neither a date nor", ""},
		{"lot of a long label", fillWith("lot", quoted(strings.Repeat("a", 65))), "lot is 65 bytes long", ""},
		{"reduce only as text", fillWith("reduce_only", `"true"`), "reduce_only must be true or false, not a string", ""},
		{"funding in the cost", `{"type":"charge",` + key + `,"kind":"funding","amount":"1","currency":"BTC","in_cost":true}`, "in_cost is for a charge of kind fee with an instrument", ""},
		{"fee of an account in the cost", `{"type":"charge","account":"A","kind":"fee","amount":"1","currency":"BTC","in_cost":true}`, "in_cost is for a charge of kind fee with an instrument", ""},
		{"base fee of a future", `{"type":"instrument","instrument":"X","kind":"linear","base_fee":"apart"}`, "base_fee has a meaning for spot instruments only", ""},
		{"lot twice", fillWith("lot", `"a","lot":"b"`), "lot is given twice", unseen},
		{"price increment zero", `{"type":"instrument","instrument":"X","kind":"linear","price_increment":"0"}`, "price_increment must be positive", ""},
		{"negative size increment", `{"type":"instrument","instrument":"X","kind":"linear","size_increment":"-1"}`, "size_increment must be positive", ""},
		{"bad cost method", `{"type":"instrument","instrument":"X","kind":"linear","cost_method":"inherited"}`, `cost_method "inherited" is none of average, fifo, lifo, hifo, specific, specific-size`, ""},
		{"bad over-reduction", `{"type":"instrument","instrument":"X","kind":"linear","over_reduction":"reject"}`, `over_reduction "reject" is none of flip, strict`, ""},
		{"rounding a text", rounding(`"2 down"`), "rounding must be an object, not a string", ""},
		{"rounding of the unknown", rounding(`{"fee":"2 down"}`), `rounding has the unknown member "fee"; its members are value, value_per, average, realized`, ""},
		{"rounding by a bad mode", rounding(`{"value":"2 bankers"}`), `rounding value "2 bankers" is not digits and mode`, ""},
		{"rounding without digits", rounding(`{"value":"down"}`), "is not digits and mode", ""},
		{"rounding to 19 digits", rounding(`{"realized":"19 down"}`), "19 digits, at most 18", ""},
		{"rounding to 0 significant", rounding(`{"average":"0 significant up"}`), "at least one significant digit", ""},
		{"rounding a number", rounding(`{"value":2}`), "rounding value must be a string, not a number", ""},
		{"rounding per nothing", rounding(`{"value":"2 up","value_per":"0"}`), "rounding value_per must be positive", ""},
		{"rounding per without value", rounding(`{"value_per":"1"}`), "value_per has no meaning without value", ""},
		{"rounding per exact value", rounding(`{"value":"exact","value_per":"1"}`), "value_per has no meaning without value", ""},
	}
}

func TestUnmarshalReadsEveryMove(t *testing.T) {
	netting := position.Key{Account: "A", Instrument: "X"}
	dec := func(s string) *position.Decimal { d := num(s); return &d }
	want := map[string]position.Mutation{
		"reverse split": position.Split{
			Meta: position.Meta{Ident: "s"}, Instrument: "X", Ratio: num("1"), Per: num("10"), Increment: num("1"), CashPrice: dec("0"),
		},
		"settle delist":    position.Settle{Instrument: "X", Price: num("-3.5"), Reason: position.Delist},
		"settle write-off": position.Settle{Instrument: "X", Reason: position.WriteOff},
		"transfer of all":  position.Transfer{Key: netting, ToAccount: "B"},
		"adjust with a price": position.Adjust{
			Key: netting, Qty: num("2"), Price: dec("-1"), Realized: num("-3"), Funding: num("4"), Reason: "r",
		},
		"adjust spread by cost": position.Adjust{Key: netting, Cost: num("-30"), Spread: position.SpreadByCost, Reason: "spin-off"},
		"adjust spread by qty":  position.Adjust{Key: netting, Cost: num("-30"), Reason: "r"},
		"adopt by cost": position.Adopt{
			Key: netting, Qty: num("3"), Cost: dec("30"), Realized: dec("0"), Funding: dec("1"), High: dec("12"), Low: dec("12"),
			Opened: 1_767_225_600_000_000_000, Reason: "opening balance", Ref: "S-7",
		},
		"adopt flat": position.Adopt{Key: netting},
		"adopt lots": position.Adopt{Key: netting, Qty: num("3"), Lots: []position.AdoptedLot{
			{Qty: num("1"), Price: dec("10"), Opened: 1_767_225_600_000_000_000, Label: "a"}, {Qty: num("2"), Cost: dec("22")},
		}},
		"bust": position.Bust{Key: netting, Fill: "e-1"},
		"correct fully": position.Correct{
			Key: netting, Fill: "e-1", Side: position.Sell, Qty: num("2"), Price: num("-1"), Fee: num("-1"), FeeCurrency: "USD", Reason: "price",
		},
		"full instrument": position.DefineInstrument{
			Instrument: "X", PriceIncrement: num("0.5"), SizeIncrement: num("100"),
			Terms: position.Terms{Kind: position.Inverse, Base: "B", CostMethod: position.SpecificSize, OverReduction: position.RejectOver, Rounding: position.Rounding{
				Value: position.Round{Mode: position.HalfEven, Digits: 8}, ValuePer: num("100"),
				Average:  position.Round{Mode: position.HalfEven, Digits: 6, Significant: true},
				Realized: position.Round{Mode: position.Down, Digits: 2},
			}},
		},
		"realized charge": position.Charge{Key: netting, Kind: position.RealizedCharge, Amount: num("1"), Currency: "USD"},
	}
	met := 0
	for _, l := range moveLines() {
		m, err := position.UnmarshalMutation([]byte(l.line))
		require.NoError(t, err, l.name)
		if w := want[l.name]; w != nil {
			met++
			require.Equal(t, w, m, l.name)
		}
		b, err := position.MarshalMutation(m)
		require.NoError(t, err, l.name)
		again, err := position.UnmarshalMutation(b)
		require.NoError(t, err, "%s", b)
		require.Equal(t, m, again, "%s", b)
	}
	require.Len(t, want, met)

	ten := position.Adopt{Key: netting, Qty: num("10000")}
	for range position.MaxLots {
		ten.Lots = append(ten.Lots, position.AdoptedLot{Qty: num("1"), Cost: dec("1")})
	}
	b, err := position.MarshalMutation(ten)
	require.NoError(t, err)
	again, err := position.UnmarshalMutation(b)
	require.NoError(t, err)
	require.Equal(t, ten, again)
}

func TestLotSelection(t *testing.T) {
	dec := num("-1.5")
	for text, want := range map[string]position.LotRef{
		`"l-1"`:                   {Label: "l-1"},
		`{"price":"-1.5"}`:        {Price: &dec},
		`{"opened":"2026-01-02"}`: {Opened: "2026-01-02"},
		`{"label":"l","opened":"2026-01-02T03:04:05Z","price":"-1.5"}`: {Label: "l", Price: &dec, Opened: "2026-01-02T03:04:05Z"},
	} {
		m, err := position.UnmarshalMutation([]byte(fillWith("lot", text)))
		require.NoError(t, err)
		f, ok := m.(position.Fill)
		require.True(t, ok)
		require.Equal(t, &want, f.Lot)
		b, err := position.MarshalMutation(f)
		require.NoError(t, err)
		var back map[string]any
		require.NoError(t, json.Unmarshal(b, &back))
		var given any
		require.NoError(t, json.Unmarshal([]byte(text), &given))
		require.Equal(t, given, back["lot"])
	}
}

func TestMutationMembers(t *testing.T) {
	require.Equal(t, []string{
		"fill", "mark", "charge", "amend", "instrument", "split", "settle", "transfer", "adjust", "adopt", "bust", "correct",
	}, position.MutationTypes())
	for _, name := range position.MutationTypes() {
		members := position.MutationMembers(name)
		require.Equal(t, []string{"type", "id", "time"}, members[:3])
		seen := map[string]bool{}
		for _, m := range members {
			require.False(t, seen[m], "%s has %s twice", name, m)
			seen[m] = true
		}
	}
	require.Nil(t, position.MutationMembers("epoch"))
}

// lotted is a position under a cost method with n lots.
func lotted(n int) *position.Position {
	p := sample.Position()
	terms := *p.Terms
	terms.Kind, terms.CostMethod = position.Linear, position.FIFO
	p.Terms = &terms
	p.Lots = &position.Lots{Count: n, Next: uint64(n + 1), Sum: [16]byte{0xab, 15: 0xcd}}
	for i := range n {
		p.Lots.Open = append(p.Lots.Open, position.Lot{
			ID: uint64(i + 1), Qty: num("2"), Cost: num("25"), Opened: sample.Time, Label: fmt.Sprintf("l-%d", i+1),
		})
	}
	return p
}

func TestLotsInJSON(t *testing.T) {
	positions, changes := compile(t, position.PositionSchema()), compile(t, position.ChangeSchema())
	p := lotted(2)
	b := position.AppendPositionJSON(nil, p)
	requireValid(t, positions, b)
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, "fifo", got["cost_method"])
	list := []any{
		map[string]any{"lot": 1.0, "qty": "2", "cost": "25", "price": "12.5", "opened": "2026-01-02T03:04:05.000000006Z", "label": "l-1"},
		map[string]any{"lot": 2.0, "qty": "2", "cost": "25", "price": "12.5", "opened": "2026-01-02T03:04:05.000000006Z", "label": "l-2"},
	}
	require.Equal(t, list, got["lots"])
	digest := map[string]any{"count": 2.0, "next": 3.0, "digest": "ab0000000000000000000000000000cd"}
	require.Equal(t, digest, got["lots_digest"])

	c := position.Change{
		Kind: position.Reduced, Parts: 1, Cause: sample.Fill(), Prev: 7, Fill: 5, After: p,
		Consumed: []position.LotUse{{ID: 3, Qty: num("1"), Cost: num("9")}}, Opened: p.Lots.Open[:1],
	}
	fresh := position.AppendChangeJSON(nil, position.Stamp{Seq: 9}, &c)
	requireValid(t, changes, fresh)
	require.NoError(t, json.Unmarshal(fresh, &got))
	require.EqualValues(t, 7, got["prev"])
	require.EqualValues(t, 5, got["fill_seq"])
	require.Equal(t, []any{map[string]any{"lot": 3.0, "qty": "1", "cost": "9"}}, got["consumed"])
	require.Equal(t, list[:1], got["opened"])
	after, ok := got["after"].(map[string]any)
	require.True(t, ok)
	require.Nil(t, after["lots"])
	require.Equal(t, digest, after["lots_digest"])

	stripped := *p.Lots
	stripped.Open = nil
	p.Lots = &stripped
	require.Equal(t, string(fresh), string(position.AppendChangeJSON(nil, position.Stamp{Seq: 9}, &c)), "one text, whether lots are at hand or not")
	got = nil
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, p), &got))
	require.Contains(t, got, "lots")
	require.Nil(t, got["lots"], "unknown, not none")

	flat := lotted(0)
	flat.Qty, flat.Cost = num("0"), num("0")
	got = nil
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, flat), &got))
	require.Equal(t, []any{}, got["lots"])
	c = position.Change{Kind: position.Closed, Parts: 1, Cause: sample.Fill(), After: sample.Position()}
	got = nil
	require.NoError(t, json.Unmarshal(position.AppendChangeJSON(nil, position.Stamp{}, &c), &got))
	for _, name := range []string{"fill_seq", "consumed", "opened"} {
		require.NotContains(t, got, name, "under average cost")
	}
}

// The largest change that can be journaled stays publishable.
func TestLargestChangeInJSON(t *testing.T) {
	c := position.Change{Kind: position.Closed, Parts: 1, Cause: sample.Fill(), After: lotted(0)}
	widest := num("-0.123456789012345678")
	for i := range position.MaxLots {
		c.Consumed = append(c.Consumed, position.LotUse{ID: uint64(i), Qty: widest, Cost: widest})
	}
	b := position.AppendChangeJSON(nil, position.Stamp{}, &c)
	require.Less(t, len(b), 1<<20)
	requireValid(t, compile(t, position.ChangeSchema()), b)
}

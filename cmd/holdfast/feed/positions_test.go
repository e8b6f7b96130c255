package feed_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/statefile"
	"github.com/moneyprinter/holdfast/position"
)

// The samples are ours, in the layouts of the bots.
const (
	// withHistory has the history arrays; its size is money.
	withHistory = `{"mint":"MintAAAA","entryPrice":0.0000321,"size":0.05,"currentPrice":0.00004,"remainingSize":0.6,"highPrice":4.5e-5,"entryTime":1734344100000,"symbol":"ABC",
 "priceHistory":[0.0000321,0.00003,0.00004],"volumeHistory":[{"timestamp":1734344100000,"volume":1,"volume1m":1,"volume5m":1,"volume30m":1}],
 "candleHistory":[{"timestamp":1734344100000,"open":1e-5,"high":0.000046,"low":0.00002,"close":1e-5,"volume":3}],"profitHistory":[1.5],
 "partialExits":[{"portion":0.4,"exitPrice":0.000042,"profitLoss":30.84,"timestamp":1734344200000}]}`
	withoutHistory = `{"mint":"MintBBBB","entryPrice":2,"currentPrice":3,"size":10,"remainingSize":1,"entryTime":1734344100000,"state":"active",
 "profitLoss":{"percentage":50,"amount":5},"holdTime":1000,"volume":1,"volume5m":1,"highestPrice":3.5,"lowestPrice":1.5,"maxDrawdown":25,"maxUpside":75,"lastUpdate":1734344300000}`
	dumped = `{"mint":"MintCCCC","entryPrice":2,"size":10,"highestPrice":2,"lowestPrice":2,"remainingSize":5.55e-17,"currentPrice":4,"entryTime":"2024-12-16T10:15:00.000Z","maxDrawdown":0,
 "state":"active","partialExits":[{"portion":0.4,"remainingSize":0.6,"exitPrice":3,"profitLoss":2,"timestamp":"2024-12-16T10:16:00.000Z"},
 {"portion":0.4,"exitPrice":4,"timestamp":"2024-12-16T10:17:00.000Z"},{"portion":0.2,"exitPrice":1,"timestamp":"2024-12-16T10:18:00.000Z"}]}`
	later = `{"mint":"MintDDDD","symbol":"DDD","entryPrice":2,"currentPrice":3,"size":10,"remainingSize":0.75,"pnlPercent":50,"pnlUSD":1,"maxDrawdown":0,"maxUpside":50,
 "entryTime":1734344100000,"lastUpdate":1734344300000,"state":"active","partialExits":[{"portion":0.25,"price":2.5,"timestamp":1734344200000,"pnl":25,"size":2.5}]}`
	documented = `{"id":"0f8fad5b-d9cb-469f-a165-70867728950e","token":"TokenFFFF","entryPrice":2,"size":10,"remainingSize":4,"isOpen":true,"maxDrawdown":15,"openTime":1734344100000,"lastUpdateTime":1734344300000}`
)

func wrapped(positions ...string) string {
	return `{"positions":[` + strings.Join(positions, ",") + `],"lastSaved":"2024-12-16T10:30:00.000Z"}`
}

func imported(tb testing.TB, text string, o statefile.Options) *statefile.Imported {
	tb.Helper()
	im, err := statefile.Read(strings.NewReader(text), o)
	require.NoError(tb, err)
	ids := map[string]bool{}
	for _, e := range im.Entries {
		require.NoError(tb, e.Mutation.Validate())
		require.NoError(tb, uuid.Validate(e.Mutation.ID()))
		require.False(tb, ids[e.Mutation.ID()], "%+v", e.Mutation)
		ids[e.Mutation.ID()] = true
	}
	again, err := statefile.Read(strings.NewReader(text), o)
	require.NoError(tb, err)
	require.Equal(tb, im, again, "a second import is the same")
	return im
}

// folded applies an import to an empty state.
func folded(tb testing.TB, im *statefile.Imported) *state {
	tb.Helper()
	s := newState()
	for _, e := range im.Entries {
		s.apply(tb, e.Mutation.Identified(e.Mutation.ID(), 1))
	}
	return s
}

func only(tb testing.TB, s *state) *position.Position {
	tb.Helper()
	require.Len(tb, s.positions, 1)
	for _, p := range s.positions {
		return p
	}
	return nil
}

func kinds(im *statefile.Imported) string {
	var names []string
	for _, e := range im.Entries {
		names = append(names, e.Mutation.Type())
	}
	return strings.Join(names, " ")
}

func TestPositionsLayouts(t *testing.T) {
	type want struct {
		kinds, qty, cost, realized, high, low, mark string
		warnings, unknown                           int
	}
	for name, c := range map[string]struct {
		text string
		o    statefile.Options
		want want
	}{
		"with history": {wrapped(withHistory), statefile.Options{}, want{
			// 0.05 of money at 0.0000321 is 1557.63… of tokens, of which 0.6 stays.
			"instrument fill fill mark mark mark amend", "934.579439252336448598", "0.03", "0.006168224299065421", "0.000046", "0.00002", "0.00004", 0, 1,
		}},
		"without history": {wrapped(withoutHistory), statefile.Options{}, want{
			"instrument fill mark mark mark amend", "5", "10", "0", "3.5", "1.5", "3", 0, 2,
		}},
		"dumped, all sold": {wrapped(dumped), statefile.Options{}, want{"instrument fill fill fill fill", "0", "0", "5", "4", "1", "", 0, 0}},
		"later":            {wrapped(later), statefile.Options{}, want{"instrument fill fill mark amend", "7.5", "15", "1.25", "3", "2", "3", 0, 0}},
		"documented":       {`[` + documented + `]`, statefile.Options{}, want{"instrument adopt amend", "4", "8", "0", "2", "2", "", 1, 1}},
		"size by option": {wrapped(withoutHistory), statefile.Options{Size: statefile.SizeBase}, want{
			"instrument fill mark mark mark amend", "10", "20", "0", "3.5", "1.5", "3", 0, 2,
		}},
		"remaining by option": {wrapped(strings.Replace(later, "0.75", "7.5", 1)), statefile.Options{Remaining: statefile.RemainingAbsolute}, want{
			"instrument fill fill mark amend", "7.5", "15", "1.25", "3", "2", "3", 0, 0,
		}},
		"remaining above one": {wrapped(strings.Replace(later, "0.75", "7.5", 1)), statefile.Options{}, want{
			"instrument fill fill mark amend", "7.5", "15", "1.25", "3", "2", "3", 0, 0,
		}},
		"exits lost": {wrapped(strings.Replace(withoutHistory, `"remainingSize":1`, `"remainingSize":0.25`, 1)), statefile.Options{}, want{
			"instrument adopt mark amend", "1.25", "2.5", "0", "3.5", "1.5", "3", 1, 2,
		}},
		"exits that do not add up": {wrapped(strings.Replace(later, "0.75", "0.5", 1)), statefile.Options{}, want{
			"instrument adopt mark amend", "5", "10", "1.25", "3", "2", "3", 1, 0,
		}},
		"by name": {`{"BTCUSDT:SHORT":{"symbol":"BTCUSDT","side":"SHORT","quantity":0.5,"entry_price":"2e4","entry_time":1734344100,"current_price":19000}}`, statefile.Options{Settlement: "USDT"}, want{
			"instrument fill mark amend", "-0.5", "-10000", "0", "20000", "19000", "19000", 0, 0,
		}},
		"dust of doubles": {wrapped(`{"mint":"M","entryPrice":3,"size":10,"remainingSize":-2.7e-17,"entryTime":1734344100000,"partialExits":[` +
			`{"portion":0.3333333333333333,"exitPrice":6},{"portion":0.6666666666666667,"exitPrice":3}]}`), statefile.Options{}, want{"instrument fill fill fill", "0", "0", "3.333333333333333000", "6", "3", "", 0, 0}},
		"named positions": {`{"positions":{"X":{"amount":2,"entryPrice":3}},"lastSaved":null}`, statefile.Options{}, want{"instrument fill", "2", "6", "0", "3", "3", "", 1, 0}},
		"active":          {`{"active":{"X":{"qty":2,"entryPrice":3}},"closed":{}}`, statefile.Options{}, want{"instrument fill", "2", "6", "0", "3", "3", "", 1, 0}},
		"short positions": {`{"long_positions":{},"short_positions":{"X":{"qty":2,"entry_price":3}},"last_updated":"2024-12-16T10:30:00Z"}`, statefile.Options{}, want{"instrument fill", "-2", "-6", "0", "3", "3", "", 1, 0}},
		"closed": {wrapped(`{"mint":"M","entryPrice":2,"size":10,"remainingSize":0.5,"state":"closed","entryTime":1734344100000,"closedAt":1734344200000,"exitPrice":3,` +
			`"partialExits":[{"portion":0.5,"exitPrice":4,"timestamp":1734344150000}]}`), statefile.Options{}, want{"instrument fill fill fill", "0", "0", "7.5", "4", "2", "", 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			im := imported(t, c.text, c.o)
			require.Equal(t, c.want.kinds, kinds(im))
			require.Equal(t, 1, im.Positions)
			require.Len(t, im.Warnings, c.want.warnings, "%v", im.Warnings)
			require.Equal(t, c.want.unknown, im.Unknown)
			s := folded(t, im)
			p := only(t, s)
			require.Equal(t, position.MustParse(c.want.qty), p.Qty)
			require.Equal(t, position.MustParse(c.want.cost), p.Cost)
			require.Equal(t, position.MustParse(c.want.realized), p.Totals.Realized)
			require.Equal(t, c.want.high, p.High.String())
			require.Equal(t, c.want.low, p.Low.String())
			in := s.instruments[p.Key.Instrument]
			require.Equal(t, c.want.mark != "", in.MarkTime != 0)
			if c.want.mark != "" {
				require.Equal(t, c.want.mark, in.Mark.String())
			}
			require.Equal(t, "main", p.Key.Account)
		})
	}
}

func TestPositionsTell(t *testing.T) {
	im := imported(t, wrapped(withHistory), statefile.Options{Account: "bot", Strategy: "snipe"})
	p := only(t, folded(t, im))
	require.Equal(t, position.Key{Account: "bot", Instrument: "MintAAAA", Strategy: "snipe"}, p.Key)
	require.Equal(t, at(t, "2024-12-16T10:15:00Z"), p.OpenedAt)
	require.Equal(t, []position.MetaItem{{Name: "symbol", Value: "ABC"}}, p.Conditions.Meta)
	require.Equal(t, "SOL", p.Terms.Settlement)
	for _, e := range im.Entries {
		if m, ok := e.Mutation.(position.Mark); ok {
			require.Equal(t, at(t, "2024-12-16T10:30:00Z"), m.Time, "when the file was saved")
		}
	}
	other := imported(t, wrapped(withHistory), statefile.Options{Account: "bot 2"})
	require.Equal(t, im.Entries[0].Mutation, other.Entries[0].Mutation, "the instrument is the same")
	for i, e := range im.Entries[1:] {
		require.NotEqual(t, e.Mutation.ID(), other.Entries[i+1].Mutation.ID())
	}

	// A later state of the file repeats what was there and adds an exit.
	grown := strings.NewReplacer(`"remainingSize":0.6`, `"remainingSize":0.5`, `"timestamp":1734344200000}]}`, `"timestamp":1734344200000},{"portion":0.1,"exitPrice":0.00005,"timestamp":1734344250000}]}`).Replace(withHistory)
	next := imported(t, wrapped(grown), statefile.Options{Account: "bot", Strategy: "snipe"})
	require.Equal(t, "instrument fill fill fill mark mark mark amend", kinds(next))
	require.Equal(t, im.Entries[1], next.Entries[1])
	require.Equal(t, im.Entries[2].Mutation.ID(), next.Entries[2].Mutation.ID())
	first, ok := im.Entries[2].Mutation.(position.Fill)
	require.True(t, ok)
	second, ok := next.Entries[2].Mutation.(position.Fill)
	require.True(t, ok)
	require.Equal(t, first, second, "the exit is the one that was imported")

	im = imported(t, wrapped(withoutHistory, documented), statefile.Options{})
	require.Equal(t, 2, im.Positions)
	require.Equal(t, []int{1, 2}, []int{im.Entries[0].Line, im.Entries[len(im.Entries)-1].Line})
	require.Len(t, folded(t, im).positions, 2)
	im = imported(t, wrapped(), statefile.Options{})
	require.Empty(t, im.Entries)
}

func TestPositionsRefused(t *testing.T) {
	for text, want := range map[string]error{
		"": feed.ErrEmpty, " \n": feed.ErrEmpty,
		`{"iv":"00","data":"ff","tag":"11"}`:                                     statefile.ErrEncrypted,
		`{"data":{"iv":"00","data":"ff","tag":"11"}}`:                            statefile.ErrEncrypted,
		`{"positions":[{"mint":"m","data":{"iv":"00","data":"ff","tag":"11"}}]}`: statefile.ErrEncrypted,
		`{"positions":[{"iv":"00","data":"ff","tag":"11"}]}`:                     statefile.ErrEncrypted,
		`{"positions":[`: feed.ErrFormat, `[] x`: feed.ErrFormat, `7`: feed.ErrFormat, `{}`: feed.ErrFormat,
		`{"positions":7}`: feed.ErrFormat, `{"a":{"b":1}}`: feed.ErrFormat, `{"positions":[],"lastSaved":"soon"}`: feed.ErrFormat,
		`[7]`: feed.ErrLine, `[{}]`: feed.ErrLine,
	} {
		im, err := statefile.Read(strings.NewReader(text), statefile.Options{})
		require.ErrorIs(t, err, want, "%s", text)
		require.Nil(t, im)
	}
	for _, c := range []struct{ old, replacement, text string }{
		{`"entryPrice":2`, `"entryPrice":0`, "entryPrice must be positive"},
		{`"entryPrice":2,`, ``, "entryPrice is missing"},
		{`"entryPrice":2`, `"entryPrice":"two"`, `entryPrice "two" is not a number`},
		{`"entryPrice":2`, `"entryPrice":1e999`, `entryPrice "1e999" is out of range`},
		{`"entryPrice":2`, `"entryPrice":1e40`, `entryPrice 1000000000000000000000000000000000000000… is out of range`},
		{`"size":10`, `"size":0`, "size is zero"},
		{`"size":10,`, ``, "size is missing"},
		{`"size":10`, `"size":1e-30`, "size is zero"},
		{`"size":10`, `"size":true`, "size is not a number"},
		{`"remainingSize":0.75`, `"remainingSize":-0.1`, "remainingSize -0.1 is negative"},
		{`"remainingSize":0.75`, `"remainingSize":11`, "remainingSize 11 is more than size 10"},
		{`"portion":0.25`, `"portion":0`, "partialExits: number 1: portion must be positive"},
		{`"portion":0.25,`, ``, "partialExits: number 1: portion is missing"},
		{`"price":2.5,`, ``, "partialExits: number 1: exitPrice is missing"},
		{`"timestamp":1734344200000`, `"timestamp":-1`, "partialExits: number 1: timestamp"},
		{`"entryTime":1734344100000`, `"entryTime":1e30`, "entryTime"},
		{`"mint":"MintDDDD"`, `"mint":"` + strings.Repeat("M", 65) + `"`, "instrument is 65 bytes long"},
		{`"symbol":"DDD"`, `"symbol":"DDD","side":"both"`, `side "both" is neither long nor short`},
		{`"state":"active"`, `"state":"PENDING"`, "it is pending"},
	} {
		text := strings.Replace(later, c.old, c.replacement, 1)
		require.NotEqual(t, later, text)
		_, err := statefile.Read(strings.NewReader(wrapped(withHistory, text)), statefile.Options{})
		var bad *statefile.PositionError
		require.ErrorAs(t, err, &bad, "%+v", c)
		require.ErrorIs(t, err, feed.ErrLine)
		require.Equal(t, 2, bad.Number)
		require.ErrorContains(t, err, "position 2 (")
		require.ErrorContains(t, err, c.text, "%+v", c)
		require.Less(t, len(err.Error()), 300)
	}
}

func TestPositionsNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"3.21e-8": "0.0000000321", "1E+2": "100", "12.5": "12.5", "0.1000000000000000055": "0.100000000000000006", "1e-18": "0.000000000000000001",
		"0.0000000000000000025": "0.000000000000000002", "0.0000000000000000035": "0.000000000000000004", "0.00000000000000000250001": "0.000000000000000003",
		"1.0000000000000000004999": "1", "100000000000000000000": "100000000000000000000", "0.1e1": "1", "5e-19": "", "1.5e20": "150000000000000000000",
	} {
		im, err := statefile.Read(strings.NewReader(fmt.Sprintf(`[{"mint":"m","entryPrice":1,"entryTime":1734344100000,"size":%s}]`, text)), statefile.Options{})
		if want == "" {
			require.ErrorContains(t, err, "size is zero", text)
			continue
		}
		require.NoError(t, err, text)
		fill, ok := im.Entries[1].Mutation.(position.Fill)
		require.True(t, ok)
		require.Equal(t, want, fill.Qty.String(), text)
	}
}

func TestWritePositions(t *testing.T) {
	s := folded(t, imported(t, wrapped(withHistory, withoutHistory, later, dumped), statefile.Options{Account: "bot"}))
	dec := position.MustParse
	key := position.Key{Account: "A", Instrument: "XBTUSD", Strategy: "s", Leg: "short"}
	for i, m := range []position.Mutation{
		position.DefineInstrument{Instrument: "XBTUSD", Terms: position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD"}},
		position.Fill{Key: key, Side: position.Sell, Qty: dec("100"), Price: dec("50000"), Fee: dec("0.001")},
		position.Fill{Key: key, Side: position.Sell, Qty: dec("50"), Price: dec("60000")},
		position.Fill{Key: key, Side: position.Buy, Qty: dec("70"), Price: dec("40000"), Fee: dec("0.5"), FeeCurrency: "BMEX"},
		position.Charge{Key: key, Kind: position.Funding, Amount: dec("-0.1"), Currency: "XBT"},
		position.Charge{Key: key, Kind: position.Interest, Amount: dec("0.2"), Currency: "XBT"},
		position.Mark{Instrument: "XBTUSD", Price: dec("45000")},
		position.Amend{Key: key, Targets: []position.Decimal{dec("1")}, Tags: []string{"t"}, Metadata: map[string]string{"a": "b"}},
	} {
		s.apply(t, m.Identified(fmt.Sprint("m", i), position.Time(1_767_323_045_000_000_006+i)))
	}
	var list []position.Position
	for k := range s.positions {
		p := *s.positions[k]
		p.Mark, p.HasMark = s.instruments[k.Instrument].Mark, s.instruments[k.Instrument].MarkTime != 0
		list = append(list, p)
	}
	var out bytes.Buffer
	require.NoError(t, statefile.Write(&out, list, at(t, "2026-01-02T03:04:05.678Z")))
	im := imported(t, out.String(), statefile.Options{Account: "ignored", Size: statefile.SizeBase})
	require.Equal(t, 4, im.Positions, "flat ones are not written")
	require.Empty(t, im.Warnings)
	require.Zero(t, im.Unknown)
	back := folded(t, im)
	require.Len(t, back.positions, 4)
	for k, p := range back.positions {
		was := s.positions[k]
		require.NotNil(t, was, k)
		require.Equal(t, []any{was.Qty, was.Cost, was.Totals, was.High, was.Low, was.OpenedAt, was.Conditions, *was.Terms},
			[]any{p.Qty, p.Cost, p.Totals, p.High, p.Low, p.OpenedAt, p.Conditions, *p.Terms}, k)
		require.Equal(t, s.instruments[k.Instrument].Mark, back.instruments[k.Instrument].Mark)
		entry, _ := was.AvgEntry()
		again, _ := p.AvgEntry()
		require.Equal(t, entry, again)
	}

	var doc struct {
		Positions []map[string]any
		LastSaved string
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	require.Equal(t, "2026-01-02T03:04:05.678Z", doc.LastSaved)
	met := false
	for _, p := range doc.Positions {
		for _, name := range []string{"mint", "symbol", "entryPrice", "size", "currentPrice", "remainingSize", "highPrice", "highestPrice", "lowestPrice", "entryTime", "partialExits", "maxUpside", "maxDrawdown", "profitLoss"} {
			require.Contains(t, p, name)
		}
		if p["mint"] != "MintDDDD" {
			continue
		}
		met = true
		require.EqualValues(t, 20, p["size"], "money")
		require.InDelta(t, 0.75, p["remainingSize"], 0)
		require.InDelta(t, 2, p["entryPrice"], 0)
		require.Equal(t, "DDD", p["symbol"])
		require.EqualValues(t, 1734344100000, p["entryTime"])
		require.Equal(t, map[string]any{"percentage": 50.0, "amount": 7.5}, p["profitLoss"])
		require.Equal(t, []any{map[string]any{"portion": 0.25, "exitPrice": 2.5, "profitLoss": 25.0, "timestamp": 1734344300000.0}}, p["partialExits"])
	}
	require.True(t, met)

	// What a bot saves again has lost our part, and says the same to the digits of
	// its numbers.
	for _, p := range doc.Positions {
		delete(p, "holdfast")
	}
	bare, err := json.Marshal(doc.Positions)
	require.NoError(t, err)
	im = imported(t, string(bare), statefile.Options{Account: "bot", Settlement: "SOL"})
	near := folded(t, im).positions[position.Key{Account: "bot", Instrument: "MintDDDD"}]
	require.Equal(t, "7.5", near.Qty.String())
	require.Equal(t, "15", near.Cost.String())
	require.Equal(t, "1.25", near.Totals.Realized.String())

	for was, is := range map[string]string{`"remainingSize": 0.75`: `"remainingSize": 0.7`, `"size": 20,`: `"size": 21,`} {
		changed := strings.Replace(out.String(), was, is, 1)
		require.NotEqual(t, out.String(), changed)
		im = imported(t, changed, statefile.Options{})
		require.NotEmpty(t, im.Warnings)
		require.Contains(t, im.Warnings[0], "changed since it was exported")
	}

	strange := strings.Replace(out.String(), `"type": "adopt"`, `"type": "bust"`, 1)
	_, err = statefile.Read(strings.NewReader(strange), statefile.Options{})
	require.ErrorContains(t, err, "mutation")
	out.Reset()
	require.NoError(t, statefile.Write(&out, nil, 0))
	require.Empty(t, imported(t, out.String(), statefile.Options{}).Entries)
}

func FuzzPositions(f *testing.F) {
	for _, text := range []string{wrapped(withHistory, withoutHistory), "[" + documented + "]", wrapped(dumped), wrapped(later), `{"a:LONG":{"entry_price":1,"qty":2}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		im, err := statefile.Read(bytes.NewReader(b), statefile.Options{})
		if err != nil {
			if im != nil {
				t.Fatal(err)
			}
			return
		}
		for _, e := range im.Entries {
			if err = e.Mutation.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

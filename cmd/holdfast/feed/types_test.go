package feed_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
)

// table writes JSON mutations as one CSV with a column per member.
func table(tb testing.TB, mutations []string) string {
	tb.Helper()
	columns := []string{"type"}
	var rows []map[string]json.RawMessage
	for _, text := range mutations {
		row := map[string]json.RawMessage{}
		require.NoError(tb, json.Unmarshal([]byte(text), &row))
		rows = append(rows, row)
		for _, name := range position.MutationMembers(unquoted(row["type"])) {
			known := false
			for _, c := range columns {
				known = known || c == name
			}
			if !known {
				columns = append(columns, name)
			}
		}
	}
	lines := []string{strings.Join(columns, ",")}
	for _, row := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, `"`+strings.ReplaceAll(unquoted(row[c]), `"`, `""`)+`"`)
		}
		lines = append(lines, strings.Join(cells, ","))
	}
	return strings.Join(lines, "\n") + "\n"
}

// unquoted is the text of a JSON string, and any other value as it is.
func unquoted(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return s
	}
	return string(raw)
}

// Every mutation can be given by CSV, and is the one that its JSON gives.
func TestCSVOfEveryMutation(t *testing.T) {
	const rest = `,"time":"2026-01-02T03:04:05Z","account":"A","instrument":"X","strategy":"s","leg":"long"`
	mutations := []string{
		`{"type":"fill","id":"1"` + rest + `,"side":"sell","qty":"1","price":"-2","fee":"3","fee_currency":"USD","lot":"l-1","expect_version":18446744073709551615}`,
		`{"type":"fill","id":"2","account":"A","instrument":"X","side":"buy","qty":"1","price":"2"}`,
		`{"type":"fill","id":"2b"` + rest + `,"side":"buy","qty":"1","price":"2","lot":{"price":"2","opened":"2026-01-02"}}`,
		`{"type":"mark","id":"3","time":"2026-01-02T03:04:05.000000006Z","instrument":"X","price":"7"}`,
		`{"type":"charge","id":"4"` + rest + `,"kind":"realized","amount":"-1","currency":"USD"}`,
		`{"type":"charge","id":"5","account":"A","kind":"cash","amount":"1","currency":"USD"}`,
		`{"type":"amend","id":"6"` + rest + `,"stop":null,"targets":["1","2"],"tags":[],"metadata":{"a":"b, \"c\""}}`,
		`{"type":"amend","id":"7"` + rest + `,"stop":"12"}`,
		`{"type":"instrument","id":"8","instrument":"X","kind":"inverse","multiplier":"1","base":"B","quote":"Q","settlement":"B","price_increment":"0.5","size_increment":"1",` +
			`"cost_method":"fifo","over_reduction":"strict","rounding":{"value":"8 half-even","value_per":"100"}}`,
		`{"type":"split","id":"9","instrument":"X","ratio":"3","per":"2","increment":"1","cash_price":"10"}`,
		`{"type":"settle","id":"10","instrument":"X","price":"0","reason":"delist"}`,
		`{"type":"settle","id":"11","instrument":"X","reason":"write_off"}`,
		`{"type":"transfer","id":"12"` + rest + `,"to_account":"B","to_strategy":"t","to_leg":"l","qty":"1","lot":"l-1"}`,
		`{"type":"adjust","id":"13"` + rest + `,"qty":"1","price":"2","cost":"3","realized":"4","funding":"5","reason":"a, b","ref":"r"}`,
		`{"type":"adopt","id":"14"` + rest + `,"qty":"1","cost":"3","realized":"4","funding":"5","high":"6","low":"5","opened":"2026-01-01T00:00:00Z","reason":"r","ref":"q"}`,
		`{"type":"adopt","id":"15","account":"A","instrument":"X","qty":"3","lots":[{"qty":"1","price":"2"},{"qty":"2","cost":"3","label":"l"}]}`,
		`{"type":"bust","id":"16"` + rest + `,"fill":"1","reason":"r"}`,
		`{"type":"correct","id":"17"` + rest + `,"fill":"1","side":"sell","qty":"2","price":"3","fee":"1","fee_currency":"USD","reason":"r"}`,
	}
	out := read(t, "all.csv", table(t, mutations), feed.Auto, "order=file")
	require.Len(t, out, len(mutations))
	seen := map[string]bool{}
	for i, g := range out {
		require.NoError(t, g.err)
		want, err := position.UnmarshalMutation([]byte(mutations[i]))
		require.NoError(t, err)
		require.Equal(t, want, g.Mutation)
		seen[want.Type()] = true
	}
	require.Len(t, seen, len(position.MutationTypes()))
}

func TestCSVTypes(t *testing.T) {
	const header = "Kind of row,id,account,Symbol,side,Size,price,amount,currency,kind,when\n"
	text := header +
		",f,A,X,B,1,2,,,,\n" +
		"MARK,m,,X,,,3,,,,1767323045\n" +
		"charge,c,,,,,,5,USD,cash,\n"
	out := read(t, "x.csv", text, feed.CSV, "type=Kind of row,time=when,time_format=unix,strategy:=s")
	require.Equal(t, position.Fill{
		Meta: position.Meta{Ident: "f"}, Key: position.Key{Account: "A", Instrument: "X", Strategy: "s"},
		Side: position.Buy, Qty: position.FromInt(1), Price: position.FromInt(2),
	}, out[0].Mutation, "an empty type is a fill")
	require.Equal(t, position.Mark{
		Meta: position.Meta{Ident: "m", Time: at(t, "2026-01-02T03:04:05Z")}, Instrument: "X", Price: position.FromInt(3),
	}, out[1].Mutation, "the constant is passed over where it has no place")
	require.ErrorContains(t, out[2].err, "x.csv:4: account is missing in a charge")

	out = read(t, "x.csv", "id,when,amount,currency,kind\n1,2026-01-02T03:04:05Z,5,USD,cash\n", feed.CSV, "type:=charge,account:=A,time=when")
	require.Equal(t, position.Charge{
		Meta: position.Meta{Ident: "1", Time: at(t, "2026-01-02T03:04:05Z")}, Key: position.Key{Account: "A"},
		Kind: position.Cash, Amount: position.FromInt(5), Currency: "USD",
	}, out[0].Mutation)

	// Without a type, columns that other mutations have are none of a fill's business.
	fill := one(t, "id,account,instrument,side,qty,price,reason,kind,amount,Lot\n1,A,X,buy,1,1,r,k,a,7\n", "")
	require.Nil(t, fill.Lot)
	fill = one(t, "id,account,instrument,side,qty,price,lot,expect_version\n1,A,X,buy,1,1,l-7,3\n", "")
	require.Equal(t, "l-7", fill.Lot.Label)
	require.EqualValues(t, 3, *fill.ExpectVersion)

	err := openError(t, "x.csv", "id,account,instrument,side,qty,price,Note\n", feed.CSV, "reason=Note")
	require.ErrorContains(t, err, "reason is no member of a fill: map type as well")
	err = openError(t, "x.csv", "type,account\n", feed.CSV, "")
	require.ErrorContains(t, err, "no column is known to give id")
}

func TestCSVTypedBadRows(t *testing.T) {
	const header = "type,id,account,instrument,side,qty,Fill Price,amount,lots,tags,expect_version,time,reason\n"
	for _, c := range []struct{ row, field, text string }{
		{"limit,1,A,X,buy,1,1,,,,,,", "type", `type "limit" is none of fill, mark, charge, amend, instrument, split, settle, transfer, adjust, adopt, bust, correct; map type:=fill if all lines are fills`},
		{"mark,1,A,X,,,1,,,,,,", "account", "account is not a member of this mark: leave the cell empty"},
		{"fill,1,A,X,buy,1,1,5,,,,,", "amount", "amount is not a member of this fill"},
		{"mark,1,,X,,,one,,,,,,", "price", `price (column "Fill Price") "one" is not a plain decimal`},
		{"fill,1,A,X,buy,1,one,,,,,,", "price", `price (column "Fill Price") "one" is not a plain decimal`},
		{"mark,1,,X,,,,,,,,,", "price", `price (column "Fill Price") is missing in a mark`},
		{"mark,,,X,,,1,,,,,,", "id", "id is empty"},
		{"mark,1,,X,,,1,,,,,soon,", "time", `time "soon" is no RFC 3339 time such as "2006-01-02T15:04:05Z"`},
		{"adopt,1,A,X,,1,,,{,,,,", "lots", `lots "{" is neither a text nor JSON`},
		{`adopt,1,A,X,,1,,,"[{""qty"":""1""},""x"":[]",,,,`, "lots", "is neither a text nor JSON"},
		{`adopt,1,A,X,,1,,,"[{""qty"":""1""}]",,,,`, "lots", "lots number 1: price or cost is required"},
		{"amend,1,A,X,,,,,,t,,,", "tags", "tags \"t\" is no JSON: a list stands in its cell"},
		{"amend,1,A,X,,,,,,[],-1,,", "expect_version", `expect_version "-1" is not a whole number`},
		{"adjust,1,A,X,,1,,,,,,,\xff", "reason", "reason is not valid UTF-8"},
		{"adjust,1,A,X,,1,,,,,,,", "reason", "reason is missing in an adjust"},
		{"mark,\xff,,X,,,1,,,,,,", "id", "id is not valid UTF-8"},
		{"correct,1,A,X,hold,1,1,,,,,,", "side", `side "hold" is neither buy nor sell`},
	} {
		out := read(t, "x.csv", header+c.row+"\nmark,2,,X,,,1,,,,,,\n", feed.CSV, "")
		require.Len(t, out, 2, c.row)
		var bad *feed.LineError
		require.ErrorAs(t, out[0].err, &bad, c.row)
		require.Equal(t, c.field, bad.Field, "%v", bad)
		require.ErrorContains(t, bad, "x.csv:2: ")
		require.ErrorContains(t, bad, c.text)
		require.NoError(t, out[1].err)
	}
}

// TestTermsByCSVAndNDJSON: what cannot be right is refused by either, with the
// words of position; what can is the same definition.
func TestTermsByCSVAndNDJSON(t *testing.T) {
	var lines []string
	for _, kind := range []string{"linear", "inverse", "spot", "quanto", "option"} {
		for _, base := range []string{"", "A", "B", "C"} {
			for _, quote := range []string{"", "A", "B", "C"} {
				for _, settlement := range []string{"", "A", "B", "C"} {
					line := `{"type":"instrument","id":"i","instrument":"X","kind":"` + kind + `"`
					for _, m := range [][2]string{{"base", base}, {"quote", quote}, {"settlement", settlement}} {
						if m[1] != "" {
							line += `,"` + m[0] + `":"` + m[1] + `"`
						}
					}
					lines = append(lines, line+"}")
				}
			}
		}
	}
	for _, bad := range []string{
		`"kind":"linear","multiplier":"0"`, `"kind":"linear","multiplier":"-1"`, `"kind":"linear","base_fee":"apart"`,
		`"kind":"inverse","base":"A","base_fee":"apart"`, `"kind":"perpetual"`, `"quote":"USD"`, `"kind":"linear","price_increment":"0"`,
		`"kind":"linear","size_increment":"-1"`, `"kind":"linear","strike":"100"`,
	} {
		lines = append(lines, `{"type":"instrument","id":"i","instrument":"X",`+bad+`}`)
	}
	accepted := 0
	for _, line := range lines {
		want, wantErr := position.UnmarshalMutation([]byte(line))
		byLine := read(t, "x.ndjson", line+"\n", feed.NDJSON, "")
		require.Len(t, byLine, 1, line)
		if wantErr == nil {
			accepted++
			byCell := read(t, "x.csv", table(t, []string{line}), feed.CSV, "")
			require.Equal(t, want, byLine[0].Mutation, line)
			require.Equal(t, want, byCell[0].Mutation, line)
			continue
		}
		reason := wantErr.Error()
		require.ErrorContains(t, byLine[0].err, reason, line)
		if strings.Contains(line, "strike") {
			continue // a column that no mutation has is told by the file, not the line
		}
		byCell := read(t, "x.csv", table(t, []string{line}), feed.CSV, "")
		require.Len(t, byCell, 1, line)
		require.ErrorContains(t, byCell[0].err, reason, line)
	}
	require.Greater(t, accepted, 150)
}

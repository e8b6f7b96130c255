package position_test

import (
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// inputLine is one line of the table that the parser and the schema are held
// against. err is a part of the parser's answer, "" for a line that is accepted.
type inputLine struct {
	name, line, err string
	// only says why a schema cannot judge the line: it would need to count
	// bytes, or to see the text before it is parsed.
	only string
}

const unseen = "the schema sees a parsed value"

// fillWith is a good fill with members replaced or, with "", left out.
func fillWith(pairs ...string) string {
	members := []string{"type", "id", "account", "instrument", "side", "qty", "price", "time"}
	values := map[string]string{
		"type": `"fill"`, "id": `"e-1"`, "account": `"A"`, "instrument": `"XBTUSD"`, "side": `"buy"`,
		"qty": `"100"`, "price": `"50000"`, "time": `"2026-01-02T03:04:05.000000006Z"`,
	}
	return objectWith(members, values, pairs)
}

func objectWith(members []string, values map[string]string, pairs []string) string {
	for i := 0; i < len(pairs); i += 2 {
		if _, ok := values[pairs[i]]; !ok {
			members = append(members, pairs[i])
		}
		values[pairs[i]] = pairs[i+1]
	}
	var b strings.Builder
	for _, m := range members {
		if values[m] != "" {
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%q:%s", m, values[m])
		}
	}
	return "{" + b.String() + "}"
}

func quoted(s string) string { return `"` + s + `"` }

func goodLines() []inputLine {
	key := `"account":"A","instrument":"X"`
	long64, long1024 := strings.Repeat("a", 64), strings.Repeat("v", 1024)
	return []inputLine{
		{name: "design instrument", line: `{"type":"instrument","instrument":"XBTUSD","kind":"inverse","multiplier":"1","base":"XBT","quote":"USD","settlement":"XBT"}`},
		{name: "design fill", line: `{"type":"fill","id":"e-1","account":"A","instrument":"XBTUSD","strategy":"","leg":"","side":"buy","qty":"100","price":"50000","fee":"0.000002","fee_currency":"XBT","time":"2026-01-02T03:04:05.000000006Z"}`},
		{name: "design mark", line: `{"type":"mark","instrument":"XBTUSD","price":"50500","time":"2026-01-02T03:04:05Z"}`},
		{name: "design charge", line: `{"type":"charge","account":"A","instrument":"XBTUSD","kind":"funding","amount":"-0.00001","currency":"XBT","time":"2026-01-02T03:04:05Z"}`},
		{name: "type last", line: `{"account":"A","instrument":"X","side":"sell","qty":"1","price":"1","type":"fill"}`},
		{name: "white space", line: " \t{ \"type\" : \"mark\" ,\r\n\"instrument\" : \"X\" , \"price\" : \"1\" } \r\n"},
		{name: "escapes", line: fillWith("account", `"\u0041\"\\\/é\ud834\udd1e"`)},
		{name: "escaped member name", line: strings.Replace(fillWith(), `"qty"`, `"\u0071ty"`, 1)},
		{name: "legal name a.b.>", line: fillWith("account", `"a.b.>"`)},
		{name: "name with spaces", line: fillWith("account", `" a b "`)},
		{name: "name of 64 bytes", line: fillWith("account", quoted(long64))},
		{name: "no id, no time", line: fillWith("id", "", "time", "")},
		{name: "zero price", line: fillWith("price", `"0"`)},
		{name: "negative price", line: fillWith("price", `"-37.63"`)},
		{name: "minus zero", line: fillWith("price", `"-0.0"`)},
		{name: "rebate", line: fillWith("fee", `"-0.5"`)},
		{name: "smallest quantity", line: fillWith("qty", `"0.000000000000000001"`)},
		{name: "largest quantity", line: fillWith("qty", `"169999999999999999999.999999999999999999"`)},
		{name: "leading and trailing zeros", line: fillWith("qty", `"0000000000000000000000001.50000000000000000000000"`)},
		{name: "expected version", line: fillWith("expect_version", "0")},
		{name: "largest expected version", line: fillWith("expect_version", "18446744073709551615")},
		{name: "nanoseconds", line: fillWith("time", `"2026-01-02T03:04:05.123456789Z"`)},
		{name: "zone", line: fillWith("time", `"2026-01-02T03:04:05+05:30"`)},
		{name: "first second", line: fillWith("time", `"1970-01-01T00:00:01Z"`)},
		{name: "last second", line: fillWith("time", `"2261-12-31T23:59:59.999999999Z"`)},
		{name: "leap day", line: fillWith("time", `"2028-02-29T00:00:00Z"`)},
		{name: "charge to an account", line: `{"type":"charge","account":"A","kind":"cash","amount":"5","currency":"USD"}`},
		{name: "charge with empty key parts", line: `{"type":"charge","account":"A","instrument":"","strategy":"","leg":"","kind":"cash","amount":"5","currency":"USD"}`},
		{name: "charge with strategy", line: `{"type":"charge",` + key + `,"strategy":"s","leg":"long","kind":"other","amount":"0","currency":"USD","expect_version":3}`},
		{name: "stop", line: `{"type":"amend",` + key + `,"stop":"1.5"}`},
		{name: "no stop", line: `{"type":"amend",` + key + `,"stop":null}`},
		{name: "empty lists", line: `{"type":"amend",` + key + `,"targets":[],"tags":[],"metadata":{}}`},
		{name: "lists", line: `{"type":"amend",` + key + `,"targets":["1","-2.5", "0"],"tags":["a","b"],"metadata":{"k":"v","gone":"","long":"` + long1024 + `"}}`},
		{name: "full lists", line: `{"type":"amend",` + key + `,"tags":[` + strings.Repeat(`"t",`, 63) + `"t"]}`},
		{name: "spot", line: `{"type":"instrument","instrument":"X","kind":"spot","base":"BTC","quote":"USD"}`},
		{name: "bare instrument", line: `{"type":"instrument","instrument":"X","kind":"option"}`},
	}
}

func badLines() []inputLine {
	key := `"account":"A","instrument":"X"`
	return append([]inputLine{
		{"empty", ``, "JSON is empty", unseen},
		{"white space only", "  \n", "JSON is empty", unseen},
		{"half a line", `{"type":"fill","acc`, "JSON is broken at byte 20: a string does not end", unseen},
		{"no object", `[]`, "expected '{' at the start of an object, found '['", ""},
		{"a string", `"fill"`, "expected '{'", ""},
		{"trailing garbage", fillWith() + "x", "expected nothing after the object, found 'x'", unseen},
		{"two objects", fillWith() + fillWith(), "expected nothing after the object, found '{'", unseen},
		{"trailing comma", `{"type":"mark","instrument":"X","price":"1",}`, "expected a member name in quotes, found '}'", unseen},
		{"missing comma", `{"type":"mark" "instrument":"X"}`, "expected ',' or '}' after a member, found '\"'", unseen},
		{"single quotes", `{'type':'mark'}`, "expected a member name in quotes", unseen},
		{"NaN unquoted", fillWith("qty", `NaN`), "expected a value, found 'N'", unseen},
		{"nul after", fillWith() + "\x00", "expected nothing after the object", unseen},
		{"control character", fillWith("account", "\"a\x01\""), "control character in a string must be written as an escape", unseen},
		{"line break in a string", fillWith("account", "\"a\nb\""), "control character", unseen},
		{"invalid UTF-8", fillWith("account", "\"a\xff\""), "account is not valid UTF-8", unseen},
		{"invalid UTF-8 in a name", strings.Replace(fillWith(), `"qty"`, "\"qty\xc3\"", 1), "a member name is not valid UTF-8", unseen},
		{"half a surrogate", fillWith("account", `"\ud834"`), "account contains half of a surrogate pair", unseen},
		{"wrong surrogates", fillWith("account", `"\ud834\u0041"`), "half of a surrogate pair", unseen},
		{"bad escape", fillWith("account", `"\x"`), "account contains a malformed escape", unseen},
		{"short escape", fillWith("account", `"\u12"`), "malformed escape", unseen},
		{"bad number", fillWith("expect_version", "01"), "expected ',' or '}' after a member", unseen},
		{"number without digits", fillWith("expect_version", "-"), "a number is not well formed", unseen},
		{"twice", fillWith("price", `"1","price":"1"`), "price is given twice", unseen},
		{"twice by escape", fillWith("price", `"1","pric\u0065":"1"`), "price is given twice", unseen},
		{"type twice", fillWith("price", `"1","type":"fill"`), "type is given twice", unseen},
		{"metadata name twice", `{"type":"amend",` + key + `,"metadata":{"a":"1","a":"2"}}`, `metadata has "a" twice`, unseen},
		{"65 bytes, 33 characters", fillWith("account", quoted(strings.Repeat("é", 32)+"a")), "account is 65 bytes long, at most 64 are allowed", "the schema counts characters"},
		{"the zero instant", fillWith("time", `"1970-01-01T00:00:00Z"`), "time is 1970-01-01T00:00:00Z, which stands for no time", "the schema does not compare instants"},
		{"before 1970 by its zone", fillWith("time", `"1970-01-01T00:00:00+01:00"`), "outside 1970 to 2261", "the schema does not compare instants"},
		{"fraction in a count", fillWith("expect_version", "3.0"), "3.0 is not a whole number", "3.0 is an integer to a schema"},
	}, badValues()...)
}

// badValues can be judged by the schema as well.
func badValues() []inputLine {
	key := `"account":"A","instrument":"X"`
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	return []inputLine{
		{"no type", fillWith("type", ""), "type is missing: it is one of fill, mark, charge, amend, instrument", ""},
		{"type of another case", fillWith("type", `"Fill"`), `type "Fill" is none of fill, mark`, ""},
		{"type a number", fillWith("type", `1`), "type must be a string, not a number", ""},
		{"empty object", `{}`, "type is missing", ""},
		{"many members before the type", `{` + strings.Repeat(`"a":1,`, 100) + `"type":"fill"}`, "type is missing among the first ", ""},
		{"unknown member", fillWith("colour", `"red"`), `"colour" is not a member of a fill`, ""},
		{"unknown member with depth", fillWith("colour", deep), "values are nested more than 16 deep", ""},
		{"member of another type", fillWith("amount", `"1"`), `"amount" is not a member of a fill`, ""},
		{"other case", fillWith("Qty", `"1"`), `"Qty" is not a member of a fill`, ""},
		{"unknown in an amendment", `{"type":"amend",` + key + `,"stop":null,"x":1}`, `"x" is not a member of an amend`, ""},
		{"missing qty", fillWith("qty", ""), "qty is missing in a fill", ""},
		{"missing account", fillWith("account", ""), "account is missing in a fill", ""},
		{"missing price", fillWith("price", ""), "price is missing in a fill", ""},
		{"missing side", fillWith("side", ""), "side is missing in a fill", ""},
		{"missing currency", `{"type":"charge",` + key + `,"kind":"fee","amount":"1"}`, "currency is missing in a charge", ""},
		{"missing kind", `{"type":"instrument","instrument":"X"}`, "kind is missing in an instrument", ""},
		{"number, not string", fillWith("qty", `100.5`), `qty must be a decimal in a string, such as "100.5", not a plain number`, ""},
		{"null quantity", fillWith("qty", `null`), "qty must be a string, not null", ""},
		{"true quantity", fillWith("qty", `true`), "qty must be a string, not true or false", ""},
		{"quantity in a list", fillWith("qty", `["1"]`), "qty must be a string, not an array", ""},
		{"quantity in an object", fillWith("qty", `{"v":"1"}`), "qty must be a string, not an object", ""},
		{"NaN", fillWith("qty", `"NaN"`), `qty "NaN" is not a plain decimal`, ""},
		{"infinity", fillWith("qty", `"Infinity"`), "qty \"Infinity\" is not a plain decimal", ""},
		{"1e999", fillWith("qty", `"1e999"`), `qty "1e999" is not a plain decimal`, ""},
		{"1e999 unquoted", fillWith("qty", `1e999`), `such as "1e999", not a plain number`, ""},
		{"hex", fillWith("qty", `"0x10"`), "not a plain decimal", ""},
		{"empty decimal", fillWith("qty", `""`), "not a plain decimal", ""},
		{"only a sign", fillWith("price", `"-"`), "not a plain decimal", ""},
		{"plus sign", fillWith("price", `"+1"`), "not a plain decimal", ""},
		{"no digit before the point", fillWith("price", `".5"`), "not a plain decimal", ""},
		{"no digit after the point", fillWith("price", `"5."`), "not a plain decimal", ""},
		{"two points", fillWith("price", `"1.2.3"`), "not a plain decimal", ""},
		{"comma", fillWith("price", `"1,5"`), "not a plain decimal", ""},
		{"space", fillWith("price", `" 1"`), "not a plain decimal", ""},
		{"other digits", fillWith("price", `"١٢"`), "not a plain decimal", ""},
		{"40 digits", fillWith("price", quoted(strings.Repeat("1234567890", 4))), "price 1234567890123456789012345678901234567890 is out of range", ""},
		{"limit", fillWith("price", `"170000000000000000000"`), "price 170000000000000000000 is out of range: |x| must stay below 1.7e20", ""},
		{"negative limit", fillWith("price", `"-170000000000000000000"`), "is out of range", ""},
		{"above the limit, below the type's", fillWith("price", `"170141183460469231731.68"`), "is out of range", ""},
		{"19 fractional digits", fillWith("price", `"0.1234567890123456789"`), "at most 18 fractional digits", ""},
		{"65 bytes of digits", fillWith("price", quoted(strings.Repeat("0", 64)+"1")), "65 bytes long, at most 64", ""},
		{"zero quantity", fillWith("qty", `"0.00"`), "qty must be positive", ""},
		{"negative quantity", fillWith("qty", `"-1"`), "qty must be positive", ""},
		{"zero multiplier", `{"type":"instrument","instrument":"X","kind":"linear","multiplier":"0"}`, "multiplier must be positive", ""},
		{"bad side", fillWith("side", `"long"`), `side "long" is none of buy, sell`, ""},
		{"bad kind", `{"type":"charge",` + key + `,"kind":"tax","amount":"1","currency":"USD"}`, `kind "tax" is none of other, fee, funding, interest, dividend, cash`, ""},
		{"bad instrument kind", `{"type":"instrument","instrument":"X","kind":"perp"}`, `kind "perp" is none of linear, inverse, spot, quanto, option`, ""},
		{"empty account", fillWith("account", `""`), "account is empty", ""},
		{"empty id", fillWith("id", `""`), "id is empty", ""},
		{"65 bytes", fillWith("account", quoted(strings.Repeat("a", 65))), "account is 65 bytes long, at most 64 are allowed", ""},
		{"long id", fillWith("id", quoted(strings.Repeat("a", 65))), "id is 65 bytes long", ""},
		{"unprintable", fillWith("account", `"a\u0000"`), "account contains the unprintable character U+0000", ""},
		{"line separator", fillWith("account", `"a\u2028"`), "account contains the unprintable character U+2028", ""},
		{"no-break space", fillWith("account", `"a\u00a0"`), "unprintable character U+00A0", ""},
		{"bidi override", fillWith("account", `"a\u202e"`), "unprintable character U+202E", ""},
		{"year 10000", fillWith("time", `"10000-01-01T00:00:00Z"`), "time \"10000-01-01T00:00:00Z\" is no RFC 3339 time", ""},
		{"year 9999", fillWith("time", `"9999-01-01T00:00:00Z"`), "outside 1970 to 2261", ""},
		{"year 2262", fillWith("time", `"2262-01-01T00:00:00Z"`), "outside 1970 to 2261", ""},
		{"year 1969", fillWith("time", `"1969-12-31T23:59:59Z"`), "outside 1970 to 2261", ""},
		{"February 30", fillWith("time", `"2026-02-30T00:00:00Z"`), "names a day or an hour that does not exist", ""},
		{"no leap year", fillWith("time", `"2026-02-29T00:00:00Z"`), "names a day or an hour that does not exist", ""},
		{"hour 24", fillWith("time", `"2026-01-01T24:00:00Z"`), "names a day or an hour that does not exist", ""},
		{"second 60", fillWith("time", `"2026-01-01T23:59:60Z"`), "names a day or an hour that does not exist", ""},
		{"month 13", fillWith("time", `"2026-13-01T00:00:00Z"`), "does not exist", ""},
		{"month 0", fillWith("time", `"2026-00-01T00:00:00Z"`), "does not exist", ""},
		{"10 fractional digits", fillWith("time", `"2026-01-01T00:00:00.1234567890Z"`), "is no RFC 3339 time", ""},
		{"comma in a time", fillWith("time", `"2026-01-01T00:00:00,5Z"`), "is no RFC 3339 time", ""},
		{"point without digits", fillWith("time", `"2026-01-01T00:00:00.Z"`), "is no RFC 3339 time", ""},
		{"no zone", fillWith("time", `"2026-01-01T00:00:00"`), "is no RFC 3339 time", ""},
		{"lower case", fillWith("time", `"2026-01-01t00:00:00z"`), "is no RFC 3339 time", ""},
		{"zone of 24 hours", fillWith("time", `"2026-01-01T00:00:00+24:00"`), "is no RFC 3339 time", ""},
		{"unix time", fillWith("time", `1767323045`), "time must be a string, not a number", ""},
		{"empty time", fillWith("time", `""`), "is no RFC 3339 time", ""},
		{"negative version", fillWith("expect_version", `-1`), "expect_version -1 is not a whole number", ""},
		{"version too large", fillWith("expect_version", `18446744073709551616`), "is not a whole number", ""},
		{"version in a string", fillWith("expect_version", `"1"`), "expect_version must be a number, not a string", ""},
		{"version of a mark", `{"type":"mark","instrument":"X","price":"1","expect_version":1}`, `"expect_version" is not a member of a mark`, ""},
		{"version of an account", `{"type":"charge","account":"A","kind":"cash","amount":"1","currency":"USD","expect_version":1}`, "expect_version has no meaning for a charge to an account", ""},
		{"cash to an instrument", `{"type":"charge",` + key + `,"kind":"cash","amount":"1","currency":"USD"}`, "cash belongs to an account", ""},
		{"leg without instrument", `{"type":"charge","account":"A","leg":"long","kind":"fee","amount":"1","currency":"USD"}`, "instrument is required with a strategy or leg", ""},
		{"strategy without instrument", `{"type":"charge","account":"A","instrument":"","strategy":"s","kind":"fee","amount":"1","currency":"USD"}`, "instrument is required with a strategy or leg", ""},
		{"empty currency", `{"type":"charge",` + key + `,"kind":"fee","amount":"1","currency":""}`, "currency is empty", ""},
		{"spot without base", `{"type":"instrument","instrument":"X","kind":"spot"}`, "base is required for a spot instrument", ""},
		{"amendment of nothing", `{"type":"amend",` + key + `}`, "an amendment must set something", ""},
		{"stop a number", `{"type":"amend",` + key + `,"stop":1}`, "stop must be a decimal in a string", ""},
		{"targets null", `{"type":"amend",` + key + `,"targets":null}`, "targets must be an array, not null", ""},
		{"target a number", `{"type":"amend",` + key + `,"targets":["1",2]}`, `targets must be a decimal in a string, such as "2"`, ""},
		{"tag a number", `{"type":"amend",` + key + `,"tags":[2]}`, "tags must be a string, not a number", ""},
		{"empty tag", `{"type":"amend",` + key + `,"tags":[""]}`, "tags is required", ""},
		{"65 tags", `{"type":"amend",` + key + `,"tags":[` + strings.Repeat(`"t",`, 64) + `"t"]}`, "tags has more than 64 members", ""},
		{"65 targets", `{"type":"amend",` + key + `,"targets":[` + strings.Repeat(`"1",`, 64) + `"1"]}`, "targets has more than 64 members", ""},
		{"metadata a list", `{"type":"amend",` + key + `,"metadata":[]}`, "metadata must be an object, not an array", ""},
		{"metadata a number", `{"type":"amend",` + key + `,"metadata":{"a":1}}`, "metadata must be a string, not a number", ""},
		{"metadata without a name", `{"type":"amend",` + key + `,"metadata":{"":"x"}}`, "metadata is required", ""},
		{"metadata value too long", `{"type":"amend",` + key + `,"metadata":{"a":"` + strings.Repeat("v", position.MaxValue+1) + `"}}`, "1025 bytes long, at most 1024", ""},
	}
}

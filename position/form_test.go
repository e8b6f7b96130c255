package position_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

func compile(tb testing.TB, schema []byte) *jsonschema.Schema {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(tb, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(tb, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(tb, err)
	return s
}

// The parser and the schema agree on every line of the table, but for the gaps
// that the table names; there the parser is the stricter one.
func TestParserAndSchemaAgree(t *testing.T) {
	schema := compile(t, position.MutationSchema())
	for _, c := range slices.Concat(goodLines(), moveLines(), badLines(), badMoveLines()) {
		t.Run(c.name, func(t *testing.T) {
			m, err := position.UnmarshalMutation([]byte(c.line))
			if c.err == "" {
				require.NoError(t, err)
				require.NoError(t, m.Validate())
			} else {
				require.Nil(t, m)
				require.ErrorIs(t, err, position.ErrInvalid)
				require.ErrorContains(t, err, c.err)
				var fe *position.FieldError
				require.ErrorAs(t, err, &fe)
				require.Less(t, len(err.Error()), 300, "hostile input is not echoed in full")
			}
			if c.only == unseen {
				return
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(c.line))
			require.NoError(t, err)
			if err := schema.Validate(doc); c.err == "" || c.only != "" {
				require.NoError(t, err)
			} else {
				require.Error(t, err, "the schema takes what the parser refuses: %s", c.line)
			}
		})
	}
}

func TestLinesAreBounded(t *testing.T) {
	for name, line := range map[string]string{
		"10 MB string":   fillWith("account", quoted(strings.Repeat("a", 10<<20))),
		"10 MB of depth": strings.Repeat("[", 10<<20),
		"over 1 MiB":     fillWith() + strings.Repeat(" ", position.MaxLine),
	} {
		_, err := position.UnmarshalMutation([]byte(line))
		require.ErrorIs(t, err, position.ErrInvalid, name)
		require.ErrorContains(t, err, "at most 1048576 are allowed", name)
	}
	for name, line := range map[string]string{
		"long string": fillWith("account", quoted(strings.Repeat("a", position.MaxLine-1000))),
		"depth":       `{"type":"fill","qty":` + strings.Repeat("[", position.MaxLine-1000),
		"objects":     strings.Repeat(`{"a":`, position.MaxLine/6),
		"members":     `{` + strings.Repeat(`"a":1,`, position.MaxLine/7),
	} {
		_, err := position.UnmarshalMutation([]byte(line))
		require.ErrorIs(t, err, position.ErrInvalid, name)
		require.Less(t, len(err.Error()), 300, name)
	}
	padded := fillWith() + strings.Repeat(" ", position.MaxLine-len(fillWith()))
	_, err := position.UnmarshalMutation([]byte(padded))
	require.NoError(t, err)
}

// What is kept of a line is its values, not the line.
func TestMutationsDoNotHoldTheirLine(t *testing.T) {
	padding := strings.Repeat(" ", position.MaxLine/2)
	var before, after runtime.MemStats
	kept := make([]position.Mutation, 40)
	line := []byte(fillWith("strategy", `"s"`, "fee_currency", `"USD"`) + padding)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range kept {
		var err error
		kept[i], err = position.UnmarshalMutation(line)
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(len(kept)*len(line)/4))
	runtime.KeepAlive(kept)
}

func TestUnmarshalReadsEveryMember(t *testing.T) {
	three := uint64(3)
	stop := num("1.5")
	meta := position.Meta{Ident: "e-1", Time: sample.Time}
	rest := `"id":"e-1","time":"2026-01-02T04:04:05.000000006+01:00"`
	key := `"account":"A","instrument":"XBTUSD","strategy":"trend","leg":"long"`
	for line, want := range map[string]position.Mutation{
		`{"type":"fill",` + rest + `,` + key + `,"side":"sell","qty":"1.5","price":"-2","fee":"0.1","fee_currency":"XBT","expect_version":3}`: position.Fill{
			Meta: position.Meta{Ident: "e-1", Time: sample.Time, ExpectVersion: &three}, Key: sample.Key(), Side: position.Sell,
			Qty: num("1.5"), Price: num("-2"), Fee: num("0.1"), FeeCurrency: "XBT",
		},
		`{"type":"mark",` + rest + `,"instrument":"X","price":"7"}`: position.Mark{Meta: meta, Instrument: "X", Price: num("7")},
		`{"type":"charge",` + rest + `,` + key + `,"kind":"dividend","amount":"-7","currency":"EUR"}`: position.Charge{
			Meta: meta, Key: sample.Key(), Kind: position.Dividend, Amount: num("-7"), Currency: "EUR",
		},
		`{"type":"amend",` + rest + `,` + key + `,"stop":"1.5","targets":["2","3"],"tags":["t"],"metadata":{"a":"b"}}`: position.Amend{
			Meta: meta, Key: sample.Key(), Stop: &stop, Targets: []position.Decimal{num("2"), num("3")},
			Tags: []string{"t"}, Metadata: map[string]string{"a": "b"},
		},
		`{"type":"instrument",` + rest + `,"instrument":"X","kind":"quanto","multiplier":"0.01","base":"B","quote":"Q","settlement":"S"}`: position.DefineInstrument{
			Meta: meta, Instrument: "X", Terms: position.Terms{Kind: position.Quanto, Multiplier: num("0.01"), Base: "B", Quote: "Q", Settlement: "S"},
		},
	} {
		got, err := position.UnmarshalMutation([]byte(line))
		require.NoError(t, err, line)
		require.Equal(t, want, got)
	}
}

func TestJSONRoundTripOfRandomMutations(t *testing.T) {
	s := sample.NewValues(t, 0)
	schema := compile(t, position.MutationSchema())
	done := 0
	for i := range 5_000 {
		m := s.Mutation()
		b, err := position.MarshalMutation(m)
		if err != nil {
			require.ErrorIs(t, err, position.ErrInvalid)
			continue // a number above 1.7e20, a metadata text of too many bytes
		}
		done++
		got, err := position.UnmarshalMutation(b)
		require.NoError(t, err, "%s", b)
		require.Equal(t, m, got, "%s", b)
		if i%10 == 0 {
			requireValid(t, schema, b)
		}
	}
	require.Greater(t, done, 4_000)

	_, err := position.MarshalMutation(nil)
	require.ErrorIs(t, err, position.ErrInvalid)
	_, err = position.MarshalMutation(position.Fill{})
	require.ErrorIs(t, err, position.ErrInvalid)
	tooLarge := sample.Fill()
	tooLarge.Price = num("170141183460469231731.68")
	_, err = position.MarshalMutation(tooLarge)
	require.ErrorIs(t, err, position.ErrOverflow)
	f := sample.Fill()
	b, err := position.MarshalMutation(&f)
	require.NoError(t, err)
	got, err := position.UnmarshalMutation(b)
	require.NoError(t, err)
	require.Equal(t, sample.Fill(), got)
}

func requireValid(tb testing.TB, schema *jsonschema.Schema, b []byte) {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	require.NoError(tb, err, "%s", b)
	require.NoError(tb, schema.Validate(doc), "%s", b)
}

// What the writers write is what the schemas say, member for member: unknown
// members are refused there and all members are required.
func TestOutputFollowsItsSchema(t *testing.T) {
	s := sample.NewValues(t, 0)
	positions, changes := compile(t, position.PositionSchema()), compile(t, position.ChangeSchema())
	stamp := position.Stamp{Seq: 1<<63 + 1, Epoch: 3, Time: sample.Time}
	for _, c := range sample.Changes() {
		requireValid(t, changes, position.AppendChangeJSON(nil, stamp, &c))
	}
	for range 300 {
		p := s.Position()
		requireValid(t, positions, position.AppendPositionJSON(nil, p))
		c := s.Change()
		if b, err := position.MarshalMutation(c.Cause); c.Cause != nil && err != nil {
			require.ErrorIs(t, err, position.ErrInvalid, "%s", b)
			continue
		}
		if c.Cause == nil || c.Cause.ID() != "" {
			requireValid(t, changes, position.AppendChangeJSON(nil, stamp, &c))
		}
	}
}

func TestPositionJSONMembers(t *testing.T) {
	p := sample.FullPosition()
	p.Seq = 99
	var got map[string]any
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, p), &got))
	for _, name := range []string{
		"account", "instrument", "strategy", "leg", "cycle", "side", "qty", "avg_entry", "avg_exit", "cost", "realized",
		"fees", "funding", "net", "lifetime", "entry_qty", "exit_qty", "peak_qty", "mark", "unrealized", "mfe", "mae",
		"opened_at", "closed_at", "updated_at", "version", "seq",
	} {
		require.Contains(t, got, name)
	}
	require.Equal(t, "long", got["side"])
	require.Equal(t, "150.5", got["qty"])
	require.Equal(t, "50500", got["mark"])
	require.Equal(t, map[string]any{"BNB": "0.01", "XBT": "0.000006"}, got["fees"])
	require.Equal(t, map[string]any{
		"realized": "1.24999", "funding": "0.099999876543210988", "net": "0.850083876543210988",
		"fees": map[string]any{"BNB": "0.01", "XBT": "-0.000094"}, "charges": map[string]any{"XBT": "-0.5"},
	}, got["lifetime"])
	require.Nil(t, got["closed_at"])
	require.Equal(t, "2026-01-02T03:04:05.000000006Z", got["opened_at"])
	require.EqualValues(t, 99, got["seq"])
	require.Equal(t, p.Key.CycleID(3).String(), got["id"])

	p.HasMark = false
	got = nil
	require.NoError(t, json.Unmarshal(position.AppendPositionJSON([]byte("[")[:0], p), &got))
	require.Nil(t, got["mark"])
	require.Nil(t, got["unrealized"])
}

func TestJSONTextIsEscaped(t *testing.T) {
	for _, text := range []string{"", "plain", `"`, `\`, "\x00\x1f\n", "é漢𝄞", "\u2028", "</script>", "\x7f", "a\"b\\c\nd"} {
		p := sample.Position()
		p.Key.Strategy = text
		p.Conditions = &position.Conditions{Tags: []string{text}, Meta: []position.MetaItem{{Name: text, Value: text}}}
		var got struct {
			Strategy   string
			Conditions struct {
				Tags     []string
				Metadata map[string]string
			}
		}
		require.NoError(t, json.Unmarshal(position.AppendPositionJSON(nil, p), &got), "%q", text)
		require.Equal(t, text, got.Strategy)
		require.Equal(t, []string{text}, got.Conditions.Tags)
		require.Equal(t, map[string]string{text: text}, got.Conditions.Metadata)
	}
	p := sample.Position()
	p.Key.Strategy = "a\xffb"
	b := position.AppendPositionJSON(nil, p)
	require.True(t, json.Valid(b))
	require.Contains(t, string(b), "a\uFFFDb")
}

func TestAppendJSONKeepsWhatIsThere(t *testing.T) {
	c := sample.Changes()["instrument"]
	a := sample.Changes()["account"]
	for _, prefix := range []string{"", "x", "{", "[1,"} {
		require.True(t, strings.HasPrefix(string(position.AppendChangeJSON([]byte(prefix), position.Stamp{}, &c)), prefix+`{"seq":0`))
		require.True(t, strings.HasPrefix(string(position.AppendInstrumentJSON([]byte(prefix), c.Instrument)), prefix+`{"instrument":"XBTUSD"`))
		require.True(t, strings.HasPrefix(string(position.AppendAccountJSON([]byte(prefix), a.Account)), prefix+`{"account":"a.b.>"`))
		require.True(t, strings.HasPrefix(string(position.AppendPositionJSON([]byte(prefix), sample.Position())), prefix+`{"account":"A"`))
	}
}

func BenchmarkUnmarshalMutation(b *testing.B) {
	line := goodLines()[1].line
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := position.UnmarshalMutation([]byte(line)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendChangeJSON(b *testing.B) {
	for _, name := range []string{"fill_increased", "flip_closed"} {
		c := sample.Changes()[name]
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 0, 8192)
			stamp := position.Stamp{Seq: 123456, Epoch: 3, Time: sample.Time}
			b.ReportAllocs()
			for b.Loop() {
				buf = position.AppendChangeJSON(buf[:0], stamp, &c)
			}
			b.ReportMetric(float64(len(buf)), "bytes")
		})
	}
}

func BenchmarkMarshalMutation(b *testing.B) {
	var m position.Mutation = sample.Fill()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := position.MarshalMutation(m); err != nil {
			b.Fatal(err)
		}
	}
}

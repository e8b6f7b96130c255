package form_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/form"
)

// shopping is a table of two forms.
type shopping struct {
	got []string
}

func (*shopping) Types() []string { return []string{"buy", "ask"} }

func (*shopping) Form(typ string) *form.Form {
	members := []form.Member{{ID: 1, Name: "type", Need: true}, {ID: 2, Name: "what", Need: true, About: "Goods."}, {ID: 3, Name: "n"}}
	switch typ {
	case "buy":
		return &form.Form{Name: typ, About: "A purchase.", Members: members}
	case "ask":
		return &form.Form{Name: typ, Members: members[:2]}
	}
	return nil
}

func (s *shopping) Read(m *form.Member, v form.Value) error {
	s.got = append(s.got, m.Name+"="+v.Raw)
	if m.Name == "n" {
		_, err := v.Count(m.Name)
		return err
	}
	_, err := v.SomeText(m.Name)
	return err
}

func TestDraft(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"buy","what":"tea","n":2}`:       "",
		` {"n":2, "what" : "tea","type":"buy" } `: "",
		`{"type":"ask","what":"t\u00e9a"}`:        "",
		``:                                        "JSON is empty: expected an object",
		`[]`:                                      "JSON is broken at byte 1: expected '{' at the start of an object, found '['",
		`{"type":"buy","what":"tea"}x`:            "JSON is broken at byte 28: expected nothing after the object, found 'x'",
		`{"what":"tea"}`:                          "type is missing: it is one of buy, ask",
		`{"type":"sell"}`:                         `type "sell" is none of buy, ask`,
		`{"type":"buy","type":"buy"}`:             "type is given twice",
		`{"type":1}`:                              "type must be a string, not a number",
		`{"type":"ask"}`:                          "what is missing in an ask",
		`{"type":"ask","n":1}`:                    `"n" is not a member of an ask: those are type, what`,
		`{"type":"buy","what":"a","what":"a"}`:    "what is given twice",
		`{"what":"a","what":"a","type":"buy"}`:    "what is given twice",
		`{"what":"","type":"buy"}`:                "what is empty",
		`{"type":"buy","what":"a","n":1.0}`:       "n 1.0 is not a whole number from 0 to 18446744073709551615",
		`{"a":1,"b":2,"c":3,"d":4,"type":"buy"}`:  "type is missing among the first 3 members",
		`{"type":"buy","what":"\ud800"}`:          "what contains half of a surrogate pair",
		"{\"type\":\"buy\",\"what\":\"\xff\"}":    "what is not valid UTF-8",
		`{"type":"buy","what":"a\qb"}`:            "what contains a malformed escape",
	} {
		var d form.Draft
		var s shopping
		err := d.Read(text, &s, 3)
		if want == "" {
			require.NoError(t, err, text)
			require.True(t, d.Has(2))
			require.Equal(t, strings.Contains(text, `"n"`), d.Has(3))
			continue
		}
		require.EqualError(t, err, want, text)
		_, ok := errors.AsType[*form.Error](err)
		require.True(t, ok)
	}
}

func TestValues(t *testing.T) {
	at := func(text string) (v form.Value) {
		require.NoError(t, form.Members(`{"v":`+text+`}`, func(_ string, got form.Value) error { v = got; return nil }))
		return v
	}
	i, err := at(`"b"`).Choice("v", []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, 1, i)
	_, err = at(`"c"`).Choice("v", []string{"a", "b"})
	require.EqualError(t, err, `v "c" is none of a, b`)
	_, err = at(`null`).Bool("v")
	require.EqualError(t, err, "v must be true or false, not null")
	n := 0
	require.EqualError(t, at(`[1,2,3]`).List("v", 2, func(form.Value) error { n++; return nil }), "v has more than 2 members")
	require.Equal(t, 2, n)
	m, err := at(`{"a":"1","b":"\u00e9"}`).Texts("v", 2)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "1", "b": "é"}, m)
	_, err = at(`{"a":"1","a":"2"}`).Texts("v", 2)
	require.EqualError(t, err, `v has "a" twice`)
	parts := func(text string) error {
		return at(text).Parts("v", []string{"a", "b"}, func(int, form.Value) error { return nil })
	}
	require.NoError(t, parts(`{"b":1,"a":[]}`))
	require.EqualError(t, parts(`{"b":1,"b":2}`), "v has b twice")
	require.EqualError(t, parts(`{"c":1}`), `v has the unknown member "c"; its members are a, b`)
	require.EqualError(t, parts(`1`), "v must be an object, not a number")
}

func TestWriterAndSchema(t *testing.T) {
	w := form.Grown(nil, 10)
	w.Raw("{")
	w.Text("a", "x\"\\\n\xff")
	w.TextUnlessEmpty("b", "")
	w.Count("c", 1)
	w.TrueUnlessFalse("d", true)
	w.TrueUnlessFalse("e", false)
	w.Null("f")
	w.Hex("g", []byte{0xab})
	w.Texts("h", []string{"1", "2"})
	w.Raw("}")
	want := `{"a":"x\"\\\u000a` + "\uFFFD" + `","c":1,"d":true,"f":null,"g":"ab","h":["1","2"]}`
	require.Equal(t, []byte(want), w.B)
	n := new(shopping).Form("buy").Node(func(form.Shape, []string) form.Node { return form.Ref("x") })
	require.Equal(t, []string{"type", "what"}, n["required"])
	require.Equal(t, form.Node{
		"type": form.Node{"enum": []string{"buy"}, "description": ""},
		"what": form.Node{"$ref": "#/$defs/x", "description": "Goods."},
		"n":    form.Node{"$ref": "#/$defs/x", "description": ""},
	}, n["properties"])
	require.Contains(t, string(form.Document("urn:x", n)), `"$id": "urn:x"`)
}

// FuzzMembers: what is taken is JSON to encoding/json as well, with the same members.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{"a":1,"b":[true,null,{"c":"\ud83d\ude00"}]}`, `{"":-0.5e+3}`, `{"a":01}`, `{}`, `{"a":"\u0000"} `} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := map[string]string{}
		err := form.Members(text, func(name string, v form.Value) error {
			s, err := v.Text(name)
			if v.Kind != form.String {
				s, err = v.Raw, nil
			}
			got[name] = s
			return err
		})
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if strings.Contains(text, `\`) && json.Unmarshal([]byte(text), &want) != nil {
			return // an escape inside a value that nobody reads is not looked at
		}
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		require.Len(t, got, len(want))
		for name, raw := range want {
			var s string
			if json.Unmarshal(raw, &s) != nil || string(raw) == "null" {
				s = string(raw)
			}
			require.Equal(t, s, got[name])
		}
	})
}

package position

import (
	"encoding/json"
	"maps"
	"strings"
)

// node is a part of a JSON Schema. encoding/json writes its members sorted, so
// that a schema is the same text every time.
type node map[string]any

const (
	dialect     = "https://json-schema.org/draft/2020-12/schema"
	schemaBase  = "https://github.com/moneyprinter/holdfast/schema/"
	namePattern = `^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$` // what unicode.IsPrint accepts
	// inputDecimal is |x| < 1.7·10²⁰ with at most 18 fractional digits that are
	// not zero, in at most maxText bytes.
	inputDecimal = `^-?0*([0-9]{1,20}|1[0-6][0-9]{19})(\.[0-9]{1,18}0*)?$`
	// outputDecimal is plain notation without trailing zeros.
	outputDecimal = `^(0|-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,17}[1-9])?)$`
)

// MutationSchema returns the JSON Schema (2020-12) of what [UnmarshalMutation]
// accepts. A schema cannot count bytes, see duplicate members or compare
// instants; there, and only there, the parser is stricter: names of more than
// 64 bytes but not more than 64 characters, the instant 1970-01-01T00:00:00Z.
func MutationSchema() []byte {
	var types []any
	for i := range forms {
		types = append(types, forms[i].schema())
	}
	return document("mutation", node{
		"title":       "Mutation",
		"description": "What an engine says happened to its positions: one JSON object, one per line in NDJSON. Decimals are strings.",
		"type":        "object",
		"oneOf":       types,
		"$defs":       inputDefs(),
	})
}

// PositionSchema returns the JSON Schema of [AppendPositionJSON].
func PositionSchema() []byte {
	n := positionNode()
	n["title"] = "Position"
	n["$defs"] = outputDefs()
	return document("position", n)
}

// ChangeSchema returns the JSON Schema of [AppendChangeJSON].
func ChangeSchema() []byte {
	defs := outputDefs()
	maps.Copy(defs, inputDefs())
	defs["position"], defs["instrument"], defs["account"] = positionNode(), instrumentNode(), accountNode()
	var causes []any
	for i := range forms {
		def := forms[i].name + "_cause"
		causes = append(causes, ref(def))
		defs[def] = forms[i].schema()
	}
	defs["cause"] = node{"oneOf": causes}
	return document("change", node{
		"title":       "Change",
		"description": "What one mutation did to one position, with the whole position after it; or a record of an instrument, mark, account or epoch.",
		"type":        "object",
		"oneOf": []any{
			changeNode([]string{"opened", "increased", "reduced", "closed", "amended", "charged"}, "cause", columns{
				{"qty", ref("decimal"), "Signed change of quantity."},
				{"value", ref("decimal"), "Signed notional of qty, in the settlement currency."},
				{"realized", ref("decimal"), "Gross profit that this change realised."},
				{"fee", ref("decimal"), "This change's share of the fill's fee, in its fee currency."},
				{"after", ref("position"), "The position after the change."},
			}),
			changeNode([]string{"instrument"}, "cause", columns{{"instrument", ref("instrument"), "The instrument after the change."}}),
			changeNode([]string{"marked"}, "mark_cause", nil),
			changeNode([]string{"account"}, "cause", columns{{"account", ref("account"), "The account after the change."}}),
			changeNode([]string{"epoch"}, "", columns{
				{"build", node{"type": "string"}, "Version of the software that writes."},
				{"arithmetic", ref("count"), "Version of the rules by which it folds mutations."},
				{"salt", node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Random, unique per epoch."},
			}),
		},
		"$defs": defs,
	})
}

func document(name string, n node) []byte {
	n["$schema"] = dialect
	n["$id"] = schemaBase + name + ".schema.json"
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(n); err != nil {
		panic(err) // nodes hold strings, numbers, lists and maps only
	}
	return []byte(b.String())
}

func ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// inputDefs are the shapes of the member table, and the names under which the
// forms refer to them.
func inputDefs() node {
	name := node{"type": "string", "minLength": 1, "maxLength": MaxName, "pattern": namePattern, "description": "At most 64 bytes of printable UTF-8."}
	return node{
		"some_name":     name,
		"any_name":      node{"type": "string", "maxLength": MaxName, "pattern": namePattern, "description": "At most 64 bytes of printable UTF-8, or empty."},
		"input_decimal": node{"type": "string", "maxLength": maxText, "pattern": inputDecimal, "description": "A plain decimal below 1.7e20 with at most 18 fractional digits."},
		"input_time":    node{"type": "string", "format": "date-time", "pattern": timePattern},
	}
}

func (s shape) schema(choices []string) node {
	switch s {
	case oneOf:
		return node{"enum": choices}
	case someName:
		return ref("some_name")
	case anyName:
		return ref("any_name")
	case timestamp:
		return ref("input_time")
	case anyDecimal:
		return ref("input_decimal")
	case positiveDecimal:
		n := ref("input_decimal")
		n["pattern"] = `^[0-9.]*[1-9]` // no minus, and not zero
		return n
	case decimalOrNull:
		return node{"oneOf": []any{ref("input_decimal"), node{"type": "null"}}}
	case listOfDecimals:
		return node{"type": "array", "maxItems": MaxTargets, "items": ref("input_decimal")}
	case listOfNames:
		return node{"type": "array", "maxItems": MaxTags, "items": ref("some_name")}
	case mapOfTexts:
		return node{
			"type": "object", "maxProperties": MaxMeta, "propertyNames": ref("some_name"),
			"additionalProperties": node{"type": "string", "maxLength": MaxValue},
		}
	case nonNegativeCount:
		return node{"type": "integer", "minimum": 0, "maximum": uint64(1<<64 - 1)}
	}
	return nil
}

func (f *form) schema() node {
	properties, required := node{}, []string{}
	for i := range f.members {
		m := &f.members[i]
		choices := f.choices[m.id]
		if m.id == memberType {
			choices = []string{f.name}
		}
		p := m.shape.schema(choices)
		p["description"] = m.about
		properties[m.name] = p
		if m.need {
			required = append(required, m.name)
		}
	}
	n := node{
		"title": f.name, "description": f.about, "type": "object",
		"properties": properties, "required": required, "additionalProperties": false,
	}
	if f.rules != nil {
		n["allOf"] = f.rules()
	}
	return n
}

// filled is the condition that a member is there and not empty.
func filled(name string) node {
	return node{"required": []string{name}, "properties": node{name: node{"type": "string", "minLength": 1}}}
}

func is(name, what string) node {
	return node{"required": []string{name}, "properties": node{name: node{"const": what}}}
}

func given(name string) node { return node{"required": []string{name}} }

func when(condition, rule node) node { return node{"if": condition, "then": rule} }

// The rules between members are what Validate checks beyond single ones.

func chargeRules() []any {
	return []any{
		when(filled("strategy"), filled("instrument")),
		when(filled("leg"), filled("instrument")),
		when(given("expect_version"), filled("instrument")),
		when(is("kind", Cash.String()), node{"not": filled("instrument")}),
	}
}

func amendRules() []any {
	return []any{node{"anyOf": []any{given("stop"), given("targets"), given("tags"), given("metadata")}}}
}

func instrumentRules() []any {
	return []any{when(is("kind", Spot.String()), filled("base"))}
}

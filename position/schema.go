package position

import (
	"encoding/json"
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
	// roundPattern is what ParseRound takes.
	roundPattern = `^(exact|((0|[1-9]|1[0-8]) |([1-9]|1[0-8]) significant )(half-even|half-up|down|up|floor|ceiling))$`
	// outputDecimal is plain notation without trailing zeros.
	outputDecimal = `^(0|-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,17}[1-9])?)$`
)

// MutationSchema returns the JSON Schema (2020-12) of what [UnmarshalMutation]
// accepts. A schema cannot count bytes, see duplicate members or compare
// members, instants and sums; there, and only there, the parser is stricter:
// names of more than 64 bytes but not more than 64 characters, the instant
// 1970-01-01T00:00:00Z, a transfer to where it came from, a high below the low,
// currencies that contradict each other, lots that do not sum to the quantity.
func MutationSchema() []byte {
	var types []any
	for i := range forms {
		n := forms[i].schema()
		if forms[i].givenRules != nil {
			n["allOf"] = append(forms[i].rules(), forms[i].givenRules()...)
		}
		types = append(types, n)
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
		"some_text":     node{"type": "string", "minLength": 1, "maxLength": MaxReason, "pattern": namePattern, "description": "At most 1024 bytes of printable UTF-8."},
		"any_text":      node{"type": "string", "maxLength": MaxReason, "pattern": namePattern, "description": "At most 1024 bytes of printable UTF-8, or empty."},
		"input_time":    node{"type": "string", "format": "date-time", "pattern": timePattern},
		"round":         node{"type": "string", "pattern": roundPattern, "description": "Digits after the point, or in all if significant, and the direction: 2 half-even, 6 significant half-up, 8 down. exact, as if it were absent, does not round."},
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
		return positive()
	case decimalOrNull:
		return node{"oneOf": []any{ref("input_decimal"), node{"type": "null"}}}
	case someText:
		return ref("some_text")
	case anyText:
		return ref("any_text")
	case lotChoice:
		return lotSchema()
	case listOfLots:
		return node{"type": "array", "minItems": 1, "maxItems": MaxLots, "items": adoptedLotSchema()}
	case roundingProfile:
		return roundingSchema()
	case listOfDecimals:
		return node{"type": "array", "maxItems": MaxTargets, "items": ref("input_decimal")}
	case listOfNames:
		return node{"type": "array", "maxItems": MaxTags, "items": ref("some_name")}
	case mapOfTexts:
		return node{
			"type": "object", "maxProperties": MaxMeta, "propertyNames": ref("some_name"),
			"additionalProperties": node{"type": "string", "maxLength": MaxValue},
		}
	case boolean:
		return node{"type": "boolean"}
	case nonNegativeCount:
		return node{"type": "integer", "minimum": 0, "maximum": uint64(1<<64 - 1)}
	}
	return nil
}

func positive() node {
	n := ref("input_decimal")
	n["pattern"] = `^[0-9.]*[1-9]` // no minus, and not zero
	return n
}

func about(n node, text string) node {
	n["description"] = text
	return n
}

// lotSchema is what lotOf reads.
func lotSchema() node {
	return node{"oneOf": []any{
		ref("some_name"),
		node{
			"type": "object", "minProperties": 1, "additionalProperties": false,
			"properties": node{
				"label": about(ref("some_name"), "Label of the lot."),
				"price": about(ref("input_decimal"), "Entry price of the lot."),
				"opened": about(node{"oneOf": []any{
					node{"type": "string", "format": "date", "pattern": timePattern[:strings.Index(timePattern, "T")] + "$"},
					ref("input_time"),
				}}, "Day (UTC) or exact time at which it was opened."),
			},
		},
	}}
}

// adoptedLotSchema is what adoptedLotOf reads.
func adoptedLotSchema() node {
	return node{
		"type": "object", "required": []string{"qty"}, "additionalProperties": false,
		"properties": node{
			"qty":    node{"$ref": "#/$defs/input_decimal", "pattern": "[1-9]", "description": "Signed like the position's."},
			"price":  about(ref("input_decimal"), "Entry price; or give cost."),
			"cost":   about(ref("input_decimal"), "Cost of qty, signed like it."),
			"opened": about(ref("input_time"), "Absent: the time of the adoption."),
			"label":  about(ref("some_name"), "Absent: the id of the adoption."),
		},
		"oneOf": []any{given("price"), given("cost")},
	}
}

// roundingSchema is what roundingOf reads.
func roundingSchema() node {
	return node{
		"type": "object", "additionalProperties": false,
		"if": given("value_per"), "then": node{"required": []string{"value"}, "properties": node{"value": not(node{"const": Exact.String()})}},
		"properties": node{
			"value":     about(ref("round"), "Notional of a fill or a mark."),
			"value_per": about(positive(), "Quantity whose value is rounded; the whole is that times the number of such lots. Absent: the value of the whole is rounded."),
			"average":   about(ref("round"), "Average entry, wherever a reduction uses it."),
			"realized":  about(ref("round"), "Profit of one reduction."),
		},
	}
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

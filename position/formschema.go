package position

import (
	"strings"

	"github.com/moneyprinter/holdfast/internal/form"
)

const (
	schemaBase  = "https://github.com/moneyprinter/holdfast/schema/"
	namePattern = `^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$` // what unicode.IsPrint accepts
	// inputDecimal is |x| < 1.7·10²⁰ with at most 18 fractional digits that are
	// not zero, in at most maxText bytes.
	inputDecimal = `^-?0*([0-9]{1,20}|1[0-6][0-9]{19})(\.[0-9]{1,18}0*)?$`
	// roundPattern is what parseRound takes.
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
		n := forms[i].node()
		if forms[i].givenRules != nil {
			n["allOf"] = append(forms[i].rules(), forms[i].givenRules()...)
		}
		types = append(types, n)
	}
	return document("mutation", form.Node{
		"title":       "Mutation",
		"description": "What an engine says happened to its positions: one JSON object, one per line in NDJSON. Decimals are strings.",
		"type":        "object",
		"oneOf":       types,
		"$defs":       inputDefs(),
	})
}

func document(name string, n form.Node) []byte {
	return form.Document(schemaBase+name+".schema.json", n)
}

// inputDefs are the shapes of the member table, and the names under which the
// forms refer to them.
func inputDefs() form.Node {
	name := form.Node{"type": "string", "minLength": 1, "maxLength": MaxName, "pattern": namePattern, "description": "At most 64 bytes of printable UTF-8."}
	return form.Node{
		"some_name":     name,
		"any_name":      form.Node{"type": "string", "maxLength": MaxName, "pattern": namePattern, "description": "At most 64 bytes of printable UTF-8, or empty."},
		"input_decimal": form.Node{"type": "string", "maxLength": maxText, "pattern": inputDecimal, "description": "A plain decimal below 1.7e20 with at most 18 fractional digits."},
		"some_text":     form.Node{"type": "string", "minLength": 1, "maxLength": MaxReason, "pattern": namePattern, "description": "At most 1024 bytes of printable UTF-8."},
		"any_text":      form.Node{"type": "string", "maxLength": MaxReason, "pattern": namePattern, "description": "At most 1024 bytes of printable UTF-8, or empty."},
		"input_time":    form.Node{"type": "string", "format": "date-time", "pattern": timePattern},
		"round":         form.Node{"type": "string", "pattern": roundPattern, "description": "Digits after the point, or in all if significant, and the direction: 2 half-even, 6 significant half-up, 8 down. exact, as if it were absent, does not round."},
	}
}

func outputDefs() form.Node {
	text := form.Node{"type": "string"}
	return form.Node{
		"name":    text,
		"count":   form.Node{"type": "integer", "minimum": 0},
		"decimal": form.Node{"type": "string", "pattern": outputDecimal, "description": "Plain notation without trailing zeros."},
		"figure":  form.Node{"type": []string{"string", "null"}, "pattern": outputDecimal, "description": "A decimal, or null where it is not known."},
		"time":    form.Node{"type": []string{"string", "null"}, "format": "date-time", "description": "RFC 3339 in UTC with nanoseconds, or null."},
		"amounts": form.Node{"type": "object", "description": "A decimal per currency.", "additionalProperties": form.Ref("decimal")},
	}
}

// valueNode describes the values of a shape.
func valueNode(s form.Shape, choices []string) form.Node {
	switch s {
	case oneOf:
		return form.Node{"enum": choices}
	case someName:
		return form.Ref("some_name")
	case anyName:
		return form.Ref("any_name")
	case timestamp:
		return form.Ref("input_time")
	case anyDecimal:
		return form.Ref("input_decimal")
	case positiveDecimal:
		return positive()
	case decimalOrNull:
		return form.Ref("input_decimal").OrNull()
	case someText:
		return form.Ref("some_text")
	case anyText:
		return form.Ref("any_text")
	case lotChoice:
		return lotSchema()
	case listOfLots:
		return form.Node{"type": "array", "minItems": 1, "maxItems": MaxLots, "items": adoptedLotSchema()}
	case roundingProfile:
		return roundingSchema()
	case listOfDecimals:
		return form.Node{"type": "array", "maxItems": MaxTargets, "items": form.Ref("input_decimal")}
	case listOfNames:
		return form.Node{"type": "array", "maxItems": MaxTags, "items": form.Ref("some_name")}
	case mapOfTexts:
		return form.Node{
			"type": "object", "maxProperties": MaxMeta, "propertyNames": form.Ref("some_name"),
			"additionalProperties": form.Node{"type": "string", "maxLength": MaxValue},
		}
	case boolean:
		return form.Node{"type": "boolean"}
	case nonNegativeCount:
		return form.Node{"type": "integer", "minimum": 0, "maximum": uint64(1<<64 - 1)}
	}
	return nil
}

func positive() form.Node {
	n := form.Ref("input_decimal")
	n["pattern"] = `^[0-9.]*[1-9]` // no minus, and not zero
	return n
}

// lotSchema is what lotOf reads.
func lotSchema() form.Node {
	return form.Node{"oneOf": []any{
		form.Ref("some_name"),
		form.Node{
			"type": "object", "minProperties": 1, "additionalProperties": false,
			"properties": form.Node{
				"label": form.Ref("some_name").About("Label of the lot."),
				"price": form.Ref("input_decimal").About("Entry price of the lot."),
				"opened": form.OneOf(
					form.Node{"type": "string", "format": "date", "pattern": timePattern[:strings.Index(timePattern, "T")] + "$"},
					form.Ref("input_time"),
				).About("Day (UTC) or exact time at which it was opened."),
			},
		},
	}}
}

// adoptedLotSchema is what adoptedLotOf reads.
func adoptedLotSchema() form.Node {
	return form.Node{
		"type": "object", "required": []string{"qty"}, "additionalProperties": false,
		"properties": form.Node{
			"qty":    form.Node{"$ref": "#/$defs/input_decimal", "pattern": "[1-9]", "description": "Signed like the position's."},
			"price":  form.Ref("input_decimal").About("Entry price; or give cost."),
			"cost":   form.Ref("input_decimal").About("Cost of qty, signed like it."),
			"opened": form.Ref("input_time").About("Absent: the time of the adoption."),
			"label":  form.Ref("some_name").About("Absent: the id of the adoption."),
		},
		"oneOf": []any{form.Given("price"), form.Given("cost")},
	}
}

// roundingSchema is what roundingOf reads.
func roundingSchema() form.Node {
	return form.Node{
		"type": "object", "additionalProperties": false,
		"if": form.Given("value_per"), "then": form.Node{"required": []string{"value"}, "properties": form.Node{"value": form.Not(form.Node{"const": Exact.String()})}},
		"properties": form.Node{
			"value":     form.Ref("round").About("Notional of a fill or a mark."),
			"value_per": positive().About("Quantity whose value is rounded; the whole is that times the number of such lots. Absent: the value of the whole is rounded."),
			"average":   form.Ref("round").About("Average entry, wherever a reduction uses it."),
			"realized":  form.Ref("round").About("Profit of one reduction."),
		},
	}
}

// node describes the form as it is recorded.
func (f *mutationForm) node() form.Node {
	n := f.Node(valueNode)
	if f.rules != nil {
		n["allOf"] = f.rules()
	}
	return n
}

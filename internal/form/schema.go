package form

import (
	"encoding/json"
	"maps"
	"strings"
)

// Node is a part of a JSON Schema. encoding/json writes its members sorted, so
// that a schema is the same text every time.
type Node map[string]any

// Document returns the schema n, whose name is the URI id, as indented text. It
// adds to n what a schema begins with.
func Document(id string, n Node) []byte {
	n["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	n["$id"] = id
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(n); err != nil {
		panic(err) // nodes hold strings, numbers, lists and maps only
	}
	return []byte(b.String())
}

// Ref is a node that stands in $defs.
func Ref(name string) Node { return Node{"$ref": "#/$defs/" + name} }

// About returns n with a description of its own.
func (n Node) About(text string) Node {
	n = maps.Clone(n)
	n["description"] = text
	return n
}

// OrNull describes what may be null as well.
func (n Node) OrNull() Node { return Node{"oneOf": []any{n, Node{"type": "null"}}} }

// List describes an array of any length.
func List(element Node) Node { return Node{"type": "array", "items": element} }

// Node describes the form. describe gives the node of a member's value; choices
// are those that the form has for it.
func (f *Form) Node(describe func(s Shape, choices []string) Node) Node {
	var p Properties
	for i := range f.Members {
		m := &f.Members[i]
		value := Node{"enum": []string{f.Name}}
		if i > 0 { // the first is the type
			value = describe(m.Shape, f.Choices[m.ID])
		}
		p = append(p, Property{Name: m.Name, Value: value, About: m.About, Optional: !m.Need})
	}
	n := p.Object()
	n["title"], n["description"] = f.Name, f.About
	return n
}

// Property is a member of an object that a schema describes.
type Property struct {
	Name     string
	Value    Node
	About    string
	Optional bool // it may be absent
}

// Properties are those of one object.
type Properties []Property

// Object describes an object with these members and no others.
func (p Properties) Object() Node {
	properties, required := Node{}, []string{}
	for _, m := range p {
		properties[m.Name] = m.Value.About(m.About)
		if !m.Optional {
			required = append(required, m.Name)
		}
	}
	return Node{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// Conditions on the members of an object, and rules that are made of them.

// Given is the condition that a member is there.
func Given(name string) Node { return Node{"required": []string{name}} }

// Filled is the condition that a member is there and not empty.
func Filled(name string) Node { return holds(name, Node{"type": "string", "minLength": 1}) }

// NonZero is the condition that a decimal is there and not zero.
func NonZero(name string) Node { return holds(name, Node{"type": "string", "pattern": "[1-9]"}) }

// Is is the condition that a member is there and has this value.
func Is(name string, value any) Node { return holds(name, Node{"const": value}) }

func holds(name string, value Node) Node {
	return Node{"required": []string{name}, "properties": Node{name: value}}
}

// Not is true where the condition is not.
func Not(condition Node) Node { return Node{"not": condition} }

// AnyOf is true where one of the conditions is.
func AnyOf(conditions ...any) Node { return Node{"anyOf": conditions} }

// OneOf is true where exactly one of the conditions is.
func OneOf(conditions ...any) Node { return Node{"oneOf": conditions} }

// When demands the rule where the condition is true.
func When(condition, rule Node) Node { return Node{"if": condition, "then": rule} }

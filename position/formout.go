package position

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/internal/form"
)

// Objects are written by tables: one for each kind of object, with a row for each
// member in the order of the text. The JSON and its schema are both made from them;
// the columns of a position's tables and CSV files, too.

// output is a member of what is written of a T.
type output[T any] struct {
	name  string
	key   string // what stands before its value
	node  form.Node
	about string
	get   getter[T]
	// optional members are left out where get appends nothing.
	optional bool
	column   Column
	place    int // of the column in a CSV file, from 1 on; 0: it has none
}

// getter gets the value of a member in one of these ways.
type getter[T any] struct {
	text    func(T) string
	count   func(T) uint64
	decimal func(T) Decimal
	figure  func(T) (Decimal, bool)
	time    func(T) Time
	json    func(dst []byte, of T) []byte // appends it
}

func (g *getter[T]) append(dst []byte, of T) []byte {
	switch {
	case g.decimal != nil:
		return appendDecimal(dst, g.decimal(of))
	case g.figure != nil:
		d, ok := g.figure(of)
		return appendFigure(dst, d, ok)
	case g.text != nil:
		return form.AppendQuote(dst, g.text(of))
	case g.count != nil:
		return strconv.AppendUint(dst, g.count(of), 10)
	case g.time != nil:
		return appendTime(dst, g.time(of))
	}
	return g.json(dst, of)
}

// Column is a member of a position that tables and CSV files have a column for. Its
// title is the name of the member in the JSON form.
type Column struct {
	Name   string
	Kind   ColumnKind
	Sparse bool // most positions have nothing there
}

// ColumnKind says how a column is drawn.
type ColumnKind uint8

// The kinds of columns.
const (
	TextColumn    ColumnKind = iota // names and times
	NumberColumn                    // decimals and counts
	AmountsColumn                   // a decimal per currency
)

// Columns returns the columns of positions in the order of a CSV file. A new one
// comes last, so that those who count columns go on finding theirs.
func Columns() []Column {
	var rows []output[shown]
	for _, m := range outputs.position {
		if m.place > 0 {
			rows = append(rows, m)
		}
	}
	slices.SortFunc(rows, func(a, b output[shown]) int { return a.place - b.place })
	columns := make([]Column, len(rows))
	for i := range rows {
		columns[i] = rows[i].column
		columns[i].Name = rows[i].name
	}
	return columns
}

// at gives a member a column, in a CSV file at this place.
func (o output[T]) at(place int) output[T] {
	o.place = place
	return o
}

// sparse says that most positions have nothing there.
func (o output[T]) sparse() output[T] {
	o.column.Sparse = true
	return o
}

// outputs are the tables.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var outputs = newTables()

type tables struct {
	position   []output[shown]
	lot        []output[shownLot]
	use        []output[*LotUse]
	instrument []output[shownInstrument]
	account    []output[shownAccount]
}

func newTables() tables {
	lots := lotOutputs()
	return tables{
		position: positionOutputs(lots), lot: lots, use: useOutputs(),
		instrument: instrumentOutputs(), account: accountOutputs(),
	}
}

// write appends an object. Its first member is never left out.
func write[T any](dst []byte, members []output[T], of T) []byte {
	start := len(dst)
	for i := range members {
		m := &members[i]
		before := len(dst)
		dst = append(dst, m.key...)
		dst = m.get.append(dst, of)
		if m.optional && len(dst) == before+len(m.key) {
			dst = dst[:before]
		}
	}
	dst[start] = '{' // for the comma before the first
	return append(dst, '}')
}

// describe makes the schema of an object.
func describe[T any](members []output[T]) form.Node {
	var p form.Properties
	for i := range members {
		m := &members[i]
		p = append(p, form.Property{Name: m.name, Value: m.node, About: m.about, Optional: m.optional})
	}
	return p.Object()
}

func newOutput[T any](name, about string, node form.Node, get getter[T]) output[T] {
	return output[T]{name: name, key: `,"` + name + `":`, node: node, about: about, get: get}
}

// jsonOut is a member of any form.
func jsonOut[T any](name, about string, node form.Node, get func(dst []byte, of T) []byte) output[T] {
	return newOutput(name, about, node, getter[T]{json: get})
}

func textOut[T any](name, about string, get func(T) string) output[T] {
	return newOutput(name, about, form.Ref("name"), getter[T]{text: get})
}

// choiceOut is a text that is one of several.
func choiceOut[T any](name string, choices []string, about string, get func(T) string) output[T] {
	o := textOut(name, about, get)
	o.node = form.Node{"enum": choices}
	return o
}

// patternOut is a text or null, "" being null.
func patternOut[T any](name, pattern, about string, get func(T) string) output[T] {
	node := form.Node{"type": []string{"string", "null"}, "pattern": pattern}
	return jsonOut(name, about, node, func(b []byte, of T) []byte {
		if text := get(of); text != "" {
			return form.AppendQuote(b, text)
		}
		return append(b, "null"...)
	})
}

func countOut[T any](name, about string, get func(T) uint64) output[T] {
	o := newOutput(name, about, form.Ref("count"), getter[T]{count: get})
	o.column.Kind = NumberColumn
	return o
}

func boolOut[T any](name, about string, get func(T) bool) output[T] {
	return jsonOut(name, about, form.Node{"type": "boolean"}, func(b []byte, of T) []byte { return strconv.AppendBool(b, get(of)) })
}

func decimalOut[T any](name, about string, get func(T) Decimal) output[T] {
	o := newOutput(name, about, form.Ref("decimal"), getter[T]{decimal: get})
	o.column.Kind = NumberColumn
	return o
}

// figureOut is a decimal that may not be known.
func figureOut[T any](name, about string, get func(T) (Decimal, bool)) output[T] {
	o := newOutput(name, about, form.Ref("figure"), getter[T]{figure: get})
	o.column.Kind = NumberColumn
	return o
}

func timeOut[T any](name, about string, get func(T) Time) output[T] {
	return newOutput(name, about, form.Ref("time"), getter[T]{time: get})
}

func amountsOut[T any](name, about string, get func(T) Amounts) output[T] {
	o := jsonOut(name, about, form.Ref("amounts"), func(b []byte, of T) []byte { return appendAmounts(b, get(of)) })
	o.column.Kind = AmountsColumn
	return o
}

// unlessEmpty leaves the member out where there is nothing to say. A member that
// comes to be after the format has been fixed is written so: the texts of before stay
// as they are, and the schema does not demand it.
func (o output[T]) unlessEmpty() output[T] {
	get := o.get
	o.optional = true
	o.get = getter[T]{json: func(b []byte, of T) []byte {
		before := len(b)
		b = get.append(b, of)
		switch string(b[before:]) {
		case "{}", "0", `"0"`, `""`, "null", "false":
			return b[:before]
		}
		return b
	}}
	return o
}

func uuidOut[T any](name, about string, get func(T) uuid.UUID) output[T] {
	node := form.Node{"type": "string", "format": "uuid"}
	return jsonOut(name, about, node, func(b []byte, of T) []byte {
		return append(append(append(b, '"'), get(of).String()...), '"')
	})
}

func hexOut[T any](name, about string, get func(T) [16]byte) output[T] {
	node := form.Node{"type": "string", "pattern": "^[0-9a-f]{32}$"}
	return jsonOut(name, about, node, func(b []byte, of T) []byte {
		bytes := get(of)
		return append(hex.AppendEncode(append(b, '"'), bytes[:]), '"')
	})
}

// objectOut is an object, or null where get finds none.
func objectOut[T, U any](name string, members []output[U], about string, get func(T) (U, bool)) output[T] {
	return jsonOut(name, about, describe(members).OrNull(), func(b []byte, of T) []byte {
		if v, ok := get(of); ok {
			return write(b, members, v)
		}
		return append(b, "null"...)
	})
}

// within takes over the members of a part.
func within[T, U any](members []output[U], part func(T) U) []output[T] {
	var all []output[T]
	for _, m := range members {
		o := jsonOut(m.name, m.about, m.node, func(b []byte, of T) []byte { return m.get.append(b, part(of)) })
		o.optional, o.column, o.place = m.optional, m.column, m.place
		all = append(all, o)
	}
	return all
}

// jsonWriter writes the values of this package.
type jsonWriter struct{ form.Writer }

// grown returns a writer behind dst, with room for an ordinary record.
func grown(dst []byte, room int) jsonWriter { return jsonWriter{form.Grown(dst, room)} }

func (w *jsonWriter) decimal(name string, d Decimal) {
	w.Name(name)
	w.B = appendDecimal(w.B, d)
}

// decimalUnlessZero leaves out a member that may be absent.
func (w *jsonWriter) decimalUnlessZero(name string, d Decimal) {
	if !d.IsZero() {
		w.decimal(name, d)
	}
}

func (w *jsonWriter) decimalUnlessNil(name string, d *Decimal) {
	if d != nil {
		w.decimal(name, *d)
	}
}

func (w *jsonWriter) time(name string, t Time) {
	w.Name(name)
	w.B = appendTime(w.B, t)
}

func (w *jsonWriter) decimals(name string, list []Decimal) {
	w.Name(name)
	w.B = appendDecimals(w.B, list)
}

func appendDecimal(b []byte, d Decimal) []byte {
	return append(d.AppendText(append(b, '"')), '"')
}

// appendFigure appends null for what is not known.
func appendFigure(b []byte, d Decimal, ok bool) []byte {
	if !ok {
		return append(b, "null"...)
	}
	return appendDecimal(b, d)
}

func appendDecimals(b []byte, list []Decimal) []byte {
	b = append(b, '[')
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendDecimal(b, d)
	}
	return append(b, ']')
}

// appendTime appends null for no time.
func appendTime(b []byte, t Time) []byte {
	if t == 0 {
		return append(b, "null"...)
	}
	return append(t.Std().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

func appendAmounts(b []byte, a Amounts) []byte {
	w := form.Writer{B: append(b, '{')}
	for i := range a {
		w.Item(i, a[i].Currency)
		w.B = appendDecimal(w.B, a[i].Value)
	}
	return append(w.B, '}')
}

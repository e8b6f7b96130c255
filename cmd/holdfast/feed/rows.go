package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/position"
)

// rows reads a CSV by a mapping.
type rows struct {
	table  *table
	names  []string  // of the members, see memberNames
	from   []binding // of each member
	kind   binding   // of the type; not bound: every line is a fill
	layout string
	last   bool // the last column is read, so a line without an end may be cut in it
	forms  map[string][]bool
	json   []byte
}

// binding is a source with the columns' places.
type binding struct {
	columns  []int // several only for an id
	constant string
	bound    bool
}

// newRows finds every member's columns.
func newRows(t *table, m Mapping) (*rows, error) {
	r := &rows{table: t, names: memberNames(), layout: m.layout, forms: map[string][]bool{}}
	r.from = make([]binding, len(r.names))
	for _, typ := range position.MutationTypes() {
		has := make([]bool, len(r.names))
		for i, name := range r.names {
			has[i] = slices.Contains(position.MutationMembers(typ), name)
		}
		r.forms[typ] = has
	}
	var err error
	if s, mapped := m.sources[typeMember]; mapped {
		r.kind, err = bind(t, typeMember, s)
	} else if i := t.index(typeMember); i >= 0 {
		r.kind = binding{columns: []int{i}, bound: true}
	}
	if err != nil {
		return nil, err
	}
	r.last = slices.Contains(r.kind.columns, len(t.columns)-1)
	for i := range r.from {
		if err = r.bind(i, m); err != nil {
			return nil, err
		}
		r.last = r.last || slices.Contains(r.from[i].columns, len(t.columns)-1)
	}
	return r, nil
}

// bind finds the columns of one member.
func (r *rows) bind(i int, m Mapping) (err error) {
	name := r.names[i]
	s, mapped := m.sources[name]
	ofFill := r.forms["fill"][i]
	switch {
	case mapped && !r.kind.bound && !ofFill:
		return fmt.Errorf("%s is no member of a fill: map type as well, such as type:=charge", name)
	case mapped:
		r.from[i], err = bind(r.table, name, s)
	case i < usual || r.kind.bound:
		r.from[i], err = bindUsual(r.table, i, name)
	case ofFill: // not by a similar name: such a column may be anything
		if c := r.table.index(name); c >= 0 {
			r.from[i] = binding{columns: []int{c}, bound: true}
		}
	}
	if err == nil && !r.from[i].bound && (i == ident || !r.kind.bound && required(i)) {
		return missing(r.table, name)
	}
	return err
}

// missing explains what can be done about a member without a column.
func missing(t *table, name string) error {
	way := name + ":=VALUE for all lines"
	if name == "id" {
		way = "id=COLUMN+COLUMN, or id:=line for ids that only this very file has"
	}
	return fmt.Errorf("no column is known to give %s; map one with %s=COLUMN, or %s; the columns are %s", name, name, way, t.listed())
}

// bind finds the columns that a mapping names.
func bind(t *table, name string, s source) (binding, error) {
	if s.fixed {
		return binding{constant: s.constant, bound: true}, nil
	}
	names := []string{s.column}
	if name == "id" && t.index(s.column) < 0 {
		names = strings.Split(s.column, "+")
	}
	b := binding{bound: true}
	for _, n := range names {
		i := t.index(strings.TrimSpace(n))
		if i < 0 {
			return b, fmt.Errorf("there is no column %s for %s; the columns are %s", clip(n), name, t.listed())
		}
		if slices.Contains(t.columns[i+1:], t.columns[i]) {
			return b, fmt.Errorf("there are several columns %s", clip(n))
		}
		b.columns = append(b.columns, i)
	}
	return b, nil
}

// bindUsual looks for a member's column by its usual names. The member's own
// name wins; otherwise there must be one candidate only.
func bindUsual(t *table, m int, name string) (binding, error) {
	var found []int
	for i, c := range t.columns {
		if c == name && !slices.Contains(t.columns[i+1:], c) {
			return binding{columns: []int{i}, bound: true}, nil
		}
		if slices.Contains(aliases(m, name), plain(c)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return binding{}, nil
	case 1:
		return binding{columns: found, bound: true}, nil
	}
	return binding{}, fmt.Errorf("several columns could give %s; map one with %s=COLUMN; the columns are %s", name, name, t.listed())
}

// unused returns the columns that no member is read from, quoted.
func (r *rows) unused() []string {
	var out []string
	for i, c := range r.table.columns {
		used := c == "" || slices.Contains(r.kind.columns, i)
		for m := range r.from {
			used = used || slices.Contains(r.from[m].columns, i)
		}
		if !used {
			out = append(out, clip(c))
		}
	}
	return out
}

// column returns the column that gives a member, "" when there is none or when it
// has the member's name anyway.
func (r *rows) column(member string) string {
	b := r.kind
	if i := slices.Index(r.names, member); i >= 0 {
		b = r.from[i]
	} else if member != typeMember {
		return ""
	}
	if len(b.columns) == 0 || r.table.columns[b.columns[0]] == member {
		return ""
	}
	var names []string
	for _, c := range b.columns {
		names = append(names, r.table.columns[c])
	}
	return strings.Join(names, "+")
}

func (r *rows) read(l *line) ([]Entry, error) {
	row, err := r.table.row(string(l.text))
	if err != nil {
		return nil, err
	}
	if r.last && !l.ended {
		return nil, errors.New("the last line has no end, so its last field may be cut; end it with a line break if it is whole")
	}
	typ := strings.ToLower(textOf(row, &r.kind))
	if typ == "" {
		typ = "fill"
	}
	has, known := r.forms[typ]
	if !known {
		return nil, bad(typeMember, "%s is none of %s; map type:=fill if all lines are fills", clip(typ), strings.Join(position.MutationTypes(), ", "))
	}
	plainFill := typ == "fill"
	for i := range r.from {
		if (i < usual && has[i]) || len(r.from[i].columns) == 0 || r.text(row, i) == "" {
			continue
		}
		if !has[i] {
			return nil, bad(r.names[i], "is not a member of this %s: leave the cell empty", typ)
		}
		plainFill = false
	}
	var m position.Mutation
	if plainFill {
		m, err = r.fill(row, l)
	} else {
		m, err = r.other(typ, has, row, l)
	}
	if err != nil {
		return nil, err
	}
	return []Entry{{Mutation: m}}, nil
}

// fill reads the members that every fill has, without a detour.
func (r *rows) fill(row []string, l *line) (x position.Fill, err error) {
	x.Key = position.Key{
		Account: r.text(row, account), Instrument: r.text(row, instrument),
		Strategy: r.text(row, strategy), Leg: r.text(row, leg),
	}
	x.FeeCurrency = r.text(row, feeCurrency)
	if x.Side, err = parseSide(r.text(row, side)); err != nil {
		return x, err
	}
	for i, d := range []*position.Decimal{&x.Qty, &x.Price, &x.Fee} {
		m := []int{qty, price, fee}[i]
		text := r.text(row, m)
		if m == fee && text == "" {
			continue // no fee, or no such column
		}
		if *d, err = position.Parse(text); err != nil {
			return x, &memberError{field: r.names[m], err: err}
		}
	}
	if r.from[when].bound && (r.text(row, when) != "" || !r.kind.bound) {
		if x.Time, err = parseTime(r.text(row, when), r.layout); err != nil {
			return x, &memberError{field: r.names[when], err: err}
		}
	}
	x.Ident, err = r.id(row, l)
	return x, err
}

// other writes the line as the JSON form and reads that, so that what is accepted
// and what is said about the rest is the same in both.
func (r *rows) other(typ string, has []bool, row []string, l *line) (position.Mutation, error) {
	id, err := r.id(row, l)
	if err != nil {
		return nil, err
	}
	b, err := appendText(append(r.json[:0], `{"type":"`+typ+`","id":`...), id)
	if err != nil {
		return nil, &memberError{field: "id", err: err}
	}
	for i, name := range r.names {
		text := r.text(row, i)
		if i == ident || !has[i] || text == "" {
			continue
		}
		b = append(b, `,"`+name+`":`...)
		if b, err = r.appendValue(b, name, text); err != nil {
			if _, named := errors.AsType[*memberError](err); !named {
				err = &memberError{field: name, err: err}
			}
			return nil, err
		}
	}
	r.json = append(b, '}')
	return position.UnmarshalMutation(r.json)
}

// appendValue appends a cell as the value of a member.
func (r *rows) appendValue(b []byte, name, text string) ([]byte, error) {
	switch name {
	case "side":
		s, err := parseSide(text)
		if err != nil {
			return b, err
		}
		text = s.String()
	case "time", "opened":
		t, err := parseTime(text, r.layout)
		if err != nil {
			return b, err
		}
		text = t.String()
	case "expect_version":
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return b, fmt.Errorf("%s is not a whole number", clip(text))
		}
		return strconv.AppendUint(b, n, 10), nil
	case "stop":
		if text == "null" {
			return append(b, text...), nil
		}
	case "lot", "lots", "targets", "tags", "metadata", "rounding":
		if text[0] != '{' && text[0] != '[' {
			if name == "lot" { // or the id of one
				break
			}
			return b, fmt.Errorf("%s is no JSON: a list stands in its cell as [\"a\",\"b\"], an object as {\"a\":\"b\"}", clip(text))
		}
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			return b, fmt.Errorf("%s is neither a text nor JSON", clip(text))
		}
		return append(b, text...), nil
	}
	return appendText(b, text)
}

func appendText(b []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return b, errors.New("is not valid UTF-8")
	}
	quoted, err := json.Marshal(text)
	return append(b, quoted...), err
}

// text returns a member's text, "" when nothing gives it.
func (r *rows) text(row []string, m int) string { return textOf(row, &r.from[m]) }

func textOf(row []string, b *binding) string {
	if len(b.columns) == 0 {
		return b.constant
	}
	return strings.TrimSpace(row[b.columns[0]])
}

// id returns a line's id: the text of its one column, or a UUIDv5 of several.
func (r *rows) id(row []string, l *line) (string, error) {
	b := &r.from[ident]
	switch len(b.columns) {
	case 0:
		return idOf("csv/line", strconv.Itoa(l.number), string(l.text)), nil
	case 1:
		id := r.text(row, ident)
		if id == "" {
			return "", bad("id", "is empty")
		}
		return id, nil
	}
	parts := make([]string, len(b.columns))
	for i, c := range b.columns {
		parts[i] = strings.TrimSpace(row[c])
	}
	return idOf("csv/columns", parts...), nil
}

// idOf makes an id of texts, such that different texts give different ids.
func idOf(kind string, parts ...string) string {
	b := []byte("holdfast/" + kind)
	for _, p := range parts {
		b = append(b, '/')
		b = strconv.AppendQuote(b, p)
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, b).String()
}

func parseSide(s string) (position.Side, error) {
	switch strings.ToLower(s) {
	case "buy", "b":
		return position.Buy, nil
	case "sell", "s":
		return position.Sell, nil
	}
	return 0, bad("side", "%s is neither buy nor sell", clip(s))
}

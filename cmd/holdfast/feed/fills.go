package feed

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/position"
)

// fills reads a CSV of fills by a mapping.
type fills struct {
	table  *table
	from   [members]binding
	layout string
	last   bool // the last column is read, so a line without an end may be cut in it
}

// binding is a source with the columns' places.
type binding struct {
	columns  []int // several only for an id
	constant string
	bound    bool
}

// newFills finds every member's columns.
func newFills(t *table, m Mapping) (*fills, error) {
	f := &fills{table: t, layout: m.layout}
	for i := range f.from {
		var err error
		if s, mapped := m.sources[memberName(i)]; mapped {
			f.from[i], err = bind(t, i, s)
		} else {
			f.from[i], err = bindUsual(t, i)
		}
		if err != nil {
			return nil, err
		}
		if !f.from[i].bound && required(i) {
			return nil, missing(t, i)
		}
		f.last = f.last || slices.Contains(f.from[i].columns, len(t.columns)-1)
	}
	return f, nil
}

// missing explains what can be done about a member without a column.
func missing(t *table, m int) error {
	name := memberName(m)
	way := name + ":=VALUE for all lines"
	if m == ident {
		way = "id=COLUMN+COLUMN, or id:=line for ids that only this very file has"
	}
	return fmt.Errorf("no column is known to give %s; map one with %s=COLUMN, or %s; the columns are %s", name, name, way, t.listed())
}

// bind finds the columns that a mapping names.
func bind(t *table, m int, s source) (binding, error) {
	if s.fixed {
		return binding{constant: s.constant, bound: true}, nil
	}
	names := []string{s.column}
	if m == ident && t.index(s.column) < 0 {
		names = strings.Split(s.column, "+")
	}
	b := binding{bound: true}
	for _, n := range names {
		i := t.index(strings.TrimSpace(n))
		if i < 0 {
			return b, fmt.Errorf("there is no column %s for %s; the columns are %s", clip(n), memberName(m), t.listed())
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
func bindUsual(t *table, m int) (binding, error) {
	var found []int
	for i, c := range t.columns {
		if c == memberName(m) && !slices.Contains(t.columns[i+1:], c) {
			return binding{columns: []int{i}, bound: true}, nil
		}
		if slices.Contains(aliases(m), plain(c)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return binding{}, nil
	case 1:
		return binding{columns: found, bound: true}, nil
	}
	return binding{}, fmt.Errorf("several columns could give %s; map one with %s=COLUMN; the columns are %s", memberName(m), memberName(m), t.listed())
}

func (f *fills) read(l *line) (position.Mutation, []position.Mutation, error) {
	row, err := f.table.row(string(l.text))
	if err != nil {
		return nil, nil, err
	}
	if f.last && !l.ended {
		return nil, nil, errors.New("the last line has no end, so its last field may be cut; end it with a line break if it is whole")
	}
	var x position.Fill
	x.Key = position.Key{
		Account: f.text(row, account), Instrument: f.text(row, instrument),
		Strategy: f.text(row, strategy), Leg: f.text(row, leg),
	}
	x.FeeCurrency = f.text(row, feeCurrency)
	if x.Side, err = parseSide(f.text(row, side)); err != nil {
		return nil, nil, err
	}
	for i, d := range []*position.Decimal{&x.Qty, &x.Price, &x.Fee} {
		m := []int{qty, price, fee}[i]
		text := f.text(row, m)
		if m == fee && text == "" {
			continue // no fee, or no such column
		}
		if *d, err = position.Parse(text); err != nil {
			return nil, nil, &memberError{field: memberName(m), err: err}
		}
	}
	if f.from[when].bound {
		if x.Time, err = parseTime(f.text(row, when), f.layout); err != nil {
			return nil, nil, &memberError{field: memberName(when), err: err}
		}
	}
	x.Ident, err = f.id(row, l)
	return x, nil, err
}

// text returns a member's text, "" when nothing gives it.
func (f *fills) text(row []string, m int) string {
	b := &f.from[m]
	if len(b.columns) == 0 {
		return b.constant
	}
	return strings.TrimSpace(row[b.columns[0]])
}

// id returns a fill's id: the text of its one column, or a UUIDv5 of several.
func (f *fills) id(row []string, l *line) (string, error) {
	b := &f.from[ident]
	switch len(b.columns) {
	case 0:
		return idOf("csv/line", strconv.Itoa(l.number), string(l.text)), nil
	case 1:
		id := f.text(row, ident)
		if id == "" {
			return "", bad(memberName(ident), "is empty")
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
	return 0, bad(memberName(side), "%s is neither buy nor sell", clip(s))
}

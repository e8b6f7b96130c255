package render

import (
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/internal/form"
	"github.com/moneyprinter/holdfast/position"
)

// PositionRow is the JSON of a position, of which the columns show members.
type PositionRow struct {
	names  []string
	values []form.Value
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *PositionRow) UnmarshalJSON(b []byte) error {
	*r = PositionRow{}
	return form.Members(string(b), func(name string, v form.Value) error {
		r.names, r.values = append(r.names, name), append(r.values, v)
		return nil
	})
}

// rowOf is a row of texts that follow their names.
func rowOf(members ...string) *PositionRow {
	var r PositionRow
	for i := 0; i+1 < len(members); i += 2 {
		r.names = append(r.names, members[i])
		r.values = append(r.values, form.Value{Kind: form.String, Raw: string(form.AppendQuote(nil, members[i+1]))})
	}
	return &r
}

// Flat is the row of a key that has no position.
func Flat() *PositionRow { return rowOf("qty", "0") }

func (r *PositionRow) value(name string) form.Value {
	if i := slices.Index(r.names, name); i >= 0 {
		return r.values[i]
	}
	return form.Value{}
}

// Text is a member that is a text, a number or null; "" where it is absent.
func (r *PositionRow) Text(name string) Text {
	switch v := r.value(name); v.Kind {
	case form.None, form.Null:
		return ""
	case form.String:
		text, err := v.Text(name)
		if err != nil {
			return Text(v.Raw)
		}
		return Text(text)
	case form.Number, form.Bool, form.Object, form.Array:
		return Text(v.Raw)
	}
	return ""
}

// Amounts is a member that is sums per currency; nil where it is absent.
func (r *PositionRow) Amounts(name string) map[string]Text {
	v := r.value(name)
	if v.Kind != form.Object {
		return nil
	}
	sums, err := v.Texts(name, len(v.Raw))
	if err != nil {
		return nil
	}
	out := make(map[string]Text, len(sums))
	for ccy, sum := range sums {
		out[ccy] = Text(sum)
	}
	return out
}

// AmountsText shows sums per currency as "1.5 USD + 0.01 BNB".
func AmountsText(m map[string]Text) string {
	parts := make([]string, 0, len(m))
	for _, ccy := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, string(m[ccy])+" "+ccy)
	}
	return strings.Join(parts, " + ")
}

// AmountTexts gives sums per currency as a row holds them.
func AmountTexts(as position.Amounts) map[string]Text {
	out := make(map[string]Text, len(as))
	for _, a := range as {
		out[a.Currency] = Text(a.Value.String())
	}
	return out
}

// AmountsColumn shows sums per currency, in a table rounded as numbers are.
func AmountsColumn[R any](title string, table bool, get func(*R) map[string]Text) Column[R] {
	return Column[R]{Title: title, Right: true, Cell: func(r *R) string {
		if table {
			return AmountsText(shortened(get(r)))
		}
		return AmountsText(get(r))
	}}
}

// Sparsely makes a column one that is left out of a table when it is empty.
func Sparsely[R any](c Column[R]) Column[R] {
	c.Sparse = true
	return c
}

// Short rounds a number for a table: to 8 fractional digits from 1 on, to 12
// from 10⁻⁴ on. The other forms of output show all 18.
func Short(t Text) string {
	d, err := position.Parse(string(t))
	if err != nil {
		return string(t)
	}
	var drop position.Decimal // 10 to the number of digits that are dropped
	switch m := d.Abs(); {
	case m.Cmp(position.FromInt(1)) >= 0:
		drop = position.FromInt(10_000_000_000)
	case m.Cmp(position.MustParse("0.0001")) >= 0:
		drop = position.FromInt(1_000_000)
	default:
		return string(t)
	}
	q, err := d.Quo(drop) // rounds half to even at the last digit that a decimal has
	if err == nil {
		q, err = q.Mul(drop)
	}
	if err != nil {
		return string(t)
	}
	return q.String()
}

// PositionColumn is a column of positions.
type PositionColumn = Column[PositionRow]

func shortened(m map[string]Text) map[string]Text {
	out := make(map[string]Text, len(m))
	for k, v := range m {
		out[k] = Text(Short(v))
	}
	return out
}

// PositionFile are the columns of CSV: all that positions have, as they are.
func PositionFile() []PositionColumn {
	var cols []PositionColumn
	for _, c := range position.Columns() {
		cols = append(cols, positionColumn(c, false))
	}
	return cols
}

// positionColumn draws a column; in a table its numbers are rounded.
func positionColumn(c position.Column, table bool) PositionColumn {
	name := c.Name
	col := PositionColumn{Title: name, Sparse: c.Sparse, Right: c.Kind != position.TextColumn}
	switch {
	case c.Kind == position.AmountsColumn:
		col = AmountsColumn(name, table, func(r *PositionRow) map[string]Text { return r.Amounts(name) })
		col.Sparse = c.Sparse
	case c.Kind == position.NumberColumn && table:
		col.Cell = func(r *PositionRow) string { return Short(r.Text(name)) }
	default:
		col.Cell = func(r *PositionRow) string { return string(r.Text(name)) }
	}
	return col
}

// chosen are columns of a table, in this order.
func chosen(names ...string) []PositionColumn {
	all := position.Columns()
	var cols []PositionColumn
	for _, name := range names {
		i := slices.IndexFunc(all, func(c position.Column) bool { return c.Name == name })
		cols = append(cols, positionColumn(all[i], true))
	}
	return cols
}

// A net consists of realized - (fees - fees_in_cost) + funding + charges, of these
// what is in the settlement currency.

// PositionTable are the columns for people.
func PositionTable() []PositionColumn {
	return chosen("account", "instrument", "strategy", "leg", "side", "qty", "avg_entry", "mark", "unrealized",
		"realized", "fees", "fees_in_cost", "funding", "charges", "net")
}

// CycleTable are the columns for people of closed cycles.
func CycleTable() []PositionColumn {
	return chosen("account", "instrument", "strategy", "leg", "cycle", "opened_at", "closed_at", "entry_qty", "avg_entry", "avg_exit",
		"realized", "fees", "fees_in_cost", "funding", "charges", "net", "mfe", "mae")
}

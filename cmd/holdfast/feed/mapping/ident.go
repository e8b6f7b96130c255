package mapping

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// id returns a row's id: the text of its one column, or a UUIDv5 of several, of
// the row, or of the line.
func (r *rows) id(p *plan, cells []string, rec *tabular.Record) (string, error) {
	b := &p.from[ident]
	switch {
	case b.byRow:
		return r.rowID(p, cells)
	case b.read != nil:
		id, err := b.text(cells)
		if err != nil || id == "" {
			return "", tabular.Bad("id", "is empty")
		}
		if len(b.columns) > 0 {
			r.guard.id(r, p, id, cells, rec.Number)
		}
		return id, nil
	case len(b.columns) == 0:
		return tabular.IDOf("csv/line", strconv.Itoa(rec.Number), string(rec.Text)), nil
	case len(b.columns) == 1:
		id := strings.TrimSpace(cells[b.columns[0]])
		if id == "" {
			return "", tabular.Bad("id", "is empty")
		}
		r.guard.id(r, p, id, cells, rec.Number)
		return id, nil
	}
	parts := make([]string, len(b.columns))
	for i, c := range b.columns {
		parts[i] = strings.TrimSpace(cells[c])
	}
	id := tabular.IDOf("csv/columns", parts...)
	r.guard.id(r, p, id, cells, rec.Number)
	return id, nil
}

// rowID makes an id of the cells of a row, the account, and how many equal rows
// stood before it. Where exports overlap, equal rows are counted alike in each.
func (r *rows) rowID(p *plan, cells []string) (string, error) {
	name, err := p.from[account].text(cells)
	if err != nil {
		return "", &tabular.MemberError{Field: "account", Err: err}
	}
	parts := []string{name}
	b := &p.from[ident]
	for _, c := range b.columns {
		parts = append(parts, strings.TrimSpace(cells[c]))
	}
	if len(b.columns) == 0 {
		for _, c := range cells {
			parts = append(parts, strings.TrimSpace(c))
		}
	}
	key := tabular.IDOf("csv/row", parts...)
	sum := sha256.Sum256([]byte(key))
	n := r.ordinal[[16]byte(sum[:16])]
	r.ordinal[[16]byte(sum[:16])] = n + 1
	if n > 0 {
		key = tabular.IDOf("csv/row", append(parts, "#"+strconv.Itoa(n))...)
	}
	return key, nil
}

// groupID returns the id of a trade: that of its base row, or one made of all rows.
func (r *rows) groupID(g *group, x *position.Fill, cells []string) (string, error) {
	b := &g.plan.from[ident]
	if b.byRow || len(b.columns) == 0 {
		parts := []string{x.Account}
		var lines []string
		for _, l := range g.legs {
			lines = append(lines, tabular.IDOf("csv/leg", l.cells...))
		}
		slices.Sort(lines)
		return tabular.IDOf("csv/group", append(parts, lines...)...), nil
	}
	parts := make([]string, len(b.columns))
	for i, c := range b.columns {
		if parts[i] = strings.TrimSpace(cells[c]); parts[i] == "" {
			return "", tabular.Bad("id", "is empty")
		}
	}
	id := parts[0]
	if len(parts) > 1 {
		id = tabular.IDOf("csv/columns", parts...)
	}
	r.guard.id(r, g.plan, id, cells, g.d.line)
	return id, nil
}

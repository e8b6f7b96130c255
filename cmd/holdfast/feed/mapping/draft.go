package mapping

import (
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// draft is what a row gives, before the rows are put in order.
type draft struct {
	line   int
	err    error
	word   string // the file's own word for such a row
	m      position.Mutation
	more   []position.Mutation // that go with it
	terms  *position.DefineInstrument
	at     position.Time
	closes bool              // the side is that which closes what is held
	added  *position.Decimal // by a split, to what is held under key
	key    position.Key
}

// draft reads a row as the mutation that it is.
func (r *rows) draft(p *plan, d *draft, cells []string, rec *tabular.Record) error {
	typ := p.typ
	if typ == "" {
		text, err := p.kind.text(cells)
		if err != nil {
			return &tabular.MemberError{Field: typeMember, Err: err}
		}
		if typ = strings.ToLower(text); typ == "" {
			typ = fillType
		}
	}
	has, known := r.forms[typ]
	if !known {
		return tabular.Bad(typeMember, "%s is none of %s; map type:=fill if all lines are fills", tabular.Clip(typ), strings.Join(position.MutationTypes(), ", "))
	}
	plainFill, err := r.fits(p, typ, has, cells)
	if err != nil {
		return err
	}
	switch {
	case typ == fillType:
		err = r.fill(p, d, cells, rec)
		if err == nil && !plainFill {
			d.m, err = r.full(p, has, d.m, cells)
		}
	case p.typ == splitType && p.member(r, addedMember).bound:
		return r.split(p, d, cells, rec)
	default:
		d.m, err = r.other(p, typ, has, cells, rec)
	}
	if err != nil {
		return err
	}
	d.at = d.m.EventTime()
	if c, ok := d.m.(position.Charge); ok && c.Amount.IsZero() && p.typ != "" && len(p.when) > 0 {
		d.m = nil // nothing was paid
		return nil
	}
	d.m = position.Stated(d.m)
	return d.m.Validate()
}

// fits refuses cells that the mutation has no member for, and reports whether it is
// a fill of the members that every fill has.
func (r *rows) fits(p *plan, typ string, has []bool, cells []string) (plainFill bool, err error) {
	plainFill = typ == fillType
	for _, i := range p.read {
		if p.typ != "" && !has[i] || i < usual && has[i] || strings.TrimSpace(cells[p.from[i].columns[0]]) == "" {
			continue
		}
		if !has[i] {
			return false, tabular.Bad(r.names[i], "is not a member of this %s: leave the cell empty", typ)
		}
		plainFill = false
	}
	return plainFill, nil
}

// A split may be told by what it adds to what is held.
const (
	splitType   = "split"
	addedMember = "added"
)

// split reads a row that tells the shares which a split has added. The ratio
// follows from what the rows before it hold, see [Sheet.split].
func (r *rows) split(p *plan, d *draft, cells []string, rec *tabular.Record) (err error) {
	if err = r.key(p, cells, &d.key); err != nil {
		return err
	}
	a, err := r.number(p, r.at(addedMember), cells)
	if err != nil {
		return err
	}
	if a.value.IsZero() {
		return tabular.Bad(addedMember, "is empty")
	}
	d.added = &a.value
	x := position.Split{Instrument: d.key.Instrument, Ratio: position.FromInt(1), Per: position.FromInt(1)}
	if x.Ident, err = r.id(p, cells, rec); err != nil {
		return err
	}
	if x.Time, err = r.time(p, when, cells); err != nil {
		return err
	}
	d.m, d.at = x, x.Time
	return x.Validate()
}

// other writes the line as the JSON form and reads that, so that what is accepted
// and what is said about the rest is the same in both.
func (r *rows) other(p *plan, typ string, has []bool, cells []string, rec *tabular.Record) (position.Mutation, error) {
	id, err := r.id(p, cells, rec)
	if err != nil {
		return nil, err
	}
	b, err := appendText(append(r.json[:0], `{"type":"`+typ+`","id":`...), id)
	if err != nil {
		return nil, &tabular.MemberError{Field: "id", Err: err}
	}
	if b, err = r.appendMembers(b, p, has, cells, func(i int) bool { return i != ident }); err != nil {
		return nil, err
	}
	r.json = append(b, '}')
	return position.UnmarshalMutation(r.json)
}

// full adds to a fill the members that few have.
func (r *rows) full(p *plan, has []bool, m position.Mutation, cells []string) (position.Mutation, error) {
	b, err := position.MarshalMutation(m)
	if err != nil {
		return nil, err
	}
	b, err = r.appendMembers(b[:len(b)-1], p, has, cells, func(i int) bool { return i >= usual })
	if err != nil {
		return nil, err
	}
	return position.UnmarshalMutation(append(b, '}'))
}

// appendMembers appends the members of a mutation that a row gives.
func (r *rows) appendMembers(b []byte, p *plan, has []bool, cells []string, wanted func(i int) bool) ([]byte, error) {
	for i, name := range r.names {
		if !has[i] || !wanted(i) || !p.from[i].bound {
			continue
		}
		text, err := r.value(p, i, cells)
		if err != nil {
			return b, err
		}
		if text == "" {
			continue
		}
		b = append(b, `,"`+name+`":`...)
		if b, err = appendValue(b, name, text); err != nil {
			return b, &tabular.MemberError{Field: name, Err: err}
		}
	}
	return b, nil
}

package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// plan is where the members of some rows come from.
type plan struct {
	when        []test
	from        []binding // of each member
	kind        binding   // of the type; not bound: every line is a fill
	typ         string    // the type of all lines; "" where kind is a column
	terms       bool      // the mapping says what the instruments are
	group       *groupPlan
	read        []int // members that have columns
	worth       int   // the member that the price is made of: price, or value or net
	more        []furtherFee
	statesMoney bool   // the mapping says in which currency the price is
	statesKind  bool   // and what kind the instruments are
	used        []int  // columns that it reads, and those that count for all rows
	looks       []look // of the columns that it does not
	signs       []signs
}

// fillType is the type of a line that says none.
const fillType = "fill"

// member returns the binding of a member by its name.
func (p *plan) member(r *rows, name string) *binding { return &p.from[r.at(name)] }

// named returns the columns that the mapping names: true for those of a member, or
// to be ignored, which are no other member; false for those of ids, filters, other
// rules and the like, which are no type. at is the rule that is asked for.
func (m *Mapping) named(t *tabular.Table, at int) map[int]bool {
	out := map[int]bool{}
	add := func(name string, s source, here bool) {
		if b, err := bind(t, name, s); err == nil {
			for _, i := range b.columns {
				out[i] = out[i] || here && isMember(name) && name != "id"
			}
		}
	}
	filters := append([]filter{m.file.only}, m.file.skip...)
	for k, w := range append([]rule{m.all}, m.rules...) {
		for name, s := range w.sources {
			add(name, s, k == 0 || k-1 == at)
		}
		filters = append(filters, w.when, w.group.conditions())
		for _, column := range w.group.key {
			add("group", source{text: column}, false)
		}
	}
	for _, f := range filters {
		for _, c := range f {
			add("filter", source{text: c.column}, false)
		}
	}
	if strings.Contains(m.file.zone, "{") {
		add("time_zone", source{text: m.file.zone}, false)
	}
	for _, column := range m.file.ignore {
		if i, err := t.Place(column, "ignore"); err == nil {
			out[i] = true
		}
	}
	return out
}

func mentioned(named map[int]bool, column int) bool {
	_, ok := named[column]
	return ok
}

// bindPlan finds the columns for the rows that one rule counts for.
func (r *rows) bindPlan(w rule, named map[int]bool) (p plan, err error) {
	all := r.used
	defer func() { r.used = append(all, r.used...) }()
	r.used = slices.Clone(all[:r.ofFile])
	if p.when, err = bindFilter(r.table, w.when); err != nil {
		return p, err
	}
	r.useTests(p.when)
	sources := map[string]source{}
	maps.Copy(sources, r.mapping.all.sources)
	maps.Copy(sources, w.sources)
	if err = r.bindType(&p, sources, named); err != nil {
		return p, err
	}
	group := w.group
	if len(group.key) == 0 {
		group = r.mapping.all.group
	}
	if len(group.key) > 0 && p.typ == fillType {
		if p.group, err = group.bind(r); err != nil {
			return p, err
		}
	}
	p.from = make([]binding, len(r.names))
	for i, name := range r.names {
		s, mapped := sources[name]
		_, here := w.sources[name]
		if mapped {
			err = r.bindMapped(&p, i, s, here || len(r.mapping.rules) == 0)
		} else {
			err = r.bindUnmapped(&p, i, named)
		}
		if err != nil {
			return p, err
		}
		r.used = append(r.used, p.from[i].columns...)
		if len(p.from[i].columns) > 0 {
			p.read = append(p.read, i)
		}
	}
	for _, name := range termNames() {
		p.terms = p.terms || p.typ == fillType && p.member(r, name).bound
	}
	r.settle(&p)
	p.used, p.signs = r.used, make([]signs, max(1, len(p.from[fee].terms)))
	return p, r.require(&p)
}

// furtherFee is a fee beside the first, by its members.
type furtherFee struct {
	name             string
	amount, currency int
}

// settle notes what is asked of every row and is the same for all.
func (r *rows) settle(p *plan) {
	p.worth = price
	for _, name := range []string{"net", "value"} {
		if p.member(r, name).bound {
			p.worth = r.at(name)
		}
	}
	for _, name := range []string{"fee_2", "fee_3"} {
		if p.member(r, name).bound {
			p.more = append(p.more, furtherFee{name, r.at(name), r.at(name + "_currency")})
		}
	}
	stated := r.mapping.file.defined || p.group != nil
	p.statesMoney = stated || p.member(r, settlementMember).bound || p.member(r, quoteMember).bound
	p.statesKind = stated || p.member(r, kindMember).bound
}

// bindType finds out which mutations the rows are.
func (r *rows) bindType(p *plan, sources map[string]source, named map[int]bool) (err error) {
	s, mapped := sources[typeMember]
	switch {
	case mapped && s.fixed:
		p.typ = strings.ToLower(s.text)
		if r.forms[p.typ] == nil {
			return fmt.Errorf("type %s is none of %s", tabular.Clip(s.text), strings.Join(position.MutationTypes(), ", "))
		}
	case mapped:
		p.kind, err = bind(r.table, typeMember, s)
	default:
		if i := r.table.Index(typeMember); i >= 0 && !mentioned(named, i) {
			p.kind = binding{columns: []int{i}, bound: true}
		} else {
			p.typ = fillType
		}
	}
	r.used = append(r.used, p.kind.columns...)
	return err
}

// bindMapped finds the columns of a member that the mapping names. here: it does
// so for these very rows, and not for all.
func (r *rows) bindMapped(p *plan, i int, s source, here bool) (err error) {
	name := r.names[i]
	fits := p.typ == "" || r.forms[p.typ][i] || p.typ == fillType && (slices.Contains(termNames(), name) || slices.Contains(fillExtras(), name)) ||
		p.group != nil && name == "amount" || p.typ == splitType && (name == addedMember || i == account || i == strategy || i == leg)
	switch {
	case !fits && !here:
		return nil
	case !fits && p.typ == fillType:
		return fmt.Errorf("%s is no member of a fill: map type as well, such as type:=charge", name)
	case !fits:
		return fmt.Errorf("%s is no member of this %s", name, p.typ)
	}
	t := r.table
	if p.group != nil && name == r.names[instrument] {
		t = p.group.named(t)
	}
	if name == "side" && s.fixed && (s.text == bySign || s.text == byHolding) {
		p.from[i] = binding{constant: s.text, bound: true}
		return nil
	}
	p.from[i], err = bind(t, name, s)
	if p.group != nil && name == r.names[instrument] {
		p.from[i].columns = slices.DeleteFunc(slices.Clone(p.from[i].columns), func(c int) bool { return c >= len(r.table.Columns) })
	}
	return err
}

// The values of side that ask for it elsewhere.
const (
	bySign    = "sign"
	byHolding = "close"
)

// bindUnmapped looks for the column of a member by its names.
func (r *rows) bindUnmapped(p *plan, i int, named map[int]bool) (err error) {
	name := r.names[i]
	switch {
	case p.group != nil && (i == side || i == qty || i == price || i == fee || i == feeCurrency):
		// The rows of a group are legs of a trade: their columns mean other things.
	case p.typ != "" && p.typ != fillType && i >= usual && len(p.when) > 0:
		// Nor does a rule for some rows take a column for what it does not name.
	case p.typ == "", p.typ != fillType && r.forms[p.typ][i], p.typ == fillType && i < usual, p.typ == splitType && (i == account || i == strategy || i == leg):
		if slices.Contains(fillExtras(), name) {
			return nil
		}
		p.from[i], err = bindUsual(r.table, i, name, named)
	case p.typ == fillType && r.forms[p.typ][i]: // not by a similar name: such a column may be anything
		if c := r.table.Index(name); c >= 0 && !named[c] {
			p.from[i] = binding{columns: []int{c}, bound: true, own: true}
		}
	}
	if err == nil && numeric(name) && len(p.from[i].columns) == 1 {
		p.from[i].terms = []term{{column: p.from[i].columns[0]}}
	}
	return err
}

// bindUsual looks for a member's column by its usual names. The member's own
// name wins; otherwise there must be one candidate only. Columns that the mapping
// names are none.
func bindUsual(t *tabular.Table, m int, name string, named map[int]bool) (binding, error) {
	var found []int
	for i, c := range t.Columns {
		if named[i] {
			continue
		}
		if c == name {
			if t.Twice(c) {
				return binding{}, fmt.Errorf("several columns are named %s", tabular.Clip(c))
			}
			return binding{columns: []int{i}, bound: true, own: true}, nil
		}
		if slices.Contains(aliases(m, name), plain(c)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return binding{}, nil
	case 1:
		if m != instrument || plain(t.Columns[found[0]]) != "product" || !slices.ContainsFunc(t.Columns, func(c string) bool { return plain(c) == "isin" }) {
			return binding{columns: found, bound: true, alike: true}, nil
		}
	}
	return binding{}, fmt.Errorf("several columns could give %s; map one with %s=COLUMN; the columns are %s", name, name, t.Listed())
}

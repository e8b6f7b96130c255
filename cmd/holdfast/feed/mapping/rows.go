package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// rows reads a CSV by a mapping.
type rows struct {
	table   *tabular.Table
	mapping Mapping
	names   []string // of the members, see memberNames, and of fillExtras
	places  map[string]int
	forms   map[string][]bool
	plans   []plan // what counts for all rows, or one of each when
	skip    [][]test
	only    []test
	clock   tabular.Clock
	zone    binding // of times, where it is no value for all
	zones   map[string]*time.Location
	last    bool     // the last column is read, so a line without an end may be cut in it
	used    []int    // columns that something is read from
	codes   []string // the currencies in the names of the columns
	ofFile  int      // how many of them count for all rows
	ended   bool     // the table, not the input
	begun   bool     // a row was read
	ordinal map[[16]byte]int
	guard   guard
	json    []byte
	drafts  []draft       // memory of the next ones
	x       position.Fill // of the row that is read
}

// newDraft returns an empty draft. Drafts are held together, so memory for many is
// made at once.
func (r *rows) newDraft() *draft {
	if len(r.drafts) == 0 {
		r.drafts = make([]draft, 64)
	}
	d := &r.drafts[0]
	r.drafts = r.drafts[1:]
	return d
}

// newRows finds every member's columns.
func newRows(t *tabular.Table, m Mapping) (*rows, error) {
	r := &rows{mapping: m, names: append(memberNames(), fillExtras()...), forms: map[string][]bool{}, ordinal: map[[16]byte]int{}, zones: map[string]*time.Location{}}
	r.places = make(map[string]int, len(r.names))
	for i, name := range r.names {
		r.places[name] = i
	}
	for _, typ := range position.MutationTypes() {
		has := make([]bool, len(r.names))
		for i, name := range r.names {
			has[i] = slices.Contains(position.MutationMembers(typ), name)
		}
		r.forms[typ] = has
	}
	r.clock = tabular.Clock{Layout: m.file.layout, Fold: m.file.fold}
	return r, r.bindAll(t)
}

// bindAll finds the columns in a header: the first, or that of a further part of
// the section.
func (r *rows) bindAll(t *tabular.Table) (err error) {
	m, before := &r.mapping, r.plans
	r.sumUp() // trades do not go on below another header
	r.table, r.plans, r.used, r.skip = t, nil, nil, nil
	r.codes = make([]string, len(t.Columns))
	for i, c := range t.Columns {
		r.codes[i] = codeIn(c)
	}
	if err = r.bindFile(t); err != nil {
		return err
	}
	r.ofFile = len(r.used)
	whens := m.rules
	if len(whens) == 0 {
		whens = []rule{{}}
	}
	for k, w := range whens {
		p, planErr := r.bindPlan(w, m.named(t, k))
		if planErr != nil {
			return planErr
		}
		r.plans = append(r.plans, p)
	}
	for k := range before {
		copy(r.plans[k].signs, before[k].signs) // fees are counted on
	}
	slices.Sort(r.used)
	r.used = slices.Compact(r.used)
	r.last = slices.Contains(r.used, len(t.Columns)-1)
	return r.guard.bind(r)
}

// bindFile finds the columns of what counts for the file as a whole.
func (r *rows) bindFile(t *tabular.Table) (err error) {
	f := &r.mapping.file
	if r.only, err = bindFilter(t, f.only); err != nil {
		return err
	}
	for _, s := range f.skip {
		tests, bindErr := bindFilter(t, s)
		if bindErr != nil {
			return bindErr
		}
		r.skip = append(r.skip, tests)
	}
	for _, tests := range append(r.skip, r.only) {
		r.useTests(tests)
	}
	r.zone = binding{}
	switch {
	case strings.ContainsAny(f.zone, "{("):
		if r.zone, err = bindText(t, "time_zone", f.zone); err != nil {
			return err
		}
		r.used = append(r.used, r.zone.columns...)
	case f.zone != "":
		r.clock.Zone, err = tabular.ParseZone(f.zone)
	}
	return err
}

func (r *rows) useTests(tests []test) {
	for _, x := range tests {
		r.used = append(r.used, x.column)
	}
}

// at returns the place of a member.
func (r *rows) at(name string) int {
	if i, known := r.places[name]; known {
		return i
	}
	return -1
}

// unused returns the columns that nothing is read from, quoted.
func (r *rows) unused() []string {
	var out []string
	for i, c := range r.table.Columns {
		if c == "" || slices.Contains(r.used, i) || r.guard.ignored[i] || r.table.Section != "" && i < sectionCells {
			continue
		}
		out = append(out, tabular.Clip(c))
	}
	return out
}

// column returns the column that gives a member, "" when there is none or when it
// has the member's name anyway.
func (r *rows) column(member string) string {
	for k := range r.plans {
		b := r.plans[k].kind
		if i := r.at(member); i >= 0 {
			b = r.plans[k].from[i]
		} else if member != typeMember {
			return ""
		}
		if len(b.columns) == 0 || r.table.Columns[b.columns[0]] == member {
			continue
		}
		var names []string
		for _, c := range b.columns {
			names = append(names, r.table.Columns[c])
		}
		return strings.Join(names, "+")
	}
	return ""
}

// sectionCells are the cells before those of the table, in a statement of
// sections.
const sectionCells = 2

// outside reports whether a line is no row of the table, and takes in a further
// header of the section.
func (r *rows) outside(rec *tabular.Record) (bool, error) {
	section := r.table.Section
	if r.ended || rec.Cells == nil && rec.Err == nil && !rec.TooLong {
		r.ended = r.ended || r.begun && slices.Contains(r.mapping.file.end, "blank")
		return true, nil
	}
	for _, pattern := range r.mapping.file.end {
		whole := strings.TrimSpace(string(rec.Text))
		if _, ok := match(pattern, whole); ok || slices.ContainsFunc(rec.Cells, func(c string) bool { _, ok := match(pattern, strings.TrimSpace(c)); return ok }) {
			r.ended = true
			return true, nil
		}
	}
	if section == "" || len(rec.Cells) == 0 { // a row that cannot be split is a bad one
		return false, nil
	}
	switch {
	case rec.Cells[0] != section || len(rec.Cells) < sectionCells:
		return true, nil
	case rec.Cells[1] == "Header":
		t := tabular.TableOf(rec.Cells, r.table.Comma)
		t.Above, t.Section = r.table.Above, section
		return true, r.bindAll(t)
	}
	return rec.Cells[1] != "Data", nil
}

// read makes a draft of a row. whole: its last cell that is read is not cut. A word
// and no draft: it is passed over, and the word is the file's own for such rows.
func (r *rows) read(rec *tabular.Record, whole bool) (d *draft, word string, err error) {
	cells, err := r.table.Row(rec)
	if err != nil {
		return nil, "", err
	}
	word = r.word(cells)
	if !whole {
		return nil, word, errors.New("the last line has no end, so its last field may be cut; end it with a line break if it is whole")
	}
	for _, s := range r.skip {
		if w, ok := met(s, cells); ok {
			return nil, w, nil
		}
	}
	passes := true
	if len(r.only) > 0 {
		_, passes = met(r.only, cells)
	}
	var p *plan
	for k := range r.plans {
		if _, ok := met(r.plans[k].when, cells); ok {
			p = &r.plans[k]
			break
		}
	}
	if !passes {
		return nil, word, r.passOver(p, cells)
	}
	if p == nil {
		return nil, word, fmt.Errorf("no when= counts for this row, which says %s: give it one, or skip such rows with skip=Column:word", tabular.Clip(word))
	}
	d = r.newDraft()
	d.line, d.word = rec.Number, word
	if p.group != nil {
		return d, word, r.leg(p, d, cells)
	}
	err = r.draft(p, d, cells, rec)
	if err == nil && d.m == nil {
		return nil, word, nil
	}
	return d, word, err
}

// passOver refuses to pass over what may be a trade because a list of words does
// not have its own: only skip, which names the word, does that.
func (r *rows) passOver(p *plan, cells []string) error {
	if p == nil {
		return nil
	}
	n := r.mapping.file.numbers
	what, amountOf := instrument, qty
	if p.group != nil {
		what, amountOf = r.at("asset"), r.at("amount")
	}
	name, err := p.from[what].text(cells)
	var a amount
	if err == nil && p.from[amountOf].bound {
		a, err = p.from[amountOf].number(cells, n)
	}
	if err != nil || name == "" || a.value.IsZero() {
		return nil //nolint:nilerr // what has no name or no quantity is no trade
	}
	k := slices.IndexFunc(r.only, func(t test) bool { _, ok := met([]test{t}, cells); return !ok })
	column := r.table.Columns[r.only[k].column]
	said := strings.TrimSpace(cells[r.only[k].column])
	return fmt.Errorf("only=%s has no %s, but the row has an instrument and a quantity, as a trade has: add the word to only, or say skip=%s:%s",
		column, tabular.Clip(said), column, said)
}

// word returns the file's own word for what a row is.
func (r *rows) word(cells []string) string {
	column := -1
	switch {
	case len(r.only) > 0:
		column = r.only[0].column
	case len(r.skip) > 0:
		column = r.skip[0][0].column
	case len(r.plans[0].when) > 0:
		column = r.plans[0].when[0].column
	case len(r.plans[0].from[side].columns) > 0:
		column = r.plans[0].from[side].columns[0]
	case len(r.plans[0].kind.columns) > 0:
		column = r.plans[0].kind.columns[0]
	}
	if column < 0 || column >= len(cells) {
		return ""
	}
	return strings.TrimSpace(cells[column])
}

// columnName names a column for people, one without a name by its place.
func (r *rows) columnName(i int) string { return "the column " + tabular.Clip(r.columnText(i)) }

// columnText is what a mapping calls a column.
func (r *rows) columnText(i int) string {
	if c := r.table.Columns[i]; c != "" && !r.table.Twice(c) && r.table.Index(c) == i {
		return c
	}
	return fmt.Sprintf("#%d", i+1)
}

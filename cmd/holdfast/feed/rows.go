package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/position"
)

// rows reads a CSV by a mapping.
type rows struct {
	table   *table
	mapping Mapping
	names   []string // of the members, see memberNames, and of fillExtras
	places  map[string]int
	forms   map[string][]bool
	plans   []plan // what counts for all rows, or one of each when
	skip    [][]test
	only    []test
	clock   clock
	zone    binding // of times, where it is no value for all
	zones   map[string]*time.Location
	last    bool  // the last column is read, so a line without an end may be cut in it
	used    []int // columns that something is read from
	ofFile  int   // how many of them count for all rows
	ended   bool  // the table, not the input
	begun   bool  // a row was read
	ordinal map[[16]byte]int
	guard   guard
	json    []byte
}

// plan is where the members of some rows come from.
type plan struct {
	when  []test
	from  []binding // of each member
	kind  binding   // of the type; not bound: every line is a fill
	typ   string    // the type of all lines; "" where kind is a column
	terms bool      // the mapping says what the instruments are
	group *groupPlan
	read  []int  // members that have columns
	used  []int  // columns that it reads, and those that count for all rows
	looks []look // of the columns that it does not
	signs []signs
}

// The extras and terms of a fill, by name, looked up once a row only.
const (
	kindMember       = "kind"
	multiplierMember = "multiplier"
	baseMember       = "base"
	quoteMember      = "quote"
	settlementMember = "settlement"
)

// termNames are the members of an instrument that the mapping of a fill may have.
func termNames() []string {
	return []string{kindMember, multiplierMember, baseMember, quoteMember, settlementMember}
}

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

// newRows finds every member's columns.
func newRows(t *table, m Mapping) (*rows, error) {
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
	r.clock = clock{layout: m.file.layout, fold: m.file.fold}
	return r, r.bindAll(t)
}

// bindAll finds the columns in a header: the first, or that of a further part of
// the section.
func (r *rows) bindAll(t *table) (err error) {
	m, before := &r.mapping, r.plans
	r.sumUp() // trades do not go on below another header
	r.table, r.plans, r.used, r.skip = t, nil, nil, nil
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
	r.last = slices.Contains(r.used, len(t.columns)-1)
	return r.guard.bind(r)
}

// bindFile finds the columns of what counts for the file as a whole.
func (r *rows) bindFile(t *table) (err error) {
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
		r.clock.zone, err = parseZone(f.zone)
	}
	return err
}

func (r *rows) useTests(tests []test) {
	for _, x := range tests {
		r.used = append(r.used, x.column)
	}
}

// named returns the columns that the mapping names: true for those of a member, or
// to be ignored, which are no other member; false for those of ids, filters, other
// rules and the like, which are no type. at is the rule that is asked for.
func (m *Mapping) named(t *table, at int) map[int]bool {
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
		if i, err := t.place(column, "ignore"); err == nil {
			out[i] = true
		}
	}
	return out
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
	p.used, p.signs = r.used, make([]signs, max(1, len(p.from[fee].terms)))
	return p, r.require(&p)
}

// fillType is the type of a line that says none.
const fillType = "fill"

// bindType finds out which mutations the rows are.
func (r *rows) bindType(p *plan, sources map[string]source, named map[int]bool) (err error) {
	s, mapped := sources[typeMember]
	switch {
	case mapped && s.fixed:
		p.typ = strings.ToLower(s.text)
		if r.forms[p.typ] == nil {
			return fmt.Errorf("type %s is none of %s", clip(s.text), strings.Join(position.MutationTypes(), ", "))
		}
	case mapped:
		p.kind, err = bind(r.table, typeMember, s)
	default:
		if i := r.table.index(typeMember); i >= 0 && !mentioned(named, i) {
			p.kind = binding{columns: []int{i}, bound: true}
		} else {
			p.typ = fillType
		}
	}
	r.used = append(r.used, p.kind.columns...)
	return err
}

func mentioned(named map[int]bool, column int) bool {
	_, ok := named[column]
	return ok
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
		p.from[i].columns = slices.DeleteFunc(slices.Clone(p.from[i].columns), func(c int) bool { return c >= len(r.table.columns) })
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
		if c := r.table.index(name); c >= 0 && !named[c] {
			p.from[i] = binding{columns: []int{c}, bound: true, own: true}
		}
	}
	if err == nil && numeric(name) && len(p.from[i].columns) == 1 {
		p.from[i].terms = []term{{column: p.from[i].columns[0]}}
	}
	return err
}

// require refuses a mapping that leaves out what every row needs, all of it at
// once.
func (r *rows) require(p *plan) error {
	needed := []int{account, instrument, side, qty, price, ident}
	switch {
	case p.typ == splitType && p.member(r, addedMember).bound:
		needed = []int{account, instrument, ident}
	case p.typ != fillType:
		needed = []int{ident}
	case p.group != nil:
		needed = []int{account, instrument, ident, r.at("asset"), r.at("amount")}
	}
	var missing []string
	for _, i := range needed {
		if p.from[i].bound || i == price && (p.member(r, "value").bound || p.member(r, "net").bound) {
			continue
		}
		missing = append(missing, r.names[i])
	}
	if len(missing) > 0 {
		return missingError(r.table, missing, p.group != nil)
	}
	if f := &r.mapping.file; (f.layout != "" || f.zone != "") && p.typ == fillType && !p.from[when].bound {
		return fmt.Errorf("time_format or time_zone is stated, and no column is known to give time; map one with time=COLUMN; the columns are %s", r.table.listed())
	}
	for _, name := range []string{"fee", "fee_2", "fee_3"} {
		if c := p.member(r, strings.TrimSuffix(name, "_")+"_currency"); p.typ == fillType && p.group == nil && c.bound && !c.own && !c.alike && !p.member(r, name).bound {
			return fmt.Errorf("%s_currency is mapped and %s is not: a fee would be left out", name, name)
		}
	}
	return nil
}

// missingError explains what can be done about members without a column.
func missingError(t *table, names []string, grouped bool) error {
	var each []string
	for _, name := range names {
		way := name + "=COLUMN, or " + name + ":=VALUE for all lines"
		switch name {
		case "id":
			way = "id=COLUMN+COLUMN, or id:=row for ids made of the rows, or id:=line for ids that only this very file has"
		case "side":
			way = "side=COLUMN, or side:=sign where the sign of the quantity says it"
		case "instrument":
			if grouped {
				way = "instrument=COLUMN, or instrument={base}/{quote} of the coins of a trade"
			}
		}
		each = append(each, way)
	}
	return fmt.Errorf("no column is known to give %s; map %s; a mapping to begin with: --map '%s'; the columns are %s",
		strings.Join(names, ", "), strings.Join(each, "; "), skeleton(t, names), t.listed())
}

// skeleton guesses a mapping for what is missing. It is a proposal to be read, and
// is never used by itself.
func skeleton(t *table, names []string) string {
	hints := map[string][]string{
		"account": {"account", "portfolio", "uid", "user", "wallet"}, "instrument": {"symbol", "pair", "contract", "ticker", "isin", "instrument", "asset"},
		"side": {"side", "buysell", "direction", "action", "type", "typ"}, "qty": {"quantity", "qty", "amount", "executed", "volume", "vol", "shares", "size", "stück"},
		"price": {"price", "rate", "kurs"}, "id": {"tradeid", "transactionid", "txid", "execid", "dealid", "deal"},
		"asset": {"asset", "coin", "currency"}, "amount": {"amount", "change", "quantity"},
	}
	var parts []string
	for _, name := range names {
		part := map[string]string{"account": "account:=main", "id": "id:=row"}[name]
		for _, hint := range hints[name] {
			i := slices.IndexFunc(t.columns, func(c string) bool { return strings.Contains(plain(c), hint) })
			if i >= 0 && !t.twice(t.columns[i]) {
				part = name + "=" + t.columns[i]
				break
			}
		}
		if part == "" {
			part = name + "=?"
		}
		parts = append(parts, part)
	}
	return clipLong(strings.Join(parts, ","))
}

// at returns the place of a member.
func (r *rows) at(name string) int {
	if i, known := r.places[name]; known {
		return i
	}
	return -1
}

// member returns the binding of a member by its name.
func (p *plan) member(r *rows, name string) *binding { return &p.from[r.at(name)] }

// bindUsual looks for a member's column by its usual names. The member's own
// name wins; otherwise there must be one candidate only. Columns that the mapping
// names are none.
func bindUsual(t *table, m int, name string, named map[int]bool) (binding, error) {
	var found []int
	for i, c := range t.columns {
		if named[i] {
			continue
		}
		if c == name {
			if t.twice(c) {
				return binding{}, fmt.Errorf("several columns are named %s", clip(c))
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
		if m != instrument || plain(t.columns[found[0]]) != "product" || !slices.ContainsFunc(t.columns, func(c string) bool { return plain(c) == "isin" }) {
			return binding{columns: found, bound: true, alike: true}, nil
		}
	}
	return binding{}, fmt.Errorf("several columns could give %s; map one with %s=COLUMN; the columns are %s", name, name, t.listed())
}

// unused returns the columns that nothing is read from, quoted.
func (r *rows) unused() []string {
	var out []string
	for i, c := range r.table.columns {
		if c == "" || slices.Contains(r.used, i) || r.guard.ignored[i] || r.table.section != "" && i < sectionCells {
			continue
		}
		out = append(out, clip(c))
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
		if len(b.columns) == 0 || r.table.columns[b.columns[0]] == member {
			continue
		}
		var names []string
		for _, c := range b.columns {
			names = append(names, r.table.columns[c])
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
func (r *rows) outside(rec *record) (bool, error) {
	section := r.table.section
	if r.ended || rec.cells == nil && rec.err == nil && !rec.tooLong {
		r.ended = r.ended || r.begun && slices.Contains(r.mapping.file.end, "blank")
		return true, nil
	}
	for _, pattern := range r.mapping.file.end {
		whole := strings.TrimSpace(string(rec.text))
		if _, ok := match(pattern, whole); ok || slices.ContainsFunc(rec.cells, func(c string) bool { _, ok := match(pattern, strings.TrimSpace(c)); return ok }) {
			r.ended = true
			return true, nil
		}
	}
	if section == "" || len(rec.cells) == 0 { // a row that cannot be split is a bad one
		return false, nil
	}
	switch {
	case rec.cells[0] != section || len(rec.cells) < sectionCells:
		return true, nil
	case rec.cells[1] == "Header":
		t := tableOf(rec.cells, r.table.comma)
		t.above, t.section = r.table.above, section
		return true, r.bindAll(t)
	}
	return rec.cells[1] != "Data", nil
}

// read makes a draft of a row. A word and no draft: it is passed over, and the
// word is the file's own for such rows.
func (r *rows) read(rec *record, atRest bool) (d *draft, word string, err error) {
	cells, err := r.table.row(rec)
	if err != nil {
		return nil, "", err
	}
	word = r.word(cells)
	if r.last && !rec.ended && !atRest {
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
		return nil, word, fmt.Errorf("no when= counts for this row, which says %s: give it one, or skip such rows with skip=Column:word", clip(word))
	}
	d = &draft{line: rec.number, word: word}
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
	column := r.table.columns[r.only[0].column]
	said := strings.TrimSpace(cells[r.only[0].column])
	return fmt.Errorf("only=%s has no %s, but the row has an instrument and a quantity, as a trade has: add the word to only, or say skip=%s:%s",
		column, clip(said), column, said)
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

// draft reads a row as the mutation that it is.
func (r *rows) draft(p *plan, d *draft, cells []string, rec *record) error {
	typ := p.typ
	if typ == "" {
		text, err := p.kind.text(cells)
		if err != nil {
			return &memberError{field: typeMember, err: err}
		}
		if typ = strings.ToLower(text); typ == "" {
			typ = fillType
		}
	}
	has, known := r.forms[typ]
	if !known {
		return bad(typeMember, "%s is none of %s; map type:=fill if all lines are fills", clip(typ), strings.Join(position.MutationTypes(), ", "))
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

// A split may be told by what it adds to what is held.
const (
	splitType   = "split"
	addedMember = "added"
)

// split reads a row that tells the shares which a split has added. The ratio
// follows from what the rows before it hold, see [sheet.split].
func (r *rows) split(p *plan, d *draft, cells []string, rec *record) (err error) {
	if err = r.key(p, cells, &d.key); err != nil {
		return err
	}
	a, err := r.number(p, r.at(addedMember), cells)
	if err != nil {
		return err
	}
	if a.value.IsZero() {
		return bad(addedMember, "is empty")
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

// fits refuses cells that the mutation has no member for, and reports whether it is
// a fill of the members that every fill has.
func (r *rows) fits(p *plan, typ string, has []bool, cells []string) (plainFill bool, err error) {
	plainFill = typ == fillType
	for _, i := range p.read {
		if p.typ != "" && !has[i] || i < usual && has[i] || strings.TrimSpace(cells[p.from[i].columns[0]]) == "" {
			continue
		}
		if !has[i] {
			return false, bad(r.names[i], "is not a member of this %s: leave the cell empty", typ)
		}
		plainFill = false
	}
	return plainFill, nil
}

// key reads the key of a fill.
func (r *rows) key(p *plan, cells []string, k *position.Key) error {
	for i, x := range [...]*string{account: &k.Account, instrument: &k.Instrument, strategy: &k.Strategy, leg: &k.Leg} {
		var err error
		if *x, err = p.from[i].text(cells); err != nil {
			return &memberError{field: r.names[i], err: err}
		}
	}
	return nil
}

// number reads a member that is one.
func (r *rows) number(p *plan, i int, cells []string) (amount, error) {
	if !p.from[i].bound {
		return amount{}, nil
	}
	a, err := p.from[i].number(cells, r.mapping.file.numbers)
	if err != nil {
		return a, &memberError{field: r.names[i], err: err}
	}
	return a, nil
}

// time reads the time of a row.
func (r *rows) time(p *plan, i int, cells []string) (position.Time, error) {
	text, err := p.from[i].text(cells)
	if err != nil {
		return 0, &memberError{field: r.names[i], err: err}
	}
	if !p.from[i].bound || text == "" && p.typ == "" {
		return 0, nil
	}
	c := r.clock
	if r.zone.bound {
		if c.zone, err = r.zoneOf(cells); err != nil {
			return 0, &memberError{field: r.names[i], err: err}
		}
	}
	at, err := c.parse(text)
	if err != nil {
		return 0, &memberError{field: r.names[i], err: err}
	}
	return at, nil
}

// zoneOf returns the zone that a row names.
func (r *rows) zoneOf(cells []string) (*time.Location, error) {
	name, err := r.zone.text(cells)
	if err != nil {
		return nil, err
	}
	zone, known := r.zones[name]
	if !known {
		if zone, err = parseZone(name); err != nil {
			return nil, fmt.Errorf("has a zone that %w", err)
		}
		r.zones[name] = zone
	}
	return zone, nil
}

// other writes the line as the JSON form and reads that, so that what is accepted
// and what is said about the rest is the same in both.
func (r *rows) other(p *plan, typ string, has []bool, cells []string, rec *record) (position.Mutation, error) {
	id, err := r.id(p, cells, rec)
	if err != nil {
		return nil, err
	}
	b, err := appendText(append(r.json[:0], `{"type":"`+typ+`","id":`...), id)
	if err != nil {
		return nil, &memberError{field: "id", err: err}
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
			return b, &memberError{field: name, err: err}
		}
	}
	return b, nil
}

// value returns the text that the JSON form has for a member, "" for none.
func (r *rows) value(p *plan, i int, cells []string) (string, error) {
	switch name := r.names[i]; {
	case i == side:
		text, err := p.from[i].text(cells)
		if err != nil || text == "" {
			return text, err
		}
		s, err := parseSide(text)
		return s.String(), err
	case i == when || name == "opened":
		t, err := r.time(p, i, cells)
		if text, _ := p.from[i].text(cells); t == 0 || text == "" {
			return "", err
		}
		return t.String(), err
	case numeric(name) && (r.mapping.file.numbers != numbers{} || len(p.from[i].terms) != 1 || p.from[i].signed):
		a, err := r.number(p, i, cells)
		if err != nil || !a.given {
			return "", err
		}
		return a.value.String(), nil
	case name == kindMember:
		text, err := p.from[i].text(cells)
		return strings.ToLower(text), err
	}
	text, err := p.from[i].text(cells)
	if err != nil {
		return "", &memberError{field: r.names[i], err: err}
	}
	return text, nil
}

// appendValue appends a cell as the value of a member.
func appendValue(b []byte, name, text string) ([]byte, error) {
	switch name {
	case "expect_version":
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return b, fmt.Errorf("%s is not a whole number", clip(text))
		}
		return strconv.AppendUint(b, n, 10), nil
	case "reduce_only":
		v, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return b, fmt.Errorf("%s is neither true nor false", clip(text))
		}
		return strconv.AppendBool(b, v), nil
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

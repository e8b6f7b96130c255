package form

import (
	"strconv"
	"strings"
)

// ID is a member's number in its table, below 64. Forms share a number where they
// share a member.
type ID uint8

// Shape is how a member's value is written. The shapes are those of the table's
// owner, who reads and describes them.
type Shape uint8

// Member is one row of a table.
type Member struct {
	ID    ID
	Name  string
	Shape Shape
	Need  bool
	About string // for the schema
}

// Form is one type of object.
type Form struct {
	Name    string // as the member "type" gives it
	About   string
	Choices map[ID][]string // of its members that are one of several
	Members []Member        // "type" first
}

// noun is the form's name with its article.
func (f *Form) noun() string {
	if strings.ContainsRune("aeiou", rune(f.Name[0])) {
		return "an " + f.Name
	}
	return "a " + f.Name
}

// MemberNames returns the names of the form's members in the table's order.
func (f *Form) MemberNames() []string {
	var names []string
	for i := range f.Members {
		names = append(names, f.Members[i].Name)
	}
	return names
}

// Table is what a [Draft] asks the owner of the forms.
type Table interface {
	// Form returns the form of a type, nil for one that is unknown.
	Form(typ string) *Form
	// Types lists the types that there are, for an error text.
	Types() []string
	// Read reads the value of a member. It is called once for each, in the order
	// of the text, but not before the type is known.
	Read(m *Member, v Value) error
}

// Draft reads one object by a table of forms. The zero Draft is ready; it reads
// one text.
type Draft struct {
	form  *Form
	next  int // index in form.Members after the member found last
	seen  uint64
	early []earlyMember
}

// earlyMember stands before the type and waits for it.
type earlyMember struct {
	name string
	v    Value
}

// Has reports whether a member was given.
func (d *Draft) Has(id ID) bool { return d.seen&(1<<id) != 0 }

// Read reads the object that text consists of. Each member is read by the table
// once, and none that the form needs is missing. At most maxEarly members may stand
// before the type.
func (d *Draft) Read(text string, t Table, maxEarly int) error {
	s := scanner{b: text}
	if s.peek(); s.i == len(s.b) {
		return refuse("JSON", "is empty: expected an object")
	}
	s.whole(func(name string) { d.member(&s, name, t, maxEarly) })
	switch {
	case s.err != nil:
		return s.err
	case d.form == nil:
		return refuse("type", "is missing: it is one of %s", strings.Join(t.Types(), ", "))
	}
	for i := range d.form.Members {
		if m := &d.form.Members[i]; m.Need && !d.Has(m.ID) {
			return refuse(m.Name, "is missing in %s", d.form.noun())
		}
	}
	return nil
}

// member reads the next member, or keeps it until the type is known.
func (d *Draft) member(s *scanner, name string, t Table, maxEarly int) {
	v := s.value(1)
	switch {
	case s.err != nil:
	case name == "type":
		s.err = d.choose(v, t)
	case d.form != nil:
		s.err = d.take(name, v, t)
	case len(d.early) == maxEarly:
		s.err = refuse("type", "is missing among the first %d members", maxEarly)
	default:
		d.early = append(d.early, earlyMember{name, v})
	}
}

// choose takes the form that the type names, and reads what stood before it.
func (d *Draft) choose(v Value, t Table) error {
	if d.form != nil {
		return refuse("type", "is given twice")
	}
	typ, err := v.Text("type")
	if err != nil {
		return err
	}
	if d.form = t.Form(typ); d.form == nil {
		return refuse("type", "%q is none of %s", Clip(typ), strings.Join(t.Types(), ", "))
	}
	d.seen, d.next = 1<<d.form.Members[0].ID, 1
	for _, e := range d.early {
		if err := d.take(e.name, e.v, t); err != nil {
			return err
		}
	}
	return nil
}

// find looks a member up, first where the order of the table puts it.
func (d *Draft) find(name string) *Member {
	for range 2 {
		for i := d.next; i < len(d.form.Members); i++ {
			if d.form.Members[i].Name == name {
				d.next = i + 1
				return &d.form.Members[i]
			}
		}
		d.next = 0
	}
	return nil
}

// take reads a member by its row of the table.
func (d *Draft) take(name string, v Value, t Table) error {
	m := d.find(name)
	switch {
	case m == nil:
		return refuse(strconv.Quote(Clip(name)), "is not a member of %s: those are %s", d.form.noun(), strings.Join(d.form.MemberNames(), ", "))
	case d.Has(m.ID):
		return refuse(name, "is given twice")
	}
	d.seen |= 1 << m.ID
	return t.Read(m, v)
}

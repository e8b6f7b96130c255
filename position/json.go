package position

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// MaxLine is the longest JSON text of one mutation, in bytes.
const MaxLine = 1 << 20

// UnmarshalMutation reads the JSON form of one mutation, as [MutationSchema]
// describes it. It is strict: a member that is unknown, given twice, missing,
// or of another type is refused, and so is anything that could lose meaning on
// the way in: a decimal outside a string, a fraction finer than 10⁻¹⁸ or a
// nanosecond, invalid UTF-8, data after the object. Every error is a
// [*FieldError] that names the member. What it returns has passed Validate.
func UnmarshalMutation(b []byte) (Mutation, error) {
	if len(b) > MaxLine {
		return nil, invalid("JSON", "is %d bytes long, at most %d are allowed", len(b), MaxLine)
	}
	s := scanner{b: string(b)}
	var d draft
	if s.peek(); s.i == len(s.b) {
		return nil, invalid("JSON", "is empty: expected an object")
	}
	s.object(func(name string) { d.take(&s, name) })
	if s.err == nil && s.peek() != 0 || s.err == nil && s.i < len(s.b) {
		s.broken("expected nothing after the object, found %s", s.found())
	}
	if s.err != nil {
		return nil, s.err
	}
	return d.finish()
}

// draft collects the members of one object. Those that come before the type
// wait in early.
type draft struct {
	form  *form
	next  int // index in form.members after the member found last
	seen  uint64
	early []earlyMember

	texts    [texts]string
	decimals [afterDecimals - texts]Decimal
	choices  [members]uint8
	time     Time
	opened   Time
	noStop   bool
	is       bool // the one boolean that a form has
	targets  []Decimal
	tags     []string
	metadata map[string]string
	lot      *LotRef
	lots     []AdoptedLot
	rounding Rounding
	expect   *uint64
}

type earlyMember struct {
	name string
	v    value
}

// maxEarly bounds how many members may stand before the type. No form has as
// many.
const maxEarly = int(members)

func (d *draft) meta() Meta {
	return Meta{Ident: d.texts[memberIdent], Time: d.time, ExpectVersion: d.expect}
}

func (d *draft) key() Key {
	return Key{
		Account: d.texts[memberAccount], Instrument: d.texts[memberInstrument],
		Strategy: d.texts[memberStrategy], Leg: d.texts[memberLeg],
	}
}

// side is the choice of sides.
func (d *draft) side() Side { return [...]Side{Buy, Sell}[d.choices[memberSide]] }

// has reports whether a member was given.
func (d *draft) has(id memberID) bool { return d.seen&(1<<id) != 0 }

func (d *draft) decimal(id memberID) Decimal { return d.decimals[id-texts] }

// pointer returns a decimal that may be absent.
func (d *draft) pointer(id memberID) *Decimal {
	if d.noStop && id == memberStop || !d.has(id) {
		return nil
	}
	v := d.decimal(id)
	return &v
}

// take reads the value of one member.
func (d *draft) take(s *scanner, name string) {
	v := s.value(1)
	switch {
	case s.err != nil:
	case name == "type":
		if d.form != nil {
			s.err = invalid("type", "is given twice")
			return
		}
		s.err = d.setForm(v)
		for _, e := range d.early {
			if s.err == nil {
				s.err = d.set(e.name, e.v)
			}
		}
	case d.form != nil:
		s.err = d.set(name, v)
	case len(d.early) == maxEarly:
		s.err = invalid("type", "is missing among the first %d members", maxEarly)
	default:
		d.early = append(d.early, earlyMember{name, v})
	}
}

func (d *draft) setForm(v value) error {
	text, err := textOf("type", v)
	if err != nil {
		return err
	}
	for i := range forms {
		if forms[i].name == text {
			d.form = &forms[i]
			d.seen |= 1 << memberType
			return nil
		}
	}
	return invalid("type", "%q is none of %s", clip(text), formNames())
}

func formNames() string { return strings.Join(MutationTypes(), ", ") }

// find looks a member up, first where the order of the table puts it.
func (d *draft) find(name string) *member {
	for range 2 {
		for i := d.next; i < len(d.form.members); i++ {
			if d.form.members[i].name == name {
				d.next = i + 1
				return &d.form.members[i]
			}
		}
		d.next = 0
	}
	return nil
}

// set reads a member by its row of the table.
func (d *draft) set(name string, v value) error {
	m := d.find(name)
	if m == nil {
		return invalid(strconv.Quote(clip(name)), "is not a member of %s: those are %s", d.form.noun(), d.form.listed())
	}
	if d.has(m.id) {
		return invalid(name, "is given twice")
	}
	d.seen |= 1 << m.id
	if err := d.read(m, v); err != nil {
		return named(err, m.name)
	}
	return nil
}

// named puts the member's name on an error of a parser that does not know it.
func named(err error, name string) error {
	var fe *FieldError
	if errors.As(err, &fe) && (fe.Field == "number" || fe.Field == "time") {
		return &FieldError{Field: name, Reason: fe.Reason, Err: fe.Err}
	}
	return err
}

// noun is the form's name with its article.
func (f *form) noun() string {
	if strings.ContainsRune("aeiou", rune(f.name[0])) {
		return "an " + f.name
	}
	return "a " + f.name
}

// listed names the form's members for an error text.
func (f *form) listed() string { return strings.Join(MutationMembers(f.name), ", ") }

func (d *draft) finish() (Mutation, error) {
	if d.form == nil {
		return nil, invalid("type", "is missing: it is one of %s", formNames())
	}
	for i := range d.form.members {
		if m := &d.form.members[i]; m.need && !d.has(m.id) {
			return nil, invalid(m.name, "is missing in %s", d.form.noun())
		}
	}
	if d.form.check != nil {
		if err := d.form.check(d); err != nil {
			return nil, err
		}
	}
	mutation := Stated(d.form.build(d)) // what is missing was refused above
	if err := mutation.Validate(); err != nil {
		return nil, err
	}
	return mutation, nil
}

func (d *draft) read(m *member, v value) (err error) {
	switch m.shape {
	case oneOf:
		return d.readChoice(m, v)
	case someName, anyName, someText, anyText:
		var text string
		if text, err = textOf(m.name, v); err == nil && text == "" && (m.shape == someName || m.shape == someText) {
			err = invalid(m.name, "is empty")
		}
		d.texts[m.id] = strings.Clone(text)
	case timestamp:
		at := &d.time
		if m.id == memberOpened {
			at = &d.opened
		}
		*at, err = timeOf(m.name, v)
	case anyDecimal:
		d.decimals[m.id-texts], err = decimalOf(m.name, v)
	case positiveDecimal:
		d.decimals[m.id-texts], err = decimalOf(m.name, v)
		if err == nil && d.decimal(m.id).Sign() <= 0 {
			err = invalid(m.name, "must be positive")
		}
	case decimalOrNull:
		if d.noStop = v.kind == jsonNull; !d.noStop {
			d.decimals[m.id-texts], err = decimalOf(m.name, v)
		}
	case listOfDecimals, listOfNames:
		return d.readList(m, v)
	case mapOfTexts:
		d.metadata, err = mapOf(m.name, v)
	case lotChoice:
		d.lot, err = lotOf(m.name, v)
	case listOfLots:
		d.lots, err = lotsOf(m.name, v)
	case roundingProfile:
		d.rounding, err = roundingOf(m.name, v)
	case boolean:
		if v.kind != jsonBool {
			return invalid(m.name, "must be true or false, not %s", v.kind)
		}
		d.is = v.raw == "true"
	case nonNegativeCount:
		d.expect, err = countOf(m.name, v)
	}
	return err
}

// readList reads the members of an amendment that are lists.
func (d *draft) readList(m *member, v value) error {
	if m.shape == listOfDecimals {
		d.targets = []Decimal{}
		return listOf(m.name, MaxTargets, v, func(e value) error {
			t, err := decimalOf(m.name, e)
			d.targets = append(d.targets, t)
			return err
		})
	}
	d.tags = []string{}
	return listOf(m.name, MaxTags, v, func(e value) error {
		t, err := textOf(m.name, e)
		d.tags = append(d.tags, strings.Clone(t))
		return err
	})
}

func (d *draft) readChoice(m *member, v value) error {
	text, err := textOf(m.name, v)
	if err != nil {
		return err
	}
	choices := d.form.choices[m.id]
	i := slices.Index(choices, text)
	if i < 0 {
		return invalid(m.name, "%q is none of %s", clip(text), strings.Join(choices, ", "))
	}
	d.choices[m.id] = uint8(i)
	return nil
}

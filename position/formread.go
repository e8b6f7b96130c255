package position

import (
	"errors"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/internal/form"
)

// MaxLine is the longest JSON text of one mutation, in bytes.
const MaxLine = 1 << 20

// UnmarshalMutation reads the JSON form of one mutation, as [MutationSchema]
// describes it. It is strict: a member that is unknown, given twice, missing,
// or of another type is refused, and so is anything that could lose meaning on
// the way in: a decimal outside a string, a fraction finer than 10⁻¹⁸ or a
// nanosecond, invalid UTF-8, data after the object. Every error is a
// [*FieldError] that names the member. The mutation returned has passed Validate.
func UnmarshalMutation(b []byte) (Mutation, error) { return new(MutationReader).Read(b) }

// A MutationReader reads one mutation after the other with the same memory: there is
// a kilobyte of room for the members that one may have. The zero value is ready for
// use, by one goroutine at a time.
type MutationReader struct{ draft draft }

// Read is [UnmarshalMutation].
func (r *MutationReader) Read(b []byte) (Mutation, error) {
	if len(b) > MaxLine {
		return nil, invalid("JSON", "is %d bytes long, at most %d are allowed", len(b), MaxLine)
	}
	d := &r.draft
	*d = draft{} // what was read before has its own memory
	if err := d.Draft.Read(string(b), d, int(members)); err != nil {
		return nil, fieldError(err)
	}
	if d.form.check != nil {
		if err := d.form.check(d); err != nil {
			return nil, err
		}
	}
	mutation := Stated(d.form.build(d))
	if err := mutation.Validate(); err != nil {
		return nil, err
	}
	return mutation, nil
}

// fieldError is the error of this package that says what one of package form does.
func fieldError(err error) error {
	if e, ok := errors.AsType[*form.Error](err); ok {
		return &FieldError{Field: e.Member, Reason: e.Reason, Err: ErrInvalid}
	}
	return err
}

// draft collects the values of one object's members.
type draft struct {
	form.Draft

	form     *mutationForm
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

func (d *draft) decimal(id form.ID) Decimal { return d.decimals[id-texts] }

// pointer returns a decimal that may be absent.
func (d *draft) pointer(id form.ID) *Decimal {
	if d.noStop && id == memberStop || !d.Has(id) {
		return nil
	}
	v := d.decimal(id)
	return &v
}

// Types implements [form.Table].
func (*draft) Types() []string { return MutationTypes() }

// Form implements [form.Table].
func (d *draft) Form(typ string) *form.Form {
	if d.form = formOf(typ); d.form == nil {
		return nil
	}
	return &d.form.Form
}

// Read implements [form.Table].
func (d *draft) Read(m *form.Member, v form.Value) error {
	if err := d.read(m, v); err != nil {
		return named(err, m.Name)
	}
	return nil
}

// named puts the member's name on an error of a parser that does not know it.
func named(err error, name string) error {
	if fe, ok := errors.AsType[*FieldError](err); ok && (fe.Field == "number" || fe.Field == "time") {
		return &FieldError{Field: name, Reason: fe.Reason, Err: fe.Err}
	}
	return err
}

func (d *draft) read(m *form.Member, v form.Value) (err error) {
	switch m.Shape {
	case oneOf:
		var i int
		i, err = v.Choice(m.Name, d.form.Choices[m.ID])
		d.choices[m.ID] = uint8(i)
	case someName, someText:
		d.texts[m.ID], err = v.SomeText(m.Name)
	case anyName, anyText:
		var text string
		text, err = v.Text(m.Name)
		d.texts[m.ID] = strings.Clone(text)
	case timestamp:
		at := &d.time
		if m.ID == memberOpened {
			at = &d.opened
		}
		*at, err = timeOf(m.Name, v)
	case anyDecimal:
		d.decimals[m.ID-texts], err = decimalOf(m.Name, v)
	case positiveDecimal:
		d.decimals[m.ID-texts], err = decimalOf(m.Name, v)
		if err == nil && d.decimal(m.ID).Sign() <= 0 {
			err = invalid(m.Name, "must be positive")
		}
	case decimalOrNull:
		if d.noStop = v.Kind == form.Null; !d.noStop {
			d.decimals[m.ID-texts], err = decimalOf(m.Name, v)
		}
	case listOfDecimals, listOfNames:
		return d.readList(m, v)
	case mapOfTexts:
		d.metadata, err = v.Texts(m.Name, MaxMeta)
	case lotChoice:
		d.lot, err = lotOf(m.Name, v)
	case listOfLots:
		d.lots, err = lotsOf(m.Name, v)
	case roundingProfile:
		d.rounding, err = roundingOf(m.Name, v)
	case boolean:
		d.is, err = v.Bool(m.Name)
	case nonNegativeCount:
		var n uint64
		n, err = v.Count(m.Name)
		d.expect = &n
	}
	return err
}

// readList reads the members of an amendment that are lists.
func (d *draft) readList(m *form.Member, v form.Value) error {
	if m.Shape == listOfDecimals {
		d.targets = []Decimal{}
		return v.List(m.Name, MaxTargets, func(e form.Value) error {
			t, err := decimalOf(m.Name, e)
			d.targets = append(d.targets, t)
			return err
		})
	}
	d.tags = []string{}
	return v.List(m.Name, MaxTags, func(e form.Value) error {
		t, err := e.Text(m.Name)
		d.tags = append(d.tags, strings.Clone(t))
		return err
	})
}

// decimalOf reads a decimal. Numbers outside a string are refused, because
// most JSON software takes them through a binary float and changes them.
func decimalOf(name string, v form.Value) (Decimal, error) {
	if v.Kind == form.Number {
		return Decimal{}, invalid(name, "must be a decimal in a string, such as %q, not a plain number, which other software may round", form.Clip(v.Raw))
	}
	text, err := v.Text(name)
	if err != nil {
		return Decimal{}, err
	}
	if !plainDecimal(text) {
		return Decimal{}, invalid(name, "%q is not a plain decimal such as \"-12.5\"", form.Clip(text))
	}
	d, err := Parse(text)
	if err != nil {
		return Decimal{}, err
	}
	if !withinText(d) {
		return Decimal{}, &FieldError{Field: name, Reason: form.Clip(text) + " is out of range: |x| must stay below 1.7e20", Err: ErrOverflow}
	}
	return d, nil
}

// plainDecimal is the grammar -?[0-9]+(\.[0-9]+)?; Parse takes a little more.
func plainDecimal(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	digits, point := 0, false
	for i := range len(s) {
		switch {
		case s[i] >= '0' && s[i] <= '9':
			digits++
		case s[i] == '.' && digits > 0 && !point:
			point, digits = true, 0
		default:
			return false
		}
	}
	return digits > 0
}

// withinText reports |d| < 1.7·10²⁰: the limit of the JSON form, a little below
// that of the type, so that a regular expression can state it.
func withinText(d Decimal) bool {
	limit := Decimal{hi: 0x7fe4cf1e337eb469, lo: 0x1037a0a000000000}
	return d.Abs().Cmp(limit) < 0
}

func pointerOf(name string, v form.Value) (*Decimal, error) {
	d, err := decimalOf(name, v)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

func timeOf(name string, v form.Value) (Time, error) {
	text, err := v.Text(name)
	if err != nil {
		return 0, err
	}
	return ParseTime(text)
}

// The members that are objects: the selection of lots, the lots of an adoption,
// the rounding profile. An error inside one is reported under the member's own name,
// with the place in it.

// inside moves an error of a part to the member that holds it.
func inside(name, place string, err error) error {
	if fe, ok := errors.AsType[*FieldError](fieldError(err)); ok {
		return &FieldError{Field: name, Reason: place + " " + fe.Reason, Err: fe.Err}
	}
	return err
}

// partsOf reads an object whose members have these names. part gets each value
// with the place of its name.
func partsOf(name string, v form.Value, names []string, part func(i int, v form.Value) error) error {
	return v.Parts(name, names, func(i int, v form.Value) error {
		if err := part(i, v); err != nil {
			return inside(name, names[i], err)
		}
		return nil
	})
}

// lotOf reads a label, or an object that selects lots.
func lotOf(name string, v form.Value) (*LotRef, error) {
	var r LotRef
	var err error
	switch v.Kind {
	case form.String:
		if r.Label, err = v.SomeText(name); err != nil {
			return nil, err
		}
	case form.Object:
		err = partsOf(name, v, []string{"label", "price", "opened"}, func(i int, v form.Value) (partErr error) {
			switch i {
			case 0:
				r.Label, partErr = v.SomeText("label")
			case 1:
				r.Price, partErr = pointerOf("price", v)
			case 2:
				r.Opened, partErr = v.SomeText("opened")
			}
			return partErr
		})
		if err != nil {
			return nil, err
		}
	case form.None, form.Number, form.Array, form.Bool, form.Null:
		return nil, invalid(name, "must be a lot's label or an object with label, price or opened, not %s", v.Kind)
	}
	return &r, nil
}

// lotsOf reads the lots of an adoption.
func lotsOf(name string, v form.Value) ([]AdoptedLot, error) {
	lots := []AdoptedLot{}
	err := v.List(name, MaxLots, func(e form.Value) error {
		l, err := adoptedLotOf(name, e)
		lots = append(lots, l)
		if err != nil {
			return inside(name, "number "+strconv.Itoa(len(lots))+":", err)
		}
		return nil
	})
	if err == nil && len(lots) == 0 {
		err = invalid(name, "is empty: leave it out, or name each open lot")
	}
	return lots, err
}

func adoptedLotOf(name string, v form.Value) (AdoptedLot, error) {
	var l AdoptedLot
	given := false
	err := partsOf(name, v, []string{"qty", "price", "cost", "opened", "label"}, func(i int, v form.Value) (err error) {
		switch i {
		case 0:
			given = true
			l.Qty, err = decimalOf("qty", v)
		case 1:
			l.Price, err = pointerOf("price", v)
		case 2:
			l.Cost, err = pointerOf("cost", v)
		case 3:
			l.Opened, err = timeOf("opened", v)
		case 4:
			l.Label, err = v.SomeText("label")
		}
		return err
	})
	if err == nil && !given {
		err = invalid(name, "qty is missing")
	}
	return l, err
}

// roundingOf reads a venue's profile.
func roundingOf(name string, v form.Value) (Rounding, error) {
	var r Rounding
	err := partsOf(name, v, []string{"value", "value_per", "average", "realized"}, func(i int, v form.Value) (err error) {
		switch i {
		case 0:
			r.Value, err = roundOf("value", v)
		case 1:
			r.ValuePer, err = decimalOf("value_per", v)
			if err == nil && r.ValuePer.Sign() <= 0 {
				err = invalid("value_per", "must be positive")
			}
		case 2:
			r.Average, err = roundOf("average", v)
		case 3:
			r.Realized, err = roundOf("realized", v)
		}
		return err
	})
	return r, err
}

func roundOf(name string, v form.Value) (Round, error) {
	text, err := v.Text(name)
	if err != nil {
		return Round{}, err
	}
	return parseRound(text)
}

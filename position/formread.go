package position

import (
	"errors"
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
// [*FieldError] that names the member. What it returns has passed Validate.
func UnmarshalMutation(b []byte) (Mutation, error) {
	if len(b) > MaxLine {
		return nil, invalid("JSON", "is %d bytes long, at most %d are allowed", len(b), MaxLine)
	}
	var d draft
	if err := d.Draft.Read(string(b), &d, int(members)); err != nil {
		return nil, fieldError(err)
	}
	if d.form.check != nil {
		if err := d.form.check(&d); err != nil {
			return nil, err
		}
	}
	mutation := Stated(d.form.build(&d))
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

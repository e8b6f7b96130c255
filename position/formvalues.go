package position

import (
	"errors"
	"strconv"

	"github.com/moneyprinter/holdfast/internal/form"
)

// decimalOf reads a decimal. Numbers outside a string are refused, because
// most JSON software takes them through a binary float and changes them.
func decimalOf(name string, v form.Value) (Decimal, error) {
	if v.Kind == form.Number {
		return Decimal{}, invalid(name, "must be a decimal in a string, such as %q, not a plain number, which other software may round", clip(v.Raw))
	}
	text, err := v.Text(name)
	if err != nil {
		return Decimal{}, err
	}
	if !plainDecimal(text) {
		return Decimal{}, invalid(name, "%q is not a plain decimal such as \"-12.5\"", clip(text))
	}
	d, err := Parse(text)
	if err != nil {
		return Decimal{}, err
	}
	if !withinText(d) {
		return Decimal{}, &FieldError{Field: name, Reason: clip(text) + " is out of range: |x| must stay below 1.7e20", Err: ErrOverflow}
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
// the rounding profile. What is wrong inside one is reported under the member's
// own name, with the place in it.

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

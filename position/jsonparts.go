package position

import (
	"errors"
	"strconv"
	"strings"
)

// The members that are objects: the selection of lots, the lots of an adoption,
// the rounding profile. What is wrong inside one is reported under the member's
// own name, with the place in it.

// inside moves an error of a part to the member that holds it.
func inside(name, place string, err error) error {
	if fe, ok := errors.AsType[*FieldError](err); ok {
		return &FieldError{Field: name, Reason: place + " " + fe.Reason, Err: fe.Err}
	}
	return err
}

// partsOf reads an object whose members have these names. set gets each value
// with the place of its name.
func partsOf(name string, v value, names []string, set func(i int, v value) error) error {
	if v.kind != jsonObject {
		return invalid(name, "must be an object, not %s", v.kind)
	}
	s := scanner{b: v.raw}
	seen := 0
	s.object(func(part string) {
		e := s.value(1)
		for i, n := range names {
			switch {
			case n != part || s.err != nil:
				continue
			case seen&(1<<i) != 0:
				s.err = invalid(name, "has %s twice", n)
				return
			}
			seen |= 1 << i
			if err := set(i, e); err != nil {
				s.err = inside(name, n, err)
			}
			return
		}
		if s.err == nil {
			s.err = invalid(name, "has the unknown member %q; its members are %s", clip(part), strings.Join(names, ", "))
		}
	})
	return s.err
}

// lotOf reads a label, or an object that selects lots.
func lotOf(name string, v value) (*LotRef, error) {
	var r LotRef
	var err error
	switch v.kind {
	case jsonString:
		if r.Label, err = someTextOf(name, v); err != nil {
			return nil, err
		}
	case jsonObject:
		err = partsOf(name, v, []string{"label", "price", "opened"}, func(i int, v value) (partErr error) {
			switch i {
			case 0:
				r.Label, partErr = someTextOf("label", v)
			case 1:
				r.Price, partErr = pointerOf("price", v)
			case 2:
				r.Opened, partErr = someTextOf("opened", v)
			}
			return partErr
		})
		if err != nil {
			return nil, err
		}
	case jsonNone, jsonNumber, jsonArray, jsonBool, jsonNull:
		return nil, invalid(name, "must be a lot's label or an object with label, price or opened, not %s", v.kind)
	}
	return &r, nil
}

// lotsOf reads the lots of an adoption.
func lotsOf(name string, v value) ([]AdoptedLot, error) {
	lots := []AdoptedLot{}
	err := listOf(name, MaxLots, v, func(e value) error {
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

func adoptedLotOf(name string, v value) (AdoptedLot, error) {
	var l AdoptedLot
	given := false
	err := partsOf(name, v, []string{"qty", "price", "cost", "opened", "label"}, func(i int, v value) (err error) {
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
			l.Label, err = someTextOf("label", v)
		}
		return err
	})
	if err == nil && !given {
		err = invalid(name, "qty is missing")
	}
	return l, err
}

// roundingOf reads a venue's profile.
func roundingOf(name string, v value) (Rounding, error) {
	var r Rounding
	err := partsOf(name, v, []string{"value", "value_per", "average", "realized"}, func(i int, v value) (err error) {
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

func roundOf(name string, v value) (Round, error) {
	text, err := textOf(name, v)
	if err != nil {
		return Round{}, err
	}
	return ParseRound(text)
}

// someTextOf reads a string that is not empty, and keeps it.
func someTextOf(name string, v value) (string, error) {
	text, err := textOf(name, v)
	if err == nil && text == "" {
		err = invalid(name, "is empty")
	}
	return strings.Clone(text), err
}

func pointerOf(name string, v value) (*Decimal, error) {
	d, err := decimalOf(name, v)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

func timeOf(name string, v value) (Time, error) {
	text, err := textOf(name, v)
	if err != nil {
		return 0, err
	}
	return ParseTime(text)
}

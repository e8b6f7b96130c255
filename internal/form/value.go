package form

import (
	"strconv"
	"strings"
)

// Text reads a string. Unless it has escapes it is a part of the text that was
// read, so that whoever keeps it clones it.
func (v Value) Text(name string) (string, error) {
	if v.Kind != String {
		return "", refuse(name, "must be a string, not %s", v.Kind)
	}
	s, err := unquote(v.Raw)
	if err != nil {
		return "", refuse(name, "%s", err)
	}
	return s, nil
}

// SomeText reads a string that is not empty, and clones it.
func (v Value) SomeText(name string) (string, error) {
	text, err := v.Text(name)
	if err == nil && text == "" {
		err = refuse(name, "is empty")
	}
	return strings.Clone(text), err
}

// Count reads a whole number of 64 bits, written without fraction and exponent.
func (v Value) Count(name string) (uint64, error) {
	if v.Kind != Number {
		return 0, refuse(name, "must be a number, not %s", v.Kind)
	}
	n, err := strconv.ParseUint(v.Raw, 10, 64)
	if err != nil {
		return 0, refuse(name, "%s is not a whole number from 0 to 18446744073709551615", Clip(v.Raw))
	}
	return n, nil
}

// Bool reads true or false.
func (v Value) Bool(name string) (bool, error) {
	if v.Kind != Bool {
		return false, refuse(name, "must be true or false, not %s", v.Kind)
	}
	return v.Raw == "true", nil
}

// Choice reads a string that is one of choices, and returns its index.
func (v Value) Choice(name string, choices []string) (int, error) {
	text, err := v.Text(name)
	if err != nil {
		return 0, err
	}
	for i := range choices {
		if choices[i] == text {
			return i, nil
		}
	}
	return 0, refuse(name, "%q is none of %s", Clip(text), strings.Join(choices, ", "))
}

// List calls element for each of an array's elements, of which there are limit at
// most, until one is refused.
func (v Value) List(name string, limit int, element func(Value) error) error {
	if v.Kind != Array {
		return refuse(name, "must be an array, not %s", v.Kind)
	}
	s := scanner{b: v.Raw}
	n := 0
	s.array(func() {
		e := s.value(1)
		if n++; n > limit {
			s.err = refuse(name, "has more than %d members", limit)
		}
		if s.err == nil {
			s.err = element(e)
		}
	})
	return s.err
}

// Texts reads an object of strings by any names, of which there are limit at most.
func (v Value) Texts(name string, limit int) (map[string]string, error) {
	if v.Kind != Object {
		return nil, refuse(name, "must be an object, not %s", v.Kind)
	}
	out := map[string]string{}
	s := scanner{b: v.Raw}
	s.object(func(item string) {
		text, err := s.value(1).Text(name)
		_, twice := out[item]
		switch {
		case s.err != nil:
		case err != nil:
			s.err = err
		case twice:
			s.err = refuse(name, "has %q twice", Clip(item))
		case len(out) == limit:
			s.err = refuse(name, "has more than %d members", limit)
		default:
			out[strings.Clone(item)] = strings.Clone(text)
		}
	})
	return out, s.err
}

// Parts reads an object whose members have these names, at most 64, and calls part
// with each value and the place of its name. A fault is told under the name of the
// object.
func (v Value) Parts(name string, names []string, part func(i int, v Value) error) error {
	if v.Kind != Object {
		return refuse(name, "must be an object, not %s", v.Kind)
	}
	s := scanner{b: v.Raw}
	seen := 0
	s.object(func(member string) {
		e := s.value(1)
		for i, n := range names {
			switch {
			case n != member || s.err != nil:
				continue
			case seen&(1<<i) != 0:
				s.err = refuse(name, "has %s twice", n)
				return
			}
			seen |= 1 << i
			s.err = part(i, e)
			return
		}
		if s.err == nil {
			s.err = refuse(name, "has the unknown member %q; its members are %s", Clip(member), strings.Join(names, ", "))
		}
	})
	return s.err
}

// Members calls member for each member of the one object that text consists of,
// until one is refused. It takes a name as often as it comes.
func Members(text string, member func(name string, v Value) error) error {
	s := scanner{b: text}
	s.whole(func(name string) {
		if v := s.value(1); s.err == nil {
			s.err = member(name, v)
		}
	})
	return s.err
}

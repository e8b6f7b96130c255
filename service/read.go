package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moneyprinter/holdfast/internal/form"
)

// reader reads the requests to an endpoint.
type reader struct {
	endpoint string
	fields   map[string][]int // where a member goes, by its name
}

// reads returns what reads the requests to an endpoint into a Q.
func reads[Q any](endpoint string) reader {
	r := reader{endpoint: endpoint, fields: map[string][]int{}}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Q]()) {
		if !f.Anonymous {
			r.fields[memberOf(f)] = f.Index
		}
	}
	return r
}

// read reads a request, nothing or one object of the members that its endpoint takes,
// into a struct of those.
func (r *reader) read(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	to := reflect.ValueOf(into).Elem()
	err := eachMember(string(body), func(name string, v form.Value) error {
		if index, takes := r.fields[name]; takes {
			return set(to.FieldByIndex(index).Addr().Interface(), name, v)
		}
		return notTaken(r.endpoint, name)
	})
	if err == nil {
		return nil
	}
	if broken := oneObject(body); broken != nil {
		return broken // whatever else is wrong with it
	}
	return err
}

// oneObject refuses what is not one JSON object.
func oneObject(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var value json.RawMessage
	switch err := d.Decode(&value); {
	case err != nil || !utf8.Valid(text):
		return badRequest("the request is broken: expected one JSON object in UTF-8")
	case value[0] != '{':
		return badRequest("the request must be a JSON object, not %s", kindOf(value[0]))
	case len(bytes.TrimSpace(text[d.InputOffset():])) > 0:
		return badRequest("the request has data after its JSON object, from byte %d on", d.InputOffset()+1)
	}
	return nil
}

// kindOf names the kind of a value by its first byte.
func kindOf(first byte) form.Kind {
	switch first {
	case '"':
		return form.String
	case '[':
		return form.Array
	case 't', 'f':
		return form.Bool
	case 'n':
		return form.Null
	}
	return form.Number
}

// eachMember calls do for the members of an object, none of which may come twice.
func eachMember(text string, do func(name string, v form.Value) error) error {
	var seen names
	err := form.Members(text, func(name string, v form.Value) error {
		if !seen.add(name) {
			return badRequest("%.64q is given twice", name)
		}
		return do(name, v)
	})
	if refused, ok := errors.AsType[*form.Error](err); ok {
		return badRequest("%s", refused)
	}
	return err
}

// names is a set of names that has few of them as a rule.
type names struct {
	few  [8]string
	n    int
	many map[string]bool // once there are more
}

// add returns false for a name that is in the set already.
func (s *names) add(name string) bool {
	if s.many[name] || slices.Contains(s.few[:s.n], name) {
		return false
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]bool)
	}
	s.many[name] = true
	return true
}

// memberOf is the name of the member that is read into a field.
func memberOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// set reads the value of one member.
func set(into any, name string, v form.Value) (err error) {
	switch into := into.(type) {
	case *string:
		*into, err = v.Text(name)
	case *bool:
		*into, err = v.Bool(name)
	case *int:
		if v.Kind == form.Number {
			if *into, err = strconv.Atoi(v.Raw); err != nil || *into < 0 {
				return badRequest("%s must be a whole number from 0 on, not %.40s", name, v.Raw)
			}
			return nil
		}
		_, err = v.Count(name)
	case *Part:
		if into.None = v.Kind == form.Null; !into.None {
			into.Name, err = v.Text(name)
		}
	case *Rates:
		*into, err = readRates(v)
	default:
		panic(fmt.Sprintf("service: member %s is read into a %T", name, into))
	}
	return err
}

func readRates(v form.Value) (Rates, error) {
	if v.Kind != form.Object {
		return nil, badRequest(`rates must be an object such as {"EUR":"1.08"}, not %s`, v.Kind)
	}
	rates := make(Rates)
	err := eachMember(v.Raw, func(currency string, rate form.Value) (err error) {
		if rate.Kind != form.String {
			return badRequest("rates: the rate of %.64q must be a decimal in a string, not %s", currency, rate.Kind)
		}
		rates[strings.Clone(currency)], err = rate.Text("rates")
		return err
	})
	return rates, err
}

// notTaken says why an endpoint refuses a member, and where it belongs.
func notTaken(endpoint, name string) error {
	those := "it takes none"
	for _, other := range requests() {
		names := membersOf(other.zero)
		if slices.Contains(names, name) {
			return badRequest("%q is not a member of %s; %s takes it", name, endpoint, other.endpoint)
		}
		if other.endpoint == endpoint {
			those = "those are " + strings.Join(names, ", ")
		}
	}
	return badRequest("%.64q is not a member of %s: %s", name, endpoint, those)
}

// membersOf are the members of a request, in their order.
func membersOf(request any) (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(request)) {
		if !f.Anonymous {
			names = append(names, memberOf(f))
		}
	}
	return names
}

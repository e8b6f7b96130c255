package sample

import (
	"reflect"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// LongChanges hold numbers of the most bytes wherever there is a number.
func LongChanges() map[string]position.Change {
	long := position.MustParse("-170141183460469231731.687303715884105727")
	all := map[string]position.Change{}
	for name, c := range Changes() {
		c.Part, c.Parts, c.Prev, c.Fill, c.Qty, c.Value, c.Realized, c.Fee = 1<<32-1, 1<<32-1, 1<<64-1, 1<<64-1, long, long, long, long
		if c.After != nil {
			p := *c.After
			fillIn(reflect.ValueOf(&p).Elem(), long)
			c.After = &p
		}
		if c.Instrument != nil {
			i := *c.Instrument
			fillIn(reflect.ValueOf(&i).Elem(), long)
			c.Instrument = &i
		}
		if c.Cause != nil {
			m := reflect.New(reflect.TypeOf(c.Cause)).Elem()
			m.Set(reflect.ValueOf(c.Cause))
			fillIn(m, long)
			c.Cause = MutationIn(m)
		}
		all[name] = c
	}
	return all
}

// MutationIn returns what v holds, or nil.
func MutationIn(v reflect.Value) position.Mutation {
	m, ok := reflect.TypeAssert[position.Mutation](v)
	if !ok {
		return nil
	}
	return m
}

// fillIn sets every number and text of v, in what it points to as well, to one
// that takes as many bytes as there are.
func fillIn(v reflect.Value, long position.Decimal) {
	if v.Type() == reflect.TypeFor[position.Decimal]() {
		v.Set(reflect.ValueOf(long))
		return
	}
	//exhaustive:ignore
	switch v.Kind() {
	case reflect.Struct:
		for field, f := range v.Fields() {
			fillIn(f, long)
			if field.Name == "Reason" && f.Kind() == reflect.String {
				f.SetString(strings.Repeat("r", position.MaxReason))
			}
		}
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if !v.IsNil() {
			p.Elem().Set(v.Elem())
		}
		fillIn(p.Elem(), long)
		v.Set(p)
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 3, 3)
		for i := range 3 {
			fillIn(list.Index(i), long)
		}
		v.Set(list)
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(1<<v.Type().Bits() - 1)
	case reflect.Int64:
		v.SetInt(1<<63 - 1)
	case reflect.Int8:
		v.SetInt(int64(position.Sell))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(strings.Repeat("s", 64))
	}
}

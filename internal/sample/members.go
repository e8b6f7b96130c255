package sample

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/moneyprinter/holdfast/position"
)

// WholePosition has every member set, those of lots and conditions too. It holds
// together only as far as the forms of a position ask.
func WholePosition() *position.Position {
	p := FullPosition()
	t := *LotPosition().Terms
	t.OverReduction = position.FlipOver
	p.Terms, p.Residue, p.ClosedAt, p.Seq = &t, num("-0.00000000000000001"), p.UpdatedAt, 7
	p.Prior.Charges = position.Amounts{{Currency: "XBT", Value: num("0.25")}}
	p.Lots = &position.Lots{
		Count: 1, Next: 300, Sum: [16]byte{0xff, 1, 2, 3},
		Open: []position.Lot{{ID: 1, Qty: num("150.5"), Cost: num("0.003"), Opened: Time, Label: "l"}},
	}
	p.Conditions = &position.Conditions{
		Stop: num("48000"), HasStop: true, Targets: []position.Decimal{num("60000")}, Tags: []string{"swing"},
		Meta: []position.MetaItem{{Name: "desk", Value: "7"}},
	}
	return p
}

// Changed yields copies of p that differ from it in one member each, with the
// member's path, such as Totals.Fees[0].Value. It takes whatever fields there are,
// so that a test over it is red for a new one that somebody forgot. A member that p
// leaves empty is a panic: nothing would be known about what it holds.
func Changed(p *position.Position) iter.Seq2[string, *position.Position] {
	return func(yield func(string, *position.Position) bool) {
		for i := 0; ; i++ {
			c := position.Position{}
			v := reflect.ValueOf(&c).Elem()
			v.Set(cloned(reflect.ValueOf(*p)))
			n := i
			path := changed(v, "", &n)
			if path == "" || !yield(path, &c) {
				return
			}
		}
	}
}

// cloned is a copy that shares nothing that can be changed.
func cloned(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch {
	case v.Type() == reflect.TypeFor[position.Decimal]():
	case v.Kind() == reflect.Pointer && !v.IsNil():
		c.Set(reflect.New(v.Type().Elem()))
		c.Elem().Set(cloned(v.Elem()))
	case v.Kind() == reflect.Slice && !v.IsNil():
		c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			c.Index(i).Set(cloned(v.Index(i)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			c.Field(i).Set(cloned(v.Field(i)))
		}
	}
	return c
}

// changed gives the member that n members stand before another value, and returns
// its path; "" where there are not so many.
func changed(v reflect.Value, path string, n *int) string {
	switch {
	case v.Type() == reflect.TypeFor[position.Decimal]():
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			inner := path
			if !f.Anonymous {
				inner = join(path, f.Name)
			}
			if found := changed(v.Field(i), inner, n); found != "" {
				return found
			}
		}
		return ""
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			panic("sample: " + path + " is empty")
		}
		return changed(v.Elem(), path, n)
	case v.Kind() == reflect.Slice:
		if v.Len() == 0 {
			panic("sample: " + path + " is empty")
		}
		return changed(v.Index(0), path+"[0]", n)
	}
	if *n--; *n >= 0 {
		return ""
	}
	another(v)
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// another sets v to a value that it does not have.
func another(v reflect.Value) {
	switch d, decimal := reflect.TypeAssert[position.Decimal](v); {
	case decimal:
		sum, err := d.Add(position.MustParse("0.001"))
		if err != nil {
			panic(err)
		}
		v.Set(reflect.ValueOf(sum))
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "X")
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.CanUint():
		v.SetUint(v.Uint() + 1)
	case v.Kind() == reflect.Array:
		another(v.Index(0))
	default:
		panic(fmt.Sprintf("sample: no other value of %s is known", v.Type()))
	}
}

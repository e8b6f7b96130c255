package wire_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

func TestFingerprint(t *testing.T) {
	base := sample.Fill()
	want := wire.FingerprintOf(sample.Prints(), base)

	later := base
	later.Time++
	version := uint64(9)
	later.ExpectVersion = &version
	require.Equal(t, want, wire.FingerprintOf(sample.Prints(), later), "time and expected version are no content")
	require.Equal(t, want, wire.FingerprintOf(sample.Prints(), &later))
	require.Equal(t, want.ID, wire.HashID(sample.Prints(), base.Ident))

	renamed := base
	renamed.Ident = "other"
	require.Equal(t, want.Content, wire.FingerprintOf(sample.Prints(), renamed).Content)
	require.NotEqual(t, want.ID, wire.FingerprintOf(sample.Prints(), renamed).ID)

	seen := map[[16]byte]string{want.Content: "base"}
	for name, edit := range map[string]func(*position.Fill){
		"account":    func(f *position.Fill) { f.Account = "B" },
		"instrument": func(f *position.Fill) { f.Instrument = "B" },
		"strategy":   func(f *position.Fill) { f.Strategy = "B" },
		"leg":        func(f *position.Fill) { f.Leg = "B" },
		"side":       func(f *position.Fill) { f.Side = position.Sell },
		"qty":        func(f *position.Fill) { f.Qty = position.FromInt(7) },
		"price":      func(f *position.Fill) { f.Price = position.FromInt(7) },
		"fee":        func(f *position.Fill) { f.Fee = position.FromInt(7) },
		"currency":   func(f *position.Fill) { f.FeeCurrency = "EUR" },
	} {
		f := base
		edit(&f)
		got := wire.FingerprintOf(sample.Prints(), f)
		require.Equal(t, want.ID, got.ID)
		require.Empty(t, seen[got.Content], name)
		seen[got.Content] = name
	}
	// The same members in another type of mutation are other content.
	charge := position.Charge{Meta: base.Meta, Key: base.Key, Amount: base.Qty, Currency: "USD"}
	require.NotEqual(t, want.Content, wire.FingerprintOf(sample.Prints(), charge).Content)
}

// Every member of every mutation but id, time and expected version is content:
// one that the binary form forgot would let another mutation pass as a retry.
func TestFingerprintCoversEveryMember(t *testing.T) {
	all := map[reflect.Type]position.Mutation{}
	for _, c := range sample.LongChanges() {
		if c.Cause != nil {
			all[reflect.TypeOf(c.Cause)] = c.Cause
		}
	}
	require.Len(t, all, len(position.MutationTypes()))
	for _, m := range all {
		want := wire.FingerprintOf(sample.Prints(), m).Content
		eachMember(reflect.ValueOf(m).Type().Name(), reflect.ValueOf(m), func(path string, changed reflect.Value) {
			got := wire.FingerprintOf(sample.Prints(), sample.MutationIn(changed))
			if strings.Contains(path, ".Meta.") || strings.HasSuffix(path, ".ZeroPrice") { // that follows from the price
				require.Equal(t, want, got.Content, path)
			} else {
				require.NotEqual(t, want, got.Content, path)
			}
		})
	}
}

// eachMember calls f with copies of v, each with one member changed to its zero
// value or, for those that zero means nothing to, to another.
func eachMember(path string, v reflect.Value, f func(string, reflect.Value)) {
	copyOf := func(edit func(reflect.Value)) reflect.Value {
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		edit(c)
		return c
	}
	if v.Type() == reflect.TypeFor[position.Decimal]() {
		f(path, reflect.ValueOf(num("1")))
		return
	}
	//exhaustive:ignore
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			name := path + "." + v.Type().Field(i).Name
			eachMember(name, v.Field(i), func(path string, x reflect.Value) {
				f(path, copyOf(func(c reflect.Value) { c.Field(i).Set(x) }))
			})
		}
	case reflect.Pointer:
		f(path+"=nil", reflect.Zero(v.Type()))
		eachMember(path, v.Elem(), func(path string, x reflect.Value) {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(x)
			f(path, p)
		})
	case reflect.Slice:
		f(path+"=nil", reflect.Zero(v.Type()))
		f(path+"[:1]", v.Slice(0, 1))
		eachMember(path+"[0]", v.Index(0), func(path string, x reflect.Value) {
			list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(list, v)
			list.Index(0).Set(x)
			f(path, list)
		})
	case reflect.Int8:
		f(path, copyOf(func(c reflect.Value) { c.SetInt(int64(position.Buy)) }))
	default:
		f(path, reflect.Zero(v.Type()))
	}
}

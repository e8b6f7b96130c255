package position_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// What the ledger owns must not change when the caller changes what its mutation
// points to, whatever the type.
func TestOwnSharesNothing(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for name, c := range sample.LongChanges() {
		if c.Cause == nil {
			continue
		}
		m := c.Cause
		seen[reflect.TypeOf(m)] = true
		owned := position.Own(m)
		require.Equal(t, m, owned, name)
		refs := references(reflect.ValueOf(m), map[uintptr]string{}, name)
		require.NotEmpty(t, refs, name)
		for at := range references(reflect.ValueOf(owned), map[uintptr]string{}, name) {
			require.Empty(t, refs[at], "%s is shared", name)
		}

		p := reflect.New(reflect.TypeOf(m))
		p.Elem().Set(reflect.ValueOf(m))
		fromPointer := position.Own(sample.MutationIn(p))
		require.Equal(t, m, fromPointer, "a pointer gives its value")
		for at := range references(reflect.ValueOf(fromPointer), map[uintptr]string{}, name) {
			require.Empty(t, refs[at], "%s is shared through a pointer", name)
		}
		require.Nil(t, position.Own(sample.MutationIn(reflect.Zero(p.Type()))), "a nil pointer to %s", name)
	}
	require.Len(t, seen, len(position.MutationTypes()))
	require.Nil(t, position.Own(nil))
}

// references collects where the pointers, slices and maps of v lead.
func references(v reflect.Value, into map[uintptr]string, path string) map[uintptr]string {
	//exhaustive:ignore
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			references(v.Field(i), into, path+"."+v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			into[v.Pointer()] = path
			references(v.Elem(), into, path)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			into[v.Pointer()] = path
		}
		for i := range v.Len() {
			references(v.Index(i), into, path)
		}
	case reflect.Map:
		if !v.IsNil() {
			into[v.Pointer()] = path
		}
	default: // a value
	}
	return into
}

// What an ordinary fill or mark costs is nothing, because it points to nothing.
func TestOwnOfPlainMutationsIsFree(t *testing.T) {
	var fill, mark position.Mutation = sample.Fill(), position.Mark{Instrument: "A"}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		position.Own(fill)
		position.Own(mark)
	}))
}

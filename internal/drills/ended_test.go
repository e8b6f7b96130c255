package drills_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/repair"
)

// A method that takes a context returns the context's error if it has ended before
// the call, and does nothing: it applies nothing and touches no file. Reflection
// finds the methods, so that a new one is held to it as well.
func TestAnEndedContextDoesNothing(t *testing.T) {
	dir := t.TempDir()
	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	_, err := l.Apply(t.Context(), ledgertest.Fill("a", "A", "I", position.Buy, "1", "100"))
	require.NoError(t, err)
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)

	stop := errors.New("the shop is closed")
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	before, elsewhere := files(t, dir), t.TempDir()
	called := 0
	for _, of := range []any{l, r} {
		for i := range reflect.TypeOf(of).NumMethod() {
			method, name := reflect.ValueOf(of).Method(i), reflect.TypeOf(of).Method(i).Name
			if typ := method.Type(); typ.NumIn() == 0 || typ.In(0) != reflect.TypeFor[context.Context]() {
				continue
			}
			called++
			err = errorOf(t, method.Call(sensible(canceled, t, method.Type(), elsewhere)))
			require.ErrorIs(t, err, context.Canceled, "%T.%s", of, name)
			require.ErrorIs(t, err, stop, "%T.%s", of, name)
			require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown, "%T.%s", of, name)
		}
	}
	require.Greater(t, called, 20)
	fresh := filepath.Join(elsewhere, "fresh")
	_, err = holdfast.Open(canceled, fresh, ledgertest.Quiet())
	require.ErrorIs(t, err, context.Canceled)
	_, err = repair.Diagnose(canceled, dir, repair.Options{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = repair.Do(canceled, dir, repair.Options{})
	require.ErrorIs(t, err, context.Canceled)

	require.EqualValues(t, 2, l.View().Seq())
	require.Equal(t, before, files(t, dir))
	require.Empty(t, files(t, elsewhere))
}

// sensible gives a method that takes a context arguments with which it would do
// something.
func sensible(ctx context.Context, t *testing.T, typ reflect.Type, to string) []reflect.Value {
	t.Helper()
	price := position.MustParse("10")
	m := ledgertest.Fill("never", "A", "I", position.Buy, "1", "100")
	values := map[reflect.Type]any{
		reflect.TypeFor[context.Context]():     ctx,
		reflect.TypeFor[position.Mutation]():   m,
		reflect.TypeFor[[]position.Mutation](): []position.Mutation{m},
		reflect.TypeFor[[]holdfast.Target](): []holdfast.Target{
			{Key: position.Key{Account: "B", Instrument: "I"}, Qty: price, Price: &price},
		},
		reflect.TypeFor[string](): filepath.Join(to, "new"),
	}
	key, err := keyring.Generate(rand.Reader)
	require.NoError(t, err)
	values[reflect.TypeFor[keyring.Key]()] = key
	in := make([]reflect.Value, typ.NumIn())
	for i := range in {
		in[i] = reflect.Zero(typ.In(i))
		if v, ok := values[typ.In(i)]; ok {
			in[i] = reflect.ValueOf(v)
		}
	}
	return in
}

// errorOf is the error among results, or the first one that an iterator yields.
func errorOf(t *testing.T, results []reflect.Value) error {
	t.Helper()
	for _, r := range results {
		switch v := r.Interface().(type) {
		case iter.Seq2[holdfast.Entry, error]:
			for _, err := range v {
				return err
			}
		case iter.Seq2[holdfast.Step, error]:
			for _, err := range v {
				return err
			}
		case error:
			return v
		}
	}
	return nil
}

// files are the names and contents below a directory, MARK and LOCK left out: they
// move by themselves.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "MARK" || d.Name() == "LOCK" {
			return err
		}
		b, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(b)
		return err
	}))
	return out
}

// The id that was made for a mutation is in the result and in the error of an
// unknown outcome, from where it can be applied again and is applied once.
func TestTheIDThatWasMadeIsTold(t *testing.T) {
	o, stop := stuck(t)
	l := ledgertest.Open(t, t.TempDir(), o)
	anonymous := ledgertest.Fill("", "A", "I", position.Buy, "1", "100")
	first, err := l.Apply(t.Context(), anonymous)
	require.NoError(t, err)
	again := anonymous
	again.Ident = first.ID
	r, err := l.Apply(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, holdfast.Result{ID: first.ID, First: first.First, Last: first.Last, Duplicate: true}, r)
	named := ledgertest.Fill("named", "A", "I", position.Buy, "1", "100")
	many, err := l.ApplyBatch(t.Context(), []position.Mutation{anonymous, named})
	require.NoError(t, err)
	require.NotEmpty(t, many[0].ID)
	require.Equal(t, "named", many[1].ID)

	blocked, release := stop()
	ctx, cancel := context.WithCancel(t.Context())
	future, err := l.ApplyAsync(ctx, anonymous)
	require.NoError(t, err)
	<-blocked
	batch := make(chan error, 1)
	go func() {
		ms := []position.Mutation{anonymous, anonymous, anonymous, anonymous, anonymous}
		_, berr := l.ApplyBatch(ending(t), ms)
		batch <- berr
	}()
	var unknown *holdfast.UnknownOutcomeError
	err = <-batch
	require.ErrorAs(t, err, &unknown)
	require.Len(t, unknown.IDs, 5)
	require.ErrorContains(t, err, unknown.IDs[2]+`" and 2 more: context canceled: apply again with the same id`)
	cancel()
	_, err = future.Wait(ctx)
	release()
	require.ErrorAs(t, err, &unknown)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, unknown.IDs, 1)
	require.ErrorContains(t, err, unknown.IDs[0])
	again.Ident = unknown.IDs[0]
	r, err = l.Apply(t.Context(), again)
	require.NoError(t, err)
	require.True(t, r.Duplicate)
}

package faultos_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/faultos"
)

func watch(t *testing.T) (string, *faultos.Disk) {
	t.Helper()
	dir := t.TempDir()
	d, err := faultos.Watch(dir)
	require.NoError(t, err)
	t.Cleanup(func() { d.Release() })
	return dir, d
}

// left shows a state as "name=content" words.
func left(s faultos.State) string {
	words := make([]string, len(s))
	for i, e := range s {
		words[i] = e.Path + "=" + string(e.Bytes)
	}
	return strings.Join(words, " ")
}

func none(int) bool { return false }

func write(t *testing.T, path, text string, sync bool) {
	t.Helper()
	f, err := faultos.OpenFile(path, faultos.O_WRONLY|faultos.O_CREATE|faultos.O_APPEND, 0o600)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	if sync {
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
}

func syncDir(t *testing.T, dir string) {
	t.Helper()
	f, err := faultos.Open(dir)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
}

func TestWhatIsDurable(t *testing.T) {
	dir, d := watch(t)
	state := func(m faultos.Dirs, data faultos.Data) string {
		return left(d.Tree().State(m, none, data, nil))
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "one", true)
	require.Equal(t, "a=one", state(faultos.Ordered, faultos.Nothing), "any sync makes names durable")
	require.Empty(t, state(faultos.Strict, faultos.Nothing), "the directory was not synced")
	syncDir(t, dir)
	write(t, a, "two", false)
	require.Equal(t, "a=one", state(faultos.Strict, faultos.Nothing))
	require.Equal(t, "a=onetwo", state(faultos.Strict, faultos.All))
	require.Equal(t, "a=one\x00\x00\x00", state(faultos.Strict, faultos.Zeros))
	require.NoError(t, faultos.Rename(a, b))
	require.Equal(t, "a=one", state(faultos.Strict, faultos.Nothing))
	require.Equal(t, 1, d.Tree().Pending(faultos.Strict))
	require.Equal(t, "b=one", left(d.Tree().State(faultos.Strict, func(int) bool { return true }, faultos.Nothing, nil)))
	write(t, b, "", true)
	require.Equal(t, "b=onetwo", state(faultos.Ordered, faultos.Nothing))
	require.Equal(t, "a=onetwo", state(faultos.Strict, faultos.Nothing), "the file is durable under its old name")
	require.NoError(t, faultos.Remove(b))
	syncDir(t, dir)
	require.Empty(t, state(faultos.Strict, faultos.Nothing))

	var kinds []string
	for _, op := range d.Release().Ops {
		kinds = append(kinds, op.Kind.String())
	}
	require.Equal(t, "create write sync syncdir write rename sync unlink syncdir", strings.Join(kinds, " "))
}

func TestWhatWasSyncedSurvivesEveryModel(t *testing.T) {
	dir, d := watch(t)
	a := filepath.Join(dir, "a")
	synced := strings.Repeat("s", 5000)
	write(t, a, synced, true)
	write(t, a, strings.Repeat("n", 9000), false)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	seen := map[string]bool{}
	for _, data := range faultos.DataModels() {
		for range 50 {
			s := d.Tree().State(faultos.Ordered, none, data, r)
			require.Len(t, s, 1)
			got := string(s[0].Bytes)
			require.True(t, strings.HasPrefix(got, synced), "seed %d, %s", seed, data)
			require.LessOrEqual(t, len(got), 14000)
			seen[got] = true
		}
	}
	require.Greater(t, len(seen), 100)
}

func TestAFailedSyncIsNotMadeGood(t *testing.T) {
	for _, revert := range []bool{false, true} {
		dir, d := watch(t)
		path := filepath.Join(dir, "a")
		f, err := faultos.Create(path)
		require.NoError(t, err)
		d.Strike(faultos.Rule{Kinds: faultos.Of(faultos.OpSync), Nth: 1, Err: syscall.EIO, Revert: revert})
		_, err = f.WriteString("lost")
		require.NoError(t, err)
		err = f.Sync()
		require.ErrorIs(t, err, syscall.EIO)
		var p *fs.PathError
		require.ErrorAs(t, err, &p)
		require.Equal(t, "sync", p.Op)
		require.Empty(t, d.Broken())
		require.NoError(t, f.Sync(), "the second one finds nothing to write")
		require.Len(t, d.Broken(), 1)
		require.NoError(t, f.Close())
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, map[bool]string{false: "lost", true: ""}[revert], string(b), "what the cache shows")
		require.Equal(t, "a=", left(d.Tree().State(faultos.Ordered, none, faultos.Nothing, nil)), "what the disk has")
	}
}

func TestStrikes(t *testing.T) {
	dir, d := watch(t)
	f, err := faultos.Create(filepath.Join(dir, "a"))
	require.NoError(t, err)
	d.Strike(faultos.Rule{Kinds: faultos.Of(faultos.OpWrite), Nth: 2, Err: syscall.ENOSPC, Short: true})
	for i, want := range []int{4, 2, 4} {
		n, writeErr := f.WriteString("four")
		require.Equal(t, want, n)
		require.Equal(t, i == 1, writeErr != nil)
	}
	struck, counted := d.Struck()
	require.Equal(t, []int{1, 3}, []int{struck, counted})
	d.Strike(faultos.Rule{Kinds: faultos.Changes(), Nth: 1, Sticky: true, Err: syscall.EROFS})
	require.ErrorIs(t, faultos.Mkdir(filepath.Join(dir, "m"), 0o700), syscall.EROFS)
	require.ErrorIs(t, faultos.Rename(f.Name(), f.Name()+"x"), syscall.EROFS)
	require.ErrorIs(t, faultos.Link(f.Name(), f.Name()+"x"), syscall.EROFS)
	require.ErrorIs(t, faultos.Remove(f.Name()), syscall.EROFS)
	_, err = faultos.ReadFile(f.Name())
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestAStateIsMadeReal(t *testing.T) {
	dir, d := watch(t)
	require.NoError(t, faultos.MkdirAll(filepath.Join(dir, "x", "y"), 0o700))
	write(t, filepath.Join(dir, "x", "y", "f"), "content", true)
	require.NoError(t, faultos.Link(filepath.Join(dir, "x", "y", "f"), filepath.Join(dir, "x", "g")))
	syncDir(t, filepath.Join(dir, "x", "y"))
	s := d.Tree().State(faultos.Ordered, none, faultos.Nothing, nil)
	to := t.TempDir()
	require.NoError(t, s.Write(to))
	a, err := os.Stat(filepath.Join(to, "x", "g"))
	require.NoError(t, err)
	b, err := os.Stat(filepath.Join(to, "x", "y", "f"))
	require.NoError(t, err)
	require.True(t, os.SameFile(a, b))

	// What is there already when the watch begins counts as durable.
	again, err := faultos.Watch(to)
	require.NoError(t, err)
	defer again.Release()
	require.Equal(t, s.Hash(), again.Tree().State(faultos.Strict, none, faultos.Nothing, nil).Hash())
	require.NoError(t, faultos.RemoveAll(filepath.Join(to, "x")))
	require.Empty(t, again.Tree().State(faultos.Ordered, func(int) bool { return true }, faultos.All, nil))
}

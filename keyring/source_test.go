package keyring_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/keyring"
)

func keyFile(tb testing.TB, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys")
	require.NoError(tb, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestLoad(t *testing.T) {
	a, b := numbered(t, 1), numbered(t, 2)
	text := "# the keys of the desk\n\n  " + a.Reveal() + " \t\r\n#old\n" + b.Reveal()
	path := keyFile(t, text)
	t.Setenv("HOLDFAST_TEST_KEYS", text)
	for _, source := range []string{path, "file:" + path, "env:HOLDFAST_TEST_KEYS", "cmd:cat '" + path + "'"} {
		r, err := keyring.Load(t.Context(), source)
		require.NoError(t, err, source)
		require.Equal(t, []keyring.ID{a.ID(), b.ID()}, r.IDs(), source)
	}
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := keyring.Load(t.Context(), path)
	require.NoError(t, err)
}

func TestUnusableSource(t *testing.T) {
	good := numbered(t, 1).Reveal()
	secret := good[len(good)-20:]
	with := func(change func(path string)) string {
		path := keyFile(t, good)
		change(path)
		return path
	}
	must := func(err error) { require.NoError(t, err) }
	t.Setenv("HOLDFAST_TEST_EMPTY", "")
	t.Setenv("HOLDFAST_TEST_BAD", good[:40])
	for _, c := range []struct{ name, source, reason string }{
		{"nothing", "", "empty"},
		{"missing", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"group may read", with(func(p string) { must(os.Chmod(p, 0o640)) }), "mode is 0640"},
		{"world may read", with(func(p string) { must(os.Chmod(p, 0o644)) }), "mode is 0644"},
		{"world may write", with(func(p string) { must(os.Chmod(p, 0o602)) }), "mode is 0602"},
		{"symbolic link", with(func(p string) { must(os.Rename(p, p+"1")); must(os.Symlink(p+"1", p)) }), "symbolic link"},
		{"directory", with(func(p string) { must(os.Remove(p)); must(os.Mkdir(p, 0o700)) }), "not a regular file"},
		{"FIFO", with(func(p string) { must(os.Remove(p)); must(syscall.Mkfifo(p, 0o600)) }), "not a regular file"},
		{"device", "/dev/zero", "not a regular file"},
		{"huge", with(func(p string) { must(os.Truncate(p, 1<<40)) }), "more than 65536 bytes"},
		{"empty file", keyFile(t, ""), "holds no key"},
		{"comments only", keyFile(t, "# x\n\n"), "holds no key"},
		{"the same key twice", keyFile(t, good+"\n# x\n"+good+"\n"), "line 3: key 0ee9e4b3 is on line 1 already"},
		{"bad base64", keyFile(t, "\n"+good[:len(good)-3]+"!A="), "line 2"},
		{"space within", keyFile(t, good[:30]+" "+good[30:]), "line 1"},
		{"two on a line", keyFile(t, good+" "+good), "line 1"},
		{"byte order mark", keyFile(t, "\ufeff"+good), "line 1"},
		{"NUL", keyFile(t, good+"\x00"), "line 1"},
		{"variable not set", "env:HOLDFAST_TEST_NONE", "HOLDFAST_TEST_NONE: it is not set"},
		{"variable empty", "env:HOLDFAST_TEST_EMPTY", "not set"},
		{"variable bad", "env:HOLDFAST_TEST_BAD", "line 1"},
		{"command fails", "cmd:echo " + secret + " >&2; exit 3", "exit status 3"},
		{"command says nothing", "cmd:true", "holds no key"},
		{"command says too much", "cmd:cat /dev/zero", "more than 65536 bytes"},
		{"no command", "cmd: ", "empty"},
		{"the key itself", good, "a key itself"},
		{"the key itself, as a file", "file:" + good, "a key itself"},
		{"the key itself, in a command", "cmd:echo " + good, "a key itself"},
	} {
		_, err := keyring.Load(t.Context(), c.source)
		require.ErrorIs(t, err, keyring.ErrSource, c.name)
		require.ErrorContains(t, err, c.reason, c.name)
		require.NotContains(t, err.Error(), secret, c.name)
		require.NotContains(t, err.Error(), good[:40], c.name)
	}
	_, err := keyring.Load(t.Context(), filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestCommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.Canceled)
	_, err := keyring.Load(ctx, "cmd:sleep 1000")
	require.ErrorIs(t, err, context.Canceled)
}

// FuzzKeyFile gives the parser of key files arbitrary bytes: it gives keys or an
// error, and an error never repeats a line.
func FuzzKeyFile(f *testing.F) {
	good := numbered(f, 1).Reveal()
	for _, s := range []string{"", "#", good, good + "\n" + numbered(f, 2).Reveal(), good + "\r\n", good[:50], "\x00", strings.Repeat("\n", 99) + "x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ids, line, err := keyring.ParseFile(b)
		if err != nil {
			require.Empty(t, ids)
			require.GreaterOrEqual(t, line, 0)
			for l := range strings.Lines(string(b)) {
				if l = strings.TrimSpace(l); len(l) > 40 {
					require.NotContains(t, err.Error(), l)
				}
			}
			return
		}
		require.NotEmpty(t, ids)
		seen := make(map[keyring.ID]bool)
		for _, id := range ids {
			require.False(t, seen[id])
			seen[id] = true
		}
	})
}

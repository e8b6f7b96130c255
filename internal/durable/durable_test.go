package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/durable"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	for _, text := range []string{"one", "two", ""} {
		require.NoError(t, durable.WriteFile(path, []byte(text), 0o600))
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(b))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")
}

func TestReplaceThatFailsKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	require.NoError(t, durable.WriteFile(path, []byte("old"), 0o600))
	full := errors.New("no room")
	err := durable.Replace(path, 0o600, func(w io.Writer) error {
		_, werr := w.Write([]byte("half"))
		return errors.Join(werr, full)
	})
	require.ErrorIs(t, err, full)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(b))
	require.Error(t, durable.WriteFile(filepath.Join(dir, "no", "such"), nil, 0o600))
}

func TestReplaceNeverWritesThroughALeftOver(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "state"), filepath.Join(dir, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("mine"), 0o600))
	var temp string
	require.NoError(t, durable.Replace(path, 0o600, func(w io.Writer) error {
		f, ok := w.(*os.File)
		require.True(t, ok)
		temp = f.Name()
		return nil
	}))
	require.True(t, durable.IsTemp(filepath.Base(temp)))
	require.False(t, durable.IsTemp(filepath.Base(path)))
	require.NoError(t, os.Symlink(victim, temp))
	require.NoError(t, durable.WriteFile(path, []byte("new"), 0o600))
	b, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "mine", string(b))
}

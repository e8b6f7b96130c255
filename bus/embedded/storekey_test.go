package embedded_test

import (
	"bytes"
	stdcontext "context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus/embedded"
)

// storeKey returns a key that is the same in every run; 0 is none.
func storeKey(n byte) []byte {
	if n == 0 {
		return nil
	}
	return bytes.Repeat([]byte{n}, 32)
}

// filled starts a server and adds 5 messages to its stream, making it and a
// durable consumer when they are missing. It reports what it found, and closes.
func filled(t *testing.T, dir string, log *bytes.Buffer, key byte, old ...byte) (found uint64, consumer bool) {
	t.Helper()
	o := embedded.Options{Dir: dir, Listen: embedded.NoListen, StoreKey: storeKey(key)}
	o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, n := range old {
		o.OldStoreKeys = append(o.OldStoreKeys, storeKey(n))
	}
	s := start(t, o)
	nc, err := s.Connect(stdcontext.Background())
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	st, err := js.Stream(t.Context(), "HOLDFAST_main")
	if err != nil {
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
		st, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "HOLDFAST_main", Subjects: []string{"holdfast.evt.>"}})
		require.NoError(t, err)
	}
	info, err := st.Info(t.Context())
	require.NoError(t, err)
	found = info.State.Msgs
	_, err = st.Consumer(t.Context(), "durable")
	consumer = err == nil
	_, err = st.CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "durable", FilterSubject: "holdfast.evt.SECRET.>"})
	require.NoError(t, err)
	for i := range 5 {
		_, err = js.Publish(t.Context(), fmt.Sprintf("holdfast.evt.SECRET.%d", i), []byte("a SECRET body"))
		require.NoError(t, err)
	}
	m, err := st.GetMsg(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "a SECRET body", string(m.Data))
	require.NoError(t, s.Close())
	return found, consumer
}

// showing lists the files that hold the text.
func showing(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) || strings.Contains(path, text) {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// What nats-server does with keys was found out with 2.15.2; these tests say when
// another version does otherwise.
func TestEncryptedStore(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	found, _ := filled(t, dir, log, 0)
	require.Zero(t, found)
	require.NotEmpty(t, showing(t, dir, "SECRET"), "the test can see what is plain")

	// A plain store is encrypted in place.
	for i := range 3 {
		again, kept := filled(t, dir, log, 1)
		require.EqualValues(t, 5+5*i, again)
		require.True(t, kept)
		require.Empty(t, showing(t, dir, "SECRET"))
	}
	info, err := os.Stat(filepath.Join(dir, "store.key"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())

	// Rotation keeps messages and durable consumers, and needs the old key once.
	found, consumer := filled(t, dir, log, 2, 9, 1)
	require.EqualValues(t, 20, found)
	require.True(t, consumer)
	found, consumer = filled(t, dir, log, 2)
	require.EqualValues(t, 25, found)
	require.True(t, consumer)
	require.NotContains(t, log.String(), "level=ERROR")

	// Without a key nothing is started and nothing touched.
	_, err = embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: embedded.NoListen})
	require.ErrorIs(t, err, embedded.ErrStoreKey)
	found, _ = filled(t, dir, log, 2)
	require.EqualValues(t, 30, found)
}

// A store that no key opens is set aside whole and told of; with its key it can
// be put back.
func TestStoreOfAnotherKey(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"another key": func(string) error { return nil },
		"damaged": func(path string) error {
			b, err := os.ReadFile(path)
			if err == nil {
				b[len(b)-1] ^= 1
				err = os.WriteFile(path, b, 0o600)
			}
			return err
		},
		"cut":   func(path string) error { return os.Truncate(path, 40) },
		"empty": func(path string) error { return os.Truncate(path, 0) },
	} {
		dir, log := t.TempDir(), new(bytes.Buffer)
		filled(t, dir, log, 1)
		require.NoError(t, spoil(filepath.Join(dir, "store.key")))
		require.NotContains(t, log.String(), "level=ERROR")
		key := byte(1)
		if name == "another key" {
			key = 2
		}
		found, consumer := filled(t, dir, log, key)
		require.Zero(t, found, name)
		require.False(t, consumer, name)
		require.Contains(t, log.String(), "level=ERROR", name)
		require.Contains(t, log.String(), "jetstream.unreadable-1", name)
		aside := filepath.Join(dir, "jetstream.unreadable-1")
		require.DirExists(t, filepath.Join(aside, "jetstream"))
		if name != "another key" {
			continue
		}
		for _, part := range []string{"jetstream", "store.key"} {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, part)))
			require.NoError(t, os.Rename(filepath.Join(aside, part), filepath.Join(dir, part)))
		}
		found, consumer = filled(t, dir, log, 1)
		require.EqualValues(t, 5, found)
		require.True(t, consumer)
	}
}

func TestRekey(t *testing.T) {
	dir := t.TempDir()
	s := start(t, embedded.Options{Dir: dir, Listen: embedded.NoListen, StoreKey: storeKey(1)})
	require.ErrorContains(t, s.Rekey(storeKey(9), storeKey(2)), "not under this key")
	require.ErrorContains(t, s.Rekey(storeKey(1), storeKey(2)[:31]), "32 bytes")
	require.NoError(t, s.Rekey(storeKey(1), storeKey(2)))
	require.NoError(t, s.Close())
	require.Error(t, s.Rekey(storeKey(2), storeKey(3)))
	log := new(bytes.Buffer)
	filled(t, dir, log, 2)
	require.NotContains(t, log.String(), "level=ERROR")
	_, err := embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: embedded.NoListen, StoreKey: []byte("short")})
	require.ErrorContains(t, err, "32 bytes")
}

// A key of the wrong length is a mistake, not another key: the store stays.
func TestStoreKeyLength(t *testing.T) {
	dir, log := t.TempDir(), new(bytes.Buffer)
	filled(t, dir, log, 1)
	for _, o := range []embedded.Options{
		{StoreKey: storeKey(1)[:31]},
		{StoreKey: storeKey(1), OldStoreKeys: [][]byte{nil}},
	} {
		o.Dir, o.Ledger, o.Listen = dir, ledger, embedded.NoListen
		_, err := embedded.Start(o)
		require.ErrorContains(t, err, "32 bytes")
	}
	found, _ := filled(t, dir, log, 1)
	require.EqualValues(t, 5, found)
}

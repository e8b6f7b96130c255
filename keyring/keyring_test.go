package keyring_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/keyring"
)

// numbered returns a key that is the same in every run.
func numbered(tb testing.TB, n byte) keyring.Key {
	tb.Helper()
	b := make([]byte, keyring.KeySize)
	for i := range b {
		b[i] = n + byte(i)
	}
	k, err := keyring.Generate(bytes.NewReader(b))
	require.NoError(tb, err)
	return k
}

func TestKeyText(t *testing.T) {
	k := numbered(t, 1)
	require.Equal(t, "holdfast-key-1:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=", k.Reveal())
	require.Equal(t, "0ee9e4b3", k.ID().String(), "the id of a key is for ever")
	again, err := keyring.Parse(k.Reveal())
	require.NoError(t, err)
	require.True(t, again.Equal(k))
	require.False(t, again.Equal(numbered(t, 2)))
	require.False(t, again.Equal(keyring.Key{}))
	require.True(t, keyring.Key{}.IsZero())
	require.Empty(t, keyring.Key{}.Reveal())
	require.Equal(t, keyring.ID{}, keyring.Key{}.ID())
}

func TestNotAKey(t *testing.T) {
	good := numbered(t, 1).Reveal()
	for name, text := range map[string]string{
		"empty":           "",
		"no prefix":       strings.TrimPrefix(good, "holdfast-key-1:"),
		"later form":      strings.Replace(good, "-1:", "-2:", 1),
		"too short":       good[:len(good)-4],
		"too long":        good + "AAAA",
		"space behind":    good + " ",
		"space within":    good[:30] + " " + good[31:],
		"line end within": good[:30] + "\n" + good[31:],
		"no padding":      strings.TrimSuffix(good, "="),
		"bits behind":     good[:len(good)-2] + "B=",
		"URL alphabet":    good[:len(good)-4] + "-_A=",
		"33 bytes":        "holdfast-key-1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1, 2, 3}, 11)),
		"zeros":           "holdfast-key-1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"all the same":    "holdfast-key-1:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	} {
		_, err := keyring.Parse(text)
		require.ErrorIs(t, err, keyring.ErrKey, name)
		if len(text) > 20 {
			require.NotContains(t, err.Error(), text[18:], name)
		}
	}
	_, err := keyring.Generate(bytes.NewReader(make([]byte, 31)))
	require.Error(t, err)
}

// However a key or a ring is shown, its bytes are not: not plainly, not in
// hexadecimal, not as a list of numbers.
func TestKeyIsNeverShown(t *testing.T) {
	k := numbered(t, 0xb0)
	ring := keyring.New(k, numbered(t, 3))
	text := strings.TrimPrefix(k.Reveal(), "holdfast-key-1:")
	raw, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	type holder struct {
		Key    keyring.Key
		hidden keyring.Key
		Ring   *keyring.Ring
		inner  *keyring.Ring
		any    any
	}
	values := []any{
		k, &k,
		[]keyring.Key{k},
		map[string]keyring.Key{"k": k},
		ring,
		holder{Key: k, hidden: k, Ring: ring, inner: ring, any: k},
		&holder{Key: k, hidden: k, Ring: ring, inner: ring, any: &k},
		fmt.Errorf("wrapped: %v", k),
		struct{ keyring.Key }{k},
		[1]struct{ k keyring.Key }{{k}},
	}
	var shown []string
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%q", "%d", "%o", "%b", "%c", "%U", "%p", "%t", "% x", "%#x"} {
			shown = append(shown, fmt.Sprintf(verb, v))
		}
		if b, jsonErr := json.Marshal(v); jsonErr == nil {
			shown = append(shown, string(b))
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		shown = append(shown, out.String())
	}
	for _, s := range shown {
		require.NotContains(t, s, text[:12])
		require.NotContains(t, strings.ToLower(strings.ReplaceAll(s, " ", "")), hex.EncodeToString(raw[:6]))
		require.NotContains(t, s, fmt.Sprintf("%d %d %d %d", raw[0], raw[1], raw[2], raw[3]))
		require.NotContains(t, s, fmt.Sprintf("0x%x, 0x%x", raw[0], raw[1]))
		require.NotContains(t, s, string(raw[:6]))
	}
	require.Equal(t, "key "+k.ID().String(), fmt.Sprintf("%#v", k))
	require.Equal(t, "keys "+k.ID().String()+" "+numbered(t, 3).ID().String(), fmt.Sprint(ring))
	b, err := json.Marshal(map[string]any{"k": k, "id": k.ID()})
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"k":"key %[1]s","id":"%[1]s"}`, k.ID()), string(b))
}

func TestRing(t *testing.T) {
	a, b, c := numbered(t, 1), numbered(t, 2), numbered(t, 3)
	r := keyring.New(a, b, a)
	require.Equal(t, a.ID(), r.Current())
	require.Equal(t, []keyring.ID{a.ID(), b.ID()}, r.IDs())
	salt := []byte("salt")
	one, err := r.Derive(a.ID(), "journal", salt, 32)
	require.NoError(t, err)
	require.Equal(t, "cc6671ccc039917c", hex.EncodeToString(one[:8]), "what is derived is for ever")
	for name, other := range map[string]func() ([]byte, error){
		"key":     func() ([]byte, error) { return r.Derive(b.ID(), "journal", salt, 32) },
		"purpose": func() ([]byte, error) { return r.Derive(a.ID(), "snapshot", salt, 32) },
		"salt":    func() ([]byte, error) { return r.Derive(a.ID(), "journal", []byte("sals"), 32) },
	} {
		two, derr := other()
		require.NoError(t, derr, name)
		require.NotEqual(t, one, two, name)
	}
	_, err = r.Derive(c.ID(), "journal", salt, 32)
	require.ErrorIs(t, err, keyring.ErrNoKey)
	var no *keyring.NoKeyError
	require.ErrorAs(t, err, &no)
	require.Equal(t, c.ID(), no.ID)
	require.Contains(t, err.Error(), c.ID().String())
	require.Contains(t, err.Error(), a.ID().String())

	require.NoError(t, r.Rotate(c))
	require.Equal(t, []keyring.ID{c.ID(), a.ID(), b.ID()}, r.IDs())
	require.NoError(t, r.Rotate(b))
	require.Equal(t, []keyring.ID{b.ID(), c.ID(), a.ID()}, r.IDs())
	require.NoError(t, r.Has(a.ID()))
	require.ErrorIs(t, r.Rotate(keyring.Key{}), keyring.ErrKey)
	require.Equal(t, b.ID(), r.Current())
	_, err = r.Derive(a.ID(), "x", nil, 1<<20)
	require.Error(t, err)
	require.Panics(t, func() { keyring.New(keyring.Key{}) })
}

func TestAdopt(t *testing.T) {
	a, b, c := numbered(t, 1), numbered(t, 2), numbered(t, 3)
	r := keyring.New(a)
	rotated, err := r.Adopt(keyring.New(a, b))
	require.NoError(t, err)
	require.False(t, rotated)
	require.Equal(t, []keyring.ID{a.ID(), b.ID()}, r.IDs())
	rotated, err = r.Adopt(keyring.New(c))
	require.NoError(t, err)
	require.True(t, rotated)
	require.Equal(t, []keyring.ID{c.ID(), a.ID(), b.ID()}, r.IDs(), "no key is dropped")
}

func TestNilRing(t *testing.T) {
	var r *keyring.Ring
	require.Equal(t, keyring.ID{}, r.Current())
	require.Empty(t, r.IDs())
	require.ErrorIs(t, r.Has(numbered(t, 1).ID()), keyring.ErrNoKey)
	_, err := r.Derive(numbered(t, 1).ID(), "x", nil, 32)
	require.ErrorContains(t, err, "no key was given")
	require.Equal(t, "no keys", fmt.Sprint(r))
}

// Whoever derives while others rotate gets a key that the ring has had, and what
// was once readable stays so.
func TestRotationUnderRace(t *testing.T) {
	first := numbered(t, 1)
	r := keyring.New(first)
	var writers, readers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 50 {
				k, err := keyring.Generate(rand.Reader)
				if err == nil {
					err = r.Rotate(k)
				}
				if err != nil || r.Has(k.ID()) != nil {
					t.Error("not there after the rotation", err)
				}
			}
		})
	}
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				if _, err := r.Derive(r.Current(), "journal", nil, 32); err != nil {
					t.Error(err)
					return
				}
				if err := r.Has(first.ID()); err != nil {
					t.Error(err)
					return
				}
				_ = fmt.Sprint(r)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	require.Len(t, r.IDs(), 201)
}

package holdfast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

// FuzzIdentity: ledger.json is what its content is written as, or refused by a
// named error, and no content makes reading it panic later.
func FuzzIdentity(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir, quiet())
	require.NoError(f, l.Close())
	good, err := os.ReadFile(filepath.Join(dir, "ledger.json"))
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(append(slices.Clone(good), ' '))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, holdfast.TryResum(b)} { // past the checksum as well
			id, err := holdfast.ParseIdentity(text)
			if err != nil {
				if !errors.Is(err, holdfast.ErrDamaged) && !errors.Is(err, holdfast.ErrNotLedger) {
					t.Fatalf("unexpected error %v", err)
				}
				continue
			}
			again, err := json.MarshalIndent(id, "", "  ")
			require.NoError(t, err)
			require.Equal(t, string(text), string(again)+"\n")
			_ = id.Rules()
		}
	})
}

// FuzzSnapshot puts any bytes behind a good header and good checksums, as a
// writer with a bug would. It is loaded only if it gives the digest that the
// header names, and never panics.
func FuzzSnapshot(f *testing.F) {
	o := quiet()
	o.Rand = rand.NewChaCha8([32]byte{5}) // every worker makes the same
	l := open(f, f.TempDir(), o)
	applyAll(f, l, randomFills(5, 12))
	s, err := l.Snapshot(f.Context())
	require.NoError(f, err)
	body := holdfast.SnapshotBody(f, l.Reader, s.Name)
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add(append(slices.Clone(body), 0))
	f.Add([]byte{})
	forge := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		err := holdfast.LoadForged(t, forge, l.Reader, s, b)
		if bytes.Equal(b, body) {
			require.NoError(t, err)
		}
	})
}

// FuzzRequest sends any body to any endpoint of the request API of a live
// ledger: an answer is JSON, a refusal has a code, and no refusal changes
// anything.
func FuzzRequest(f *testing.F) {
	dir := f.TempDir()
	l := open(f, dir, quiet())
	ms := randomFills(6, 30)
	applyAll(f, l, ms)
	var bodies [][]byte
	for _, m := range ms[:3] {
		b, err := position.MarshalMutation(m)
		require.NoError(f, err)
		bodies = append(bodies, b, slices.Concat([]byte("["), b, []byte("]")))
	}
	for _, text := range []string{
		"", "{}", "[]", "null", `{"account":"A0"}`, `{"account":"A0","instrument":"I1"}`, `{"at":"3"}`, `{"at":"2026-01-02T03:04:05Z","all":true}`,
		`{"event":"2023-11-14T22:13:20Z"}`, `{"from":"5","limit":3,"records":true}`, `{"by":"instrument","in":"EUR","rates":{"USD":"0.9"}}`,
		`{"deep":true}`, `{"lots":1}`, `{"account":"A0","account":"A1"}`, `{"limit":-1}`, `{"limit":1e99}`,
	} {
		bodies = append(bodies, []byte(text))
	}
	names := holdfast.EndpointNames()
	for i := range names {
		for _, b := range bodies {
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		name := names[int(which)%len(names)]
		before := l.View().Seq()
		reply, err := l.Ask(context.Background(), name, body)
		if err != nil {
			var coded *bus.Error
			if !errors.As(err, &coded) || len(coded.Code) != 3 || coded.Code == "500" || len(coded.Text) > 4096 {
				t.Fatalf("%s: unexpected error %v", name, err)
			}
			require.Equal(t, before, l.View().Seq())
			return
		}
		require.True(t, json.Valid(reply), "%s: %q", name, reply)
	})
}

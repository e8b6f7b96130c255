package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/service"
)

// FuzzRequest sends any body to any endpoint of the request API of a live
// ledger: an answer is JSON, a refusal has a code, and no refusal changes
// anything.
func FuzzRequest(f *testing.F) {
	dir := f.TempDir()
	l := ledgertest.Open(f, dir, ledgertest.Quiet())
	api := service.New(l)
	ms := ledgertest.RandomFills(6, 30)
	ledgertest.ApplyAll(f, l, ms)
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
	names := service.EndpointNames()
	for i := range names {
		for _, b := range bodies {
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		name := names[int(which)%len(names)]
		before := l.View().Seq()
		reply, err := api.Ask(context.Background(), name, body)
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

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examples are the lines of README.md that are mutations.
func examples(t *testing.T) (lines []string) {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, `{"type":`) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	require.Greater(t, len(lines), 10)
	return lines
}

// ranIngest runs ingest in this process and returns what it prints.
func ranIngest(t *testing.T, dir string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"ingest", "-q", "--dir", dir}, args...), strings.NewReader(""), &out, &errs)
	return fmt.Sprintf("%d\n%s%s", code, out.String(), errs.String())
}

// TestDryRunSaysWhatTheRunSays applies the examples of README.md, as they stand and
// in other orders, with repeats and broken lines, first dry: exit code, counts and
// every word are those of the run.
func TestDryRunSaysWhatTheRunSays(t *testing.T) {
	lines := examples(t)
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range 12 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			dir, file := filepath.Join(t.TempDir(), "ledger"), filepath.Join(t.TempDir(), "lines.ndjson")
			use := append([]string(nil), lines...)
			switch i {
			case 0:
				use = use[:4] // the trades of the tour
			case 1:
				use = use[4:] // what goes in
			default:
				for range r.IntN(20) {
					from, to := r.IntN(len(use)), r.IntN(len(use))
					use[from], use[to] = use[to], use[from]
					use = append(use, use[r.IntN(len(use))], strings.Replace(use[from], `"qty":"`, `"qty":"1`, 1))
				}
			}
			for part, n := 0, 1+i%2; part < n; part++ { // on a new directory, and on what that has made
				half := use[part*len(use)/n : (part+1)*len(use)/n]
				require.NoError(t, os.WriteFile(file, []byte(strings.Join(half, "\n")+"\n"), 0o600))
				args := []string{"--cost-method", []string{"fifo", "average"}[i/2%2], "--skip-invalid", file}
				dry := ranIngest(t, dir, append([]string{"--dry-run"}, args...)...)
				if part == 0 {
					require.NoDirExists(t, dir)
				}
				require.Equal(t, ranIngest(t, dir, args...), dry)
				if i < 2 {
					require.Contains(t, dry, " 0 rejected")
				}
			}
		})
	}
}

package planted_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// bug is a change that must not survive.
type bug struct {
	name  string
	edits []edit
	by    []suite // what must notice it
}

// edit replaces text that stands in a file exactly once.
type edit struct{ file, old, new string }

// suite is some tests of one package.
type suite struct{ pkg, run string }

func in(file, old, with string) []edit { return []edit{{file, old, with}} }

func by(pkg, run string) []suite { return []suite{{pkg, run}} }

// caught is a test that failed, and after how many seconds.
type caught struct {
	test    string
	seconds float64
}

const root = "../.."

func all() []bug {
	return slices.Concat(disk(), evidence(), lifecycle(), snapshots(), ledger(), images(), encryption(), feeds())
}

// planted returns the files that a bug changes, with the bug in them.
func planted(b bug) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, e := range b.edits {
		text, ok := out[e.file]
		if !ok {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, err
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%s: %q stands in %s %d times, not once", b.name, e.old, e.file, n)
		}
		out[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return out, nil
}

// fewest is how many bugs the table has at least. It goes up with the table and
// never down: a bug whose code moved is planted where the code went.
const fewest = 176

// The table may not rot.
func TestEveryBugCanBePlanted(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range all() {
		require.False(t, seen[b.name], "%s stands in the table twice", b.name)
		seen[b.name] = true
		require.NotEmpty(t, b.by, b.name)
		for _, s := range b.by {
			requireTests(t, b.name, s)
		}
		if _, err := planted(b); err != nil {
			t.Error(err)
		}
	}
	require.GreaterOrEqual(t, len(seen), fewest, "a bug left the table: plant it anew in what took its place")
	t.Logf("%d bugs", len(seen))
}

// requireTests makes sure that each alternative of a suite's pattern is a test of its
// package, so that one that was renamed or moved does not drop out in silence.
func requireTests(t *testing.T, bug string, s suite) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, s.pkg, "*_test.go"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w*)\(`).FindAllSubmatch(text, -1) {
			names = append(names, string(found[1]))
		}
	}
	for one := range strings.SplitSeq(s.run, "|") {
		one, _, _ = strings.Cut(one, "/") // what follows is a subtest
		require.True(t, slices.ContainsFunc(names, regexp.MustCompile(one).MatchString), "%s: %s has no test %s", bug, s.pkg, one)
	}
}

// overlay writes what the go command needs to see a bug instead of the source.
func overlay(t *testing.T, b bug) string {
	t.Helper()
	files, err := planted(b)
	require.NoError(t, err)
	dir, replace := t.TempDir(), map[string]string{}
	for name, text := range files {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		require.NoError(t, os.WriteFile(to, text, 0o600))
		from, absErr := filepath.Abs(filepath.Join(root, name))
		require.NoError(t, absErr)
		replace[from] = to
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	path := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// event is a line of `go test -json`.
type event struct {
	Action, Test, FailedBuild string
	Elapsed                   float64
}

// run runs a suite and returns the test that failed first, of those the deepest;
// nil when all passed.
func run(t *testing.T, s suite, more ...string) *caught {
	t.Helper()
	args := slices.Concat([]string{"test", "-json", "-count=1", "-failfast", "-vet=off", "-timeout=10m", "-run", s.run}, more, []string{s.pkg})
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	out, err := cmd.Output() // an error is told by the events, or by there being none
	var found *caught
	passed, failed := 0, false
	for line := range bytes.Lines(out) {
		var e event
		require.NoError(t, json.Unmarshal(line, &e), "%s", line)
		require.Empty(t, e.FailedBuild, "it does not compile:\n%s", out)
		switch {
		case e.Action == "pass" && e.Test != "":
			passed++
		case e.Action == "fail" && e.Test != "" && (found == nil || strings.HasPrefix(found.test, e.Test+"/")):
			if found == nil {
				found = &caught{test: e.Test}
			}
			found.seconds = e.Elapsed
		case e.Action == "fail":
			failed = true
		}
	}
	require.True(t, failed || err == nil, "%v\n%s", err, out)
	require.True(t, passed > 0 || found != nil, "no test of %s matches %s, or all were skipped", s.pkg, s.run)
	require.Equal(t, failed, found != nil, "%s failed outside of its tests:\n%s", s.pkg, out)
	return found
}

// TestPlanted is the self-test.
func TestPlanted(t *testing.T) {
	if os.Getenv("HOLDFAST_PLANTED") == "" {
		t.Skip("HOLDFAST_PLANTED is not set: make selftest")
	}
	var (
		mu    sync.Mutex
		table = map[string]string{}
	)
	t.Run("without", func(t *testing.T) { // the tests must pass without a bug
		runs := map[string][]string{}
		for _, b := range all() {
			for _, s := range b.by {
				if !slices.Contains(runs[s.pkg], s.run) {
					runs[s.pkg] = append(runs[s.pkg], s.run)
				}
			}
		}
		for pkg, patterns := range runs {
			t.Run(pkg, func(t *testing.T) {
				t.Parallel()
				require.Nil(t, run(t, suite{pkg, strings.Join(patterns, "|")}))
			})
		}
	})
	t.Run("with", func(t *testing.T) {
		for _, b := range all() {
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				with := overlay(t, b)
				for _, s := range b.by {
					c := run(t, s, "-overlay", with)
					require.NotNil(t, c, "the bug survives %s of %s", s.run, s.pkg)
					t.Logf("caught by %s of %s in %.2f s", c.test, s.pkg, c.seconds)
					mu.Lock()
					table[b.name] += fmt.Sprintf("| %s | %s | %s | %.2f s |\n", b.name, s.pkg, c.test, c.seconds)
					mu.Unlock()
				}
			})
		}
	})
	var text strings.Builder
	for _, b := range all() {
		text.WriteString(table[b.name])
	}
	t.Logf("%d bugs planted, %d caught\n| bug | package | caught by | after |\n|---|---|---|---|\n%s", len(all()), len(table), text.String())
}

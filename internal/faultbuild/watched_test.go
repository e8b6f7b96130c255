package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// beside are the packages that import os and are no part of a ledger: what they
// do to files can lose no record. Whoever adds one says why here.
func beside() map[string]string {
	return map[string]string{
		"bus/embedded":                 "the NATS server's store is derived from the journal",
		"cmd/holdfast":                 "reads what people hand in, writes exports and keys",
		"cmd/holdfast/bench":           "asks the system how much memory it takes",
		"cmd/holdfast/daemon":          "counts the segments for its metrics",
		"cmd/holdfast/render":          "writes to the terminal",
		"cmd/holdfast/ingest":          "reads what people hand in",
		"internal/faultbuild":          "the go command's overlay",
		"internal/faultos":             "what stands in for os itself",
		"internal/ledgertest":          "tests only",
		"internal/market":              "writes the files of testdata",
		"internal/notices":             "writes a file of this repository",
		"internal/scratch":             "tests only",
		"internal/systrace":            "tests only",
		"internal/yardstick":           "benchmarks only",
		"journal/internal/journaltest": "tests only",
	}
}

// A package that touches files is watched by the fault build, or stands in the
// list with its reason.
func TestWhatTouchesFilesIsWatched(t *testing.T) {
	dirs, err := watched()
	require.NoError(t, err)
	out, err := exec.Command("go", "list", "-tags=fault", "-f", `{{.Dir}} {{.ImportPath}} {{join .Imports ","}}`, modulePath+"/...").Output()
	require.NoError(t, err)
	reasons := beside()
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		name := strings.TrimPrefix(f[1], modulePath+"/")
		if slices.Contains(dirs, f[0]) {
			t.Log("watched:", name)
		}
		if len(f) < 3 || !touchesFiles(strings.Split(f[2], ",")) {
			continue
		}
		_, exempt := reasons[name]
		delete(reasons, name)
		require.NotEqual(t, exempt, slices.Contains(dirs, f[0]),
			"%s imports os: the fault build must watch it, or the list beside() says why not; not both", name)
	}
	require.Empty(t, reasons, "these import os no longer, or are gone")
}

// touchesFiles reports that a package can reach the file system by os. Those
// that use golang.org/x/sys beside it open by os first.
func touchesFiles(imports []string) bool {
	return slices.Contains(imports, "os") || slices.Contains(imports, "io/ioutil") || slices.Contains(imports, "syscall")
}

// Of the packages that are watched these are the ones that matter most.
func TestTheJournalIsWatched(t *testing.T) {
	root, err := moduleDir(modulePath)
	require.NoError(t, err)
	dirs, err := watched()
	require.NoError(t, err)
	for _, name := range []string{
		"", "/archive", "/audit", "/repair", "/journal", "/journal/internal/segment", "/journal/repair", "/snapshotter", "/keyring", "/internal/durable",
	} {
		require.Contains(t, dirs, root+name)
	}
}

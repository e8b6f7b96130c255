package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples in the documents are run as they stand: a block "```ndjson FILE"
// (or csv, or map) is a file, a block "```console" holds commands and what they print. Each
// heading begins in an empty directory. HOLDFAST_DOCS=rewrite writes what the
// commands print into the documents; look at the difference before it is kept.
func TestDocumentedExamples(t *testing.T) {
	for _, name := range []string{"docs/position-model.md", "docs/csv.md", "README.md"} {
		t.Run(name, func(t *testing.T) {
			path, err := filepath.Abs(filepath.Join("..", "..", name))
			require.NoError(t, err)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			got := played(t, string(b))
			if os.Getenv("HOLDFAST_DOCS") == "rewrite" {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(b), got, "HOLDFAST_DOCS=rewrite writes the right-hand side")
		})
	}
}

// played returns a document with the output of its commands.
func played(t *testing.T, doc string) string {
	t.Helper()
	var out strings.Builder
	block, file := "", ""
	var body []string
	for line := range strings.Lines(doc) {
		text := strings.TrimSuffix(line, "\n")
		switch {
		case block == "" && strings.HasPrefix(text, "#"):
			t.Chdir(t.TempDir())
		case block == "" && strings.HasPrefix(text, "```"):
			block, file, _ = strings.Cut(strings.TrimPrefix(text, "```"), " ")
			if block == "" {
				block = "plain"
			}
			body = nil
		case text == "```":
			out.WriteString(ended(t, block, file, body))
			block = ""
		case block != "":
			body = append(body, text)
			continue
		}
		out.WriteString(line)
	}
	require.Empty(t, block, "a block has no end")
	return out.String()
}

// ended returns what belongs into a block.
func ended(t *testing.T, block, file string, body []string) string {
	t.Helper()
	text := strings.Join(append(body, ""), "\n")
	switch {
	case slices.Contains([]string{"ndjson", "csv", "map"}, block) && file != "":
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	case block == "console":
		var b strings.Builder
		for _, line := range body {
			command, ok := strings.CutPrefix(line, "$ holdfast ")
			if !ok {
				continue // the output of last time
			}
			b.WriteString(line + "\n")
			var printed bytes.Buffer
			run(t.Context(), strings.Fields(command), strings.NewReader(""), &printed, &printed)
			b.Write(printed.Bytes())
		}
		return b.String()
	}
	return text
}

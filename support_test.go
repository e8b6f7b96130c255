package holdfast_test

import (
	"context"
	"strings"
)

// testContext is for what outlives no test: a child process.
func testContext() context.Context { return context.Background() }

func linesWith(text, prefix string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

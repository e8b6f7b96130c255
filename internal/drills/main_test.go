package drills_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
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

func TestMain(m *testing.M) {
	if _, faulty := os.LookupEnv(faultEnv); faulty {
		os.Exit(faultChild())
	}
	if os.Getenv(splitEnv) != "" {
		os.Exit(splitChild())
	}
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	if os.Getenv(linearEnv) != "" {
		os.Exit(linearChild())
	}
	if os.Getenv(natsEnv) != "" {
		os.Exit(natsChild())
	}
	goleak.VerifyTestMain(m)
}

func digestText(d [32]byte) string { return fmt.Sprintf("%x", d) }

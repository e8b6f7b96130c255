package relay_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs a child instead of the tests where the environment names one.
func TestMain(m *testing.M) {
	if os.Getenv(natsEnv) != "" {
		os.Exit(natsChild())
	}
	goleak.VerifyTestMain(m)
}

package faults_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs a child instead of the tests where the environment names one.
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
	goleak.VerifyTestMain(m)
}

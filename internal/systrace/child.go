package systrace

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Child runs one test of the running test binary again, as a child with variable
// ("NAME=value") in its environment, and returns what it did to below and to what
// is below it. That test does its work only where the variable is set. Where
// tracing is not possible the caller is skipped with the reason.
func Child(tb testing.TB, test, variable, below string) []Op {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ops, err := Run([]string{exe, "-test.run=^" + test + "$", "-test.count=1"}, own(variable), below)
	if errors.Is(err, ErrUnavailable) {
		tb.Skip(err)
	}
	if err != nil {
		var said strings.Builder
		for i := range ops {
			if ops[i].Path == os.DevNull {
				said.Write(ops[i].Data)
			}
		}
		tb.Fatalf("%s with %s: %v\n%s", test, variable, err, &said)
	}
	return ops
}

// own returns the environment of this process with one variable more, and without
// what makes the coverage tool write at the end.
func own(variable string) []string {
	env := make([]string, 0, len(os.Environ())+1)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GOCOVERDIR=") {
			env = append(env, v)
		}
	}
	return append(env, variable)
}

// Said returns what a child says by this operation, without the end of the line:
// what it writes to its standard output at once.
func (op *Op) Said() string {
	if op.Call != Write || op.Path != os.DevNull {
		return ""
	}
	return strings.TrimSuffix(string(op.Data), "\n")
}

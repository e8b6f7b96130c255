// Command holdfast keeps the positions of a trading engine: a daemon that serves
// a ledger, and the tools that fill, read, verify and back one up.
//
// Flags, environment and signals are read here and nowhere else. Results go to
// standard output, logs and progress to standard error. The exit code is 0 when
// all is well, 1 for an error or what a signal has cut short, 2 for a mistake in
// the command line or in a key, certificate or mapping that it names, 3 when damage
// was found or the directory was moved away, 5 when another process holds the ledger.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(mainCode())
}

func mainCode() int {
	ctx, signals := listen(context.Background(), os.Stderr)
	a := newApp(os.Stdin, os.Stdout, os.Stderr)
	a.signals = signals
	return a.execute(ctx, os.Args[1:])
}

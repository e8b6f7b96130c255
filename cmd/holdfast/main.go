// Command holdfast keeps the positions of a trading engine: a daemon that serves
// a ledger, and the tools that fill, read, verify and back one up.
//
// Flags and environment are read here and nowhere else. Results go to standard
// output, logs and progress to standard error. The exit code is 0 when all is
// well, 1 for an error, 2 for a mistake in the command line, 3 when damage was
// found, 5 when another process holds the ledger.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(mainCode())
}

func mainCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end; once it was seen, the second one
	// ends the process as if it were not handled.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

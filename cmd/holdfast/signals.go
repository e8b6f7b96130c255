package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

// The meaning of signals.
//
// SIGINT and SIGTERM ask for an orderly end. A second one that comes when the
// end has had a moment is insisted on: the process ends at once, by that signal.
//
// SIGHUP asks a daemon to read again what can be read again, and never ends it.
// It asks every other verb for an orderly end, unless the process was started to
// outlive its terminal (nohup).
//
// SIGPIPE never ends a daemon, whose log and output may lose their reader. It
// ends every other verb silently when standard output or error has none, which
// is what the runtime does by itself.

// twin is how long a second signal counts as the first one, sent twice: timeout(1)
// signals its child and then the group, and a wrapper passes on what the terminal
// has sent to the child already.
const twin = 500 * time.Millisecond

// signals are those that the process is sent.
type signals struct {
	ends   chan os.Signal // ask for an end
	hangup chan os.Signal // SIGHUP, held until the verb says what it means
	nohup  bool           // SIGHUP was ignored when the process began
}

// interruption is the cause of a context that a signal has ended. It matches
// [context.Canceled].
type interruption struct{ signal os.Signal }

func (e *interruption) Error() string { return "interrupted by " + signalName(e.signal) }

// Is reports whether target is [context.Canceled].
func (e *interruption) Is(target error) bool { return target == context.Canceled }

// signalName is the name that kill(1) takes.
func signalName(s os.Signal) string {
	if n, ok := s.(syscall.Signal); ok {
		return unix.SignalName(n)
	}
	return s.String()
}

// listen takes the signals of this process, from the start on. The context ends
// with the first one that asks for an end; stderr is told of the second.
func listen(parent context.Context, stderr io.Writer) (context.Context, *signals) {
	s := &signals{ends: make(chan os.Signal, 4), hangup: make(chan os.Signal, 1), nohup: signal.Ignored(syscall.SIGHUP)}
	ctx, cancel := context.WithCancelCause(parent)
	signal.Notify(s.ends, os.Interrupt, syscall.SIGTERM)
	signal.Notify(s.hangup, syscall.SIGHUP)
	go func() { // lives as long as the process
		cancel(&interruption{<-s.ends})
		for began := time.Now(); ; {
			if sig := <-s.ends; time.Since(began) >= twin {
				endNow(sig, stderr)
			}
		}
	}()
	return ctx, s
}

// endNow ends the process by a signal, as if it had never been handled.
func endNow(sig os.Signal, stderr io.Writer) {
	signal.Reset(sig) // first: the line below may wait for who reads it
	_, _ = fmt.Fprintf(stderr, "holdfast: %s again: ended at once, in the middle of what it did; the next opening repairs what that can leave\n", signalName(sig))
	n, ok := sig.(syscall.Signal)
	if ok {
		_ = syscall.Kill(os.Getpid(), n)
		time.Sleep(time.Second)
	}
	os.Exit(128 + int(n)) // it was ignored when the process began
}

// endsOnHangup makes SIGHUP one that asks for an end, as it is for everything
// that is no daemon.
func (s *signals) endsOnHangup() {
	if s.nohup {
		signal.Ignore(syscall.SIGHUP)
		return
	}
	signal.Notify(s.ends, syscall.SIGHUP)
	signal.Stop(s.hangup)
	select {
	case sig := <-s.hangup:
		s.ends <- sig
	default:
	}
}

// asDaemon returns what SIGHUP arrives on, and keeps SIGPIPE from ending the
// process: a write to a pipe without a reader is an error like others then.
func (s *signals) asDaemon() <-chan os.Signal {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // nobody has to receive it
	return s.hangup
}

// interrupted is what to say of a verb that a signal has ended: the signal, and
// how far the verb came.
func (a *app) interrupted(ctx context.Context) (text string, ok bool) {
	cause, ok := context.Cause(ctx).(*interruption) //nolint:errorlint // it is never wrapped
	if !ok {
		return "", false
	}
	switch {
	case a.reached != "":
		return cause.Error() + ": " + a.reached, true
	case a.printed != nil:
		return cause.Error() + ": " + render.Counted(a.printed(), "row") + " printed", true
	}
	return cause.Error(), true
}

// await returns what do does, or the end of ctx when that comes first: opening
// and reading a pipe wait for its other end, for ever if need be. The goroutine that
// is left behind then ends with the process.
func await[T any](ctx context.Context, do func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		v, err := do()
		done <- outcome{v, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// cutShort reports whether err is the end of ctx and nothing else.
func cutShort(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

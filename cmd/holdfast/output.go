package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

// notef writes one line for people to standard error, unless --quiet.
func (a *app) notef(format string, args ...any) {
	if !a.quiet {
		_, _ = fmt.Fprintf(a.stderr, format+"\n", args...) // nobody is left to tell
	}
}

// printJSON prints one value.
func (a *app) printJSON(v any) error { return render.WriteJSON(a.stdout, a.output, v) }

// sheetOf begins a sheet on standard output, in the form that -o asks for.
func sheetOf[R any](a *app, tableColumns, fileColumns []render.Column[R]) *render.Sheet[R] {
	s := render.NewSheet(a.output, a.stdout, tableColumns, fileColumns)
	a.printed = s.Rows
	return s
}

// progress shows how far a long verb is, and notes how far it came.
type progress struct {
	shown   *render.Progress
	reached func()
}

// startProgress shows what look returns on standard error until stop is called.
func (a *app) startProgress(what string, look func() (done, total int64, line string)) *progress {
	out := a.stderr
	if a.quiet {
		out = nil
	}
	return &progress{shown: render.StartProgress(out, what, look), reached: func() {
		_, _, line := look()
		a.reached = what + ": " + line
	}}
}

// stop ends the display and waits until it is gone. It may be called twice.
func (p *progress) stop() {
	p.shown.Stop()
	p.reached()
}

// serialized is a writer for goroutines that share what stands behind it.
type serialized struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s serialized) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// oneAtATime lets several goroutines of a verb write. Files take that as they are;
// anything else is given one lock for both, which may be one and the same.
func oneAtATime(stdout, stderr io.Writer) (out, errs io.Writer) {
	var mu sync.Mutex
	guard := func(w io.Writer) io.Writer {
		if _, file := w.(*os.File); file || w == nil {
			return w
		}
		return serialized{&mu, w}
	}
	return guard(stdout), guard(stderr)
}

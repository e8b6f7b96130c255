package render

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// How often a bar is drawn, and a line is printed where there is no terminal.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// Progress shows how far long work is.
type Progress struct{ quit, gone chan struct{} }

// StartProgress shows on out what look returns until stop is called: how much is
// done of how much (0 when that is not known), and a line about it. Without out
// it shows nothing.
func StartProgress(out io.Writer, what string, look func() (done, total int64, line string)) *Progress {
	p := &Progress{quit: make(chan struct{}), gone: make(chan struct{})}
	switch {
	case out == nil:
		close(p.gone)
	case isTerminal(out):
		go p.bar(out, what, look)
	default:
		go p.lines(out, what, look)
	}
	return p
}

// Stop ends the display and waits until it is gone. It may be called twice.
func (p *Progress) Stop() {
	select {
	case <-p.quit:
	default:
		close(p.quit)
	}
	<-p.gone
}

func (p *Progress) bar(w io.Writer, what string, look func() (int64, int64, string)) {
	defer close(p.gone)
	bar := progressbar.NewOptions64(
		-1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(barEvery), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetRenderBlankState(false), progressbar.OptionSpinnerType(14),
	)
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			done, total, line := look()
			if total > 0 && bar.GetMax64() != total {
				bar.ChangeMax64(total)
			}
			_ = bar.Set64(min(done, max(total-1, 0))) // the full bar is cleared by stop; a display has no say
			bar.Describe(what + ": " + line)          // draws, which the line above may put off
		case <-p.quit:
			_ = bar.Finish() // clears the line
			return
		}
	}
}

func (p *Progress) lines(out io.Writer, what string, look func() (int64, int64, string)) {
	defer close(p.gone)
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			done, total, line := look()
			if total > 0 {
				line = fmt.Sprintf("%d%%, %s", done*100/total, line)
			}
			_, _ = fmt.Fprintf(out, "%s: %s\n", what, line) // a display has no say
		case <-p.quit:
			return
		}
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// The exit codes; scripts rely on them.
const (
	exitOK     = 0
	exitError  = 1
	exitUsage  = 2
	exitDamage = 3
	exitInUse  = 5
)

// errFindings ends verify when it found damage; the report says which.
var errFindings = errors.New("damage found")

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// exitCode says what an error means to a script.
func (a *app) exitCode(err error) int {
	var usage *usageError
	switch {
	case errors.As(err, &usage) || !a.running:
		return exitUsage
	case errors.Is(err, keyring.ErrSource) && !strings.HasPrefix(a.keySource, "cmd:"):
		return exitUsage // a file or a variable; what a command cannot do now it may later
	case errors.Is(err, holdfast.ErrInUse) || errors.Is(err, embedded.ErrInUse):
		return exitInUse
	case isDamage(err) || errors.Is(err, holdfast.ErrMoved):
		return exitDamage
	}
	return exitError
}

func isDamage(err error) bool {
	for _, target := range []error{
		errFindings, holdfast.ErrDamaged, holdfast.ErrRefused, snapshotter.ErrDamaged,
		projector.ErrMismatch, projector.ErrRecord, projector.ErrBody,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// complain prints an error and what to do next.
func (a *app) complain(ctx context.Context, cmd *cobra.Command, err error, code int) {
	text := "holdfast: " + redact(inWords(err))
	cut, interrupted := a.interrupted(ctx)
	var held *journal.InUseError
	switch {
	case errors.As(err, &held):
		text = a.inUse(cmd, held)
	case code == exitUsage:
		text += fmt.Sprintf("\nRun '%s --help' for usage.", cmd.CommandPath())
	case code == exitDamage && errors.Is(err, holdfast.ErrFailed): // found by a writer, which says what it kept
		text += fmt.Sprintf("\nRun 'holdfast repair --plan --dir %s' for what to do, with --from COPY where there is a copy.", quoted(a.dir))
	case code == exitDamage && cmd.CommandPath() != "holdfast verify" && cmd.Name() != "repair":
		text += fmt.Sprintf("\nNothing was changed. Run 'holdfast verify --dir %[1]s' for every finding, 'holdfast repair --plan --dir %[1]s' for what to do.", quoted(a.dir))
	case errors.Is(err, holdfast.ErrNoKey) || errors.Is(err, embedded.ErrStoreKey):
		text += "\nName where its keys come from: --key FILE, --key env:NAME or --key cmd:COMMAND, or HOLDFAST_KEY_SOURCE."
	case interrupted && cutShort(ctx, err):
		text = "holdfast: " + cut
	}
	_, _ = fmt.Fprintln(a.stderr, text) // nobody is left to tell
}

// inUse says who holds the ledger and how to reach it.
func (a *app) inUse(cmd *cobra.Command, e *journal.InUseError) string {
	var b strings.Builder
	h, dir := e.Holder, cmp.Or(e.Dir, a.dir)
	fmt.Fprintf(&b, "holdfast: the ledger in %s is in use", dir)
	if h.PID == 0 {
		b.WriteString(" by another process, which is just starting or whose LOCK was removed; try again")
		return b.String()
	}
	fmt.Fprintf(&b, " by '%s' (pid %d", h.Verb, h.PID)
	if !h.Since.IsZero() {
		fmt.Fprintf(&b, ", since %s", h.Since.UTC().Format(time.RFC3339))
	}
	b.WriteString(")")
	if h.Reach != "" {
		fmt.Fprintf(&b, ", which answers at %s", h.Reach)
	}
	if dir != a.dir {
		return b.String()
	}
	if h.Reach != "" && remoteVerb(cmd) {
		fmt.Fprintf(&b, "\nSend the verb to it: %s --server %s --creds %s …",
			cmd.CommandPath(), h.Reach, quoted(filepath.Join(a.dir, "nats", "writer.json")))
	} else {
		b.WriteString("\nWait until it ends, or stop it.")
	}
	b.WriteString("\nReading verbs (positions, history, tail, replay, diff, export, status, verify) work on --dir meanwhile.")
	return b.String()
}

// advice is what to do about a refusal by the ledger's state, "" where its text
// says so itself.
func advice(err error) string {
	for _, a := range []struct {
		err  error
		text string
	}{
		{position.ErrTrimmedHistory, "adjust or adopt the position instead"},
		{position.ErrRefold, "adjust or adopt the position instead"},
		{position.ErrUnknownInstrument, "define it first, with a line of type instrument"},
		{position.ErrOverReduction, "'holdfast positions' shows what is open"},
		{position.ErrNoLot, "'holdfast positions --lots' shows what is open"},
		{position.ErrLotChoice, "'holdfast positions --lots' shows the lots to choose from"},
		{position.ErrUnknownFill, "'holdfast history' shows the fills of the key and their ids"},
		{position.ErrInstrumentInUse, "close its positions first, or name another instrument"},
		{holdfast.ErrTooOld, "--insist applies it, if you know that it is new"},
		{holdfast.ErrAhead, "--insist applies it, if you know that it is new"},
	} {
		if errors.Is(err, a.err) && !strings.Contains(err.Error(), "instead") {
			return " (" + a.text + ")"
		}
	}
	return ""
}

// remoteVerb reports whether a verb that writes can be sent to a daemon.
func remoteVerb(cmd *cobra.Command) bool {
	switch cmd.CommandPath() {
	case "holdfast ingest", "holdfast import", "holdfast backup create", "holdfast checkpoint", "holdfast bus rebuild":
		return true
	}
	return false
}

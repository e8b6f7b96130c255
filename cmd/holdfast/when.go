package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// when are the flags that choose a moment by one of the two clocks.
type when struct{ asOf, asOfEvent string }

func (w *when) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&w.asOf, "as-of", "", "what the ledger held at a seq or record time, instead of now")
	p.StringVar(&w.asOfEvent, "as-of-event", "", "what was true at an event time, by all that is known now or was at --as-of")
}

func (w *when) check() error {
	if _, err := moment("as-of", w.asOf); err != nil {
		return err
	}
	_, err := eventTime(w.asOfEvent)
	return err
}

// eventTime reads the value of --as-of-event; "" is zero.
func eventTime(text string) (position.Time, error) {
	if text == "" {
		return 0, nil
	}
	at, err := position.ParseTime(text)
	if err != nil {
		return 0, usagef("--as-of-event: %v", err)
	}
	return at, nil
}

// maxReports is how many warnings of one kind are shown.
const maxReports = 100

// viewAt derives the state at the moment that the flags choose.
func (a *app) viewAt(ctx context.Context, r *holdfast.Reader, w *when) (*projector.View, error) {
	believed, err := moment("as-of", w.asOf)
	if err != nil {
		return nil, err
	}
	if err = reached(a.dir, believed); err != nil {
		return nil, err
	}
	if w.asOfEvent == "" {
		return r.AsOf(ctx, believed)
	}
	at, err := eventTime(w.asOfEvent)
	if err != nil {
		return nil, err
	}
	v, refused, err := r.AsOfEvent(ctx, at, believed)
	if err != nil {
		return nil, err
	}
	for i, x := range refused {
		if i == maxReports {
			a.notef("holdfast: %d more are left out", len(refused)-i)
			break
		}
		_, _ = fmt.Fprintf(a.stderr, "holdfast: left out, seq %d, id %s: %s\n", x.Seq, x.ID, x.Err.Error()) // nobody is left to tell
	}
	return v, nil
}

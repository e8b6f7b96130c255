package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
)

type tailFlags struct {
	follow bool
	last   uint64
}

// tailPoll is how often the files are looked at for something new.
const tailPoll = 100 * time.Millisecond

func (a *app) tailCmd() *cobra.Command {
	var f tailFlags
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the newest records, and follow",
		Long: `Prints the last records of the journal, marks and epochs included, and with -f
every one that is added, until it is interrupted, which is exit code 1.

On a directory the files are followed without a lock; with --server the events
come from the ledger's stream.`,
		Example: `  holdfast tail -n 20
  holdfast tail -f -o ndjson`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "keep printing what is added")
	cmd.Flags().Uint64VarP(&f.last, "lines", "n", 10, "begin with so many of the last records")
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if a.output == render.AsJSON && f.follow {
			return usagef("--output json needs an end: follow with -o ndjson, csv or table")
		}
		if a.server != "" {
			return a.withRemote(ctx, func(r *remote) error { return a.remoteTail(ctx, r, &f) })
		}
		return a.tail(ctx, &f)
	})
}

func (a *app) tail(ctx context.Context, f *tailFlags) error {
	if _, err := a.reader(); err != nil {
		return err
	}
	keys, err := a.keys()
	if err != nil {
		return err
	}
	log, err := archive.OpenJournal(a.dir)
	if err != nil {
		return err
	}
	log = log.WithKeys(keys)
	head, err := log.Last()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	from := max(log.First(), 1)
	if head.Seq >= f.last {
		from = max(from, head.Seq-f.last+1)
	}
	cursor := log.Cursor(from)
	defer func() { _ = cursor.Close() }() // it only reads
	s := sheetOf(a, render.ChangeTable(), render.ChangeFile())
	tick := time.NewTicker(tailPoll)
	defer tick.Stop()
	for {
		if err := catchUp(ctx, cursor, s); err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		if !f.follow {
			return s.End("no records")
		}
		if err := s.Flush(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// catchUp prints what the cursor has not read yet.
func catchUp(ctx context.Context, cursor *journal.Cursor, s *render.Sheet[render.ChangeRow]) error {
	var d wire.Decoder
	var buf []byte
	for ctx.Err() == nil {
		rec, err := cursor.Next(math.MaxUint64)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w", err)
		}
		c, err := d.Change(rec.Payload)
		if err != nil {
			return fmt.Errorf("seq %d: %w", rec.Seq, err)
		}
		if c.After != nil {
			c.After.Seq = rec.Seq
		}
		buf = position.AppendChangeJSON(buf[:0], position.Stamp{Seq: rec.Seq, Epoch: rec.Epoch, Time: position.Time(rec.Time)}, &c)
		if err := s.Add(buf); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (a *app) remoteTail(ctx context.Context, r *remote, f *tailFlags) error {
	b, err := r.call(ctx, "status", nil)
	if err != nil {
		return err
	}
	var st holdfast.Status
	if err := json.Unmarshal(b, &st); err != nil {
		return fmt.Errorf("unexpected answer: %w", err)
	}
	from := max(st.First, 1)
	if st.Last >= f.last {
		from = max(from, st.Last-f.last+1)
	}
	s := sheetOf(a, render.ChangeTable(), render.ChangeFile())
	if !f.follow && from > st.Last {
		return s.End("no records")
	}
	for e, err := range bus.FollowIn(ctx, r.nc, r.domain, r.ledger, from) {
		if ctx.Err() != nil {
			_ = s.Flush() // the interruption is what matters
			return context.Cause(ctx)
		}
		if err != nil {
			_ = s.Flush() // the error is what matters
			return err
		}
		if err := s.Add(e.Body); err != nil {
			return err
		}
		if !f.follow && e.Seq >= st.Last {
			break
		}
		if f.follow {
			if err := s.Flush(); err != nil {
				return err
			}
		}
	}
	return s.End("no records")
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/journal"
)

func (a *app) busCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bus",
		Short: "Look at the ledger's stream, or build it again",
		Long: `The stream on NATS holds one message for each record of the journal, under the
same number. It follows the journal by itself; a stream that contradicts it is
left alone and reported until 'bus rebuild' is asked for.`,
		Example: "  holdfast bus status\n  holdfast bus rebuild",
	}
	return a.group(cmd, a.busStatusCmd(), a.busRebuildCmd())
}

func (a *app) busStatusCmd() *cobra.Command {
	f := natsFlags{listen: embedded.NoListen}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the stream follows the journal",
		Long: `Asks the daemon (--server, or the one that holds --dir) how far its stream follows
the journal. Where no daemon runs, the ledger and its bus are opened for the
moment, which lets the stream catch up.

Exit code 1 when the stream contradicts the journal.`,
		Example: "  holdfast bus status -o json",
		Args:    cobra.NoArgs,
	}
	f.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		st, err := a.busStatus(ctx, &f)
		if err != nil {
			return err
		}
		if err := a.printBus(st); err != nil {
			return err
		}
		if st.State == bus.StateStopped {
			return fmt.Errorf("the stream contradicts the journal at seq %d: 'holdfast bus rebuild' makes a new one", st.StopSeq)
		}
		return nil
	})
}

func (a *app) printBus(st bus.Status) error {
	if a.output != render.AsTable {
		return a.printJSON(st)
	}
	return render.Describe(a.stdout, []render.Pair{
		{"stream", st.Stream},
		{"state", st.State},
		{"holds", heldText(&st)},
		{"behind", render.Counted(int(st.Lag), "record")},
		{"trouble", orDash(st.Err)},
	})
}

// heldText is the stretch of records on the stream.
func heldText(st *bus.Status) string {
	if st.Last == 0 || st.Last < st.First {
		return "no record yet"
	}
	return fmt.Sprintf("seq %d to %d", st.First, st.Last)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// findDaemon asks the daemon that holds the directory, if there is one: its
// credentials lie there as well.
func (a *app) findDaemon() {
	if h, held := journal.ReadHolder(a.dir); a.server == "" && held {
		a.server = h.Reach
	}
}

// busStatus asks the daemon, or opens what is needed.
func (a *app) busStatus(ctx context.Context, f *natsFlags) (bus.Status, error) {
	a.findDaemon()
	if a.server != "" {
		st, err := a.status(ctx)
		switch {
		case err != nil:
			return bus.Status{}, err
		case st.Bus == nil:
			return bus.Status{}, fmt.Errorf("the daemon runs without a bus")
		}
		return *st.Bus, nil
	}
	var st bus.Status
	err := a.withBus(ctx, f, "bus status", func(l *holdfast.Ledger) error {
		st = settled(ctx, l, false, 0)
		return nil
	})
	return st, err
}

// withBus opens the ledger and its bus for one verb.
func (a *app) withBus(ctx context.Context, f *natsFlags, verb string, do func(*holdfast.Ledger) error) (err error) {
	if err = a.checkFree(); err != nil {
		return err
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	if err = r.CheckKeys(); err != nil {
		return err
	}
	server, err := a.startBus(f, r.Identity().Name)
	if err != nil {
		return err
	}
	defer closing(server, &err)
	l, err := a.openQuietly(ctx, verb, func(o *holdfast.Options) {
		o.Bus = f.busOptions(server)
		o.Bus.Connected = nil
		o.Bus.Evidence = -1 // these verbs are for a stream that may be wrong
	})
	if err != nil {
		return err
	}
	defer closing(l, &err)
	return do(l)
}

// settleFor bounds how long a relay may take to catch up here.
const settleFor = 10 * time.Minute

// settled waits until the relay has caught up, stands still or is in trouble for
// a while, and returns its state. After a rebuild, what it was before does not
// count: it must have looked at the stream more often than looks.
func settled(ctx context.Context, l *holdfast.Ledger, rebuilt bool, looks uint64) bus.Status {
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	retries := 0
	for {
		s := l.Relay().Status()
		if s.State == bus.StateRetrying {
			retries++
		}
		still := s.State == bus.StateLive && s.Lag == 0 || s.State == bus.StateStopped
		if still && (!rebuilt || s.Resyncs > looks) || retries > 250 {
			return s
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s
		}
	}
}

func (a *app) busRebuildCmd() *cobra.Command {
	f := natsFlags{listen: embedded.NoListen}
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Delete the stream and feed it again from the journal",
		Long: `Deletes the ledger's stream and feeds a new one, from the oldest kept record on:
the way out when the stream was purged or holds what this ledger did not write.
The journal is not touched. Consumers must be made again.

A running daemon is asked (--server, or the one that holds --dir); where none
runs, the ledger and its bus are opened for the moment.`,
		Example: "  holdfast bus rebuild\n  holdfast bus rebuild --nats nats://nats-1:4222 --nats-creds daemon.creds",
		Args:    cobra.NoArgs,
	}
	f.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		a.findDaemon()
		if a.server != "" {
			return a.withRemote(ctx, func(r *remote) error {
				b, err := r.call(ctx, "bus.rebuild", nil)
				if err != nil {
					return err
				}
				var st bus.Status
				if err := json.Unmarshal(b, &st); err != nil {
					return fmt.Errorf("unexpected answer: %w", err)
				}
				return a.printBus(st)
			})
		}
		return a.withBus(ctx, &f, "bus rebuild", func(l *holdfast.Ledger) error {
			before := settled(ctx, l, false, 0) // it must be connected
			if err := l.Relay().Rebuild(ctx); err != nil {
				return err
			}
			return a.printBus(settled(ctx, l, true, before.Resyncs))
		})
	})
}

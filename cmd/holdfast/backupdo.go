package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func (a *app) backupRestoreCmd() *cobra.Command {
	var to, asOf, name string
	cmd := &cobra.Command{
		Use:   "restore [NAME] --to DIR",
		Short: "Make a new ledger from a snapshot or a past moment",
		Long: `Makes a new ledger in another, empty directory, with the state of a snapshot
(NAME), of a moment (--as-of, a seq or record time) or of now. The new ledger has
an identity and a stream of its own and names its parent. The source is only
read: history is never rewound.

A snapshot that is named is restored also where the journal is damaged or gone;
what came after it is then lost, so see 'holdfast repair --plan' first.`,
		Example: `  holdfast backup restore --to ./restored
  holdfast backup restore positions_20260102_030405_4711.snap --to ./restored
  holdfast backup restore --as-of 2026-01-02T00:00:00Z --to ./restored --name main_2`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&to, "to", "", "directory of the new ledger (required)")
	cmd.Flags().StringVar(&asOf, "as-of", "", "restore the state at a seq or record time")
	cmd.Flags().StringVar(&name, "name", "", "name of the new ledger (default: the parent's with a suffix)")
	_ = cmd.MarkFlagRequired("to") // it was defined above
	return a.verb(cmd, func(ctx context.Context, args []string) error {
		if err := a.here("backup restore"); err != nil {
			return err
		}
		at, err := moment("as-of", asOf)
		switch {
		case err != nil:
			return err
		case to == "":
			return usagef("--to is empty: name the directory of the new ledger")
		case asOf != "" && len(args) == 1:
			return usagef("give a snapshot or --as-of, not both")
		}
		r, err := a.reader()
		if err != nil {
			return err
		}
		var res holdfast.Restored
		if len(args) == 1 {
			res, err = r.RestoreSnapshot(ctx, args[0], to, name, holdfast.Options{Logger: a.log})
		} else if err = reached(a.dir, at); err == nil {
			res, err = r.Restore(ctx, at, to, name, holdfast.Options{Logger: a.log})
		}
		if err != nil {
			return err
		}
		if a.output != render.AsTable {
			return a.printJSON(res)
		}
		pairs := []render.Pair{
			{"ledger", fmt.Sprintf("%s (%s)", res.Name, res.ID)},
			{"directory", res.Dir},
			{"parent", res.Parent},
			{"seq", strconv.FormatUint(res.Seq, 10)},
			{"digest", res.Digest},
		}
		if res.Unlinked != "" {
			pairs = append(pairs, render.Pair{"unlinked", "the snapshot is whole, but could not be held against the journal: " + render.Plain(res.Unlinked)})
		}
		return render.Describe(a.stdout, pairs)
	})
}

func (a *app) backupPruneCmd() *cobra.Command {
	var keep int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old snapshots",
		Long: `Removes snapshots beyond --keep, never the newest, and never the one that the
journal was last trimmed behind. The journal is not trimmed; the daemon does that
by its retention. The ledger must not be held by a daemon, which prunes by itself.`,
		Example: "  holdfast backup prune --keep 3",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().IntVar(&keep, "keep", 24, "how many snapshots to keep")
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := a.here("backup prune"); err != nil {
			return err
		}
		if keep < 1 {
			return usagef("--keep %d: at least the newest snapshot is kept", keep)
		}
		p, err := a.prune(ctx, keep)
		if err != nil {
			return err
		}
		if a.output != render.AsTable {
			return a.printJSON(p)
		}
		for _, name := range p.Removed {
			if _, err = fmt.Fprintln(a.stdout, "removed "+name); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(a.stdout, "%d removed, %d kept; the journal begins at seq %d\n", len(p.Removed), p.Kept, p.First)
		return err
	})
}

// pruned is what backup prune did.
type pruned struct {
	Removed []string `json:"removed"`
	Kept    int      `json:"kept"`
	First   uint64   `json:"first"` // of the journal
}

func (a *app) prune(ctx context.Context, keep int) (p pruned, err error) {
	l, err := a.openQuietly(ctx, "backup prune", func(o *holdfast.Options) { o.SnapshotKeep = keep })
	if err != nil {
		return p, err
	}
	defer closing(l, &err)
	before, err := l.Snapshots()
	if err != nil {
		return p, err
	}
	if err = l.Prune(); err != nil {
		return p, err
	}
	after, err := l.Snapshots()
	if err != nil {
		return p, err
	}
	p = pruned{Removed: missingFrom(before, after), Kept: len(after)}
	p.First, err = firstKept(a.dir)
	return p, err
}

func firstKept(dir string) (uint64, error) {
	log, err := openJournal(dir)
	if err != nil {
		return 0, err
	}
	return log.First(), nil
}

// missingFrom names what is in before and not in after.
func missingFrom(before, after []snapshotter.Snapshot) []string {
	kept := make(map[string]bool, len(after))
	for _, s := range after {
		kept[s.Name] = true
	}
	gone := []string{}
	for _, s := range before {
		if !kept[s.Name] {
			gone = append(gone, s.Name)
		}
	}
	return gone
}

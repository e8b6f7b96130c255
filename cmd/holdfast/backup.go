package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func (a *app) backupCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Make, list, verify, restore and prune snapshots",
		Long: `Snapshots are the backups of a ledger: files in DIR/backups that each hold the
whole state at one seq. A daemon makes them by itself; these verbs do so by hand.`,
		Example: `  holdfast backup create
  holdfast backup verify
  holdfast backup restore --as-of 2026-01-02T00:00:00Z --to ./restored`,
	}
	return a.group(cmd, a.backupCreateCmd(), a.backupListCmd(), a.backupVerifyCmd(), a.backupRestoreCmd(), a.backupPruneCmd())
}

// backupRow is one snapshot as it is shown.
type backupRow struct {
	Name        string `json:"name"`
	Seq         uint64 `json:"seq"`
	Epoch       uint64 `json:"epoch"`
	RecordTime  string `json:"record_time"`
	Created     string `json:"created_at"`
	Bytes       int64  `json:"bytes"`
	Positions   uint64 `json:"positions"`
	Instruments uint64 `json:"instruments"`
	Accounts    uint64 `json:"accounts"`
	Window      uint64 `json:"window"`
	Digest      string `json:"digest"`
	Verified    bool   `json:"verified,omitempty"`
	Damage      string `json:"damage,omitempty"`
}

func rowOf(s snapshotter.Snapshot) backupRow {
	r := backupRow{
		Name: s.Name, Seq: s.Seq, Epoch: s.Epoch, Created: s.Created.UTC().Format(time.RFC3339),
		RecordTime: time.Unix(0, s.RecordTime).UTC().Format(time.RFC3339Nano), Bytes: s.Size,
		Positions: s.Positions, Instruments: s.Instruments, Accounts: s.Accounts, Window: s.Window,
		Digest: fmt.Sprintf("%x", s.Digest),
	}
	if s.Err != nil {
		r.Damage = s.Err.Error()
	}
	return r
}

func backupColumns() []column[backupRow] {
	return []column[backupRow]{
		{title: "name", cell: func(r *backupRow) string { return r.Name }},
		{title: "seq", right: true, cell: func(r *backupRow) string { return strconv.FormatUint(r.Seq, 10) }},
		{title: "record_time", cell: func(r *backupRow) string { return r.RecordTime }},
		{title: "positions", right: true, cell: func(r *backupRow) string { return strconv.FormatUint(r.Positions, 10) }},
		{title: "bytes", right: true, cell: func(r *backupRow) string { return strconv.FormatInt(r.Bytes, 10) }},
		{title: "verified", sparse: true, cell: func(r *backupRow) string {
			if r.Verified {
				return "ok"
			}
			return ""
		}},
		{title: "damage", sparse: true, cell: func(r *backupRow) string { return r.Damage }},
	}
}

func (a *app) printBackups(rows []backupRow) error {
	s := newSheet(a, backupColumns(), backupColumns())
	for _, r := range rows {
		raw, err := json.Marshal(r)
		if err == nil {
			err = s.add(raw)
		}
		if err != nil {
			return err
		}
	}
	return s.end("no snapshots yet: holdfast backup create makes one")
}

// printBackup prints one snapshot: an object, not an array of one.
func (a *app) printBackup(r backupRow) error {
	if a.output == asJSON || a.output == asNDJSON {
		return a.printJSON(r)
	}
	return a.printBackups([]backupRow{r})
}

func (a *app) backupCreateCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a snapshot now",
		Long: `Writes a snapshot of the newest state and reads it back. When nothing changed
since the newest one, that one is named. A daemon that holds the ledger is asked
with --server; otherwise the directory is opened for the moment.`,
		Example: "  holdfast backup create\n  holdfast backup create --server nats://127.0.0.1:4222 --creds holdfast-data/nats/writer.json",
		Args:    cobra.NoArgs,
	}
	return a.verb(cmd, func(ctx context.Context, _ []string) (err error) {
		if a.server != "" {
			return a.withRemote(ctx, func(r *remote) error {
				b, err := r.call(ctx, "backup.create", nil)
				if err != nil {
					return err
				}
				s, err := remoteSnapshot(b)
				if err != nil {
					return err
				}
				return a.printBackup(rowOf(s))
			})
		}
		l, err := a.openQuietly(ctx, "backup create", nil)
		if err != nil {
			return err
		}
		defer closing(l, &err)
		s, err := l.Snapshot(ctx)
		if err != nil {
			return err
		}
		return a.printBackup(rowOf(s))
	})
}

// remoteSnapshot decodes what a daemon says of a snapshot.
func remoteSnapshot(b []byte) (snapshotter.Snapshot, error) {
	var v struct {
		snapshotter.Meta

		Name    string
		Size    int64
		Created time.Time
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return snapshotter.Snapshot{}, fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	return snapshotter.Snapshot{Name: v.Name, Meta: v.Meta, Size: v.Size, Created: v.Created}, nil
}

func (a *app) backupListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the snapshots, newest first",
		Long:    "Lists the snapshots by their headers, newest first. 'backup verify' reads them whole.",
		Example: "  holdfast backup list -o json",
		Args:    cobra.NoArgs,
	}
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		rows := []backupRow{}
		if a.server != "" {
			return a.withRemote(ctx, func(r *remote) error {
				b, err := r.call(ctx, "backup.list", nil)
				if err != nil {
					return err
				}
				list, err := rawRows(b)
				if err != nil {
					return err
				}
				for _, raw := range list {
					s, err := remoteSnapshot(raw)
					if err != nil {
						return err
					}
					rows = append(rows, rowOf(s))
				}
				return a.printBackups(rows)
			})
		}
		r, err := a.reader()
		if err != nil {
			return err
		}
		list, err := r.Snapshots()
		if err != nil {
			return err
		}
		for _, s := range list {
			rows = append(rows, rowOf(s))
		}
		return a.printBackups(rows)
	})
}

func (a *app) backupVerifyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [NAME…]",
		Short: "Read snapshots whole and check them, all by default",
		Long: `Reads each named snapshot (all of them when none is named) to the last byte: its
checksums, its ledger, its place in the journal's chain, and that it loads to the
digest it was written with. Exit code 3 when one is damaged.`,
		Example: "  holdfast backup verify",
	}
	return a.verb(cmd, func(_ context.Context, names []string) error {
		if err := a.here("backup verify"); err != nil {
			return err
		}
		r, err := a.reader()
		if err != nil {
			return err
		}
		if len(names) == 0 {
			list, err := r.Snapshots()
			if err != nil {
				return err
			}
			for _, s := range list {
				names = append(names, s.Name)
			}
		}
		rows, bad := make([]backupRow, 0, len(names)), 0
		for _, name := range names {
			s, err := r.VerifySnapshot(name)
			switch {
			case err == nil:
			case isDamage(err):
				bad++
			default:
				return err
			}
			row := rowOf(s)
			row.Name, row.Verified = name, err == nil
			if err != nil {
				row.Damage = err.Error()
			}
			rows = append(rows, row)
		}
		if err := a.printBackups(rows); err != nil {
			return err
		}
		if bad > 0 {
			return fmt.Errorf("%w: %d of %d snapshots are damaged: move them away; an older one and the journal give the same state", errFindings, bad, len(names))
		}
		return nil
	})
}

func (a *app) backupRestoreCmd() *cobra.Command {
	var to, asOf, name string
	cmd := &cobra.Command{
		Use:   "restore [NAME] --to DIR",
		Short: "Make a new ledger from a snapshot or a past moment",
		Long: `Makes a new ledger in another, empty directory, with the state of a snapshot
(NAME), of a moment (--as-of, a seq or record time) or of now. The new ledger has
an identity and a stream of its own and names its parent. The source is only
read: history is never rewound.`,
		Example: `  holdfast backup restore --to ./restored
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
		if len(args) == 1 {
			if at, err = r.SnapshotMoment(args[0]); err != nil {
				return err
			}
		}
		if err := reached(a.dir, at); err != nil {
			return err
		}
		res, err := r.Restore(ctx, at, to, name, holdfast.Options{Logger: a.log})
		if err != nil {
			return err
		}
		if a.output != asTable {
			return a.printJSON(res)
		}
		return describe(a.stdout, []pair{
			{"ledger", fmt.Sprintf("%s (%s)", res.Name, res.ID)},
			{"directory", res.Dir},
			{"parent", res.Parent},
			{"seq", strconv.FormatUint(res.Seq, 10)},
			{"digest", res.Digest},
		})
	})
}

func (a *app) backupPruneCmd() *cobra.Command {
	var keep int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old snapshots and trim the journal behind the oldest kept one",
		Long: `Removes snapshots beyond --keep, never the newest, and then whole journal segments
that lie before the oldest kept snapshot and are older than the retention of 30
days. The ledger must not be held by a daemon, which prunes by itself.`,
		Example: "  holdfast backup prune --keep 3",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().IntVar(&keep, "keep", 24, "how many snapshots to keep")
	return a.verb(cmd, func(ctx context.Context, _ []string) (err error) {
		if err := a.here("backup prune"); err != nil {
			return err
		}
		if keep < 1 {
			return usagef("--keep %d: at least the newest snapshot is kept", keep)
		}
		l, err := a.openQuietly(ctx, "backup prune", func(o *holdfast.Options) { o.SnapshotKeep = keep })
		if err != nil {
			return err
		}
		defer closing(l, &err)
		before, err := l.Snapshots()
		if err != nil {
			return err
		}
		if err := l.Prune(); err != nil {
			return err
		}
		after, err := l.Snapshots()
		if err != nil {
			return err
		}
		first, err := firstKept(a.dir)
		if err != nil {
			return err
		}
		removed := missingFrom(before, after)
		if a.output != asTable {
			return a.printJSON(map[string]any{"removed": removed, "kept": len(after), "first": first})
		}
		for _, name := range removed {
			if _, err := fmt.Fprintln(a.stdout, "removed "+name); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(a.stdout, "%d removed, %d kept; the journal begins at seq %d\n", len(removed), len(after), first)
		return err
	})
}

func firstKept(dir string) (uint64, error) {
	log, err := journal.OpenReader(dir)
	if err != nil {
		return 0, fmt.Errorf("holdfast: %w", err)
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

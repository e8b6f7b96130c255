package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/service"
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

func backupColumns() []render.Column[holdfast.Backup] {
	return []render.Column[holdfast.Backup]{
		{Title: "name", Cell: func(r *holdfast.Backup) string { return r.Name }},
		{Title: "seq", Right: true, Cell: func(r *holdfast.Backup) string { return strconv.FormatUint(r.Seq, 10) }},
		{Title: "record_time", Cell: func(r *holdfast.Backup) string { return r.RecordTime }},
		{Title: "positions", Right: true, Cell: func(r *holdfast.Backup) string { return strconv.FormatUint(r.Positions, 10) }},
		{Title: "bytes", Right: true, Cell: func(r *holdfast.Backup) string { return strconv.FormatInt(r.Bytes, 10) }},
		{Title: "encrypted", Sparse: true, Cell: func(r *holdfast.Backup) string { return r.Encrypted }},
		{Title: "verified", Sparse: true, Cell: func(r *holdfast.Backup) string {
			if r.Verified {
				return "ok"
			}
			return ""
		}},
		{Title: "unlinked", Sparse: true, Cell: func(r *holdfast.Backup) string { return r.Unlinked }},
		{Title: "damage", Sparse: true, Cell: func(r *holdfast.Backup) string { return r.Damage }},
	}
}

func (a *app) printBackups(rows []holdfast.Backup) error {
	s := sheetOf(a, backupColumns(), backupColumns())
	for _, r := range rows {
		if err := s.AddValue(r); err != nil {
			return err
		}
	}
	return s.End("no snapshots yet: holdfast backup create makes one")
}

// printBackup prints one snapshot: an object, not an array of one.
func (a *app) printBackup(r holdfast.Backup) error {
	if a.output == render.AsJSON || a.output == render.AsNDJSON {
		return a.printJSON(r)
	}
	return a.printBackups([]holdfast.Backup{r})
}

func (a *app) backupCreateCmd() *cobra.Command {
	var signKey string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a snapshot now",
		Long: `Writes a snapshot of the newest state and reads it back. When nothing changed
since the newest one, that one is named. A daemon that holds the ledger is asked
with --server; otherwise the directory is opened for the moment.`,
		Example: "  holdfast backup create\n  holdfast backup create --server nats://127.0.0.1:4222 --creds holdfast-data/nats/writer.json",
		Args:    cobra.NoArgs,
	}
	signKeyFlag(cmd, &signKey)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		s, err := a.createBackup(ctx, signKey)
		if err != nil {
			return err
		}
		return a.printBackup(s)
	})
}

// createBackup asks the daemon or opens the ledger.
func (a *app) createBackup(ctx context.Context, signKey string) (made holdfast.Backup, err error) {
	if a.server != "" {
		if signKey != "" {
			return made, usagef("--sign-key is for the directory: the daemon signs with its own key")
		}
		err = a.withRemote(ctx, func(r *remote) error {
			return r.ask(ctx, "backup.create", &made)
		})
		return made, err
	}
	by, err := loadSigner(signKey)
	if err != nil {
		return made, err
	}
	l, err := a.openQuietly(ctx, "backup create", func(o *holdfast.Options) { o.Signer = by })
	if err != nil {
		return made, err
	}
	defer closing(l, &err)
	s, err := l.Snapshot(ctx)
	return holdfast.BackupOf(s), err
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
		list, err := a.listBackups(ctx)
		if err != nil {
			return err
		}
		return a.printBackups(list)
	})
}

// listBackups asks the daemon or reads the directory.
func (a *app) listBackups(ctx context.Context) (list []holdfast.Backup, err error) {
	if a.server != "" {
		err = a.withRemote(ctx, func(r *remote) (err error) {
			list, err = all[holdfast.Backup](r.list(ctx, "backup.list", &service.BackupList{}))
			return err
		})
		return list, err
	}
	r, err := a.reader()
	if err != nil {
		return nil, err
	}
	found, err := r.Snapshots()
	for _, s := range found {
		list = append(list, holdfast.BackupOf(s))
	}
	return list, err
}

func (a *app) backupVerifyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [NAME…]",
		Short: "Read snapshots whole and check them, all by default",
		Long: `Reads each named snapshot (all of them when none is named) to the last byte: its
checksums, its ledger, its place in the journal's chain, and that it loads to the
digest it was written with. Where the journal is damaged it cannot tell the place;
a snapshot that is whole is then not called damaged and can be restored.

Exit code 3 when a snapshot, or the journal, is damaged.`,
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
			list, lerr := r.Snapshots()
			if lerr != nil {
				return lerr
			}
			for _, s := range list {
				names = append(names, s.Name)
			}
		}
		rows, bad, journal, err := verifyBackups(r, names)
		if err == nil {
			err = a.printBackups(rows)
		}
		if err != nil {
			return err
		}
		return verdict(bad, len(names), journal)
	})
}

// verdict is the error for damaged snapshots and for a damaged journal.
func verdict(bad, of int, journal error) error {
	switch {
	case bad == 0:
		return journal
	case journal != nil:
		return fmt.Errorf("%w: %d of %d snapshots, and the journal: %w", errFindings, bad, of, journal)
	}
	return fmt.Errorf("%w: %d of %d snapshots are damaged: move them away; an older one and the journal give the same state", errFindings, bad, of)
}

// verifyBackups checks the named snapshots and counts the damaged ones. Damage of
// the journal, which keeps one from being held against it, is told apart.
func verifyBackups(r *holdfast.Reader, names []string) (rows []holdfast.Backup, bad int, journal, err error) {
	for _, name := range names {
		s, verr := r.VerifySnapshot(name)
		row := holdfast.BackupOf(s)
		apart, unlinked := errors.AsType[*holdfast.UnlinkedError](verr)
		row.Name, row.Verified = name, verr == nil || unlinked
		switch {
		case verr == nil:
		case unlinked:
			row.Unlinked = apart.Why()
			if isDamage(verr) {
				journal = apart.Err
			}
		case isDamage(verr):
			bad++
			row.Damage = verr.Error()
		default:
			return nil, bad, nil, verr
		}
		rows = append(rows, row)
	}
	return rows, bad, journal, nil
}

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
			res, err = r.RestoreSnapshot(ctx, args[0], to, name, holdfast.Options{Logger: a.log}.Reading())
		} else if err = reached(a.dir, at); err == nil {
			res, err = r.Restore(ctx, at, to, name, holdfast.Options{Logger: a.log}.Reading())
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
			pairs = append(pairs, render.Pair{"unlinked", "the snapshot is whole, but could not be held against the journal: " + res.Unlinked})
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
	log, err := archive.OpenJournal(dir)
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

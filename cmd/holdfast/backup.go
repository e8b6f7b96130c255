package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
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
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		s, err := a.createBackup(ctx)
		if err != nil {
			return err
		}
		return a.printBackup(rowOf(s))
	})
}

// createBackup asks the daemon or opens the ledger.
func (a *app) createBackup(ctx context.Context) (s snapshotter.Snapshot, err error) {
	if a.server != "" {
		err = a.withRemote(ctx, func(r *remote) error {
			b, cerr := r.call(ctx, "backup.create", nil)
			if cerr == nil {
				s, cerr = remoteSnapshot(b)
			}
			return cerr
		})
		return s, err
	}
	l, err := a.openQuietly(ctx, "backup create", nil)
	if err != nil {
		return s, err
	}
	defer closing(l, &err)
	return l.Snapshot(ctx)
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
		list, err := a.listBackups(ctx)
		if err != nil {
			return err
		}
		rows := make([]backupRow, len(list))
		for i, s := range list {
			rows[i] = rowOf(s)
		}
		return a.printBackups(rows)
	})
}

// listBackups asks the daemon or reads the directory.
func (a *app) listBackups(ctx context.Context) (list []snapshotter.Snapshot, err error) {
	if a.server == "" {
		r, rerr := a.reader()
		if rerr != nil {
			return nil, rerr
		}
		return r.Snapshots()
	}
	err = a.withRemote(ctx, func(r *remote) error {
		b, cerr := r.call(ctx, "backup.list", nil)
		if cerr != nil {
			return cerr
		}
		raws, cerr := rawRows(b)
		for _, raw := range raws {
			s, derr := remoteSnapshot(raw)
			if derr != nil {
				return derr
			}
			list = append(list, s)
		}
		return cerr
	})
	return list, err
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
			list, lerr := r.Snapshots()
			if lerr != nil {
				return lerr
			}
			for _, s := range list {
				names = append(names, s.Name)
			}
		}
		rows, bad, err := verifyBackups(r, names)
		if err == nil {
			err = a.printBackups(rows)
		}
		if err != nil {
			return err
		}
		if bad > 0 {
			return fmt.Errorf("%w: %d of %d snapshots are damaged: move them away; an older one and the journal give the same state", errFindings, bad, len(names))
		}
		return nil
	})
}

// verifyBackups checks the named snapshots and counts the damaged ones.
func verifyBackups(r *holdfast.Reader, names []string) (rows []backupRow, bad int, err error) {
	for _, name := range names {
		s, verr := r.VerifySnapshot(name)
		row := rowOf(s)
		row.Name, row.Verified = name, verr == nil
		switch {
		case verr == nil:
		case isDamage(verr):
			bad++
			row.Damage = verr.Error()
		default:
			return nil, bad, verr
		}
		rows = append(rows, row)
	}
	return rows, bad, nil
}

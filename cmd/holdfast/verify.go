package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
)

func (a *app) verifyCmd() *cobra.Command {
	var deep bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of the ledger, and with --deep every number",
		Long: `Checks, without changing anything: identity, segment names, frames, checksums,
seqs and chain of the journal, every snapshot and its place in the chain. With
--deep every change is also recomputed from its cause and must give the same
bytes, and every snapshot's digest.

Of an encrypted ledger without --key, integrity is checked all the same: checksums
and chain are over what is stored. What payloads say is not.

Exit code 3 when damage was found. A torn tail that the next opening will cut is
a notice, no damage.`,
		Example: `  holdfast verify --deep
  holdfast verify -o json --dir /var/lib/holdfast`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "recompute every change")
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		rep, err := a.verify(ctx, deep)
		if err != nil {
			return err
		}
		if err := a.printReport(rep); err != nil {
			return err
		}
		if !rep.OK() {
			return fmt.Errorf("%w: %s", errFindings, counted(len(rep.Findings), "finding"))
		}
		return nil
	})
}

// verify asks the daemon or checks the directory.
func (a *app) verify(ctx context.Context, deep bool) (*holdfast.VerifyReport, error) {
	if a.server != "" {
		rep := new(holdfast.VerifyReport)
		return rep, a.withRemote(ctx, func(r *remote) error {
			b, err := r.call(ctx, "verify", remoteQuery{Deep: deep})
			if err == nil {
				err = json.Unmarshal(b, rep)
			}
			return err
		})
	}
	r, err := a.reader()
	if id, ok := errors.AsType[*holdfast.IdentityError](err); ok { // without its identity nothing else can be checked
		return &holdfast.VerifyReport{
			Deep: deep, Notices: []holdfast.Finding{},
			Findings: []holdfast.Finding{{File: id.File, Reason: id.Reason, Plan: "put the file back from a copy of the ledger"}},
		}, nil
	}
	if err != nil {
		return nil, err
	}
	var done, total atomic.Uint64
	p := a.startProgress("verify", func() (int64, int64, string) {
		return int64(done.Load()), int64(total.Load()), fmt.Sprintf("%d of %d records recomputed", done.Load(), total.Load())
	})
	defer p.stop()
	return r.Verify(ctx, holdfast.VerifyOptions{Deep: deep, Progress: func(d, t uint64) {
		done.Store(d)
		total.Store(t)
	}})
}

func (a *app) printReport(rep *holdfast.VerifyReport) error {
	if a.output != asTable {
		return a.printJSON(rep)
	}
	pairs := []pair{
		{"records", fmt.Sprintf("%d to %d: %d, of which %d changes", rep.First, rep.Last, rep.Records, rep.Changes)},
		{"journal", fmt.Sprintf("%s, %s", counted(rep.Segments, "segment"), byteText(rep.Bytes))},
		{"snapshots", fmt.Sprint(rep.Snapshots)},
	}
	if rep.Deep {
		pairs = append(pairs, pair{"deep", "every change recomputed from its cause"})
	}
	if rep.Digest != "" {
		pairs = append(pairs, pair{"digest", rep.Digest})
	}
	if err := describe(a.stdout, pairs); err != nil {
		return err
	}
	for _, f := range rep.Notices {
		if _, err := fmt.Fprintln(a.stdout, "notice: "+findingText(f)); err != nil {
			return err
		}
	}
	for _, f := range rep.Findings {
		if _, err := fmt.Fprintln(a.stdout, "DAMAGE: "+findingText(f)); err != nil {
			return err
		}
	}
	if rep.OK() && rep.Unread {
		_, err := fmt.Fprintln(a.stdout, "ok: no damage found; payloads were not read: --key names where the keys come from")
		return err
	}
	if rep.OK() {
		_, err := fmt.Fprintln(a.stdout, "ok: no damage found")
		return err
	}
	return nil
}

// findingText is the place, the reason and the plan.
func findingText(f holdfast.Finding) string {
	s := f.Reason
	if f.File != "" {
		s = fmt.Sprintf("%s at offset %d: %s", f.File, f.Offset, f.Reason)
	}
	if f.Seq != 0 {
		s += fmt.Sprintf(" (seq %d)", f.Seq)
	}
	if f.Plan != "" {
		s += "\n        " + f.Plan
	}
	return s
}

// noun is a noun for a number of things.
func noun(n int, one string) string {
	if n == 1 {
		return one
	}
	return one + "s"
}

// counted is a number with its noun.
func counted(n int, of string) string {
	return fmt.Sprintf("%d %s", n, noun(n, of))
}

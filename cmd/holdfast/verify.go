package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/service"
)

func (a *app) verifyCmd() *cobra.Command {
	var deep bool
	var against, verifier string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check every byte of the ledger, and with --deep every number",
		Long: `Checks, without changing anything: identity, segment names, frames, checksums,
seqs and chain of the journal, every snapshot and its place in the chain. With
--deep every change is also recomputed from its cause and must give the same
bytes, and every snapshot's digest.

Of an encrypted ledger without --key, integrity is checked all the same: checksums
and chain are over what is stored. What payloads say is not.

That finds rot and careless edits. Who can write the directory can also compute
fresh checksums and a fresh chain; what he cannot change is what was kept
elsewhere. --against compares the ledger with such evidence: a file of one or more
checkpoints, a directory of *.note files, a snapshot, or a copy of the ledger's
directory, and names the first record that differs, as exactly as the evidence
does. --verifier checks the signatures of checkpoints.

Exit code 3 when damage was found or the ledger does not fit the evidence; 1 when
the evidence cannot be used (unreadable, bad signature) or nothing of it could be
compared. A torn tail that the next opening will cut is a notice, no damage.`,
		Example: `  holdfast verify --deep
  holdfast verify -o json --dir /var/lib/holdfast
  holdfast verify --against kept.note --verifier holdfast.pub
  holdfast verify --against /mnt/offsite/holdfast-data`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&deep, "deep", false, "recompute every change")
	cmd.Flags().StringVar(&against, "against", "", "compare with checkpoints, a snapshot or a copy of the ledger that was kept elsewhere")
	cmd.Flags().StringVar(&verifier, "verifier", "", "with --against: public key, or file of such keys, one of which must have signed each checkpoint")
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		o, err := a.againstOptions(against, verifier)
		if err != nil {
			return err
		}
		rep, err := a.verify(ctx, deep)
		if err != nil {
			return err
		}
		if against != "" {
			if err = a.verifyAgainst(ctx, rep, against, o); err != nil {
				return err
			}
		}
		instruct(rep.Findings)
		instruct(rep.Notices)
		if err := a.printReport(rep); err != nil {
			return err
		}
		if !rep.OK() {
			return fmt.Errorf("%w: %s", errFindings, render.Counted(len(rep.Findings), "finding"))
		}
		if rep.Against != nil && !rep.Against.OK() {
			return fmt.Errorf("no damage was found, but nothing of %s could be compared with the ledger", against)
		}
		return nil
	})
}

// verify asks the daemon or checks the directory.
func (a *app) verify(ctx context.Context, deep bool) (*audit.Report, error) {
	if a.server != "" {
		rep := new(audit.Report)
		return rep, a.withRemote(ctx, func(r *remote) error {
			b, err := r.call(ctx, "verify", service.Verify{Deep: deep})
			if err == nil {
				err = json.Unmarshal(b, rep)
			}
			return err
		})
	}
	r, err := a.reader()
	if id, ok := errors.AsType[*holdfast.IdentityError](err); ok { // without its identity nothing else can be checked
		f := audit.Finding{File: id.File, Reason: id.Reason, Plan: "put the file back from a copy of the ledger"}
		if id.Remedy.Kind != "" {
			f.Reason += ": " + instruction(id.Remedy)
		}
		return &audit.Report{Notices: []audit.Finding{}, Findings: []audit.Finding{f}}, nil
	}
	if err != nil {
		return nil, err
	}
	var done, total atomic.Uint64
	p := a.startProgress("verify", func() (int64, int64, string) {
		return int64(done.Load()), int64(total.Load()), fmt.Sprintf("%d of %d records recomputed", done.Load(), total.Load())
	})
	defer p.stop()
	return audit.Verify(ctx, r, audit.Options{Deep: deep, Progress: func(d, t uint64) {
		done.Store(d)
		total.Store(t)
	}})
}

func (a *app) printReport(rep *audit.Report) error {
	if a.output != render.AsTable {
		return a.printJSON(rep)
	}
	pairs := []render.Pair{
		{"records", fmt.Sprintf("%d to %d: %d, of which %d changes", rep.First, rep.Last, rep.Records, rep.Changes)},
		{"journal", fmt.Sprintf("%s, %s", render.Counted(rep.Segments, "segment"), render.Bytes(rep.Bytes))},
		{"snapshots", fmt.Sprint(rep.Snapshots)},
	}
	if rep.Checkpoints > 0 {
		pairs = append(pairs, render.Pair{"checkpoints", fmt.Sprint(rep.Checkpoints)})
	}
	if rep.Against != nil {
		pairs = append(pairs, againstPairs(rep.Against)...)
	}
	if rep.Deep {
		text := "every change recomputed from its cause"
		if rep.Believed > 0 {
			text += fmt.Sprintf(", but for %d: what they follow from was trimmed", rep.Believed)
		}
		pairs = append(pairs, render.Pair{"deep", text})
	}
	if rep.Digest != "" {
		pairs = append(pairs, render.Pair{"digest", rep.Digest})
	}
	if err := render.Describe(a.stdout, pairs); err != nil {
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
func findingText(f audit.Finding) string {
	s := f.Reason
	switch {
	case f.File != "" && f.Offset == 0 && f.Seq == 0:
		s = f.File + ": " + f.Reason
	case f.File != "":
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

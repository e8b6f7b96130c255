package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/repair"
)

// repairFlags are those of repair.
type repairFlags struct {
	plan bool
	from string
	loss uint64
}

func (a *app) repairCmd() *cobra.Command {
	var f repairFlags
	cmd := &cobra.Command{
		Use:   "repair [--plan] [--from DIR] [--accept-loss-from SEQ]",
		Short: "Heal a damaged ledger from a copy, or give up what cannot be healed",
		Long: `Puts right what every other verb refuses. With --plan it changes nothing and
prints what is damaged, what is known to have been durable, what would be healed,
what would be lost, and the command to run next.

--from names a copy of the ledger's directory: a backup of the disk, a standby, an
older copy; it may be behind, ahead, in use, encrypted, or damaged elsewhere. A
record is taken from it only if it fits the checksum and the chain on both sides.
A copy of another history is refused.

--accept-loss-from is the only way to give up records that may have been
acknowledged: everything from that seq on goes. It begins a new lineage in the
same directory; the stream on the bus is that of the old one until 'bus rebuild'.

Whatever is replaced or removed is kept in DIR/quarantine, with a report. To run it
again, also after a crash, leads to the same ledger. The ledger must not be held.

Exit code 0 when nothing is left to repair, 3 when damage stays (with --plan: when
there is any), 5 when the ledger is in use.`,
		Example: `  holdfast repair --plan
  holdfast repair --from /mnt/backup/holdfast-data
  holdfast repair --accept-loss-from 120431`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&f.plan, "plan", false, "change nothing, print what would be done and lost")
	cmd.Flags().StringVar(&f.from, "from", "", "directory of a copy of this ledger to heal from")
	cmd.Flags().Uint64Var(&f.loss, "accept-loss-from", 0, "give up every record from this seq on")
	given := cmd.Flags()
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		if err := a.here("repair"); err != nil {
			return err
		}
		switch {
		case given.Changed("accept-loss-from") && f.loss == 0:
			return usagef("--accept-loss-from 0: the first record has seq 1")
		}
		return a.repair(ctx, &f)
	})
}

func (a *app) repair(ctx context.Context, f *repairFlags) error {
	do := repair.Do
	if f.plan {
		do = repair.Diagnose
	}
	keys, err := a.keys()
	if err != nil {
		return err
	}
	p, err := do(ctx, a.dir, repair.Options{From: f.from, AcceptLossFrom: f.loss, Keys: keys, Verb: "repair", Logger: a.log})
	if p == nil {
		return err
	}
	if perr := a.printRepair(p, f); perr != nil {
		return perr
	}
	switch {
	case err != nil:
		return err
	case f.plan && !p.Sound():
		return fmt.Errorf("%w: %s; nothing was changed", errFindings, render.Counted(len(p.Damages)+extra(p), "finding"))
	case !p.Whole():
		return fmt.Errorf("%w: %s left", errFindings, render.Counted(max(len(p.Stays), 1), "finding"))
	}
	return nil
}

// extra counts the findings outside the journal.
func extra(p *repair.Plan) int {
	n := len(p.Snapshots)
	if p.Identity != "" {
		n++
	}
	return n
}

// repairOutput is the plan and what to do next.
type repairOutput struct {
	*repair.Plan
	Planned bool     `json:"planned"` // nothing was changed
	Sound   bool     `json:"sound"`   // nothing was damaged
	Whole   bool     `json:"whole"`   // nothing is damaged once it is done
	Next    []string `json:"next"`
}

func (a *app) printRepair(p *repair.Plan, f *repairFlags) error {
	next := a.repairNext(p, f)
	if a.output != render.AsTable {
		for i := range next {
			next[i] = strings.TrimPrefix(next[i], "next: ")
		}
		return a.printJSON(repairOutput{Plan: p, Planned: f.plan, Sound: p.Sound(), Whole: p.Whole(), Next: next})
	}
	pairs := []render.Pair{{"ledger", fmt.Sprintf("%s (%s)", orDash(p.Name), orDash(p.ID))}, {"directory", p.Dir}}
	if p.Last < p.First {
		pairs = append(pairs, render.Pair{"in order", "no record"})
	} else {
		pairs = append(pairs, render.Pair{"in order", fmt.Sprintf("seq %d to %d", p.First, p.Last)})
	}
	pairs = append(pairs, render.Pair{"durable", fmt.Sprintf("up to seq %d: %s", p.Durable, p.DurableBy)})
	if err := render.Describe(a.stdout, pairs); err != nil {
		return err
	}
	lines := damageLines(p)
	if p.Refused == "" {
		lines = append(lines, workLines(p, f.plan)...)
	}
	for _, s := range p.Stays {
		if p.Loss == nil || !p.Loss.Accepted {
			lines = append(lines, "stays: "+placeText(s.File, s.Offset, s.Seq, s.Reason))
		}
	}
	for _, line := range append(lines, next...) {
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

func placeText(file string, offset int64, seq uint64, reason string) string {
	return findingText(audit.Finding{File: file, Offset: offset, Seq: seq, Reason: reason})
}

// damageLines say what is wrong.
func damageLines(p *repair.Plan) (lines []string) {
	for _, d := range p.Damages {
		lines = append(lines, "DAMAGE: "+placeText(d.File, d.Offset, d.Seq, d.Reason))
	}
	if p.Identity != "" {
		lines = append(lines, "DAMAGE: ledger.json "+p.Identity)
	}
	for _, s := range p.Snapshots {
		lines = append(lines, fmt.Sprintf("snapshot: %s (seq %d): %s", s.Name, s.Seq, s.Reason))
	}
	if p.Torn != nil {
		lines = append(lines, fmt.Sprintf("torn: %s, %s; the next opening cuts it and keeps it",
			placeText(p.Torn.File, p.Torn.Offset, p.Torn.Seq, p.Torn.Reason), render.Bytes(p.Torn.Bytes)))
	}
	return lines
}

// workLines say what is, or was, done.
func workLines(p *repair.Plan, planned bool) (lines []string) {
	word := func(would, did string) string {
		if planned {
			return would
		}
		return did
	}
	for _, h := range p.Heals {
		from := "the file " + h.File + ", which has a wrong name"
		if h.Copied {
			from = h.File
		}
		lines = append(lines, fmt.Sprintf("%s: seq %d to %d, from %s", word("would heal", "healed"), h.From, h.To, from))
	}
	for _, w := range p.Writes {
		lines = append(lines, word("would write: ", "written: ")+w)
	}
	if p.Mark {
		lines = append(lines, word("would write: ", "written: ")+"MARK")
	}
	if p.IdentityFrom != "" {
		lines = append(lines, word("would write: ", "written: ")+"ledger.json, as it is in "+p.IdentityFrom)
	}
	for _, m := range p.Moves {
		lines = append(lines, word("would move to quarantine: ", "moved to quarantine: ")+m)
	}
	for _, s := range p.Snapshots {
		if p.Whole() {
			lines = append(lines, word("would move to quarantine: ", "moved to quarantine: ")+"backups/"+s.Name)
		}
	}
	if p.Loss != nil && p.Loss.Accepted {
		lines = append(lines, word("would give up: ", "given up: ")+lossText(p),
			fmt.Sprintf("%s: %s, parent %s", word("new lineage", "new lineage"), p.NewID, p.ID))
		if p.Digest != "" {
			lines = append(lines, "state at its end: "+p.Digest)
		}
	}
	for _, k := range p.Kept {
		lines = append(lines, "kept: "+k)
	}
	if p.Report != "" {
		lines = append(lines, "report: "+p.Report)
	}
	return lines
}

// lossText says what is lost.
func lossText(p *repair.Plan) string {
	l := p.Loss
	if l.To < l.From {
		return fmt.Sprintf("nothing that is known of; what may have stood behind seq %d", l.From-1)
	}
	return fmt.Sprintf("seq %d to %d, of which %d can still be read and are kept in quarantine", l.From, l.To, l.Readable)
}

// repairNext names the commands to run next.
func (a *app) repairNext(p *repair.Plan, f *repairFlags) []string {
	here := "--dir " + quoted(a.dir)
	if a.keySource != "" && a.keySource != os.Getenv("HOLDFAST_KEY_SOURCE") {
		here += " --key " + quoted(a.keySource)
	}
	command := "holdfast repair " + here
	if f.from != "" && p.Refused == "" {
		command += " --from " + quoted(f.from)
	}
	if p.Loss != nil && p.Loss.Accepted && p.Refused == "" {
		again := command + " --accept-loss-from " + strconv.FormatUint(p.Loss.From, 10)
		if f.plan {
			return []string{"next: " + again}
		}
		return []string{
			"next: 'holdfast bus rebuild " + here + "' makes the stream anew, if there is one; its consumers must begin again",
		}
	}
	next := []string{}
	switch {
	case p.Sound():
		return []string{"ok: nothing to repair"}
	case p.Refused != "":
		next = append(next, "refused: "+p.Refused)
	case p.Whole() && f.plan:
		return []string{"next: " + command}
	case p.Whole():
		return []string{"ok: nothing is left to repair"}
	case f.plan && len(p.Heals)+len(p.Writes) > 0:
		next = append(next, "next: "+command+" does what is said above")
	}
	next = append(next, "next: holdfast repair --plan "+here+" --from COPY, with "+another(f.from)+" copy of this ledger")
	if s := p.Restorable; s != nil {
		next = append(next, fmt.Sprintf("next: holdfast backup restore %s %s --to NEW, without one: a new ledger that begins with the state at seq %d; this one stays as it is",
			s.Name, here, s.Seq))
	}
	if p.Loss != nil {
		next = append(next, fmt.Sprintf("next: %s --accept-loss-from %d, without one: it gives up %s, and begins a new lineage", command, p.Loss.Least, leastText(p)))
	}
	return next
}

// leastText is lossText for the least that has to be given up.
func leastText(p *repair.Plan) string {
	if p.Loss.From == p.Loss.Least {
		return lossText(p)
	}
	return fmt.Sprintf("everything from seq %d on", p.Loss.Least)
}

func another(from string) string {
	if from == "" {
		return "a"
	}
	return "another"
}

// quoted makes a path safe to be pasted into a shell.
func quoted(path string) string {
	if path != "" && !strings.ContainsAny(path, " \t\n'\"\\$&|;<>()*?[]#~!`{}") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

func (a *app) checkpointCmd() *cobra.Command {
	var signKey string
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print a signed statement of the ledger's history",
		Long: `Prints a checkpoint: seq and chain of the newest durable record, and of some
before it, signed with the key of --sign-key (ed25519, the note format of
golang.org/x/mod/sumdb/note). Keep it where who can write the ledger cannot:
'verify --against' then proves that nothing up to it was rewritten or removed.

The directory is read whole and nothing is written into it. With --server the
daemon makes the checkpoint, with the key that it was started with, keeps it in
DIR/checkpoints and announces it on the bus. A daemon does so with every snapshot
by itself.`,
		Example: `  holdfast keygen --sign sign.key > holdfast.pub
  holdfast checkpoint --sign-key sign.key >> kept.note
  holdfast checkpoint --server nats://127.0.0.1:4222 -o json
  holdfast verify --against kept.note --verifier holdfast.pub`,
		Args: cobra.NoArgs,
	}
	signKeyFlag(cmd, &signKey)
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		c, err := a.checkpoint(ctx, signKey)
		if err != nil {
			return err
		}
		return a.printCheckpoint(&c)
	})
}

// checkpoint asks the daemon or reads the directory.
func (a *app) checkpoint(ctx context.Context, signKey string) (made audit.Checkpointed, err error) {
	if a.server != "" {
		if signKey != "" {
			return made, usagef("--sign-key is for the directory: the daemon signs with its own key")
		}
		err = a.withRemote(ctx, func(r *remote) error { return r.ask(ctx, "checkpoint", &made) })
		return made, err
	}
	if signKey == "" {
		return made, usagef("--sign-key is missing: name the key that signs; 'holdfast keygen --sign FILE' makes one")
	}
	by, err := loadSigner(signKey)
	if err != nil {
		return made, err
	}
	r, err := a.reader()
	if err != nil {
		return made, err
	}
	n, err := audit.Checkpoint(ctx, r, by)
	if err != nil {
		return made, err
	}
	return audit.CheckpointOf(n), nil
}

func (a *app) printCheckpoint(c *audit.Checkpointed) error {
	switch a.output {
	case render.AsTable:
		_, err := io.WriteString(a.stdout, c.Note)
		return err
	case render.AsCSV:
		cols := []render.Column[audit.Checkpointed]{
			{Title: "ledger", Cell: func(c *audit.Checkpointed) string { return c.Ledger.String() }},
			{Title: "name", Cell: func(c *audit.Checkpointed) string { return c.Name }},
			{Title: "seq", Cell: func(c *audit.Checkpointed) string { return strconv.FormatUint(c.Seq, 10) }},
			{Title: "epoch", Cell: func(c *audit.Checkpointed) string { return strconv.FormatUint(c.Epoch, 10) }},
			{Title: "time", Cell: func(c *audit.Checkpointed) string { return c.Time }},
			{Title: "chain", Cell: func(c *audit.Checkpointed) string { return c.Chain }},
			{Title: "state", Cell: func(c *audit.Checkpointed) string { return c.State }},
			{Title: "key", Cell: func(c *audit.Checkpointed) string { return c.Key }},
			{Title: "note", Cell: func(c *audit.Checkpointed) string { return c.Note }},
		}
		s := sheetOf(a, cols, cols)
		if err := s.AddValue(c); err != nil {
			return err
		}
		return s.End("")
	}
	return a.printJSON(c)
}

// againstOptions reads the flags of a verification against evidence.
func (a *app) againstOptions(against, verifier string) (o audit.CompareOptions, err error) {
	switch {
	case against == "" && verifier != "":
		return o, usagef("--verifier checks the signatures of --against: name what to compare with")
	case against == "":
		return o, nil
	case verifier != "":
		o.Verifiers, err = loadVerifiers(verifier)
		if err != nil {
			return o, err
		}
	}
	return o, a.here("verify --against")
}

// verifyAgainst puts a comparison into the report. A ledger that is too damaged to
// be compared is in the report already.
func (a *app) verifyAgainst(ctx context.Context, rep *audit.Report, path string, o audit.CompareOptions) error {
	var found *audit.Against
	r, err := a.reader()
	if err == nil {
		found, err = audit.Compare(ctx, r, path, o)
	}
	switch {
	case err == nil:
		rep.Add(found)
	case errors.Is(err, holdfast.ErrDamaged) && !rep.OK():
		rep.Notices = append(rep.Notices, audit.Finding{File: path, Reason: "not compared: " + err.Error()})
	default:
		return err
	}
	return nil
}

// againstPairs describe a comparison.
func againstPairs(c *audit.Against) []render.Pair {
	signatures := map[string]int{}
	for _, w := range c.Witnesses {
		signatures[w.Signature]++
	}
	pairs := []render.Pair{{"against", fmt.Sprintf("%s: %d of %d fit", c.Source, c.Fits(), len(c.Witnesses))}}
	switch {
	case signatures[audit.SignatureGood] > 0:
		pairs = append(pairs, render.Pair{"signatures", "good, by " + c.Witnesses[0].Key})
	case signatures[audit.SignatureNotChecked] > 0:
		pairs = append(pairs, render.Pair{"signatures", "not checked: give --verifier"})
	}
	proven := "nothing"
	if c.Proven > 0 {
		proven = fmt.Sprintf("up to seq %d the history is the one that was witnessed", c.Proven)
	}
	return append(pairs, render.Pair{"proven", proven})
}

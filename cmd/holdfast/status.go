package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/report"
	"github.com/moneyprinter/holdfast/service"
)

func (a *app) statusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Describe the ledger",
		Long: `Prints what the ledger holds: its first and last record, open positions, digest,
snapshots, the totals of accounts, and who holds it. With --server the daemon's
own view, bus included.`,
		Example: `  holdfast status
  holdfast status --server nats://127.0.0.1:4222 -o json`,
		Args: cobra.NoArgs,
	}
	return a.verb(cmd, func(ctx context.Context, _ []string) error {
		st, err := a.status(ctx)
		if err != nil {
			return err
		}
		if a.output != render.AsTable {
			return a.printJSON(st)
		}
		return render.Describe(a.stdout, statusPairs(st))
	})
}

// status asks the daemon or reads the directory.
func (a *app) status(ctx context.Context) (holdfast.Status, error) {
	var st holdfast.Status
	if a.server != "" {
		err := a.withRemote(ctx, func(r *remote) error {
			b, err := r.call(ctx, "status", nil)
			if err == nil {
				err = json.Unmarshal(b, &st)
			}
			if err == nil && st.AccountsLeftOut > 0 {
				st.AccountsLeftOut = 0
				st.Accounts, err = all[report.AccountStatus](r.list(ctx, "account.list", &service.AccountList{}))
			}
			return err
		})
		return st, err
	}
	r, err := a.reader()
	if err != nil {
		return st, err
	}
	v, err := r.AsOf(ctx, holdfast.Moment{})
	if err != nil {
		return st, err
	}
	return holdfast.StatusOf(r, v)
}

func statusPairs(s holdfast.Status) []render.Pair {
	out := []render.Pair{
		{"ledger", fmt.Sprintf("%s (%s), created %s", s.Name, s.ID, s.Created)},
		{"directory", s.Dir},
	}
	for _, p := range s.Parents {
		out = append(out, render.Pair{"parent", fmt.Sprintf("%s, up to seq %d", p.Ledger, p.Seq)})
	}
	out = append(out, []render.Pair{
		{"records", recordsText(&s)},
		{"newest", newestText(&s)},
		{"positions", fmt.Sprintf("%d open of %d", s.Open, s.Positions)},
		{"digest", s.Digest},
		{"encrypted", encryptedText(&s)},
		{"snapshots", strconv.Itoa(s.Snapshots)},
	}...)
	if s.Newest != "" {
		out = append(out, render.Pair{"newest snapshot", fmt.Sprintf("%s (seq %d)", s.Newest, s.Snapshot)})
	}
	for i := range s.Accounts {
		out = append(out, render.Pair{"account " + s.Accounts[i].Account, accountText(&s.Accounts[i])})
	}
	switch {
	case s.Holder == nil:
		out = append(out, render.Pair{"holder", "nobody"})
	case s.Holder.Reach != "":
		out = append(out, render.Pair{"holder", fmt.Sprintf("%s (pid %d), at %s", s.Holder.Verb, s.Holder.PID, s.Holder.Reach)})
	default:
		out = append(out, render.Pair{"holder", fmt.Sprintf("%s (pid %d)", s.Holder.Verb, s.Holder.PID)})
	}
	if s.Bus != nil {
		out = append(out, render.Pair{"bus", busText(s.Bus)})
	}
	if d := s.DatedAhead; d != nil {
		out = append(out, render.Pair{"dated ahead", fmt.Sprintf("%s, the farthest of %s with id %s", render.Counted(int(d.Mutations), "mutation"), d.Farthest, d.ID)})
	}
	if s.Failure != "" {
		out = append(out, render.Pair{"failure", s.Failure})
	}
	return out
}

// newestText is the time of the newest record, and that it is not to be trusted
// where it is in the future.
func newestText(s *holdfast.Status) string {
	if s.ClockAhead < 60 {
		return s.Time
	}
	return fmt.Sprintf("%s, which is %s ahead of the clock", s.Time, time.Duration(s.ClockAhead)*time.Second)
}

// encryptedText names the key of the newest record.
func encryptedText(s *holdfast.Status) string {
	switch {
	case s.Encrypted != "":
		return "key " + s.Encrypted
	case s.EncryptedAlways:
		return "from the first record on; there is none yet"
	}
	return "no"
}

// accountText tells an account in one line: what its charges sum to, and what it
// came to with its positions where it has any.
func accountText(acc *report.AccountStatus) string {
	sum := func(m map[string]string) string {
		parts := make([]string, 0, len(m))
		for _, ccy := range sortedNames(m) {
			parts = append(parts, render.Short(render.Text(m[ccy]))+" "+ccy)
		}
		if len(parts) == 0 {
			return "0"
		}
		return strings.Join(parts, ", ")
	}
	balance := sum(acc.Balances)
	if acc.Positions.Count == 0 {
		return balance
	}
	return fmt.Sprintf("%s; with %s, %d open: %s", balance, render.Counted(acc.Positions.Count, "position"), acc.Positions.Open, sum(acc.Total))
}

func sortedNames[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// recordsText says which records the journal holds.
func recordsText(s *holdfast.Status) string {
	if s.Last < s.First {
		return fmt.Sprintf("none yet, the next is %d", s.First)
	}
	return fmt.Sprintf("%d to %d, epoch %d, %s", s.First, s.Last, s.Epoch, render.Bytes(s.Bytes))
}

// busText tells in one line what the relay is doing.
func busText(s *bus.Status) string {
	text := fmt.Sprintf("%s: stream %s holds %s, %d behind", s.State, s.Stream, heldText(s), s.Lag)
	if s.Err != "" {
		text += ": " + s.Err
	}
	if s.State == bus.StateStopped {
		text += ": 'holdfast bus rebuild' does that"
	}
	return text
}

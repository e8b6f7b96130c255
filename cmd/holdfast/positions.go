package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

type positionsFlags struct {
	selection

	all, accounts bool
	asOf          string
}

func (a *app) positionsCmd() *cobra.Command {
	var f positionsFlags
	cmd := &cobra.Command{
		Use:   "positions",
		Short: "Print positions, now or at a past moment",
		Long: `Prints the open positions; with --all also the last closed cycle of each key that
is flat; with --accounts the balances of accounts instead.

--as-of takes a seq or a record time and shows what the ledger held then. The
directory is read without a lock, also while a daemon writes to it. Tables round
to 8 fractional digits; the other forms give every digit.`,
		Example: `  holdfast positions
  holdfast positions --account A --all -o csv
  holdfast positions --as-of 2026-01-02T03:04:05Z
  holdfast positions --server nats://127.0.0.1:4222 --creds holdfast-data/nats/reader.json`,
		Args: cobra.NoArgs,
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "flat positions too, with their last cycle")
	cmd.Flags().BoolVar(&f.accounts, "accounts", false, "balances of accounts instead of positions")
	cmd.Flags().StringVar(&f.asOf, "as-of", "", "state at a seq or record time instead of now")
	return a.verb(cmd, func(ctx context.Context, _ []string) error { return a.positions(ctx, &f) })
}

func (a *app) positions(ctx context.Context, f *positionsFlags) error {
	at, err := moment("as-of", f.asOf)
	if err != nil {
		return err
	}
	if f.accounts && a.output == asCSV && f.strategy+f.instrument != "" {
		return usagef("--accounts knows --account only")
	}
	if a.server != "" {
		return a.withRemote(ctx, func(r *remote) error { return a.remotePositions(ctx, r, f) })
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	if err = reached(a.dir, at); err != nil {
		return err
	}
	v, err := r.AsOf(ctx, at)
	if err != nil {
		return err
	}
	if f.accounts {
		return a.printAccounts(v, f)
	}
	return a.printPositions(v, f)
}

// reached refuses a seq that the journal does not hold yet.
func reached(dir string, at holdfast.Moment) error {
	if at.Seq == 0 {
		return nil
	}
	log, err := journal.OpenReader(dir)
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	last, err := log.Last()
	if err == nil && last.Seq < at.Seq {
		err = fmt.Errorf("seq %d is not there yet, the newest is %d", at.Seq, last.Seq)
	}
	if err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	return nil
}

// printPositions prints those of a view.
func (a *app) printPositions(v *projector.View, f *positionsFlags) error {
	s := newSheet(a, positionTable(), positionFile())
	var buf []byte
	for p := range v.Positions() {
		if (!f.all && !p.IsOpen()) || !f.selects(p.Key) {
			continue
		}
		buf = position.AppendPositionJSON(buf[:0], &p)
		if err := s.add(buf); err != nil {
			return err
		}
	}
	return s.end("no open positions")
}

func (a *app) remotePositions(ctx context.Context, r *remote, f *positionsFlags) error {
	if f.accounts {
		if f.asOf != "" {
			return usagef("--accounts with --as-of works on the directory: use --dir instead of --server")
		}
		return a.remoteAccounts(ctx, r, f)
	}
	q := remoteQuery{Account: f.account, Instrument: f.instrument, Strategy: f.strategy, All: f.all, At: f.asOf}
	endpoint := "position.list"
	if f.asOf != "" {
		endpoint = "position.at"
	}
	b, err := r.call(ctx, endpoint, q)
	if err != nil {
		return err
	}
	rows, err := rawRows(b)
	if err != nil {
		return err
	}
	s := newSheet(a, positionTable(), positionFile())
	for _, raw := range rows {
		if err := s.add(raw); err != nil {
			return err
		}
	}
	return s.end("no open positions")
}

// rawRows splits an answer into its members.
func rawRows(b []byte) ([]json.RawMessage, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	return rows, nil
}

// accountRow is one balance.
type accountRow struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Balance  string `json:"balance"`
}

func accountColumns() []column[accountRow] {
	return []column[accountRow]{
		{title: "account", cell: func(r *accountRow) string { return r.Account }},
		{title: "currency", cell: func(r *accountRow) string { return r.Currency }},
		{title: "balance", right: true, cell: func(r *accountRow) string { return r.Balance }},
	}
}

func (a *app) printAccounts(v *projector.View, f *positionsFlags) error {
	var rows []accountRow
	for acc := range v.Accounts() {
		for _, b := range acc.Balances {
			rows = append(rows, accountRow{acc.Name, b.Currency, b.Value.String()})
		}
	}
	return a.accountSheet(rows, f.account)
}

func (a *app) remoteAccounts(ctx context.Context, r *remote, f *positionsFlags) error {
	b, err := r.call(ctx, "status", nil)
	if err != nil {
		return err
	}
	var st holdfast.Status
	if err := json.Unmarshal(b, &st); err != nil {
		return fmt.Errorf("holdfast: unexpected answer: %w", err)
	}
	var rows []accountRow
	for _, acc := range st.Accounts {
		for _, ccy := range sortedKeys(acc.Balances) {
			rows = append(rows, accountRow{acc.Account, ccy, acc.Balances[ccy]})
		}
	}
	return a.accountSheet(rows, f.account)
}

func (a *app) accountSheet(rows []accountRow, account string) error {
	s := newSheet(a, accountColumns(), accountColumns())
	for _, row := range rows {
		if account != "" && row.Account != account {
			continue
		}
		raw, err := json.Marshal(row)
		if err == nil {
			err = s.add(raw)
		}
		if err != nil {
			return err
		}
	}
	return s.end("no account has a balance")
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/statefile"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

type exportFlags struct {
	selection
	when
}

// defaultState is the file of an engine that keeps its positions in a map.
const defaultState = "positions.json"

func (a *app) exportCmd() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export [FILE|-]",
		Short: "Write open positions as a positions.json",
		Long: `Writes the open positions in the layout of an engine that keeps them in a file:
{"positions":[{"mint","symbol","entryPrice","size","remainingSize",…}],"lastSaved"}.
The file is replaced at once, so that a crash leaves the old or the new one; what
was there before is kept as FILE.bak. FILE is positions.json unless it is given; -
is standard output.

An engine that reads the layout finds a position by its instrument: choose with
--account, --strategy and --leg, of which the last two may be '', so that each
occurs once. All exits of a cycle appear as
one of their average price. Beside what such an engine reads, each position has
what 'holdfast import' needs to open it again with the same quantity, cost, lots,
profit, fees, extremes and notes, to the last digit. How often and how much it was
entered and left before is not in the file.`,
		Example: `  holdfast export --account bot
  holdfast export --as-of 2026-01-02T00:00:00Z state/positions.json
  holdfast export - | jq .positions`,
		Args: cobra.MaximumNArgs(1),
	}
	f.selection.flags(cmd)
	f.when.flags(cmd)
	return a.verb(cmd, func(ctx context.Context, args []string) error {
		file := defaultState
		if len(args) > 0 {
			file = args[0]
		}
		return a.export(ctx, &f, file)
	})
}

func (a *app) export(ctx context.Context, f *exportFlags, file string) error {
	if err := a.here("export"); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	r, err := a.reader()
	if err != nil {
		return err
	}
	v, err := a.viewAt(ctx, r, &f.when)
	if err != nil {
		return err
	}
	list, err := openOnes(v, f.selection)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		if err = knownTo(ctx, r, f.where())(); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	if err = statefile.Write(&b, list, v.Time()); err != nil {
		return fmt.Errorf("%w", err)
	}
	if file == "-" {
		_, err = a.stdout.Write(b.Bytes())
		return err
	}
	if err = replaceKeeping(file, b.Bytes()); err != nil {
		return err
	}
	if a.output != render.AsTable {
		return a.printJSON(map[string]any{"file": file, "positions": len(list), "seq": v.Seq()})
	}
	_, err = fmt.Fprintf(a.stdout, "%s written to %s, as of seq %d\n", render.Counted(len(list), "position"), file, v.Seq())
	return err
}

// replaceKeeping replaces a file and keeps its last content beside it. The copy
// is durable before the file changes.
func replaceKeeping(file string, b []byte) error {
	old, err := os.ReadFile(file)
	switch {
	case err == nil:
		err = durable.WriteFile(file+".bak", old, 0o600)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err == nil {
		err = durable.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// openOnes are the selected open positions. An engine finds a position by its
// instrument, so each may occur once.
func openOnes(v *projector.View, sel selection) ([]position.Position, error) {
	var list []position.Position
	seen := make(map[string]position.Key)
	for p := range selected(v, &positionsFlags{selection: sel}) {
		if other, twice := seen[p.Key.Instrument]; twice {
			return nil, fmt.Errorf("%s is open as %s and as %s, and the layout holds an instrument once: choose with --account, --strategy or --leg ('' is those without one)",
				p.Key.Instrument, other, p.Key)
		}
		seen[p.Key.Instrument] = p.Key
		list = append(list, *p)
	}
	return list, nil
}

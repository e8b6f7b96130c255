package main

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/position"
)

func (a *app) schemaCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema [mutation|change|position]",
		Short: "Print the JSON Schema of a mutation, a change or a position",
		Long: `Prints a JSON Schema (draft 2020-12): of one line that ingest reads (mutation,
the default), of one event or line of history (change), or of one member of what
positions prints (position).`,
		Example:   "  holdfast schema mutation > mutation.schema.json",
		ValidArgs: []string{"mutation", "change", "position"},
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
	}
	return a.verb(cmd, func(_ context.Context, args []string) error {
		schema := position.MutationSchema
		if len(args) == 1 {
			switch args[0] {
			case "change":
				schema = position.ChangeSchema
			case "position":
				schema = position.PositionSchema
			}
		}
		_, err := a.stdout.Write(append(bytes.TrimRight(schema(), "\n"), '\n'))
		return err
	})
}

package main

import (
	"bytes"
	"context"
	"slices"
	"strings"

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
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && !slices.Contains(cmd.ValidArgs, args[0]) {
				return usagef("schema %s: choose mutation, change or position", strings.Join(args, " "))
			}
			return nil
		},
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

package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

func (a *app) versionCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Prints the version of this build, the version of its arithmetic, and the Go release it was built with.",
		Example: "  holdfast version -o json",
		Args:    cobra.NoArgs,
	}
	return a.verb(cmd, func(context.Context, []string) error {
		if a.output != asTable {
			return a.printJSON(map[string]any{
				"version": holdfast.Version(), "arithmetic": position.ArithmeticVersion, "go": runtime.Version(),
			})
		}
		_, err := fmt.Fprintf(a.stdout, "holdfast %s, arithmetic %d, %s\n", holdfast.Version(), position.ArithmeticVersion, runtime.Version())
		return err
	})
}

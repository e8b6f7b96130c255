package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
)

// notices are the licences of what this binary is linked from; internal/notices
// makes them.
//
//go:embed THIRD_PARTY_NOTICES
var notices string

func (a *app) versionCmd() *cobra.Command {
	var licenses bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Prints the version of this build, the version of its arithmetic, and the Go
release it was built with; with --licenses the terms of the software that is
linked into it.`,
		Example: "  holdfast version -o json\n  holdfast version --licenses",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&licenses, "licenses", false, "print the licences of what this binary contains")
	return a.verb(cmd, func(context.Context, []string) error {
		if licenses {
			_, err := io.WriteString(a.stdout, notices)
			return err
		}
		if a.output != render.AsTable {
			return a.printJSON(map[string]any{
				"version": holdfast.Version(), "arithmetic": position.ArithmeticVersion, "go": runtime.Version(),
			})
		}
		_, err := fmt.Fprintf(a.stdout, "holdfast %s, arithmetic %d, %s\n", holdfast.Version(), position.ArithmeticVersion, runtime.Version())
		return err
	})
}

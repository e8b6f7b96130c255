package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noEmptyFlag refuses a flag that was given without a value, as a script does whose
// variable is not set. Taken as left out, it would give another answer than was
// asked for: a ledger in plain text, the state of now, a check against nothing.
func noEmptyFlag(cmd *cobra.Command) (err error) {
	// "" is a value of the first two; the others are refused with a reason of their own.
	passed := []string{"strategy", "leg", "account", "instrument", "to"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.Type() == "string" && f.Value.String() == "" && !slices.Contains(passed, f.Name) {
			err = usagef("--%s is empty: give it a value, or leave the flag out", f.Name)
		}
	})
	return err
}

func envOr(name, value string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return value
}

func negative(flag string, d time.Duration) error {
	return usagef("--%s %s: give 0 or a positive duration", flag, d)
}

// parseSize reads a number of bytes with an optional suffix.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGiBkmgb")
	unit := map[string]int64{"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20, "g": 1 << 30, "gib": 1 << 30}
	factor, ok := unit[strings.ToLower(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || !ok {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return n * factor, nil
}

// flagError says what a flag takes instead of how its value was parsed.
func flagError(_ *cobra.Command, err error) error {
	text, want := err.Error(), ""
	if bad, ok := errors.AsType[*strconv.NumError](err); ok {
		switch bad.Func {
		case "ParseUint":
			want = "give a whole number that is not negative"
		case "ParseInt", "Atoi":
			want = "give a whole number"
		case "ParseBool":
			want = "give true or false"
		default:
			want = "give a number"
		}
		if errors.Is(err, strconv.ErrRange) {
			want = "the number is too large"
		}
	} else if strings.Contains(text, "time: ") && strings.Contains(text, "duration") {
		want = "give a duration such as 90s, 5m or 24h"
	}
	if i := strings.LastIndex(text, " flag: "); i >= 0 && want != "" {
		text = text[:i] + ": " + want
	}
	return usagef("%s", text)
}

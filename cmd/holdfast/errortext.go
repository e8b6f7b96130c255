package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

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

package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/remedy"
)

// What a repair can do is said with its command, and the remedy itself names none.
func TestInstructionNamesTheCommand(t *testing.T) {
	for _, kind := range []remedy.Kind{remedy.Heal, remedy.HealStopped, remedy.PutKept, remedy.Identify, remedy.ReplaceMark} {
		r := remedy.Remedy{Kind: kind, File: "quarantine/x", To: "journal/x"}
		require.Contains(t, instruction(r), "'holdfast repair --plan'", kind)
		require.NotContains(t, r.String(), "holdfast", kind)
		require.Equal(t, strings.Contains(r.String(), r.File), strings.Contains(instruction(r), r.File), kind)
	}
	r := remedy.Remedy{Kind: remedy.MoveAway}
	require.Equal(t, r.String(), instruction(r))
}

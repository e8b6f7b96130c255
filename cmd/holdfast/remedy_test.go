package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/journal"
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

// An error is told with a command or a flag where its own text has a plain sentence.
func TestErrorsAreToldInCommands(t *testing.T) {
	for kind, want := range map[remedy.Kind]string{
		remedy.TakeIdentity:          "'holdfast repair --from DIR'",
		remedy.TakeIdentityOrRestore: "'holdfast repair --from DIR'",
		remedy.Compare:               "verify --against, --verifier",
		remedy.CompareCopies:         "'verify --against'",
		remedy.OpenUnasked:           "--bus-evidence 0",
		remedy.CreateLedger:          "create one with ingest or serve, or name another --dir",
		remedy.OtherDir:              "name another --dir",
	} {
		err := remedy.Because(holdfast.ErrDamaged, kind)
		require.ErrorIs(t, err, holdfast.ErrDamaged)
		require.NotContains(t, err.Error(), "--", kind)
		require.NotContains(t, err.Error(), "holdfast", kind)
		told := inWords(fmt.Errorf("open: %w", err))
		require.Contains(t, told, want, kind)
		require.True(t, strings.HasPrefix(told, "open: "+holdfast.ErrDamaged.Error()+": "), told)
	}
	damaged := &journal.DamageError{File: "journal/x", Reason: "checksum does not fit", Remedy: remedy.Remedy{Kind: remedy.Heal}}
	require.NotContains(t, damaged.Error(), "--")
	require.Contains(t, inWords(fmt.Errorf("open: %w", damaged)), "'holdfast repair --plan' says what a copy of this ledger can heal (--from DIR)")
	require.Equal(t, "plain", inWords(errors.New("plain")))
	require.Contains(t, inWords(fmt.Errorf("%w: none", holdfast.ErrNoSigner)), "serve --sign-key")
	require.Contains(t, inWords(&remoteError{&bus.Error{Code: "501", Text: "no signing key"}}), "serve --sign-key")
}

package drills_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

func TestNearestNames(t *testing.T) {
	l := ledgertest.Open(t, t.TempDir(), ledgertest.Quiet())
	for _, name := range []string{"fund-a", "fund-b", "fund-c", "fund-d", "desk", "Desk 2", "x"} {
		_, err := l.Apply(t.Context(), ledgertest.BuyOne(name, "XBT", "", ""))
		require.NoError(t, err)
	}
	for name, want := range map[string]string{
		"FUND-B":                 "account FUND-B is not known here; nearest: fund-b",
		"fnud-d":                 "account fnud-d is not known here; nearest: fund-d",
		"fund":                   "account fund is not known here; nearest: fund-a, fund-b, fund-c",
		"desk2":                  `account desk2 is not known here; nearest: "Desk 2", desk`,
		"y":                      "account y is not known here",
		"X":                      "account X is not known here; nearest: x",
		"a b":                    `account "a b" is not known here`,
		"\x00":                   `account "\x00" is not known here`,
		strings.Repeat("f", 200): "account " + strings.Repeat("f", 64) + "… is not known here",
	} {
		err := holdfast.Known(l.View(), holdfast.Filter{Account: name})
		require.ErrorIs(t, err, holdfast.ErrUnknownName)
		require.EqualError(t, err, want)
		var unknown *holdfast.UnknownNameError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, name, unknown.Name)
	}
	require.NoError(t, holdfast.Known(l.View(), holdfast.Filter{Account: "desk", Instrument: "XBT", NoStrategy: true}))
	require.NoError(t, holdfast.Known(l.View(), holdfast.Filter{}))
}

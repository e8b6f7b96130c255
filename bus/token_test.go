package bus_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/bus"
)

func TestTokens(t *testing.T) {
	for text, token := range map[string]string{
		"":             "_",
		"_":            "=5F",
		"__":           "__",
		"BTC-USDT":     "BTC-USDT",
		"BTC:USDT@1+2": "BTC:USDT@1+2",
		"a.b.>":        "a=2Eb=2E=3E",
		"*":            "=2A",
		"BTC/USD":      "BTC=2FUSD",
		"a b":          "a=20b",
		"a\x00\n\x7f":  "a=00=0A=7F",
		"=5F":          "=3D5F",
		"größe":        "gr=C3=B6=C3=9Fe",
		"\xff":         "=FF",
		"$SYS":         "=24SYS",
		`a\b"c`:        "a=5Cb=22c",
	} {
		require.Equal(t, token, bus.Token(text), "%q", text)
		back, err := bus.ParseToken(token)
		require.NoError(t, err, "%q", token)
		require.Equal(t, text, back)
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for _, token := range []string{
		"", "a.b", "*", ">", "a b", "a\n", "ö", "\xff", "=", "=4", "a=", "=4g", "=2e", "=2E=", "=41", "=5f", "a=5F", "==", "=__", "$",
	} {
		_, err := bus.ParseToken(token)
		require.ErrorIs(t, err, bus.ErrToken, "%q", token)
	}
}

func TestTokenProperties(t *testing.T) {
	hostile := rapid.OneOf(rapid.String(), rapid.StringMatching(`[.*> _=0-9A-F\x00-\x20]{0,12}`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		a, b := hostile.Draw(t, "a"), hostile.Draw(t, "b")
		token := bus.Token(a)
		require.NotEmpty(t, token)
		require.LessOrEqual(t, len(token), max(1, 3*len(a)))
		for _, c := range []byte(token) {
			require.True(t, c > ' ' && c < 0x7f && !strings.ContainsRune(".*>$/\\", rune(c)), "%q", token)
		}
		back, err := bus.ParseToken(token)
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.Equal(t, a == b, bus.Token(b) == token)
		// Whatever is accepted as a token is the token of what it stands for.
		if text, parseErr := bus.ParseToken(b); parseErr == nil {
			require.Equal(t, b, bus.Token(text))
		}
	})
}

func TestSubjects(t *testing.T) {
	require.Equal(t, "holdfast.evt.v1.main.opened.A.BTC=2FUSD", bus.EventSubject("main", "opened", "A", "BTC/USD"))
	require.Equal(t, "holdfast.evt.v1.main.epoch._._", bus.EventSubject("main", "epoch", "", ""))
	require.Equal(t, "holdfast.ops.v1.main.backup.created", bus.OpsSubject("main", "backup.created"))
	require.Equal(t, "holdfast.ops.v1.main.a.=3E", bus.OpsSubject("main", "a.>"))
	require.Equal(t, "holdfast.api.v1.main.position.get", bus.RequestSubject("main", "position.get"))
	require.Equal(t, "HOLDFAST_my=2Eledger", bus.StreamName("my.ledger"))
	rapid.Check(t, func(t *rapid.T) {
		var in [4]string
		for i := range in {
			in[i] = rapid.String().Draw(t, "part")
		}
		subject := bus.EventSubject(in[0], in[1], in[2], in[3])
		require.Len(t, strings.Split(subject, "."), 7, "no part makes tokens of its own")
		ledger, kind, account, instrument, err := bus.ParseEventSubject(subject)
		require.NoError(t, err)
		require.Equal(t, [4]string{ledger, kind, account, instrument}, in)
	})
	for _, subject := range []string{"", "holdfast.evt.v1.a.b.c", "holdfast.evt.v1.a.b.c.d.e", "holdfast.evt.v2.a.b.c.d", "holdfast.evt.v1.a.b..d"} {
		_, _, _, _, err := bus.ParseEventSubject(subject)
		require.ErrorIs(t, err, bus.ErrToken, subject)
	}
}

// FuzzToken: a token is read back only as the text whose token it is, and a
// subject only as the parts that make it.
func FuzzToken(f *testing.F) {
	for _, text := range []string{"", "_", "BTC-USDT", "a.b.>", "=5F", "gr=C3=B6", "\xff", "=2e"} {
		f.Add(text)
		f.Add(bus.Token(text))
		f.Add(bus.EventSubject("main", "fill", text, "X"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		back, err := bus.ParseToken(bus.Token(text))
		require.NoError(t, err)
		require.Equal(t, text, back)
		if read, err := bus.ParseToken(text); err == nil {
			require.Equal(t, text, bus.Token(read))
		} else {
			require.ErrorIs(t, err, bus.ErrToken)
		}
		if a, b, c, d, err := bus.ParseEventSubject(text); err == nil {
			require.Equal(t, text, bus.EventSubject(a, b, c, d))
		} else {
			require.ErrorIs(t, err, bus.ErrToken)
		}
	})
}

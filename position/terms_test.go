package position_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// currencyPatterns are all ways in which base, quote and settlement can be given,
// left out, and be the same as each other.
var currencyPatterns = []string{"...", "A..", ".A.", "..A", "AA.", "AB.", "A.A", "A.B", ".AA", ".AB", "AAA", "AAB", "ABA", "ABB", "ABC"}

// termsTable says of every kind and pattern what becomes of its definition: "="
// and the currency of cost and profit, or the refusal.
func termsTable() map[position.InstrumentKind][15]string {
	const (
		linear  = "a linear instrument earns in the currency of its price"
		inverse = "an inverse instrument earns in its base, which its price is not in"
		spot    = "a spot instrument exchanges two currencies"
		quanto  = "a quanto instrument earns in a third currency, neither its base nor its quote"

		noBase   = "base is required for a spot instrument"
		noQuote  = "quote or settlement is required: " + spot
		noThird  = "settlement is required: " + quanto
		notBase  = `settlement "A" is the base: `
		isQuote  = `settlement "B" is the quote: `
		isQuoteA = `settlement "A" is the quote: `
		same     = `quote "A" is the base as well: `
		else1    = "; settled in the base it is inverse"
		else2    = "; settled in the quote it is linear"
	)
	return map[position.InstrumentKind][15]string{
		position.Linear: {
			"=USD", "=USD", "=A", "=A", same + linear, "=B", notBase + linear + else1, "=B", "=A", "=B",
			same + linear, same + linear, notBase + linear + else1, "=B", "=C",
		},
		position.Inverse: {
			"base or settlement is required: " + inverse, "=A", "base or settlement is required: " + inverse, "=A", same + inverse, "=A", "=A",
			`settlement "B" is not the base, "A": ` + inverse, isQuoteA + inverse + else2, "=B",
			same + inverse, same + inverse, "=A", isQuote + inverse + else2, `settlement "C" is not the base, "A": ` + inverse,
		},
		position.Spot: {
			noBase, noQuote, noBase, noBase, same + spot, "=B", notBase + spot, "=B", noBase, noBase,
			same + spot, same + spot, notBase + spot, "=B", "=C",
		},
		position.Quanto: {
			noThird, noThird, noThird, "=A", same + quanto, noThird, notBase + quanto, "=B", isQuoteA + quanto + else2, "=B",
			same + quanto, same + quanto, notBase + quanto, isQuote + quanto + else2, "=C",
		},
		position.Option: {
			"=USD", "=USD", "=A", "=A", "=A", "=B", "=A", "=B", "=A", "=B", "=A", "=B", "=A", "=B", "=C",
		},
	}
}

// TestTermsThatCannotBeRight: no definition labels amounts of one currency with
// another. Go, NDJSON and the fold agree on every kind and pattern.
func TestTermsThatCannotBeRight(t *testing.T) {
	t.Parallel()
	met := 0
	for kind, want := range termsTable() {
		for i, pattern := range currencyPatterns {
			part := strings.Split(strings.ReplaceAll(pattern, ".", " "), "")
			for k := range part {
				part[k] = strings.TrimSpace(part[k])
			}
			name := fmt.Sprintf("%s %s", kind, pattern)
			d := define(kind, "", part[0], part[1], part[2])
			line := definitionLine(t, kind, part)
			m, err := position.UnmarshalMutation([]byte(line))
			met++
			if settled, ok := strings.CutPrefix(want[i], "="); ok {
				require.NoError(t, d.Validate(), name)
				require.NoError(t, err, name)
				require.Equal(t, d, m, name)
				s := newMemory(position.Rules{})
				require.NoError(t, s.Apply(d), name)
				require.Equal(t, settled, s.instruments["X"].Terms.Settlement, name)
				continue
			}
			require.ErrorIs(t, d.Validate(), position.ErrInvalid, name)
			require.EqualError(t, d.Validate(), want[i], name)
			require.EqualError(t, err, want[i], name)
		}
	}
	require.Equal(t, 5*15, met)
}

// definitionLine is the NDJSON of a definition; members that are empty are left
// out.
func definitionLine(t *testing.T, kind position.InstrumentKind, part []string) string {
	t.Helper()
	members := map[string]string{"type": "instrument", "instrument": "X", "kind": kind.String()}
	for k, name := range []string{"base", "quote", "settlement"} {
		if part[k] != "" {
			members[name] = part[k]
		}
	}
	b, err := json.Marshal(members)
	require.NoError(t, err)
	return string(b)
}

// TestRecordedTermsStay: a definition that an earlier build has let through is
// read, folded and shown as before; only who gives it is refused.
func TestRecordedTermsStay(t *testing.T) {
	t.Parallel()
	d := define(position.Inverse, "", "", "USD", "")
	d.Meta = position.Meta{Ident: "i-1", Time: 1}
	require.ErrorIs(t, d.Validate(), position.ErrInvalid)
	require.NoError(t, position.ValidateRecorded(d))
	again, err := new(wire.Decoder).Mutation(wire.AppendMutation(nil, d))
	require.NoError(t, err)
	require.Equal(t, d, again)

	s := newMemory(position.Rules{})
	changes, err := s.rules.Fold(state{s}, d)
	require.NoError(t, err)
	require.Equal(t, "USD", changes[0].Instrument.Terms.Settlement)
	text := position.AppendChangeJSON(nil, position.Stamp{Seq: 1, Time: 1}, &changes[0])
	requireValid(t, compile(t, position.ChangeSchema()), text)

	d.Terms.Multiplier = dec("-1")
	require.ErrorIs(t, position.ValidateRecorded(d), position.ErrInvalid, "what was never let through is not now")
}

package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

func FuzzUnmarshalMutation(f *testing.F) {
	for _, c := range append(goodLines(), badLines()...) {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := position.UnmarshalMutation(b)
		if err != nil {
			require.ErrorIs(t, err, position.ErrInvalid)
			require.Less(t, len(err.Error()), 600)
			return
		}
		require.NoError(t, m.Validate())
		line, err := position.MarshalMutation(m)
		require.NoError(t, err)
		again, err := position.UnmarshalMutation(line)
		require.NoError(t, err)
		require.Equal(t, m, again)
		decoded, err := new(wire.Decoder).Mutation(wire.AppendMutation(nil, m.Identified("id", 1)))
		require.NoError(t, err)
		require.Equal(t, wire.FingerprintOf(position.FingerprintKey{}, m).Content, wire.FingerprintOf(position.FingerprintKey{}, decoded).Content)
	})
}

package wire_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// Whatever the bytes: no panic, and what is accepted encodes to the same bytes.

func FuzzDecodeChange(f *testing.F) {
	for _, c := range sample.Changes() {
		f.Add(wire.AppendChange(nil, &c))
	}
	seen := wire.Decoder{Prints: sample.Prints()} // with tables from earlier inputs
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := new(wire.Decoder).Change(b)
		again, err2 := seen.Change(b)
		require.Equal(t, err == nil, err2 == nil, "the answer depends on what was read before")
		var rec wire.Recorded
		err3 := seen.Recorded(b, nil, nil, &rec)
		wire.KeyOf(b)
		if err != nil {
			require.ErrorIs(t, err, position.ErrFormat)
			require.ErrorIs(t, err3, position.ErrFormat)
			return
		}
		require.NoError(t, err3)
		require.Equal(t, c, again)
		if c.Cause != nil && c.Part == 0 {
			require.Equal(t, wire.FingerprintOf(sample.Prints(), c.Cause), rec.Print)
		}
		require.True(t, bytes.Equal(b, wire.AppendChange(nil, &c)))
		require.GreaterOrEqual(t, wire.ChangeBound(&c), len(b))
		if c.Cause != nil {
			m, err := new(wire.Decoder).Mutation(wire.AppendMutation(nil, c.Cause))
			require.NoError(t, err)
			require.Equal(t, c.Cause, m)
			wire.FingerprintOf(sample.Prints(), m)
		}
		position.AppendChangeJSON(nil, position.Stamp{}, &c)
	})
}

func FuzzDecodeMutation(f *testing.F) {
	for _, c := range sample.Changes() {
		if c.Cause != nil {
			f.Add(wire.AppendMutation(nil, c.Cause))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := new(wire.Decoder).Mutation(b)
		if err != nil {
			require.ErrorIs(t, err, position.ErrFormat)
			return
		}
		require.True(t, bytes.Equal(b, wire.AppendMutation(nil, m)))
		require.Equal(t, m, position.Own(m))
		require.Equal(t, wire.FingerprintOf(sample.Prints(), m).Content, wire.FingerprintOf(sample.Prints(), m.Identified("another", 7)).Content)
		if m.Validate() == nil {
			_, err = position.MarshalMutation(m)
			require.NoError(t, err)
		}
	})
}

func FuzzDecodePosition(f *testing.F) {
	f.Add(wire.AppendPosition(nil, sample.OpenPosition()))
	for _, c := range sample.Changes() {
		if c.After != nil {
			f.Add(wire.AppendPosition(nil, c.After))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := new(wire.Decoder).Position(b)
		if err != nil {
			require.ErrorIs(t, err, position.ErrFormat)
			return
		}
		require.True(t, bytes.Equal(b, wire.AppendPosition(nil, p)))
		require.NotNil(t, p.Terms)
		if p.Lots != nil {
			require.Len(t, p.Lots.Open, p.Lots.Count)
		}
		position.AppendPositionJSON(nil, p)
	})
}

// The other images have no part in a change that would fuzz them enough.
func FuzzDecodeImages(f *testing.F) {
	for _, c := range sample.Changes() {
		if c.Instrument != nil {
			f.Add(wire.AppendInstrument(nil, c.Instrument))
		}
		if c.Account != nil {
			f.Add(wire.AppendAccount(nil, c.Account))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := new(wire.Decoder).Instrument(b)
		if err == nil {
			require.True(t, bytes.Equal(b, wire.AppendInstrument(nil, i)))
			require.NotNil(t, i.Terms)
			position.AppendInstrumentJSON(nil, i)
		} else {
			require.ErrorIs(t, err, position.ErrFormat)
		}
		a, err := new(wire.Decoder).Account(b)
		if err == nil {
			require.True(t, bytes.Equal(b, wire.AppendAccount(nil, a)))
			position.AppendAccountJSON(nil, a)
		} else {
			require.ErrorIs(t, err, position.ErrFormat)
		}
	})
}

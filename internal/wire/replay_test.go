package wire_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// recorded decodes a change as a replay does, and compares with what Change has
// made of the same bytes.
func recorded(t *testing.T, d *wire.Decoder, b []byte, room *position.Position, want position.Change) {
	t.Helper()
	var key *wire.KnownKey
	if encoded := wire.KeyOf(b); encoded != nil {
		key = new(wire.KnownKey)
		require.NoError(t, d.Know(encoded, key))
		require.True(t, key.Is(encoded))
	}
	var rec wire.Recorded
	require.NoError(t, d.Recorded(b, key, room, &rec))
	if want.Cause != nil {
		require.Equal(t, want.Cause.EventTime(), rec.Time)
		if want.Part == 0 {
			require.Equal(t, wire.FingerprintOf(sample.Prints(), want.Cause), rec.Print)
		} else {
			require.Zero(t, rec.Print)
		}
	}
	if _, ok := want.Cause.(position.Fill); ok {
		want.Cause = nil
	}
	require.Equal(t, want, rec.Change)
	if room != nil && want.After != nil {
		require.Same(t, room, rec.After)
	}
}

func TestRecordedIsTheChange(t *testing.T) {
	s := sample.NewValues(t, 0)
	d, replaying := wire.Decoder{Prints: sample.Prints()}, wire.Decoder{Prints: sample.Prints()}
	room := new(position.Position)
	for i := range 5_000 {
		c := s.Change()
		b := wire.AppendChange(nil, &c)
		want, err := d.Change(b)
		require.NoError(t, err)
		if i%2 == 0 {
			room = nil
		} else if room == nil {
			room = new(position.Position)
		}
		recorded(t, &replaying, b, room, want)
	}
}

// A change whose image has the room of the one before it is like one that has its own.
func TestChangeInTheSameRoom(t *testing.T) {
	s := sample.NewValues(t, 0)
	var d, other wire.Decoder
	room := new(position.Position)
	for range 5_000 {
		c := s.Change()
		b := wire.AppendChange(nil, &c)
		want, err := other.Change(b)
		require.NoError(t, err)
		got, err := d.ChangeIn(b, room)
		require.NoError(t, err)
		require.Equal(t, position.AppendChangeJSON(nil, position.Stamp{}, &want), position.AppendChangeJSON(nil, position.Stamp{}, &got))
		if got.After != nil {
			require.Same(t, room, got.After)
		}
	}
}

// An image that was decoded into a room is like one that was not, whatever was
// in the room before.
func TestRoomForFees(t *testing.T) {
	d := wire.Decoder{Prints: sample.Prints()}
	c := benchChanges()["fill"]
	var rec wire.Recorded
	require.NoError(t, d.Recorded(wire.AppendChange(nil, &c), nil, nil, &rec))
	room := rec.After
	for _, fees := range []position.Amounts{nil, {{Currency: "EUR", Value: num("1")}}, {{Currency: "EUR", Value: num("1")}, {Currency: "USD", Value: num("2")}}, nil} {
		p := *c.After
		p.Totals.Fees = fees
		next := c
		next.After = &p
		b := wire.AppendChange(nil, &next)
		want, err := new(wire.Decoder).Change(b)
		require.NoError(t, err)
		recorded(t, &d, b, room, want)
	}
	b := wire.AppendChange(nil, &c)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := d.Recorded(b, nil, room, &rec); err != nil {
			t.Fatal(err)
		}
	}))
}

// KeyOf finds the key of the position, and of no other thing.
func TestKeyOf(t *testing.T) {
	for name, c := range sample.Changes() {
		b := wire.AppendChange(nil, &c)
		got := wire.KeyOf(b)
		if c.After == nil {
			require.Nil(t, got, name)
			continue
		}
		require.NotNil(t, got, name)
		var key wire.KnownKey
		require.NoError(t, new(wire.Decoder).Know(got, &key))
		require.Equal(t, c.After.Key, key.Key, name)
		require.True(t, bytes.Contains(b, got))
		for cut := range b {
			wire.KeyOf(b[:cut]) // may be anything, but no panic
		}
	}
	require.Nil(t, wire.KeyOf(nil))
}

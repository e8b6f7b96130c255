package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// What a Go program forgets to set is refused where it would be a number that
// nobody meant, and named; a price of zero can be said.
func TestWhatIsForgottenIsRefused(t *testing.T) {
	ten := dec("10")
	for name, c := range map[string]struct {
		m     position.Mutation
		field string
	}{
		"price of a fill":         {position.Fill{Key: key, Side: position.Buy, Qty: ten}, "price"},
		"side of a fill":          {position.Fill{Key: key, Qty: ten, Price: ten}, "side"},
		"qty of a fill":           {position.Fill{Key: key, Side: position.Buy, Price: ten}, "qty"},
		"key of a fill":           {position.Fill{Side: position.Buy, Qty: ten, Price: ten}, "account"},
		"price of a mark":         {position.Mark{Instrument: "X"}, "price"},
		"instrument of a mark":    {position.Mark{Price: ten}, "instrument"},
		"price of a settlement":   {position.Settle{Instrument: "X"}, "price"},
		"price of a delisting":    {position.Settle{Instrument: "X", Reason: position.Delist}, "price"},
		"price of a correction":   {position.Correct{Key: key, Fill: "f", Side: position.Buy, Qty: ten}, "price"},
		"qty of a correction":     {position.Correct{Key: key, Fill: "f", Side: position.Buy, Price: ten}, "qty"},
		"fill of a correction":    {position.Correct{Key: key, Side: position.Buy, Qty: ten, Price: ten}, "fill"},
		"fill of a bust":          {position.Bust{Key: key}, "fill"},
		"ratio of a split":        {position.Split{Instrument: "X"}, "ratio"},
		"currency of a charge":    {position.Charge{Key: key, Amount: ten}, "currency"},
		"cost of an adoption":     {position.Adopt{Key: key, Qty: ten}, "price"},
		"qty of an adoption":      {position.Adopt{Key: key, Price: &ten}, "price"},
		"goal of a transfer":      {position.Transfer{Key: key, Qty: ten}, "to_account"},
		"all of an adjustment":    {position.Adjust{Key: key, Reason: "r"}, "qty"},
		"reason of an adjustment": {position.Adjust{Key: key, Qty: ten}, "reason"},
		"all of an amendment":     {position.Amend{Key: key}, "stop"},
	} {
		err := c.m.Validate()
		require.ErrorIs(t, err, position.ErrInvalid, name)
		var field *position.FieldError
		require.ErrorAs(t, err, &field, name)
		require.Equal(t, c.field, field.Field, name)
	}
	for name, m := range map[string]position.Mutation{
		"fill":       position.Fill{Key: key, Side: position.Buy, Qty: ten, ZeroPrice: true},
		"mark":       position.Mark{Instrument: "X", ZeroPrice: true},
		"settlement": position.Settle{Instrument: "X", ZeroPrice: true},
		"write-off":  position.Settle{Instrument: "X", Reason: position.WriteOff},
		"correction": position.Correct{Key: key, Fill: "f", Side: position.Buy, Qty: ten, ZeroPrice: true},
		"negative":   position.Fill{Key: key, Side: position.Buy, Qty: ten, Price: dec("-1")},
	} {
		require.NoError(t, m.Validate(), name)
		text, err := position.MarshalMutation(m)
		require.NoError(t, err, name)
		back, err := position.UnmarshalMutation(text)
		require.NoError(t, err, name)
		require.Equal(t, m, back, name)
		var d wire.Decoder
		back, err = d.Mutation(wire.AppendMutation(nil, m))
		require.NoError(t, err, name)
		require.Equal(t, m, back, name)
	}
	refusedFill := position.Fill{Key: key, Side: position.Buy, Qty: ten, Price: ten, ZeroPrice: true}
	require.ErrorContains(t, refusedFill.Validate(), "ZeroPrice says that it is zero")
}

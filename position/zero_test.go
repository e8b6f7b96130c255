package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// The zero Position, which an engine gets for a key that never was, is a flat one.
func TestZeroPositionIsFlat(t *testing.T) {
	var p position.Position
	require.Equal(t, "flat", p.Side())
	require.False(t, p.IsOpen())
	for name, figure := range map[string]func() (position.Decimal, bool){
		"net": p.Net, "unrealized at mark": p.UnrealizedAtMark,
		"unrealized": func() (position.Decimal, bool) { return p.Unrealized(dec("5")) },
		"exposure":   func() (position.Decimal, bool) { return p.Exposure(dec("5")) },
	} {
		v, ok := figure()
		require.True(t, ok, name)
		require.True(t, v.IsZero(), name)
	}
	for name, figure := range map[string]func() (position.Decimal, bool){
		"entry": p.AvgEntry, "exit": p.AvgExit, "break-even": p.BreakEven, "return": p.Return, "mfe": p.MFE, "mae": p.MAE,
	} {
		_, ok := figure()
		require.False(t, ok, name)
	}
	require.Contains(t, string(position.AppendPositionJSON(nil, &p)), `"side":"flat"`)
	p.Qty = dec("1") // of what is worth nobody knows what
	_, ok := p.Unrealized(dec("5"))
	require.False(t, ok)
}

// Without a mark nothing says what an open position is worth: its Mark is no price.
func TestNothingIsUnrealizedWithoutAMark(t *testing.T) {
	s := newMemory(position.Rules{})
	require.NoError(t, s.Apply(buy("1000", "150")))
	p := s.image(key)
	require.False(t, p.HasMark)
	for name, figure := range map[string]func(position.Decimal) (position.Decimal, bool){
		"unrealized": p.Unrealized, "value": p.MarkValue, "exposure": p.Exposure, "percent": p.ProfitPercent,
	} {
		v, ok := figure(p.Mark)
		require.False(t, ok, "%s: %s", name, v)
		_, ok = figure(dec("151"))
		require.True(t, ok, name)
	}
	_, ok := p.UnrealizedAtMark()
	require.False(t, ok)
	marked := *p
	marked.HasMark = true // at zero, which is a price
	v, ok := marked.UnrealizedAtMark()
	require.True(t, ok)
	require.Equal(t, "-150000", v.String())
}

package position_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// TestEveryMemberIsShown changes each member of a position and looks for the
// difference in its JSON: who adds one and forgets its row in the table is told here.
func TestEveryMemberIsShown(t *testing.T) {
	// Of a definition a position shows what its numbers mean; the instrument shows all.
	terms := regexp.MustCompile(`^Terms\.(Base|Quote|OverReduction|BaseFee|Rounding\..*)$`)
	open, flat := sample.WholePosition(), sample.WholePosition()
	flat.Qty, flat.Cost = position.Decimal{}, position.Decimal{}
	shown := map[string]bool{}
	for _, p := range []*position.Position{open, flat} {
		before := string(position.AppendPositionJSON(nil, p))
		for path, changed := range sample.Changed(p) {
			shown[path] = shown[path] || string(position.AppendPositionJSON(nil, changed)) != before
		}
	}
	for path, is := range shown {
		require.True(t, is || terms.MatchString(path), "%s has no row in the table of positions", path)
	}
	require.Greater(t, len(shown), 50)
}

// TestColumnsStay: programs count the columns of a CSV file, so each keeps its place
// and a new one comes last.
func TestColumnsStay(t *testing.T) {
	var names []string
	for _, c := range position.Columns() {
		names = append(names, c.Name)
	}
	first := []string{
		"account", "instrument", "strategy", "leg", "cycle", "side", "qty", "avg_entry", "avg_exit", "cost",
		"realized", "fees", "funding", "net", "entry_qty", "exit_qty", "peak_qty", "mark", "unrealized", "mfe", "mae",
		"opened_at", "closed_at", "updated_at", "version", "seq", "settlement", "cost_method", "charges", "high", "low",
		"entries", "exits", "return", "break_even", "exposure", "holding", "wins", "losses", "residue", "fees_in_cost",
	}
	require.Equal(t, first, names[:len(first)])
	slices.Sort(names)
	require.Len(t, slices.Compact(names), len(position.Columns()))
}

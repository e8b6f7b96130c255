package render

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// Of every mutation history says more than its type.
func TestEveryCauseIsTold(t *testing.T) {
	for name, c := range sample.Changes() {
		if c.Cause == nil || c.Cause.Type() == "amend" {
			continue
		}
		b, err := position.MarshalMutation(c.Cause)
		require.NoError(t, err)
		var row causeRow
		require.NoError(t, json.Unmarshal(b, &row))
		require.NotEqual(t, row.Type, row.String(), name)
	}
}

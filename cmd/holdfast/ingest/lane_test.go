package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
)

// What has no lane would go in behind terms that were refused.
func TestEveryMutationHasALane(t *testing.T) {
	for name, c := range sample.Changes() {
		if c.Cause != nil {
			require.NotEmpty(t, laneOf(c.Cause), name)
		}
	}
}

package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
)

// What has no lane would be sent beside what it rests on.
func TestEveryMutationHasALane(t *testing.T) {
	for name, c := range sample.Changes() {
		if c.Cause != nil {
			require.NotEmpty(t, laneOf(c.Cause), name)
		}
	}
}

package projector_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// What is staged in room that was used before is as if the room were new, and
// what readers hold from before does not change under them.
func TestReuse(t *testing.T) {
	fresh, reused := projector.New(projector.Options{}), projector.New(projector.Options{})
	k := key("A", "X")
	batches := [][]position.Mutation{
		{fill("1", k, position.Buy, "1", "10", 1)},
		{fill("2", k, position.Sell, "3", "11", 2)}, // flips
		{fill("3", key("B", "X"), position.Buy, "1", "10", 3), mark("4", "X", "30", 4), fill("5", k, position.Buy, "9", "12", 5)},
		{fill("5", k, position.Buy, "9", "12", 5)}, // known
		{mark("6", "X", "1", 6)},
		{fill("7", k, position.Sell, "7", "12", 7)},
	}
	for round := range batches {
		before, digest := reused.View(), reused.View().Digest()
		for _, b := range []*projector.Book{fresh, reused} {
			s, err := b.Stage(position.Time(round+1), batches[round], false)
			require.NoError(t, err)
			b.Accept(s)
			b.Publish(s)
			if b == reused {
				b.Reuse(s)
				require.Empty(t, s.Changes)
			}
		}
		require.Equal(t, fresh.View().Digest(), reused.View().Digest(), "batch %d", round)
		require.Equal(t, digest, before.Digest(), "batch %d", round)
	}
	first, err := reused.Stage(100, batches[0], false)
	require.NoError(t, err)
	require.True(t, first.Outcomes[0].Duplicate)
	again, err := reused.Stage(100, batches[1], false)
	require.NoError(t, err)
	require.NotSame(t, first, again, "what was not given back is not used again")
}

package ingest

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/position"
)

// TestRowsThatWereCutShort has the reader of rows see the end of the context before
// the other side does: that the rows end then is no end of the files.
func TestRowsThatWereCutShort(t *testing.T) {
	why := errors.New("interrupted")
	for range 64 { // of two things that are ready either is drawn
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		g := &Run{In: &Input{Listed: []feed.Entry{{Mutation: position.Mark{}}}, ListedName: "state"}}
		rows := make(chan Row)
		g.readAll(ctx, rows)
		require.ErrorIs(t, g.submit(ctx, rows, nil), why)
	}
}

package bus

import (
	"context"
	"iter"
)

// Ahead reads a source as the relay does where there is much to publish.
func Ahead(ctx context.Context, src Source, from, last uint64) iter.Seq2[Event, error] {
	return new(room).ahead(ctx, src, from, last)
}

package holdfast

import (
	"context"
	"encoding/json"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// Resummed returns an identity file with a checksum that fits.
func Resummed(t *testing.T, b []byte) []byte {
	t.Helper()
	var id Identity
	require.NoError(t, json.Unmarshal(b, &id))
	id.Sum = id.digest()
	b, err := json.MarshalIndent(id, "", "  ")
	require.NoError(t, err)
	return append(b, '\n')
}

// WaitDurable is how the relay waits for records; it takes the relay's place.
func (l *Ledger) WaitDurable(ctx context.Context, after uint64) error {
	return (&feed{l: l}).Wait(ctx, after)
}

// Nudged reports whether the relay would be woken.
func (l *Ledger) Nudged() bool { return len(l.durable) > 0 }

// Events are what the relay would publish.
func (l *Ledger) Events(ctx context.Context, from uint64) iter.Seq2[bus.Event, error] {
	f := &feed{l: l}
	return func(yield func(bus.Event, error) bool) {
		defer f.drop()
		f.Events(ctx, from)(yield)
	}
}

package holdfast

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/snapshotter"
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

// TryResum is Resummed for bytes that need not be an identity.
func TryResum(b []byte) []byte {
	var id Identity
	if json.Unmarshal(b, &id) != nil {
		return b
	}
	id.Sum = id.digest()
	again, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return b
	}
	return append(again, '\n')
}

// ParseIdentity reads the bytes of ledger.json.
func ParseIdentity(b []byte) (Identity, error) { return parseIdentity(identityFile, b) }

// Owns reports whether a state of a ledger at a seq is of the history of id.
func Owns(id Identity, ledger [16]byte, seq uint64) bool { return id.owns(ledger, seq) }

// WriteAs writes an identity as it is, with a checksum that fits.
func (id Identity) WriteAs(dir string) error { return id.write(dir) }

// Expendable picks the snapshots that need not be kept.
func Expendable(mine []snapshotter.Snapshot, keep int, base uint64, spacing time.Duration) []snapshotter.Snapshot {
	return expendable(mine, keep, base, spacing)
}

// Spacing is the record time between the snapshots that a ledger keeps for time
// travel.
func Spacing(l *Ledger) time.Duration { return l.spacing() }

// SnapshotBody returns the decompressed body of a snapshot.
func SnapshotBody(tb testing.TB, r *Reader, name string) []byte {
	tb.Helper()
	f, err := r.snaps.Open(name)
	require.NoError(tb, err)
	b, err := io.ReadAll(f)
	require.NoError(tb, err)
	require.NoError(tb, f.Close())
	return b
}

// LoadForged writes a snapshot of another body under the header of s into dir
// and loads it.
func LoadForged(tb testing.TB, dir string, r *Reader, s snapshotter.Snapshot, body []byte) error {
	tb.Helper()
	snaps := snapshotter.New(dir, snapshotter.Options{Now: func() time.Time { return s.Created }})
	forged, err := snaps.Write(tb.Context(), s.Meta, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
	require.NoError(tb, err)
	defer func() { require.NoError(tb, os.Remove(filepath.Join(dir, forged.Name))) }()
	_, err = loadBook(snaps, forged, r.opts)
	return err
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

// ClockJump returns what finds jumps of the clock, fed with the steps of both
// clocks.
func ClockJump() func(wall, monotonic time.Duration) time.Duration {
	var w clockWatch
	at, passed := time.Unix(1_700_000_000, 0), time.Duration(0)
	return func(wall, monotonic time.Duration) time.Duration {
		at, passed = at.Add(wall), passed+monotonic
		return w.jumped(at, passed)
	}
}

// Break has the ledger fail as a disk would, between two requests of the stager.
func (l *Ledger) Break(err error) { l.commits.fail(err) }

// Queued is how many requests wait for the stager.
func (l *Ledger) Queued() int { return l.commits.queued() }

// WaitsToReadAhead reports whether somebody waits for a turn to read ahead.
func (l *Ledger) WaitsToReadAhead() bool { return l.commits.waiting() > 0 }

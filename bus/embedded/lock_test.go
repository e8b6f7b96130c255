package embedded_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

// A server whose LOCK or whose whole store was removed takes the store again; one
// whose directory was moved away makes nothing in another one in its place, and goes on
// when it is back. No second server comes in meanwhile.
func TestStoreThatIsTakenAway(t *testing.T) {
	if racing {
		t.Skip("nats-server 2.15.2 enables JetStream while its clients read whether it is: a race of its own, which the detector may see")
	}
	around := filepath.Join(scratch.Dir(t), "ledger")
	dir := filepath.Join(around, "nats")
	require.NoError(t, os.Mkdir(around, 0o700))
	s := start(t, embedded.Options{Dir: dir})
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(500*time.Millisecond))
	require.NoError(t, err)
	works := func() bool {
		_, serr := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: bus.StreamName(ledger), Subjects: []string{bus.EventFilter(ledger)}})
		return serr == nil
	}
	require.True(t, works())

	for _, what := range []string{filepath.Join(dir, "LOCK"), dir} {
		require.NoError(t, os.RemoveAll(what))
		require.Eventually(t, func() bool {
			_, serr := os.Stat(filepath.Join(dir, "LOCK"))
			return serr == nil && works()
		}, time.Minute, 10*time.Millisecond, what)
		_, err = embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: embedded.NoListen})
		require.ErrorIs(t, err, embedded.ErrInUse, what)
	}

	require.NoError(t, os.Rename(around, around+"-moved"))
	require.NoError(t, os.Mkdir(around, 0o700))
	require.Eventually(t, func() bool {
		_, aerr := js.AccountInfo(t.Context())
		return aerr != nil
	}, time.Minute, 10*time.Millisecond, "JetStream goes on")
	require.False(t, works())
	left, err := os.ReadDir(around)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, os.Remove(around))
	require.NoError(t, os.Rename(around+"-moved", around))
	require.Eventually(t, works, time.Minute, 10*time.Millisecond)
}

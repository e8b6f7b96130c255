package relay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/remedy"
)

// shortened makes a ledger whose records are on the stream of a server, takes
// the end of its journal away, and puts back the MARK of before those records, so
// that nothing in the directory tells. It returns the last seq there was.
func shortened(t *testing.T, dir string, connect func(context.Context) (*nats.Conn, error)) uint64 {
	t.Helper()
	o := ledgertest.Quiet()
	o.SegmentSize = 0
	o.Bus = &holdfast.BusOptions{Connect: connect}
	l := ledgertest.Open(t, dir, o)
	mark, err := os.ReadFile(filepath.Join(dir, "MARK"))
	require.NoError(t, err)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(11, 50))
	ledgertest.CaughtUp(t, l)
	last := l.View().Seq()
	require.NoError(t, l.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "MARK"), mark, 0o600))
	info, err := os.Stat(ledgertest.FirstSegment(dir))
	require.NoError(t, err)
	require.NoError(t, os.Truncate(ledgertest.FirstSegment(dir), info.Size()-1000))
	return last
}

// cutOpen opens a copy of a shortened ledger and requires that the tail is cut.
func cutOpen(t *testing.T, dir string, last uint64, b *holdfast.BusOptions) {
	t.Helper()
	again := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(again, os.DirFS(dir)))
	o := ledgertest.Quiet()
	o.Bus = b
	l := ledgertest.Open(t, again, o)
	require.Less(t, l.View().Seq(), last)
	require.NoError(t, l.Close())
}

func TestTheBusIsEvidence(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	s := ledgertest.StartServer(t, scratch.Dir(t))
	last := shortened(t, dir, s.Connect)
	before, err := os.ReadFile(ledgertest.FirstSegment(dir))
	require.NoError(t, err)

	t.Run("refused by what was published", func(t *testing.T) {
		o := ledgertest.Quiet()
		o.Bus = &holdfast.BusOptions{Connect: s.Connect}
		_, err := holdfast.Open(t.Context(), dir, o)
		require.ErrorIs(t, err, holdfast.ErrDamaged)
		var damage *journal.DamageError
		require.ErrorAs(t, err, &damage)
		require.Equal(t, last, damage.Durable)
		require.Contains(t, damage.Reason, "the bus says so")
		require.Equal(t, remedy.OpenUnasked, remedy.Of(err).Kind)
		after, rerr := os.ReadFile(ledgertest.FirstSegment(dir))
		require.NoError(t, rerr)
		require.Equal(t, before, after, "nothing was changed")
	})
	t.Run("no bus", func(t *testing.T) { cutOpen(t, dir, last, nil) })
	t.Run("not asked", func(t *testing.T) {
		cutOpen(t, dir, last, &holdfast.BusOptions{Connect: s.Connect, Evidence: -1})
	})
	t.Run("down", func(t *testing.T) {
		cutOpen(t, dir, last, &holdfast.BusOptions{Connect: func(context.Context) (*nats.Conn, error) {
			return nil, errors.New("down")
		}})
	})
	t.Run("another lineage", func(t *testing.T) {
		other := ledgertest.StartServer(t, scratch.Dir(t))
		o := ledgertest.Quiet()
		o.Bus = &holdfast.BusOptions{Connect: other.Connect}
		l := ledgertest.Open(t, t.TempDir(), o)
		ledgertest.ApplyAll(t, l, ledgertest.RandomFills(12, 200))
		ledgertest.CaughtUp(t, l)
		require.NoError(t, l.Close())
		cutOpen(t, dir, last, o.Bus)
	})
	t.Run("accepts and never answers", func(t *testing.T) {
		silent := silentListener(t)
		cutOpen(t, dir, last, &holdfast.BusOptions{
			Evidence: 20 * time.Millisecond,
			Connect: func(context.Context) (*nats.Conn, error) { // does not look at its context
				return nats.Connect("nats://"+silent, nats.Timeout(300*time.Millisecond))
			},
		})
	})
}

// silentListener takes connections and says nothing.
func silentListener(t *testing.T) (addr string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var open []io.Closer
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				return
			}
			open = append(open, c)
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	return l.Addr().String()
}

// A whole journal and a bus that knows less, or the same, is no contradiction.
func TestTheBusKnowsLess(t *testing.T) {
	dir := t.TempDir()
	s := ledgertest.StartServer(t, scratch.Dir(t))
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect}
	ms := ledgertest.RandomFills(20, 60)
	for i := range 3 {
		l := ledgertest.Open(t, dir, o)
		ledgertest.ApplyAll(t, l, ms[20*i:20*i+20])
		if i == 1 {
			ledgertest.CaughtUp(t, l)
		}
		require.NoError(t, l.Close())
	}
}

package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/repair"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// announced subscribes to what ledgers say beside their records. upTo returns the
// events of one kind that came before a verification's, or without a ledger to
// verify the next one.
func announced(t *testing.T) (b *holdfast.BusOptions, upTo func(l *holdfast.Ledger, kind string) []map[string]any) {
	t.Helper()
	s := ledgertest.StartServer(t, scratch.Dir(t))
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync("holdfast.ops.v1.main.>")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	b = &holdfast.BusOptions{Connect: func(ctx context.Context) (*nats.Conn, error) { return s.Connect(ctx) }}
	return b, func(l *holdfast.Ledger, kind string) (bodies []map[string]any) {
		t.Helper()
		if l != nil {
			_, err := l.Verify(t.Context(), audit.Options{})
			require.NoError(t, err)
		}
		for {
			m, err := sub.NextMsgWithContext(t.Context())
			require.NoError(t, err)
			if strings.HasSuffix(m.Subject, "."+kind) {
				var body map[string]any
				require.NoError(t, json.Unmarshal(m.Data, &body))
				bodies = append(bodies, body)
			}
			if strings.HasSuffix(m.Subject, "state.validated") || l == nil && bodies != nil {
				return bodies
			}
		}
	}
}

// A ledger announces the names of the snapshots that it prunes, a clock that is far
// behind and a snapshot that cannot be the base. It announces nothing when it
// pruned nothing.
func TestRetiringIsAnnounced(t *testing.T) {
	b, upTo := announced(t)
	dir := t.TempDir()
	o := ledgertest.RecordPerSegment(1)
	o.Bus, o.Retain = b, math.MaxInt64
	l := ledgertest.Open(t, dir, o)
	var all []snapshotter.Snapshot
	for _, account := range []string{"A", "B", "C"} {
		ledgertest.Buys(t, l, account, 2)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		all = append(all, s)
	}
	require.NoError(t, l.Prune())
	pruned := upTo(l, "backup.pruned")
	require.Len(t, pruned, 2)
	for i, body := range pruned {
		require.Equal(t, map[string]any{"names": []any{all[i].Name}}, body)
	}
	ledgertest.CaughtUp(t, l)
	require.NoError(t, l.Close())

	now := o.Now
	o.Now = func() time.Time { return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) }
	l = ledgertest.Open(t, dir, o)
	told := upTo(l, "error")
	require.Len(t, told, 1)
	require.Contains(t, told[0]["error"], "the clock is behind the newest record by ")
	require.NoError(t, l.Close())

	ledgertest.FlipSnapshotBody(t, dir, all[2].Name)
	o.Now, o.Retain, o.TrimHold = now, -1, 1 // whatever the bus has got
	l = ledgertest.Open(t, dir, o)
	require.ErrorIs(t, l.Prune(), snapshotter.ErrDamaged)
	failed := upTo(nil, "backup.failed")
	require.Len(t, failed, 1)
	require.Equal(t, all[2].Name, failed[0]["name"])
	require.NotEmpty(t, failed[0]["error"])
}

// Records that the bus has not got yet are not trimmed, up to so many bytes.
func TestLaggingBusHoldsTheTrimBack(t *testing.T) {
	for hold, first := range map[int64]uint64{1 << 30: 1, 1: 4} {
		o := ledgertest.RecordPerSegment(1)
		o.TrimHold = hold
		o.Bus = &holdfast.BusOptions{Evidence: -1, Connect: func(context.Context) (*nats.Conn, error) {
			return nil, errors.New("down")
		}}
		l := ledgertest.Open(t, t.TempDir(), o)
		ledgertest.Buys(t, l, "A", 2)
		s, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 3, s.Seq)
		ledgertest.Buys(t, l, "B", 2)
		require.NoError(t, l.Prune())
		require.Equal(t, first, ledgertest.FirstKept(t, l), "hold %d", hold)
	}
}

// The announcement of a repair says what was healed or given up, when, and where
// the report is.
func TestAnnouncementOfARepair(t *testing.T) {
	b, upTo := announced(t)
	origin, whole, broken := ledgertest.Damaged(t)
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name string
		o    repair.Options
	}{
		{"healed", repair.Options{From: whole}},
		{"given up", repair.Options{AcceptLossFrom: broken}},
	} {
		dir := ledgertest.CopyInMemory(t, origin)
		c.o.Now = func() time.Time { return at }
		p, err := repair.Do(t.Context(), dir, c.o)
		require.NoError(t, err, c.name)
		o := ledgertest.Quiet()
		o.Bus = b
		l := ledgertest.Open(t, dir, o)
		bodies := upTo(l, "state.repaired")
		require.NoError(t, l.Close())
		require.Len(t, bodies, 1, c.name)
		require.Equal(t, p.Report, bodies[0]["report"], c.name)
		require.Contains(t, bodies[0]["time"], "2020-01-02T03:04:05", c.name)
		if c.o.From != "" {
			require.Len(t, bodies[0]["heals"], len(p.Heals))
			require.NotContains(t, bodies[0], "loss")
			continue
		}
		require.Empty(t, bodies[0]["heals"])
		loss, _ := bodies[0]["loss"].(map[string]any)
		require.EqualValues(t, broken, loss["from"])
	}
}

// While the trim is held back the base stays, however many newer snapshots there
// are: the records behind it have no other state to begin with.
func TestBaseStaysWhileTheTrimIsHeldBack(t *testing.T) {
	dir, base := ledgertest.OnBase(t)
	o := ledgertest.RecordPerSegment(1)
	o.Bus = &holdfast.BusOptions{Evidence: -1, Connect: func(context.Context) (*nats.Conn, error) {
		return nil, errors.New("down")
	}}
	l := ledgertest.Open(t, dir, o)
	ledgertest.Buys(t, l, "C", 2)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, base.Seq+1, ledgertest.FirstKept(t, l))
	v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: base.Seq})
	require.NoError(t, err)
	require.Equal(t, base.Digest, v.Digest())
}

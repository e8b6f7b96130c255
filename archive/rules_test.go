package archive_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

func TestRulesBelongToTheIdentity(t *testing.T) {
	full := position.Rules{
		CostMethod: position.HIFO, OverReduction: position.RejectOver, DefaultCurrency: "EUR",
		StrictInstruments: true, StrictIncrements: true,
	}
	plain := position.Rules{CostMethod: position.Average, OverReduction: position.FlipOver, DefaultCurrency: "USD"}
	for _, c := range []struct {
		made, want position.Rules
		refused    []position.Rules
	}{
		{position.Rules{}, plain, []position.Rules{
			{CostMethod: position.FIFO},
			{OverReduction: position.RejectOver},
			{DefaultCurrency: "EUR"},
			{StrictInstruments: true},
			{StrictIncrements: true},
			full,
		}},
		{full, full, []position.Rules{{CostMethod: position.Average}, {OverReduction: position.FlipOver}, {DefaultCurrency: "USD"}, plain}},
	} {
		dir := t.TempDir()
		o := ledgertest.Quiet()
		o.Rules = c.made
		require.NoError(t, ledgertest.Open(t, dir, o).Close())
		for _, same := range []position.Rules{c.made, c.want, {}} {
			o.Rules = same
			l := ledgertest.Open(t, dir, o)
			require.Equal(t, c.want, l.Identity().Rules())
			require.NoError(t, l.Close())
		}
		for _, other := range c.refused {
			o.Rules = other
			_, err := holdfast.Open(t.Context(), dir, o)
			require.ErrorIs(t, err, holdfast.ErrMismatch, "%+v", other)
		}
	}
	o := ledgertest.Quiet()
	o.Rules.CostMethod = 99
	_, err := holdfast.Open(t.Context(), t.TempDir(), o)
	require.ErrorIs(t, err, holdfast.ErrInvalid)
}

func TestRestoreKeepsTheRules(t *testing.T) {
	o := ledgertest.Quiet()
	o.Rules = position.Rules{CostMethod: position.LIFO, OverReduction: position.RejectOver, StrictIncrements: true, DefaultCurrency: "EUR"}
	l := ledgertest.Open(t, t.TempDir(), o)
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("a", "A", "I", position.Buy, "1", "1"), ledgertest.Fill("b", "A", "I", position.Buy, "1", "2")})
	to := filepath.Join(t.TempDir(), "to")
	_, err := l.Restore(t.Context(), holdfast.Moment{}, to, "", ledgertest.Quiet())
	require.NoError(t, err)
	again := ledgertest.Open(t, to, o)
	require.Equal(t, ledgertest.Digest(l), ledgertest.Digest(again))
	require.Equal(t, l.Identity().Rules(), again.Identity().Rules())
	_, err = again.Apply(t.Context(), ledgertest.Fill("c", "A", "I", position.Sell, "3", "1"))
	require.ErrorIs(t, err, holdfast.ErrOverReduction)
	_, err = again.Apply(t.Context(), ledgertest.Bust("d", ledgertest.Fill("a", "A", "I", position.Buy, "1", "1")))
	require.ErrorIs(t, err, holdfast.ErrTrimmedHistory, "the parent has its record")
}

// Closed cycles stay readable after a restart, from a snapshot, and when their
// records are gone; the oldest are let go.
func TestClosedCyclesStayReadable(t *testing.T) {
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.ClosedCycles, o.SnapshotKeep, o.Retain, o.SegmentSize = 5, 1, -1, 4<<10
	l := ledgertest.Open(t, dir, o)
	key := position.Key{Account: "A", Instrument: "I"}
	check := func(last int) {
		t.Helper()
		cycles := l.Cycles(key)
		require.Len(t, cycles, 5)
		require.Equal(t, cycles, l.View().Cycles(key))
		for i, p := range cycles {
			require.Equal(t, uint64(last-5+i), p.Cycle)
			require.False(t, p.IsOpen())
			require.Equal(t, strconv.Itoa(int(p.Cycle)), p.Totals.Realized.String())
		}
	}
	for i := 1; i <= 40; i++ {
		n := strconv.Itoa(i)
		buy, sell := ledgertest.Fill("b"+n, "A", "I", position.Buy, "1", "100"), ledgertest.Fill("s"+n, "A", "I", position.Sell, "1", strconv.Itoa(100+i))
		ledgertest.ApplyAll(t, l, []position.Mutation{buy, sell})
	}
	check(40)
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, dir, o)
	check(40)
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	st, err := l.Status()
	require.NoError(t, err)
	require.Greater(t, st.First, uint64(1))
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, dir, o)
	check(40)
	ledgertest.ApplyAll(t, l, []position.Mutation{ledgertest.Fill("b41", "A", "I", position.Buy, "1", "100")})
	check(41)
	require.NoError(t, l.Close())
	o.ClosedCycles = 0
	l = ledgertest.Open(t, dir, o)
	require.Len(t, l.Cycles(key), 6, "five of the snapshot, and the one that has ended since")
}

func TestUnknownRuleIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, ledgertest.Open(t, dir, ledgertest.Quiet()).Close())
	path := filepath.Join(dir, "ledger.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for old, text := range map[string]string{`"average"`: `"tarot"`, `"flip"`: `"shrug"`} {
		forged := archive.Resummed(t, []byte(strings.Replace(string(b), old, text, 1)))
		require.NoError(t, os.WriteFile(path, forged, 0o600))
		_, err = holdfast.OpenReader(dir)
		require.ErrorIs(t, err, holdfast.ErrNotLedger)
		require.ErrorContains(t, err, text)
	}
}

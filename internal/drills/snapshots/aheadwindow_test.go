package snapshots_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// TestAheadOfTheClockIsNotForgotten resends a fill that was dated ahead of the
// ledger's clock after the window had room for it no more, before and after
// openings, snapshots and trims.
func TestAheadOfTheClockIsNotForgotten(t *testing.T) {
	for _, skew := range []time.Duration{-time.Second, 0, time.Nanosecond, time.Second, 9 * time.Hour, 74 * 365 * 24 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			c := ledgertest.NewClock()
			dir, o := t.TempDir(), ledgertest.RecordPerSegment(1)
			o.Now, o.Window = c.Now, 8
			l := ledgertest.Open(t, dir, o)
			at := func(id string, skew time.Duration) position.Fill {
				f := ledgertest.Fill(id, "A", "I", position.Buy, "1", "10")
				f.Time = position.Time(c.Now().Add(skew).UnixNano())
				return f
			}
			first := at("first", skew)
			_, err := l.Apply(t.Context(), first)
			require.NoError(t, err)
			ids := 0
			for range 4 {
				for range 9 {
					ids++
					c.Advance(time.Millisecond)
					_, err = l.Apply(t.Context(), at("on time "+strconv.Itoa(ids), 0))
					require.NoError(t, err)
				}
				r, resent := l.Apply(t.Context(), first)
				if resent == nil {
					require.True(t, r.Duplicate)
				} else {
					require.ErrorIs(t, resent, holdfast.ErrTooOld)
				}
				_, err = l.Snapshot(t.Context())
				require.NoError(t, err)
				require.NoError(t, l.Close())
				l = ledgertest.Open(t, dir, o)
			}
			rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
			require.NoError(t, err)
			require.Empty(t, rep.Findings)
			p, _ := l.Position(first.Key)
			require.Equal(t, strconv.Itoa(1+ids), p.Qty.String())
		})
	}
}

// TestForgottenMemberOfABatch repeats batches that the window remembers in part,
// or could never remember.
func TestForgottenMemberOfABatch(t *testing.T) {
	o := ledgertest.RecordPerSegment(1)
	o.Window = 8
	l := ledgertest.Open(t, t.TempDir(), o)
	var batch []position.Mutation
	for i := range 6 {
		batch = append(batch, ledgertest.Fill("b-"+strconv.Itoa(i), "A", "I", position.Buy, "1", "10"))
	}
	_, err := l.ApplyBatch(t.Context(), batch)
	require.NoError(t, err)
	for i := range 5 {
		f := ledgertest.Fill("c-"+strconv.Itoa(i), "A", "J", position.Buy, "1", "10")
		f.Time += position.Time(1 + i)
		_, err = l.Apply(t.Context(), f)
		require.NoError(t, err)
	}
	_, err = l.ApplyBatch(t.Context(), batch)
	require.ErrorIs(t, err, holdfast.ErrTooOld)
	require.NotErrorIs(t, err, holdfast.ErrPartlyKnown)
	require.ErrorContains(t, err, `"b-0" of 2023-11-14T22:13:20Z is unknown`)
	require.ErrorContains(t, err, `"b-5" was applied as record 7`)

	for i := range 3 {
		batch = append(batch, ledgertest.Fill("d-"+strconv.Itoa(i), "A", "I", position.Buy, "1", "10"))
	}
	_, err = l.ApplyBatch(t.Context(), batch)
	require.ErrorIs(t, err, holdfast.ErrTooMany)
	require.ErrorContains(t, err, "9 mutations, and the ledger remembers 8")
	p, _ := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.Equal(t, "6", p.Qty.String())
}

package snapshots_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// A position with as many lots as are allowed is larger than any change. A snapshot
// of it must load, else no trim and no restored ledger stands on it.
func TestSnapshotOfAsManyLotsAsAreAllowed(t *testing.T) {
	o := ledgertest.Quiet()
	o.Rules.CostMethod, o.SegmentSize = position.FIFO, 0
	l := ledgertest.Open(t, t.TempDir(), o)
	ms := make([]position.Mutation, position.MaxLots)
	for i := range ms {
		f := ledgertest.Fill(fmt.Sprintf("%s%05d", strings.Repeat("i", 59), i), "A", "X", position.Buy, "1.123456789012345678", "99.123456789012345678")
		f.Time += position.Time(i)
		ms[i] = f
	}
	ledgertest.ApplyAll(t, l, ms)
	var body bytes.Buffer
	_, err := l.View().WriteTo(&body)
	require.NoError(t, err)
	_, err = projector.Load(&body, archive.BookOptions(l.Identity(), 0))
	require.NoError(t, err)

	// A restored ledger has nothing but its snapshot.
	to := filepath.Join(t.TempDir(), "restored")
	_, err = l.Restore(t.Context(), holdfast.Moment{}, to, "", o)
	require.NoError(t, err)
	require.Equal(t, ledgertest.Digest(l), ledgertest.Digest(ledgertest.Open(t, to, o)))
}

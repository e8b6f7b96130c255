package drills_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// largestEvent is what a message may have at most; NATS takes 1 MiB by default.
const largestEvent = 1000 << 10

// survives checks that all that was journaled can be published, recomputed and
// replayed from the beginning and from a snapshot.
func survives(t *testing.T, l *holdfast.Ledger, o holdfast.Options) *holdfast.Ledger {
	t.Helper()
	for e, err := range l.History(t.Context(), holdfast.Filter{Records: true}) {
		require.NoError(t, err)
		require.LessOrEqual(t, len(position.AppendChangeJSON(nil, e.Stamp, &e.Change)), largestEvent, "seq %d", e.Seq)
		require.LessOrEqual(t, len(wire.AppendChange(nil, &e.Change)), wire.MaxChange, "seq %d", e.Seq)
	}
	deep(t, l)
	want := ledgertest.Digest(l)
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, l.Dir(), o)
	require.Equal(t, want, ledgertest.Digest(l))
	_, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	l = ledgertest.Open(t, l.Dir(), o)
	require.Equal(t, want, ledgertest.Digest(l))
	return l
}

func inBatches(t *testing.T, l *holdfast.Ledger, ms []position.Mutation) {
	t.Helper()
	for part := range slices.Chunk(ms, holdfast.MaxBatch) {
		_, err := l.ApplyBatch(t.Context(), part)
		require.NoError(t, err)
	}
}

// settled applies what may be too large: then it is refused, by name, and
// nothing is written.
func settled(t *testing.T, l *holdfast.Ledger, m position.Mutation) (applied bool) {
	t.Helper()
	seq := l.View().Seq()
	_, err := l.Apply(t.Context(), m)
	if err == nil {
		return true
	}
	require.True(t, errors.Is(err, holdfast.ErrTooLarge) || errors.Is(err, holdfast.ErrTooMany), "%v", err)
	require.Equal(t, seq, l.View().Seq())
	return false
}

func TestTenThousandLots(t *testing.T) {
	o := ledgertest.Quiet()
	o.SegmentSize, o.Rules.CostMethod = 1<<20, position.FIFO
	l := ledgertest.Open(t, t.TempDir(), o)
	key := position.Key{Account: "A", Instrument: "I"}
	first := ledgertest.Fill("first", key.Account, key.Instrument, position.Buy, "1.000000000000000001", "100")
	ledgertest.ApplyAll(t, l, []position.Mutation{first})
	for _, from := range []string{"B", "C"} {
		lots := position.Adopt{Meta: position.Meta{Ident: "lots" + from, Time: 1_700_000_000_000_000_001}, Key: position.Key{Account: from, Instrument: key.Instrument}}
		n := position.MaxLots / 2
		if from == "C" {
			n--
		}
		for i := range n {
			lots.Lots = append(lots.Lots, position.AdoptedLot{Qty: *dec("1"), Price: dec(strconv.Itoa(i + 1)), Label: strconv.Itoa(i)})
		}
		lots.Qty = *dec(strconv.Itoa(n))
		_, err := l.ApplyBatch(t.Context(), []position.Mutation{
			lots, position.Transfer{Meta: position.Meta{Ident: "to" + from, Time: 1_700_000_000_000_000_002}, Key: lots.Key, ToAccount: key.Account},
		})
		require.NoError(t, err)
	}
	p, ok := l.Position(key)
	require.True(t, ok)
	require.Len(t, p.Lots.Open, position.MaxLots)
	_, err := l.Apply(t.Context(), ledgertest.Fill("more", key.Account, key.Instrument, position.Buy, "1", "1"))
	require.ErrorIs(t, err, holdfast.ErrTooManyLots)

	require.True(t, settled(t, l, position.Split{Meta: position.Meta{Ident: "split"}, Instrument: key.Instrument, Ratio: *dec("3"), Per: *dec("7")}))
	require.True(t, settled(t, l, ledgertest.Correct("correct", first, "2", "101")))
	adopt := position.Adopt{Meta: position.Meta{Ident: "adopt"}, Key: key, Qty: *dec("10000")}
	for i := range position.MaxLots {
		adopt.Lots = append(adopt.Lots, position.AdoptedLot{Qty: *dec("1"), Price: dec("0.123456789012345678"), Label: fmt.Sprintf("%064d", i)})
	}
	require.False(t, settled(t, l, adopt), "its event would be too large")
	l = survives(t, l, o)

	p, ok = l.Position(key)
	require.True(t, ok)
	require.GreaterOrEqual(t, len(p.Lots.Open), position.MaxLots-1)
	moved := settled(t, l, position.Transfer{Meta: position.Meta{Ident: "move"}, Key: key, ToAccount: "B"})
	if !moved {
		require.True(t, settled(t, l, position.Transfer{Meta: position.Meta{Ident: "less"}, Key: key, ToAccount: "B", Qty: *dec("400")}))
	}
	// A position of any number of lots can be left, if not by one fill.
	for i := 0; ; i++ {
		p, ok = l.Position(key)
		require.True(t, ok)
		if !p.IsOpen() {
			break
		}
		require.Less(t, i, 20)
		part := p.Qty
		if p.Qty.Cmp(*dec("400")) > 0 {
			part = *dec("400")
		}
		require.True(t, settled(t, l, position.Fill{
			Meta: position.Meta{Ident: "out-" + strconv.Itoa(i), Time: 1_800_000_000_000_000_000},
			Key:  key, Side: position.Sell, Qty: part, Price: *dec("0.1"),
		}))
	}
	survives(t, l, o)
}

func TestTenThousandOpenPositions(t *testing.T) {
	o := ledgertest.Quiet()
	o.SegmentSize = 1 << 20
	l := ledgertest.Open(t, t.TempDir(), o)
	var ms []position.Mutation
	for i := range 10_000 {
		f := ledgertest.Fill("f"+strconv.Itoa(i), "A"+strconv.Itoa(i), "I", position.Buy, "3", "100")
		ms = append(ms, f)
	}
	inBatches(t, l, ms)
	r, err := l.Apply(t.Context(), ledgertest.Mark("m", "I", "250"))
	require.NoError(t, err)
	require.Equal(t, r.First, r.Last, "one record")
	p, _ := l.Position(position.Key{Account: "A9999", Instrument: "I"})
	require.Equal(t, "250", p.High.String())

	split := position.Split{Meta: position.Meta{Ident: "s", Time: 1_800_000_000_000_000_000}, Instrument: "I", Ratio: *dec("5")}
	r, err = l.Apply(t.Context(), split)
	require.NoError(t, err)
	require.Equal(t, uint64(10_001), r.Last-r.First+1)
	split.Ident = "again"
	_, err = l.Apply(t.Context(), split)
	require.ErrorIs(t, err, holdfast.ErrSplitTwice)
	p, _ = l.Position(p.Key)
	require.Equal(t, []string{"15", "50"}, []string{p.Qty.String(), p.High.String()})

	_, err = l.AsOf(t.Context(), holdfast.Moment{Seq: r.Last - 1})
	require.NoError(t, err)
	v, err := l.AsOf(t.Context(), holdfast.Moment{Seq: r.Last - 1})
	require.NoError(t, err)
	require.Equal(t, r.First-1, v.Seq(), "the split is there whole or not at all")

	require.True(t, settled(t, l, position.Settle{Meta: position.Meta{Ident: "end"}, Instrument: "I", Price: *dec("40")}))
	require.Zero(t, l.View().Counts().Open)
	survives(t, l, o)
}

// Positions with the longest names and conditions there can be, under one split:
// it is a batch, and one of too many bytes is refused.
func TestMaximumLengths(t *testing.T) {
	o := ledgertest.Quiet()
	o.SegmentSize = 1 << 20
	l := ledgertest.Open(t, t.TempDir(), o)
	name := func(i int) string {
		n := strconv.Itoa(i)
		return strings.Repeat(`"`, position.MaxName-len(n)) + n
	}
	worst := position.Amend{
		Meta: position.Meta{Ident: name(0), Time: 1}, Key: position.Key{Account: name(1), Instrument: name(2), Strategy: name(3), Leg: name(4)},
		Stop: dec("-0.000000000000000001"), Metadata: make(map[string]string),
	}
	for i := range position.MaxTargets {
		worst.Targets = append(worst.Targets, *dec("0.000000000000000001"))
		worst.Tags = append(worst.Tags, name(i))
	}
	for i := range position.MaxMeta {
		worst.Metadata[name(i)] = strings.Repeat("\x01", position.MaxValue)
	}
	f := position.Fill{
		Meta: position.Meta{Ident: name(5), Time: 1}, Key: worst.Key, Side: position.Sell,
		Qty: *dec("0.000000000000000001"), Price: *dec("123456789012345678.123456789012345678"),
		Fee: *dec("0.000000000000000001"), FeeCurrency: name(6),
	}
	_, err := l.Apply(t.Context(), f)
	require.NoError(t, err)
	applied := settled(t, l, worst)
	t.Log("an amendment of the worst kind is applied:", applied)
	for i := range position.MaxMeta {
		worst.Metadata[name(i)] = strings.Repeat("ä", position.MaxValue/2)
	}
	worst.Ident = name(7)
	require.True(t, settled(t, l, worst))
	for i := range 70 { // currencies
		_, err = l.Apply(t.Context(), position.Charge{
			Meta: position.Meta{Ident: name(100 + i), Time: 1}, Key: worst.Key, Kind: position.OtherCharge,
			Amount: *dec("0.000000000000000001"), Currency: name(i),
		})
		if i < position.MaxCurrencies {
			require.NoError(t, err, i)
		} else {
			require.ErrorIs(t, err, holdfast.ErrInvalid, i)
		}
	}
	many := worst
	many.Ident, many.Tags = "tags", make([]string, 1000)
	for i := range many.Tags {
		many.Tags[i] = name(i)
	}
	_, err = l.Apply(t.Context(), many)
	require.ErrorIs(t, err, holdfast.ErrInvalid)

	for i := range 200 { // all on one instrument
		f.Ident, f.Account, worst.Ident, worst.Account = name(1000+i), name(2000+i), name(3000+i), name(2000+i)
		_, err = l.ApplyBatch(t.Context(), []position.Mutation{f, worst})
		require.NoError(t, err)
	}
	split := position.Split{Meta: position.Meta{Ident: name(8)}, Instrument: f.Instrument, Ratio: *dec("2")}
	require.True(t, settled(t, l, split), "200 positions of 70 KB, more than a batch of several mutations may have")
	adjust := position.Adjust{
		Meta: position.Meta{Ident: name(10)}, Key: worst.Key, Qty: *dec("-0.000000000000000001"),
		Reason: strings.Repeat("\"", position.MaxReason), Ref: name(11),
	}
	require.True(t, settled(t, l, adjust))
	settle := position.Settle{Meta: position.Meta{Ident: name(9)}, Instrument: f.Instrument, Price: *dec("1")}
	require.True(t, settled(t, l, settle))
	survives(t, l, o)
}

// A change that is let through without being rendered fits into a message, at the
// worst ratio of JSON to bytes.
func TestSmallChangesArePublishable(t *testing.T) {
	const rendered = 64 << 10
	worst := 0
	for _, build := range []func(c *position.Change, i int){
		func(c *position.Change, _ int) {
			c.Consumed = append(c.Consumed, position.LotUse{ID: 1, Qty: *dec("0.000000000000000001")})
		},
		func(c *position.Change, i int) {
			c.Opened = append(c.Opened, position.Lot{ID: uint64(i), Qty: *dec("0.000000000000000001"), Cost: *dec("1"), Opened: 1, Label: `"`})
		},
		func(c *position.Change, _ int) {
			c.Opened = append(c.Opened, position.Lot{Qty: *dec("0.000000000000000001"), Cost: *dec("1")})
		},
	} {
		p := &position.Position{Key: position.Key{Account: "A", Instrument: "I"}, Terms: terms(), Qty: *dec("1"), Lots: &position.Lots{}}
		c := position.Change{Kind: position.Closed, Parts: 1, Cause: ledgertest.Fill("f", "A", "I", position.Buy, "1", "1"), After: p}
		for i := 0; wire.ChangeBound(&c) <= rendered; i++ {
			build(&c, i)
		}
		worst = max(worst, len(position.AppendChangeJSON(nil, position.Stamp{}, &c)))
	}
	t.Log("largest event:", worst)
	require.LessOrEqual(t, worst, largestEvent)
}

func terms() *position.Terms {
	t := position.Rules{}.DefaultTerms()
	return &t
}

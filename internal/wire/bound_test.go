package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

func TestLargestChangeFitsTheLimit(t *testing.T) {
	name := func(i int) string {
		return strings.Repeat("n", position.MaxName-3) + string(rune('0'+i/10)) + string(rune('0'+i%10))
	}
	low := position.MustParse("-170141183460469231731.687303715884105727")
	amounts := make(position.Amounts, position.MaxCurrencies)
	cond := &position.Conditions{Stop: low, HasStop: true}
	amend := position.Amend{Stop: &low, Metadata: map[string]string{}}
	for i := range amounts {
		amounts[i] = position.Amount{Currency: name(i), Value: low}
		item := position.MetaItem{Name: name(i), Value: strings.Repeat("v", position.MaxValue)}
		cond.Targets, amend.Targets = append(cond.Targets, low), append(amend.Targets, low)
		cond.Tags, amend.Tags = append(cond.Tags, name(i)), append(amend.Tags, name(i))
		cond.Meta, amend.Metadata[item.Name] = append(cond.Meta, item), item.Value
	}
	totals := position.Totals{Realized: low, Funding: low, Fees: amounts, Charges: amounts}
	c := position.Change{
		Kind: position.Amended, Part: 1<<32 - 1, Parts: 1<<32 - 1, Cause: amend,
		After: &position.Position{Terms: sample.PlainTerms(), Totals: totals, Prior: &position.Lifetime{Totals: totals}, Conditions: cond},
	}
	b := wire.AppendChange(nil, &c)
	t.Logf("%d bytes", len(b))
	require.Less(t, len(b), wire.MaxChange)
	got, err := new(wire.Decoder).Change(b)
	require.NoError(t, err)
	require.Equal(t, c, got)
}

// largestLots returns a position of MaxLots lots, each as long as can be.
func largestLots() *position.Position {
	low := position.MustParse("-170141183460469231731.687303715884105727")
	p := sample.LotPosition()
	p.Lots = &position.Lots{Open: make([]position.Lot, position.MaxLots), Count: position.MaxLots, Next: 1<<64 - 1, Sum: [16]byte{1}}
	for i := range p.Lots.Open {
		p.Lots.Open[i] = position.Lot{ID: 1<<63 + uint64(i), Qty: low, Cost: low, Opened: sample.Time, Label: strings.Repeat("l", position.MaxName)}
	}
	return p
}

func TestLargestPositionFitsTheLimit(t *testing.T) {
	p := largestLots()
	b := wire.AppendPosition(nil, p)
	t.Logf("%d bytes", len(b))
	require.Less(t, len(b), wire.MaxPosition)
	got, err := new(wire.Decoder).Position(b)
	require.NoError(t, err)
	require.Equal(t, p, got)

	// The change has not a byte of them, however many there are.
	c := position.Change{Kind: position.Opened, Parts: 1, Cause: sample.Fill(), After: p}
	require.Less(t, len(wire.AppendChange(nil, &c)), 400)
	require.Less(t, wire.ChangeBound(&c), 2000)

	p.Lots.Open = append(p.Lots.Open, p.Lots.Open[0])
	_, err = new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.ErrorContains(t, err, "position.lots, field 4 is repeated more than 10000 times")
	p.Lots.Count = position.MaxLots + 1
	_, err = new(wire.Decoder).Change(wire.AppendChange(nil, &c))
	require.ErrorContains(t, err, "change.after.lots, field 1 has the value 10001")
	_, err = new(wire.Decoder).Position(make([]byte, wire.MaxPosition+1))
	require.ErrorContains(t, err, "at most 1924288")
}

// A change that consumes every lot of a position is a record like any other; one
// that brings as many may be too large, but is read where it is not.
func TestAChangeOfEveryLot(t *testing.T) {
	low := position.MustParse("-170141183460469231731.687303715884105727")
	c := sample.LotChanges()["lot_closed"]
	c.Consumed = nil
	for i := range position.MaxLots {
		c.Consumed = append(c.Consumed, position.LotUse{ID: 1<<21 + uint64(i), Qty: low, Cost: low})
	}
	b := wire.AppendChange(nil, &c)
	require.Less(t, len(b), wire.MaxChange)
	got, err := new(wire.Decoder).Change(b)
	require.NoError(t, err)
	require.Equal(t, c, got)

	one := position.Change{Kind: position.Opened, Parts: 1, Cause: sample.Fill(), After: sample.LotPosition()}
	for range position.MaxLots + 1 {
		one.Opened = append(one.Opened, position.Lot{ID: 1, Opened: sample.Time, Label: sample.Fill().Ident})
	}
	_, err = new(wire.Decoder).Change(wire.AppendChange(nil, &one))
	require.ErrorContains(t, err, "change, field 12 is repeated more than 10000 times")
	one.Opened, one.Consumed = nil, make([]position.LotUse, position.MaxLots+1)
	_, err = new(wire.Decoder).Change(wire.AppendChange(nil, &one))
	require.ErrorContains(t, err, "change, field 11 is repeated more than 10000 times")
	adopt := position.Adopt{Lots: make([]position.AdoptedLot, position.MaxLots+1)}
	_, err = new(wire.Decoder).Mutation(wire.AppendMutation(nil, adopt))
	require.ErrorContains(t, err, "mutation.adopt, field 7 is repeated more than 10000 times")
}

// The bound must hold for whatever is encoded, because the encoders check
// nothing on their way; and it must not be so far off that it is of no use.
func TestChangeBound(t *testing.T) {
	s := sample.NewValues(t, 0)
	for range 5_000 {
		c := s.Change()
		n := len(wire.AppendChange(nil, &c))
		require.GreaterOrEqual(t, wire.ChangeBound(&c), n)
		require.Less(t, wire.ChangeBound(&c), 4*n+2000)
	}
	for name, c := range sample.LongChanges() {
		require.GreaterOrEqual(t, wire.ChangeBound(&c), len(wire.AppendChange(nil, &c)), name)
	}
}

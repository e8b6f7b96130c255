package position_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func booked(kind position.ChargeKind, amount, currency string) position.Charge {
	return position.Charge{Key: here, Kind: kind, Amount: exact(amount), Currency: currency}
}

// TestChargeBeforeTheFirstFill: money has a place before there is a position, and
// the first cycle finds it among the earlier totals.
func TestChargeBeforeTheFirstFill(t *testing.T) {
	t.Parallel()
	for _, method := range []position.CostMethod{position.Average, position.FIFO} {
		b := newBook(position.Rules{})
		b.must(t, contract(position.Linear, method),
			booked(position.Funding, "-2", "USD"), booked(position.FeeCharge, "-3", "USD"))
		p := b.Position(here)
		require.Equal(t, []any{uint64(0), uint64(2), "flat", b.Instrument("X").Terms}, []any{p.Cycle, p.Version, p.Side(), p.Terms})
		require.Equal(t, exact("-2"), p.Totals.Funding)
		require.Equal(t, exact("3"), p.Totals.Fees.Get("USD"))
		b.must(t, purchase("10", "5"))
		p = b.Position(here)
		require.Equal(t, []any{uint64(1), uint64(3)}, []any{p.Cycle, p.Version})
		require.Equal(t, position.Totals{}, p.Totals)
		require.Equal(t, exact("-2"), p.Prior.Funding)
		require.Equal(t, []uint64{0, 0}, []uint64{p.Wins(), p.Losses()}, "no cycle has ended")
	}
}

func TestChargeKinds(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	b.must(t, booked(position.RealizedCharge, "7", "USD"))
	require.Equal(t, exact("7"), b.last()[0].Realized)
	b.must(t, booked(position.RealizedCharge, "1", "EUR"), booked(position.Funding, "2", "EUR"),
		booked(position.Interest, "3", "EUR"), booked(position.Dividend, "4", "USD"), booked(position.OtherCharge, "5", "USD"))
	p := b.Position(here)
	require.Equal(t, position.Totals{
		Realized: exact("7"),
		Charges:  position.Amounts{{Currency: "EUR", Value: exact("6")}, {Currency: "USD", Value: exact("9")}},
	}, p.Totals)
	require.Zero(t, b.last()[0].Realized)
}

func TestChargeUnknownInstrument(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{StrictInstruments: true})
	refusal(t, b.apply(t, booked(position.Funding, "1", "USD")), position.ErrUnknownInstrument, "")
	one := uint64(1)
	v := booked(position.Funding, "1", "USD")
	v.ExpectVersion = &one
	refusal(t, newBook(position.Rules{}).apply(t, v), position.ErrVersionConflict, "")
}

func TestAccountCharges(t *testing.T) {
	t.Parallel()
	b := newBook(position.Rules{})
	for kind := position.OtherCharge; kind <= position.RealizedCharge; kind++ {
		b.must(t, position.Charge{
			Key: position.Key{Account: "A"}, Kind: kind, Currency: "USD", Amount: position.FromInt(int64(kind) + 1),
		})
	}
	b.must(t, position.Charge{Key: position.Key{Account: "A"}, Kind: position.Cash, Currency: "XBT", Amount: exact("-4")})
	usd := func(v string) position.Amounts { return position.Amounts{{Currency: "USD", Value: exact(v)}} }
	a := b.Account("A")
	require.Equal(t, &position.Account{
		Name: "A", Version: 8,
		Other: usd("1"), Fees: usd("2"), Funding: usd("3"), Interest: usd("4"), Dividends: usd("5"), Realized: usd("7"),
		Cash: position.Amounts{{Currency: "USD", Value: exact("6")}, {Currency: "XBT", Value: exact("-4")}},
	}, a)
	sum, err := a.Balances()
	require.NoError(t, err)
	require.Equal(t, position.Amounts{{Currency: "USD", Value: exact("28")}, {Currency: "XBT", Value: exact("-4")}}, sum)
}

package ledgertest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// Buys applies n fills of one record each.
func Buys(t *testing.T, l *holdfast.Ledger, account string, n int) {
	t.Helper()
	for i := range n {
		_, err := l.Apply(t.Context(), Fill(account+strconv.Itoa(i), account, "I", position.Buy, "1", "1"))
		require.NoError(t, err)
	}
}

// Bust busts a fill.
func Bust(id string, f position.Fill) position.Bust {
	return position.Bust{Meta: position.Meta{Ident: id, Time: f.Time + 1}, Key: f.Key, Fill: f.Ident, Reason: "cancelled by the venue"}
}

// Correct corrects quantity and price of a fill.
func Correct(id string, f position.Fill, qty, price string) position.Correct {
	return position.Correct{
		Meta: position.Meta{Ident: id, Time: f.Time + 1}, Key: f.Key, Fill: f.Ident,
		Side: f.Side, Qty: position.MustParse(qty), Price: position.MustParse(price), Fee: f.Fee,
	}
}

// BuyOne buys one at 2, of a strategy, and says no time.
func BuyOne(account, instrument, strategy, id string) position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: id},
		Key:  position.Key{Account: account, Instrument: instrument, Strategy: strategy},
		Side: position.Buy, Qty: position.FromInt(1), Price: position.FromInt(2),
	}
}

// Fill makes a fill.
func Fill(id, account, instrument string, side position.Side, qty, price string) position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: id, Time: 1_700_000_000_000_000_000},
		Key:  position.Key{Account: account, Instrument: instrument},
		Side: side, Qty: position.MustParse(qty), Price: position.MustParse(price),
	}
}

// RandomFills makes n fills over a few keys, some of which flip or close.
func RandomFills(seed uint64, n int) []position.Mutation {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]position.Mutation, n)
	for i := range out {
		side := position.Buy
		if r.IntN(2) == 0 {
			side = position.Sell
		}
		f := Fill("f-"+strconv.Itoa(i), "A"+strconv.Itoa(r.IntN(3)), "I"+strconv.Itoa(r.IntN(5)), side,
			strconv.Itoa(1+r.IntN(5)), fmt.Sprintf("%d.%02d", 90+r.IntN(20), r.IntN(100)))
		f.Fee = position.MustParse("0.01")
		out[i] = f
	}
	return out
}

// Mark makes a mark.
func Mark(id, instrument, price string) position.Mark {
	return position.Mark{Meta: position.Meta{Ident: id, Time: 1_700_000_000_000_000_000}, Instrument: instrument, Price: position.MustParse(price)}
}

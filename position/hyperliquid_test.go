package position_test

import (
	"encoding/csv"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

// The rows of two accounts on a public venue: each carries the position before
// it and the profit that it closed, as the venue computed them.

// shared opens a file of the data that lies beside the repository.
func shared(t *testing.T, elem ...string) []byte {
	t.Helper()
	path := filepath.Join(append([]string{"..", "..", "shared"}, elem...)...)
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("%s is not there: it is not part of the repository", path)
	}
	require.NoError(t, err)
	return b
}

// venueRow is one execution.
type venueRow struct {
	fill   position.Fill
	start  position.Decimal // position before it
	closed position.Decimal // profit that the venue booked
}

func (r venueRow) spot() bool {
	return strings.HasPrefix(r.fill.Instrument, "@") || strings.Contains(r.fill.Instrument, "/")
}

func venueRows(t *testing.T) map[position.Key][]venueRow {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(string(shared(t, "data", "hyperliquid_fills.csv")))).ReadAll()
	require.NoError(t, err)
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	rows := map[position.Key][]venueRow{}
	for n, rec := range records[1:] {
		number := func(name string) position.Decimal {
			// A spreadsheet wrote small numbers as 1.00E-05.
			exact, ok := new(big.Rat).SetString(rec[column[name]])
			require.True(t, ok, "row %d: %s", n+1, name)
			return dec(exact.FloatString(position.Scale))
		}
		r := venueRow{start: number("Start Position"), closed: number("Closed PnL")}
		r.fill = position.Fill{
			Meta:  position.Meta{Time: position.Time(n + 1)},
			Key:   position.Key{Account: rec[column["Account"]], Instrument: rec[column["Coin"]]},
			Side:  position.Buy,
			Qty:   number("Size Tokens"),
			Price: number("Execution Price"),
			Fee:   number("Fee"),
		}
		if rec[column["Side"]] == "SELL" {
			r.fill.Side = position.Sell
		}
		rows[r.fill.Key] = append(rows[r.fill.Key], r)
	}
	return rows
}

// venueBreak is a place where rows are missing from the file.
type venueBreak struct {
	ExpectedStart position.Decimal `json:"expected_start"`
	VenueStart    position.Decimal `json:"venue_start"`
}

type venueSums struct {
	Rows          int
	SumClosedPnl  position.Decimal `json:"sum_closed_pnl"`
	SumFee        position.Decimal `json:"sum_fee"`
	FinalPosition position.Decimal `json:"final_position"`
	Flips         int
	ChainBreaks   []venueBreak `json:"chain_breaks"`
}

// near reports whether two profits agree within one cent or 0.1 %.
func near(t *testing.T, a, b position.Decimal) bool {
	t.Helper()
	diff := sum(t, a, b.Neg()).Abs()
	return diff.Cmp(dec("0.01")) <= 0 || diff.Cmp(mul(t, b.Abs(), dec("0.001"))) <= 0
}

// TestHyperliquidPerpetuals follows every perpetual from its first row, which
// starts flat, to its last, or to the first place where the file has lost rows.
func TestHyperliquidPerpetuals(t *testing.T) {
	t.Parallel()
	rows := venueRows(t)
	var expected map[string]venueSums
	require.NoError(t, json.Unmarshal(shared(t, "data", "hyperliquid_expected.json"), &expected))
	keys, checked, closes, cents := 0, 0, 0, 0
	for key, all := range rows {
		want, ok := expected[key.Account+"|"+key.Instrument]
		require.True(t, ok, key)
		require.Len(t, all, want.Rows)
		if all[0].spot() {
			continue
		}
		s := newMemory(position.Rules{DefaultCurrency: "USDC"})
		flips, whole := 0, true
		for i, r := range all {
			var held position.Decimal
			if p, has := s.Position(key); has {
				held = p.Qty
			}
			if len(want.ChainBreaks) > 0 && held != r.start {
				found := venueBreak{ExpectedStart: held, VenueStart: r.start}
				require.Equal(t, want.ChainBreaks[0], found, "%s, row %d: the first break", key, i)
				whole = false
				break
			}
			require.Equal(t, r.start.String(), held.String(), "%s, row %d: position before it", key, i)
			require.NoError(t, s.Apply(r.fill))
			var realized position.Decimal
			for _, c := range s.last {
				realized = sum(t, realized, c.Realized)
			}
			flips += len(s.last) - 1
			require.True(t, near(t, realized, r.closed), "%s, row %d: realised %s, the venue says %s", key, i, realized, r.closed)
			checked++
			if !r.closed.IsZero() {
				closes++
				if sum(t, realized, r.closed.Neg()).Abs().Cmp(dec("0.01")) <= 0 {
					cents++
				}
			}
		}
		require.Equal(t, len(want.ChainBreaks) == 0, whole, key)
		if !whole {
			continue
		}
		keys++
		p := s.image(key)
		life, ok := p.Lifetime()
		require.True(t, ok)
		require.Equal(t, want.FinalPosition, p.Qty, key)
		require.Equal(t, want.SumFee, life.Fees.Get("USDC"), key)
		require.True(t, near(t, life.Realized, want.SumClosedPnl), "%s: realised %s, the venue says %s", key, life.Realized, want.SumClosedPnl)
		require.Equal(t, want.Flips, flips, key)
	}
	t.Logf("%d whole perpetuals, %d rows, %d closes, %d of them within 1 cent", keys, checked, closes, cents)
	require.Equal(t, 26, keys)
	require.Greater(t, closes, 884)
}

// Between two rows of a spot pair nothing may have happened; then the venue's
// next position is the last one, less the fee of a buy, which it takes in the
// token. Where neither that nor the amount without the fee is the next start,
// tokens were transferred in between.
func TestHyperliquidSpotFees(t *testing.T) {
	t.Parallel()
	// The venue shows a position with about ten digits.
	close10 := func(a, b position.Decimal) bool {
		return sum(t, a, b.Neg()).Abs().Cmp(mul(t, b.Abs(), dec("0.000000001"))) <= 0
	}
	lowered, kept, moved, sells := 0, 0, 0, 0
	for key, all := range venueRows(t) {
		if !all[0].spot() {
			continue
		}
		for i, r := range all[:len(all)-1] {
			s := newMemory(position.Rules{StrictInstruments: true})
			require.NoError(t, s.Apply(position.DefineInstrument{
				Instrument: key.Instrument, Terms: position.Terms{Kind: position.Spot, Base: "TOKEN", Quote: "USDC"},
			}))
			if !r.start.IsZero() {
				require.NoError(t, s.Apply(position.Fill{Key: key, Side: position.Buy, Qty: r.start, Price: r.fill.Price}))
			}
			f := r.fill
			if f.Side == position.Buy {
				f.FeeCurrency = "TOKEN"
			}
			require.NoError(t, s.Apply(f))
			next, got := all[i+1].start, s.image(key).Qty
			whole := sum(t, r.start, f.Qty)
			switch {
			case f.Side == position.Sell && close10(got, next):
				sells++
			case f.Side == position.Buy && close10(got, next):
				lowered++
				require.Equal(t, -1, sum(t, got, next.Neg()).Abs().Cmp(sum(t, whole, next.Neg()).Abs()), "with the fee it is nearer")
			case f.Side == position.Buy && close10(whole, next):
				kept++
			default:
				moved++
			}
		}
	}
	t.Logf("buys: the fee was taken in the token %d times, not %d times, tokens moved in between %d times; sells %d", lowered, kept, moved, sells)
	require.Equal(t, []int{528, 0, 465}, []int{lowered, kept, sells})
}

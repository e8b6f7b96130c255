package feed_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

// The files that internal/market makes.
const (
	marketLines    = "market.ndjson"
	marketExport   = "market_hyperliquid.csv"
	marketResults  = "market_positions.json"
	repositoryRoot = "../../.."
)

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(repositoryRoot, "testdata", name))
	require.NoError(tb, err)
	return b
}

// state is what a ledger keeps, as small as can be.
type state struct {
	positions   map[position.Key]*position.Position
	instruments map[string]*position.Instrument
	accounts    map[string]*position.Account
}

func newState() *state {
	return &state{map[position.Key]*position.Position{}, map[string]*position.Instrument{}, map[string]*position.Account{}}
}

func (s *state) Position(k position.Key) *position.Position  { return s.positions[k] }
func (s *state) Instrument(name string) *position.Instrument { return s.instruments[name] }
func (s *state) Account(name string) *position.Account       { return s.accounts[name] }
func (s *state) HasOpen(instrument string) bool {
	for range s.Open(instrument) {
		return true
	}
	return false
}

func (s *state) DefaultTerms() *position.Terms {
	terms := position.Rules{}.DefaultTerms()
	return &terms
}

func (s *state) Open(instrument string) iter.Seq[*position.Position] {
	return func(yield func(*position.Position) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(s.positions), position.Key.Compare) {
			if p := s.positions[k]; k.Instrument == instrument && p.IsOpen() && !yield(p) {
				return
			}
		}
	}
}

func (s *state) History(position.Key, string) (*position.History, error) {
	return nil, position.ErrTrimmedHistory // there is no journal
}

// apply folds one mutation and keeps what comes out.
func (s *state) apply(tb testing.TB, m position.Mutation) []position.Change {
	tb.Helper()
	changes, err := position.Rules{}.Fold(s, m)
	require.NoError(tb, err, m.ID())
	for i := range changes {
		switch c := &changes[i]; {
		case c.After != nil:
			s.positions[c.After.Key] = c.After
		case c.Instrument != nil:
			s.instruments[c.Instrument.Name] = c.Instrument
		case c.Account != nil:
			s.accounts[c.Account.Name] = c.Account
		default:
			mark, ok := c.Cause.(position.Mark)
			require.True(tb, ok)
			in := *s.instruments[mark.Instrument]
			in.Mark, in.MarkTime = mark.Price, mark.Time
			s.instruments[mark.Instrument] = &in
			for p := range s.Open(mark.Instrument) {
				next := *p
				if mark.Price.Cmp(p.High) > 0 {
					next.High = mark.Price
				}
				if mark.Price.Cmp(p.Low) < 0 {
					next.Low = mark.Price
				}
				s.positions[p.Key] = &next
			}
		}
	}
	return changes
}

type goldenSums struct {
	Realized, Funding string
	Fees, Charges     map[string]string
}

// golden is the simulator's own result.
type golden struct {
	Lines, Fills int
	VenueFills   int `json:"venue_fills"`
	Marks        map[string]string
	Accounts     map[string]map[string]string
	Positions    []struct {
		Account, Instrument, Strategy, Leg, Settlement string
		Cycle, Version                                 uint64
		Qty, Cost                                      string
		EntryQty                                       string `json:"entry_qty"`
		ExitQty                                        string `json:"exit_qty"`
		PeakQty                                        string `json:"peak_qty"`
		goldenSums
		Lifetime goldenSums
	}
}

func readGolden(tb testing.TB) golden {
	tb.Helper()
	var g golden
	require.NoError(tb, json.Unmarshal(testdata(tb, marketResults), &g))
	return g
}

func amounts(a position.Amounts) map[string]string {
	out := map[string]string{}
	for _, x := range a {
		out[x.Currency] = x.Value.String()
	}
	return out
}

func lifetime(tb testing.TB, p *position.Position) goldenSums {
	tb.Helper()
	total, ok := p.Lifetime()
	require.True(tb, ok)
	return sums(tb, total)
}

func sums(tb testing.TB, parts ...position.Totals) goldenSums {
	tb.Helper()
	var total position.Totals
	var err error
	for _, p := range parts {
		total.Realized, err = total.Realized.Add(p.Realized)
		require.NoError(tb, err)
		total.Funding, err = total.Funding.Add(p.Funding)
		require.NoError(tb, err)
		total.Fees, err = total.Fees.PlusAll(p.Fees)
		require.NoError(tb, err)
		total.Charges, err = total.Charges.PlusAll(p.Charges)
		require.NoError(tb, err)
	}
	return goldenSums{total.Realized.String(), total.Funding.String(), amounts(total.Fees), amounts(total.Charges)}
}

// TestMarketFold folds the bundled lines and compares every figure with the
// simulator's, which were computed in fractions of math/big by other code.
func TestMarketFold(t *testing.T) {
	out := read(t, marketLines, string(testdata(t, marketLines)), feed.Auto, "")
	want := readGolden(t)
	require.Len(t, out, want.Lines)
	s := newState()
	kinds := map[string]int{}
	for _, g := range out {
		require.NoError(t, g.err)
		kinds[g.Mutation.Type()]++
		for _, c := range s.apply(t, g.Mutation) {
			kinds[c.Kind.String()]++
			if c.Part > 0 {
				kinds["flip"]++
			}
		}
	}
	require.Equal(t, want.Fills, kinds["fill"])
	require.GreaterOrEqual(t, want.Fills, 5000)
	for _, kind := range []string{"flip", "opened", "increased", "reduced", "closed", "charged", "marked", "amended", "account"} {
		require.Greater(t, kinds[kind], 5, "the market shows %s: %v", kind, kinds)
	}

	require.Len(t, s.positions, len(want.Positions))
	for _, w := range want.Positions {
		key := position.Key{Account: w.Account, Instrument: w.Instrument, Strategy: w.Strategy, Leg: w.Leg}
		p := s.positions[key]
		require.NotNil(t, p, key)
		have := w
		have.Settlement, have.Cycle, have.Version = p.Terms.Settlement, p.Cycle, p.Version
		have.Qty, have.Cost = p.Qty.String(), p.Cost.String()
		have.EntryQty, have.ExitQty, have.PeakQty = p.EntryQty.String(), p.ExitQty.String(), p.PeakQty.String()
		have.goldenSums = sums(t, p.Totals)
		have.Lifetime = lifetime(t, p)
		require.Equal(t, w, have, "%s", key)
	}
	require.Len(t, s.accounts, len(want.Accounts))
	for name, balances := range want.Accounts {
		have, err := s.accounts[name].Balances()
		require.NoError(t, err)
		require.Equal(t, balances, amounts(have), name)
	}
	for name, mark := range want.Marks {
		require.Equal(t, mark, s.instruments[name].Mark.String(), name)
	}
}

// TestMarketExport folds the bundled venue export and compares it with what the
// export says itself, and with the positions of the NDJSON, whose perpetuals it
// repeats.
func TestMarketExport(t *testing.T) {
	text := testdata(t, marketExport)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, hyperliquidHeader, strings.Join(rows[0], ","))
	rows = rows[1:]
	column := map[string]int{}
	for i, name := range strings.Split(hyperliquidHeader, ",") {
		column[name] = i
	}
	s := newState()
	read := 0
	ids := map[string]bool{}
	for _, g := range readExport(t, marketExport, text) {
		require.NoError(t, g.err)
		require.False(t, ids[g.Mutation.ID()])
		ids[g.Mutation.ID()] = true
		if g.Implied {
			s.apply(t, g.Mutation)
			continue
		}
		row := rows[read]
		read++
		start := position.Decimal{}
		fill, ok := g.Mutation.(position.Fill)
		require.True(t, ok)
		if p := s.positions[fill.Key]; p != nil {
			start = p.Qty
		}
		require.Equal(t, row[column["Start Position"]], start.String(), "line %d", g.Line)
		changes := s.apply(t, fill)
		realized, direction := changes[0].Realized, row[column["Direction"]]
		require.Equal(t, strings.Contains(direction, ">"), len(changes) == 2, "line %d", g.Line)
		off, err := realized.Sub(position.MustParse(row[column["Closed PnL"]]))
		require.NoError(t, err)
		require.LessOrEqual(t, off.Abs().Cmp(position.MustParse("0.000000500001")), 0, "line %d: realised %s", g.Line, realized)
	}
	want := readGolden(t)
	require.Equal(t, want.VenueFills, read)
	for _, w := range want.Positions {
		p := s.positions[position.Key{Account: w.Account, Instrument: w.Instrument}]
		if w.Settlement != "USDC" {
			require.Nil(t, p)
			continue
		}
		life := lifetime(t, p)
		require.Equal(t, []string{w.Qty, w.Cost, w.Lifetime.Realized}, []string{p.Qty.String(), p.Cost.String(), life.Realized})
		require.Equal(t, w.Lifetime.Fees, life.Fees)
		require.Equal(t, w.Cycle, p.Cycle)
	}
}

// readExport reads an export under its own format's name.
func readExport(tb testing.TB, name string, text []byte) []got {
	tb.Helper()
	f, err := feed.Open(name, bytes.NewReader(text), feed.Auto, mapping.Mapping{})
	require.NoError(tb, err)
	require.Equal(tb, feed.Hyperliquid, f.Format())
	return all(tb, f)
}

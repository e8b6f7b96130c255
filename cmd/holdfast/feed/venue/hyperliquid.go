package venue

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// usdc is the currency of the venue's perpetuals and of its spot quotes.
const usdc = "USDC"

// The columns that are read, in the order of hyperliquid.at.
const (
	hlAccount = iota
	hlCoin
	hlPrice
	hlSize
	hlSide
	hlTime
	hlStart
	hlHash
	hlOrder
	hlFee
	hlColumns
)

// hyperliquid reads the venue's export of fills.
type hyperliquid struct {
	table   *tabular.Table
	at      [hlColumns]int
	zone    *time.Location
	defined map[string]bool // coins whose definition was handed out
}

func NewHyperliquid(t *tabular.Table) (*hyperliquid, error) {
	h := &hyperliquid{table: t, zone: time.FixedZone("IST", 5*3600+1800), defined: map[string]bool{}}
	for i, name := range [hlColumns]string{
		"Account", "Coin", "Execution Price", "Size Tokens", "Side", "Timestamp IST", "Start Position", "Transaction Hash", "Order ID", "Fee",
	} {
		if h.at[i] = t.Index(name); h.at[i] < 0 {
			return nil, fmt.Errorf("there is no column %q; the columns are %s", name, t.Listed())
		}
	}
	return h, nil
}

func (h *hyperliquid) Read(l *tabular.Record) ([]tabular.Entry, error) {
	row, err := h.table.Row(l)
	if err != nil {
		return nil, err
	}
	get := func(i int) string { return strings.TrimSpace(row[h.at[i]]) }
	var x position.Fill
	x.Account, x.Instrument = get(hlAccount), get(hlCoin)
	if x.Side, err = tabular.ParseSide(get(hlSide)); err != nil {
		return nil, err
	}
	var start position.Decimal
	for _, n := range []struct {
		to     *position.Decimal
		column int
		member string
	}{{&x.Price, hlPrice, "price"}, {&x.Qty, hlSize, "qty"}, {&x.Fee, hlFee, "fee"}, {&start, hlStart, "start_position"}} {
		if *n.to, err = parseSpreadsheet(get(n.column)); err != nil {
			return nil, &tabular.MemberError{Field: n.member, Err: err}
		}
	}
	if x.Time, err = h.time(get(hlTime)); err != nil {
		return nil, &tabular.MemberError{Field: "time", Err: err}
	}
	for _, i := range []int{hlHash, hlOrder} {
		if get(i) == "" {
			return nil, tabular.Bad("id", "cannot be made: %s is empty", h.table.Columns[h.at[i]])
		}
	}
	x.Ident = tabular.IDOf("hyperliquid/fill", x.Account, x.Instrument, get(hlHash), get(hlOrder), x.Price.String(), x.Qty.String(), start.String())
	d := definition(x.Instrument, x.Time)
	x.FeeCurrency = usdc
	if d.Terms.Kind == position.Spot {
		x.FeeCurrency = d.Terms.Quote
		if x.Side == position.Buy {
			x.FeeCurrency = d.Terms.Base
		}
	}
	x.ZeroPrice = x.Price.IsZero() // its column is required
	if err = x.Validate(); err != nil {
		return nil, err
	}
	if h.defined[x.Instrument] {
		return []tabular.Entry{{Mutation: x}}, nil
	}
	if err = d.Validate(); err != nil {
		return nil, err
	}
	h.defined[x.Instrument] = true
	return []tabular.Entry{{Mutation: d, Implied: true}, {Mutation: x}}, nil
}

// Whole reports whether the file has no columns but those that are read and some
// others.
func (h *hyperliquid) Whole(t *tabular.Table, others ...string) bool {
	v := venue{table: t, at: h.at[:]}
	return v.Whole(others...)
}

// Column implements columnNamer.
func (h *hyperliquid) Column(member string) string {
	i, ok := map[string]int{
		"account": hlAccount, "instrument": hlCoin, "price": hlPrice, "qty": hlSize, "side": hlSide, "time": hlTime, "start_position": hlStart, "fee": hlFee,
	}[member]
	if !ok {
		return ""
	}
	return h.table.Columns[h.at[i]]
}

// definition returns what the venue's naming says about a coin. The id depends
// on the coin alone: all files of the venue define it alike.
func definition(coin string, at position.Time) position.DefineInstrument {
	d := position.DefineInstrument{Instrument: coin, Terms: position.Terms{Kind: position.Linear, Quote: usdc, Settlement: usdc}}
	base, quote, pair := strings.Cut(coin, "/")
	switch {
	case pair:
		d.Terms = position.Terms{Kind: position.Spot, Base: base, Quote: quote, Settlement: quote}
	case strings.HasPrefix(coin, "@"): // spot by number; what it is called is not in the file
		d.Terms = position.Terms{Kind: position.Spot, Base: coin, Quote: usdc, Settlement: usdc}
	}
	d.Terms.Multiplier = position.FromInt(1)
	d.Ident, d.Time = tabular.IDOf("hyperliquid/instrument", coin), at
	return d
}

// time reads a minute of Indian time, the hour with one digit or two.
func (h *hyperliquid) time(text string) (position.Time, error) {
	t, err := time.ParseInLocation("02-01-2006 15:04", text, h.zone)
	if err != nil {
		return 0, fmt.Errorf("%s is not of the form DD-MM-YYYY HH:MM", tabular.Clip(text))
	}
	return position.At(t)
}

// parseSpreadsheet reads a number that a spreadsheet may have written with an
// exponent.
func parseSpreadsheet(text string) (position.Decimal, error) {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return position.Parse(text)
	}
	exponent, err := strconv.Atoi(text[i+1:])
	const limit = 2 * position.Scale
	if err != nil || exponent < -limit || exponent > limit {
		return position.Parse(text) // refuses it and says why
	}
	return position.Parse(tabular.Shift(text[:i], exponent))
}

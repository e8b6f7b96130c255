package venue

import (
	"errors"
	"fmt"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// The columns that are read, in the order of venue.at.
const (
	gdaxID = iota
	gdaxProduct
	gdaxSide
	gdaxTime
	gdaxSize
	gdaxBase
	gdaxPrice
	gdaxFee
	gdaxTotal
	gdaxQuote
)

// gdax reads the venue's report of fills.
type gdax struct {
	venue

	defined map[string]bool // products whose definition was handed out
}

func NewGDAX(t *tabular.Table, labels map[string]string) (*gdax, error) {
	v, err := newVenue(t, labels, []string{
		"trade id", "product", "side", "created at", "size", "size unit", "price", "fee", "total", "price/fee/total unit",
	}, "id instrument side time qty base price fee total quote", "gdax")
	if err == nil && t.Index("portfolio") >= 0 {
		err = errors.New("there is a column \"portfolio\", which this report has not: map it as a csv, with account=portfolio")
	}
	return &gdax{venue: v, defined: map[string]bool{}}, err
}

func (g *gdax) Read(l *tabular.Record) ([]tabular.Entry, error) {
	get, err := g.row(l)
	if err != nil {
		return nil, err
	}
	base, quote := get(gdaxBase), get(gdaxQuote)
	x := position.Fill{
		Key:         position.Key{Account: g.account, Instrument: get(gdaxProduct), Strategy: g.strategy},
		FeeCurrency: quote,
	}
	if x.Instrument != base+"-"+quote {
		return nil, tabular.Bad("instrument", "%s is not %s", tabular.Clip(x.Instrument), tabular.Clip(base+"-"+quote))
	}
	if x.Side, err = tabular.ParseSide(get(gdaxSide)); err != nil {
		return nil, err
	}
	var total position.Decimal
	for _, n := range []struct {
		to     *position.Decimal
		column int
		member string
	}{{&x.Qty, gdaxSize, "qty"}, {&x.Price, gdaxPrice, "price"}, {&x.Fee, gdaxFee, "fee"}, {&total, gdaxTotal, "total"}} {
		if *n.to, err = position.Parse(get(n.column)); err != nil {
			return nil, &tabular.MemberError{Field: n.member, Err: err}
		}
	}
	if err = checkTotal(&x, total); err != nil {
		return nil, err
	}
	if x.Time, err = tabular.ParseTime(get(gdaxTime), ""); err != nil {
		return nil, &tabular.MemberError{Field: "time", Err: err}
	}
	if get(gdaxID) == "" {
		return nil, tabular.Bad("id", "is empty")
	}
	// Both sides of a trade have its number, and an account may trade with itself.
	x.Ident = tabular.IDOf("gdax/fill", x.Account, x.Instrument, x.Side.String(), get(gdaxID))
	x.ZeroPrice = x.Price.IsZero() // its column is required
	if err = x.Validate(); err != nil {
		return nil, err
	}
	if g.defined[x.Instrument] {
		return []tabular.Entry{{Mutation: x}}, nil
	}
	d := position.DefineInstrument{
		Meta:       position.Meta{Ident: tabular.IDOf("gdax/instrument", x.Instrument), Time: x.Time},
		Instrument: x.Instrument,
		Terms:      position.Terms{Kind: position.Spot, Multiplier: position.FromInt(1), Base: base, Quote: quote, Settlement: quote},
	}
	if err = d.Validate(); err != nil {
		return nil, err
	}
	g.defined[x.Instrument] = true
	return []tabular.Entry{{Mutation: d, Implied: true}, {Mutation: x}}, nil
}

// checkTotal holds the row against its own sum: what the account received.
func checkTotal(x *position.Fill, total position.Decimal) error {
	value, err := x.Qty.Mul(x.Price)
	if err == nil && x.Side == position.Buy {
		value = value.Neg()
	}
	if err == nil {
		value, err = value.Sub(x.Fee)
	}
	if err == nil && value != total {
		err = fmt.Errorf("%s is not what size, price and fee come to, %s", total, value)
	}
	if err != nil {
		return &tabular.MemberError{Field: "total", Err: err}
	}
	return nil
}

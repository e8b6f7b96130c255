package venue

import (
	"fmt"
	"strconv"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// The columns that are read, in the order of venue.at.
const (
	bmxPosted = iota
	bmxTime
	bmxType
	bmxStatus
	bmxCurrency
	bmxAmount
	bmxFee
	bmxOrder
	bmxID
	bmxAddress
)

// bitmex reads the venue's wallet history as charges.
type bitmex struct{ venue }

func NewBitMEX(t *tabular.Table, labels map[string]string) (*bitmex, error) {
	v, err := newVenue(t, labels, []string{
		"timestamp", "transactTime", "transactType", "transactStatus", "currency", "amount", "fee", "orderID", "transactID", "address",
	}, "- time kind - currency amount fee - id instrument", "bitmex")
	return &bitmex{v}, err
}

func (x *bitmex) Read(l *tabular.Record) ([]tabular.Entry, error) {
	get, err := x.row(l)
	if err != nil || get(bmxStatus) != "Completed" {
		return nil, err // what is not completed has moved nothing
	}
	c := position.Charge{Meta: position.Meta{Ident: get(bmxID)}, Key: position.Key{Account: x.account}}
	if c.Ident == "" {
		return nil, tabular.Bad("id", "is empty")
	}
	when := get(bmxTime)
	if when == "" {
		when = get(bmxPosted)
	}
	if c.Time, err = tabular.ParseTime(when, ""); err != nil {
		return nil, &tabular.MemberError{Field: "time", Err: err}
	}
	var unit position.Decimal
	if c.Currency, unit, err = minorUnit(get(bmxCurrency)); err != nil {
		return nil, err
	}
	if c.Amount, err = minorAmount(get(bmxAmount), unit); err != nil {
		return nil, &tabular.MemberError{Field: "amount", Err: err}
	}
	switch get(bmxType) {
	case "Deposit", "Withdrawal", "Transfer", "Conversion", "SpotTrade":
		c.Kind = position.Cash
	case "Funding": // its fee is the same money again
		c.Kind, c.Instrument, c.Strategy = position.Funding, get(bmxAddress), x.strategy
	case "RealisedPNL":
		c.Kind, c.Instrument, c.Strategy = position.RealizedCharge, get(bmxAddress), x.strategy
		if get(bmxOrder) != "" {
			return split(c, get(bmxFee), unit)
		}
	default:
		c.Kind = position.OtherCharge
	}
	if c.Instrument == "" && (c.Kind == position.Funding || c.Kind == position.RealizedCharge) {
		return nil, tabular.Bad("instrument", "is empty: a %s belongs to one", get(bmxType))
	}
	return []tabular.Entry{{Mutation: c}}, nil
}

// split takes the fee, which the amount has in it, apart. Rows without an order
// are older and have funding merged into both, so that their fee tells nothing.
func split(c position.Charge, fee string, unit position.Decimal) ([]tabular.Entry, error) {
	if c.Instrument == "" {
		return nil, tabular.Bad("instrument", "is empty: a RealisedPNL belongs to one")
	}
	if fee == "" {
		return []tabular.Entry{{Mutation: c}}, nil
	}
	paid, err := minorAmount(fee, unit)
	if err != nil {
		return nil, &tabular.MemberError{Field: "fee", Err: err}
	}
	if paid.IsZero() {
		return []tabular.Entry{{Mutation: c}}, nil
	}
	f := c
	f.Ident, f.Kind, f.Amount = c.Ident+":fee", position.FeeCharge, paid.Neg()
	if c.Amount, err = c.Amount.Add(paid); err != nil {
		return nil, &tabular.MemberError{Field: "amount", Err: err}
	}
	return []tabular.Entry{{Mutation: c}, {Mutation: f}}, nil
}

// minorUnit returns a currency's common name and what one of its amounts counts.
func minorUnit(name string) (currency string, unit position.Decimal, err error) {
	const million, satoshi = "0.000001", "0.00000001"
	scale := million
	switch name {
	case "XBt":
		currency, scale = "XBT", satoshi
	case "USDt":
		currency = "USDT"
	case "BMEx":
		currency = "BMEX"
	default:
		return "", unit, tabular.Bad("currency", "%s is none of XBt, USDt, BMEx: how many digits its amounts have is not known", tabular.Clip(name))
	}
	unit, err = position.Parse(scale)
	return currency, unit, err
}

// minorAmount reads a whole number of units.
func minorAmount(text string, unit position.Decimal) (position.Decimal, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return position.Decimal{}, fmt.Errorf("%s is not a whole number of the currency's smallest units", tabular.Clip(text))
	}
	return position.FromInt(n).Mul(unit)
}

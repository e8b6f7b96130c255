package mapping

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// fill reads a row as a fill.
func (r *rows) fill(p *plan, d *draft, cells []string, rec *tabular.Record) (err error) {
	x := &r.x
	*x = position.Fill{}
	if err = r.key(p, cells, &x.Key); err != nil {
		return err
	}
	if x.FeeCurrency, err = p.from[feeCurrency].text(cells); err != nil {
		return &tabular.MemberError{Field: r.names[feeCurrency], Err: err}
	}
	x.FeeCurrency = coin(x.FeeCurrency)
	q, err := r.number(p, qty, cells)
	if err != nil {
		return err
	}
	if !q.given {
		return tabular.Bad("qty", "is empty")
	}
	x.Qty = q.value
	if err = r.side(p, d, x, cells); err != nil {
		return err
	}
	if x.Time, err = r.time(p, when, cells); err != nil {
		return err
	}
	if x.Ident, err = r.id(p, cells, rec); err != nil {
		return err
	}
	terms, err := r.terms(p, cells, x)
	if err != nil {
		return err
	}
	if err = r.fees(p, d, x, terms, cells); err != nil {
		return err
	}
	if err = r.price(p, x, terms, cells); err != nil {
		return err
	}
	if terms != nil {
		if base := terms.Terms.Base; terms.Terms.Kind == position.Spot && q.unit != "" && base != "" && !sameUnit(q.unit, base) {
			return tabular.Bad("qty", "is in %s, and what is bought is %s", tabular.Clip(q.unit), tabular.Clip(base))
		}
		terms.Time = x.Time
		d.terms = terms
	}
	d.m = *x
	return r.guard.row(r, p, d, x, cells)
}

// side reads the side of a fill, and makes its quantity positive where the sign
// says no more than the side.
func (r *rows) side(p *plan, d *draft, x *position.Fill, cells []string) error {
	b := &p.from[side]
	text, err := b.text(cells)
	if err != nil {
		return &tabular.MemberError{Field: "side", Err: err}
	}
	switch {
	case text == bySign && len(b.columns) == 0:
		x.Side = position.Buy
		if x.Qty.Sign() < 0 {
			x.Side = position.Sell
		}
		x.Qty = x.Qty.Abs()
		return nil
	case text == byHolding:
		d.closes, x.Side, x.Qty = true, position.Sell, x.Qty.Abs()
		return nil
	}
	if x.Side, err = tabular.ParseSide(text); err != nil {
		return fmt.Errorf("%w", err)
	}
	if x.Side == position.Sell {
		x.Qty = x.Qty.Abs()
	}
	if x.Qty.Sign() < 0 {
		return tabular.Bad("qty", "must be positive: it is negative, but the side says buy")
	}
	return nil
}

// fees reads the fees: the first goes with the fill, the others beside it.
func (r *rows) fees(p *plan, d *draft, x *position.Fill, terms *position.DefineInstrument, cells []string) error {
	first, err := r.number(p, fee, cells)
	if err != nil {
		return err
	}
	x.Fee = first.value
	if first.unit == "" && !p.from[feeCurrency].bound {
		if first.unit = r.headed(p, fee, x); first.unit == "$" || terms != nil && sameUnit(first.unit, terms.Terms.Settlement) {
			first.unit = "" // as it is booked
		}
	}
	if first.unit != "" && !first.value.IsZero() {
		switch {
		case !p.from[feeCurrency].bound:
			return tabular.Bad("fee", "is in %s: map fee_currency, such as fee_currency=unit(COLUMN)", tabular.Clip(first.unit))
		case !sameUnit(first.unit, x.FeeCurrency):
			return tabular.Bad("fee", "is in %s, fee_currency says %s", tabular.Clip(first.unit), tabular.Clip(x.FeeCurrency))
		}
	}
	for i := range p.more {
		if err = r.furtherFee(p, d, x, &p.more[i], cells); err != nil {
			return err
		}
	}
	return nil
}

// furtherFee adds a fee to the fill where it is in the same currency.
func (r *rows) furtherFee(p *plan, d *draft, x *position.Fill, f *furtherFee, cells []string) error {
	name := f.name
	a, err := r.number(p, f.amount, cells)
	if err != nil || a.value.IsZero() {
		return err
	}
	currency, err := p.from[f.currency].text(cells)
	currency = coin(currency)
	switch {
	case err != nil:
		return &tabular.MemberError{Field: name + "_currency", Err: err}
	case currency == "":
		return tabular.Bad(name, "has no currency: map %s_currency", name)
	case a.unit != "" && !sameUnit(a.unit, currency):
		return tabular.Bad(name, "is in %s, %s_currency says %s", tabular.Clip(a.unit), name, tabular.Clip(currency))
	case x.Fee.IsZero():
		x.Fee, x.FeeCurrency = a.value, currency
	case currency == x.FeeCurrency:
		if x.Fee, err = x.Fee.Add(a.value); err != nil {
			return &tabular.MemberError{Field: name, Err: err}
		}
	default:
		d.more = append(d.more, feeBeside(x, name, a.value, currency))
	}
	return nil
}

// feeBeside returns a fee that does not fit into its fill, which has room for one
// currency.
func feeBeside(x *position.Fill, name string, paid position.Decimal, currency string) position.Charge {
	return position.Charge{
		Meta: position.Meta{Ident: x.Ident + ":" + name, Time: x.Time}, Key: x.Key,
		Kind: position.FeeCharge, Amount: paid.Neg(), Currency: currency,
	}
}

// price reads the price, or makes it of what the quantity is worth.
func (r *rows) price(p *plan, x *position.Fill, terms *position.DefineInstrument, cells []string) error {
	member := r.names[p.worth]
	a, err := r.number(p, p.worth, cells)
	switch {
	case err != nil:
		return err
	case !a.given && p.worth == price:
		_, err = position.Parse("")
		return &tabular.MemberError{Field: "price", Err: err}
	case !a.given:
		return tabular.Bad(member, "is empty")
	case p.worth == price:
		x.Price = a.value
		return r.priceUnit(p, a, x, terms)
	}
	worth := a.value.Abs()
	if member == "net" {
		if worth, err = r.gross(p, x, terms, worth, cells); err != nil {
			return err
		}
	}
	units := x.Qty
	if terms != nil {
		if terms.Terms.Kind == position.Inverse {
			return tabular.Bad(member, "tells no price of an inverse instrument: map price")
		}
		if units, err = units.Mul(terms.Terms.Multiplier); err != nil {
			return &tabular.MemberError{Field: member, Err: err}
		}
	}
	if units.IsZero() {
		return tabular.Bad("qty", "must be positive")
	}
	if x.Price, err = worth.Quo(units); err != nil {
		return &tabular.MemberError{Field: member, Err: err}
	}
	return r.priceUnit(p, a, x, terms)
}

// gross takes fee and tax out of the cash that moved.
func (r *rows) gross(p *plan, x *position.Fill, terms *position.DefineInstrument, cash position.Decimal, cells []string) (position.Decimal, error) {
	if terms != nil && !x.Fee.IsZero() && x.FeeCurrency != "" && x.FeeCurrency != terms.Terms.Settlement {
		return cash, tabular.Bad("net", "is the cash after the fee, but that is in %s and the cash in %s: map value, or price", tabular.Clip(x.FeeCurrency), tabular.Clip(terms.Terms.Settlement))
	}
	tax, err := r.number(p, r.at("tax"), cells)
	if err != nil {
		return cash, err
	}
	if x.Side == position.Buy {
		cash, err = cash.Sub(x.Fee)
	} else if cash, err = cash.Add(x.Fee); err == nil {
		cash, err = cash.Add(tax.value)
	}
	if err == nil && cash.Sign() < 0 {
		err = errors.New("is less than the fee")
	}
	if err != nil {
		return cash, &tabular.MemberError{Field: "net", Err: err}
	}
	return cash, nil
}

// headed returns the currency that the columns of a member have in their names, "" for
// none. That of what is traded is none: a BTC price is one of BTC.
func (r *rows) headed(p *plan, member int, x *position.Fill) string {
	for _, i := range p.from[member].columns {
		code := r.codes[i]
		if code != "" && !r.guard.ignored[i] && !startsWith(x.Instrument, code) {
			return code
		}
	}
	return ""
}

// priceUnit holds the currency that stands beside a price, or above it, against what
// the mapping says.
func (r *rows) priceUnit(p *plan, a amount, x *position.Fill, terms *position.DefineInstrument) error {
	stands := ""
	if a.unit == "" {
		a.unit = r.headed(p, p.worth, x)
		stands = ", as the name of its column says; ignore=COLUMN if that means something else"
	}
	if a.unit == "" || r.mapping.file.defined {
		return nil
	}
	currency := ""
	if terms != nil {
		if currency = terms.Terms.Quote; currency == "" {
			currency = terms.Terms.Settlement
		}
	}
	if currency != "" && !sameUnit(a.unit, currency) {
		return tabular.Bad("price", "is in %s, the mapping says %s%s", tabular.Clip(a.unit), tabular.Clip(currency), stands)
	}
	if currency == "" && a.unit != "$" {
		r.guard.doubt("the prices are in %s, and would be booked in the ledger's default currency: map the currency with settlement=COLUMN or settlement:=%s%s",
			tabular.Clip(a.unit), coded(a.unit), stands)
	}
	return nil
}

// terms reads what a row says about its instrument, nil for nothing.
func (r *rows) terms(p *plan, cells []string, x *position.Fill) (*position.DefineInstrument, error) {
	if !p.terms {
		return nil, nil //nolint:nilnil // the mapping says nothing about instruments
	}
	d := position.DefineInstrument{Instrument: x.Instrument}
	t := &d.Terms
	var kind string
	for _, m := range [...]struct {
		name string
		to   *string
	}{{kindMember, &kind}, {baseMember, &t.Base}, {quoteMember, &t.Quote}, {settlementMember, &t.Settlement}} {
		name, b := m.name, p.member(r, m.name)
		text, err := b.text(cells)
		switch {
		case err != nil:
			return nil, &tabular.MemberError{Field: name, Err: err}
		case b.bound && text == "" && name != baseMember: // which spot instruments alone must have
			return nil, tabular.Bad(name, "is empty: what it is in this row says %s=COLUMN, or %s:=VALUE for all lines", name, name)
		}
		*m.to = coin(text)
	}
	var err error
	if kind != "" {
		if t.Kind, err = position.ParseInstrumentKind(strings.ToLower(kind)); err != nil {
			return nil, &tabular.MemberError{Field: kindMember, Err: err}
		}
	}
	if t.Multiplier, err = r.multiplier(p, t.Kind, cells); err != nil {
		return nil, err
	}
	if t.Quote == "" && t.Kind != position.Inverse {
		t.Quote = t.Settlement
	}
	if t.Settlement == "" && t.Kind != position.Inverse {
		t.Settlement = t.Quote
	}
	return &d, nil
}

// multiplier reads what one unit counts. An empty cell is 1 where a column says that the
// row is of what is traded in single units.
func (r *rows) multiplier(p *plan, kind position.InstrumentKind, cells []string) (position.Decimal, error) {
	one, b := position.FromInt(1), p.member(r, multiplierMember)
	if !b.bound {
		return one, nil
	}
	m, err := r.number(p, r.at(multiplierMember), cells)
	single := len(p.member(r, kindMember).columns) > 0 && (kind == position.Linear || kind == position.Spot)
	switch {
	case err != nil:
		return one, err
	case !m.given && single:
		return one, nil
	case !m.given:
		return one, tabular.Bad(multiplierMember, "is empty, and no column says that this row counts single units: say kind=COLUMN:linear=WORD, or multiplier=COLUMN:100=WORD, or multiplier:=1 for all lines")
	case m.value.Sign() <= 0:
		return one, tabular.Bad(multiplierMember, "must be positive, not %s: say multiplier:=1 where a quantity counts single units", m.value)
	}
	return m.value, nil
}

package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// grouping says which rows are one trade together: of two coins, one that came and
// one that went, and perhaps of fees in rows of their own.
type grouping struct {
	key       []string
	quotes    []string
	quoteRows filter
	feeRows   filter
}

// set reads one part of a mapping.
func (g *grouping) set(name, value string) (err error) {
	var c condition
	switch name {
	case "group":
		g.key = strings.Split(value, "+")
	case "quotes":
		g.quotes = strings.Split(value, "|")
	case "quote_rows":
		c, err = parseCondition(value)
		g.quoteRows = filter{c}
	case "fee_rows":
		c, err = parseCondition(value)
		g.feeRows = filter{c}
	}
	return err
}

// conditions returns all conditions.
func (g *grouping) conditions() filter { return append(slices.Clone(g.quoteRows), g.feeRows...) }

// groupPlan is a grouping with the columns' places, and the groups of the file.
type groupPlan struct {
	key                []int
	quotes             []string
	quoteRows, feeRows []test
	columns            int // of the table, without base and quote
	open               map[string]*group
	order              []*group
}

// group is the rows of one trade.
type group struct {
	plan   *plan
	d      *draft // nil: no row was good
	legs   []legRow
	broken int // the line of a row that is bad; 0: none
}

// legRow is one row of a trade.
type legRow struct {
	cells  []string
	coin   string
	amount position.Decimal
	fee    bool // the amount is one
	quote  bool // as the mapping says by quote_rows
}

// bind finds the columns.
func (g *grouping) bind(r *rows) (*groupPlan, error) {
	if len(g.quotes) == 0 && len(g.quoteRows) == 0 {
		return nil, errors.New("group= needs quotes=EUR|USDT or quote_rows=Column:word, which say which coin of a trade is the quote")
	}
	p := &groupPlan{quotes: g.quotes, columns: len(r.table.Columns), open: map[string]*group{}}
	for _, column := range g.key {
		i, err := r.table.Place(column, "group")
		if err != nil {
			return nil, err
		}
		p.key = append(p.key, i)
	}
	var err error
	if p.quoteRows, err = bindFilter(r.table, g.quoteRows); err != nil {
		return nil, err
	}
	if p.feeRows, err = bindFilter(r.table, g.feeRows); err != nil {
		return nil, err
	}
	r.used = append(r.used, p.key...)
	r.useTests(p.quoteRows)
	r.useTests(p.feeRows)
	return p, nil
}

// named is the header with the coins of the trade as further columns, for a name
// such as {base}-{quote}.
func (p *groupPlan) named(t *tabular.Table) *tabular.Table {
	x := *t
	x.Columns = append(slices.Clone(t.Columns), baseMember, quoteMember)
	return &x
}

// leg adds a row to its trade. The first good row's draft stands for the trade.
func (r *rows) leg(p *plan, d *draft, cells []string) error {
	g := p.group.of(p, cells)
	l, err := r.readLeg(p, cells)
	if err == nil && g.d == nil {
		d.at, err = r.time(p, when, cells)
	}
	if err != nil {
		g.broken = d.line
		return err
	}
	g.legs = append(g.legs, l)
	if g.d != nil {
		return errJoined
	}
	g.d = d
	return nil
}

// of returns the trade that a row belongs to.
func (p *groupPlan) of(in *plan, cells []string) *group {
	parts := make([]string, len(p.key))
	for k, i := range p.key {
		parts[k] = strings.TrimSpace(cells[i])
	}
	key := strings.Join(parts, "\x00")
	g := p.open[key]
	if g == nil {
		g = &group{plan: in}
		p.open[key] = g
		p.order = append(p.order, g)
	}
	return g
}

// readLeg reads a row as part of a trade.
func (r *rows) readLeg(p *plan, cells []string) (legRow, error) {
	l := legRow{cells: slices.Clone(cells)}
	var err error
	if l.coin, err = p.member(r, "asset").text(cells); err != nil || l.coin == "" {
		return l, tabular.Bad("asset", "is empty")
	}
	a, err := r.number(p, r.at("amount"), cells)
	if err != nil {
		return l, err
	}
	l.amount = a.value
	if p.from[side].bound {
		text, sideErr := p.from[side].text(cells)
		if sideErr != nil {
			return l, &tabular.MemberError{Field: "side", Err: sideErr}
		}
		s, sideErr := tabular.ParseSide(text)
		if sideErr != nil {
			return l, sideErr
		}
		if l.amount = l.amount.Abs(); s == position.Sell {
			l.amount = l.amount.Neg()
		}
	}
	if len(p.group.feeRows) > 0 {
		_, l.fee = met(p.group.feeRows, cells)
	}
	if len(p.group.quoteRows) > 0 {
		_, l.quote = met(p.group.quoteRows, cells)
	}
	return l, nil
}

// errJoined says that a row went into the trade of an earlier one.
var errJoined = errors.New("the row is part of an earlier row's trade")

// grouped reports whether some rows are put together.
func (r *rows) grouped() bool {
	for k := range r.plans {
		if r.plans[k].group != nil {
			return true
		}
	}
	return false
}

// sumUp makes the fills of the groups. A group's draft gets its fill, or what is
// wrong with it.
func (r *rows) sumUp() {
	for k := range r.plans {
		p := &r.plans[k]
		if p.group == nil {
			continue
		}
		for _, g := range p.group.order {
			if g.d == nil {
				continue // all its rows are bad
			}
			if err := r.trade(g); err != nil {
				g.d.err = err
			}
		}
		p.group.order, p.group.open = nil, map[string]*group{}
	}
}

// sides is a trade's two coins.
type sides struct {
	base, quote   *legRow // the first row of each
	bases, quotes position.Decimal
}

// trade makes the fill of a group.
func (r *rows) trade(g *group) (err error) {
	p, d := g.plan, g.d
	if g.broken > 0 {
		return fmt.Errorf("the row on line %d belongs to the same trade and is bad", g.broken)
	}
	s, err := g.split()
	if err != nil {
		return err
	}
	cells := append(slices.Clone(s.base.cells), s.base.coin, s.quote.coin)
	var x position.Fill
	if err = r.key(p, cells, &x.Key); err != nil {
		return err
	}
	x.Side, x.Qty = position.Buy, s.bases.Abs()
	if s.bases.Sign() < 0 {
		x.Side = position.Sell
	}
	if x.Price, err = s.quotes.Abs().Quo(x.Qty); err != nil {
		return &tabular.MemberError{Field: "price", Err: err}
	}
	if x.Time, err = r.time(p, when, cells); err != nil {
		return err
	}
	if x.Ident, err = r.groupID(g, &x, s.base.cells); err != nil {
		return err
	}
	terms, err := r.groupTerms(p, s, &x)
	if err != nil {
		return err
	}
	if err = r.groupFees(g, s, &x, &terms.Terms); err != nil {
		return err
	}
	terms.Time = x.Time
	x.ZeroPrice = x.Price.IsZero() // its columns are required
	d.terms, d.m, d.at = terms, x, x.Time
	if err = x.Validate(); err != nil {
		return err
	}
	return r.guard.row(r, p, d, &x, s.quote.cells)
}

// split tells the coins of a trade apart.
func (g *group) split() (s sides, err error) {
	quote, err := g.quote()
	if err != nil {
		return s, err
	}
	for i := range g.legs {
		l := &g.legs[i]
		switch {
		case l.fee:
		case l.coin == quote:
			s.quote = earliest(s.quote, l)
			s.quotes, err = s.quotes.Add(l.amount)
		default:
			s.base = earliest(s.base, l)
			s.bases, err = s.bases.Add(l.amount)
		}
		if err != nil {
			return s, &tabular.MemberError{Field: "amount", Err: err}
		}
	}
	if s.bases.Sign()*s.quotes.Sign() >= 0 {
		return s, tabular.Bad("amount", "of one coin comes and of the other goes in a trade; here both go the same way")
	}
	for _, l := range g.legs {
		if !l.fee && l.coin != quote && l.amount.Sign() != s.bases.Sign() {
			return s, tabular.Bad("amount", "has both signs in one coin of a trade: the rows belong to several")
		}
	}
	return s, nil
}

// quote returns which of the two coins of a trade is the quote.
func (g *group) quote() (string, error) {
	var coins []string
	quote := ""
	for i := range g.legs {
		l := &g.legs[i]
		if l.fee {
			continue
		}
		if !slices.Contains(coins, l.coin) {
			coins = append(coins, l.coin)
		}
		if l.quote {
			quote = l.coin
		}
	}
	if len(coins) != 2 {
		return "", fmt.Errorf("the rows of one trade are of two coins, these are of %d: %s", len(coins), tabular.QuoteAll(coins))
	}
	for _, c := range g.plan.group.quotes {
		if quote == "" && slices.Contains(coins, c) {
			quote = c
		}
	}
	if quote == "" {
		return "", fmt.Errorf("none of %s is a quote by the mapping", tabular.QuoteAll(coins))
	}
	return quote, nil
}

func earliest(have, l *legRow) *legRow {
	if have == nil {
		return l
	}
	return have
}

// groupTerms returns what the coins say about the instrument.
func (r *rows) groupTerms(p *plan, s sides, x *position.Fill) (*position.DefineInstrument, error) {
	d := &position.DefineInstrument{Instrument: x.Instrument, Terms: position.Terms{Kind: position.Spot, Multiplier: position.FromInt(1), Base: s.base.coin, Quote: s.quote.coin}}
	for name, to := range map[string]*string{baseMember: &d.Terms.Base, quoteMember: &d.Terms.Quote, settlementMember: &d.Terms.Settlement} {
		b := p.member(r, name)
		if !b.bound {
			continue
		}
		from := s.quote
		if name == baseMember {
			from = s.base
		}
		text, err := b.text(from.cells)
		if err != nil {
			return nil, &tabular.MemberError{Field: name, Err: err}
		}
		*to = text
	}
	if text, err := p.member(r, kindMember).text(s.base.cells); err != nil || text != "" && !strings.EqualFold(text, position.Spot.String()) {
		return nil, tabular.Bad(kindMember, "is %s, and a trade of two coins is spot: say the kind of other rows behind their when=", tabular.Clip(text))
	}
	if m, err := r.number(p, r.at(multiplierMember), s.base.cells); err != nil || p.member(r, multiplierMember).bound && m.value != position.FromInt(1) {
		return nil, tabular.Bad(multiplierMember, "is %s, and of a trade of two coins it is 1: say that of other rows behind their when=", m.value)
	}
	if b := p.member(r, settlementMember); !b.bound {
		d.Terms.Settlement = d.Terms.Quote
	} else if q := p.member(r, quoteMember); !q.bound {
		d.Terms.Quote = d.Terms.Settlement
	}
	return d, nil
}

// groupFees adds up the fees of a trade, by currency. That in the base currency,
// or the first, goes with the fill.
func (r *rows) groupFees(g *group, s sides, x *position.Fill, t *position.Terms) error {
	paid := map[string]position.Decimal{}
	var order []string
	for i := range g.legs {
		l := &g.legs[i]
		value, currency, err := r.legFee(g.plan, l)
		if err != nil {
			return err
		}
		if value.IsZero() {
			continue
		}
		if l.fee || len(g.plan.from[fee].terms) == 0 {
			g.plan.signs[0].count(value)
		} else {
			r.guard.fee(r, g.plan, value, l.cells)
		}
		switch {
		case g.plan.from[feeCurrency].bound:
		case currency == s.base.coin:
			currency = t.Base
		case currency == s.quote.coin:
			currency = t.Settlement
		}
		if _, known := paid[currency]; !known {
			order = append(order, currency)
		}
		if paid[currency], err = paid[currency].Add(value); err != nil {
			return &tabular.MemberError{Field: "fee", Err: err}
		}
	}
	if i := slices.Index(order, t.Base); i > 0 {
		order[0], order[i] = order[i], order[0]
	}
	for i, currency := range order {
		if i == 0 {
			x.Fee, x.FeeCurrency = paid[currency], currency
			continue
		}
		g.d.more = append(g.d.more, feeBeside(x, "fee_"+currency, paid[currency], currency))
	}
	return nil
}

// legFee returns the fee of one row.
func (r *rows) legFee(p *plan, l *legRow) (position.Decimal, string, error) {
	currency := l.coin
	if b := &p.from[feeCurrency]; b.bound {
		text, err := b.text(l.cells)
		if err != nil {
			return position.Decimal{}, "", &tabular.MemberError{Field: "fee_currency", Err: err}
		}
		currency = text
	}
	if l.fee {
		return l.amount.Neg(), currency, nil
	}
	a, err := r.number(p, fee, l.cells)
	return a.value, currency, err
}

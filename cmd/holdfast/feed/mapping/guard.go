package mapping

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// guard looks, while the rows are read, for what would make figures wrong without
// any row being wrong: a currency that nothing uses, fees whose sign says the
// reverse, ids that repeat. A file in doubt is refused as a whole, before it gives
// anything, with what the mapping has to say.
type guard struct {
	ignored map[int]bool
	doubts  []string
	ids     seenIDs
	seed    maphash.Seed   // of the ids and the rows in ids
	said    map[int]bool   // columns in doubt
	words   map[int]string // what columns of kinds say, of the rows that became fills
	money   string         // a currency that stands above the table
	sides   sideWatch
}

// signs counts the fees of one column.
type signs struct{ paid, rebates int }

// seenID is where an id was read.
type seenID struct {
	id     string
	line   int
	row    uint64 // hash of the cells
	before int    // index + 1 of the one before it with this hash of the id
}

// seenIDs are the ids that were read, found by their hashes: a map of the ids
// themselves is larger and slower by half. The zero value remembers nothing.
type seenIDs struct {
	list []seenID
	last map[uint64]int // index + 1 of the last one with a hash of the id
}

// note remembers an id that is not there, and returns the one that is.
func (s *seenIDs) note(hash uint64, now seenID) (was *seenID) {
	at := s.last[hash]
	for i := at; i > 0; i = s.list[i-1].before {
		if was = &s.list[i-1]; was.id == now.id {
			return was
		}
	}
	now.before = at
	s.list = append(s.list, now)
	s.last[hash] = len(s.list)
	return nil
}

// bind looks at the columns of a header.
func (g *guard) bind(r *rows) error {
	t := r.table
	if g.words == nil {
		g.ids.last, g.words, g.said, g.seed = map[uint64]int{}, map[int]string{}, map[int]bool{}, maphash.MakeSeed()
	}
	g.ignored = map[int]bool{}
	for _, column := range r.mapping.file.ignore {
		i, err := t.Place(column, "ignore")
		if err != nil {
			return err
		}
		g.ignored[i] = true
	}
	for k := range r.plans {
		g.look(t, &r.plans[k])
	}
	g.sides.columns = nil
	g.heading(r)
	g.legs(r)
	g.money = moneyAbove(t)
	if r.mapping.file.zone == "" && !strings.Contains(r.clock.Layout, "07") && !strings.HasPrefix(r.clock.Layout, "unix") {
		for _, l := range t.Above {
			if p := plain(l); strings.Contains(p, "timezone") {
				g.doubt("above the table stands %s: say which zone the times are in, such as time_zone=+08:00 or time_zone=above(Time Zone:*)", tabular.Clip(strings.TrimSpace(l)))
			}
		}
	}
	return nil
}

// look tells the columns that a plan does not read.
func (g *guard) look(t *tabular.Table, p *plan) {
	p.looks = make([]look, len(t.Columns))
	for i, c := range t.Columns {
		l := lookOf(plain(c))
		switch {
		case g.ignored[i] || t.Section != "" && i < sectionCells:
		case !slices.Contains(p.used, i):
			p.looks[i] = unusedColumn | l
		case !p.from[when].bound: // a time that is read as something else only
			p.looks[i] = l&likeTime | readElsewhere
		}
	}
}

// heading doubts times under a heading that tells their offset, such as
// Time(UTC+8), where neither they nor the mapping do.
func (g *guard) heading(r *rows) {
	layout := r.clock.Layout
	if r.mapping.file.zone != "" || layout == "" || strings.Contains(layout, "07") || strings.Contains(layout, "MST") || strings.HasPrefix(layout, "unix") {
		return
	}
	for k := range r.plans {
		for _, i := range r.plans[k].from[when].columns {
			if offset := offsetIn(r.table.Columns[i]); offset != "" {
				g.doubt("%s names the offset of its times: say time_zone=%s, or time_zone=UTC if they are in UTC all the same", r.columnName(i), offset)
			}
		}
	}
}

// legs doubts a mapping that reads one price of rows with two: of a position that
// was opened and closed, which would stay open.
func (g *guard) legs(r *rows) {
	for k := range r.plans {
		for _, i := range r.plans[k].from[price].columns {
			side := legOf(r.table.Columns[i])
			for j, c := range r.table.Columns {
				if other := legOf(c); side != 0 && other == -side && !g.ignored[j] && !slices.Contains(r.plans[k].used, j) {
					g.doubt("%s stands beside %s: a row is a position that was opened and closed, and no trade; take an export of the trades, or say ignore=%s to read one half", r.columnName(j), r.columnName(i), r.columnText(j))
				}
			}
		}
	}
}

// doubt notes what the mapping has to say, once.
func (g *guard) doubt(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(g.doubts, text) && len(g.doubts) < 20 {
		g.doubts = append(g.doubts, text)
	}
}

// id notes an id, which no other row may have: of ids made of several columns, or of
// a column that is no id, not even an equal one, which may as well be a second trade.
func (g *guard) id(r *rows, p *plan, id string, cells []string, line int) {
	b := &p.from[ident]
	if g.ids.last == nil {
		return
	}
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, c := range cells {
		_, _ = h.WriteString(strings.TrimSpace(c)) // never fails
		_ = h.WriteByte(0)
	}
	now := seenID{id: id, line: line, row: h.Sum64()}
	was := g.ids.note(maphash.String(g.seed, id), now)
	if was == nil {
		return
	}
	if b.wide || was.row != now.row || !r.tells(p, b.columns[0], id) {
		g.doubt("the id made of %s is the same on lines %d and %d: it does not tell their trades apart; take more columns, or id:=row", tabular.QuoteAll(columnsOf(r.table, b)), was.line, line)
	}
}

func columnsOf(t *tabular.Table, b *binding) []string {
	var out []string
	for _, i := range b.columns {
		out = append(out, t.Columns[i])
	}
	return out
}

// fee counts the signs of fees, of each column by itself.
func (g *guard) fee(r *rows, p *plan, value position.Decimal, cells []string) {
	terms := p.from[fee].terms
	if len(terms) < 2 {
		p.signs[0].count(value)
		return
	}
	for i := range terms {
		one := binding{terms: terms[i : i+1]}
		if a, err := one.number(cells, r.mapping.file.numbers); err == nil {
			p.signs[i].count(a.value)
		}
	}
}

func (s *signs) count(value position.Decimal) {
	switch value.Sign() {
	case 1:
		s.paid++
	case -1:
		s.rebates++
	}
}

// row looks at a row that became a fill.
func (g *guard) row(r *rows, p *plan, d *draft, x *position.Fill, cells []string) error {
	if p.group == nil {
		g.fee(r, p, x.Fee, cells)
	}
	b := &p.from[price]
	if x.Price.Sign() < 0 && b.bound && !b.signed && !b.own && !b.alike && len(b.columns) > 0 {
		return tabular.Bad("price", "is negative: say price=+COLUMN where prices may be, or value=COLUMN for the cash of a trade, whose sign is not the price's")
	}
	currency := ""
	if d.terms != nil {
		currency = d.terms.Terms.Settlement
	}
	g.instrument(r, p, x)
	if !p.from[feeCurrency].bound && p.group == nil && g.money != "" && currency != "" && g.money != currency && !x.Fee.IsZero() {
		g.doubt("above the table stands the currency %s, and the price of %s is in %s: say which the fees are in, such as fee_currency:=%s", g.money, tabular.Clip(x.Instrument), currency, g.money)
	}
	v := view{p: p, x: x, cells: cells, settled: p.statesMoney, currency: currency}
	for i, l := range p.looks {
		if l == 0 {
			continue
		}
		if v.cell = strings.TrimSpace(cells[i]); v.cell != "" {
			v.column, v.look = i, l
			g.cell(r, &v)
		}
	}
	g.sides.row(r, p, x, cells)
	if d.terms != nil {
		g.outsized(x, &d.terms.Terms)
	}
	return nil
}

// instrument looks at what an instrument's name says.
func (g *guard) instrument(r *rows, p *plan, x *position.Fill) {
	settled := p.statesMoney
	if b := &p.from[feeCurrency]; !settled && len(b.columns) > 0 && !b.own && !x.Fee.IsZero() {
		g.doubt("the fees are in the currency of %s, but nothing says which currency the price is in: map settlement=COLUMN, such as settlement=%s if the price is in it as well", r.columnName(b.columns[0]), r.columnText(b.columns[0]))
	}
	if r.mapping.IsZero() {
		return
	}
	name := strings.ToUpper(strings.Map(letters, x.Instrument))
	if !settled && g.money != "" {
		g.doubt("above the table stands the currency %s, and the price would be booked in the ledger's default currency: map settlement=COLUMN, or say settlement:=%s if it is the price's", g.money, g.money)
	}
	switch {
	case !settled && quoteOf(name) != "":
		g.doubt("%s seems to be priced in %s, and would be booked in the ledger's default currency: map settlement=COLUMN, or say settlement:=%s", tabular.Clip(x.Instrument), quoteOf(name), quoteOf(name))
	case !settled && isISIN(name) && !strings.HasPrefix(name, "US"):
		g.doubt("%s is no ISIN of the United States, and its price would be booked in the ledger's default currency: map settlement=COLUMN, or say settlement:=EUR or the like", tabular.Clip(x.Instrument))
	case p.statesKind:
	case isOSI(x.Instrument):
		g.doubt("%s is the symbol of an option: say which rows are with kind=COLUMN:option=WORD,linear=WORD", tabular.Clip(x.Instrument))
	case isPair(name) || settled && quoteOf(name) != "":
		g.doubt("%s is a pair: say what it is, kind:=spot with base=COLUMN, kind:=linear or kind:=inverse, and its settlement", tabular.Clip(x.Instrument))
	}
}

// outsized doubts a fee that is a thousand times what was traded: its unit is
// another.
func (g *guard) outsized(x *position.Fill, t *position.Terms) {
	const times = 1000
	if x.FeeCurrency != "" && x.FeeCurrency != t.Settlement || x.Price.Sign() <= 0 || x.Fee.IsZero() {
		return
	}
	exact := *t
	exact.Rounding = position.Rounding{}
	worth, err := exact.Value(x.Qty, x.Price)
	if err == nil {
		worth, err = worth.Mul(position.FromInt(times))
	}
	if err == nil && worth.Sign() > 0 && x.Fee.Abs().Cmp(worth) > 0 {
		g.doubt("a fee of %s for what is worth a thousandth of it: in which unit fees are says a factor, such as fee=COLUMN*0.00000001 for satoshi", x.Fee)
	}
}

// verdict returns why the file cannot be read as it is mapped, nil when it can.
func (g *guard) verdict(name string, r *rows) error {
	for k := range r.plans {
		p := &r.plans[k]
		for i, s := range p.signs {
			if s.rebates <= s.paid || r.mapping.file.rebates {
				continue
			}
			b := &p.from[fee]
			minus := b.minus
			if i < len(b.terms) {
				minus = b.terms[i].negative
			}
			switch {
			case !b.signed && !minus:
				g.doubt("%d of %d fees are negative: say fee=-COLUMN where negative means paid, or fee=+COLUMN where these are rebates", s.rebates, s.rebates+s.paid)
			case minus:
				g.doubt("fee=-COLUMN makes %d of %d fees rebates: say fee=COLUMN where positive means paid, or fees=rebates where most of them are", s.rebates, s.rebates+s.paid)
			}
		}
	}
	g.sides.verdict(g, r)
	if len(g.doubts) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", tabular.ErrDoubt, name, strings.Join(g.doubts, "; "))
}

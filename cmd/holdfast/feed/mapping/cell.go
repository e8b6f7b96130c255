package mapping

import (
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// view is a cell that nothing is read from, and the row around it.
type view struct {
	p        *plan
	x        *position.Fill
	cells    []string
	column   int
	cell     string // not empty
	look     look
	settled  bool   // the currency of the price is stated
	currency string // of this row's price, where the row says it
}

// stated reports whether the mapping says what a member of terms is.
func (v *view) stated(r *rows, member string) bool {
	return r.mapping.file.defined || v.p.group != nil || v.p.member(r, member).bound
}

func (v *view) name(r *rows) string { return r.columnName(v.column) }
func (v *view) text(r *rows) string { return r.columnText(v.column) }

// cell looks at a cell that nothing is read from. A column is doubted once.
func (g *guard) cell(r *rows, v *view) {
	elsewhere := v.look&readElsewhere != 0 && (v.p.from[when].bound || v.look&likeTime == 0 && !isDate(v.cell))
	if g.said[v.column] || elsewhere {
		return
	}
	doubts := len(g.doubts)
	_ = g.moneyOf(r, v) || g.termsOf(r, v) || g.doneOf(r, v) || g.kindOf(r, v) || g.sumOf(r, v)
	g.said[v.column] = len(g.doubts) > doubts
}

// moneyOf looks at a cell that is a currency.
func (g *guard) moneyOf(r *rows, v *view) bool {
	code := codeOf(v.cell)
	switch {
	case !v.settled && (code != "" || v.look&likeMoney != 0 && isWord(v.cell)):
		if member := v.moneyMember(r, code); member != "" {
			g.doubt("%s says %s and nothing uses it, while the price would be booked in the ledger's default currency: map it, such as %s=%s, or say ignore=%s",
				v.name(r), tabular.Clip(v.cell), member, v.text(r), v.text(r))
		} else {
			g.doubt("%s says %s and nothing uses it, while the price would be booked in the ledger's default currency: say which that is with settlement=COLUMN, or say ignore=%s",
				v.name(r), tabular.Clip(v.cell), v.text(r))
		}
	case code != "" && v.currency != "" && code != v.currency:
		g.doubt("%s says %s and nothing uses it, while the price is booked in %s: say settlement=%s if it is the price's, fee_currency=%s if it is the fee's, else ignore=%s", v.name(r), tabular.Clip(v.cell), v.currency, v.text(r), v.text(r), v.text(r))
	case !v.settled && !r.mapping.IsZero() && isISIN(v.cell) && !strings.HasPrefix(v.cell, "US"):
		g.doubt("%s says %s, which is no share of the United States, and its price would be booked in the ledger's default currency: say settlement:=EUR or the like", v.name(r), tabular.Clip(v.cell))
	default:
		return false
	}
	return true
}

// moneyMember returns the member that a currency may be: that of the quantity and
// that of the fee are not the price's. It returns none where that is mapped.
func (v *view) moneyMember(r *rows, code string) string {
	column := plain(r.table.Columns[v.column])
	member := settlementMember
	switch {
	case code != "" && startsWith(v.x.Instrument, code), likeQuantity(column) || strings.Contains(column, "base"):
		member = baseMember
	case lookOf(column)&likeFee != 0 && !strings.Contains(column, "price"):
		member = "fee_currency"
	}
	if v.p.member(r, member).bound {
		return ""
	}
	return member
}

// termsOf looks at a cell that says what the instrument is.
func (g *guard) termsOf(r *rows, v *view) bool {
	switch {
	case isContract(v.cell) && !v.stated(r, multiplierMember):
		g.doubt("%s says that the quantity counts %s, and nothing says what one of them is: map multiplier, or define the instruments and say terms:=defined", v.name(r), tabular.Clip(v.cell))
	case v.look&likeMultiplier != 0 && !v.stated(r, multiplierMember) && !isOne(v.cell):
		g.doubt("%s says %s and nothing uses it: map it with multiplier=%s, or say ignore=%s", v.name(r), tabular.Clip(v.cell), v.text(r), v.text(r))
	case v.look&likeOption != 0 && !v.stated(r, kindMember):
		g.doubt("%s says %s, as of an option: say which rows are with kind=COLUMN:option=WORD,linear=WORD, or say ignore=%s", v.name(r), tabular.Clip(v.cell), v.text(r))
	case v.look&likeKind != 0 && !v.stated(r, kindMember) && unusualKind(v.cell) != "":
		word := ""
		if kind := unusualKind(v.cell); kind != strings.ToLower(v.cell) {
			word = ":" + kind + "=" + v.cell
		}
		g.doubt("%s says %s and nothing uses it: map it with kind=%s%s, or say ignore=%s", v.name(r), tabular.Clip(v.cell), v.text(r), word, v.text(r))
	case v.look&likeTerm != 0 && isWord(v.cell) && !v.stated(r, plain(r.table.Columns[v.column])):
		g.doubt("%s says %s and nothing uses it: map it with %s=%s, or say ignore=%s", v.name(r), tabular.Clip(v.cell), plain(r.table.Columns[v.column]), v.text(r), v.text(r))
	case v.look&likeFurtherTerm != 0 && !r.mapping.file.defined:
		g.doubt("%s says %s, and no row of a fill gives what an instrument has beyond %s: define the instruments and say terms:=defined, or say ignore=%s", v.name(r), tabular.Clip(v.cell), strings.Join(termNames(), ", "), v.text(r))
	case v.look&likeZone != 0 && r.mapping.file.zone == "":
		g.doubt("%s says %s and nothing uses it: map it with time_zone={%s}", v.name(r), tabular.Clip(v.cell), v.text(r))
	default:
		return false
	}
	return true
}

// doneOf looks at a cell that says what was executed of an order: such a quantity,
// or price, counts rather than the one that was ordered.
func (g *guard) doneOf(r *rows, v *view) bool {
	member, said := qty, v.x.Qty
	switch {
	case v.look&likeDoneQty != 0:
	case v.look&likeDonePrice != 0:
		member, said = price, v.x.Price
	default:
		return false
	}
	b := &v.p.from[member]
	if v.p.group != nil || len(b.columns) == 0 {
		return false
	}
	cell := strings.TrimSpace(v.cells[b.columns[0]])
	done, err := r.loose(v.cell)
	if err != nil || !done.given {
		return false
	}
	ordered, err := r.loose(cell)
	if err != nil {
		return false
	}
	worth, worthErr := v.x.Qty.Mul(v.x.Price)
	if is := done.value.Abs(); is == ordered.value.Abs() || is == said.Abs() || worthErr == nil && is == worth.Abs() {
		return false
	}
	if lookOf(plain(r.table.Columns[b.columns[0]]))&(likeDoneQty|likeDonePrice) != 0 {
		return false // it is what was executed itself
	}
	g.doubt("%s says %s and nothing uses it, while %s is %s by %s: map what was executed with %s=%s, or say ignore=%s",
		v.name(r), tabular.Clip(v.cell), r.names[member], tabular.Clip(cell), r.columnName(b.columns[0]), r.names[member], v.text(r), v.text(r))
	return true
}

// loose reads a number that nothing is read from, dressed or plain.
func (r *rows) loose(cell string) (amount, error) {
	form := r.mapping.file.numbers.form
	if d, err := position.Parse(cell); err == nil && form != euNumbers {
		return amount{value: d, given: true}, nil
	}
	return numbers{form: max(form, usNumbers), round: true}.parse(cell)
}

// kindOf looks at a cell that says what the row is.
func (g *guard) kindOf(r *rows, v *view) bool {
	switch {
	case undone(v.look, v.cell):
		g.doubt("%s says %s, as of what was taken back or came to nothing, and nothing uses it: leave such rows out with skip=%s:%s, or say ignore=%s", v.name(r), tabular.Clip(v.cell), v.text(r), v.cell, v.text(r))
	case !v.p.from[when].bound && (v.look&likeTime != 0 && v.look&likeFee == 0 || isDate(v.cell)):
		g.doubt("%s looks like a time, and rows have none without it: map time=%s, or say ignore=%s", v.name(r), v.text(r), v.text(r))
	case v.look&likeKind != 0:
		if said, before := g.words[v.column]; before && said != v.cell {
			g.doubt("%s says %s and %s and nothing uses it: say with only=, skip= or kind= what that means, or say ignore=%s", v.name(r), tabular.Clip(said), tabular.Clip(v.cell), v.text(r))
		}
		g.words[v.column] = v.cell
	default:
		return false
	}
	return true
}

// sumOf looks at a fee, or the venue's own profit.
func (g *guard) sumOf(r *rows, v *view) bool {
	if v.look&(likeFee|likeProfit) == 0 {
		return false
	}
	a, err := r.loose(v.cell)
	if err != nil || a.value.IsZero() {
		return true
	}
	switch {
	case v.look&likeFee != 0:
		g.doubt("%s looks like a fee and nothing uses it: add it with fee=%s or fee_2=%s, or say ignore=%s", v.name(r), v.text(r), v.text(r), v.text(r))
	case !v.stated(r, multiplierMember):
		g.doubt("%s looks like the venue's own profit: where a quantity counts single units say multiplier:=1, else what it counts; or say ignore=%s", v.name(r), v.text(r))
	}
	return true
}

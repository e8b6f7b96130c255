package mapping

import (
	"slices"
	"strings"
	"unicode"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// sideWatch looks, where no column gives the side, for a column that does: the
// sign of a quantity says nothing where all are positive.
type sideWatch struct {
	columns     map[int]*sideColumn // that nothing is read from
	buys, sells bool                // were booked
}

// sideColumn is what a column says beside the sides that were booked.
type sideColumn struct {
	named   bool                     // like a side
	strange bool                     // a word is none of a side
	letters bool                     // a word is one letter, of a column that is not named
	against string                   // the first word that says the reverse of its row
	not     map[position.Side]string // the first word that does not say this side
}

// row notes the words of a row whose side no column gives.
func (w *sideWatch) row(r *rows, p *plan, x *position.Fill, cells []string) {
	b := &p.from[side]
	if p.group != nil || len(b.columns) > 0 || b.constant == byHolding {
		return
	}
	if w.columns == nil {
		w.bind(r)
	}
	w.buys, w.sells = w.buys || x.Side == position.Buy, w.sells || x.Side == position.Sell
	for i, c := range w.columns {
		if cell := strings.TrimSpace(cells[i]); cell != "" && (c.named || !c.strange) {
			c.note(cell, x.Side)
		}
	}
}

// bind finds the columns that no row is read from.
func (w *sideWatch) bind(r *rows) {
	w.columns = map[int]*sideColumn{}
	for i, name := range r.table.Columns {
		if !r.guard.ignored[i] && !slices.Contains(r.used, i) && (r.table.Section == "" || i >= sectionCells) {
			w.columns[i] = &sideColumn{named: isSideName(plain(name)), not: map[position.Side]string{}}
		}
	}
}

func (c *sideColumn) note(cell string, booked position.Side) {
	said, firm, known := sideWord(cell, c.named)
	c.strange, c.letters = c.strange || !known, c.letters || !c.named && len(cell) == 1
	if firm && said != booked && c.against == "" {
		c.against = cell
	}
	for _, s := range []position.Side{position.Buy, position.Sell} {
		if (!known || said != s) && c.not[s] == "" {
			c.not[s] = cell
		}
	}
}

// verdict doubts a column of sides that says another side than was booked, or, where
// one side only was booked, that says more than this side.
func (w *sideWatch) verdict(g *guard, r *rows) {
	for i := range r.table.Columns {
		c := w.columns[i]
		if c == nil || !c.named && c.strange || c.letters && (c.not[position.Buy] == "" || c.not[position.Sell] == "") {
			continue
		}
		word, booked := c.against, "the reverse of its row"
		if word == "" && w.buys != w.sells {
			word, booked = c.not[position.Buy], "and all rows are booked as buy"
			if w.sells {
				word, booked = c.not[position.Sell], "and all rows are booked as sell"
			}
		}
		if word != "" {
			g.doubt("%s says %s, %s, and nothing uses it: map it with side=%s, or say ignore=%s", r.columnName(i), tabular.Clip(word), booked, r.columnText(i), r.columnText(i))
		}
	}
}

// isSideName tells the name of a column of sides, in plain letters.
func isSideName(name string) bool {
	return strings.HasSuffix(name, "side") || strings.HasPrefix(name, "side") || strings.Contains(name, "direction") ||
		slices.Contains([]string{"bs", "buysell", "buyorsell", "sellbuy", "dir", "isbuy", "isbuyer", "buyer", "sens", "richtung", "seite"}, name)
}

// sideWord returns the side that a cell says. firm: it is that of a trade, and not of
// what is held, nor a letter under any name.
func sideWord(cell string, named bool) (s position.Side, firm, known bool) {
	said := strings.ToLower(cell)
	if !named && (said == "b" || said == "s") {
		s, _ = tabular.ParseSide(said)
		return s, false, true
	}
	bought, sold := said == "b", said == "s"
	var long, short bool
	for word := range strings.FieldsFuncSeq(said, func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch word {
		case "buy", "bought", "bot", "purchase", "kauf", "achat", "compra", "köp":
			bought = true
		case "sell", "sold", "sld", "sale", "verkauf", "vente", "venta", "sälj":
			sold = true
		case "long":
			long = true
		case "short":
			short = true
		}
	}
	switch {
	case bought != sold:
		firm, known = true, true
	case long != short && !bought:
		bought, known = long, true
	}
	if s = position.Sell; bought {
		s = position.Buy
	}
	return s, firm, known
}

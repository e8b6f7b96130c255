package mapping

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// look is what the name of a column that nothing uses says about it.
type look uint16

// The looks.
const (
	likeFee look = 1 << iota
	likeProfit
	likeMultiplier
	likeOption
	likeKind
	likeTime
	likeZone
	likeUndone
	likeStatus
	likeMoney
	likeDoneQty
	likeDonePrice
	likeTerm
	likeFurtherTerm
	unusedColumn
	readElsewhere
)

// lookOf tells what a column's name means, in plain letters.
func lookOf(name string) (l look) {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	if has("fee", "comm", "tax", "duty", "levy", "charges", "swap", "funding", "andorthird", "gebühr", "provision", "kosten", "courtage", "frais", "steuer") &&
		!has("comment", "commod", "rate", "percent", "bps", "balance", "total", "inclusive") {
		l |= likeFee
	}
	if has("profit", "pnl", "realizedp", "realisedp") || name == "result" || name == "cashflow" {
		l |= likeProfit
	}
	if has("multiplier", "contractsize", "lotsize") {
		l |= likeMultiplier
	}
	if has("putcall", "strike", "callorput", "optiontype") {
		l |= likeOption
	}
	if has("status") || name == "state" || name == "orderstate" {
		l |= likeKind | likeStatus
	}
	if has("type", "action", "operation", "discriminator", "transcode", "kind", "category", "assetclass") && !has("order", "ordt") && !endsAny(name, "volume", "amount", "quantity", "qty", "size", "price", "value", "cost", "total", "id", "hash", "number", "time", "date") {
		l |= likeKind
	}
	if has("cancel", "storno", "makuler") && !endsAny(name, "volume", "amount", "quantity", "qty", "size") {
		l |= likeUndone
	}
	if has("date", "time", "datum") {
		l |= likeTime
	}
	if has("timezone") {
		l |= likeZone
	}
	if (has("currency", "ccy", "devise", "währung", "waehrung", "valuta", "divisa", "moneda") || name == "cur" || name == "curr") && !has("pair", "crypto") {
		l |= likeMoney
	}
	switch {
	case name == baseMember, name == quoteMember, name == settlementMember:
		l |= likeTerm
	case slices.ContainsFunc(furtherTerms(), func(member string) bool { return plain(member) == name }):
		l |= likeFurtherTerm
	}
	return l | doneLook(name, has)
}

// doneLook tells the names of what was executed of an order.
func doneLook(name string, has func(words ...string) bool) (l look) {
	done := has("fill", "exec", "traded", "matched", "cumqty", "lastqty", "lastshares") && !has("unfill", "notfill", "remain", "percent", "rate", "time", "date")
	switch {
	case done && likeQuantity(name), name == "filled", name == "executed":
		l |= likeDoneQty
	case (done || has("average", "avg") && !has("entry", "open", "cost", "clos")) && has("price"), name == "lastpx", name == "avgpx":
		l |= likeDonePrice
	}
	return l
}

// likeQuantity tells the names of quantities.
func likeQuantity(name string) bool {
	return slices.ContainsFunc([]string{"qty", "quantity", "size", "volume", "amount", "shares", "units"}, func(w string) bool { return strings.Contains(name, w) })
}

// tells reports whether a column that gives ids tells trades apart: it is named like
// an id, of no order and of nothing that trades have in common, and gives nothing else.
func (r *rows) tells(p *plan, column int, id string) bool {
	for i := range p.from {
		if i != ident && slices.Contains(p.from[i].columns, column) {
			return false
		}
	}
	name := plain(r.table.Columns[column])
	common := slices.ContainsFunc([]string{"order", "account", "user", "client", "instrument", "product", "symbol", "security", "portfolio", "strategy", "paid"}, func(w string) bool { return strings.Contains(name, w) })
	named := endsAny(name, "id", "no", "nr", "num", "number", "nummer", "hash", "ref", "refid", "reference", "referenz", "ticket", "deal", "trade", "execution", "transaction", "key") || strings.HasPrefix(name, "trade")
	return named && !common && lookOf(name)&likeTime == 0 && !isDate(id)
}

func endsAny(name string, ends ...string) bool {
	return slices.ContainsFunc(ends, func(e string) bool { return strings.HasSuffix(name, e) })
}

// legOf returns 1 for the price at which a position was opened, -1 for that at which
// it was closed, 0 for others.
func legOf(column string) int {
	name := plain(column)
	if !endsAny(name, "price", "rate") {
		return 0
	}
	switch {
	case strings.HasPrefix(name, "open"), strings.HasPrefix(name, "entry"):
		return 1
	case strings.HasPrefix(name, "clos"), strings.HasPrefix(name, "exit"):
		return -1
	}
	return 0
}

// offsetIn returns the offset from UTC that the name of a column tells, "" for none.
func offsetIn(column string) string {
	name := strings.ToUpper(strings.ReplaceAll(column, " ", ""))
	for _, prefix := range []string{"UTC", "GMT"} {
		_, rest, found := strings.Cut(name, prefix)
		if !found {
			continue
		}
		offset := rest[:len(rest)-len(strings.TrimLeft(rest, "+-:0123456789"))]
		if zone, err := tabular.ParseZone(offset); err == nil && zone != time.UTC && strings.Trim(offset, "+-:0") != "" {
			return offset
		}
	}
	return ""
}

// moneyAbove returns the currency that a line above the table names, such as the
// base currency of a statement.
func moneyAbove(t *tabular.Table) string {
	for _, l := range t.Above {
		cells, err := tabular.Cut(l, t.Comma)
		for i := 1; err == nil && i < len(cells); i++ {
			if isCurrency(strings.TrimSpace(cells[i])) && strings.Contains(plain(cells[i-1]), "currency") {
				return strings.TrimSpace(cells[i])
			}
		}
	}
	return ""
}

// currencies are the codes that a cell is known by: of money, and of the coins
// that most is priced and paid in.
const currencies = " AED ARS AUD BDT BGN BHD BRL CAD CHF CLP CNH CNY COP CRC CZK DKK EGP EUR GBP GBX GEL GHS HKD HRK HUF IDR ILS INR ISK JOD JPY KES KRW KWD KZT LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH UGX USD UYU VND ZAR " +
	"USDT USDC FDUSD BUSD TUSD DAI BTC XBT ETH BNB SOL XRP ADA DOT LTC BCH TRX DOGE MATIC AVAX XXBT ZEUR ZUSD ZGBP XETH "

// quoteCodes are those that names of pairs end with, but for that of the usual
// default.
const quoteCodes = "FDUSD USDT USDC BUSD EUR GBP CHF JPY AUD CAD INR KRW TRY BRL BTC XBT ETH BNB"

// isWord reports whether a cell says something in letters, or is a currency sign.
func isWord(cell string) bool {
	return !slices.Contains([]string{"na", "none", "null"}, plain(cell)) && strings.IndexFunc(cell, func(r rune) bool { return unicode.IsLetter(r) || unicode.Is(unicode.Sc, r) }) >= 0 && !strings.ContainsAny(cell, "0123456789")
}

// isOne reports whether a cell is the number 1.
func isOne(cell string) bool {
	d, err := position.Parse(cell)
	return err == nil && d == position.FromInt(1)
}

// unusualKind returns the kind of instrument that a word of a cell says, "" where that is
// none or linear, which is what is taken where nothing is said.
func unusualKind(cell string) string {
	for word := range strings.FieldsFuncSeq(strings.ToLower(cell), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if kind, err := position.ParseInstrumentKind(strings.TrimSuffix(word, "s")); err == nil && kind != position.Linear {
			return kind.String()
		}
	}
	return ""
}

// codeNamed returns the code of a currency by its name in small letters, "" for none.
func codeNamed(name string) string {
	switch name {
	case "swiss franc":
		return "CHF"
	case "euro":
		return "EUR"
	case "us dollar":
		return "USD"
	case "pound sterling", "british pound", "sterling":
		return "GBP"
	case "yen", "japanese yen":
		return "JPY"
	case "canadian dollar":
		return "CAD"
	case "australian dollar":
		return "AUD"
	case "swedish krona":
		return "SEK"
	case "norwegian krone":
		return "NOK"
	case "danish krone":
		return "DKK"
	}
	return ""
}

// codeOf returns the code of the currency that a cell is, in whatever case, the sign or
// the name of; "" for none.
func codeOf(cell string) string {
	const longest = len("australian dollars")
	if len(cell) > longest {
		return ""
	}
	if len(cell) <= len("FDUSD") {
		if code := strings.ToUpper(coded(strings.Trim(cell, "."))); isCurrency(code) {
			return code
		}
	}
	if len(cell) < len("yen") {
		return ""
	}
	return codeNamed(strings.TrimSuffix(strings.ToLower(cell), "s"))
}

// coin returns what a currency is called that a file says in small letters, by its
// sign or by its name. Other letters may mean something: XBt are hundred-millionths.
func coin(text string) string {
	if code := codeOf(text); code != "" && (text == strings.ToLower(text) || len(text) > len("FDUSD")) {
		return code
	}
	return text
}

// codeIn returns the currency that the name of a column says, such as Price (CHF), ""
// for none. The unit after "per" is not the currency of the price.
func codeIn(column string) string {
	var apart strings.Builder // priceChf as price Chf
	before := ' '
	for _, r := range column {
		switch {
		case !unicode.IsLetter(r) && !unicode.Is(unicode.Sc, r):
			r = ' '
		case unicode.IsUpper(r) && unicode.IsLower(before):
			apart.WriteByte(' ')
		}
		apart.WriteRune(r)
		before = r
	}
	words := strings.Fields(apart.String())
	for i, w := range words {
		switch {
		case i > 0 && strings.EqualFold(words[i-1], "per"):
		case w == "$": // of many countries
			return w
		case codeOf(w) != "":
			return codeOf(w)
		case i > 0 && codeOf(words[i-1]+" "+w) != "":
			return codeOf(words[i-1] + " " + w)
		}
	}
	return ""
}

// startsWith reports whether an instrument is named after a coin, or is it.
func startsWith(instrument, code string) bool {
	return strings.HasPrefix(strings.ToUpper(strings.Map(letters, instrument)), code)
}

func isCurrency(cell string) bool {
	return len(cell) >= 3 && len(cell) <= 5 && !strings.Contains(cell, " ") && strings.Contains(currencies, " "+cell+" ")
}

// quoteOf returns the currency that the name of a pair ends with.
func quoteOf(name string) string {
	for c := range strings.FieldsSeq(quoteCodes) {
		if strings.HasSuffix(name, c) && len(name) >= len(c)+3 {
			return c
		}
	}
	return ""
}

// isPair reports whether a name is made of two currencies.
func isPair(name string) bool {
	for c := range strings.FieldsSeq(quoteCodes + " USD") {
		if rest, ok := strings.CutSuffix(name, c); ok && isCurrency(rest) {
			return true
		}
	}
	return false
}

// isDate reports whether a cell begins with a date in digits.
func isDate(cell string) bool {
	shape := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return '0'
		case r == '-' || r == '/' || r == '.':
			return '-'
		}
		return r
	}, cell[:min(len(cell), len("2006-01-02"))])
	return slices.ContainsFunc([]string{"0000-00-00", "00-00-0000", "0-0-0000", "00-0-0000", "0-00-0000"}, func(form string) bool { return strings.HasPrefix(shape, form) })
}

// undone reports whether a cell says that its row is no trade, or no longer.
func undone(l look, cell string) bool {
	said := strings.ToLower(cell)
	switch {
	case l&(likeStatus|likeUndone) == 0:
		return false
	case slices.Contains([]string{"cancelled", "canceled", "rejected", "failed", "reverted", "declined", "expired"}, said):
		return true
	}
	return l&likeUndone != 0 && (isDate(cell) || slices.Contains([]string{"yes", "y", "true", "x", "storno"}, said))
}

func isContract(cell string) bool {
	return slices.Contains([]string{"cont", "conts", "contract", "contracts", "lot", "lots"}, strings.ToLower(cell))
}

// isISIN reports whether a text has the form of an international securities number.
func isISIN(s string) bool {
	if len(s) != 12 || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' || s[11] < '0' || s[11] > '9' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" && strings.ContainsAny(s[2:11], "0123456789")
}

// isOSI reports whether a symbol ends like that of a listed option: date, C or P,
// and strike.
func isOSI(s string) bool {
	const tail = len("260320C00240000")
	if len(s) <= tail {
		return false
	}
	s = s[len(s)-tail:]
	return (s[6] == 'C' || s[6] == 'P') && strings.Trim(s[:6]+s[7:], "0123456789") == ""
}

// letters keeps letters and digits.
func letters(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return -1
}

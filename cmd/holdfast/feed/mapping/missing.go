package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
)

// require refuses a mapping that leaves out what every row needs, all of it at
// once.
func (r *rows) require(p *plan) error {
	needed := []int{account, instrument, side, qty, price, ident}
	switch {
	case p.typ == splitType && p.member(r, addedMember).bound:
		needed = []int{account, instrument, ident}
	case p.typ != fillType:
		needed = []int{ident}
	case p.group != nil:
		needed = []int{account, instrument, ident, r.at("asset"), r.at("amount")}
	}
	var missing []string
	for _, i := range needed {
		if p.from[i].bound || i == price && (p.member(r, "value").bound || p.member(r, "net").bound) {
			continue
		}
		missing = append(missing, r.names[i])
	}
	if len(missing) > 0 {
		return missingError(r.table, missing, p.group != nil)
	}
	if f := &r.mapping.file; (f.layout != "" || f.zone != "") && p.typ == fillType && !p.from[when].bound {
		return fmt.Errorf("time_format or time_zone is stated, and no column is known to give time; map one with time=COLUMN; the columns are %s", r.table.Listed())
	}
	for _, name := range []string{"fee", "fee_2", "fee_3"} {
		if c := p.member(r, strings.TrimSuffix(name, "_")+"_currency"); p.typ == fillType && p.group == nil && c.bound && !c.own && !c.alike && !p.member(r, name).bound {
			return fmt.Errorf("%s_currency is mapped and %s is not: a fee would be left out", name, name)
		}
	}
	return nil
}

// missingError explains what can be done about members without a column.
func missingError(t *tabular.Table, names []string, grouped bool) error {
	var each []string
	for _, name := range names {
		way := name + "=COLUMN, or " + name + ":=VALUE for all lines"
		switch name {
		case "id":
			way = "id=COLUMN+COLUMN, or id:=row for ids made of the rows, or id:=line for ids that only this very file has"
		case "side":
			way = "side=COLUMN, or side:=sign where the sign of the quantity says it"
		case "instrument":
			if grouped {
				way = "instrument=COLUMN, or instrument={base}/{quote} of the coins of a trade"
			}
		}
		each = append(each, way)
	}
	return fmt.Errorf("no column is known to give %s; map %s; a mapping to begin with: --map '%s'; the columns are %s",
		strings.Join(names, ", "), strings.Join(each, "; "), skeleton(t, names), t.Listed())
}

// skeleton guesses a mapping for what is missing. It is a proposal to be read, and
// is never used by itself.
func skeleton(t *tabular.Table, names []string) string {
	hints := map[string][]string{
		"account": {"account", "portfolio", "uid", "user", "wallet"}, "instrument": {"symbol", "pair", "contract", "ticker", "isin", "instrument", "asset"},
		"side": {"side", "buysell", "direction", "action", "type", "typ"}, "qty": {"quantity", "qty", "amount", "executed", "volume", "vol", "shares", "size", "stück"},
		"price": {"price", "rate", "kurs"}, "id": {"tradeid", "transactionid", "txid", "execid", "dealid", "deal"},
		"asset": {"asset", "coin", "currency"}, "amount": {"amount", "change", "quantity"},
	}
	var parts []string
	for _, name := range names {
		part := map[string]string{"account": "account:=main", "id": "id:=row"}[name]
		for _, hint := range hints[name] {
			i := slices.IndexFunc(t.Columns, func(c string) bool { return strings.Contains(plain(c), hint) })
			if i >= 0 && !t.Twice(t.Columns[i]) {
				part = name + "=" + t.Columns[i]
				break
			}
		}
		if part == "" {
			part = name + "=?"
		}
		parts = append(parts, part)
	}
	return tabular.ClipLong(strings.Join(parts, ","))
}

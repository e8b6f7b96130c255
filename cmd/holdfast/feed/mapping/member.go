package mapping

import (
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// The members that are looked for under several names. They come first in
// [memberNames].
const (
	account = iota
	instrument
	strategy
	leg
	side
	qty
	price
	fee
	feeCurrency
	when
	ident
	usual // how many there are
)

// typeMember says which mutation a line is.
const typeMember = "type"

// memberNames returns all members that a column can give, but for the type: those
// of a fill, then what other mutations have.
func memberNames() []string {
	names := []string{"account", "instrument", "strategy", "leg", "side", "qty", "price", "fee", "fee_currency", "time", "id"}
	for _, typ := range position.MutationTypes() {
		for _, name := range position.MutationMembers(typ) {
			if name != typeMember && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// The extras and terms of a fill, by name, looked up once a row only.
const (
	kindMember       = "kind"
	multiplierMember = "multiplier"
	baseMember       = "base"
	quoteMember      = "quote"
	settlementMember = "settlement"
)

// termNames are the members of an instrument that the mapping of a fill may have.
func termNames() []string {
	return []string{kindMember, multiplierMember, baseMember, quoteMember, settlementMember}
}

// furtherTerms are the members of an instrument that it may not have.
func furtherTerms() []string {
	return slices.DeleteFunc(position.MutationMembers("instrument"), func(name string) bool {
		return slices.Contains(termNames(), name) || slices.Contains(memberNames()[:usual], name) || name == typeMember
	})
}

// fillExtras are what the mapping of a fill takes beside its members.
func fillExtras() []string {
	return []string{"value", "net", "tax", "fee_2", "fee_2_currency", "fee_3", "fee_3_currency", "asset", addedMember}
}

// isMember reports whether a part may give the member.
func isMember(name string) bool {
	return name == typeMember || slices.Contains(memberNames(), name) || slices.Contains(fillExtras(), name)
}

// numeric reports whether a member is a number.
func numeric(name string) bool {
	return slices.Contains([]string{
		"qty", "price", "fee", "fee_2", "fee_3", "value", "net", "tax", "amount", "multiplier", "cost", "realized", "funding", "stop", "increment",
		"cash_price", "added", "price_increment", "size_increment", "high", "low", "ratio", "per",
	}, name)
}

// aliases returns the column names that stand for a member without a mapping,
// in lower case without spaces and punctuation.
func aliases(m int, name string) []string {
	switch m {
	case account:
		return []string{"account", "accountid", "wallet", "userid", "uid", "clientaccountid", "portfolio"}
	case instrument:
		return []string{"instrument", "symbol", "coin", "product", "market", "pair", "ticker"}
	case strategy:
		return []string{"strategy", "strategyid"}
	case leg:
		return []string{"leg", "positionside"}
	case side:
		return []string{"side", "buysell"}
	case qty:
		return []string{"qty", "quantity", "size", "sizetokens", "filledqty", "lastqty"}
	case price:
		return []string{"price", "executionprice", "fillprice", "lastpx"}
	case fee:
		return []string{"fee", "commission"}
	case feeCurrency:
		return []string{"feecurrency", "feeasset", "feecoin", "commissionasset", "commissioncurrency"}
	case when:
		return []string{"time", "timestamp", "createdat", "executedat", "datetime", "transacttime"}
	case ident:
		return []string{"id", "tradeid", "fillid", "execid", "executionid"}
	}
	return []string{plain(name)}
}

package feed

import (
	"fmt"
	"slices"
	"strings"

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

// typeMember says which mutation a line is.
const typeMember = "type"

// aliases returns the column names that stand for a member without a mapping,
// in lower case without spaces and punctuation.
func aliases(m int, name string) []string {
	switch m {
	case account:
		return []string{"account", "accountid", "wallet"}
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

// required reports whether a fill cannot be made without the member.
func required(m int) bool {
	return m == account || m == instrument || m == side || m == qty || m == price || m == ident
}

// Mapping says which column of a CSV gives which member of a mutation. The zero
// value finds columns by their usual names. See [ParseMapping].
type Mapping struct {
	sources map[string]source
	layout  string // of the time column; "" is RFC 3339
}

// source is where a member comes from: a column, or a value for all lines.
type source struct {
	column   string
	constant string
	fixed    bool
}

// IsZero reports whether nothing is mapped.
func (m Mapping) IsZero() bool { return len(m.sources) == 0 && m.layout == "" }

// byLine is the value of id that asks for ids made of line numbers.
const byLine = "line"

// ParseMapping reads a mapping, comma-separated, a part with a comma in it in
// double quotes:
//
//	account=Account,qty=Size Tokens   member=column
//	account:=main                     member:=a value for all lines
//	id=Hash+Order ID                  an id made of several columns
//	id:=line                          ids made of line number and line
//	time_format=unix_ms               rfc3339, unix, unix_ms, unix_us, unix_ns, or a
//	                                  layout of Go's package time (UTC if it has no zone)
//
// Members have the names of the JSON form. Those of a fill are account,
// instrument, strategy, leg, side (buy or sell, or b or s, in any case), qty,
// price, fee, fee_currency, time, id, lot and expect_version. A member that is
// not mapped takes the column of its own name; the first eleven also take one of
// a usual other name ("symbol", "quantity", "created at", "trade id"), whatever
// its case, spaces and punctuation. Account, instrument, side, qty, price and id
// must be found.
//
// With a column named type, or with type mapped, a line is the mutation that it
// says there (a fill where it is empty), and columns for the members of all
// mutations are looked for. A cell that is empty is an absent member; a constant
// counts only where the mutation has the member; anything else that it does not
// have is refused. Lists and objects stand in their cell as JSON, a stop that is
// cleared as null.
//
// An id must be the same whenever the line is read again, and different for
// every line. With id:=line only the very same file is recognised again.
func ParseMapping(text string) (Mapping, error) {
	var m Mapping
	if strings.TrimSpace(text) == "" {
		return m, nil
	}
	parts, err := (&table{}).cut(text)
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrMapping, err)
	}
	m.sources = make(map[string]source, len(parts))
	for _, part := range parts {
		if err = m.add(part); err != nil {
			return Mapping{}, fmt.Errorf("%w: %w", ErrMapping, err)
		}
	}
	return m, nil
}

// add reads one part of a mapping.
func (m *Mapping) add(part string) error {
	name, value, found := strings.Cut(part, "=")
	name, fixed := strings.CutSuffix(name, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !found || value == "" && !fixed {
		return fmt.Errorf("%s is not of the form member=column", clip(part))
	}
	if name == "time_format" {
		var err error
		m.layout, err = parseLayout(value)
		return err
	}
	if name != typeMember && !slices.Contains(memberNames(), name) {
		return fmt.Errorf("%s is no member of a mutation", clip(name))
	}
	if _, twice := m.sources[name]; twice {
		return fmt.Errorf("%s is mapped twice", name)
	}
	s := source{column: value}
	if fixed {
		s = source{constant: value, fixed: true}
	}
	if name == "id" && fixed && value != byLine {
		return fmt.Errorf("id:=%s would give every line the same id", value)
	}
	m.sources[name] = s
	return nil
}

// labels returns the constants for account and strategy, and whether the mapping
// says nothing else.
func (m Mapping) labels() (names map[string]string, only bool) {
	names = map[string]string{}
	for member, s := range m.sources {
		if !s.fixed || member != "account" && member != "strategy" {
			return nil, false
		}
		names[member] = s.constant
	}
	return names, m.layout == ""
}

// plain returns a column's name without what spellings differ in.
func plain(column string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		}
		return -1
	}, column)
}

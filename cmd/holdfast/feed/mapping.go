package feed

import (
	"fmt"
	"slices"
	"strings"
)

// The members of a fill that a column can give.
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
	members
)

// memberName returns a member's name in mappings and errors.
func memberName(m int) string {
	return [members]string{"account", "instrument", "strategy", "leg", "side", "qty", "price", "fee", "fee_currency", "time", "id"}[m]
}

// aliases returns the column names that stand for a member without a mapping,
// in lower case without spaces and punctuation.
func aliases(m int) []string {
	return [members][]string{
		account:     {"account", "accountid", "wallet"},
		instrument:  {"instrument", "symbol", "coin", "product", "market", "pair", "ticker"},
		strategy:    {"strategy", "strategyid"},
		leg:         {"leg", "positionside"},
		side:        {"side", "buysell"},
		qty:         {"qty", "quantity", "size", "sizetokens", "filledqty", "lastqty"},
		price:       {"price", "executionprice", "fillprice", "lastpx"},
		fee:         {"fee", "commission"},
		feeCurrency: {"feecurrency", "feeasset", "feecoin", "commissionasset", "commissioncurrency"},
		when:        {"time", "timestamp", "createdat", "executedat", "datetime", "transacttime"},
		ident:       {"id", "tradeid", "fillid", "execid", "executionid"},
	}[m]
}

// required reports whether a fill cannot be made without the member.
func required(m int) bool {
	return m == account || m == instrument || m == side || m == qty || m == price || m == ident
}

// Mapping says which column of a CSV gives which member of a fill. The zero
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
// Members are account, instrument, strategy, leg, side (buy or sell, or b or s,
// in any case), qty, price, fee, fee_currency, time and id. A member that is not
// mapped takes the column of its own name or of a usual other one ("symbol",
// "quantity", "created at", "trade id"), whatever its case, spaces and
// punctuation. Account, instrument, side, qty, price and id must be found.
//
// An id must be the same whenever the fill is read again, and different for
// every fill. With id:=line only the very same file is recognised again.
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
	known := slices.ContainsFunc(allMembers(), func(i int) bool { return memberName(i) == name })
	if !known {
		return fmt.Errorf("%s is no member of a fill", clip(name))
	}
	if _, twice := m.sources[name]; twice {
		return fmt.Errorf("%s is mapped twice", name)
	}
	s := source{column: value}
	if fixed {
		s = source{constant: value, fixed: true}
	}
	if name == memberName(ident) && fixed && value != byLine {
		return fmt.Errorf("id:=%s would give every fill the same id", value)
	}
	m.sources[name] = s
	return nil
}

func allMembers() []int {
	all := make([]int, members)
	for i := range all {
		all[i] = i
	}
	return all
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

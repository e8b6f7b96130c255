package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// Mapping says which column of a CSV gives which member of a mutation, and how the
// file is to be read. The zero value finds columns by their usual names. See
// [Parse].
type Mapping struct {
	all   rule   // what counts for all rows
	rules []rule // in the order of the text; none: all alone
	file  fileRules
	last  string // the member that was read last; see proceed
	// narrow is the filter that was read last; see condition.
	narrow string
	said   map[string]bool // rules of the file that were read; see once
}

// rule is what counts for the rows that meet its conditions, over what counts for
// all.
type rule struct {
	when    filter
	sources map[string]source
	group   grouping
}

// source is where a member comes from: a column, or a value for all lines.
type source struct {
	text    string // of a column or an expression, or the value
	fixed   bool   // it is the value
	choices []choice
}

// fileRules are what a mapping says of a file as a whole.
type fileRules struct {
	any     bool // something is said
	layout  string
	zone    string
	fold    int
	numbers numbers
	order   ordering
	comma   rune // 0: found
	section string
	end     []string
	ignore  []string
	skip    []filter
	only    filter
	defined bool // terms:=defined
	rebates bool // fees=rebates
}

// IsZero reports whether nothing is mapped.
func (m Mapping) IsZero() bool { return len(m.all.sources) == 0 && len(m.rules) == 0 && !m.file.any }

// The values of id that ask for ids made of the lines themselves.
const (
	byLine = "line"
	byRow  = "row"
)

// Parse reads a mapping: parts between commas, one with a comma in it in
// double quotes; or, of a text with several lines, one part a line, and comments
// after #. A part is
//
//	account=Account             member=column
//	account:=main               member:=a value for all lines
//	instrument={Asset}-{Quote}  a text made of columns
//	fee=-Commission-Fees        a number made of columns; a sign says what the file's sign means
//	fee=execComm*0.00000001     and in which unit it is
//	fee_currency=unit(Fee)      the unit that stands in a cell beside its number
//	account=above(UID:*)        what stands above the table
//	side=Action:buy=Bought|Reinvest*,sell=Sold
//	                            values by the words of a column, * for any text
//	id=Hash+Order ID            an id made of several columns
//	id:=row                     of the row, and of how many equal ones came before
//	id:=line                    of line number and line
//
// A rule of the file is, each at most once but for skip, when, end and ignore,
//
//	time_format=unix_ms      rfc3339, unix, unix_ms, unix_us, unix_ns, or a layout of Go's package time
//	time_zone=Europe/Berlin  of times without a zone, or with a zone's name only
//	time_fold=first          which of two equal wall times is meant
//	order=newest-first       time, file or newest-first
//	number=us                plain, us ($1,234.56) or eu (1.234,56 €)
//	round=18                 digits beyond the 18th after the point are rounded
//	delimiter=semicolon      comma, semicolon, tab or |
//	section=Trades           the rows of one section of a statement
//	end=Total*               the table ends at a row with such a cell; end=blank: at a blank line
//	only=Type:buy|sell       rows that say something else there are skipped
//	skip=Type:deposit        rows that say so are skipped
//	and=Status:Completed     one more condition for the only, skip or when before it
//	when=Type:funding        what follows counts for the rows that say so
//	group=Order ID+Time      rows that agree there are one trade of two coins
//	quotes=EUR|USDT          which of the two is the quote
//	quote_rows=Operation:*Spend, fee_rows=Operation:*Fee
//	ignore=Balance|Notes     columns that need not be used
//	terms:=defined           the instruments are defined in the ledger
//	fees=rebates             most fees of the file are rebates
//
// Members have the names of the JSON form, see [position.MutationMembers]. Those
// of a fill are account, instrument, strategy, leg, side, qty, price, fee,
// fee_currency, time, id, lot, expect_version and reduce_only. In their place, or
// beside them, a fill takes value (what qty x price comes to), net (the cash that
// moved, after fee and tax), tax, further fees with their currencies (fee_2,
// fee_2_currency, fee_3 …), and kind, multiplier, base, quote and settlement, which
// define the instrument before its first fill. side:=sign takes the side from the
// sign of the quantity; side:=close closes what the file's rows have opened. A split
// takes added, the shares that it adds to what the rows before it hold, in place of
// its ratio.
//
// A member that is not mapped takes the column of its own name; the first eleven
// also take one of a usual other name ("symbol", "quantity", "created at"),
// whatever its case, spaces and punctuation. A column that the mapping names is
// never taken for another member. Account, instrument, side, qty, price and id
// must be found.
//
// With a column named type, or with type mapped, a line is the mutation that it
// says there (a fill where it is empty), and columns for the members of all
// mutations are looked for. A cell that is empty is an absent member; a constant
// counts only where the mutation has the member; anything else that it does not
// have is refused. Lists and objects stand in their cell as JSON, a stop that is
// cleared as null.
//
// An id must be the same whenever the row is read again, and different for every
// row. With id:=line only the very same file is recognised again.
func Parse(text string) (Mapping, error) {
	var m Mapping
	if strings.TrimSpace(text) == "" {
		return m, nil
	}
	parts, err := partsOf(text)
	if err != nil {
		return m, fmt.Errorf("%w: %w", tabular.ErrMapping, err)
	}
	m.all.sources = make(map[string]source, len(parts))
	for _, part := range parts {
		if err = m.add(part); err != nil {
			return Mapping{}, fmt.Errorf("%w: %w", tabular.ErrMapping, err)
		}
	}
	return m, nil
}

// partsOf cuts a mapping into its parts.
func partsOf(text string) ([]string, error) {
	var parts []string
	if strings.Contains(strings.TrimSpace(text), "\n") {
		for l := range strings.SplitSeq(text, "\n") {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
				parts = append(parts, l)
			}
		}
		return parts, nil
	}
	begin, quoted := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	if parts = append(parts, text[begin:]); quoted {
		return nil, tabular.ErrOpenQuote
	}
	for i, p := range parts {
		p = strings.TrimSpace(p)
		name, value, _ := strings.Cut(p, "=")
		switch {
		case strings.HasPrefix(p, `"`):
			parts[i] = unquoted(p)
		case strings.HasPrefix(value, `"`):
			parts[i] = name + "=" + unquoted(value)
		default:
			parts[i] = p
		}
	}
	return parts, nil
}

// unquoted takes a text out of its quotes, or leaves it if they do not enclose it.
func unquoted(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
}

// add reads one part of a mapping.
func (m *Mapping) add(part string) error {
	name, value, found := strings.Cut(part, "=")
	name, fixed := strings.CutSuffix(name, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !found || value == "" && !fixed {
		return fmt.Errorf("%s is not of the form member=column", tabular.Clip(part))
	}
	if m.proceeds(name) && !fixed {
		return m.proceed(name, value)
	}
	m.last = ""
	if name != "and" {
		m.narrow = ""
	}
	if isSetting(name) {
		m.file.any = true
		if err := m.once(name); err != nil {
			return err
		}
		return m.setting(name, value)
	}
	to := m.current().sources
	if !isMember(name) {
		return fmt.Errorf("%s is no member of a mutation", tabular.Clip(name))
	}
	if _, twice := to[name]; twice {
		return fmt.Errorf("%s is mapped twice", name)
	}
	s := source{text: value, fixed: fixed}
	if !fixed {
		var err error
		if s, err = parseSource(name, value); err != nil {
			return err
		}
		m.last = name
	}
	if name == "id" && fixed && value != byLine && value != byRow {
		return fmt.Errorf("id:=%s would give every line the same id", value)
	}
	to[name] = s
	return nil
}

// proceeds reports whether a part goes on with the words of the one before.
func (m *Mapping) proceeds(name string) bool {
	switch m.last {
	case "":
		return false
	case "side":
		return name == "buy" || name == "sell" || name == "close"
	case typeMember:
		return slices.Contains(position.MutationTypes(), name)
	}
	s := m.current().sources[m.last]
	return len(s.choices) > 0 && !isMember(name) && !isSetting(name)
}

// current returns what the rule that is being read maps.
func (m *Mapping) current() *rule {
	if len(m.rules) > 0 {
		return &m.rules[len(m.rules)-1]
	}
	return &m.all
}

// proceed adds the words of one more value.
func (m *Mapping) proceed(value, words string) error {
	s := m.current().sources[m.last]
	if err := checkValue(m.last, value); err != nil {
		return err
	}
	s.choices = append(s.choices, choice{value, strings.Split(words, "|")})
	m.current().sources[m.last] = s
	return nil
}

// parseSource reads the right side of a part that is no value.
func parseSource(member, text string) (source, error) {
	head, words, found := strings.Cut(text, "=")
	if !found {
		return source{text: text}, nil
	}
	i := strings.LastIndexByte(head, ':')
	if i < 0 {
		return source{text: text}, nil // a column may be named so
	}
	value := strings.TrimSpace(head[i+1:])
	if err := checkValue(member, value); err != nil {
		return source{}, err
	}
	return source{text: strings.TrimSpace(head[:i]), choices: []choice{{value, strings.Split(words, "|")}}}, nil
}

// checkValue refuses what cannot be a value of a member, so that a misspelt name
// is not taken for one.
func checkValue(member, value string) error {
	ok := strings.Contains(value, "*")
	switch member {
	case "side":
		ok = value == "buy" || value == "sell" || value == "close"
	case typeMember:
		ok = slices.Contains(position.MutationTypes(), value)
	case "multiplier":
		_, err := position.Parse(value)
		ok = err == nil
	case "kind":
		ok = value != "" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz_") == ""
	case "base", "quote", "settlement", "currency", "fee_currency", "fee_2_currency", "fee_3_currency":
		ok = ok || value != "" && value == strings.ToUpper(value)
	case "account", "instrument", "strategy", "leg":
		ok = value != ""
	}
	if !ok {
		return fmt.Errorf("%s is no value of %s", tabular.Clip(value), member)
	}
	return nil
}

// isSetting reports whether a part is a rule of the file.
func isSetting(name string) bool {
	return slices.Contains([]string{
		"time_format", "time_zone", "time_fold", "order", "number", "round", "delimiter", "section", "end", "only", "skip", "and", "when",
		"group", "quotes", "quote_rows", "fee_rows", "ignore", "terms", "fees",
	}, name)
}

// setting reads a rule of the file.
func (m *Mapping) setting(name, value string) (err error) {
	f := &m.file
	switch name {
	case "time_format":
		f.layout, err = tabular.ParseLayout(value)
	case "time_zone":
		if f.zone = value; !strings.ContainsAny(value, "{(") {
			_, err = tabular.ParseZone(value)
		}
	case "time_fold":
		if f.fold = 1 + slices.Index([]string{"first", "second"}, value); f.fold == 0 {
			err = fmt.Errorf("time_fold %s is neither first nor second", tabular.Clip(value))
		}
	case "order":
		i := slices.Index([]string{"time", "file", "newest-first"}, value)
		if f.order = ordering(max(i, 0)); i < 0 {
			err = fmt.Errorf("order %s is none of time, file, newest-first", tabular.Clip(value))
		}
	case "number":
		f.numbers.form, err = parseNumberForm(value)
	case "round":
		if f.numbers.round = value == "18"; !f.numbers.round {
			err = fmt.Errorf("round %s is not 18, the digits after the point that are kept", tabular.Clip(value))
		}
	case "delimiter":
		f.comma, err = tabular.ParseDelimiter(value)
	case "section":
		f.section = value
	case "end":
		f.end = append(f.end, value)
	case "ignore":
		f.ignore = append(f.ignore, strings.Split(value, "|")...)
	case "terms":
		if f.defined = value == "defined"; !f.defined {
			err = fmt.Errorf("terms %s is not defined", tabular.Clip(value))
		}
	case "fees":
		if f.rebates = value == "rebates"; !f.rebates {
			err = fmt.Errorf("fees %s is not rebates", tabular.Clip(value))
		}
	case "only", "skip", "when", "and":
		err = m.condition(name, value)
	case "group", "quotes", "quote_rows", "fee_rows":
		err = m.current().group.set(name, value)
	}
	return err
}

// condition reads a filter, or one more condition of the filter before.
func (m *Mapping) condition(name, value string) error {
	c, err := parseCondition(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch name {
	case "only":
		m.file.only = filter{c}
	case "skip":
		m.file.skip = append(m.file.skip, filter{c})
	case "when":
		m.rules = append(m.rules, rule{when: filter{c}, sources: map[string]source{}})
	case "and":
		return m.narrowed(c)
	}
	m.narrow = name
	return nil
}

// narrowed adds a condition to the filter before it.
func (m *Mapping) narrowed(c condition) error {
	var to *filter
	switch m.narrow {
	case "only":
		to = &m.file.only
	case "skip":
		to = &m.file.skip[len(m.file.skip)-1]
	case "when":
		to = &m.current().when
	default:
		return errors.New("and stands behind the only, skip or when that it narrows")
	}
	*to = append(*to, c)
	return nil
}

// once refuses a rule that is stated a second time, but for those that may be. The
// rules of groups may be stated once each when.
func (m *Mapping) once(name string) error {
	key := name
	switch name {
	case "skip", "when", "and", "end", "ignore":
		return nil
	case "group", "quotes", "quote_rows", "fee_rows":
		key = strconv.Itoa(len(m.rules)) + name
	}
	if m.said[key] {
		return fmt.Errorf("%s is stated twice", name)
	}
	if m.said == nil {
		m.said = map[string]bool{}
	}
	m.said[key] = true
	return nil
}

// Labels returns the constants for account and strategy, and whether the mapping
// says nothing else.
func (m Mapping) Labels() (names map[string]string, only bool) {
	names = map[string]string{}
	for member, s := range m.all.sources {
		if !s.fixed || member != "account" && member != "strategy" {
			return nil, false
		}
		names[member] = s.text
	}
	return names, len(m.rules) == 0 && !m.file.any
}

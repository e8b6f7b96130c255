package report

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/internal/form"
	"github.com/moneyprinter/holdfast/position"
)

// Dimension says what positions are summed up by.
type Dimension uint8

// The dimensions.
const (
	ByAccount Dimension = iota
	ByInstrument
	ByStrategy
)

// String returns the name used on the command line.
func (g Dimension) String() string {
	switch g {
	case ByAccount:
		return "account"
	case ByInstrument:
		return "instrument"
	case ByStrategy:
		return "strategy"
	}
	return "unknown"
}

// ParseDimension is the reverse of String.
func ParseDimension(s string) (Dimension, error) {
	for g := ByAccount; g <= ByStrategy; g++ {
		if g.String() == s {
			return g, nil
		}
	}
	return 0, invalidBy(fmt.Sprintf("%q is none of account, instrument, strategy", form.Clip(s)))
}

// name returns the group that a key belongs to.
func (g Dimension) name(k *position.Key) string {
	switch g {
	case ByAccount:
		return k.Account
	case ByInstrument:
		return k.Instrument
	case ByStrategy:
		return k.Strategy
	}
	return ""
}

// Rates are what one unit of a currency is worth in the currency that everything
// is converted into, which needs no rate itself.
type Rates map[string]position.Decimal

// Sums are what positions came to over their lives, and what their open
// quantities are worth. Unlike those of one position, the amounts may be in any
// number of currencies.
type Sums struct {
	Realized, Fees, Funding, Charges position.Amounts // as in position.Totals
	FeesInCost                       position.Amounts // those of Fees that Net does not subtract; see position.Terms.FeesInCost
	Net                              position.Amounts // gross − fees that are not in the cost + funding + charges, in each currency
	Unrealized, Exposure             position.Amounts // of open positions that have a mark; exposure is unsigned
	// Unvalued are the currencies, sorted, that open positions settle in of which
	// none has a mark that fits: their Unrealized and Exposure are not known, and
	// not zero.
	Unvalued []string
}

// Summary is one group of positions.
type Summary struct {
	Group           string // name of the account, instrument or strategy
	Positions, Open int    // of which so many are open
	Unmarked        int    // open ones that are not valued: they have no mark, or none that fits
	Wins, Losses    uint64 // cycles that ended so
	Sums            Sums   // per currency
	// Settlements are the currencies, sorted, that the positions settle in, also
	// where they came to nothing.
	Settlements []string

	// Converted is Sums in one currency, Currency. An amount without a rate stays in
	// its own, and MissingRates names those.
	Converted    Sums
	Currency     string // empty: nothing was converted
	MissingRates []string
}

// Summarize sums positions up by group, in the order of the groups' names. With
// in set, the amounts are converted into that currency as well; each product is
// rounded once, half to even. A position is valued at its own Mark.
func Summarize(positions iter.Seq[position.Position], by Dimension, in string, rates Rates) ([]Summary, error) {
	if by > ByStrategy {
		return nil, invalidBy("is unknown")
	}
	groups := make(map[string]*group)
	for p := range positions {
		name := by.name(&p.Key)
		g := groups[name]
		if g == nil {
			g = new(group)
			groups[name] = g
		}
		if err := g.add(&p); err != nil {
			return nil, fmt.Errorf("summary of %s %q: %w", by, name, err)
		}
	}
	out := make([]Summary, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		s, err := groups[name].summary(in, rates)
		if err != nil {
			return nil, fmt.Errorf("summary of %s %q: %w", by, name, err)
		}
		s.Group = name
		out = append(out, s)
	}
	return out, nil
}

// group is a summary while it grows.
type group struct {
	Summary

	sum

	realized, fees, inCost, funding, charges, net, unrealized, exposure tally

	settlements      map[string]bool
	valued, unvalued map[string]bool // settlement currencies of open positions
}

// tally is an amount per currency, without the limit of a position's.
type tally map[string]position.Decimal

// book adds an amount to one currency of a tally.
func (g *group) book(t *tally, currency string, v position.Decimal) {
	if v.IsZero() {
		return
	}
	if *t == nil {
		*t = make(tally)
	}
	(*t)[currency] = g.sum.add((*t)[currency], v)
}

func (g *group) add(p *position.Position) error {
	all, ok := p.Lifetime()
	if !ok {
		return errLifetime()
	}
	terms := termsOf(p)
	settlement := terms.Settlement
	g.Positions++
	note(&g.settlements, settlement)
	g.Wins += p.Wins()
	g.Losses += p.Losses()
	g.book(&g.realized, settlement, all.Realized)
	g.book(&g.funding, settlement, all.Funding)
	g.bookAll(&g.fees, all.Fees)
	g.bookAll(&g.inCost, terms.FeesInCost(all.Fees))
	g.bookAll(&g.charges, all.Charges)
	for currency := range currencies(&all, settlement) {
		g.book(&g.net, currency, g.keep(all.NetIn(terms, currency)))
	}
	if p.IsOpen() {
		g.value(p)
	}
	return g.err
}

// value adds what an open position is worth, or notes that it is not known.
func (g *group) value(p *position.Position) {
	g.Open++
	settlement := termsOf(p).Settlement
	gain, known := p.UnrealizedAtMark()
	worth, fits := p.Exposure(p.Mark)
	if !known || !fits {
		g.Unmarked++
		note(&g.unvalued, settlement)
		return
	}
	note(&g.valued, settlement)
	g.book(&g.unrealized, settlement, gain)
	g.book(&g.exposure, settlement, worth)
}

func note(set *map[string]bool, currency string) {
	if *set == nil {
		*set = make(map[string]bool)
	}
	(*set)[currency] = true
}

// summary returns the sums, converted where there are rates.
func (g *group) summary(in string, rates Rates) (Summary, error) {
	s := g.Summary
	s.Currency, s.Settlements = in, slices.Sorted(maps.Keys(g.settlements))
	missing := make(map[string]bool)
	for _, part := range [...]struct {
		from      tally
		sum, conv *position.Amounts
	}{
		{g.realized, &s.Sums.Realized, &s.Converted.Realized},
		{g.fees, &s.Sums.Fees, &s.Converted.Fees},
		{g.inCost, &s.Sums.FeesInCost, &s.Converted.FeesInCost},
		{g.funding, &s.Sums.Funding, &s.Converted.Funding},
		{g.charges, &s.Sums.Charges, &s.Converted.Charges},
		{g.net, &s.Sums.Net, &s.Converted.Net},
		{g.unrealized, &s.Sums.Unrealized, &s.Converted.Unrealized},
		{g.exposure, &s.Sums.Exposure, &s.Converted.Exposure},
	} {
		*part.sum = part.from.amounts()
		if in == "" {
			continue
		}
		var told tally
		for _, a := range *part.sum {
			to, rate, ok := convert(a.Currency, in, rates)
			switch {
			case !ok:
				missing[a.Currency] = true
				fallthrough
			case to == a.Currency:
				g.book(&told, to, a.Value)
			default:
				g.book(&told, to, g.keep(a.Value.Mul(rate)))
			}
		}
		*part.conv = told.amounts()
	}
	s.Sums.Unvalued = onlyIn(g.unvalued, g.valued)
	if in != "" {
		s.Converted.Unvalued = onlyIn(converted(g.unvalued, in, rates), converted(g.valued, in, rates))
	}
	if len(missing) > 0 {
		s.MissingRates = slices.Sorted(maps.Keys(missing))
	}
	return s, g.err
}

// convert returns the currency that an amount is told in, and at which rate; false
// where it has none and stays in its own.
func convert(currency, in string, rates Rates) (to string, rate position.Decimal, ok bool) {
	if currency == in {
		return in, position.Decimal{}, true
	}
	if rate, ok = rates[currency]; ok {
		return in, rate, true
	}
	return currency, rate, false
}

// converted returns the currencies that those of a set are told in.
func converted(set map[string]bool, in string, rates Rates) map[string]bool {
	out := make(map[string]bool, len(set))
	for currency := range set {
		to, _, _ := convert(currency, in, rates)
		out[to] = true
	}
	return out
}

// onlyIn returns the members of a set that are not in another one, sorted; nil
// for none.
func onlyIn(set, other map[string]bool) []string {
	var out []string
	for _, currency := range slices.Sorted(maps.Keys(set)) {
		if !other[currency] {
			out = append(out, currency)
		}
	}
	return out
}

// currencies yields each currency in which the totals have an amount, once.
func currencies(t *position.Totals, settlement string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(settlement) {
			return
		}
		for _, a := range t.Fees {
			if a.Currency != settlement && !yield(a.Currency) {
				return
			}
		}
		for _, a := range t.Charges {
			if a.Currency != settlement && t.Fees.Get(a.Currency).IsZero() && !yield(a.Currency) {
				return
			}
		}
	}
}

// bookAll adds amounts to a tally.
func (g *group) bookAll(t *tally, as position.Amounts) {
	for _, a := range as {
		g.book(t, a.Currency, a.Value)
	}
}

// amounts returns the sums that are not zero, sorted by currency.
func (t tally) amounts() position.Amounts {
	var out position.Amounts
	for _, currency := range slices.Sorted(maps.Keys(t)) {
		if v := t[currency]; !v.IsZero() {
			out = append(out, position.Amount{Currency: currency, Value: v})
		}
	}
	return out
}

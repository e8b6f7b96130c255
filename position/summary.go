package position

import (
	"fmt"
	"iter"
	"maps"
	"slices"
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
	return 0, invalid("by", "%q is none of account, instrument, strategy", clip(s))
}

// name returns the group that a key belongs to.
func (g Dimension) name(k *Key) string {
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
type Rates map[string]Decimal

// Sums are what positions came to over their lives, and what their open
// quantities are worth. Unlike those of one position, the amounts may be in any
// number of currencies.
type Sums struct {
	Realized, Fees, Funding, Charges Amounts // as in Totals
	Net                              Amounts // gross − fees + funding + charges, in each currency
	Unrealized, Exposure             Amounts // of open positions that have a mark; exposure is unsigned
}

// Summary is one group of positions.
type Summary struct {
	Group           string // name of the account, instrument or strategy
	Positions, Open int    // of which so many are open
	Unmarked        int    // open ones that are not valued: they have no mark, or none that fits
	Wins, Losses    uint64 // cycles that ended so
	Sums            Sums   // per currency

	// Converted is Sums in one currency, Currency. What has no rate stays in its
	// own, and MissingRates names those.
	Converted    Sums
	Currency     string // empty: nothing was converted
	MissingRates []string
}

// Summarize sums positions up by group, in the order of the groups' names. With
// in set, the amounts are converted into that currency as well; each product is
// rounded once, half to even. A position is valued at its own Mark.
func Summarize(positions iter.Seq[Position], by Dimension, in string, rates Rates) ([]Summary, error) {
	if by > ByStrategy {
		return nil, invalid("by", "is unknown")
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
			return nil, fmt.Errorf("position: summary of %s %q: %w", by, name, err)
		}
	}
	out := make([]Summary, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		s, err := groups[name].summary(in, rates)
		if err != nil {
			return nil, fmt.Errorf("position: summary of %s %q: %w", by, name, err)
		}
		s.Group = name
		out = append(out, s)
	}
	return out, nil
}

// group is a summary while it grows.
type group struct {
	Summary

	calc

	realized, fees, funding, charges, net, unrealized, exposure tally
}

// tally is an amount per currency, without the limit of a position's.
type tally map[string]Decimal

// book adds an amount to one currency of a tally.
func (g *group) book(t *tally, currency string, v Decimal) {
	if v.IsZero() {
		return
	}
	if *t == nil {
		*t = make(tally)
	}
	(*t)[currency] = g.calc.add((*t)[currency], v)
}

func (g *group) add(p *Position) error {
	all, ok := p.Lifetime()
	if !ok {
		return overflow("sum over the cycles")
	}
	settlement := p.Terms.Settlement
	g.Positions++
	g.Wins += p.Wins()
	g.Losses += p.Losses()
	g.book(&g.realized, settlement, all.Realized)
	g.book(&g.net, settlement, all.Realized)
	g.book(&g.funding, settlement, all.Funding)
	g.book(&g.net, settlement, all.Funding)
	for _, a := range all.Fees {
		g.book(&g.fees, a.Currency, a.Value)
		g.book(&g.net, a.Currency, a.Value.Neg())
	}
	for _, a := range all.Charges {
		g.book(&g.charges, a.Currency, a.Value)
		g.book(&g.net, a.Currency, a.Value)
	}
	if p.IsOpen() {
		g.Open++
		gain, known := p.Unrealized(p.Mark)
		worth, fits := p.Exposure(p.Mark)
		if !p.HasMark || !known || !fits {
			g.Unmarked++
			return g.err
		}
		g.book(&g.unrealized, settlement, gain)
		g.book(&g.exposure, settlement, worth)
	}
	return g.err
}

// summary returns the sums, converted where there are rates.
func (g *group) summary(in string, rates Rates) (Summary, error) {
	s := g.Summary
	s.Currency = in
	missing := make(map[string]bool)
	for _, part := range [...]struct {
		from      tally
		sum, conv *Amounts
	}{
		{g.realized, &s.Sums.Realized, &s.Converted.Realized},
		{g.fees, &s.Sums.Fees, &s.Converted.Fees},
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
		var converted tally
		for _, a := range *part.sum {
			rate, ok := rates[a.Currency]
			switch {
			case a.Currency == in:
				g.book(&converted, in, a.Value)
			case ok:
				g.book(&converted, in, g.keep(a.Value.Mul(rate)))
			default:
				missing[a.Currency] = true
				g.book(&converted, a.Currency, a.Value)
			}
		}
		*part.conv = converted.amounts()
	}
	if len(missing) > 0 {
		s.MissingRates = slices.Sorted(maps.Keys(missing))
	}
	return s, g.err
}

// amounts returns the sums that are not zero, sorted by currency.
func (t tally) amounts() Amounts {
	var out Amounts
	for _, currency := range slices.Sorted(maps.Keys(t)) {
		if v := t[currency]; !v.IsZero() {
			out = append(out, Amount{Currency: currency, Value: v})
		}
	}
	return out
}

package position

import (
	"maps"
	"slices"
)

// Totals are amounts that add up over time. Realized, Funding and net are in
// the settlement currency.
type Totals struct {
	Realized Decimal // gross, before fees
	Funding  Decimal // received is positive
	Fees     Amounts // paid is positive, per currency
	Charges  Amounts // other charges, received is positive, per currency
}

// Lifetime is what the earlier cycles of a position came to.
type Lifetime struct {
	Totals

	Wins, Losses uint64 // cycles that ended with a positive or a negative net
}

// Conditions are the engine's own notes on a position, set by [Amend].
type Conditions struct {
	Stop    Decimal // stop price; meaningless unless HasStop
	HasStop bool
	Targets []Decimal // target prices, in the engine's order
	Tags    []string
	Meta    []MetaItem // sorted by name
}

// MetaItem is one name and value of a position's metadata.
type MetaItem struct{ Name, Value string }

// Position is the state of one key: its current cycle or, while flat, its last
// one. A Position reached through a pointer is immutable, and so is what it
// points to; the fold makes new ones. Cost, Realized and all totals are in
// Terms.Settlement.
type Position struct {
	Key   Key
	Terms *Terms // those of the cycle's opening; shared, never nil but in the zero Position, a flat one

	Cycle   uint64 // 1 for the first, 0 before it; a new one starts when a flat key is opened
	Version uint64 // changes so far, over all cycles; marks do not count
	Seq     uint64 // record of the last change; set by the projector, not stored

	Qty  Decimal // signed: long is positive
	Cost Decimal // signed like Qty: what the open quantity was bought or sold for

	EntryQty   Decimal // total quantity that increased the position in this cycle, unsigned
	ExitQty    Decimal // total quantity that reduced it, unsigned
	EntryValue Decimal // notional of EntryQty; negative only where prices were
	ExitValue  Decimal // notional of ExitQty; negative only where prices were
	PeakQty    Decimal // largest |Qty| of the cycle
	LastEntry  Decimal // average entry price just before the cycle went flat

	Totals Totals    // of this cycle
	Prior  *Lifetime // of all earlier cycles; nil: none

	// Residue is what a rounding profile has taken from cost and profit
	// together: Cost − lifetime Realized − Residue (inverse: Cost + Realized +
	// Residue) is the sum of all notionals, exactly. Zero without a profile.
	Residue Decimal

	// High and Low are the extreme prices, marks and fills, since the cycle's
	// first fill. Mark is the instrument's mark when the position last changed, and
	// no price where HasMark is false.
	High, Low, Mark Decimal

	Entries, Exits uint32 // fills and other changes that increased and reduced it in this cycle

	HasMark bool
	Short   bool // the cycle is, or was, a short one

	OpenedAt, ClosedAt, UpdatedAt Time // event times

	Lots       *Lots       // open lots; nil under average cost
	Conditions *Conditions // nil: none
}

// imageBlock is an image and room for its fees, which most often are in one
// currency: one allocation, and neighbours in memory.
type imageBlock struct {
	Position

	fee [1]Amount
}

// NewPosition returns a zero position with room for fees in one currency.
func NewPosition() *Position {
	b := new(imageBlock)
	b.Totals.Fees = b.fee[:0]
	return &b.Position
}

// lifetimeBlock is to the totals of earlier cycles what imageBlock is to an image.
// Each record of the key encodes them.
type lifetimeBlock struct {
	Lifetime

	fee [1]Amount
}

// block returns totals that will not change any more, with their fees beside them.
func (l *Lifetime) block() *Lifetime {
	b := &lifetimeBlock{Lifetime: *l}
	if len(l.Fees) == 1 {
		b.fee[0] = l.Fees[0]
		b.Fees = b.fee[:]
	}
	return &b.Lifetime
}

// Clone returns a copy that shares no room with p, so that it does not keep p in
// memory, but what both point to.
func (p *Position) Clone() *Position {
	if len(p.Totals.Fees) != 1 {
		n := *p
		return &n
	}
	n := &imageBlock{Position: *p, fee: [1]Amount{p.Totals.Fees[0]}}
	n.Totals.Fees = n.fee[:]
	return &n.Position
}

// paid adds a fee to an image that nobody else has yet.
func (p *Position) paid(c *calc, currency string, fee Decimal) {
	if f := p.Totals.Fees; len(f) == 1 && f[0].Currency == currency {
		// Clone has made room, and all but the last sum may lie in it.
		if sum := c.add(f[0].Value, fee); !sum.IsZero() {
			f[0].Value = sum
			return
		}
	}
	p.Totals.Fees = c.plus(p.Totals.Fees, currency, fee)
}

// unknownTerms are those of the zero [Position] and [Instrument], at which nothing
// but zero can be valued.
//
//nolint:gochecknoglobals // a constant that Go cannot express as one
var unknownTerms Terms

// terms returns the position's terms, never nil.
func (p *Position) terms() *Terms {
	if p.Terms == nil {
		return &unknownTerms
	}
	return p.Terms
}

// Side is "long", "short" or "flat".
func (p *Position) Side() string {
	switch p.Qty.Sign() {
	case 1:
		return "long"
	case -1:
		return "short"
	}
	return "flat"
}

// IsOpen reports whether the quantity is not zero.
func (p *Position) IsOpen() bool { return !p.Qty.IsZero() }

// Account is the money side of one account: the charges that belong to no
// instrument, by kind.
type Account struct {
	Name string
	// Per currency, received is positive, a fee paid negative.
	Cash, Fees, Funding, Interest, Dividends, Realized, Other Amounts

	Version uint64 // changes so far
	Seq     uint64 // record of the last change; set by the projector, not stored
}

// Balances returns the sum of all kinds, in any number of currencies.
func (a *Account) Balances() (Amounts, error) {
	var c calc
	sums := make(map[string]Decimal)
	for _, part := range [...]Amounts{a.Cash, a.Fees, a.Funding, a.Interest, a.Dividends, a.Realized, a.Other} {
		for _, x := range part {
			sums[x.Currency] = c.add(sums[x.Currency], x.Value)
		}
	}
	var out Amounts
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		if v := sums[currency]; !v.IsZero() {
			out = append(out, Amount{Currency: currency, Value: v})
		}
	}
	return out, c.err
}

// Epoch describes one incarnation of the writer. Its record is the first that
// the incarnation appends.
type Epoch struct {
	Build      string   // version of the software
	Arithmetic uint32   // see ArithmeticVersion
	Salt       [16]byte // random, unique per epoch
}

// ArithmeticVersion names the rules by which this build folds mutations. It
// changes whenever the same mutation could give other bytes; what an older version
// gave is still told by [Rules.Under].
//
//  1. is the first.
//  2. books a fee that is charged in a currency whose fees are in the cost to
//     the charges, and a new cycle under terms with another such currency keeps
//     the net of the earlier ones; see [Terms.FeesInCost]. A split moves stop
//     and targets. A transfer that reduces an opposite position happens there at
//     the cost that it brings, where before it brought the extremes of where it
//     came from. A price names lots by ten digits, where before it had to give
//     the cost, or to be given by it, to the last place. An adjustment leaves an
//     inverse instrument a cost that some price gives.
const ArithmeticVersion = 2

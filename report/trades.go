package report

import (
	"slices"

	"github.com/moneyprinter/holdfast/position"
)

// Grouping says what a [Trades] report calls one trade.
type Grouping uint8

// The groupings.
const (
	FillToFill    Grouping = iota // each lot that an exit takes from, against that exit
	FlatToFlat                    // each cycle, all of its entries against all of its exits
	FlatToReduced                 // each exit, against all that it takes
)

// EntryFee says which trade bears the fee of an entry. It has no meaning under
// [FlatToFlat], where one trade bears them all.
type EntryFee uint8

// The policies.
const (
	// ProRataEntry shares an entry's fee out by the quantity that is taken from
	// its lot, and an exit's fee by the quantity that its trades close.
	ProRataEntry EntryFee = iota
	// FirstEntry charges the whole fee of a lot to the first trade that takes
	// from it, and the whole fee of an exit to its first trade.
	FirstEntry
	// CycleEntry charges all fees since the cycle's last exit, of whatever lot,
	// to the first trade of an exit, with the exit's own.
	CycleEntry
)

// FlipFee says which side of a flip bears the fee of its fill.
type FlipFee uint8

// The policies.
const (
	SplitFlipFee   FlipFee = iota // both, by quantity, as the changes have it
	ClosingFlipFee                // the closing trade alone
)

// TradeOptions are the policies of a [Trades] report.
type TradeOptions struct {
	Grouping Grouping
	EntryFee EntryFee
	FlipFee  FlipFee
}

// Trade is a quantity that was entered and left again.
type Trade struct {
	Key       position.Key
	Cycle     uint64
	Direction position.Side    // of the entry: Buy for a long trade
	Qty       position.Decimal // positive, in units at the exit

	EntryTime, ExitTime   position.Time
	EntryPrice, ExitPrice position.Decimal // averages where several are meant; zero where there is none

	Profit position.Decimal // gross, in the settlement currency; those of an exit sum to its Realized
	Fees   position.Amounts // paid is positive
	// FeesInCost are those of Fees that are in Profit already; see
	// [position.Terms.FeesInCost].
	FeesInCost position.Amounts
	// Net is Profit without the fees in the settlement currency. A charge beside the
	// fills, such as funding, belongs to no trade, but for fees under [FlatToFlat].
	Net position.Decimal
	// The largest loss and profit that the cycle's High and Low, up to the exit,
	// offered to Qty; never negative.
	MAE, MFE position.Decimal

	// Ids of the fills. An entry that came otherwise has its lot's label, or
	// nothing.
	EntryIDs, ExitIDs []string
}

// Trades turns the changes of positions, in order, into closed trades. It is a
// report: it has policies of its own and no part in what is stored.
//
// An exit is a fill, a settlement, or a transfer that arrives at an opposite
// position. A quantity that leaves by transfer, adjustment or adoption is no trade, and
// the fees of its lots go with it, but for those that the options give to the whole
// cycle. Entries that the report has not seen come from the image
// before, their fees unknown. Under average cost there is one lot, of the
// average price, since the cycle opened. A bust or correction does not take back
// the trades of earlier exits: to report them anew, feed the changes as they are
// in event order.
//
// The zero value reports with the zero options. It is not for concurrent use.
type Trades struct {
	options TradeOptions
	cycles  map[position.Key]*tradedCycle
}

// NewTrades returns an empty report.
func NewTrades(o TradeOptions) *Trades { return &Trades{options: o} }

// tradedCycle is what a report knows of an open cycle beside its image.
type tradedCycle struct {
	lots    map[uint64]*tradedLot
	waiting position.Amounts // fees since the last exit
	fees    position.Amounts // fees of the cycle
	entries []string         // ids, in order
	exits   []string
}

// tradedLot is what remains to be told of a lot.
type tradedLot struct {
	fees position.Amounts // not charged to a trade yet
	ids  []string
}

// averageLot is the number of the one lot that a position under average cost has.
const averageLot = 0

// Add takes the next change of a position and the image before it, nil for a
// key's first, with its lots, and returns the trades that it closed. Changes of
// other records are passed over. It fails only where a sum overflows.
func (t *Trades) Add(before *position.Position, c *position.Change) ([]Trade, error) {
	if c.After == nil {
		return nil, nil
	}
	if t.cycles == nil {
		t.cycles = make(map[position.Key]*tradedCycle)
	}
	x := tradeStep{options: t.options, before: before, change: c}
	x.cycle = t.cycles[c.After.Key]
	if x.cycle == nil || x.begins() {
		x.cycle = newTradedCycle(before, x.begins())
		t.cycles[c.After.Key] = x.cycle
	}
	trades := x.step()
	for i := range trades {
		t, terms := &trades[i], termsOf(c.After)
		t.FeesInCost = terms.FeesInCost(t.Fees)
		t.Net = x.keep((&position.Totals{Realized: t.Profit, Fees: t.Fees}).Net(terms))
	}
	if !c.After.IsOpen() {
		delete(t.cycles, c.After.Key)
	}
	return trades, x.err
}

// newTradedCycle knows no more than the image before, which a new cycle is none
// of.
func newTradedCycle(before *position.Position, fresh bool) *tradedCycle {
	y := &tradedCycle{lots: make(map[uint64]*tradedLot)}
	if before != nil && !fresh {
		y.fees = before.Totals.Fees
	}
	return y
}

// tradeStep adds one change to a cycle.
type tradeStep struct {
	sum

	options TradeOptions
	before  *position.Position
	change  *position.Change
	cycle   *tradedCycle
}

// begins reports whether the change opened a cycle or made it anew.
func (x *tradeStep) begins() bool {
	c := x.change
	return x.before == nil || c.After.Cycle != x.before.Cycle || c.Kind == position.Busted || c.Kind == position.Corrected
}

func (x *tradeStep) step() []Trade {
	c := x.change
	if charge, ok := c.Cause.(position.Charge); ok && charge.Kind == position.FeeCharge {
		// As much of it as the position took for a fee.
		fee := c.After.Totals.Fees.Get(charge.Currency)
		if x.before != nil {
			fee = x.sub(fee, x.before.Totals.Fees.Get(charge.Currency))
		}
		x.cycle.fees = x.plus(x.cycle.fees, charge.Currency, fee)
		return nil
	}
	fee := x.fee()
	if x.exits() {
		return x.exit(fee)
	}
	x.leave()
	if x.enters() {
		x.enter(fee)
	}
	if x.ends() && x.options.Grouping == FlatToFlat && !c.After.ExitQty.IsZero() {
		return []Trade{x.whole()} // the rest of it was taken away
	}
	return nil
}

// ends reports whether the change ended a cycle.
func (x *tradeStep) ends() bool {
	return x.before != nil && x.before.IsOpen() && !x.change.After.IsOpen()
}

// fee is what the change's part of its fill cost.
func (x *tradeStep) fee() position.Amounts {
	c := x.change
	f, ok := c.Cause.(position.Fill)
	if !ok {
		return nil
	}
	fee := c.Fee
	if x.options.FlipFee == ClosingFlipFee && c.Parts > 1 {
		if fee = f.Fee; c.Part > 0 {
			return nil
		}
	}
	currency := f.FeeCurrency
	if currency == "" {
		currency = termsOf(c.After).Settlement
	}
	return x.plus(nil, currency, fee)
}

// exits reports whether the change closed something for a price.
func (x *tradeStep) exits() bool {
	c := x.change
	if x.before == nil || c.After.Cycle != x.before.Cycle || c.Qty.Sign()*x.before.Qty.Sign() >= 0 {
		return false
	}
	switch c.Kind {
	case position.Reduced, position.Closed, position.Settled:
		return true
	case position.Transferred:
		m, ok := c.Cause.(position.Transfer)
		return ok && m.Key != c.After.Key
	case position.Opened, position.Increased, position.Amended, position.Charged, position.SplitChange, position.Adjusted, position.Adopted, position.Busted, position.Corrected,
		position.Defined, position.Marked, position.AccountSet, position.EpochBegun:
	}
	return false
}

// enters reports whether the change came to more than there was before.
func (x *tradeStep) enters() bool {
	c := x.change
	return c.Kind != position.SplitChange && c.Qty.Sign()*c.After.Qty.Sign() > 0
}

// enter notes the fee and the origin of what was opened.
func (x *tradeStep) enter(fee position.Amounts) {
	c, y := x.change, x.cycle
	y.fees, y.waiting = x.plusAll(y.fees, fee), x.plusAll(y.waiting, fee)
	id := ""
	if _, ok := c.Cause.(position.Fill); ok {
		id = c.Cause.ID()
		y.entries = append(y.entries, id)
	}
	if c.After.Lots == nil {
		l := y.lot(averageLot)
		l.fees = x.plusAll(l.fees, fee)
		if id != "" {
			l.ids = append(l.ids, id)
		}
		return
	}
	for i := range c.Opened {
		if y.lots[c.Opened[i].ID] != nil {
			continue // at another cost, but the same
		}
		l := y.lot(c.Opened[i].ID)
		l.fees = x.plusAll(l.fees, fee)
		fee = nil // a fill opens one lot
		if l.ids = []string{id}; id == "" {
			l.ids[0] = c.Opened[i].Label
		}
	}
}

// leave forgets the fees of what went without a trade.
func (x *tradeStep) leave() {
	if x.before == nil || x.change.Kind == position.SplitChange {
		return
	}
	uses := x.change.Consumed
	if x.before.Lots == nil && x.change.Qty.Sign()*x.before.Qty.Sign() < 0 {
		uses = x.uses()
	}
	for i := range uses {
		if slices.ContainsFunc(x.change.Opened, func(l position.Lot) bool { return l.ID == uses[i].ID }) {
			continue // at another cost, but the same
		}
		x.take(&uses[i], x.held(uses[i].ID).Qty)
	}
}

// exit makes the trades of what was closed.
func (x *tradeStep) exit(fee position.Amounts) []Trade {
	c, y := x.change, x.cycle
	y.fees, y.waiting = x.plusAll(y.fees, fee), x.plusAll(y.waiting, fee)
	if _, ok := c.Cause.(position.Fill); ok {
		y.exits = append(y.exits, c.Cause.ID())
	}
	uses := x.uses()
	var trades []Trade
	switch x.options.Grouping {
	case FlatToFlat:
		if !c.After.IsOpen() {
			trades = []Trade{x.whole()}
		}
	case FlatToReduced:
		trades = []Trade{x.merged(uses, fee)}
	case FillToFill:
		trades = x.each(uses, fee)
	}
	y.waiting = nil
	return trades
}

// uses returns what was taken, under average cost from the one lot.
func (x *tradeStep) uses() []position.LotUse {
	if x.before.Lots != nil {
		return x.change.Consumed
	}
	left := x.change.After.Cost
	return []position.LotUse{{ID: averageLot, Qty: x.change.Qty.Neg(), Cost: x.sub(x.before.Cost, left)}}
}

// held returns a lot as it was before the change.
func (x *tradeStep) held(id uint64) position.Lot {
	p := x.before
	if p.Lots == nil {
		return position.Lot{Qty: p.Qty, Cost: p.Cost, Opened: p.OpenedAt}
	}
	i := slices.IndexFunc(p.Lots.Open, func(l position.Lot) bool { return l.ID == id })
	if i < 0 {
		return position.Lot{ID: id}
	}
	return p.Lots.Open[i]
}

func (y *tradedCycle) lot(id uint64) *tradedLot {
	l := y.lots[id]
	if l == nil {
		l = &tradedLot{}
		y.lots[id] = l
	}
	return l
}

// take returns what a use bears of its lot's fees: all that is left with the
// last of the quantity, so that the parts sum to the whole.
func (x *tradeStep) take(use *position.LotUse, held position.Decimal) position.Amounts {
	l := x.cycle.lots[use.ID]
	if l == nil {
		return nil
	}
	fees := l.fees
	if use.Qty != held && x.options.EntryFee == ProRataEntry {
		fees = x.share(fees, use.Qty, held)
	}
	l.fees = x.plusAll(l.fees, negated(fees))
	return fees
}

// share returns amounts · part / whole.
func (x *tradeStep) share(a position.Amounts, part, whole position.Decimal) position.Amounts {
	var out position.Amounts
	for _, m := range a {
		if !whole.IsZero() {
			out = x.plus(out, m.Currency, x.mulQuo(m.Value, part, whole))
		}
	}
	return out
}

func negated(a position.Amounts) position.Amounts {
	out := make(position.Amounts, len(a))
	for i, m := range a {
		out[i] = position.Amount{Currency: m.Currency, Value: m.Value.Neg()}
	}
	return out
}
